/** Names of files: those in a directory, and whether an open file still has its own. */
import * as Fs from "node:fs"
import { codeOf } from "./IoError.ts"

/** None where there is no such directory; whatever else goes wrong is thrown, and not taken for nothing. */
export const namesAt = (directory: string): ReadonlyArray<string> => {
  try {
    return Fs.readdirSync(directory)
  } catch (error) {
    const code = codeOf(error)
    if (code === "ENOENT" || code === "ENOTDIR") return []
    throw error
  }
}

/** Whether an open file still has this name: somebody may have removed it, or put another one there. */
export const isAt = (fd: number, path: string): boolean =>
  Fs.lstatSync(path, { throwIfNoEntry: false })?.ino === Fs.fstatSync(fd).ino

/** What a file says; `undefined` where there is none. */
export const readText = (path: string): string | undefined => {
  try {
    return Fs.readFileSync(path, "utf8")
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined
    throw error
  }
}
