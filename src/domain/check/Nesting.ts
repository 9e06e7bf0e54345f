/** Which mounts are within others. */

export interface Place {
  /** Absolute, with `/` between its parts, and none at its end. */
  readonly path: string
  /** It can have others within it. */
  readonly isCache: boolean
}

export interface Nested<A> {
  readonly within: A
  /** The outermost that it is within. */
  readonly holder: A
}

/**
 * The places that are within caches among them. In the order of their paths, in
 * which all that is within a place follows it: each is compared with one other.
 */
export const nested = <A extends Place>(places: ReadonlyArray<A>): ReadonlyArray<Nested<A>> => {
  const found: Array<Nested<A>> = []
  const sorted = places
    .map((place) => ({ place, prefix: `${place.path}/` }))
    .sort((a, b) => (a.prefix < b.prefix ? -1 : a.prefix > b.prefix ? 1 : 0))
  let outer: (typeof sorted)[number] | undefined
  for (const one of sorted) {
    if (outer !== undefined && one.prefix.startsWith(outer.prefix)) {
      if (one.prefix !== outer.prefix) found.push({ within: one.place, holder: outer.place })
    } else if (one.place.isCache) outer = one
  }
  return found
}
