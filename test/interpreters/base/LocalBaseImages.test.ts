import { assert, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import type { BaseInput } from "../../../src/domain/Inputs.ts"
import * as LocalBaseImages from "../../../src/interpreters/base/LocalBaseImages.ts"
import { describeWith } from "../../requirements.ts"
import {
  dockerArchive,
  file,
  hardLink,
  type Image,
  link,
  ociLayout,
  sha256,
  tarOf,
  writeBlob,
  writeImage,
  writeIndex,
  writeLayout
} from "./images.ts"
import { describeTree, temporaryDirectory } from "./trees.ts"
import { said, unpackReference } from "./unpacking.ts"

const service = (sourceDirectory: string, platform = "linux/amd64") =>
  LocalBaseImages.make({ sourceDirectory, platform })

const plain = (base: BaseInput) => ({ ...base, digest: String(base.digest) })

const layer = (name: string): Image["layers"][number] => [file(name, name)]

/** All files below a directory as entries of an archive. */
const filesBelow = (path: string) =>
  Fs.readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => Fs.statSync(join(path, name)).isFile())
    .map((name) => file(`./${name}`, Fs.readFileSync(join(path, name))))

const messages = (directory: string, references: ReadonlyArray<string>, platform?: string) =>
  Effect.map(
    Effect.forEach(references, (reference) => Effect.either(service(directory, platform).resolve(reference))),
    (results) =>
      results.map((result, index) => {
        const text = result._tag === "Left" ? said(result.left) : `found sha256:${result.right.digest}`
        return `${references[index] ?? ""}: ${text}`.replaceAll(directory, "DIR").replaceAll(/[0-9a-f]{64}/g, "DIGEST")
      })
  )

