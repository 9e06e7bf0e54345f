/** The laws of `Store` for the kinds whose results are whole trees, each on its own file system. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import * as BtrfsStore from "../../../src/interpreters/store/BtrfsStore.ts"
import * as RsyncStore from "../../../src/interpreters/store/RsyncStore.ts"
import * as XfsStore from "../../../src/interpreters/store/XfsStore.ts"
import { sha256 } from "../../../src/domain/Digest.ts"
import { setTimes } from "../../../src/interpreters/host/Libc.ts"
import { hostFiles } from "../../laws/files.ts"
import { hostSource, memorySource } from "../../laws/sources.ts"
import { storeLaws } from "../../laws/store.ts"
import { id, open, opened, type Subject } from "../../laws/storeSubject.ts"
import { describeWith } from "../../requirements.ts"
import { disk } from "./disk.ts"
import { temporaryIn, wholeTrees } from "./kinds.ts"

for (const kind of wholeTrees) {
  describeWith(kind.needs, `the store ${kind.name}`, () => {
    const place = kind.disk === undefined ? { path: tmpdir() } : disk(kind.disk)
    const makeSubject = Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(`${place.path}/obuilder-store-`)),
        // What is on a disk of its own goes with that; read-only subvolumes could not be removed like this.
        (path) =>
          Effect.sync(() => {
            if (kind.disk === undefined) Fs.rmSync(path, { recursive: true, force: true })
            kind.discard?.(path)
          })
      ),
      (directory): Subject => ({
        layer: kind.layer(`${directory}/store`),
        files: hostFiles,
        timeStep: Number((kind.timeStep ?? 1_000_000n) / 1_000_000n),
        temporary: Effect.sync(() => temporaryIn(`${directory}/store`))
      })
    )

    storeLaws(makeSubject, { "on the host": hostSource, "in memory": memorySource })

    it.scopedLive("keeps names that are not UTF-8, links between files, and times", () =>
      Effect.gen(function* () {
        const { store } = yield* opened(makeSubject)
        const name = Buffer.of(0x61, 0xff)
        const time = 1_000_000_000_999_600_001n
        const kept = time - (time % (kind.timeStep ?? 1n))
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
                  setTimes(`${rootfs.path}/one`, time, time)
                  Fs.writeFileSync(`${rootfs.path}/large`, Buffer.alloc(3_000_001, "large"))
                  Fs.truncateSync(`${rootfs.path}/large`, 20_000_000)
                }
                const { gid, ino, mode, uid } = Fs.lstatSync(`${rootfs.path}/one`)
                const { mtimeNs } = Fs.lstatSync(`${rootfs.path}/one`, { bigint: true })
                const isSame = ino === Fs.lstatSync(`${rootfs.path}/two`).ino
                const large = sha256(Fs.readFileSync(`${rootfs.path}/large`))
                const isSparse = Fs.statSync(`${rootfs.path}/large`).blocks * 512 < 10_000_000
                const directory = Fs.lstatSync(at(name)).isDirectory()
                looks.push({ directory, gid, isSame, isSparse, large, mode, mtimeNs, uid })
              })
            )
          )
        }
        const expected = {
          directory: true,
          gid: 2,
          isSame: true,
          isSparse: true,
          large: sha256(Buffer.concat([Buffer.alloc(3_000_001, "large"), Buffer.alloc(20_000_000 - 3_000_001)])),
          mode: 0o100640,
          mtimeNs: kept,
          uid: 1
        }
        expect(looks).toEqual([expected, expected, expected])
      })
    )
  })
}

describeWith(["root"], "a store of a kind", () => {
  it.scopedLive("that links files leaves apart what a step has parted", () =>
    Effect.gen(function* () {
      const path = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(`${tmpdir()}/obuilder-test-store-`)),
        (made) => Effect.sync(() => Fs.rmSync(made, { recursive: true }))
      )
      const layer = RsyncStore.layer({ path: `${path}/store`, mode: "hardlink" })
      const store = yield* open({ layer, files: hostFiles, temporary: Effect.succeed([]) })
      const step = (name: string, parent: string | undefined, work: (root: string) => void) =>
        Effect.scoped(
          store.build({ id: id(name), parent: Option.map(Option.fromNullable(parent), id), heading: name }, (made) =>
            Effect.sync(() => made.rootfs._tag === "Directory" && work(made.rootfs.path))
          )
        )
      const inode = (name: string, file: string) => Fs.statSync(`${path}/store/results/${id(name)}/fs/${file}`).ino
      yield* step("1", undefined, (root) => {
        Fs.writeFileSync(`${root}/a`, "hello")
        Fs.linkSync(`${root}/a`, `${root}/b`)
        Fs.writeFileSync(`${root}/kept`, "kept")
      })
      yield* step("2", "1", (root) => {
        Fs.cpSync(`${root}/a`, `${root}/t`, { preserveTimestamps: true })
        Fs.renameSync(`${root}/t`, `${root}/a`)
      })
      yield* step("3", "2", (root) => Fs.appendFileSync(`${root}/a`, " changed"))
      expect(inode("1", "a")).toBe(inode("1", "b"))
      expect(inode("2", "a")).not.toBe(inode("2", "b"))
      expect(inode("1", "kept")).toBe(inode("3", "kept"))
      const contents = (name: string) =>
        ["a", "b"].map((file) => Fs.readFileSync(`${path}/store/results/${id(name)}/fs/${file}`, "utf8"))
      expect(["1", "2", "3"].map(contents)).toEqual([
        ["hello", "hello"],
        ["hello", "hello"],
        ["hello changed", "hello"]
      ])
    })
  )

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
