/** Writing to files: the system may take a part first, as on a disk that fills up. */
import * as Fs from "node:fs"

/** Writes all of it, from where the file is at, or from `at` bytes on. */
export const writeAll = (fd: number, bytes: Uint8Array, at?: number): void => {
  for (let done = 0; done < bytes.length;) {
    done += Fs.writeSync(fd, bytes, done, bytes.length - done, at === undefined ? null : at + done)
  }
}