describe("an OCI layout's image", () => {
  it.scoped("is its manifest's digest, its platform and its environment", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const env = ["PATH=/usr/bin:/bin", "EMPTY=", "EQUALS=a=b", "PATH=/bin", "LANG=C.UTF-8"]
      const platform = { os: "linux", architecture: "arm", variant: "v6" }
      const [digest] = ociLayout(join(directory, "image"), { layers: [layer("a")], env, platform })
      assert.deepStrictEqual(plain(yield* service(directory).resolve("oci:image")), {
        format: "oci",
        digest: String(digest),
        platform: "linux/arm/v6",
        environment: [
          { name: "PATH", value: "/bin" },
          { name: "EMPTY", value: "" },
          { name: "EQUALS", value: "a=b" },
          { name: "LANG", value: "C.UTF-8" }
        ]
      })
    })
  )

  it.scoped("may have no environment and no layers", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      ociLayout(join(directory, "image"), {
        layers: [],
        config: { config: null, rootfs: { type: "layers", diff_ids: null } },
        manifest: { layers: null }
      })
      assert.deepStrictEqual((yield* service(directory).resolve("oci:image")).environment, [])
    })
  )

  it.scoped("is chosen by its name, or by its number", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const digests = ociLayout(
        join(directory, "image"),
        { layers: [layer("a")], name: "latest" },
        { layers: [layer("b")], name: "docker.io/library/busybox:1.36" },
        { layers: [layer("c")] }
      )
      const { resolve } = service(directory)
      const found = yield* Effect.forEach(
        ["oci:image:latest", "oci:image:docker.io/library/busybox:1.36", "oci:image:@2", "oci:image:@0"],
        (reference) => Effect.map(resolve(reference), (base) => digests.indexOf(base.digest))
      )
      assert.deepStrictEqual(found, [0, 1, 2, 0])
    })
  )

  it.scoped("is the only one though there is something else about it beside it", () =>
    Effect.gen(function* () {
      const layout = join(yield* temporaryDirectory, "image")
      const image = writeImage(layout, { layers: [layer("a")] })
      const statement = writeImage(layout, { layers: [layer("statement")] })
      writeLayout(layout, [{ ...statement, artifactType: "application/vnd.in-toto+json" }, image])
      const { digest } = yield* service(join(layout, "..")).resolve("oci:image")
      assert.strictEqual(`sha256:${digest}`, image.digest)
    })
  )

  it.scoped("is the variant for the platform, in indexes of any depth", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const layout = join(directory, "image")
      const image = (architecture: string, variant?: string) => {
        const platform = { os: "linux", architecture, ...(variant === undefined ? {} : { variant }) }
        return { ...writeImage(layout, { layers: [layer(`${architecture}${variant ?? ""}`)], platform }), platform }
      }
      const inner = writeIndex(layout, [
        {
          ...writeImage(layout, { layers: [layer("attestation")] }),
          platform: { os: "unknown", architecture: "unknown" }
        },
        image("arm64", "v8"),
        image("arm", "v5"),
        image("arm", "v7"),
        image("amd64", "v3"),
        image("amd64")
      ])
      writeLayout(layout, [writeIndex(layout, [inner])])
      const platforms = [
        "linux/amd64",
        "linux/amd64/v3",
        "linux/arm64",
        "linux/arm64/v8",
        "linux/arm",
        "linux/arm/v6",
        "linux/arm/v5"
      ]
      const found = yield* Effect.forEach(platforms, (platform) =>
        Effect.map(service(directory, platform).resolve("oci:image"), (base) => `${platform}: ${base.platform}`)
      )
      assert.deepStrictEqual(found, [
        "linux/amd64: linux/amd64",
        "linux/amd64/v3: linux/amd64/v3",
        "linux/arm64: linux/arm64/v8",
        "linux/arm64/v8: linux/arm64/v8",
        "linux/arm: linux/arm/v7",
        "linux/arm/v6: linux/arm/v5",
        "linux/arm/v5: linux/arm/v5"
      ])
      assert.deepStrictEqual(yield* messages(directory, ["oci:image"], "linux/s390x"), [
        "oci:image: the image in DIR/image is not there for linux/s390x (it is there for linux/arm64/v8, linux/arm/v5, linux/arm/v7, linux/amd64/v3, linux/amd64)"
      ])
    })
  )

  it.scoped("is refused with the reason where it cannot be told or trusted", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const at = (name: string) => join(directory, name)
      Fs.writeFileSync(at("file"), "no image")
      Fs.mkdirSync(at("empty"))
      writeLayout(at("none"), [])
      ociLayout(at("two"), { layers: [layer("a")], name: "one" }, { layers: [layer("b")] })
      const [damaged] = ociLayout(at("damaged"), { layers: [layer("a")] })
      Fs.appendFileSync(at(`damaged/blobs/sha256/${damaged ?? ""}`), " ")
      const [gone] = ociLayout(at("gone"), { layers: [layer("a")] })
      Fs.rmSync(at(`gone/blobs/sha256/${gone ?? ""}`))
      ociLayout(at("windows"), { layers: [], platform: { os: "windows", architecture: "amd64" } })
      ociLayout(at("env"), { layers: [], env: ["PATH=/bin", "=x"] })
      ociLayout(at("artifact"), {
        layers: [],
        manifest: {
          config: { ...writeBlob(at("artifact"), "application/vnd.cncf.helm.config.v1+json", Buffer.from("{}")) }
        }
      })
      ociLayout(at("encrypted"), {
        layers: [{ tar: tarOf([]), mediaType: "application/vnd.oci.image.layer.v1.tar+gzip+encrypted" }]
      })
      ociLayout(at("both"), { layers: [], manifest: { manifests: [] } })
      ociLayout(at("layers"), { layers: [layer("a")], config: { rootfs: { type: "layers", diff_ids: [] } } })
      ociLayout(at("sha512"), {
        layers: [],
        manifest: { config: { mediaType: "x", digest: `sha512:${"0".repeat(128)}`, size: 1 } }
      })
      ociLayout(at("future"), { layers: [] })
      Fs.writeFileSync(at("future/oci-layout"), JSON.stringify({ imageLayoutVersion: "2.0.0" }))
      Fs.mkdirSync(at("json"))
      Fs.writeFileSync(at("json/index.json"), "{ not json")
      Fs.mkdirSync(at("huge"))
      Fs.writeFileSync(at("huge/index.json"), "")
      Fs.truncateSync(at("huge/index.json"), 1e9)
      let nested = writeImage(at("deep"), { layers: [] })
      for (let depth = 0; depth < 20; depth++) nested = writeIndex(at("deep"), [nested])
      writeLayout(at("deep"), [nested])
      const references = [
        "missing",
        "file",
        "empty",
        "none",
        "two",
        "two:three",
        "two:@2",
        "damaged",
        "gone",
        "windows",
        "env",
        "artifact",
        "encrypted",
        "both",
        "layers",
        "sha512",
        "future",
        "json",
        "huge",
        "deep"
      ]
      expect(
        yield* messages(
          directory,
          references.map((name) => `oci:${name}`)
        )
      ).toMatchSnapshot()
    })
  )
})

