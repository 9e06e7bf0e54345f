/** The names in a directory. */
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
