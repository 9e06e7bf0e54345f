import { assert, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"
import { ImageProblem, isSystemError } from "../../../src/interpreters/base/ImageProblem.ts"
import * as LocalBaseImages from "../../../src/interpreters/base/LocalBaseImages.ts"
import { LayerWriter } from "../../../src/interpreters/base/LayerWriter.ts"
import { TarReader } from "../../../src/interpreters/base/TarReader.ts"
import { describeWith } from "../../requirements.ts"
import { directory, type Entry, file, gzip, hardLink, link, ociLayout, tarOf } from "./images.ts"
import { describeTree, temporaryDirectory } from "./trees.ts"
import { said, unpackLayers, unpackReference } from "./unpacking.ts"

/** A directory with something to harm in it: what links out of an image would lead to. */
const withOutside = Effect.map(temporaryDirectory, (directory) => {
  const outside = join(directory, "outside")
  Fs.mkdirSync(join(outside, "sub"), { recursive: true })
  Fs.writeFileSync(join(outside, "victim"), "precious", { mode: 0o600 })
  Fs.writeFileSync(join(outside, "sub/victim"), "precious")
  Fs.utimesSync(outside, 1000, 1000)
  return { directory, outside, state: () => JSON.stringify(describeTree(outside, { times: true })) }
})

/** Unpacks layers made for that place, and tells what happened; nothing outside may have changed. */
const attack = (layers: (outside: string) => ReadonlyArray<ReadonlyArray<Entry>>) =>
  Effect.gen(function* () {
    const { directory, outside, state } = yield* withOutside
    const before = state()
    ociLayout(join(directory, "image"), { layers: layers(outside) })
    const result = yield* Effect.either(unpackReference(directory, "oci:image"))
    assert.strictEqual(state(), before)
    return result._tag === "Left" ? said(result.left) : describeTree(result.right).slice(1)
  })

/** Applies one layer to a directory without an image around it. */
const apply = (root: string, entries: ReadonlyArray<Entry>, kind: "lowest" | "layer" | "tar"): void => {
  const writer = new LayerWriter({ root, maxEntries: 1000 })
  writer.begin(kind)
  try {
    const reader = new TarReader(writer)
    reader.write(tarOf(entries))
    reader.end()
    writer.finish()
  } catch (error) {
    if (!(error instanceof ImageProblem) && !isSystemError(error)) throw error
  } finally {
    writer.dispose()
  }
}

describeWith(["root"], "an image that wants out of its directory", () => {
  it.scoped("is refused for names with ..", () =>
    Effect.gen(function* () {
      for (const path of ["../outside/new", "a/../../outside/new", "..", "/../outside/new", "a/.."]) {
        assert.match(String(yield* attack(() => [[file(path, "x")]])), /leads out of its directory/)
        assert.match(String(yield* attack(() => [[file("a"), hardLink("b", path)]])), /leads out of its directory/)
      }
      assert.match(String(yield* attack(() => [[file("a")], [file("../outside/.wh.victim")]])), /leads out/)
    })
  )

  it.scoped("stays inside with absolute names", () =>
    Effect.gen(function* () {
      const tree = yield* attack((outside) => [[file(`${outside}/victim`, "x")]])
      assert.isTrue(tree.includes(`f0644 0:0 ${tree.at(-1)?.slice(10)}`), String(tree))
      assert.match(String(tree.at(-1)), /outside\/victim "x"$/)
    })
  )

  it.scoped("stays inside when a link leads out, or above the root", () =>
    Effect.gen(function* () {
      const shape = (target: string, then: ReadonlyArray<Entry>) => attack(() => [[link("l", target), ...then]])
      assert.deepStrictEqual(yield* shape("/outside", [file("l/victim", "x")]), [
        "l0777 0:0 l -> /outside",
        "d0755 0:0 outside",
        'f0644 0:0 outside/victim "x"'
      ])
      assert.deepStrictEqual(yield* shape("../../../outside", [file("l/victim", "x")]), [
        "l0777 0:0 l -> ../../../outside",
        "d0755 0:0 outside",
        'f0644 0:0 outside/victim "x"'
      ])
      assert.deepStrictEqual(yield* shape("../outside", [directory("l", { mode: 0o700 }), file("l/x", "")]), [
        "d0700 0:0 l",
        'f0644 0:0 l/x ""'
      ])
    })
  )

  it.scoped("writes to no file that a link points to", () =>
    Effect.gen(function* () {
      const tree = yield* attack((outside) => [
        [
          link("a", `${outside}/victim`),
          file("a", "x"),
          link("b", `${outside}/victim`),
          { path: "b", type: "6" },
          link("c", `${outside}/victim`),
          directory("c"),
          link("d", outside),
          hardLink("e", "d"),
          file("e", "x")
        ]
      ])
      assert.deepStrictEqual(Array.isArray(tree) ? tree.map((line) => line.replace(/-> .*/, "-> OUT")) : tree, [
        'f0644 0:0 a "x"',
        "p0644 0:0 b",
        "d0755 0:0 c",
        "l0777 0:0 d -> OUT",
        'f0644 0:0 e "x"'
      ])
    })
  )

  it.scoped("makes no hard link to a file of the host", () =>
    Effect.gen(function* () {
      assert.match(String(yield* attack((outside) => [[hardLink("a", `${outside}/victim`)]])), /is not there/)
      assert.match(
        String(yield* attack((outside) => [[link("l", outside), hardLink("a", "l/victim")]])),
        /is not there/
      )
      assert.match(String(yield* attack(() => [[link("l", "../outside"), hardLink("a", "l/victim")]])), /is not there/)
      // A link's other name is the link, not what it points to.
      const tree = yield* attack((outside) => [[link("l", `${outside}/victim`), hardLink("a", "l")]])
      assert.match(String(tree), /^l0777 0:0 a -> .*victim,l0777 0:0 l -> .*victim = a$/)
    })
  )

  it.scoped("removes nothing of the host by whiteouts", () =>
    Effect.gen(function* () {
      const low = (outside: string) => [link("l", outside), file("d/x", "")]
      yield* attack((outside) => [low(outside), [file("l/.wh.victim"), file("l/.wh..wh..opq"), file(".wh.l")]])
      yield* attack((outside) => [low(outside), [file("d/.wh..wh..opq"), link("d/m", outside), file("d/m/.wh.victim")]])
      for (const name of [
        ".wh.",
        ".wh..",
        ".wh...",
        "d/.wh..",
        "d/.wh...",
        ".wh.x/y",
        ".wh.x/.wh.y",
        ".wh.x/.wh..wh..opq"
      ]) {
        const result = yield* attack((outside) => [low(outside), [file(name)]])
        if (name === ".wh.x/.wh..wh..opq") assert.isArray(result)
        else assert.match(String(result), /is no whiteout/, name)
      }
    })
  )

  it.scoped("cannot use a directory's time, set at the end, on what has taken its place", () =>
    Effect.gen(function* () {
      yield* attack((outside) => [
        [directory("a/sub", { mtime: 5 }), directory("b", { mtime: 5 })],
        [link("a", outside), link("b", outside)]
      ])
      yield* attack((outside) => [[directory("a/sub", { mtime: 5 }), file("a", ""), link("a", outside)]])
    })
  )

  it.scoped("cannot make the root anything but a directory", () =>
    Effect.gen(function* () {
      for (const entry of [link(".", "/outside"), file("./.", ""), hardLink("./", "x"), { path: "", type: "6" }]) {
        assert.match(String(yield* attack(() => [[file("x"), entry]])), /root that is not a directory/)
      }
      assert.isArray(yield* attack(() => [[file("x"), directory("/", { mode: 0o700 })], [file("/.wh..wh..opq")]]))
    })
  )

  it.scoped("is refused for links that go round in circles", () =>
    Effect.gen(function* () {
      assert.match(String(yield* attack(() => [[link("a", "b"), link("b", "a"), file("a/x")]])), /round in circles/)
      assert.match(String(yield* attack(() => [[link("a", "a/a"), file("a/x")]])), /round in circles/)
    })
  )

  it.scoped("never gets out, whatever it tries", () =>
    Effect.gen(function* () {
      const { directory: place, outside, state } = yield* withOutside
      const before = state()
      const name = FastCheck.constantFrom("a", "b", "sub", "victim", ".", "..", ".wh.a", ".wh.victim", ".wh..wh..opq")
      const path = FastCheck.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"))
      const target = FastCheck.oneof(
        path,
        FastCheck.constantFrom(outside, `${outside}/sub`, `${outside}/victim`, "/", "../outside", "../../outside/sub")
      )
      const entry: FastCheck.Arbitrary<Entry> = FastCheck.oneof(
        path.map((path) => file(path, "overwritten", { mtime: 1 })),
        path.map((path) => directory(path, { mode: 0o777, uid: 1, mtime: 1 })),
        FastCheck.tuple(path, target).map(([path, target]) => link(path, target)),
        FastCheck.tuple(path, target).map(([path, target]) => hardLink(path, target)),
        path.map((path) => ({ path, type: "6" }))
      )
      const kind = FastCheck.constantFrom("lowest" as const, "layer" as const, "tar" as const)
      FastCheck.assert(
        FastCheck.property(
          FastCheck.array(entry, { maxLength: 12 }),
          FastCheck.array(entry, { maxLength: 12 }),
          kind,
          (low, high, kind) => {
            const root = Fs.mkdtempSync(join(place, "root-"))
            apply(root, low, "tar")
            apply(root, high, kind)
            Fs.rmSync(root, { recursive: true })
            assert.strictEqual(state(), before)
          }
        ),
        { numRuns: 400 }
      )
    })
  )
})

describeWith(["root"], "an image that is too much", () => {
  it.scoped("is refused for unpacking to more bytes than allowed", () =>
    Effect.gen(function* () {
      const zeros = file("zeros", Buffer.alloc(5_000_000))
      const limits = { maxBytes: 6_000_000, maxEntries: 100 }
      assert.lengthOf(Fs.readdirSync(yield* unpackLayers([[zeros]], { limits })), 1)
      const error = yield* Effect.flip(unpackLayers([[zeros], [zeros]], { limits }))
      assert.strictEqual(said(error), "the base unpacks to more than 6000000 bytes (raise the limit if that is meant)")
    })
  )

  it.scoped("is refused for a file that claims to be larger than it is", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(unpackLayers([[file("a", "x", { size: 2 ** 50 })]]))
      assert.match(said(error), /ends in the middle of "a"/)
    })
  )

  it.scoped("is refused for holding more entries than allowed", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 60 }, (_, index) => file(`f${index}`))
      const limits = { maxBytes: 1e9, maxEntries: 100 }
      assert.lengthOf(Fs.readdirSync(yield* unpackLayers([many], { limits })), 60)
      const error = yield* Effect.flip(unpackLayers([many, many], { limits }))
      assert.strictEqual(said(error), "the base holds more than 100 entries (raise the limit if that is meant)")
    })
  )

  it.scoped("is taken only from where bases may come from, and no link leads elsewhere", () =>
    Effect.gen(function* () {
      const place = yield* temporaryDirectory
      for (const path of ["source/base", "allowed/base", "outside/base", "allowed-not/base"]) {
        Fs.mkdirSync(join(place, path), { recursive: true })
      }
      Fs.symlinkSync("../outside/base", join(place, "source/link"))
      Fs.symlinkSync("../outside", join(place, "allowed/link"))
      Fs.symlinkSync("../allowed/base", join(place, "source/good"))
      const images = LocalBaseImages.make({ sourceDirectory: join(place, "source"), within: [join(place, "allowed")] })
      const fine = ["base", "good", "../allowed/base", join(place, "allowed/base")]
      for (const [index, reference] of fine.entries()) {
        const base = yield* images.resolve(`rootfs:${reference}`)
        const target = join(place, `target-${index}`)
        Fs.mkdirSync(target)
        yield* images.unpack(`rootfs:${reference}`, base, { _tag: "Directory", path: target })
      }
      const refused = ["link", "../allowed/link/base", "../outside/base", "../allowed-not/base", "/", "/etc"]
      for (const reference of refused) {
        for (const kind of ["rootfs", "oci"]) {
          const error = yield* Effect.flip(images.resolve(`${kind}:${reference}`))
          assert.match(
            said(error),
            /is in none of the directories that bases may come from .*allow its directory with within/
          )
        }
      }
    })
  )

  it.scoped("says so when it fills the disk", () =>
    Effect.gen(function* () {
      const place = yield* temporaryDirectory
      ociLayout(join(place, "image"), { layers: [[file("a", Buffer.alloc(3_000_000, "x"))]] })
      const path = join(place, "small")
      Fs.mkdirSync(path)
      yield* Effect.acquireRelease(
        Effect.sync(() => execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path])),
        () => Effect.sync(() => execFileSync("umount", [path]))
      )
      const images = LocalBaseImages.make({ sourceDirectory: place, platform: "linux/amd64" })
      const base = yield* images.resolve("oci:image")
      const error = yield* Effect.flip(images.unpack("oci:image", base, { _tag: "Directory", path }))
      assert.match(said(error), /cannot unpack the layer .* ENOSPC.* \(the disk is full: free some space\)$/)
    })
  )

  it.scoped("is refused for names longer than a path, or a part of one, can be", () =>
    Effect.gen(function* () {
      const deep = Array.from({ length: 5000 }, () => "d").join("/")
      const error = yield* Effect.flip(unpackLayers([[file("x", "", { pax: { path: deep } })]]))
      assert.match(said(error), /name longer than 4095 bytes/)
      const long = yield* Effect.flip(unpackLayers([[file("x", "", { pax: { path: "x".repeat(256) } })]]))
      assert.match(said(long), /ENAMETOOLONG/)
    })
  )
})

