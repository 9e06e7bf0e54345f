/** Files that several processes may read and write at the same time: each is there as a whole, or not at all. */
import * as Fs from "node:fs"

/** Puts a file into a directory, which is made where it is missing. */
export const keep = (directory: string, name: string, content: string | Uint8Array): void => {
  Fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = `${directory}/${name}`
  const temporary = `${path}-${process.pid}`
  Fs.writeFileSync(temporary, content, { mode: 0o600 })
  Fs.renameSync(temporary, path)
}
