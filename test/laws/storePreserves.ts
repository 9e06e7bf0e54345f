/** The laws of `Workspace.copy` for copies that preserve modes, or modes and owners. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { copied, type DestinationForm } from "../../src/domain/Manifest.ts"
import type { Preserve } from "../../src/domain/Preserve.ts"
import type { User } from "../../src/domain/Spec.ts"
import type { SourceTree } from "../../src/interpreters/SourceTree.ts"
import type { Described, Entries } from "./files.ts"
import type { MakeSource } from "./sources.ts"
import { id, make, type MakeSubject, opened } from "./storeSubject.ts"
import { contents } from "./tar.ts"

interface Case {
  /** What the image has before. */
  readonly image?: Entries
  readonly source: Entries
  readonly src?: ReadonlyArray<string>
  readonly contents?: true
  readonly preserve: Preserve
  readonly to: readonly [DestinationForm, string]
  /** The whole image afterwards. */
  readonly expected: Readonly<Record<string, Described>>
}

const user: User = { _tag: "Unix", uid: 1000, gid: 100 }

/** Of files that belong to root, as those of a source directory do here. */
const modes: Readonly<Record<string, Case>> = {
  "modes that are preserved are those of the source, all twelve bits of them": {
    source: {
      "d/plain": { content: "1", mode: 0o600 },
      "d/user": { content: "2", mode: 0o4750 },
      "d/group": { content: "3", mode: 0o2711 },
      "d/none": { content: "4", mode: 0 },
      "d/sticky": { directory: true, mode: 0o1777 },
      "d/shared": { directory: true, mode: 0o2770 },
      "d/shared/in": { content: "5", mode: 0o640 },
      "d/shared/sub": { directory: true, mode: 0o750 },
      "d/l": { link: "plain" }
    },
    src: ["d"],
    preserve: ["modes"],
    to: ["Into", "/x"],
    expected: {
      "/x": "directory 0755 1000:100",
      "/x/d": "directory 0755 1000:100",
      "/x/d/group": "file 2711 1000:100 3",
      "/x/d/l": "link 1000:100 plain",
      "/x/d/none": "file 0000 1000:100 4",
      "/x/d/plain": "file 0600 1000:100 1",
      "/x/d/shared": "directory 2770 1000:100",
      "/x/d/shared/in": "file 0640 1000:100 5",
      "/x/d/shared/sub": "directory 0750 1000:100",
      "/x/d/sticky": "directory 1777 1000:100",
      "/x/d/user": "file 4750 1000:100 2"
    }
  },
  "a directory that is copied over another one has its own mode afterwards, those on the way keep theirs": {
    image: {
      on: { directory: true, mode: 0o1777, uid: 5, gid: 6 },
      "on/d": { directory: true, mode: 0o700, uid: 7, gid: 8 },
      "on/d/here": { content: "before", mode: 0o600, uid: 9, gid: 9 }
    },
    source: { d: { directory: true, mode: 0o711 }, "d/f": { content: "1", mode: 0o400 } },
    src: ["d"],
    preserve: ["modes"],
    to: ["Into", "/on"],
    expected: {
      "/on": "directory 1777 5:6",
      "/on/d": "directory 0711 1000:100",
      "/on/d/f": "file 0400 1000:100 1",
      "/on/d/here": "file 0600 9:9 before"
    }
  },
  "a directory that gives what it holds leaves the one that it goes into as it is": {
    image: {
      on: { directory: true, mode: 0o1777, uid: 5, gid: 6 },
      "on/sub": { directory: true, mode: 0o700, uid: 7, gid: 8 }
    },
    source: { "d/sub": { directory: true, mode: 0o711 }, "d/f": { content: "1", mode: 0o4755 } },
    src: ["d"],
    contents: true,
    preserve: ["modes"],
    to: ["As", "/on"],
    expected: {
      "/on": "directory 1777 5:6",
      "/on/f": "file 4755 1000:100 1",
      "/on/sub": "directory 0711 1000:100"
    }
  },
  "a directory that gives what it holds is made like those on the way where there is none": {
    source: { d: { directory: true, mode: 0o700 }, "d/f": { content: "1", mode: 0o644 } },
    src: ["d"],
    contents: true,
    preserve: ["modes"],
    to: ["As", "/new/er"],
    expected: {
      "/new": "directory 0755 1000:100",
      "/new/er": "directory 0755 1000:100",
      "/new/er/f": "file 0644 1000:100 1"
    }
  },
  "an empty directory that gives what it holds changes nothing that is there": {
    image: { on: { directory: true, mode: 0o1777, uid: 5, gid: 6 } },
    source: { d: { directory: true, mode: 0o700 } },
    src: ["d"],
    contents: true,
    preserve: ["modes"],
    to: ["Into", "/on"],
    expected: { "/on": "directory 1777 5:6" }
  },
  "the image's root keeps its mode whatever is copied to it": {
    source: { d: { directory: true, mode: 0o700 }, "d/f": { content: "1", mode: 0o600 } },
    src: ["d"],
    preserve: ["modes"],
    to: ["As", "/"],
    expected: { "/f": "file 0600 1000:100 1" }
  },
  "a link in a directory's place is followed, and the directory that it leads to is meant": {
    image: { lib: { link: "usr/lib" }, "usr/lib": { directory: true, mode: 0o711, uid: 3, gid: 4 } },
    source: { "s/lib": { directory: true, mode: 0o700 }, "s/lib/f": { content: "1", mode: 0o4755 } },
    src: ["s/lib"],
    preserve: ["modes"],
    to: ["Into", "/"],
    expected: {
      "/lib": "link 0:0 usr/lib",
      "/usr": "directory 0755 0:0",
      "/usr/lib": "directory 0700 1000:100",
      "/usr/lib/f": "file 4755 1000:100 1"
    }
  },
  "a link below what is copied is followed, and the directory that it leads to stays as it is": {
    image: { lib: { link: "usr/lib" }, "usr/lib": { directory: true, mode: 0o711, uid: 3, gid: 4 } },
    source: { "s/lib": { directory: true, mode: 0o700 }, "s/lib/f": { content: "1", mode: 0o4755 } },
    src: ["s"],
    preserve: ["modes"],
    to: ["As", "/"],
    expected: {
      "/lib": "link 0:0 usr/lib",
      "/usr": "directory 0755 0:0",
      "/usr/lib": "directory 0711 3:4",
      "/usr/lib/f": "file 4755 1000:100 1"
    }
  },
  "a file is replaced, with its mode, and what a link leads to is left alone": {
    image: { f: { content: "before", mode: 0o4755, uid: 5, gid: 6 }, l: { link: "victim" }, victim: "unharmed" },
    source: { f: { content: "after", mode: 0o600 }, l: { content: "after", mode: 0o4755 } },
    src: ["f", "l"],
    preserve: ["modes"],
    to: ["Into", "/"],
    expected: {
      "/f": "file 0600 1000:100 after",
      "/l": "file 4755 1000:100 after",
      "/victim": "file 0644 0:0 unharmed"
    }
  }
}

