/** Images as other programs write them, and unpacked as another program unpacks them. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as LocalBaseImages from "../../../src/interpreters/base/LocalBaseImages.ts"
import { describeWith } from "../../requirements.ts"
import { ociLayout } from "./images.ts"
import { everything, system } from "./specimens.ts"
import { describeTree, temporaryDirectory } from "./trees.ts"
import { unpackReference } from "./unpacking.ts"

const run = (cwd: string, command: string, ...args: ReadonlyArray<string>): string =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })

/** What a reference is unpacked to, the directory being removed again. */
const unpacked = (directory: string, reference: string) =>
  Effect.map(unpackReference(directory, reference), (root) => {
    const tree = describeTree(root, { times: true })
    Fs.rmSync(root, { recursive: true })
    return tree
  })

describeWith(["root", "busybox", "skopeo"], "an image that skopeo has copied", () => {
  const skopeo = (directory: string, from: string, to: string, ...options: ReadonlyArray<string>) =>
    run(directory, "skopeo", "copy", "--quiet", "--insecure-policy", "--tmpdir", directory, ...options, from, to)

  it.scoped("is the same base from a layout and from archives of both kinds", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [digest] = ociLayout(join(directory, "image"), system())
      const { resolve } = LocalBaseImages.make({ sourceDirectory: directory, platform: "linux/amd64" })
      const expected = yield* unpacked(directory, "oci:image")
      skopeo(directory, "oci:image:latest", "oci:copy:v1")
      skopeo(directory, "oci:image:latest", "oci-archive:copy.tar:v1")
      skopeo(directory, "oci:image:latest", "docker-archive:docker.tar:busybox:1")
      skopeo(directory, "docker-archive:docker.tar:busybox:1", "oci:back:v1")
      run(directory, "gzip", "-k", "docker.tar", "copy.tar")
      run(directory, "xz", "-k", "-0", "copy.tar")
      for (const reference of [
        "oci:copy:v1",
        "oci-archive:copy.tar",
        "oci-archive:copy.tar.gz:v1",
        "oci-archive:copy.tar.xz"
      ]) {
        assert.strictEqual(String((yield* resolve(reference)).digest), digest, reference)
      }
      const references = [
        "oci:copy",
        "oci-archive:copy.tar",
        "oci-archive:copy.tar.gz",
        "docker-archive:docker.tar",
        "docker-archive:docker.tar:docker.io/library/busybox:1",
        "docker-archive:docker.tar.gz:@0",
        "oci:back"
      ]
      for (const reference of references) {
        assert.deepStrictEqual((yield* resolve(reference)).environment, [{ name: "PATH", value: "/bin:/usr/bin" }])
        assert.deepStrictEqual(yield* unpacked(directory, reference), expected, reference)
      }
    })
  )

  it.scoped("has the digest that skopeo inspects", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      ociLayout(join(directory, "image"), system())
      const inspected: { readonly Digest: string } = JSON.parse(run(directory, "skopeo", "inspect", "oci:image"))
      const base = yield* LocalBaseImages.make({ sourceDirectory: directory }).resolve("oci:image")
      assert.strictEqual(`sha256:${base.digest}`, inspected.Digest)
    })
  )

  it.scoped("may be one of several in an archive, of which skopeo means the same", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      ociLayout(join(directory, "image"), system())
      skopeo(directory, "oci:image:latest", "docker-archive:docker.tar:me/first:1", "--additional-tag", "second:2")
      const { resolve } = LocalBaseImages.make({ sourceDirectory: directory })
      for (const choice of ["", ":me/first:1", ":docker.io/me/first:1", ":second:2", ":@0"]) {
        const reference = `docker-archive:docker.tar${choice}`
        const config = run(directory, "skopeo", "inspect", "--config", "--raw", reference)
        run(directory, "skopeo", "inspect", reference)
        assert.isNotEmpty(config)
        assert.lengthOf((yield* resolve(reference)).digest, 64)
      }
    })
  )

  it.scoped("may have layers compressed by zstd", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      ociLayout(join(directory, "image"), system())
      const expected = yield* unpacked(directory, "oci:image")
      skopeo(directory, "oci:image:latest", "dir:plain", "--dest-decompress")
      skopeo(directory, "dir:plain", "oci:zstd:v1", "--dest-compress-format", "zstd", "--dest-compress")
      assert.deepStrictEqual(yield* unpacked(directory, "oci:zstd"), expected)
    })
  )
})