describe("an archive's image", () => {
  it.scoped("is the same in an archive, compressed or not, as in a directory", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const image: Image = { layers: [layer("a"), layer("b")], name: "latest", env: ["A=1"] }
      ociLayout(join(directory, "image"), image)
      const tar = tarOf(filesBelow(join(directory, "image")))
      Fs.writeFileSync(join(directory, "image.tar"), tar)
      Fs.writeFileSync(join(directory, "image.tar.gz"), gzipSync(tar))
      const { resolve } = service(directory)
      const expected = yield* resolve("oci:image:latest")
      assert.deepStrictEqual(yield* resolve("oci-archive:image.tar:latest"), expected)
      assert.deepStrictEqual(yield* resolve("oci-archive:image.tar.gz"), expected)
    })
  )

  it.scoped("is its configuration's digest where docker saved it", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const images: ReadonlyArray<Image> = [
        { layers: [layer("a")], name: "busybox:latest", env: ["A=1"] },
        { layers: [layer("b")], name: "localhost:5000/tool:2", env: ["A=2"] },
        { layers: [layer("c")], env: ["A=3"] }
      ]
      Fs.writeFileSync(join(directory, "images.tar"), dockerArchive(...images))
      Fs.writeFileSync(join(directory, "images.tar.gz"), gzipSync(dockerArchive(...images)))
      const { resolve } = service(directory)
      const chosen = [":busybox", ":docker.io/library/busybox:latest", ":localhost:5000/tool:2", ":@2"]
      for (const archive of ["images.tar", "images.tar.gz"]) {
        const found = yield* Effect.forEach(chosen, (choice) => resolve(`docker-archive:${archive}${choice}`))
        assert.deepStrictEqual(
          found.map((base) => base.environment[0]?.value),
          ["1", "1", "2", "3"]
        )
        assert.strictEqual(new Set(found.map((base) => base.digest)).size, 3)
      }
    })
  )

  it.scoped("may name its layers through links, as old versions of docker do", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const tar = tarOf([file("a", "a")])
      const config = JSON.stringify({
        os: "linux",
        architecture: "amd64",
        rootfs: { type: "layers", diff_ids: [`sha256:${sha256(tar)}`, `sha256:${sha256(tar)}`] }
      })
      const list = JSON.stringify([{ Config: `${sha256(config)}.json`, Layers: ["two/layer.tar", "three/layer.tar"] }])
      Fs.writeFileSync(
        join(directory, "image.tar"),
        tarOf([
          file(`${sha256(config)}.json`, config),
          file("one/layer.tar", tar),
          link("two/layer.tar", "../one/layer.tar"),
          hardLink("three/layer.tar", "two/layer.tar"),
          file("manifest.json", list)
        ])
      )
      assert.strictEqual((yield* service(directory).resolve("docker-archive:image.tar")).digest, sha256(config))
    })
  )

  it.scoped("is refused with the reason where it cannot be told or trusted", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const write = (name: string, data: Buffer) => Fs.writeFileSync(join(directory, name), data)
      ociLayout(join(directory, "layout"), { layers: [] })
      write("oci.tar", tarOf(filesBelow(join(directory, "layout"))))
      write("docker.tar", dockerArchive({ layers: [], name: "one" }, { layers: [], env: [] }))
      write("text", Buffer.from("no archive at all, but some text that is longer than a header. ".repeat(20)))
      write("cut.tar", dockerArchive({ layers: [layer("a")] }).subarray(0, 3000))
      write(
        "renamed.tar",
        tarOf([
          file("manifest.json", JSON.stringify([{ Config: `${"0".repeat(64)}.json`, Layers: [] }])),
          file(`${"0".repeat(64)}.json`, "{}")
        ])
      )
      write("circle.tar", tarOf([link("manifest.json", "b"), link("b", "manifest.json")]))
      write("empty", Buffer.alloc(0))
      const references = [
        "docker-archive:missing.tar",
        "docker-archive:layout",
        "oci-archive:docker.tar",
        "docker-archive:oci.tar",
        "docker-archive:docker.tar",
        "docker-archive:docker.tar:three",
        "docker-archive:docker.tar:@7",
        "docker-archive:text",
        "docker-archive:cut.tar",
        "docker-archive:renamed.tar",
        "docker-archive:circle.tar",
        "docker-archive:empty",
        "oci-archive:empty"
      ]
      expect(yield* messages(directory, references)).toMatchSnapshot()
    })
  )
})

