import { bitNames } from './bits.ts'

export const bundleFlags = (flags: number): string => bitNames(flags, ['atomic', 'ordered'])
