/** Files without a name: nothing is left of them, however the process that has them open ends. */
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { codeOf } from "./IoError.ts"

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDWR } = Fs.constants

/** Linux's, which Node does not name. */
const O_TMPFILE = 0o20000000 | O_DIRECTORY

/** What is said where a file system has no such files. */
const UNSUPPORTED: ReadonlySet<string> = new Set(["EOPNOTSUPP", "ENOTSUP", "EISDIR", "EINVAL"])

/** Opens one in a directory, to write and read. Whoever calls this closes it. */
export const open = (directory: string): number => {
  try {
    return Fs.openSync(directory, O_RDWR | O_TMPFILE, 0o600)
  } catch (error) {
    if (!UNSUPPORTED.has(codeOf(error) ?? "")) throw error
    const path = `${directory}/.obuilder-${randomBytes(8).toString("hex")}`
    const fd = Fs.openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    Fs.unlinkSync(path)
    return fd
  }
}

/** Where large ones are to be, as other programs for images have it: `/tmp` may be memory. */
export const directoryFor = (environment: Readonly<Record<string, string | undefined>>): string =>
  environment["TMPDIR"] || "/var/tmp"