describeWith(["root"], "an image whose bytes are not what they should be", () => {
  const spoil = (change: (layout: string, digest: string) => void, compress = gzip) =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const layout = join(directory, "image")
      const tar = tarOf([file("a", "text".repeat(1000))])
      ociLayout(layout, { layers: [{ tar, compress }] })
      const manifests = Fs.readdirSync(join(layout, "blobs/sha256"))
      const blob = manifests.find((name) => Fs.readFileSync(join(layout, "blobs/sha256", name)).equals(compress(tar)))
      change(join(layout, "blobs/sha256"), blob ?? "")
      const error = yield* Effect.flip(unpackReference(directory, "oci:image"))
      return said(error)
        .replaceAll(directory, "DIR")
        .replaceAll(/[0-9a-f]{64}/g, "DIGEST")
        .replaceAll(/[0-9]+ bytes/g, "N bytes")
    })

  it.scoped("is refused for a layer with other bytes, of another length, or cut off", () =>
    Effect.gen(function* () {
      const messages = [
        yield* spoil((blobs, name) => Fs.writeFileSync(join(blobs, name), gzip(tarOf([file("b", "other")])))),
        yield* spoil((blobs, name) => Fs.appendFileSync(join(blobs, name), "more")),
        yield* spoil((blobs, name) => Fs.truncateSync(join(blobs, name), 50)),
        yield* spoil((blobs, name) => Fs.rmSync(join(blobs, name))),
        yield* spoil(
          (blobs, name) => {
            const data = Fs.readFileSync(join(blobs, name))
            data[600] = 0x21
            Fs.writeFileSync(join(blobs, name), data)
          },
          (tar) => tar
        )
      ]
      expect(messages).toMatchInlineSnapshot(`
        [
          "the layer sha256:DIGEST in DIR/image does not have the N bytes that it should have (make or copy the image again)",
          "the layer sha256:DIGEST in DIR/image does not have the N bytes that it should have (make or copy the image again)",
          "the layer sha256:DIGEST in DIR/image does not have the N bytes that it should have (make or copy the image again)",
          "the layer sha256:DIGEST in DIR/image is not there (the image is incomplete: make or copy it again)",
          "the layer sha256:DIGEST in DIR/image has the digest sha256:DIGEST, not sha256:DIGEST (it is damaged or was changed: make or copy it again)",
        ]
      `)
    })
  )

  it.scoped("is refused for a layer that unpacks to something else than its configuration says", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const config = { rootfs: { type: "layers", diff_ids: [`sha256:${"0".repeat(64)}`] } }
      ociLayout(join(directory, "image"), { layers: [[file("a")]], config })
      assert.match(said(yield* Effect.flip(unpackReference(directory, "oci:image"))), /its image's configuration says/)
    })
  )

  it.scoped("is refused for bytes after its compressed data, which would go unchecked", () =>
    Effect.gen(function* () {
      const followedBy = (byte: string) => (tar: Buffer) => Buffer.concat([gzip(tar), Buffer.alloc(1_000_000, byte)])
      const zeros = yield* Effect.flip(unpackLayers([{ tar: tarOf([file("a")]), compress: followedBy("\0") }]))
      assert.match(said(zeros), /has bytes after its compressed data/)
      const others = yield* Effect.flip(unpackLayers([{ tar: tarOf([file("a")]), compress: followedBy("x") }]))
      assert.match(said(others), /incorrect header check/)
    })
  )
})
