/**
 * The few calls of the C library that Node does not have, through koffi.
 *
 * koffi is loaded at the first call: a build whose steps are all cached never
 * pays for it. Every function here is synchronous and throws {@link ErrnoError}.
 *
 * Extended attributes are Linux's. FreeBSD's are reached by other calls, and no
 * image for it has any; on macOS they are notes of the Finder's and the like,
 * which are not part of what is built. There, no file has any, and none can be given one.
 */
import type * as Koffi from "koffi"
import { createRequire } from "node:module"
import { constants, type as systemName } from "node:os"
import { isLinux } from "./System.ts"

/** A failed call, shaped as Node's own file system errors are. */
export class ErrnoError extends Error {
  readonly code: string
  readonly errno: number
  readonly syscall: string
  readonly path: string

  constructor(errno: number, syscall: string, path: HostPath) {
    const code = codes.get(errno) ?? `E${errno}`
    super(`${code}: ${syscall} '${path}'`)
    this.code = code
    this.errno = errno
    this.syscall = syscall
    this.path = path.toString()
  }
}

const codes: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([code, errno]) => [errno, code] as const)
)

/** A path as Node takes it: in bytes where its names need not be UTF-8. */
export type HostPath = string | Buffer

const NUL = Buffer.of(0)

/** As the C library takes it. */
const terminated = (path: HostPath): HostPath => (typeof path === "string" ? path : Buffer.concat([path, NUL]))

/** Loads koffi, and the C library that this process has. */
const load = (): { readonly koffi: typeof Koffi; readonly libc: Koffi.LibraryHandle } => {
  if (loaded !== undefined) return loaded
  const koffi: typeof Koffi = createRequire(import.meta.url)("koffi")
  loaded = { koffi, libc: koffi.load(null) }
  return loaded
}

let loaded: ReturnType<typeof load> | undefined

/** A function of the C library, looked for at its first call: that one system lacks it hurts only who needs it. */
const bind = <F>(prototype: string): (() => F) => {
  let bound: F | undefined
  return () => (bound ??= load().libc.func(prototype) as F)
}

const calls = {
  lgetxattr: bind<(path: HostPath, name: string, value: Uint8Array, size: number) => number>(
    "long lgetxattr(const char *path, const char *name, _Out_ uint8_t *value, size_t size)"
  ),
  lsetxattr: bind<(path: HostPath, name: string, value: Uint8Array, size: number, flags: number) => number>(
    "int lsetxattr(const char *path, const char *name, const uint8_t *value, size_t size, int flags)"
  ),
  lremovexattr: bind<(path: HostPath, name: string) => number>("int lremovexattr(const char *path, const char *name)"),
  llistxattr: bind<(path: HostPath, list: Uint8Array, size: number) => number>(
    "long llistxattr(const char *path, _Out_ uint8_t *list, size_t size)"
  ),
  mknod: bind<(path: HostPath, mode: number, device: bigint) => number>(
    "int mknod(const char *path, unsigned int mode, uint64_t device)"
  ),
  flock: bind<(fd: number, operation: number) => number>("int flock(int fd, int operation)"),
  utimensat: bind<(fd: number, path: HostPath, times: Uint8Array, flags: number) => number>(
    "int utimensat(int fd, const char *path, const uint8_t *times, int flags)"
  ),
  ioctl: bind<(fd: number, request: number, argument: Uint8Array) => number>(
    "int ioctl(int fd, unsigned long request, uint8_t *argument)"
  ),
  pipe2: bind<(fds: Array<number>, flags: number) => number>("int pipe2(_Out_ int *fds, int flags)"),
  syncfs: bind<Koffi.KoffiFunc<(fd: number) => number>>("int syncfs(int fd)"),
  sysctlbyname: bind<(name: string, value: Uint8Array, size: Array<number>, newValue: null, newSize: number) => number>(
    "int sysctlbyname(const char *name, _Out_ uint8_t *value, _Inout_ size_t *size, const void *newValue, size_t newSize)"
  ),
  sync: bind<Koffi.KoffiFunc<() => void>>("void sync()")
}

/** Whose C library this is: its numbers are those of the real system, whatever a test pretends. */
const LIBRARY = systemName()

const lastErrno = (): number => load().koffi.errno()

const check = (result: number, syscall: string, path: HostPath): number => {
  if (result < 0) throw new ErrnoError(lastErrno(), syscall, path)
  return result
}

const MAX_XATTR = 65536

/** What the kernel writes to. One for all calls: making 64 KiB anew costs five times the call itself. */
const scratch = new Uint8Array(MAX_XATTR)

/** An extended attribute's value, or `undefined` where there is none. The last component is not followed. */
export const getXattr = (path: HostPath, name: string): Uint8Array | undefined => {
  if (!isLinux()) return undefined
  const size = calls.lgetxattr()(terminated(path), name, scratch, scratch.length)
  if (size >= 0) return scratch.slice(0, size)
  const errno = lastErrno()
  if (errno === constants.errno.ENODATA || errno === constants.errno.EOPNOTSUPP) return undefined
  throw new ErrnoError(errno, "lgetxattr", path)
}

export const setXattr = (path: HostPath, name: string, value: Uint8Array): void => {
  // Dropped in silence, a file would be another one.
  if (!isLinux()) throw new ErrnoError(constants.errno.EOPNOTSUPP, "lsetxattr", path)
  check(calls.lsetxattr()(terminated(path), name, value, value.length, 0), "lsetxattr", path)
}

