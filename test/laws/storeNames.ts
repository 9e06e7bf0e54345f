/** The laws of planned ids, and of finding results by part of a name. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { UnknownId } from "../../src/interpreters/Store.ts"
import { id, type MakeSubject, open, opened } from "./storeSubject.ts"

/** Registers the laws as tests. */
export const storeNameLaws = (makeSubject: MakeSubject): void => {
  it.scopedLive("what a planned id means is remembered, and may change", () =>
    Effect.gen(function* () {
      const { store, subject } = yield* opened(makeSubject)
      expect(yield* store.realised(id("planned"))).toEqual(Option.none())
      yield* store.realise(id("planned"), id("first"))
      expect(yield* store.realised(id("planned"))).toEqual(Option.some(id("first")))
      yield* store.realise(id("planned"), id("second"))
      expect(yield* store.realised(id("planned"))).toEqual(Option.some(id("second")))
      const other = yield* open(subject)
      expect(yield* other.realised(id("planned"))).toEqual(Option.some(id("second")))
      expect(yield* other.realised(id("other"))).toEqual(Option.none())
    })
  )

  it.scopedLive("a result is found by its id, by a planned one, and by the beginning of either", () =>
    Effect.gen(function* () {
      const { put, store } = yield* opened(makeSubject)
      yield* put("realised", undefined, {})
      yield* store.realise(id("planned"), id("realised"))
      yield* store.realise(id("gone"), id("never made"))
      for (const name of [id("realised"), id("planned"), id("realised").slice(0, 10), id("planned").slice(0, 10)]) {
        expect((yield* store.find(name)).id).toBe(id("realised"))
      }
      for (const name of [id("gone"), id("other"), "no hexadecimal digits", "../results", `${id("realised")}0`]) {
        expect(yield* Effect.flip(store.find(name))).toEqual(new UnknownId({ id: name, candidates: [] }))
      }
    })
  )

  it.scopedLive("a beginning that could mean several results finds none, and says which", () =>
    Effect.gen(function* () {
      const { put, store } = yield* opened(makeSubject)
      const names = sharingFourDigits()
      for (const name of names) yield* put(name, undefined, {})
      const shared = id(names[0]).slice(0, 4)
      const error = yield* Effect.flip(store.find(shared))
      expect(error).toBeInstanceOf(UnknownId)
      const candidates = error instanceof UnknownId ? error.candidates : []
      expect([...candidates].sort()).toEqual(names.map(id).sort())
    })
  )
}

/** Two names whose ids begin alike; among a few hundred there are some. */
const sharingFourDigits = (): readonly [string, string] => {
  const seen = new Map<string, string>()
  for (let n = 0; ; n++) {
    const name = `result ${n}`
    const digits = id(name).slice(0, 4)
    const other = seen.get(digits)
    if (other !== undefined) return [other, name]
    seen.set(digits, name)
  }
}
