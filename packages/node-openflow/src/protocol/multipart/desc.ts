import { or, struct, text } from '../../codec/schema.ts'
import { multipart } from '../../multipart-row.ts'

export const descRequest = multipart(0, or(struct({}), {}), () => '')
/** Who made the switch (OpenFlow 1.5.1 § 7.3.5.2). */
export const descReply = multipart(
  0,
  struct({
    manufacturer: text(256),
    hardware: text(256),
    software: text(256),
    serialNumber: text(32),
    datapath: text(256),
  }),
  d =>
    `\nManufacturer: ${d.manufacturer}\nHardware: ${d.hardware}\nSoftware: ${d.software}\nSerial Num: ${d.serialNumber}\nDP Description: ${d.datapath}\n`,
)