describe("a base without an image", () => {
  it.scoped("has a usual PATH and the wanted platform", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const tar = tarOf([file("a")])
      Fs.writeFileSync(join(directory, "root.tar"), tar)
      const { resolve } = service(directory, "linux/riscv64")
      const environment = [{ name: "PATH", value: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" }]
      const platform = "linux/riscv64"
      assert.deepStrictEqual(plain(yield* resolve("rootfs:root.tar")), {
        format: "tar",
        digest: sha256(tar),
        platform,
        environment
      })
      const scratch = yield* resolve("scratch")
      assert.deepStrictEqual(plain(scratch), {
        format: "scratch",
        digest: sha256("obuilder-scratch-v1\n"),
        platform,
        environment
      })
    })
  )

  it.scoped("is refused with the reason where it cannot be had", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const references = [
        "rootfs:missing",
        "rootfs:/dev/null",
        "Bad Name",
        "busybox",
        "docker://localhost:5000/a/b@sha256:" + "0".repeat(64)
      ]
      expect(yield* messages(directory, references)).toMatchInlineSnapshot(`
        [
          "rootfs:missing: there is no DIR/missing (relative paths are relative to the source directory)",
          "rootfs:/dev/null: /dev/null is neither a directory nor a file (name a root file system: a directory, or a tar file)",
          "Bad Name: "Bad Name" cannot be part of an image's name (write for example oci:PATH, docker-archive:PATH, rootfs:PATH or scratch)",
          "busybox: docker.io/library/busybox:latest is in a registry, and nothing is fetched from registries here (fetch it into the source directory once (skopeo copy docker://docker.io/library/busybox:latest oci:busybox), and write (from oci:busybox))",
          "docker://localhost:5000/a/b@sha256:DIGEST: localhost:5000/a/b@sha256:DIGEST is in a registry, and nothing is fetched from registries here (fetch it into the source directory once (skopeo copy docker://localhost:5000/a/b@sha256:DIGEST oci:b), and write (from oci:b))",
        ]
      `)
    })
  )
})

