/** The state folder cannot be used; the message says why in one line. Nothing in it was changed. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
}
