/** A parsed JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject

/** A parsed JSON object; look keys up with `Object.hasOwn` or `member`, the keys are the peer's. */
export interface JsonObject {
  readonly [key: string]: Json
}

/** Whether a JSON value is an object (not null, not an array). */
export const isObject = (json: Json | undefined): json is JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json)

/** Whether a JSON value is an array. */
export const isArray = (json: Json | undefined): json is readonly Json[] => Array.isArray(json)

/** The member of an object, or undefined: inherited names such as `constructor` are not members. */
export const member = (object: JsonObject, key: string): Json | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined

/** A JSON value as text for an error message, cut to 80 characters. */
export const excerpt = (json: Json | undefined): string => {
  const text = JSON.stringify(json) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}
