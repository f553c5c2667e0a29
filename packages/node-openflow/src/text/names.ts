import { PORT } from '../constants.ts'
import { portText } from './values.ts'

/** Names that a bridge gives to numbers; without them numbers are written. */
export interface TextNames {
  readonly tables?: (id: number) => string | undefined
  readonly ports?: (number: number) => string | undefined
  /** A name in place of a field's own, for people: ovs-ofctl does not read it back. */
  readonly fields?: (name: string) => string | undefined
}

/** A name that ovs-ofctl reads back: quoted unless it is a plain word. */
const quoted = (name: string) => (/^[A-Za-z]\w*$/.test(name) ? name : JSON.stringify(name))

export const tableText = (id: number, names?: TextNames): string => {
  const name = names?.tables?.(id)
  return name === undefined ? String(id) : quoted(name)
}
/** Reserved ports keep their names. */
export const portName = (number: number, names?: TextNames): string => {
  const name = number < PORT.MAX ? names?.ports?.(number) : undefined
  return name === undefined ? portText(number) : quoted(name)
}
