/** The laws of a result as a layer of an image, and of the notes beside it. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StepId } from "../../src/domain/Digest.ts"
import type { LayerOptions, StoreError, StoreService, UnknownId } from "../../src/interpreters/Store.ts"
import type { Described } from "./files.ts"
import { id, make, type MakeSubject, open, opened } from "./storeSubject.ts"
import { contents, type Contents, read } from "./tar.ts"

/** Whatever is written, its time is the same. */
const LATEST: LayerOptions = { whole: false, latest: Option.some(0) }

/** A result's layer by its entries; `undefined` where it has none. */
const layer = (
  store: StoreService,
  id: StepId,
  options: LayerOptions = LATEST
): Effect.Effect<Contents | undefined, StoreError | UnknownId> =>
  Effect.gen(function* () {
    const chunks: Array<Uint8Array> = []
    const isAny = yield* store.layer(
      id,
      (chunk) => Effect.sync(() => void chunks.push(Uint8Array.from(chunk))),
      options
    )
    expect(chunks.length > 0).toBe(isAny)
    return isAny ? yield* Effect.promise(() => read(Buffer.concat(chunks))) : undefined
  })

/** Puts a layer on what is below it, as image-spec says. */
const applied = (below: Contents, layer: Contents | undefined): Contents => {
  const entries = new Map(Object.entries(below))
  const remove = (path: string): void => {
    for (const name of entries.keys()) if (name === path || name.startsWith(`${path}/`)) entries.delete(name)
  }
  for (const [path, entry] of Object.entries(layer ?? {})) {
    const whiteout = /^(.*\/)\.wh\.([^/]+)$/.exec(path)
    if (whiteout !== null) remove(`${whiteout[1]}${whiteout[2]}`)
    else if (!isDirectory(entry) || !isDirectory(entries.get(path) ?? "directory")) remove(path)
  }
  for (const [path, entry] of Object.entries(layer ?? {})) if (!path.includes("/.wh.")) entries.set(path, entry)
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)))
}

const isDirectory = (entry: Described): boolean => entry.startsWith("directory")

/** Registers the laws as tests. */
export const storeLayerLaws = (makeSubject: MakeSubject): void => {
  it.scopedLive("layers that are put on one another are the result", () =>
    Effect.gen(function* () {
      const { files, put, store } = yield* opened(makeSubject)
      yield* put("1", undefined, {
        "etc/motd": "hello",
        "etc/deep/er/file": "deep",
        "etc/deep/other": "other",
        "usr/bin/tool": "tool",
        "was-file": "a file",
        "was-directory/in/it": "x",
        kept: "kept"
      })
      yield* make(store, "2", "1", ({ rootfs }) =>
        Effect.gen(function* () {
          yield* files.put(rootfs, { "etc/motd": "bye", "usr/lib/new": "new" })
          yield* files.remove(rootfs, "etc/deep/er")
          yield* files.remove(rootfs, "was-directory")
          yield* files.put(rootfs, { "was-directory": "a file now" })
          yield* files.remove(rootfs, "was-file")
          yield* files.put(rootfs, { "was-file/now": "in a directory" })
        })
      )
      yield* make(store, "3", "2", ({ rootfs }) =>
        Effect.zipRight(files.remove(rootfs, "usr/bin/tool"), files.put(rootfs, { "etc/deep/er/again": "again" }))
      )
      let tree: Contents = {}
      for (const name of ["1", "2", "3"]) {
        tree = applied(tree, yield* layer(store, id(name)))
        expect(tree).toEqual(yield* contents(store, id(name)))
      }
    })
  )

  it.scopedLive("a layer has what its step changed, and the directories on the way there", () =>
    Effect.gen(function* () {
      const { files, put, store } = yield* opened(makeSubject)
      yield* put("1", undefined, { "a/b/c": "1", "a/b/d": "2", "a/e/f": "3", "g/h": "4" })
      yield* make(store, "2", "1", ({ rootfs }) =>
        Effect.zipRight(files.put(rootfs, { "a/b/c": "other", "a/b/d": "2" }), files.remove(rootfs, "g/h"))
      )
      expect(yield* layer(store, id("2"))).toEqual({
        "/a": "directory 0755 0:0",
        "/a/b": "directory 0755 0:0",
        "/a/b/c": "file 0644 0:0 other",
        "/g": "directory 0755 0:0",
        "/g/.wh.h": "file 0644 0:0 "
      })
      const whole = yield* layer(store, id("2"), { ...LATEST, whole: true })
      expect(whole).toEqual(yield* contents(store, id("2")))
    })
  )

  it.scopedLive("a step that changes nothing has no layer", () =>
    Effect.gen(function* () {
      const { put, store } = yield* opened(makeSubject)
      yield* put("1", undefined, { "a/b": "1" })
      yield* put("2", "1", {})
      expect(yield* layer(store, id("2"))).toBeUndefined()
    })
  )

  it.scopedLive("notes are kept beside a result, can be replaced, and go with it", () =>
    Effect.gen(function* () {
      const subject = yield* makeSubject
      const store = yield* open(subject)
      expect(yield* store.note(id("1"), "recipe")).toEqual(Option.none())
      yield* store.annotate(id("1"), "recipe", "of nothing")
      expect(yield* store.note(id("1"), "recipe")).toEqual(Option.none())
      yield* make(store, "1", undefined, ({ note }) => note("recipe", "first"))
      const other = yield* open(subject)
      expect(yield* other.note(id("1"), "recipe")).toEqual(Option.some("first"))
      expect(yield* other.note(id("1"), "settings")).toEqual(Option.none())
      yield* other.annotate(id("1"), "recipe", "second")
      yield* other.annotate(id("1"), "settings", "more")
      expect(yield* store.note(id("1"), "recipe")).toEqual(Option.some("second"))
      expect(yield* store.note(id("1"), "settings")).toEqual(Option.some("more"))
      expect(yield* subject.temporary).toEqual([])
    })
  )
}
