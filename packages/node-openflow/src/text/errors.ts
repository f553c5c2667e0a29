export const errorText = (..._: unknown[]): string => ''
