import { NICIRA, ONF } from '../action.ts'
import { DecodeError } from '../codec/reader.ts'
import { decodeMessage, formatMessage, messageLabel, VERSIONS, type Version } from '../messages.ts'
import { hexDump } from './bits.ts'

/** Codes of each error type, as ovs-ofctl names them: prefix, then the names in the order of their numbers (OpenFlow 1.5.1 § 7.5.4). */
const CODES: readonly string[] = [
  'OFPHFC_ INCOMPATIBLE EPERM',
  'OFPBRC_ BAD_VERSION BAD_TYPE BAD_STAT BAD_VENDOR BAD_SUBTYPE EPERM BAD_LEN BUFFER_EMPTY BUFFER_UNKNOWN BAD_TABLE_ID IS_SECONDARY BAD_PORT BAD_PACKET MULTIPART_BUFFER_OVERFLOW MULTIPART_REQUEST_TIMEOUT MULTIPART_REPLY_TIMEOUT MULTIPART_BAD_SCHED PIPELINE_FIELDS_ONLY UNKNOWN',
  'OFPBAC_ BAD_TYPE BAD_LEN BAD_VENDOR BAD_VENDOR_TYPE BAD_OUT_PORT BAD_ARGUMENT EPERM TOO_MANY BAD_QUEUE BAD_OUT_GROUP MATCH_INCONSISTENT UNSUPPORTED_ORDER BAD_TAG BAD_SET_TYPE BAD_SET_LEN BAD_SET_ARGUMENT BAD_SET_MASK BAD_METER',
  'OFPBIC_ UNKNOWN_INST UNSUP_INST BAD_TABLE_ID UNSUP_METADATA UNSUP_METADATA_MASK BAD_EXPERIMENTER BAD_EXP_TYPE BAD_LEN EPERM DUP_INST',
  'OFPBMC_ BAD_TYPE BAD_LEN BAD_TAG BAD_DL_ADDR_MASK BAD_NW_ADDR_MASK BAD_WILDCARDS BAD_FIELD BAD_VALUE BAD_MASK BAD_PREREQ DUP_FIELD EPERM',
  'OFPFMFC_ UNKNOWN TABLE_FULL BAD_TABLE_ID OVERLAP EPERM BAD_TIMEOUT BAD_COMMAND BAD_FLAGS CANT_SYNC BAD_PRIORITY IS_SYNC',
  'OFPGMFC_ GROUP_EXISTS INVALID_GROUP WEIGHT_UNSUPPORTED OUT_OF_GROUPS OUT_OF_BUCKETS CHAINING_UNSUPPORTED WATCH_UNSUPPORTED LOOP UNKNOWN_GROUP CHAINED_GROUP BAD_TYPE BAD_COMMAND BAD_BUCKET BAD_WATCH EPERM UNKNOWN_BUCKET BUCKET_EXISTS',
  'OFPPMFC_ BAD_PORT BAD_HW_ADDR BAD_CONFIG BAD_ADVERTISE EPERM',
  'OFPTMFC_ BAD_TABLE BAD_CONFIG EPERM',
  'OFPQOFC_ BAD_PORT BAD_QUEUE EPERM',
  'OFPSCFC_ BAD_FLAGS BAD_LEN EPERM',
  'OFPRRFC_ STALE UNSUP BAD_ROLE ID_UNSUP ID_IN_USE',
  'OFPMMFC_ UNKNOWN METER_EXISTS INVALID_METER UNKNOWN_METER BAD_COMMAND BAD_FLAGS BAD_RATE BAD_BURST BAD_BAND BAD_BAND_VALUE OUT_OF_METERS OUT_OF_BANDS',
  'OFPTFFC_ BAD_TABLE BAD_METADATA BAD_TYPE BAD_LEN BAD_VALUE EPERM BAD_CAPA BAD_MAX_ENT BAD_FEATURES BAD_COMMAND TOO_MANY',
  'OFPBPC_ BAD_TYPE BAD_LEN BAD_VALUE TOO_MANY DUP_TYPE BAD_EXPERIMENTER BAD_EXP_TYPE BAD_EXP_VALUE EPERM',
  'OFPACFC_ INVALID UNSUPPORTED EPERM',
  'OFPMOFC_ UNKNOWN MONITOR_EXISTS INVALID_MONITOR UNKNOWN_MONITOR BAD_COMMAND BAD_FLAGS BAD_TABLE_ID BAD_OUT',
  'OFPBFC_ UNKNOWN EPERM BAD_ID BUNDLE_EXIST BUNDLE_CLOSED OUT_OF_BUNDLES BAD_TYPE BAD_FLAGS MSG_BAD_LEN MSG_BAD_XID MSG_UNSUP MSG_CONFLICT MSG_TOO_MANY MSG_FAILED TIMEOUT BUNDLE_IN_PROGRESS SCHED_NOT_SUPPORTED SCHED_FUTURE SCHED_PAST',
]
const EXPERIMENTER = 0xffff

