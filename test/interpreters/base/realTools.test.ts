/** Images as other programs write them, and unpacked as another program unpacks them. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as LocalBaseImages from "../../../src/interpreters/base/LocalBaseImages.ts"
import { describeWith } from "../../requirements.ts"
import { directory, type Entry, file, hardLink, type Image, link, ociLayout } from "./images.ts"
import { describeTree, temporaryDirectory } from "./trees.ts"
import { unpackReference } from "./unpacking.ts"

const run = (cwd: string, command: string, ...args: ReadonlyArray<string>): string =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })

const busybox = ["/bin/busybox", "/usr/bin/busybox"].find((path) => Fs.existsSync(path)) ?? ""

/** A small system, in two layers. */
const system = (): Image => ({
  layers: [
    [
      ...["bin", "dev", "etc", "proc", "root", "sbin", "sys", "usr", "usr/bin", "var"].map((name) => directory(name)),
      directory("tmp", { mode: 0o1777 }),
      file("bin/busybox", Fs.readFileSync(busybox), { mode: 0o755 }),
      hardLink("bin/sh", "bin/busybox", { mode: 0o755 }),
      link("bin/ash", "busybox"),
      file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
      file("etc/old", "")
    ],
    [file("etc/.wh.old"), file("etc/group", "root:x:0:\n")]
  ],
  env: ["PATH=/bin:/usr/bin"],
  name: "latest"
})

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

const xattr = (name: string, value: string | Buffer) => ({ pax: { [`SCHILY.xattr.${name}`]: value } })

/** Layers with everything in them that umoci and this project agree on. */
const everything: ReadonlyArray<ReadonlyArray<Entry>> = [
  [
    directory("./", { mode: 0o755, mtime: 1_000 }),
    directory("usr", { mtime: 1_001 }),
    directory("usr/lib", { mode: 0o2775, gid: 50, mtime: 1_002 }),
    link("lib", "usr/lib", { mtime: 1_003 }),
    link("abs", "/usr/lib", { uid: 7, gid: 8, mtime: 1_004 }),
    file("lib/through-link", "1", { mtime: 1_005 }),
    file("abs/through-absolute-link", "2", { mtime: 1_006 }),
    file("setuid", "x", { mode: 0o4755, uid: 1000, gid: 1000 }),
    file("setgid", "x", { mode: 0o2755, gid: 42 }),
    directory("sticky", { mode: 0o1777 }),
    file("none", "x", { mode: 0 }),
    file("owned", "", { uid: 4_000_000_000, gid: 3_000_000_000 }),
    file("pax-owned", "", { pax: { uid: "123456789", gid: "987654321" } }),
    file("pax-time", "", { pax: { mtime: "1234567890.5" } }),
    file("old", "", { mtime: -86_400 }),
    file("capable", "x", xattr("security.capability", Buffer.from("0100000200200000000000000000000000000000", "hex"))),
    directory("noted", xattr("user.note", Buffer.from([0, 0xff, 0x0a]))),
    file("hard", "linked", { mode: 0o600, uid: 3 }),
    hardLink("hard2", "hard", { mode: 0o600, uid: 3 }),
    hardLink("usr/hard3", "./hard2", { mode: 0o600, uid: 3 }),
    hardLink("soft-hard", "lib", { mode: 0o777, mtime: 1_003 }),
    { path: "null", type: "3", device: [1, 3], mode: 0o666 },
    { path: "tty", type: "3", device: [4, 64], mode: 0o620, gid: 5 },
    { path: "disk", type: "4", device: [259, 7], mode: 0o660, gid: 6 },
    { path: "pipe", type: "6", mode: 0o640, uid: 2 },
    file("x", "long", { pax: { path: `${"long".repeat(30)}/${"name".repeat(60)}` } }),
    link("long-target", "x", { pax: { linkpath: "y/".repeat(200) } }),
    file("été\n☃", "unicode"),
    directory("deep/er/and/deeper", { mtime: 1_007 }),
    directory("gone/sub"),
    file("gone/sub/file"),
    directory("opaque", { mode: 0o700, mtime: 1_008 }),
    file("opaque/low"),
    directory("opaque/sub"),
    file("opaque/sub/low"),
    file("becomes-dir"),
    directory("becomes-file"),
    file("becomes-file/inside"),
    directory("stays", { mode: 0o700, ...xattr("user.old", "1") }),
    file("stays/inside"),
    link("becomes-real", "usr"),
    file("removed"),
    file("big", Buffer.alloc(300_000, "0123456789"))
  ],
  [
    directory("opaque", { mode: 0o750, mtime: 1_009 }),
    file("opaque/.wh..wh..opq"),
    file("opaque/new"),
    file(".wh.gone"),
    file(".wh.removed"),
    directory("becomes-dir", { mtime: 1_010 }),
    file("becomes-dir/inside"),
    file("becomes-file", "file"),
    directory("stays", { mode: 0o711, mtime: 1_011 }),
    directory("becomes-real", { mtime: 1_012 }),
    file("becomes-real/inside"),
    hardLink("later", "hard", { mode: 0o600, uid: 3 })
  ],
  [
    file("hard", "no longer linked", { mtime: 1_013 }),
    file("lib/.wh.through-link"),
    directory("gone", { mtime: 1_014 }),
    file("gone/again"),
    file("setuid", "", { mode: 0o755 })
  ]
]

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
