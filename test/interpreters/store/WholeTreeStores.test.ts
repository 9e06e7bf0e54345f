/** The laws of `Store` for the kinds whose results are whole trees, each on its own file system. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import * as BtrfsStore from "../../../src/interpreters/store/BtrfsStore.ts"
import * as XfsStore from "../../../src/interpreters/store/XfsStore.ts"
import { hostFiles } from "../../laws/files.ts"
import { hostSource, memorySource } from "../../laws/sources.ts"
import { storeLaws } from "../../laws/store.ts"
import { id, open, opened, type Subject } from "../../laws/storeSubject.ts"
import { describeWith } from "../../requirements.ts"
import { disk } from "./disk.ts"
import { wholeTrees } from "./kinds.ts"

/** What is being made in a store: the directories that its processes have, and what is in them but their locks. */
const temporaryIn = (store: string): ReadonlyArray<string> => {
  const directory = `${store}/tmp`
  if (!Fs.existsSync(directory)) return []
  return Fs.readdirSync(directory).flatMap((owner) =>
    Fs.readdirSync(`${directory}/${owner}`)
      .filter((name) => name !== "lock")
      .map((name) => `${owner}/${name}`)
  )
}

for (const kind of wholeTrees) {
  describeWith(kind.needs, `the store ${kind.name}`, () => {
    const place = kind.disk === undefined ? { path: tmpdir() } : disk(kind.disk)
    const makeSubject = Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(`${place.path}/obuilder-store-`)),
        // What is on a disk of its own goes with that; read-only subvolumes could not be removed like this.
        (path) => Effect.sync(() => kind.disk === undefined && Fs.rmSync(path, { recursive: true, force: true }))
      ),
      (directory): Subject => ({
        layer: kind.layer(`${directory}/store`),
        files: hostFiles,
        temporary: Effect.sync(() => temporaryIn(`${directory}/store`))
      })
    )

    storeLaws(makeSubject, { "on the host": hostSource, "in memory": memorySource })

    it.scopedLive("keeps names that are not UTF-8, links between files, and times", () =>
      Effect.gen(function* () {
        const { store } = yield* opened(makeSubject)
        const name = Buffer.of(0x61, 0xff)
        const looks: Array<unknown> = []
        for (const [n, parent] of [["1"], ["2", "1"], ["3", "2"]] as const) {
          yield* Effect.scoped(
            store.build({ id: id(n), parent: Option.map(Option.fromNullable(parent), id), heading: n }, ({ rootfs }) =>
              Effect.sync(() => {
                if (rootfs._tag !== "Directory") throw new Error("not a directory")
                const at = (bytes: Buffer) => Buffer.concat([Buffer.from(`${rootfs.path}/`), bytes])
                if (parent === undefined) {
                  Fs.mkdirSync(at(name))
                  Fs.writeFileSync(`${rootfs.path}/one`, "content", { mode: 0o640 })
                  Fs.linkSync(`${rootfs.path}/one`, `${rootfs.path}/two`)
                  Fs.chownSync(`${rootfs.path}/one`, 1, 2)
                  Fs.utimesSync(`${rootfs.path}/one`, 1e9, 1e9)
                }
                const { gid, ino, mode, mtimeMs, uid } = Fs.lstatSync(`${rootfs.path}/one`)
                const isSame = ino === Fs.lstatSync(`${rootfs.path}/two`).ino
                looks.push({ gid, isSame, mode, mtimeMs, uid, directory: Fs.lstatSync(at(name)).isDirectory() })
              })
            )
          )
        }
        const expected = { gid: 2, uid: 1, mode: 0o100640, mtimeMs: 1e12, isSame: true, directory: true }
        expect(looks).toEqual([expected, expected, expected])
      })
    )
  })
}

describeWith(["root"], "a store of a kind", () => {
  it.scopedLive.each([
    ["btrfs", (path: string) => BtrfsStore.layer({ path }), /is not on btrfs/],
    ["xfs", (path: string) => XfsStore.layer({ path }), /is not on a file system with reflinks/]
  ] as const)("that needs %s says so elsewhere", ([, layer, message]) =>
    Effect.gen(function* () {
      const path = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync("/dev/shm/obuilder-test-store-")),
        (made) => Effect.sync(() => Fs.rmSync(made, { recursive: true }))
      )
      const store = yield* open({ layer: layer(`${path}/store`), files: hostFiles, temporary: Effect.succeed([]) })
      const error = yield* Effect.flip(
        Effect.scoped(store.build({ id: id("x"), parent: Option.none(), heading: "x" }, () => Effect.void))
      )
      expect(error.message).toMatch(message)
    })
  )
})
