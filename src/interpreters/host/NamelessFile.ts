/** A file that has no name: it is gone with its last descriptor, however the process ends. */
import { randomUUID } from "node:crypto"
import * as Fs from "node:fs"
import * as Promises from "node:fs/promises"
import { join } from "node:path"
import { hasProc } from "./System.ts"

/** As Linux has it everywhere but on alpha, parisc and sparc; Node has no name for it. */
const O_TMPFILE = 0o20000000 | Fs.constants.O_DIRECTORY

/** What is said by file systems, and kernels, that do not know it. */
const UNKNOWN: ReadonlySet<unknown> = new Set(["ENOTSUP", "EOPNOTSUPP", "EISDIR", "EINVAL"])

/** Opens one in a directory, to be written and read. */
export const open = async (directory: string): Promise<Promises.FileHandle> => {
  if (!hasProc()) return unlinked(join(directory, `obuilder-${randomUUID()}`))
  try {
    return await Promises.open(directory, Fs.constants.O_RDWR | Fs.constants.O_EXCL | O_TMPFILE, 0o600)
  } catch (error) {
    if (!(error instanceof Error && "code" in error && UNKNOWN.has(error.code))) throw error
    return unlinked(join(directory, `obuilder-${randomUUID()}`))
  }
}

/** Where the file has a name at first, it has it for two system calls. */
export const unlinked = async (path: string): Promise<Promises.FileHandle> => {
  const file = await Promises.open(path, "wx+", 0o600)
  try {
    Fs.unlinkSync(path)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

/**
 * By which it can be opened again, as long as it is open here. In `/dev/fd`,
 * which others than Linux have, that is a duplicate: all read from one place,
 * so whoever opens it says where he reads.
 */
export const pathOf = (fd: number): string => (hasProc() ? `/proc/self/fd/${fd}` : `/dev/fd/${fd}`)

/** Where large ones are to be, as other programs for images have it: `/tmp` may be memory. */
export const directoryFor = (environment: Readonly<Record<string, string | undefined>>): string =>
  environment["TMPDIR"] || "/var/tmp"
