/**
 * Files that are read, and then replaced by what was made of them: never
 * another file that has their name by then, and never none.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

/** Which file was read, and what tells that nobody has written to it since. */
export type Seen = Pick<Fs.BigIntStats, "dev" | "ino" | "size" | "mtimeNs" | "ctimeNs">

/** Of an open file. To be asked before it is read: what is written meanwhile is then seen. */
export const look = (fd: number): Seen => Fs.fstatSync(fd, { bigint: true })

/** The file that a name leads to is not the one that was read, or not as it was; `code` is `CHANGED`. */
const changed = (): Error => Object.assign(new Error("changed"), { code: "CHANGED" })

/** What cannot be replaced, such as a pipe; `code` is `IRREGULAR`. */
const irregular = (): Error => Object.assign(new Error("irregular"), { code: "IRREGULAR" })

/** Puts a new file in the place of the one that was read; throws the system's errors, and the two above. */
export const replace = (path: string, seen: Seen, unique: number, bytes: Uint8Array): void => {
  // Where the name is a link, the file that it leads to is the one to replace.
  const real = Fs.realpathSync(path)
  const existing = asSeen(real, seen)
  const temporary = temporaryName(real, unique)
  Fs.rmSync(temporary, { force: true })
  const fd = Fs.openSync(temporary, "wx", 0o600)
  try {
    try {
      likeBefore(fd, existing)
      Fs.writeFileSync(fd, bytes)
      // After a loss of power there is the old file or the new one, not an empty one.
      Fs.fsyncSync(fd)
    } finally {
      Fs.closeSync(fd)
    }
    asSeen(real, seen)
    Fs.renameSync(temporary, real)
  } catch (error) {
    Fs.rmSync(temporary, { force: true })
    throw error
  }
}

const asSeen = (real: string, seen: Seen): { readonly gid: number; readonly mode: number; readonly uid: number } => {
  const now = Fs.statSync(real, { bigint: true })
  if (!now.isFile()) throw irregular()
  const fields = ["dev", "ino", "size", "mtimeNs", "ctimeNs"] as const
  if (fields.some((field) => now[field] !== seen[field])) throw changed()
  return { gid: Number(now.gid), mode: Number(now.mode), uid: Number(now.uid) }
}

/** Beside a file, so that it can be given its name. */
export const temporaryName = (real: string, unique: number): string =>
  Path.join(Path.dirname(real), `.${Path.basename(real).slice(0, 200)}.${unique}.tmp`)

/** Who may read a file may read what takes its place, and nobody else. */
export const likeBefore = (fd: number, { gid, mode, uid }: Pick<Fs.Stats, "gid" | "mode" | "uid">): void => {
  try {
    Fs.fchownSync(fd, uid, gid)
  } catch {
    // Somebody else's, then: it is his who writes it.
  }
  Fs.fchmodSync(fd, mode & 0o777)
}
