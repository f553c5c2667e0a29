/** Why a lab cannot do what was asked, in one line for the person who asked. */
export class LabError extends Error {
  override readonly name = 'LabError'
}
