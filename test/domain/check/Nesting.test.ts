import * as FastCheck from "effect/FastCheck"
import { describe, expect, it } from "vitest"
import { nested, type Place } from "../../../src/domain/check/Nesting.ts"

const places = (count: number, readPath: () => void): ReadonlyArray<Place> =>
  Array.from({ length: count }, (_, index) => ({
    get path() {
      readPath()
      return `/a/b/c/d/${(index * 7919) % count}`
    },
    isCache: true
  }))

const reads = (count: number): number => {
  let read = 0
  nested(places(count, () => read++))
  return read
}

describe("places within others", () => {
  it("are those whose path goes on from a cache's, with the outermost", () => {
    const path = FastCheck.array(FastCheck.constantFrom("a", "b", "a-", "a.b"), { maxLength: 4 }).map(
      (parts) => `/${parts.join("/")}`
    )
    const place = FastCheck.record({ path, isCache: FastCheck.boolean() })
    FastCheck.assert(
      FastCheck.property(FastCheck.array(place, { maxLength: 12 }), (all) => {
        const expected = all.flatMap((within) => {
          const holders = all.filter((one) => one.isCache && within.path.startsWith(`${one.path}/`) && one.path !== "/")
          const [holder] = holders.toSorted((a, b) => a.path.length - b.path.length)
          return holder === undefined ? [] : [`${within.path} ${holder.path}`]
        })
        const found = nested(all).map(({ holder, within }) => `${within.path} ${holder.path}`)
        expect(found.toSorted()).toEqual(expected.toSorted())
      }),
      { numRuns: 500 }
    )
  })

  it("are found with work that grows as their number does", () => {
    expect(reads(4000)).toBeLessThanOrEqual(4 * reads(1000))
  })
})
