import {
  fixed,
  form,
  type Input,
  layouts,
  length,
  list,
  type Output,
  one,
  pad,
  type Schema,
  struct,
  text,
  u16,
  u32,
  u48,
  union,
  variant,
} from '../codec/schema.ts'
import { propertyHeader } from '../property.ts'

/** Bitmaps of features, speeds in kbit/s. */
const ethernet = { curr: u32, advertised: u32, supported: u32, peer: u32, currSpeed: u32, maxSpeed: u32 }
const ethernetProperty = struct({ _: pad(4), ...ethernet })
const property = union(propertyHeader, { ethernet: variant(ethernetProperty, [form([0], ethernetProperty)]) })
/** OpenFlow 1.3 has the members of the Ethernet property in the port itself, and no other properties. */
const inline = one(struct({ type: fixed('ethernet'), ...ethernet }))
const properties = list(property)
type Properties = typeof properties

/** A port of a switch (OpenFlow 1.5.1 § 7.2.1.1). */
export const port = layouts(
  struct({
    portNo: u32,
    _1: pad(4),
    hwAddr: u48,
    _2: pad(2),
    name: text(16),
    config: u32,
    state: u32,
    properties: inline as unknown as Schema<Input<Properties>, Output<Properties>, 'value'>,
  }),
  5,
  struct({
    portNo: u32,
    _1: length(u16),
    _2: pad(2),
    hwAddr: u48,
    _3: pad(2),
    name: text(16),
    config: u32,
    state: u32,
    properties,
  }),
)
export type Port = Output<typeof port>
