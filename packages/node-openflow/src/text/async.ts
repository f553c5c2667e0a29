export const asyncText = (..._: unknown[]): string => ''
