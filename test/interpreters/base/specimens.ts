/** Images that several tests use. */
import * as Fs from "node:fs"
import { directory, type Entry, file, hardLink, type Image, link } from "./images.ts"

const busybox = ["/bin/busybox", "/usr/bin/busybox"].find((path) => Fs.existsSync(path)) ?? ""

/** A small system, in two layers. */
export const system = (): Image => ({
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

const xattr = (name: string, value: string | Buffer) => ({ pax: { [`SCHILY.xattr.${name}`]: value } })

/** Layers with everything in them that umoci and this project agree on. */
export const everything: ReadonlyArray<ReadonlyArray<Entry>> = [
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
