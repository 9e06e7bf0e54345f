/** The laws of `Workspace.copy`. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { DestinationForm } from "../../src/domain/Manifest.ts"
import { root, type User } from "../../src/domain/Spec.ts"
import { CopyError } from "../../src/interpreters/Store.ts"
import type { Described, Entries } from "./files.ts"
import type { MakeSource } from "./sources.ts"
import { id, make, type MakeSubject, opened } from "./storeSubject.ts"
import { contents } from "./tar.ts"

interface Case {
  /** What the image has before. */
  readonly image?: Entries
  readonly source: Entries
  readonly src?: ReadonlyArray<string>
  readonly exclude?: ReadonlyArray<string>
  readonly to: readonly [DestinationForm, string]
  readonly owner?: User
  /** The whole image afterwards, or that the copy is refused. */
  readonly expected: Readonly<Record<string, Described>> | "refused"
}

const user: User = { _tag: "Unix", uid: 1000, gid: 100 }

const cases: Readonly<Record<string, Case>> = {
  "a file takes the destination's own name": {
    source: { a: "text" },
    src: ["a"],
    to: ["As", "/b"],
    expected: { "/b": "file 0644 0:0 text" }
  },
  "files keep their names below a destination directory, which is made, the step's user's": {
    source: { a: "1", "d/b": "2" },
    src: ["a", "d/b"],
    to: ["Into", "/x/y"],
    owner: user,
    expected: {
      "/x": "directory 0755 1000:100",
      "/x/y": "directory 0755 1000:100",
      "/x/y/a": "file 0644 1000:100 1",
      "/x/y/b": "file 0644 1000:100 2"
    }
  },
  "modes become 0755 or 0644 by the executable bits": {
    source: {
      "d/a": { content: "", mode: 0o600 },
      "d/b": { content: "", mode: 0o610 },
      "d/c": { content: "", mode: 0o4701 },
      "d/e": { directory: true, mode: 0o700 }
    },
    src: ["d"],
    to: ["As", "/to"],
    expected: {
      "/to": "directory 0755 0:0",
      "/to/a": "file 0644 0:0 ",
      "/to/b": "file 0755 0:0 ",
      "/to/c": "file 0755 0:0 ",
      "/to/e": "directory 0755 0:0"
    }
  },
  "a directory is copied with all below it, links as links": {
    source: { "d/e/f": "deep", "d/l": { link: "../../outside" }, "d/e/broken": { link: "/nowhere" } },
    src: ["d"],
    to: ["Into", "/"],
    owner: user,
    expected: {
      "/d": "directory 0755 1000:100",
      "/d/e": "directory 0755 1000:100",
      "/d/e/broken": "link 1000:100 /nowhere",
      "/d/e/f": "file 0644 1000:100 deep",
      "/d/l": "link 1000:100 ../../outside"
    }
  },
  "the whole tree goes into the destination without a name of its own": {
    source: { a: "1", "d/b": "2" },
    src: ["."],
    to: ["Into", "/x"],
    expected: {
      "/x": "directory 0755 0:0",
      "/x/a": "file 0644 0:0 1",
      "/x/d": "directory 0755 0:0",
      "/x/d/b": "file 0644 0:0 2"
    }
  },
  "the whole tree can take a name": {
    source: { a: "1" },
    src: ["."],
    to: ["As", "/x/y"],
    expected: { "/x": "directory 0755 0:0", "/x/y": "directory 0755 0:0", "/x/y/a": "file 0644 0:0 1" }
  },
  "what is excluded by its base name is left out at any depth": {
    source: { "d/.git/x": "", "d/e/.git": "", "d/e/kept": "" },
    src: ["d"],
    exclude: [".git"],
    to: ["As", "/d"],
    expected: { "/d": "directory 0755 0:0", "/d/e": "directory 0755 0:0", "/d/e/kept": "file 0644 0:0 " }
  },
  "directories on the way keep their owner and mode, those that are copied become the step's": {
    image: {
      tmp: { directory: true, mode: 0o1777, uid: 5, gid: 6 },
      "tmp/d": { directory: true, mode: 0o700, uid: 7, gid: 8 },
      "tmp/d/here": "before"
    },
    source: { "d/new": "1", f: "2" },
    src: ["d", "f"],
    to: ["Into", "/tmp"],
    owner: user,
    expected: {
      "/tmp": "directory 1777 5:6",
      "/tmp/d": "directory 0755 1000:100",
      "/tmp/d/here": "file 0644 0:0 before",
      "/tmp/d/new": "file 0644 1000:100 1",
      "/tmp/f": "file 0644 1000:100 2"
    }
  },
  "an existing directory is merged with when a directory takes its name": {
    image: { "d/e/here": "before", "d/f": "before" },
    source: { "s/e/new": "1", "s/f": "2" },
    src: ["s"],
    to: ["As", "/d"],
    expected: {
      "/d": "directory 0755 0:0",
      "/d/e": "directory 0755 0:0",
      "/d/e/here": "file 0644 0:0 before",
      "/d/e/new": "file 0644 0:0 1",
      "/d/f": "file 0644 0:0 2"
    }
  },
  "files and links are replaced, with their owner and mode": {
    image: {
      f: { content: "before", mode: 0o4755, uid: 5, gid: 6 },
      toFile: { link: "victim" },
      victim: "unharmed",
      plain: "before"
    },
    source: { f: "after", toFile: "after", plain: { link: "x" } },
    src: ["f", "toFile", "plain"],
    to: ["Into", "/"],
    owner: user,
    expected: {
      "/f": "file 0644 1000:100 after",
      "/plain": "link 1000:100 x",
      "/toFile": "file 0644 1000:100 after",
      "/victim": "file 0644 0:0 unharmed"
    }
  },
  "an earlier item of the same copy can be replaced by a later one": {
    source: { "a/f": "1", "b/f": "2" },
    src: ["a/f", "b/f"],
    to: ["Into", "/"],
    expected: { "/f": "file 0644 0:0 2" }
  },
  "a link to a directory on the way is followed inside the image, absolute or not": {
    image: { "real/d/here": "", abs: { link: "/real" }, "real/rel": { link: "d" } },
    source: { f: "1" },
    src: ["f"],
    to: ["Into", "/abs/rel/new"],
    expected: {
      "/abs": "link 0:0 /real",
      "/real": "directory 0755 0:0",
      "/real/d": "directory 0755 0:0",
      "/real/d/here": "file 0644 0:0 ",
      "/real/d/new": "directory 0755 0:0",
      "/real/d/new/f": "file 0644 0:0 1",
      "/real/rel": "link 0:0 d"
    }
  },
  "a link that climbs out of the image ends at its root": {
    image: { "a/up": { link: "../../../../../../in" }, in: { directory: true } },
    source: { f: "1" },
    src: ["f"],
    to: ["As", "/a/up/g"],
    expected: {
      "/a": "directory 0755 0:0",
      "/a/up": "link 0:0 ../../../../../../in",
      "/in": "directory 0755 0:0",
      "/in/g": "file 0644 0:0 1"
    }
  },
  "a directory goes through a link to a directory that has its name": {
    image: { lib: { link: "usr/lib" }, "usr/lib/here": "" },
    source: { "lib/new": "1" },
    src: ["lib"],
    to: ["Into", "/"],
    expected: {
      "/lib": "link 0:0 usr/lib",
      "/usr": "directory 0755 0:0",
      "/usr/lib": "directory 0755 0:0",
      "/usr/lib/here": "file 0644 0:0 ",
      "/usr/lib/new": "file 0644 0:0 1"
    }
  },
  "links in a loop on the way are refused": {
    image: { a: { link: "b" }, b: { link: "a" } },
    source: { f: "1" },
    src: ["f"],
    to: ["Into", "/a/d"],
    expected: "refused"
  },
  "a file on the way is refused": {
    image: { f: "in the way" },
    source: { g: "1" },
    src: ["g"],
    to: ["Into", "/f/d"],
    expected: "refused"
  },
  "a file as the destination directory is refused": {
    image: { f: "in the way" },
    source: { g: "1" },
    src: ["g"],
    to: ["Into", "/f"],
    expected: "refused"
  },
  "a directory cannot take a file's place": {
    image: { f: "in the way" },
    source: { "d/x": "1" },
    src: ["d"],
    to: ["As", "/f"],
    expected: "refused"
  },
  "a file cannot take a directory's place": {
    image: { "d/here": "in the way" },
    source: { f: "1" },
    src: ["f"],
    to: ["As", "/d"],
    expected: "refused"
  },
  "a file below a directory that is copied cannot take a directory's place": {
    image: { "x/d/here": "in the way" },
    source: { "x/d": "1" },
    src: ["x"],
    to: ["Into", "/"],
    expected: "refused"
  },
  "a user of the image is known by name": {
    image: { "etc/passwd": "root:x:0:0::/:/bin/sh\nme:x:12:34::/home/me:/bin/sh\n" },
    source: { f: "1" },
    src: ["f"],
    to: ["Into", "/"],
    owner: { _tag: "Named", name: "me" },
    expected: {
      "/etc": "directory 0755 0:0",
      "/etc/passwd": "file 0644 0:0 root:x:0:0::/:/bin/sh\nme:x:12:34::/home/me:/bin/sh\n",
      "/f": "file 0644 12:34 1"
    }
  },
  "a name that is a number is the user with that number": {
    image: { "etc/passwd": "12:x:5:6::/:/bin/sh\nme:x:12:34::/home/me:/bin/sh\n" },
    source: { f: "1" },
    src: ["f"],
    to: ["Into", "/"],
    owner: { _tag: "Named", name: "12" },
    expected: {
      "/etc": "directory 0755 0:0",
      "/etc/passwd": "file 0644 0:0 12:x:5:6::/:/bin/sh\nme:x:12:34::/home/me:/bin/sh\n",
      "/f": "file 0644 12:34 1"
    }
  },
  "a number that the image does not know is in the group 0": {
    source: { f: "1" },
    src: ["f"],
    to: ["Into", "/"],
    owner: { _tag: "Named", name: "12" },
    expected: { "/f": "file 0644 12:0 1" }
  },
  "a user that the image does not know is refused": {
    source: { f: "1" },
    src: ["f"],
    to: ["Into", "/"],
    owner: { _tag: "Named", name: "nobody-here" },
    expected: "refused"
  },
  "odd names are copied as they are": {
    source: { "a b\n\tc": "1", "-é;*?\"'\\": "2", [`${"n".repeat(255)}`]: "3" },
    src: ["."],
    to: ["Into", "/o d d"],
    expected: {
      "/o d d": "directory 0755 0:0",
      "/o d d/-é;*?\"'\\": "file 0644 0:0 2",
      "/o d d/a b\n\tc": "file 0644 0:0 1",
      [`/o d d/${"n".repeat(255)}`]: "file 0644 0:0 3"
    }
  }
}

