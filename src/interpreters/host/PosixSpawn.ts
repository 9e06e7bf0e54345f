/**
 * Starts programs by posix_spawn(3), through koffi.
 *
 * Node's own way copies this process's page tables and then every page that is
 * written to, some milliseconds for each program; this one copies nothing.
 * It also starts the program where the calling thread is, in its namespaces.
 */
import type * as Koffi from "koffi"
import { createRequire } from "node:module"
import { ErrnoError } from "./Libc.ts"

export interface SpawnOptions {
  /** The working directory; where the calling thread is when it is left out. */
  readonly cwd?: string | undefined
  /** The whole environment. */
  readonly environment: Readonly<Record<string, string>>
  /** A file descriptor for standard output and error both; nowhere when it is left out. */
  readonly output?: number | undefined
  /** A file descriptor that it has open as well, as number 3: so it holds the file's lock for as long as it lives. */
  readonly held?: number | undefined
}

interface Bindings {
  readonly actionsInit: (actions: Uint8Array) => number
  readonly actionsOpen: (actions: Uint8Array, fd: number, path: string, flags: number, mode: number) => number
  readonly actionsDup: (actions: Uint8Array, from: number, to: number) => number
  readonly actionsChdir: (actions: Uint8Array, path: string) => number
  readonly actionsDestroy: (actions: Uint8Array) => number
  readonly spawn: (
    pid: Array<number>,
    program: string,
    actions: Uint8Array,
    attributes: Uint8Array,
    argv: ReadonlyArray<string | null>,
    environment: ReadonlyArray<string | null>
  ) => number
  readonly attributes: Uint8Array
}

/** The `syscall` of the errors. */
export const SPAWN = "posix_spawn"

/** Room for the C library's structures, which are opaque: 80, 336 and 128 bytes in glibc and in musl. */
const ACTIONS = 256
const ATTRIBUTES = 1024
const SIGNALS = 128

/** Flags of `posix_spawnattr_setflags` (spawn.h). */
const SETSIGDEF = 0x04
const SETSIGMASK = 0x08
const SETSID = 0x80

let bindings: Bindings | undefined

const load = (): Bindings => {
  if (bindings !== undefined) return bindings
  const koffi: typeof Koffi = createRequire(import.meta.url)("koffi")
  const libc = koffi.load(null)
  // A session of its own; and none of the signals that Node ignores, or blocks, ignored or blocked.
  const attributes = new Uint8Array(ATTRIBUTES)
  const signals = new Uint8Array(SIGNALS)
  libc.func("int posix_spawnattr_init(void *attributes)")(attributes)
  libc.func("int sigemptyset(void *signals)")(signals)
  libc.func("int posix_spawnattr_setsigmask(void *attributes, void *signals)")(attributes, signals)
  libc.func("int sigfillset(void *signals)")(signals)
  libc.func("int posix_spawnattr_setsigdefault(void *attributes, void *signals)")(attributes, signals)
  libc.func("int posix_spawnattr_setflags(void *attributes, short flags)")(attributes, SETSIGDEF | SETSIGMASK | SETSID)
  bindings = {
    actionsInit: libc.func("int posix_spawn_file_actions_init(void *actions)"),
    actionsOpen: libc.func(
      "int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, unsigned int mode)"
    ),
    actionsDup: libc.func("int posix_spawn_file_actions_adddup2(void *actions, int from, int to)"),
    actionsChdir: libc.func("int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)"),
    actionsDestroy: libc.func("int posix_spawn_file_actions_destroy(void *actions)"),
    spawn: libc.func(
      "int posix_spawn(_Out_ int *pid, const char *program, void *actions, void *attributes, const char **argv, const char **environment)"
    ),
    attributes
  }
  return bindings
}

const O_RDONLY = 0
const O_WRONLY = 1

/**
 * Starts a program, named by its path, in a session of its own and with an
 * empty standard input, and returns its process's number. Throws `ErrnoError`
 * where it cannot be started.
 */
export const spawn = (
  program: string,
  args: ReadonlyArray<string>,
  { cwd, environment, output, held }: SpawnOptions
): number => {
  const texts = [program, ...args, ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)]
  // C would take what stands before it for all.
  if (texts.some((text) => text.includes("\0")))
    throw new TypeError(`${program}: an argument has a NUL character in it`)
  const libc = load()
  const actions = new Uint8Array(ACTIONS)
  const check = (errno: number): void => {
    if (errno !== 0) throw new ErrnoError(errno, SPAWN, program)
  }
  check(libc.actionsInit(actions))
  try {
    check(libc.actionsOpen(actions, 0, "/dev/null", O_RDONLY, 0))
    if (output === undefined) check(libc.actionsOpen(actions, 1, "/dev/null", O_WRONLY, 0))
    else check(libc.actionsDup(actions, output, 1))
    check(libc.actionsDup(actions, 1, 2))
    if (held !== undefined) check(libc.actionsDup(actions, held, 3))
    if (cwd !== undefined) check(libc.actionsChdir(actions, cwd))
    const pid = [0]
    const split = args.length + 1
    check(
      libc.spawn(
        pid,
        program,
        actions,
        libc.attributes,
        [...texts.slice(0, split), null],
        [...texts.slice(split), null]
      )
    )
    return pid[0] ?? 0
  } finally {
    libc.actionsDestroy(actions)
  }
}
