import { layouts, or, properties, property, struct, u32 } from '../codec/schema.ts'
import { message, messageOf } from '../message.ts'
import { propertyHeader } from '../property.ts'
import { asyncText } from '../text/async.ts'

/** Which reasons reach a controller: a bit each, for a master or equal and for a slave (OpenFlow 1.5.1 § 7.3.10); left out, they stay as they are. */
const masks = layouts(
  struct({
    packetInMaster: or(u32, 0),
    packetInSlave: or(u32, 0),
    portStatusMaster: or(u32, 0),
    portStatusSlave: or(u32, 0),
    flowRemovedMaster: or(u32, 0),
    flowRemovedSlave: or(u32, 0),
  }),
  5,
  struct({
    _: properties(propertyHeader, {
      packetInSlave: property(0, u32),
      packetInMaster: property(1, u32),
      portStatusSlave: property(2, u32),
      portStatusMaster: property(3, u32),
      flowRemovedSlave: property(4, u32),
      flowRemovedMaster: property(5, u32),
      roleStatusSlave: property(6, u32),
      roleStatusMaster: property(7, u32),
      tableStatusSlave: property(8, u32),
      tableStatusMaster: property(9, u32),
      requestForwardSlave: property(10, u32),
      requestForwardMaster: property(11, u32),
    }),
  }),
)
export const getAsyncRequest = message(26, {}, () => '')
export const getAsyncReply = messageOf(27, masks, asyncText)
export const setAsync = messageOf(28, masks, asyncText)
