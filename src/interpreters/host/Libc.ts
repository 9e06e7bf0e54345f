/**
 * The few calls of the C library that Node does not have, through koffi.
 *
 * koffi is loaded at the first call: a build whose steps are all cached never
 * pays for it. Every function here is synchronous and throws {@link ErrnoError}.
 */
import type * as Koffi from "koffi"
import { createRequire } from "node:module"
import { constants } from "node:os"

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

interface Bindings {
  readonly lgetxattr: (path: HostPath, name: string, value: Uint8Array, size: number) => number
  readonly lsetxattr: (path: HostPath, name: string, value: Uint8Array, size: number, flags: number) => number
  readonly lremovexattr: (path: HostPath, name: string) => number
  readonly llistxattr: (path: HostPath, list: Uint8Array, size: number) => number
  readonly mknod: (path: HostPath, mode: number, device: bigint) => number
  readonly flock: (fd: number, operation: number) => number
  readonly utimensat: (fd: number, path: HostPath, times: Uint8Array, flags: number) => number
  readonly ioctl: (fd: number, request: number, argument: Uint8Array) => number
  readonly pipe2: (fds: Array<number>, flags: number) => number
  readonly syncfs: Koffi.KoffiFunc<(fd: number) => number>
  readonly errno: () => number
}

let bindings: Bindings | undefined

const load = (): Bindings => {
  if (bindings !== undefined) return bindings
  const koffi: typeof Koffi = createRequire(import.meta.url)("koffi")
  const libc = koffi.load(null)
  bindings = {
    lgetxattr: libc.func("long lgetxattr(const char *path, const char *name, _Out_ uint8_t *value, size_t size)"),
    lsetxattr: libc.func(
      "int lsetxattr(const char *path, const char *name, const uint8_t *value, size_t size, int flags)"
    ),
    lremovexattr: libc.func("int lremovexattr(const char *path, const char *name)"),
    llistxattr: libc.func("long llistxattr(const char *path, _Out_ uint8_t *list, size_t size)"),
    mknod: libc.func("int mknod(const char *path, unsigned int mode, uint64_t device)"),
    flock: libc.func("int flock(int fd, int operation)"),
    utimensat: libc.func("int utimensat(int fd, const char *path, const uint8_t *times, int flags)"),
    ioctl: libc.func("int ioctl(int fd, unsigned long request, uint8_t *argument)"),
    pipe2: libc.func("int pipe2(_Out_ int *fds, int flags)"),
    syncfs: libc.func("int syncfs(int fd)"),
    errno: () => koffi.errno()
  }
  return bindings
}

const check = (result: number, syscall: string, path: HostPath): number => {
  if (result < 0) throw new ErrnoError(load().errno(), syscall, path)
  return result
}

const MAX_XATTR = 65536

/** What the kernel writes to. One for all calls: making 64 KiB anew costs five times the call itself. */
const scratch = new Uint8Array(MAX_XATTR)

/** An extended attribute's value, or `undefined` where there is none. The last component is not followed. */
export const getXattr = (path: HostPath, name: string): Uint8Array | undefined => {
  const libc = load()
  const size = libc.lgetxattr(terminated(path), name, scratch, scratch.length)
  if (size >= 0) return scratch.slice(0, size)
  const errno = libc.errno()
  if (errno === constants.errno.ENODATA || errno === constants.errno.EOPNOTSUPP) return undefined
  throw new ErrnoError(errno, "lgetxattr", path)
}

export const setXattr = (path: HostPath, name: string, value: Uint8Array): void => {
  check(load().lsetxattr(terminated(path), name, value, value.length, 0), "lsetxattr", path)
}

/** Takes an extended attribute away, if it is there. */
export const removeXattr = (path: HostPath, name: string): void => {
  const libc = load()
  if (libc.lremovexattr(terminated(path), name) === 0) return
  const errno = libc.errno()
  if (errno !== constants.errno.ENODATA) throw new ErrnoError(errno, "lremovexattr", path)
}

/** The names of the extended attributes; none where the file system has no such thing. */
export const listXattr = (path: HostPath): ReadonlyArray<string> => {
  const libc = load()
  const size = libc.llistxattr(terminated(path), scratch, scratch.length)
  if (size < 0) {
    const errno = libc.errno()
    if (errno === constants.errno.EOPNOTSUPP) return []
    throw new ErrnoError(errno, "llistxattr", path)
  }
  if (size === 0) return []
  return Buffer.from(scratch.buffer, 0, size)
    .toString("utf8")
    .split("\0")
    .filter((name) => name !== "")
}

/** Linux's encoding of a device number (glibc's `makedev`). */
export const makeDevice = (major: number, minor: number): bigint => {
  const [a, b] = [BigInt(major), BigInt(minor)]
  return ((a & 0xfffff000n) << 32n) | ((a & 0xfffn) << 8n) | ((b & 0xffffff00n) << 12n) | (b & 0xffn)
}

/** Makes a device, FIFO or socket node: `mode` holds the type and the permissions, less the umask. */
export const makeNode = (path: HostPath, mode: number, device: bigint): void => {
  check(load().mknod(terminated(path), mode, device), "mknod", path)
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
  const libc = load()
  if (libc.flock(fd, (kind === "shared" ? LOCK_SH : LOCK_EX) | LOCK_NB) === 0) return true
  const errno = libc.errno()
  if (errno === constants.errno.EWOULDBLOCK) return false
  throw new ErrnoError(errno, "flock", `fd ${fd}`)
}

const AT_FDCWD = -100
const AT_SYMLINK_NOFOLLOW = 0x100

/** Sets when a file was read and changed last, in nanoseconds, which Node's own call rounds. A link is not followed. */
export const setTimes = (path: HostPath, accessed: bigint, modified: bigint): void => {
  const times = Buffer.alloc(32)
  for (const [index, time] of [accessed, modified].entries()) {
    const nanoseconds = ((time % SECOND) + SECOND) % SECOND
    times.writeBigInt64LE((time - nanoseconds) / SECOND, index * 16)
    times.writeBigInt64LE(nanoseconds, index * 16 + 8)
  }
  check(load().utimensat(AT_FDCWD, terminated(path), times, AT_SYMLINK_NOFOLLOW), "utimensat", path)
}

const SECOND = 1_000_000_000n

/** A call of a device's or a file system's own, ioctl(2). `path` is for the error. */
export const ioctl = (fd: number, request: number, argument: Uint8Array, path: string): void => {
  check(load().ioctl(fd, request, argument), "ioctl", path)
}

/** Writes all of a file's file system to its disk, without keeping anybody waiting. Rejects where the disk did not take it. */
export const syncFileSystem = (fd: number): Promise<void> =>
  new Promise((resolve, reject) => {
    load().syncfs.async(fd, (error: Error | null, result) =>
      // The error number is the other thread's: what matters is that something is not on the disk.
      error === null && result === 0 ? resolve() : reject(new ErrnoError(constants.errno.EIO, "syncfs", `fd ${fd}`))
    )
  })

const O_CLOEXEC = 0o2000000

/** A real pipe, `[read end, write end]`, both closed on exec. */
export const pipe = (): readonly [number, number] => {
  const fds = [-1, -1]
  check(load().pipe2(fds, O_CLOEXEC), "pipe2", "")
  const [read, write] = fds
  if (read === undefined || write === undefined) throw new ErrnoError(constants.errno.EINVAL, "pipe2", "")
  return [read, write]
}
