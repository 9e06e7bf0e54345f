import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { sha256, type StepId, stepId } from "../../src/domain/Digest.ts"
import type { StoredResult } from "../../src/interpreters/Inventory.ts"
import { lastUses, leastUsedFirst, withAncestors, withDescendants } from "../../src/interpreters/Retention.ts"

/** Forests of results: each is built on an earlier one, or on nothing, and they come in any order. */
const forests = FastCheck.array(FastCheck.tuple(FastCheck.nat({ max: 30 }), FastCheck.nat({ max: 20 })), {
  maxLength: 30
})
  .map((pairs) =>
    pairs.map(([above, lastUsed], index): StoredResult => {
      const parent = above < index ? Option.some(name(above)) : Option.none<StepId>()
      return { id: name(index), parent, heading: "", created: 0, lastUsed, logSize: 0 }
    })
  )
  .chain((results) => FastCheck.shuffledSubarray(results, { minLength: results.length }))

const name = (index: number): StepId => stepId(sha256(String(index)))

/** What a result is built on, itself first; slow and plain. */
const lineOf = (results: ReadonlyArray<StoredResult>, result: StoredResult): ReadonlyArray<StepId> => {
  const parent = results.find(({ id }) => Option.contains(result.parent, id))
  return [result.id, ...(parent === undefined ? [] : lineOf(results, parent))]
}

describe("retention", () => {
  it.prop("a result was of use when something built on it was", [forests], ([results]) => {
    const uses = lastUses(results)
    for (const one of results) {
      const builtOn = results.filter((other) => lineOf(results, other).includes(one.id))
      expect(uses.get(one.id)).toBe(Math.max(...builtOn.map(({ lastUsed }) => lastUsed)))
    }
  })

  it.prop(
    "children go before their parents, and otherwise what was of use longest ago first",
    [forests],
    ([results]) => {
      const order = leastUsedFirst(results)
      const uses = lastUses(results)
      expect(order.map(({ id }) => id).sort()).toEqual(results.map(({ id }) => id).sort())
      order.forEach((one, index) => {
        const before = order.slice(0, index)
        expect(before.some(({ id }) => Option.contains(one.parent, id))).toBe(false)
        for (const { id } of before) expect(uses.get(id) ?? 0).toBeLessThanOrEqual(uses.get(one.id) ?? 0)
      })
    }
  )

  it.prop(
    "all that is built on some comes with them, children first",
    [forests, FastCheck.nat()],
    ([results, seed]) => {
      const ids = new Set(results.filter((_, index) => (seed >> (index % 30)) % 2 === 1).map(({ id }) => id))
      const found = withDescendants(results, ids)
      const expected = results.filter((one) => lineOf(results, one).some((id) => ids.has(id)))
      expect(found.map(({ id }) => id).sort()).toEqual(expected.map(({ id }) => id).sort())
      found.forEach((one, index) =>
        expect(found.slice(0, index).some(({ id }) => Option.contains(one.parent, id))).toBe(false)
      )
    }
  )

  it.prop("all that some are built on comes with them", [forests, FastCheck.nat()], ([results, seed]) => {
    const chosen = results.filter((_, index) => (seed >> (index % 30)) % 2 === 1)
    const found = withAncestors(results, new Set(chosen.map(({ id }) => id)))
    expect([...found].sort()).toEqual([...new Set(chosen.flatMap((one) => lineOf(results, one)))].sort())
  })

  it("copes with results in a ring, which only damage could make", () => {
    const ring = [0, 1, 2].map((index): StoredResult => ({
      id: name(index),
      parent: Option.some(name((index + 1) % 3)),
      heading: "",
      created: 0,
      lastUsed: index,
      logSize: 0
    }))
    expect(leastUsedFirst(ring)).toHaveLength(3)
    expect(withDescendants(ring, new Set([name(0)])).length).toBeGreaterThan(0)
    expect(withAncestors(ring, new Set([name(0)])).size).toBe(3)
  })
})
