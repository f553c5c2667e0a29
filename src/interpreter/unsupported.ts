/** The packet met something this interpreter does not know; going on would be guessing. */
export class Unsupported extends Error {
  override readonly name = 'Unsupported'
}
