/** Why an operation, or the commit, of a transaction fails. RFC 7047 § 3.1 `<error>`. */
export class OperationError extends Error {
  override readonly name = 'OperationError'
  readonly error: string

  constructor(error: string, details: string) {
    super(details)
    this.error = error
  }

  /** The error in notation. */
  get wire(): { readonly error: string; readonly details: string } {
    return { error: this.error, details: this.message }
  }
}