describeWith(["root"], "a resolved base", () => {
  it.scoped("is unpacked from every kind of reference", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const image: Image = {
        layers: [
          [file("a", "1"), file("b", "2")],
          [file(".wh.a"), file("c", "3")]
        ]
      }
      ociLayout(join(directory, "image"), image)
      const archive = tarOf(filesBelow(join(directory, "image")))
      Fs.writeFileSync(join(directory, "image.tar"), archive)
      Fs.writeFileSync(join(directory, "image.tar.gz"), gzipSync(archive))
      Fs.writeFileSync(join(directory, "docker.tar"), dockerArchive(image))
      Fs.writeFileSync(join(directory, "docker.tar.gz"), gzipSync(dockerArchive(image)))
      // No whiteouts here: a file of such a name is a file.
      const tar = tarOf([file("b", "2"), file("c", "3"), file(".wh.b", "4")])
      Fs.writeFileSync(join(directory, "root.tar"), tar)
      Fs.writeFileSync(join(directory, "root.tar.gz"), gzipSync(tar))
      const unpack = (reference: string) =>
        Effect.acquireUseRelease(
          unpackReference(directory, reference),
          (root) => Effect.sync(() => describeTree(root)),
          (root) => Effect.sync(() => Fs.rmSync(root, { recursive: true }))
        )
      const root = "d0755 0:0 ."
      const both = ['f0644 0:0 b "2"', 'f0644 0:0 c "3"']
      for (const reference of [
        "oci:image",
        "oci-archive:image.tar",
        "oci-archive:image.tar.gz",
        "docker-archive:docker.tar",
        "docker-archive:docker.tar.gz"
      ]) {
        assert.deepStrictEqual(yield* unpack(reference), [root, ...both], reference)
      }
      for (const reference of ["rootfs:root.tar", "rootfs:root.tar.gz"]) {
        assert.deepStrictEqual(yield* unpack(reference), [root, 'f0644 0:0 .wh.b "4"', ...both], reference)
      }
      assert.deepStrictEqual(yield* unpack("scratch"), [root])
    })
  )

  it.scoped("is unpacked as it was planned though its name means something else by then", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const images = service(directory)
      const layout = join(directory, "image")
      ociLayout(layout, { layers: [layer("old")] })
      Fs.writeFileSync(join(directory, "docker.tar"), dockerArchive({ layers: [layer("old")], name: "a" }))
      const base = yield* images.resolve("oci:image")
      const docker = yield* images.resolve("docker-archive:docker.tar:a")
      ociLayout(layout, { layers: [layer("new")] })
      const other: Image = { layers: [layer("new")], name: "a" }
      Fs.writeFileSync(join(directory, "docker.tar"), dockerArchive(other, { layers: [layer("old")], name: "b" }))
      for (const [reference, planned] of [
        ["oci:image", base],
        ["docker-archive:docker.tar:a", docker]
      ] as const) {
        const path = join(directory, `root-${planned.digest}`)
        Fs.mkdirSync(path)
        yield* images.unpack(reference, planned, { _tag: "Directory", path })
        assert.deepStrictEqual(Fs.readdirSync(path), ["old"])
      }
    })
  )

  it.scoped("is refused when it is no longer what was planned", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const images = service(directory)
      Fs.writeFileSync(join(directory, "root.tar"), tarOf([file("old")]))
      Fs.writeFileSync(join(directory, "docker.tar"), dockerArchive({ layers: [layer("old")] }))
      ociLayout(join(directory, "image"), { layers: [layer("old")] })
      const references = ["rootfs:root.tar", "docker-archive:docker.tar", "oci:image", "scratch"]
      const bases = yield* Effect.forEach(references, images.resolve)
      Fs.writeFileSync(join(directory, "root.tar"), tarOf([file("new")]))
      Fs.writeFileSync(join(directory, "docker.tar"), dockerArchive({ layers: [layer("new")] }))
      Fs.rmSync(join(directory, "image"), { recursive: true })
      const [first] = bases
      const told = yield* Effect.forEach(references, (reference, index) => {
        const path = join(directory, `root${index}`)
        Fs.mkdirSync(path)
        // For scratch, another base's digest.
        const planned = reference === "scratch" ? first : bases[index]
        if (planned === undefined) return Effect.die("no base")
        return Effect.map(Effect.flip(images.unpack(reference, planned, { _tag: "Directory", path })), (error) =>
          said(error)
            .replaceAll(directory, "DIR")
            .replaceAll(/[0-9a-f]{64}/g, "DIGEST")
        )
      })
      expect(told).toMatchInlineSnapshot(`
        [
          "the tar DIR/root.tar has the digest sha256:DIGEST, not sha256:DIGEST (it is damaged or was changed: make or copy it again)",
          "DIR/docker.tar no longer holds the image with the configuration sha256:DIGEST (the archive was changed while it was in use: build again)",
          "there is no DIR/image (relative paths are relative to the source directory)",
          ""scratch" has the digest DIGEST, not DIGEST",
        ]
      `)
    })
  )

  it.scoped("is not unpacked into a store without directories", () =>
    Effect.gen(function* () {
      const images = service(yield* temporaryDirectory)
      const base = yield* images.resolve("scratch")
      const error = yield* Effect.flip(images.unpack("scratch", base, { _tag: "Opaque", backend: "x", value: 1 }))
      assert.match(said(error), /gives no directory/)
    })
  )

  it.scoped("stops being unpacked when that is interrupted, and does nothing more", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const many = Array.from({ length: 3000 }, (_, index) => file(`f${index}`, "x".repeat(2000)))
      ociLayout(join(directory, "image"), { layers: [many, many, many] })
      const images = service(directory)
      const base = yield* images.resolve("oci:image")
      const path = join(directory, "root")
      Fs.mkdirSync(path)
      const unpacking = images.unpack("oci:image", base, { _tag: "Directory", path })
      const begun = Effect.iterate(0, {
        while: () => Fs.readdirSync(path).length === 0,
        body: (turns) =>
          Effect.as(
            Effect.promise(() => new Promise(setImmediate)),
            turns + 1
          )
      })
      yield* Effect.race(unpacking, begun)
      const files = Fs.readdirSync(path).length
      const open = () =>
        Fs.readdirSync("/proc/self/fd").filter((fd) => {
          try {
            return Fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory)
          } catch {
            return false
          }
        })
      // The file that was being read is closed in the background.
      while (open().length > 0) yield* Effect.promise(() => new Promise(setImmediate))
      assert.strictEqual(Fs.readdirSync(path).length, files)
    })
  )
})