const owners: Readonly<Record<string, Case>> = {
  "owners that are preserved are those of the source, of links too, and of all that is below": {
    source: {
      app: { directory: true, mode: 0o2750, uid: 1000, gid: 1001 },
      "app/bin": { directory: true, mode: 0o1733, uid: 7, gid: 8 },
      "app/bin/su": { content: "1", mode: 0o6755, uid: 70000, gid: 200_000 },
      "app/bin/root": { content: "2", mode: 0o644 },
      "app/bin/l": { link: "../../victim", uid: 5, gid: 6 },
      "app/none": { directory: true, mode: 0o500 }
    },
    src: ["app"],
    preserve: ["modes", "owners"],
    to: ["As", "/srv/it"],
    image: { victim: "unharmed" },
    expected: {
      "/srv": "directory 0755 1000:100",
      "/srv/it": "directory 2750 1000:1001",
      "/srv/it/bin": "directory 1733 7:8",
      "/srv/it/bin/l": "link 5:6 ../../victim",
      "/srv/it/bin/root": "file 0644 0:0 2",
      "/srv/it/bin/su": "file 6755 70000:200000 1",
      "/srv/it/none": "directory 0500 0:0",
      "/victim": "file 0644 0:0 unharmed"
    }
  },
  "owners can be preserved without modes": {
    source: {
      d: { directory: true, mode: 0o700, uid: 1, gid: 2 },
      "d/f": { content: "1", mode: 0o4711, uid: 3, gid: 4 },
      "d/g": { content: "2", mode: 0o600, uid: 5, gid: 6 }
    },
    src: ["d"],
    preserve: ["owners"],
    to: ["Into", "/"],
    expected: {
      "/d": "directory 0755 1:2",
      "/d/f": "file 0755 3:4 1",
      "/d/g": "file 0644 5:6 2"
    }
  },
  "modes can be preserved without owners": {
    source: { f: { content: "1", mode: 0o4711, uid: 3, gid: 4 } },
    src: ["f"],
    preserve: ["modes"],
    to: ["As", "/f"],
    expected: { "/f": "file 4711 1000:100 1" }
  },
  "a directory that gives what it holds keeps neither mode nor owner, what it holds does": {
    image: {
      old: { directory: true, mode: 0o770, uid: 99, gid: 99 },
      "old/a": { directory: true, mode: 0o770, uid: 99, gid: 99 }
    },
    source: {
      s: { directory: true, mode: 0o2700, uid: 1000, gid: 1001 },
      "s/a": { directory: true, mode: 0o1733, uid: 1000, gid: 1002 },
      "s/l": { link: "a", uid: 5, gid: 6 }
    },
    src: ["s"],
    contents: true,
    preserve: ["modes", "owners"],
    to: ["Into", "/old"],
    expected: { "/old": "directory 0770 99:99", "/old/a": "directory 1733 1000:1002", "/old/l": "link 5:6 a" }
  },
  "what is root's stays root's in a directory whose group is set for what is made in it": {
    image: { g: { directory: true, mode: 0o2775, uid: 0, gid: 50 } },
    source: { s: { directory: true, mode: 0o755 }, "s/f": "1" },
    src: ["s"],
    preserve: ["modes", "owners"],
    to: ["Into", "/g"],
    expected: { "/g": "directory 2775 0:50", "/g/s": "directory 0755 0:0", "/g/s/f": "file 0644 0:0 1" }
  }
}

