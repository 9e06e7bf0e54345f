/** The laws of `StoreService.cache`. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { root, type User } from "../../src/domain/Spec.ts"
import type { StoreService } from "../../src/interpreters/Store.ts"
import type { Files } from "./files.ts"
import { type MakeSubject, open, opened } from "./storeSubject.ts"

const user: User = { _tag: "Unix", uid: 1000, gid: 100 }

/** A copy of a cache, as one step has it. */
const take = (store: StoreService, files: Files, name: string) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const { rootfs } = yield* Scope.extend(store.cache(name, root), scope)
    return {
      write: (path: string, text: string) => files.put(rootfs, { [path]: text }),
      read: (path: string) => files.describe(rootfs, path),
      remove: (path: string) => files.remove(rootfs, path),
      release: (exit: Exit.Exit<unknown, unknown> = Exit.void) => Scope.close(scope, exit)
    }
  })

/** Registers the laws as tests. */
export const storeCacheLaws = (makeSubject: MakeSubject): void => {
  it.scopedLive("a new cache is empty and its owner's", () =>
    Effect.gen(function* () {
      const { files, store } = yield* opened(makeSubject)
      const { rootfs } = yield* store.cache("c", user)
      expect(yield* files.describe(rootfs, "/")).toMatch(/^directory 0755 1000:100$/)
      expect(yield* files.describe(rootfs, "f")).toBe(undefined)
    })
  )

  it.scopedLive("what a step left in a cache, the next one sees, in another process too", () =>
    Effect.gen(function* () {
      const { files, store, subject, temporary } = yield* opened(makeSubject)
      const first = yield* take(store, files, "c")
      yield* first.write("d/f", "1")
      yield* first.release()
      const second = yield* take(yield* open(subject), files, "c")
      expect(yield* second.read("d/f")).toBe("file 0644 0:0 1")
      yield* second.remove("d/f")
      yield* second.write("g", "2")
      yield* second.release()
      const third = yield* take(store, files, "c")
      expect(yield* third.read("d/f")).toBe(undefined)
      expect(yield* third.read("g")).toBe("file 0644 0:0 2")
      yield* third.release()
      expect(yield* temporary).toEqual([])
    })
  )

  it.scopedLive("what a failed step left in a cache is kept too", () =>
    Effect.gen(function* () {
      const { files, store } = yield* opened(makeSubject)
      const failing = yield* take(store, files, "c")
      yield* failing.write("f", "1")
      yield* failing.release(Exit.fail("on purpose"))
      const next = yield* take(store, files, "c")
      expect(yield* next.read("f")).toBe("file 0644 0:0 1")
      yield* next.release()
    })
  )

  it.scopedLive("of two copies of one version, the first to be released becomes the next one", () =>
    Effect.gen(function* () {
      const { files, store, subject, temporary } = yield* opened(makeSubject)
      const slow = yield* take(store, files, "c")
      const fast = yield* take(yield* open(subject), files, "c")
      yield* slow.write("f", "slow")
      yield* fast.write("f", "fast")
      yield* fast.release()
      yield* slow.release()
      const next = yield* take(store, files, "c")
      expect(yield* next.read("f")).toBe("file 0644 0:0 fast")
      yield* next.release()
      expect(yield* temporary).toEqual([])
    })
  )

  it.scopedLive("a copy of an old version is dropped, however many versions there have been since", () =>
    Effect.gen(function* () {
      const { files, store, subject, temporary } = yield* opened(makeSubject)
      const other = yield* open(subject)
      const slow = yield* take(store, files, "c")
      yield* slow.write("f", "slow")
      for (const name of ["one", "two"]) {
        const quick = yield* take(other, files, "c")
        yield* quick.write(name, name)
        yield* quick.release()
      }
      yield* slow.release()
      const last = yield* take(store, files, "c")
      expect([yield* last.read("f"), yield* last.read("one"), yield* last.read("two")]).toEqual([
        undefined,
        "file 0644 0:0 one",
        "file 0644 0:0 two"
      ])
      yield* last.release()
      expect(yield* temporary).toEqual([])
    })
  )

  it.scopedLive("a copy does not see what another one does meanwhile", () =>
    Effect.gen(function* () {
      const { files, store } = yield* opened(makeSubject)
      const one = yield* take(store, files, "c")
      const other = yield* take(store, files, "c")
      yield* one.write("f", "1")
      expect(yield* other.read("f")).toBe(undefined)
      yield* one.release()
      expect(yield* other.read("f")).toBe(undefined)
      yield* other.release()
    })
  )

  it.scopedLive("caches with different names are different, however odd the names", () =>
    Effect.gen(function* () {
      const { files, store } = yield* opened(makeSubject)
      const names = ["", "c", "C", "a/b", "a%2fb", "..", ".", "-", "a b:c,d\\e", "é", "n".repeat(300), "n".repeat(301)]
      for (const [index, name] of names.entries()) {
        const cache = yield* take(store, files, name)
        expect(yield* cache.read("f")).toBe(undefined)
        yield* cache.write("f", `${index}`)
        yield* cache.release()
      }
      for (const [index, name] of names.entries()) {
        const cache = yield* take(store, files, name)
        expect(yield* cache.read("f")).toBe(`file 0644 0:0 ${index}`)
        yield* cache.release()
      }
    })
  )

  it.scopedLive("a cache that many steps in a row have used holds what they all left", () =>
    Effect.gen(function* () {
      const { files, store, temporary } = yield* opened(makeSubject)
      const TIMES = 40
      for (let n = 0; n < TIMES; n++) {
        const cache = yield* take(store, files, "c")
        yield* cache.write(`f/${n}`, `${n}`)
        yield* cache.release()
      }
      const cache = yield* take(store, files, "c")
      for (let n = 0; n < TIMES; n++) expect(yield* cache.read(`f/${n}`)).toBe(`file 0644 0:0 ${n}`)
      yield* cache.release()
      expect(yield* temporary).toEqual([])
    })
  )
}
