/** Images of a static busybox that have what a FreeBSD base system has, as far as a jail needs it. */
import * as Fs from "node:fs"
import { fill } from "../interpreters/sandbox/busybox.ts"

/** As su(1) of FreeBSD: by login name, and only where there is a home. */
const SU = `#!/bin/sh
if [ $# -ne 4 ] || [ "$1" != -l ] || [ "$3" != -c ]; then
  echo "usage: su [-] [-c class] [-flms] [login [args]]" >&2
  exit 1
fi
account=$(grep "^$2:" /etc/passwd) || { echo "su: unknown login: $2" >&2; exit 1; }
home=$(echo "$account" | cut -d : -f 6)
[ -d "$home" ] || { echo "su: no directory" >&2; exit 1; }
exec busybox su "$@"
`

/** What is asked of ifconfig(8) for a network of one's own. */
const IFCONFIG = `#!/bin/sh
[ "$*" = "lo0 inet 127.0.0.1/8 up" ] || { echo "ifconfig: unknown: $*" >&2; exit 1; }
exec ip link set lo up
`

/** Root, and users of the ids that the laws and tests speak of. */
export const PASSWD = `root:*:0:0:Charlie &:/:/bin/sh
${[
  [5, 6],
  [70, 71],
  [77, 78],
  [1000, 1000],
  [1234, 2345]
]
  .map(([uid, gid]) => `u${uid}:*:${uid}:${gid}::/:/bin/sh\n`)
  .join("")}`

/** Fills a directory with it. */
export const fillFreeBsd = (path: string): void => {
  fill(path)
  addFreeBsd(path)
  if (!Fs.existsSync(`${path}/etc/passwd`)) Fs.writeFileSync(`${path}/etc/passwd`, PASSWD)
}

/** Adds to an image of busybox what FreeBSD has where. */
export const addFreeBsd = (path: string): void => {
  for (const name of ["dev", "etc", "sbin", "tmp", "usr/bin"]) Fs.mkdirSync(`${path}/${name}`, { recursive: true })
  Fs.symlinkSync("../../bin/busybox", `${path}/usr/bin/env`)
  for (const [name, text] of [
    ["usr/bin/su", SU],
    ["sbin/ifconfig", IFCONFIG]
  ] as const) {
    Fs.writeFileSync(`${path}/${name}`, text)
    Fs.chmodSync(`${path}/${name}`, 0o755)
  }
}
