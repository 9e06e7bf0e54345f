/** Where secrets are while containers have them mounted: in memory, where there is such a place. */
import * as Fs from "node:fs"
import { tmpdir } from "node:os"

export const secretsDirectory = (): string => {
  const user = process.geteuid?.() ?? 0
  const place = ["/dev/shm", "/run"].find((path) => process.platform === "linux" && isWritable(path)) ?? tmpdir()
  return `${place}/obuilder-docker-${user}`
}

const isWritable = (path: string): boolean => {
  try {
    Fs.accessSync(path, Fs.constants.W_OK)
    return true
  } catch {
    return false
  }
}