/** Nicira's errors by number (ofp-errors.h). */
const NICIRA_CODES: Readonly<Record<number, string>> = {
  2: 'NXBRC_NXM_INVALID',
  3: 'NXBRC_NXM_BAD_TYPE',
  4: 'NXBRC_MUST_BE_ZERO',
  5: 'NXBRC_BAD_REASON',
  6: 'OFPMOFC_MONITOR_EXISTS',
  7: 'OFPMOFC_BAD_FLAGS',
  8: 'OFPMOFC_UNKNOWN_MONITOR',
  9: 'NXBRC_FM_BAD_EVENT',
  10: 'NXBRC_UNENCODABLE_ERROR',
  11: 'NXBAC_MUST_BE_ZERO',
  12: 'NXFMFC_HARDWARE',
  13: 'NXFMFC_BAD_TABLE_ID',
  15: 'NXBAC_BAD_CONJUNCTION',
  16: 'NXTTMFC_BAD_COMMAND',
  17: 'NXTTMFC_BAD_OPT_LEN',
  18: 'NXTTMFC_BAD_FIELD_IDX',
  19: 'NXTTMFC_TABLE_FULL',
  20: 'NXTTMFC_ALREADY_MAPPED',
  21: 'NXTTMFC_DUP_ENTRY',
  22: 'OFPBFC_BAD_VERSION',
  23: 'NXQOFC_QUEUE_ERROR',
  34: 'NXR_NOT_SUPPORTED',
  35: 'NXR_STALE',
  36: 'NXST_NOT_CONFIGURED',
  37: 'NXFMFC_INVALID_TLV_FIELD',
  38: 'NXTTMFC_INVALID_TLV_DEL',
  39: 'NXBAC_BAD_HEADER_TYPE',
  40: 'NXBAC_UNKNOWN_ED_PROP',
  41: 'NXBAC_BAD_ED_PROP',
  42: 'NXBAC_CT_DATAPATH_SUPPORT',
  43: 'NXBMC_CT_DATAPATH_SUPPORT',
  44: 'NXTFFC_DUP_TABLE',
}
/** ONF's extensions of 1.3: first number of a block -> the type of 1.4 and later whose codes it repeats, from which code on. */
const ONF_BLOCKS = [
  { first: 2300, last: 2315, type: 17, code: 0 },
  { first: 2360, last: 2360, type: 5, code: 9 },
  { first: 2370, last: 2372, type: 15, code: 0 },
  { first: 2600, last: 2600, type: 3, code: 9 },
  { first: 2640, last: 2641, type: 1, code: 14 },
  { first: 4250, last: 4250, type: 2, code: 16 },
  { first: 4443, last: 4448, type: 14, code: 3 },
]

interface ErrorFields {
  readonly errorType: number
  readonly code: number
  readonly experimenter?: number
}
/** The error as ovs-ofctl names it (`OFPBMC_BAD_PREREQ`), or its numbers. */
export const errorName = ({ errorType, code, experimenter = 0 }: ErrorFields): string => {
  const block = ONF_BLOCKS.find(({ first, last }) => first <= code && code <= last)
  if (errorType !== EXPERIMENTER) return standardName(errorType, code) ?? `error type ${errorType} code ${code}`
  const extended =
    experimenter === NICIRA
      ? NICIRA_CODES[code]
      : experimenter === ONF && block !== undefined
        ? standardName(block.type, block.code + code - block.first)
        : undefined
  return extended ?? `error type ${code} of experimenter 0x${experimenter.toString(16)}`
}
const standardName = (type: number, code: number): string | undefined => {
  const [prefix, ...names] = CODES[type]?.split(' ') ?? []
  return names[code] === undefined ? undefined : `${prefix}${names[code]}`
}

const HELLO_FAILED = 0

/** The name, and what the switch quotes: text where a hello failed, else the start of the message at fault. */
export const errorText = (error: ErrorFields & { readonly data: Uint8Array }): string => {
  const { data } = error
  const quoted = error.errorType === HELLO_FAILED ? printable(data) : quotedMessage(data)
  return ` ${errorName(error)}\n${quoted}`
}

/** Bytes that are no plain ASCII, quotes and backslashes in octal. */
const printable = (data: Uint8Array) =>
  Array.from(data, byte => {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x5c && byte !== 0x22
    return isPlain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`
  }).join('')

const isVersion = (version: number | undefined): version is Version => VERSIONS.includes(version as Version)

const quotedMessage = (data: Uint8Array): string => {
  if (data.length === 0) return 'OpenFlow message is empty\n'
  if (data.length < 8) return `OpenFlow packet too short (only ${data.length} bytes):\n${hexDump(data)}`
  const size = (data[2]! << 8) | data[3]!
  const [version] = data
  if (size > data.length) {
    const label = isVersion(version) ? messageLabel(data, version) : undefined
    return `${label === undefined ? '' : `${label}\n`}(***truncated to ${data.length} bytes from ${size}***)\n${hexDump(data)}`
  }
  if (size < data.length) return `(***only uses ${size} bytes out of ${data.length}***)\n${hexDump(data)}`
  try {
    const { message, version, xid } = decodeMessage(data)
    return formatMessage(message, version, xid)
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    return `***decode error: ${error.message}***\n${hexDump(data)}`
  }
}
