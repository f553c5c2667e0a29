/** A request that the switch answers with an error message of this type and code. OpenFlow 1.5.1 § 7.5.4. */
export class Refusal extends Error {
  override name = 'Refusal'
  readonly errorType: number
  readonly code: number

  constructor(errorType: number, code: number) {
    super(`error ${errorType}, ${code}`)
    this.errorType = errorType
    this.code = code
  }
}

/** The refusals of OVS that matter to a controller. */
const refusals = {
  BAD_TYPE: [1, 1],
  BAD_MULTIPART: [1, 2],
  IS_SLAVE: [1, 10],
  BAD_OUT_GROUP: [2, 9],
  GOTO_BAD_TABLE_ID: [3, 2],
  OVERLAP: [5, 3],
  GROUP_EXISTS: [6, 0],
  UNKNOWN_GROUP: [6, 8],
  BAD_BUCKET: [6, 12],
  UNKNOWN_BUCKET: [6, 15],
  BUCKET_EXISTS: [6, 16],
  STALE: [11, 0],
  METER_EXISTS: [12, 1],
  INVALID_METER: [12, 2],
  UNKNOWN_METER: [12, 3],
  BUNDLE_BAD_ID: [17, 2],
  BUNDLE_EXIST: [17, 3],
  BUNDLE_CLOSED: [17, 4],
  BUNDLE_MSG_UNSUP: [17, 10],
  BUNDLE_MSG_FAILED: [17, 13],
} as const satisfies Record<string, readonly [type: number, code: number]>

export function refusal(what: keyof typeof refusals): Refusal {
  const [errorType, code] = refusals[what]
  return new Refusal(errorType, code)
}
