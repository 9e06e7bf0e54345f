import { assert, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { describeWith } from "../../requirements.ts"
import { directory, type Entry, file, gzip, hardLink, link, tarOf } from "./images.ts"
import { describeTree } from "./trees.ts"
import { said, unpackLayers } from "./unpacking.ts"

type Layers = ReadonlyArray<ReadonlyArray<Entry>>

const unpacked = (layers: Layers, times = false) =>
  Effect.map(unpackLayers(layers), (root) => describeTree(root, { times }).slice(1))

const failing = (layers: Layers) => Effect.map(Effect.flip(unpackLayers(layers)), said)

describeWith(["root"], "an image's layers", () => {
  it.scoped("are unpacked with types, owners, modes and content", () =>
    Effect.gen(function* () {
      const tree = yield* unpacked([
        [
          directory("bin/"),
          file("bin/sh", "#!", { mode: 0o4755 }),
          directory("tmp", { mode: 0o1777 }),
          file("secret", "s", { mode: 0, uid: 1000, gid: 2000 }),
          file("big-id", "", { pax: { uid: "3000000000", gid: "70000" } }),
          link("sh", "bin/sh", { uid: 5 }),
          hardLink("bin/ash", "bin/sh"),
          { path: "null", type: "3", device: [1, 3], mode: 0o666 },
          { path: "disk", type: "4", device: [8, 1], mode: 0o660, gid: 6 },
          { path: "pipe", type: "6", mode: 0o622 },
          file("été/naïve\n", "é"),
          file("./dotted/./name", ""),
          file("/absolute", "")
        ]
      ])
      expect(tree).toMatchInlineSnapshot(`
        [
          "f0644 0:0 absolute """,
          "f0644 3000000000:70000 big-id """,
          "d0755 0:0 bin",
          "f4755 0:0 bin/ash "#!"",
          "f4755 0:0 bin/sh "#!" = bin/ash",
          "b0660 0:6 disk 8:1",
          "d0755 0:0 dotted",
          "f0644 0:0 dotted/name """,
          "c0666 0:0 null 1:3",
          "p0622 0:0 pipe",
          "f0000 1000:2000 secret "s"",
          "l0777 5:0 sh -> bin/sh",
          "d1777 0:0 tmp",
          "d0755 0:0 été",
          "f0644 0:0 été/naïve
         "Ã©"",
        ]
      `)
    })
  )

  it.scoped("set the root's own attributes, which are 0755 and root's otherwise", () =>
    Effect.gen(function* () {
      const plain = yield* unpackLayers([[file("a")]])
      assert.strictEqual(describeTree(plain)[0], "d0755 0:0 .")
      const set = yield* unpackLayers([[directory("./", { mode: 0o711, uid: 3, gid: 4, mtime: 77 }), file("a")]])
      assert.strictEqual(describeTree(set, { times: true })[0], "d0711 3:4 . @77")
    })
  )

  it.scoped("keep the times of everything, of directories that were filled later, too", () =>
    Effect.gen(function* () {
      const layers = [
        [
          directory("a", { mtime: 100 }),
          directory("a/b", { mtime: 200 }),
          file("a/b/c", "", { mtime: -86_400 }),
          link("a/l", "c", { mtime: 300 }),
          { path: "a/p", type: "6", mtime: 400 },
          file("implied/x", "", { mtime: 500 })
        ],
        [file("a/b/new", "", { mtime: 600 })]
      ]
      assert.deepStrictEqual(yield* unpacked(layers, true), [
        "d0755 0:0 a @100",
        "d0755 0:0 a/b @200",
        'f0644 0:0 a/b/c "" @-86400',
        'f0644 0:0 a/b/new "" @600',
        "l0777 0:0 a/l -> c @300",
        "p0644 0:0 a/p @400",
        "d0755 0:0 implied @0",
        'f0644 0:0 implied/x "" @500'
      ])
    })
  )

  it.scoped("keep fractions of a second", () =>
    Effect.gen(function* () {
      const root = yield* unpackLayers([[file("a", "", { pax: { mtime: "1700000000.123456" } })]])
      const { mtimeNs } = Fs.statSync(join(root, "a"), { bigint: true })
      // Node's times are doubles: a microsecond is what they can tell.
      assert.strictEqual(mtimeNs / 1000n, 1_700_000_000_123_456n)
    })
  )

  it.scoped("keep extended attributes, binary ones and capabilities too", () =>
    Effect.gen(function* () {
      // cap_net_raw=ep, as the kernel's struct vfs_cap_data (revision 2) has it.
      const capability = Buffer.from("0100000200200000000000000000000000000000", "hex")
      const tree = yield* unpacked([
        [
          file("ping", "x", { mode: 0o755, uid: 1, pax: { "SCHILY.xattr.security.capability": capability } }),
          directory("d", { pax: { "SCHILY.xattr.user.note": Buffer.from([0xff, 0x0a]) } }),
          link("l", "ping", { pax: { "SCHILY.xattr.trusted.mark": "1" } }),
          file("labelled", "", { pax: { "SCHILY.xattr.security.selinux": "system_u:object_r:bin_t:s0" } })
        ]
      ])
      assert.deepStrictEqual(tree, [
        "d0755 0:0 d user.note=ff0a",
        "l0777 0:0 l -> ping trusted.mark=31",
        'f0644 0:0 labelled ""',
        'f0755 1:0 ping "x" security.capability=0100000200200000000000000000000000000000'
      ])
    })
  )

  it.scoped("do not let a directory's default ACL reach what is unpacked below it", () =>
    Effect.gen(function* () {
      // linux/posix_acl_xattr.h: version 2, then tag, permissions and id of each entry, little-endian.
      const entries = [
        [0x01, 7, -1],
        [0x02, 7, 7],
        [0x04, 5, -1],
        [0x10, 7, -1],
        [0x20, 5, -1]
      ] as const
      const value = Buffer.alloc(4 + 8 * entries.length)
      value.writeUInt32LE(2)
      for (const [index, [tag, permissions, id]] of entries.entries()) {
        value.writeUInt16LE(tag, 4 + 8 * index)
        value.writeUInt16LE(permissions, 6 + 8 * index)
        value.writeInt32LE(id, 8 + 8 * index)
      }
      const tree = yield* unpacked([
        [directory("d", { pax: { "SCHILY.xattr.system.posix_acl_default": value } }), file("d/f", ""), directory("d/e")]
      ])
      assert.deepStrictEqual(
        tree.map((line) => line.replace(/=.*/, "")),
        ["d0755 0:0 d system.posix_acl_default", "d0755 0:0 d/e", 'f0644 0:0 d/f ""']
      )
    })
  )

  it.scoped("hide what whiteouts name, and nothing else", () =>
    Effect.gen(function* () {
      const tree = yield* unpacked([
        [file("a/one", ""), file("a/two", ""), file("b/c/d", ""), link("l", "a"), file("keep", "")],
        [file("a/.wh.one"), file(".wh.b"), file(".wh.l"), file(".wh.missing"), file("none/.wh.x")]
      ])
      assert.deepStrictEqual(tree, ["d0755 0:0 a", 'f0644 0:0 a/two ""', 'f0644 0:0 keep ""'])
    })
  )

  it.scoped("hide only what lower layers have", () =>
    Effect.gen(function* () {
      const tree = yield* unpacked([
        [file("a/low", ""), file("b/low", ""), file("c", "low"), file("d/e/low", "")],
        [
          file("a/new", ""),
          file(".wh.a"),
          file(".wh.b"),
          file("b/new", ""),
          file("c", "new"),
          file(".wh.c"),
          file("d/e/new", ""),
          file(".wh.d")
        ]
      ])
      assert.deepStrictEqual(tree, [
        "d0755 0:0 a",
        'f0644 0:0 a/new ""',
        "d0755 0:0 b",
        'f0644 0:0 b/new ""',
        'f0644 0:0 c "new"',
        "d0755 0:0 d",
        "d0755 0:0 d/e",
        'f0644 0:0 d/e/new ""'
      ])
    })
  )

  it.scoped("hide all of a lower directory that is marked opaque, wherever in the layer the mark stands", () =>
    Effect.gen(function* () {
      const low = [file("a/low", ""), file("a/sub/low", ""), file("b/low", ""), file("c/low", "")]
      const tree = yield* unpacked([
        low,
        [
          directory("a", { mode: 0o700 }),
          file("a/.wh..wh..opq"),
          file("a/new", ""),
          file("b/new", ""),
          file("b/sub/new", ""),
          file("b/.wh..wh..opq"),
          file("none/.wh..wh..opq")
        ],
        [file("b/top", ""), file("c/.wh..wh..opq"), file("c/.wh..wh.aufs"), file(".wh..wh.plnk/1.2", "")]
      ])
      assert.deepStrictEqual(tree, [
        "d0700 0:0 a",
        'f0644 0:0 a/new ""',
        "d0755 0:0 b",
        'f0644 0:0 b/new ""',
        "d0755 0:0 b/sub",
        'f0644 0:0 b/sub/new ""',
        'f0644 0:0 b/top ""',
        "d0755 0:0 c"
      ])
    })
  )

  it.scoped("have nothing to hide in the lowest one", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* unpacked([[file("a", ""), file(".wh.a"), file("d/b", ""), file("d/.wh..wh..opq")]]),
        ['f0644 0:0 a ""', "d0755 0:0 d", 'f0644 0:0 d/b ""']
      )
    })
  )

  it.scoped("replace an entry of another kind, and keep what is in a directory that comes again", () =>
    Effect.gen(function* () {
      const tree = yield* unpacked([
        [
          directory("dir-dir", { mode: 0o700, pax: { "SCHILY.xattr.user.old": "1" } }),
          file("dir-dir/kept", ""),
          file("dir-file/gone", ""),
          file("file-dir", ""),
          link("link-dir", "dir-dir"),
          link("link-file", "dir-dir/kept"),
          file("file-link", ""),
          file("shared", "old"),
          hardLink("other-name", "shared"),
          file("file-pipe", "")
        ],
        [
          directory("dir-dir", { mode: 0o755, uid: 9, pax: { "SCHILY.xattr.user.new": "2" } }),
          file("dir-file", "new"),
          directory("file-dir"),
          directory("link-dir"),
          file("link-dir/inside", ""),
          file("link-file", "new"),
          link("file-link", "shared"),
          file("shared", "new"),
          { path: "file-pipe", type: "6" }
        ]
      ])
      assert.deepStrictEqual(tree, [
        "d0755 9:0 dir-dir user.new=32",
        'f0644 0:0 dir-dir/kept ""',
        'f0644 0:0 dir-file "new"',
        "d0755 0:0 file-dir",
        "l0777 0:0 file-link -> shared",
        "p0644 0:0 file-pipe",
        "d0755 0:0 link-dir",
        'f0644 0:0 link-dir/inside ""',
        'f0644 0:0 link-file "new"',
        'f0644 0:0 other-name "old"',
        'f0644 0:0 shared "new"'
      ])
    })
  )

  it.scoped("may have a link that leads nowhere but to itself, where there was a directory before", () =>
    Effect.gen(function* () {
      const tree = yield* unpacked([
        [file("a/b/c", ""), file("d", "")],
        [link("a", "a/b"), file("a/b/.wh.c")]
      ])
      assert.deepStrictEqual(tree, ["l0777 0:0 a -> a/b", 'f0644 0:0 d ""'])
      assert.match(yield* failing([[link("a", "a/b"), file("d"), hardLink("e", "a/d")]]), /"a\/d", which is not there/)
    })
  )

  it.scoped("go through links that lead to directories of the image, as merged /usr has them", () =>
    Effect.gen(function* () {
      const tree = yield* unpacked([
        [
          directory("usr/lib"),
          link("lib", "usr/lib"),
          link("abs", "/usr/./lib/../lib"),
          link("dangling", "made/later")
        ],
        [
          file("lib/a", ""),
          file("abs/b", ""),
          file("dangling/c", ""),
          hardLink("lib/d", "abs/a"),
          file("lib/.wh.none")
        ],
        [file("lib/.wh.b"), file("abs/.wh.d")]
      ])
      assert.deepStrictEqual(tree, [
        "l0777 0:0 abs -> /usr/./lib/../lib",
        "l0777 0:0 dangling -> made/later",
        "l0777 0:0 lib -> usr/lib",
        "d0755 0:0 made",
        "d0755 0:0 made/later",
        'f0644 0:0 made/later/c ""',
        "d0755 0:0 usr",
        "d0755 0:0 usr/lib",
        'f0644 0:0 usr/lib/a ""'
      ])
    })
  )

  it.scoped("may link to files of lower layers, to links, and to themselves", () =>
    Effect.gen(function* () {
      const tree = yield* unpacked([
        [file("a", "x"), link("l", "a")],
        [hardLink("b", "a"), hardLink("m", "l"), hardLink("a", "./a")]
      ])
      assert.deepStrictEqual(tree, [
        'f0644 0:0 a "x"',
        'f0644 0:0 b "x" = a',
        "l0777 0:0 l -> a",
        "l0777 0:0 m -> a = l"
      ])
    })
  )

  it.scoped("may be compressed by gzip, in several members, or not at all", () =>
    Effect.gen(function* () {
      const tar = tarOf([file("two", "2".repeat(5000))])
      const members = (data: Buffer) => Buffer.concat([gzip(data.subarray(0, 700)), gzip(data.subarray(700))])
      const root = yield* unpackLayers([
        {
          tar: tarOf([file("one", "1")]),
          compress: (data) => data,
          mediaType: "application/vnd.oci.image.layer.v1.tar"
        },
        { tar, compress: members },
        { tar: tarOf([file("three", "3")]), mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip" },
        { tar: tarOf([]) }
      ])
      assert.deepStrictEqual(Fs.readdirSync(root).toSorted(), ["one", "three", "two"])
      assert.strictEqual(Fs.readFileSync(join(root, "two"), "utf8"), "2".repeat(5000))
    })
  )

  it.scoped("unpack a file that is larger than any buffer", () =>
    Effect.gen(function* () {
      const content = Buffer.alloc(3_000_001, "0123456789abcdef\n")
      const root = yield* unpackLayers([[file("before", "1"), file("large", content), file("after", "2")]])
      assert.isTrue(Fs.readFileSync(join(root, "large")).equals(content))
      assert.strictEqual(Fs.readFileSync(join(root, "after"), "utf8"), "2")
    })
  )

  it.scoped("are refused where an entry makes no sense", () =>
    Effect.gen(function* () {
      const wrong: Readonly<Record<string, Layers>> = {
        "below a file": [[file("a", ""), file("a/b", "")]],
        "link to nothing": [[hardLink("a", "missing")]],
        "link to a directory": [[directory("d"), hardLink("a", "d")]],
        "link without a target": [[link("a", "")]],
        "overlayfs's whiteout": [[{ path: "a", type: "3", device: [0, 0] }]],
        "impossible device": [[{ path: "a", type: "4", device: [5000, 0] }]],
        "overlayfs's attribute": [[directory("a", { pax: { "SCHILY.xattr.trusted.overlay.opaque": "y" } })]]
      }
      const messages = yield* Effect.forEach(Object.entries(wrong), ([what, layers]) =>
        Effect.map(failing(layers), (message) => `${what}: ${message.replaceAll(/\/[^ '"]*root/g, "ROOT")}`)
      )
      expect(messages).toMatchInlineSnapshot(`
        [
          "below a file: the image has something below "/a", which is not a directory",
          "link to nothing: the tar has "a" as another name of "missing", which is not there",
          "link to a directory: the tar has "a" as another name of "d", which is a directory",
          "link without a target: the tar has a link without a target, "a"",
          "overlayfs's whiteout: the tar has the character device 0:0, "a" (overlayfs takes such a node for a deletion: make the image without it)",
          "impossible device: the tar has a device with the impossible number 5000:0, "a"",
          "overlayfs's attribute: the tar has the extended attribute "trusted.overlay.opaque", on "a" (overlayfs would take it for its own: make the image without it)",
        ]
      `)
    })
  )
})
