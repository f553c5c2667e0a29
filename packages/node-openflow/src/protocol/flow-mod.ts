import { or, since, u8, u16, u32, u64, words } from '../codec/schema.ts'
import { GROUP, NO_BUFFER, PORT } from '../constants.ts'
import { instructions } from '../instructions.ts'
import { match } from '../match.ts'
import { message } from '../message.ts'
import { flowModText } from '../text/flow.ts'

const flowModCommand = words(u8, { add: 0, modify: 1, modify_strict: 2, delete: 3, delete_strict: 4 })

/** Adds, changes or deletes flow entries (OpenFlow 1.5.1 § 7.3.4.2). */
export const flowMod = message(
  14,
  {
    cookie: or(u64, 0n),
    cookieMask: or(u64, 0n),
    tableId: or(u8, 0),
    command: flowModCommand,
    idleTimeout: or(u16, 0),
    hardTimeout: or(u16, 0),
    priority: or(u16, 0x8000),
    bufferId: or(u32, NO_BUFFER),
    outPort: or(u32, PORT.ANY),
    outGroup: or(u32, GROUP.ANY),
    flags: or(u16, 0),
    importance: since(5, u16, 0, 2),
    match,
    instructions: or(instructions, []),
  },
  flowModText,
)
