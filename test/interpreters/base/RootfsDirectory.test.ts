import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { sha256 as digestOf } from "../../../src/domain/Digest.ts"
import * as LocalBaseImages from "../../../src/interpreters/base/LocalBaseImages.ts"
import { HashMemo } from "../../../src/interpreters/host/HashMemo.ts"
import { makeDevice, makeNode, setXattr } from "../../../src/interpreters/host/Libc.ts"
import { vi } from "vitest"
import { describeWith } from "../../requirements.ts"
import { sha256 } from "./images.ts"
import { describeTree, temporaryDirectory } from "./trees.ts"
import { said, unpackReference } from "./unpacking.ts"

/** A directory to be a base, and its digest as it stands. */
const withRootfs = Effect.map(temporaryDirectory, (directory) => {
  const root = join(directory, "base")
  Fs.mkdirSync(join(root, "etc"), { recursive: true })
  Fs.writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")
  Fs.writeFileSync(join(root, "a"), "1")
  Fs.symlinkSync("/etc/passwd", join(root, "link"))
  const digest = (memo?: HashMemo) =>
    Effect.map(
      LocalBaseImages.make({
        sourceDirectory: directory,
        platform: "linux/amd64",
        ...(memo === undefined ? {} : { memo })
      }).resolve("rootfs:base"),
      (base) => String(base.digest)
    )
  return { directory, root, digest }
})

describe("a root file system in a directory", () => {
  it.scoped("has the digest that its documentation describes", () =>
    Effect.gen(function* () {
      const { digest, root } = yield* withRootfs
      const owner = (path: string) => {
        const { gid, mode, uid } = Fs.lstatSync(join(root, path))
        return [mode & 0o7777, uid, gid, []] as const
      }
      const text = [
        ["", "directory", ...owner("")],
        ["a", "file", ...owner("a"), sha256("1")],
        ["etc", "directory", ...owner("etc")],
        ["etc/passwd", "file", ...owner("etc/passwd"), sha256("root:x:0:0:root:/root:/bin/sh\n")],
        ["link", "link", ...owner("link"), "/etc/passwd"]
      ]
      assert.strictEqual(
        yield* digest(),
        sha256(["obuilder-rootfs-v1", ...text.map((line) => JSON.stringify(line)), ""].join("\n"))
      )
    })
  )

  it.scoped("is known again by a memo while nothing in it has changed", () =>
    Effect.gen(function* () {
      const { digest, root } = yield* withRootfs
      // Times that are too young are not trusted; nobody can set a change time.
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 10_000 })
      yield* Effect.addFinalizer(() => Effect.sync(() => vi.useRealTimers()))
      const memo = new HashMemo()
      const recall = vi.spyOn(memo, "recall")
      const changes = [
        () => undefined,
        () => Fs.writeFileSync(join(root, "a"), "2"),
        () => Fs.chmodSync(join(root, "a"), 0o700),
        () => Fs.writeFileSync(join(root, "etc/new"), ""),
        () => Fs.renameSync(join(root, "etc/new"), join(root, "etc/other")),
        () => {
          Fs.rmSync(join(root, "link"))
          Fs.symlinkSync("/etc/group", join(root, "link"))
        },
        () => Fs.rmSync(join(root, "etc/other"))
      ]
      for (const change of changes) {
        change()
        const expected = yield* digest()
        assert.strictEqual(yield* digest(memo), expected)
        recall.mockClear()
        assert.strictEqual(yield* digest(memo), expected)
        // The tree as a whole, and nothing in it.
        assert.deepStrictEqual(
          recall.mock.results.map(({ value }) => String(value)),
          [expected]
        )
      }
    })
  )

  it.scoped("has a digest that times, and reading it, do not change", () =>
    Effect.gen(function* () {
      const { digest, root } = yield* withRootfs
      const before = yield* digest()
      Fs.utimesSync(join(root, "a"), 1, 1)
      Fs.utimesSync(root, 1, 1)
      assert.strictEqual(yield* digest(), before)
    })
  )

  it.scoped("has another digest when anything else of it changes", () =>
    Effect.gen(function* () {
      const { digest, root } = yield* withRootfs
      const at = (path: string) => join(root, path)
      const changes: ReadonlyArray<() => void> = [
        () => Fs.writeFileSync(at("a"), "2"),
        () => Fs.chmodSync(at("a"), 0o4755),
        () => Fs.chmodSync(root, 0o711),
        () => Fs.renameSync(at("a"), at("b")),
        () => Fs.renameSync(at("b"), at("etc/b")),
        () => Fs.mkdirSync(at("new")),
        () => Fs.linkSync(at("etc/b"), at("other")),
        () => {
          Fs.rmSync(at("link"))
          Fs.symlinkSync("elsewhere", at("link"))
        },
        () => {
          Fs.rmSync(at("link"))
          Fs.writeFileSync(at("link"), "elsewhere")
        },
        () => makeNode(at("pipe"), Fs.constants.S_IFIFO | 0o644, 0n),
        () => setXattr(at("a2"), "user.note", Buffer.from([0xff]))
      ]
      Fs.writeFileSync(at("a2"), "")
      const seen = [yield* digest()]
      for (const change of changes) {
        change()
        seen.push(yield* digest())
      }
      assert.strictEqual(new Set(seen).size, changes.length + 1)
    })
  )

  it.scoped("is not read again where its files' digests are remembered", () =>
    Effect.gen(function* () {
      const { digest, root } = yield* withRootfs
      const truth = yield* digest()
      assert.strictEqual(yield* digest(new HashMemo()), truth)
      const memo = new HashMemo()
      // Something that reading would not find; and long ago, so that the memo believes it.
      memo.remember(Fs.lstatSync(join(root, "a")), digestOf("something else"), Date.now() + 1_000_000)
      assert.notStrictEqual(yield* digest(memo), truth)
    })
  )

  it.scoped("is refused for what cannot be copied", () =>
    Effect.gen(function* () {
      const { digest, root } = yield* withRootfs
      const name = Buffer.concat([Buffer.from(`${root}/caf`), Buffer.from([0xe9])])
      Fs.writeFileSync(name, "")
      assert.match(said(yield* Effect.flip(digest())), /not UTF-8: "café" \(rename or remove it\)/)
      Fs.rmSync(name)
    })
  )
})

