/** A host says that a port is plugged into it. */
export interface Claim {
  readonly host: string
  readonly ofport: number
  /** Whether it was there when the host's OVSDB was first read, or came later before our eyes. */
  readonly fresh: boolean
}

/**
 * Who has a port when more than one host says so: the one that said it last, as in a live migration.
 *
 * Of claims that were all there before Weft looked, the host whose name sorts first has it, so that a restart changes nothing.
 */
export class Claims {
  readonly #byPort = new Map<string, Claim[]>()

  /** Records or, with `undefined`, withdraws what a host says; returns the claim that counts now. */
  say(
    port: string,
    host: string,
    claim: { readonly ofport: number; readonly fresh: boolean } | undefined,
  ): Claim | undefined {
    const claims = this.#byPort.get(port) ?? []
    const place = claims.findIndex(one => one.host === host)
    if (claim === undefined) {
      if (place >= 0) claims.splice(place, 1)
    } else if (place >= 0) {
      // A new number for the same plug does not make it a newer claim.
      claims[place] = { host, ...claim, fresh: claims[place]!.fresh }
    } else if (claim.fresh) {
      claims.push({ host, ...claim })
    } else {
      const at = claims.findIndex(one => one.fresh || one.host < host)
      claims.splice(at < 0 ? claims.length : at, 0, { host, ...claim })
    }
    if (claims.length === 0) this.#byPort.delete(port)
    else this.#byPort.set(port, claims)
    return claims.at(-1)
  }

  /** The hosts that claim a port, in the order of their claims. */
  hostsOf(port: string): string[] {
    return this.#byPort.get(port)?.map(claim => claim.host) ?? []
  }

  /** Ports that several hosts claim, with the hosts in the order of their claims. */
  contested(): ReadonlyMap<string, readonly string[]> {
    const contested = new Map<string, string[]>()
    for (const [port, claims] of this.#byPort) {
      if (claims.length > 1)
        contested.set(
          port,
          claims.map(claim => claim.host),
        )
    }
    return contested
  }
}