describeWith(["root", "umoci"], "an image that umoci unpacks", () => {
  it.scoped("is unpacked to the same tree, entry by entry", () =>
    Effect.gen(function* () {
      const place = yield* temporaryDirectory
      ociLayout(join(place, "image"), {
        layers: everything,
        name: "latest",
        config: { created: "2020-01-01T00:00:00Z" }
      })
      run(place, "umoci", "unpack", "--image", "image:latest", "bundle")
      const ours = describeTree(yield* unpackReference(place, "oci:image:latest"), { times: true })
      const theirs = describeTree(join(place, "bundle/rootfs"), { times: true })
      // Directories that no entry is about have the time of unpacking there, and always the same one here.
      const comparable = (line: string, index: number) =>
        index === 0 || ours[index]?.endsWith(" @0") === true ? line.replace(/ @[0-9]+$/, "") : line
      assert.deepStrictEqual(ours.map(comparable), theirs.map(comparable))
      assert.isAbove(ours.length, 40)
    })
  )

  it.scoped("may be one that umoci has made", () =>
    Effect.gen(function* () {
      const place = yield* temporaryDirectory
      run(place, "umoci", "init", "--layout", "image")
      run(place, "umoci", "new", "--image", "image:v1")
      run(place, "umoci", "config", "--image", "image:v1", "--config.env", "PATH=/bin")
      run(place, "umoci", "unpack", "--image", "image:v1", "bundle")
      const root = join(place, "bundle/rootfs")
      Fs.mkdirSync(join(root, "dir"))
      Fs.writeFileSync(join(root, "dir/file"), "1", { mode: 0o640 })
      Fs.writeFileSync(join(root, "dir/other"), "2")
      Fs.symlinkSync("dir/file", join(root, "link"))
      Fs.linkSync(join(root, "dir/file"), join(root, "second-name"))
      run(place, "umoci", "repack", "--image", "image:v2", "bundle")
      Fs.rmSync(join(place, "bundle"), { recursive: true })
      run(place, "umoci", "unpack", "--image", "image:v2", "bundle")
      Fs.rmSync(join(root, "dir/other"))
      Fs.rmSync(join(root, "link"))
      Fs.mkdirSync(join(root, "link"))
      run(place, "umoci", "repack", "--image", "image:v3", "bundle")
      // umoci writes whole seconds, to the nearest one.
      assert.deepStrictEqual(describeTree(yield* unpackReference(place, "oci:image:v3")), describeTree(root))
    })
  )
})

describeWith(["root", "tar"], "a tar of a root file system that GNU tar has made", () => {
  it.scoped("is unpacked to the same tree, in each of its formats", () =>
    Effect.gen(function* () {
      const place = yield* temporaryDirectory
      ociLayout(join(place, "image"), { layers: [everything[0]?.filter(({ path }) => path !== "old") ?? []] })
      const made = yield* unpackReference(place, "oci:image")
      const base = join(place, "base")
      Fs.renameSync(made, base)
      const expected = describeTree(base, { times: true })
      const formats = [["gnu"], ["pax", "--xattrs", "--xattrs-include=*"]]
      for (const [format = "", ...options] of formats) {
        run(place, "tar", "-c", `--format=${format}`, ...options, "-C", base, "-f", "base.tar", ".")
        const tree = yield* unpacked(place, "rootfs:base.tar")
        const known = (line: string) =>
          options.length > 0 ? line : line.replace(/ (user|security)\.[a-z]+=[0-9a-f]*/, "")
        assert.deepStrictEqual(tree, expected.map(known), format)
      }
    })
  )
})
