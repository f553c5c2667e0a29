import { fixed, layouts, list, type Output, or, pad, struct, u32 } from '../../codec/schema.ts'
import { PORT } from '../../constants.ts'
import { multipart } from '../../multipart-row.ts'
import { portName } from '../../text/names.ts'
import { portLines } from '../../text/port.ts'
import { port } from '../port.ts'

const request = layouts(
  struct({ portNo: fixed(PORT.ANY as number) }),
  6,
  struct({ portNo: or(u32, PORT.ANY as number), _: pad(4) }),
)
/** One port, or all; before 1.5 always all. */
export const portDescRequest = multipart(
  13,
  or(request, {} as Output<typeof request>),
  ({ portNo }, { names }) => ` port=${portName(portNo, names)}`,
)
/** Ports (OpenFlow 1.5.1 § 7.3.5.6). */
export const portDescReply = multipart(
  13,
  list(port),
  (ports, { version }) => `\n${ports.map(port => portLines(port, version)).join('')}`,
)