/** Takes an extended attribute away, if it is there. */
export const removeXattr = (path: HostPath, name: string): void => {
  if (!isLinux()) return
  if (calls.lremovexattr()(terminated(path), name) === 0) return
  const errno = lastErrno()
  if (errno !== constants.errno.ENODATA) throw new ErrnoError(errno, "lremovexattr", path)
}

/** The names of the extended attributes; none where the file system has no such thing. */
export const listXattr = (path: HostPath): ReadonlyArray<string> => {
  if (!isLinux()) return []
  const size = calls.llistxattr()(terminated(path), scratch, scratch.length)
  if (size < 0) {
    const errno = lastErrno()
    if (errno === constants.errno.EOPNOTSUPP) return []
    throw new ErrnoError(errno, "llistxattr", path)
  }
  if (size === 0) return []
  return Buffer.from(scratch.buffer, 0, size)
    .toString("utf8")
    .split("\0")
    .filter((name) => name !== "")
}

/** The system's encoding of a device number: `makedev` of glibc, and of `sys/types.h`. */
export const makeDevice = (major: number, minor: number): bigint => {
  const [a, b] = [BigInt(major), BigInt(minor)]
  if (LIBRARY === "Darwin") return ((a & 0xffn) << 24n) | (b & 0xffffffn)
  if (LIBRARY === "FreeBSD") {
    return ((a & 0xffffff00n) << 32n) | ((a & 0xffn) << 8n) | ((b & 0xff00n) << 24n) | (b & 0xffff00ffn)
  }
  return ((a & 0xfffff000n) << 32n) | ((a & 0xfffn) << 8n) | ((b & 0xffffff00n) << 12n) | (b & 0xffn)
}

/** Makes a device, FIFO or socket node: `mode` holds the type and the permissions, less the umask. */
export const makeNode = (path: HostPath, mode: number, device: bigint): void => {
  check(calls.mknod()(terminated(path), mode, device), "mknod", path)
}

const LOCK_SH = 1
const LOCK_EX = 2
const LOCK_NB = 4

/**
 * Takes a lock on an open file without waiting, or turns the one that it has
 * into this one; false where another open file description has one that does
 * not go with it. The kernel drops it when the file is closed, so with the
 * process, however that ends.
 */
export const tryLock = (fd: number, kind: "exclusive" | "shared" = "exclusive"): boolean => {
  if (calls.flock()(fd, (kind === "shared" ? LOCK_SH : LOCK_EX) | LOCK_NB) === 0) return true
  const errno = lastErrno()
  if (errno === constants.errno.EWOULDBLOCK) return false
  throw new ErrnoError(errno, "flock", `fd ${fd}`)
}

/** `AT_FDCWD` and `AT_SYMLINK_NOFOLLOW` of fcntl.h. */
const utimensatNumbers = (): { readonly cwd: number; readonly noFollow: number } =>
  LIBRARY === "Linux"
    ? { cwd: -100, noFollow: 0x100 }
    : LIBRARY === "Darwin"
      ? { cwd: -2, noFollow: 0x20 }
      : { cwd: -100, noFollow: 0x200 }

/** Sets when a file was read and changed last, in nanoseconds, which Node's own call rounds. A link is not followed. */
export const setTimes = (path: HostPath, accessed: bigint, modified: bigint): void => {
  const times = Buffer.alloc(32)
  for (const [index, time] of [accessed, modified].entries()) {
    const nanoseconds = ((time % SECOND) + SECOND) % SECOND
    times.writeBigInt64LE((time - nanoseconds) / SECOND, index * 16)
    times.writeBigInt64LE(nanoseconds, index * 16 + 8)
  }
  const { cwd, noFollow } = utimensatNumbers()
  check(calls.utimensat()(cwd, terminated(path), times, noFollow), "utimensat", path)
}

const SECOND = 1_000_000_000n

/** A call of a device's or a file system's own, ioctl(2). `path` is for the error. */
export const ioctl = (fd: number, request: number, argument: Uint8Array, path: string): void => {
  check(calls.ioctl()(fd, request, argument), "ioctl", path)
}

/** Writes all of a file's file system to its disk, without keeping anybody waiting. Rejects where the disk did not take it. */
export const syncFileSystem = (fd: number): Promise<void> =>
  new Promise((resolve, reject) => {
    if (!isLinux()) {
      // Neither FreeBSD nor macOS has a call for one file system: all are written. Nothing is told of how that went.
      calls.sync().async((error: Error | null) => (error === null ? resolve() : reject(error)))
      return
    }
    calls.syncfs().async(fd, (error: Error | null, result) =>
      // The error number is the other thread's: what matters is that something is not on the disk.
      error === null && result === 0 ? resolve() : reject(new ErrnoError(constants.errno.EIO, "syncfs", `fd ${fd}`))
    )
  })

const O_CLOEXEC = 0o2000000

/** A real pipe, `[read end, write end]`, both closed on exec. */
export const pipe = (): readonly [number, number] => {
  const fds = [-1, -1]
  check(calls.pipe2()(fds, O_CLOEXEC), "pipe2", "")
  const [read, write] = fds
  if (read === undefined || write === undefined) throw new ErrnoError(constants.errno.EINVAL, "pipe2", "")
  return [read, write]
}

/** What the kernel says by a name, sysctl(3): as text, or, where it is no text, its bytes in hexadecimal digits. Not on Linux. */
export const systemText = (name: string): string => {
  const size = [scratch.length]
  check(calls.sysctlbyname()(name, scratch, size, null, 0), "sysctlbyname", name)
  const bytes = Buffer.from(scratch.slice(0, size[0] ?? 0))
  const text = bytes.toString("latin1").replace(/\0+$/, "")
  return /^[\x20-\x7e]+$/.test(text) ? text : bytes.toString("hex")
}
