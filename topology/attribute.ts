import { Address6 } from 'ip-address'
import { z } from 'zod'
import { endpointComplaint } from './endpoint.ts'
import { formatIpv4, readCidr, readIpv4 } from './ipv4.ts'
import { macComplaint, readMac } from './mac.ts'
import type { ResourceKind } from './resource-id.ts'

/** What a reader of the reference is told of an attribute's values. */
export const valueTypes = z.registry<{ type: string }>()

/** What a resource kind takes in a topology file. */
export interface ResourceSchema<Attributes> {
  readonly kind: ResourceKind
  /** Zod's schema of the attributes; refusals are the ends of sentences. */
  readonly schema: z.ZodObject & z.ZodType<Attributes>
  /** Attributes of Neutron's that Weft will serve, but does not yet. */
  readonly later: readonly string[]
}

/** A required attribute. */
export function required<S extends z.ZodType>(schema: S, description: string): S {
  const described = schema.meta({ description })
  valueTypes.add(described, { type: typeOf(schema) })
  return described
}

/** An attribute that may be left out; `standard` says in words what then holds. */
export function optional<S extends z.ZodType>(
  schema: S,
  description: string,
  standard?: string,
): z.ZodExactOptional<S> {
  return schema.exactOptional().meta({ description, ...(standard === undefined ? {} : { standard }) })
}

/** What values a schema takes, in words. */
export function typeOf(schema: z.core.$ZodType): string {
  const type = valueTypes.get(schema)?.type ?? valueTypes.get(bare(schema))?.type
  if (type === undefined) throw new TypeError('a schema of no known value type')
  return type
}

/** The refusal of a value of another type: zod asks for it, `attributesOf` puts attribute and value in front. */
function wants(phrase: string) {
  return {
    error: ({ input }: { input?: unknown }) =>
      input === undefined ? 'is missing' : input === null ? 'is empty' : phrase,
  }
}

/** Text of which `complaint` has nothing to say; `rather` is what its writer may have meant. */
export function text(
  type: string,
  complaint: (value: string) => string | undefined,
  rather?: (value: string) => string | undefined,
) {
  const schema = z
    .string({
      error: ({ input }) =>
        typeof input === 'number' || typeof input === 'boolean'
          ? `must be text: write it in quotes`
          : wants(`is not ${article(type)}`).error({ input }),
    })
    .superRefine((value, context) => {
      const message = complaint(value)
      if (message !== undefined) context.addIssue({ code: 'custom', message, params: { rather: rather?.(value) } })
    })
  return schema.register(valueTypes, { type })
}

/** Names of resources, hosts and projects: they stand in shells, URLs, logs and namespaces as they are. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

export function nameComplaint(name: string): string | undefined {
  return NAME.test(name) ? undefined : 'is not a name (letters, digits, ".", "_", "-"; at most 63)'
}

export const name = (type: string) => text(type, nameComplaint)

export const oneOf = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  z.enum(words, wants(`is not one of ${words.join(', ')}`)).register(valueTypes, { type: words.join(', ') })

export const flag = () => z.boolean(wants('is neither true nor false')).register(valueTypes, { type: 'true or false' })

/** A whole number of `min..max`, both included. */
export const wholeNumber = (min: number, max: number) =>
  z
    .number(wants('is not a whole number'))
    .superRefine((value, context) => {
      const message = rangeComplaint(value, min, max)
      if (message !== undefined) context.addIssue({ code: 'custom', message })
    })
    .register(valueTypes, { type: `${min}..${max}` })

export function rangeComplaint(value: number, min: number, max: number): string | undefined {
  if (!Number.isInteger(value)) return 'is not a whole number'
  if (value < min) return `is too small (${min}..${max})`
  if (value > max) return `is too big (${min}..${max})`
  return undefined
}

const IPV6 = 'is IPv6, which is not served yet'

export const ipv4Address = () =>
  text('IPv4 address', value => {
    if (readIpv4(value) !== undefined) return undefined
    return Address6.isValid(value) ? IPV6 : 'is not an IPv4 address'
  })

export const ipv4Prefix = () =>
  text(
    'IPv4 prefix',
    value => {
      const prefix = readCidr(value)
      if (!prefix) return Address6.isValid(value) ? IPV6 : 'is not an IPv4 prefix (like 10.0.0.0/24)'
      return prefix.address === prefix.start ? undefined : `has bits set behind its first ${prefix.length}`
    },
    value => {
      const prefix = readCidr(value)
      return prefix && `${formatIpv4(prefix.start)}/${prefix.length}`
    },
  )

/** A MAC address, in lower case whatever the file has. */
export const macAddress = () =>
  text('MAC address', value => {
    const address = readMac(value)
    return address === undefined ? 'is not a MAC address (like fa:16:3e:00:00:0a)' : macComplaint(address)
  })
    .overwrite(value => value.toLowerCase())
    .register(valueTypes, { type: 'MAC address' })

export const endpoint = () => text('endpoint', endpointComplaint)

export const list = <S extends z.ZodType>(item: S, type = `list of ${typeOf(item)}`) =>
  z.array(item, wants('is not a list')).register(valueTypes, { type })

export const mapping = <Shape extends z.core.$ZodShape>(shape: Shape) =>
  z
    .strictObject(shape, wants('is not a mapping of attributes'))
    .register(valueTypes, { type: `{ ${Object.keys(shape).join(', ')} }` })

/** A schema without what makes it optional or nullable. */
export function bare(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodExactOptional || schema instanceof z.ZodNullable ? bare(schema.unwrap()) : schema
}

/** A value as a message shows it: on one line, not too long. */
export function show(value: unknown): string {
  if (typeof value === 'string') return /^[\x21-\x7e]{1,60}$/.test(value) ? value : JSON.stringify(value.slice(0, 60))
  if (Array.isArray(value)) return '(a list)'
  return typeof value === 'object' ? '(a mapping)' : String(value)
}

function article(noun: string): string {
  return /^[aeiou]/i.test(noun) ? `an ${noun}` : `a ${noun}`
}
