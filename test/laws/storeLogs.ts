/** The laws of the logs that are kept with results. */
import { expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { Workspace } from "../../src/interpreters/Store.ts"
import { id, make, type MakeSubject, opened } from "./storeSubject.ts"

/** Registers the laws as tests. */
export const storeLogLaws = (makeSubject: MakeSubject): void => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
  const text = (chunk: Uint8Array): string => new TextDecoder().decode(chunk)

  it.scopedLive("a log is read back in ranges, empty from its end on", () =>
    Effect.gen(function* () {
      const { store } = yield* opened(makeSubject)
      yield* make(store, "base", undefined, ({ log }) =>
        Effect.forEach(["one\n", "", "two\n", "three"], (line) => log(bytes(line)), { discard: true })
      )
      const range = (offset: number, limit: number) => Effect.map(store.log(id("base"), offset, limit), text)
      expect(yield* range(0, 1000)).toBe("one\ntwo\nthree")
      expect(yield* range(2, 4)).toBe("e\ntw")
      expect(yield* range(8, 1000)).toBe("three")
      expect(yield* range(13, 10)).toBe("")
      expect(yield* range(1000, 10)).toBe("")
    })
  )

  it.scopedLive("a log holds the bytes that were written, whatever they are", () =>
    Effect.gen(function* () {
      const { store } = yield* opened(makeSubject)
      const every = Uint8Array.from({ length: 256 }, (_, byte) => byte)
      const chunk = every.slice()
      yield* make(store, "base", undefined, ({ log }) =>
        Effect.zipRight(
          log(chunk),
          // A chunk may be used again by whoever wrote it.
          Effect.sync(() => chunk.fill(0))
        )
      )
      expect([...(yield* store.log(id("base"), 0, 1000))]).toEqual([...every])
    })
  )

  it.scopedLive("a step that wrote nothing has an empty log", () =>
    Effect.gen(function* () {
      const { put, store } = yield* opened(makeSubject)
      yield* put("base", undefined, {})
      expect(yield* store.log(id("base"), 0, 10)).toHaveLength(0)
    })
  )

  it.scopedLive("a log is readable while it grows, and after the end until the scope of the build closes", () =>
    Effect.gen(function* () {
      const { store } = yield* opened(makeSubject)
      const scope = yield* Scope.make()
      const handed = yield* Deferred.make<Workspace>()
      const info = { id: id("base"), parent: Option.none(), heading: "" }
      yield* store
        .build(info, (workspace) =>
          Effect.gen(function* () {
            expect(text(yield* workspace.readLog(0, 100))).toBe("")
            yield* workspace.log(bytes("one"))
            expect(text(yield* workspace.readLog(0, 100))).toBe("one")
            yield* workspace.log(bytes("two"))
            expect(text(yield* workspace.readLog(2, 2))).toBe("et")
            yield* Deferred.succeed(handed, workspace)
          })
        )
        .pipe(Scope.extend(scope))
      const workspace = yield* Deferred.await(handed)
      expect(text(yield* workspace.readLog(0, 100))).toBe("onetwo")
      expect(yield* workspace.readLog(6, 100)).toHaveLength(0)
      yield* Scope.close(scope, Exit.void)
    })
  )

  it.scopedLive("a failed step's log is readable until the scope of its build closes", () =>
    Effect.gen(function* () {
      const { store, temporary } = yield* opened(makeSubject)
      const scope = yield* Scope.make()
      const handed = yield* Deferred.make<Workspace>()
      const info = { id: id("base"), parent: Option.none(), heading: "" }
      const failing = store.build(info, (workspace) =>
        workspace
          .log(bytes("why"))
          .pipe(Effect.zipRight(Deferred.succeed(handed, workspace)), Effect.zipRight(Effect.fail("on purpose")))
      )
      expect(yield* Effect.flip(Scope.extend(failing, scope))).toBe("on purpose")
      const workspace = yield* Deferred.await(handed)
      expect(text(yield* workspace.readLog(0, 100))).toBe("why")
      yield* Scope.close(scope, Exit.void)
      expect(yield* temporary).toEqual([])
    })
  )
}