/** Registers the laws as tests. */
export const storePreserveLaws = (makeSubject: MakeSubject, sources: Readonly<Record<string, MakeSource>>): void => {
  const law = (name: string, one: Case, sourceOf: (nested: SourceTree) => ReturnType<MakeSource>): void => {
    it.scopedLive(name, () =>
      Effect.gen(function* () {
        const { put, store } = yield* opened(makeSubject)
        yield* put("nested", undefined, one.source)
        yield* put("base", undefined, one.image ?? {})
        const { tree: source } = yield* sourceOf(yield* store.tree(id("nested")))
        const named = yield* Effect.forEach(one.src ?? ["."], (src) => source.manifest(src, [], one.preserve))
        const [form, path] = one.to
        const items = copied(one, named, form)
        yield* make(store, "copied", "base", (workspace) =>
          workspace.copy({ source, items, destination: { form, path }, owner: user })
        )
        expect(yield* contents(store, id("copied"))).toEqual(one.expected)
      })
    )
  }
  const ofResult = (tree: SourceTree): ReturnType<MakeSource> => Effect.succeed({ tree, replace: () => Effect.void })
  for (const [name, one] of Object.entries({ ...modes, ...owners })) law(`of a result, ${name}`, one, ofResult)
  for (const [kind, makeSource] of Object.entries(sources)) {
    for (const [name, one] of Object.entries(modes)) {
      law(`of a source ${kind}, ${name}`, one, () => makeSource(one.source))
    }
  }
}
