/** What the system said when it refused something, for users. */

/** The system's code (`ENOENT`), or whatever there is instead. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error)

const REASONS: ReadonlyMap<string, string> = new Map([
  ["OVERSIZED", "it is larger than 256 MiB"],
  ["CHANGED", "it has changed meanwhile"],
  ["IRREGULAR", "it is no regular file"],
  ["ENOENT", "there is no such file or directory"],
  ["EISDIR", "it is a directory"],
  ["ENOTDIR", "a part of its path is not a directory"],
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["ELOOP", "too many symbolic links lead to it"],
  ["ENAMETOOLONG", "its name is too long"],
  ["EROFS", "the file system is read-only"],
  ["ENOSPC", "the disk is full"],
  ["EDQUOT", "the disk quota is used up"],
  ["EFBIG", "it would be larger than files may be"],
  ["EIO", "the disk failed"],
  ["ENXIO", "nothing reads from it"],
  ["EAGAIN", "nothing is there to read"]
])

/** A system's code in words. */
export const reason = (code: string): string => REASONS.get(code) ?? code

/** The codes that say that the machine is at fault, rather than what the user named. */
export const isMachines = (code: string): boolean => MACHINES.has(code)

const MACHINES: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EROFS", "EIO", "ENOMEM", "EMFILE", "ENFILE"])
