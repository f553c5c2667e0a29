"""Carries Ethernet frames between an interface and stdin/stdout, each behind its length (4 bytes, network order).

Node has no raw sockets. Ends with its stdin. The first thing on stdout is an empty frame: the interface is open.
"""
import socket
import struct
import sys
import threading

ETH_P_ALL = 3
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
wire.bind((sys.argv[1], 0))


def receive():
    frame = b''
    while True:
        sys.stdout.buffer.write(struct.pack('!I', len(frame)) + frame)
        sys.stdout.buffer.flush()
        frame = wire.recv(65535)


threading.Thread(target=receive, daemon=True).start()
while head := sys.stdin.buffer.read(4):
    wire.send(sys.stdin.buffer.read(*struct.unpack('!I', head)))
