/**
 * What jail(8) and jexec(8) are called with, as pure functions.
 *
 * A step's command goes through three shells: root's in the jail, which makes
 * the working directory; the user's login shell, which may be a csh; and one
 * that is sure to be a `/bin/sh`. Nothing of the step's own is ever a part of
 * what the first two read but as a word of its own, or in characters that mean
 * the same to all shells.
 */
import type { Command } from "../Sandbox.ts"
import { type Outcome } from "../Sandbox.ts"
import { SIGNALED, signalNames } from "./Signals.ts"
import type { WaitStatus } from "../host/Syscalls.ts"

export interface JailSettings {
  readonly name: string
  /** The host's path of its root directory. */
  readonly path: string
  readonly hostname: string
  readonly network: Command["network"]
  /** The file that says what is mounted in it, if anything is. */
  readonly fstab: string | undefined
  /** Whether the image has an ifconfig(8). */
  readonly hasIfconfig: boolean
}

const IFCONFIG = "/sbin/ifconfig"

/** The programs that an image must have, or may as well. */
export const PROGRAMS = { shell: "/bin/sh", su: "/usr/bin/su", env: "/usr/bin/env", ifconfig: IFCONFIG } as const

/**
 * The arguments that make a jail. It persists, so that what is run in it can
 * say how it ended: `jail -c command=…` tells of any failure as 1.
 */
export const create = ({ fstab, hasIfconfig, hostname, name, network, path }: JailSettings): ReadonlyArray<string> => [
  "-q",
  "-c",
  `name=${name}`,
  `path=${path}`,
  `host.hostname=${hostname}`,
  "persist",
  "mount.devfs",
  ...(fstab === undefined ? [] : [`mount.fstab=${fstab}`]),
  ...(network === "host"
    ? ["ip4=inherit", "ip6=inherit"]
    : ["vnet", ...(hasIfconfig ? [`exec.start=${IFCONFIG} lo0 inet 127.0.0.1/8 up`] : [])])
]

/** Ends all processes of a jail, and the jail. */
export const remove = (name: string): ReadonlyArray<string> => ["-q", "-r", name]

/** In the jail, as root: `sh DIRECTORY USER COMMAND`. */
const AS_ROOT = `umask 022; mkdir -p -- "$1" && exec ${PROGRAMS.su} -l "$2" -c "$3"`

/** The arguments for jexec that run a command in a jail, as the user of this login name. */
export const execute = (name: string, user: string, command: Command): ReadonlyArray<string> => [
  name,
  PROGRAMS.shell,
  "-c",
  AS_ROOT,
  "sh",
  command.cwd,
  user,
  forAnyShell(script(command))
]

/**
 * su(1) of FreeBSD says 0 of a shell that a signal has ended. So no success is
 * ever called 0: it is called {@link SUCCESS}, and what would be called that,
 * which next to nothing is, is 255.
 */
const SUCCESS = 254

/** For `/bin/sh`. It stays, and waits for the command, so that a signal that ends that is seen. */
export const script = ({ argv, cwd, environment }: Pick<Command, "argv" | "cwd" | "environment">): string => {
  const variables = environment.map(({ name, value }) => `${name}=${value}`)
  // env(1) would take such a program for one more variable.
  const program = argv[0]?.includes("=") === true ? [PROGRAMS.shell, "-c", 'exec "$@"', "sh", ...argv] : argv
  return [
    `cd -- ${quote(cwd)} || exit 1`,
    [PROGRAMS.env, "--", ...[...variables, ...program].map(quote)].join(" "),
    `status=$?`,
    `case $status in 0) exit ${SUCCESS};; ${SUCCESS}) exit 255;; esac`,
    `exit $status`
  ].join("\n")
}

/** A word for sh(1). */
export const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** One command that has `/bin/sh` run a script, for sh(1), csh(1) and their kin, in characters that they agree on. */
export const forAnyShell = (text: string): string => {
  const encoded = [...Buffer.from(text, "utf8")].map((byte) => {
    const character = String.fromCharCode(byte)
    return /[A-Za-z0-9 _./:=,@+-]/.test(character) ? character : `\\0${byte.toString(8).padStart(3, "0")}`
  })
  return `exec ${PROGRAMS.shell} -c 'eval "$(printf %b "${encoded.join("")}")"'`
}

/** How a command ended, by how jexec did; `undefined` where it succeeded. */
export const outcomeOf = (status: WaitStatus): Outcome | undefined => {
  if (status._tag === "Signaled")
    return { _tag: "Signal", signal: signalNames.get(status.signal) ?? `SIG${status.signal}` }
  if (status.status === SUCCESS) return undefined
  if (status.status === 0) return { _tag: "Signal", signal: "SIGKILL" }
  const signal = signalNames.get(status.status - SIGNALED)
  return signal === undefined ? { _tag: "Exit", status: status.status } : { _tag: "Signal", signal }
}