/** Registers the laws as tests. */
export const storeCopyLaws = (makeSubject: MakeSubject, makeSource: MakeSource): void => {
  for (const [name, one] of Object.entries(cases)) {
    it.scopedLive(name, () =>
      Effect.gen(function* () {
        const { put, store, temporary } = yield* opened(makeSubject)
        yield* put("base", undefined, one.image ?? {})
        const { tree: source } = yield* makeSource(one.source)
        const items = yield* Effect.forEach(one.src ?? ["."], (src) => source.manifest(src, one.exclude ?? []))
        const [form, path] = one.to
        const owner = one.owner ?? root
        const copying = make(store, "copied", "base", (workspace) =>
          workspace.copy({ source, items, destination: { form, path }, owner })
        )
        if (one.expected === "refused") {
          expect(yield* Effect.flip(copying)).toBeInstanceOf(CopyError)
          expect(yield* store.result(id("copied"))).toEqual(Option.none())
        } else {
          yield* copying
          expect(yield* contents(store, id("copied"))).toEqual(one.expected)
        }
        expect(yield* temporary).toEqual([])
      })
    )
  }

  const changes: Readonly<Record<string, Entries>> = {
    "has other content of the same size": { f: "TEXT" },
    "is longer": { f: "text and more" },
    "is shorter": { f: "te" },
    "is not there any more": {},
    "is a directory now": { "f/g": "" },
    "is a link now": { f: { link: "g" }, g: "other" }
  }
  for (const [name, after] of Object.entries(changes)) {
    it.scopedLive(`a file that since its manifest ${name} fails the copy, and nothing is kept`, () =>
      Effect.gen(function* () {
        const { store, temporary } = yield* opened(makeSubject)
        const { replace, tree: source } = yield* makeSource({ f: "text" })
        const items = [yield* source.manifest("f", [])]
        yield* replace(after)
        const error = yield* Effect.flip(
          make(store, "copied", undefined, (workspace) =>
            workspace.copy({ source, items, destination: { form: "As", path: "/f" }, owner: root })
          )
        )
        expect(["CopyError", "SourceError"]).toContain(error._tag)
        expect(yield* store.result(id("copied"))).toEqual(Option.none())
        expect(yield* temporary).toEqual([])
      })
    )
  }

  it.scopedLive("several copies may fill one result, the later ones over the earlier", () =>
    Effect.gen(function* () {
      const { store } = yield* opened(makeSubject)
      const { tree: source } = yield* makeSource({ "a/f": "1", "b/f": "2", "b/g": "2" })
      yield* make(store, "copied", undefined, (workspace) =>
        Effect.forEach(["a", "b"], (src) =>
          Effect.flatMap(source.manifest(src, []), (item) =>
            workspace.copy({ source, items: [item], destination: { form: "As", path: "/d" }, owner: root })
          )
        ).pipe(Effect.asVoid)
      )
      expect(yield* contents(store, id("copied"))).toEqual({
        "/d": "directory 0755 0:0",
        "/d/f": "file 0644 0:0 2",
        "/d/g": "file 0644 0:0 2"
      })
    })
  )

  it.scopedLive("a copy can be taken from another result of the store", () =>
    Effect.gen(function* () {
      const { put, store } = yield* opened(makeSubject)
      yield* put("nested", undefined, { "out/bin": { content: "program", mode: 0o711, uid: 3, gid: 4 }, hidden: "" })
      const source = yield* store.tree(id("nested"))
      const items = [yield* source.manifest("/out", [])]
      yield* make(store, "copied", undefined, (workspace) =>
        workspace.copy({ source, items, destination: { form: "Into", path: "/" }, owner: root })
      )
      expect(yield* contents(store, id("copied"))).toEqual({
        "/out": "directory 0755 0:0",
        "/out/bin": "file 0755 0:0 program"
      })
    })
  )
}