describeWith(["root"], "a root file system in a directory, when copied,", () => {
  it.scoped("is the same in everything but what nobody sees", () =>
    Effect.gen(function* () {
      const { directory, root } = yield* withRootfs
      const at = (path: string) => join(root, path)
      Fs.chownSync(at("a"), 1000, 2000)
      Fs.chmodSync(at("a"), 0o4711)
      setXattr(at("a"), "user.note", Buffer.from([0xff, 0]))
      setXattr(at("link"), "trusted.mark", Buffer.from("x"))
      Fs.linkSync(at("a"), at("etc/a"))
      makeNode(at("null"), Fs.constants.S_IFCHR | 0o666, makeDevice(1, 3))
      makeNode(at("pipe"), Fs.constants.S_IFIFO | 0o600, 0n)
      Fs.mkdirSync(at("empty"), { mode: 0o700 })
      Fs.chmodSync(at("empty"), 0o3777)
      for (const path of ["etc/passwd", "etc", "empty", ""]) Fs.utimesSync(at(path), 1000, 2000 + path.length)
      Fs.lutimesSync(at("link"), 1000, 3000)
      const copy = yield* unpackReference(directory, "rootfs:base")
      assert.deepStrictEqual(describeTree(copy, { times: true }), describeTree(root, { times: true }))
    })
  )

  it.scoped("may be named by a link, or by an absolute path", () =>
    Effect.gen(function* () {
      const { directory, digest, root } = yield* withRootfs
      Fs.symlinkSync("base", join(directory, "named"))
      const images = LocalBaseImages.make({ sourceDirectory: directory, platform: "linux/amd64" })
      assert.strictEqual(String((yield* images.resolve("rootfs:named")).digest), yield* digest())
      assert.strictEqual(String((yield* images.resolve(`rootfs:${root}`)).digest), yield* digest())
      assert.deepStrictEqual(describeTree(yield* unpackReference(directory, "rootfs:named")), describeTree(root))
    })
  )

  it.scoped("is refused when it is no longer what was planned", () =>
    Effect.gen(function* () {
      const { directory, root } = yield* withRootfs
      const images = LocalBaseImages.make({ sourceDirectory: directory, platform: "linux/amd64" })
      const base = yield* images.resolve("rootfs:base")
      Fs.writeFileSync(join(root, "a"), "2")
      const path = join(directory, "root")
      Fs.mkdirSync(path)
      const error = yield* Effect.flip(images.unpack("rootfs:base", base, { _tag: "Directory", path }))
      assert.match(said(error), /is not what it was when the build was planned/)
    })
  )

  it.scoped("is refused where the store is inside it, or it holds what cannot be copied", () =>
    Effect.gen(function* () {
      const { directory, root, digest } = yield* withRootfs
      const images = LocalBaseImages.make({ sourceDirectory: directory, platform: "linux/amd64" })
      const path = join(root, "etc/store")
      Fs.mkdirSync(path)
      const base = yield* images.resolve("rootfs:base")
      const inside = yield* Effect.flip(images.unpack("rootfs:base", base, { _tag: "Directory", path }))
      assert.match(said(inside), /holds the store itself/)
      makeNode(join(root, "socket"), Fs.constants.S_IFSOCK | 0o600, 0n)
      assert.match(said(yield* Effect.flip(digest())), /is a socket, which cannot be copied/)
      Fs.rmSync(join(root, "socket"))
      makeNode(join(root, "whiteout"), Fs.constants.S_IFCHR | 0o600, 0n)
      assert.match(said(yield* Effect.flip(digest())), /is the character device 0:0/)
    })
  )
})
