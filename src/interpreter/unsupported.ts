/** The packet met something this interpreter does not know; going on would be guessing. */
export class Unsupported extends Error {
  override readonly name = 'Unsupported'
  /** What it is: `action ct`. */
  readonly what: string

  /** The bridge and table: `br-int classify`. */
  readonly where: string | undefined

  constructor(what: string, where?: string) {
    super(where === undefined ? what : `${what} in ${where}`)
    this.what = what
    this.where = where
  }
}
