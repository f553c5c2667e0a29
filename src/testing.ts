/** For tests of and with Weft: a controller in the process, hosts that are fake or namespaces of this machine. */
export { FakeHost } from './lab/fake-host.ts'
export { FakeOvsdb, type PluggedInterface } from './lab/fake-ovsdb.ts'
export { FakeSwitch, type FakeSwitchOptions } from './lab/fake-switch.ts'
export { createLab, findLab, Lab, LabError, type LabOptions } from './lab/lab.ts'
export { type Controller, type ControllerOptions, createController, TopologyError } from './main.ts'
