/** What `weft describe` describes. */
export const DESCRIBED = ['host', 'bridge', 'network', 'subnet', 'port', 'flow'] as const
