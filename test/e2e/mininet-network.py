"""A mininet network with a remote controller: what its hosts can and cannot do, as one line of JSON on standard output.

Usage: mininet-network.py tree|linear OPENFLOW_PROTOCOL CONTROLLER_PORT
"""

import json
import re
import sys
import time
from functools import partial

from mininet.net import Mininet
from mininet.node import OVSSwitch, RemoteController
from mininet.topo import LinearTopo
from mininet.topolib import TreeTopo

TOPOLOGIES = {"tree": partial(TreeTopo, depth=2, fanout=2), "linear": partial(LinearTopo, k=3)}
DATAGRAMS = 20
TCP_BYTES = 2_000_000

# Sends numbered datagrams one after the other, the next when the last was answered; prints the answers.
ASK = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2); heard = []
for n in range(int(sys.argv[2])):
    s.sendto(str(n).encode(), (sys.argv[1], 7))
    heard.append(int(s.recv(100)))
s.settimeout(0.2)
try:
    while True: heard.append(int(s.recv(100)))
except socket.timeout: print(heard)
"""
# Takes numbered datagrams at a port, and sends them back if asked to, until its input ends; prints what it has heard.
HEAR = """
import select, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", int(sys.argv[1]))); heard = []
print("ready", flush=True)
while s in select.select([s, sys.stdin], [], [])[0]:
    data, sender = s.recvfrom(100); heard.append(int(data))
    if sys.argv[2] == "answer": s.sendto(data, sender)
print(heard)
"""
SHOUT = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
for n in range(int(sys.argv[1])): s.sendto(str(n).encode(), ("10.255.255.255", 8)); time.sleep(0.005)
time.sleep(0.2)
"""
SINK = """
import socket
s = socket.create_server(("", 9)); print("ready", flush=True)
c, _ = s.accept(); total = 0
while data := c.recv(65536): total += len(data)
print(total)
"""
PUSH = """
import socket, sys
s = socket.create_connection((sys.argv[1], 9), timeout=5); s.sendall(bytes(int(sys.argv[2]))); s.close()
"""


class Program:
    """A Python program on a host."""

    def __init__(self, host, text, *argv):
        self.process = host.popen(["python3", "-c", text, *map(str, argv)], stdin=-1)

    def ready(self):
        self.process.stdout.readline()
        return self

    def result(self):
        out, error = self.process.communicate(timeout=15)
        text = out.decode().strip()
        return json.loads(text) if text else error.decode()


def flows(switch, protocol, pattern):
    """The flows of a switch in which the pattern is found."""
    dump = switch.cmd(f"ovs-ofctl -O {protocol} --no-names dump-flows {switch}")
    return [line.strip() for line in dump.splitlines() if re.search(pattern, line)]


def unplug(net, host, protocol):
    """Takes a host's link down; returns the flows that still name the host once there are none, or after a while."""
    switch = next(switch for switch in net.switches if host.connectionsTo(switch))
    net.configLinkStatus(host.name, switch.name, "down")
    for _ in range(60):
        left = flows(switch, protocol, host.MAC())
        if not left:
            break
        time.sleep(0.05)
    net.configLinkStatus(host.name, switch.name, "up")
    return left


def main(topology, protocol, port):
    net = Mininet(
        topo=TOPOLOGIES[topology](),
        switch=partial(OVSSwitch, datapath="user", protocols=protocol),
        controller=lambda name: RemoteController(name, ip="127.0.0.1", port=int(port)),
        waitConnected=True,
    )
    net.start()
    try:
        for host in net.hosts:
            # The userspace datapath does not finish the checksums that a veth leaves open.
            host.cmd(f"ethtool -K {host.defaultIntf()} tx off")
        net.staticArp()
        first, *others, last = net.hosts
        # Nothing has been learned yet: the first datagram is flooded by every switch.
        answer = Program(last, HEAR, 7, "answer").ready()
        asked = Program(first, ASK, last.IP(), DATAGRAMS).result()
        answered = answer.result()
        listeners = [Program(host, HEAR, 8, "only").ready() for host in [*others, last]]
        Program(first, SHOUT, DATAGRAMS).result()
        broadcasts = [listener.result() for listener in listeners]
        for host in net.hosts:
            host.cmd("ip neighbour flush all")
        loss = net.pingAll(timeout="2")
        sink = Program(last, SINK).ready()
        Program(first, PUSH, last.IP(), TCP_BYTES).result()
        results = {
            **{"asked": asked, "answered": answered, "broadcasts": broadcasts, "loss": loss, "tcp": sink.result()},
            "unused": [s.name for s in net.switches if not flows(s, protocol, "n_packets=[1-9].*priority=10")],
            "left": unplug(net, first, protocol),
            "lossAfter": net.ping([first, last], timeout="2"),
        }
    finally:
        net.stop()
    print(json.dumps(results))


main(*sys.argv[1:])
