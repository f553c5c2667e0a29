import { form, list, rest, struct, u32, union, variant } from '../codec/schema.ts'
import { message } from '../message.ts'
import { propertyHeader } from '../property.ts'

const bitmap = struct({ versions: list(u32) })
const other = struct({ data: rest })
const element = union(propertyHeader, { version_bitmap: variant(bitmap, [form([1], bitmap)]) }, { other })

/** Opens a connection: the highest version in the header, all of them in a bitmap of 32 versions a word (OpenFlow 1.5.1 § 7.5.1). */
export const hello = message(0, { elements: list(element) }, ({ elements }, { version }) => {
  const spoken = elements.flatMap(element =>
    element.type === 'version_bitmap'
      ? element.versions.flatMap((word, i) =>
          Array.from({ length: 32 }, (_, bit) => ((word >>> bit) & 1 ? [32 * i + bit] : [])).flat(),
        )
      : [],
  )
  const bits = spoken.length > 0 ? spoken : Array.from({ length: version }, (_, i) => i + 1)
  return `\n version bitmap: ${bits.map(bit => `0x${bit.toString(16).padStart(2, '0')}`).join(', ')}\n`
})
