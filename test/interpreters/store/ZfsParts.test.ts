/** The store of macOS, whose trees have parts that are datasets: the laws, on a stand-in for zfs, and what parts are for. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { beforeAll } from "vitest"
import type { Rootfs } from "../../../src/interpreters/Rootfs.ts"
import { HOME, PARTS } from "../../../src/interpreters/sandbox/UserSandbox.ts"
import * as ZfsStore from "../../../src/interpreters/store/ZfsStore.ts"
import { hostFiles } from "../../laws/files.ts"
import { hostSource } from "../../laws/sources.ts"
import { storeLaws } from "../../laws/store.ts"
import { id, make, open, opened, type Subject } from "../../laws/storeSubject.ts"
import { contents } from "../../laws/tar.ts"
import { describeWith } from "../../requirements.ts"
import { forTests, pretend } from "../../standins/standIns.ts"
import { temporaryIn } from "./kinds.ts"

describeWith(["root"], "the store zfs with parts", () => {
  pretend("darwin")
  const standIns = forTests(["zfs"])
  beforeAll(() => void standIns.pool("tank"))
  let count = 0
  const subjectWith = (parts: ReadonlyArray<string>) =>
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => `tank/${++count}`),
        (dataset) => Effect.sync(() => void standIns.run("zfs", "destroy", "-R", dataset))
      ),
      (dataset): Subject => ({
        layer: ZfsStore.layer({ dataset, parts }),
        files: hostFiles,
        chain: 80,
        temporary: Effect.sync(() => temporaryIn(`${standIns.path}/${dataset}`))
      })
    )

  // One part shows what there is to parts, and each costs time.
  storeLaws(subjectWith([HOME]), { "on the host": hostSource })

  const makeSubject = subjectWith(PARTS)

  it.scopedLive("gives a tree its parts while it is made, and keeps those that have something in them", () =>
    Effect.gen(function* () {
      const { files, put, store } = yield* opened(makeSubject)
      const devices: Array<number> = []
      const look = ({ rootfs }: { readonly rootfs: Rootfs }) =>
        Effect.sync(() => {
          if (rootfs._tag !== "Directory") throw new Error("not a directory")
          const paths = ["", ...PARTS].map((part) => `${rootfs.path}/${part}`)
          devices.push(new Set(paths.map((path) => Fs.statSync(path).dev)).size)
          expect(rootfs.dataset).toMatch(/^tank\/\d+\/trees\/[0-9a-f]{16}$/)
        })
      yield* put("1", undefined, { "home/.profile": "one\n", "etc/file": "1" })
      yield* Effect.scoped(
        store.build({ id: id("2"), parent: Option.some(id("1")), heading: "2" }, (workspace) =>
          Effect.zipRight(look(workspace), files.put(workspace.rootfs, { "brew/bin/tool": "two\n" }))
        )
      )
      yield* Effect.scoped(
        store.build({ id: id("3"), parent: Option.some(id("2")), heading: "3" }, (workspace) =>
          Effect.zipRight(look(workspace), files.remove(workspace.rootfs, "home/.profile"))
        )
      )
      expect(devices).toEqual([3, 3])
      const paths = (name: string) => Effect.map(contents(store, id(name)), (entries) => Object.keys(entries))
      expect(yield* paths("1")).toEqual(["/etc", "/etc/file", "/home", "/home/.profile"])
      expect(yield* paths("2")).toEqual([
        ...["/brew", "/brew/bin", "/brew/bin/tool", "/etc", "/etc/file", "/home", "/home/.profile"]
      ])
      expect(yield* paths("3")).toEqual(["/brew", "/brew/bin", "/brew/bin/tool", "/etc", "/etc/file"])
    })
  )

  it.scopedLive("refuses a tree whose files a part would hide", () =>
    Effect.gen(function* () {
      const { store, subject } = yield* opened(makeSubject)
      const dataset = store.name.slice("zfs:".length)
      const plain = yield* open({ ...subject, layer: ZfsStore.layer({ dataset }) })
      yield* make(plain, "1", undefined, ({ rootfs }) => subject.files.put(rootfs, { "home/file": "text" }))
      const error = yield* Effect.flip(make(store, "2", "1", () => Effect.void))
      expect(error.message).toMatch(/\/home has files, and should be a file system of its own$/)
      expect(yield* subject.temporary).toEqual([])
    })
  )
})
