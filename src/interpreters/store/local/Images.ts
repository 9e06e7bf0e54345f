/** What a local store keeps of images in registries, for who looks at it and makes room: see `registry/BlobCache.ts`. */
import * as Fs from "node:fs"
import { codeOf } from "../../host/IoError.ts"
import { tryLock } from "../../host/Libc.ts"
import { isAt, namesAt } from "../../host/Names.ts"
import type { StoredBlob } from "../../Inventory.ts"

const WHOLE = "blobs/sha256"
const PARTIAL = "blobs/partial"
const HEX = /^[0-9a-f]{64}$/

/** Layers, and parts of layers that somebody fetches or has begun to. */
export const blobs = (images: string): ReadonlyArray<StoredBlob> =>
  [WHOLE, PARTIAL].flatMap((directory) =>
    namesAt(`${images}/${directory}`).flatMap((digest) => {
      const stats = Fs.lstatSync(`${images}/${directory}/${digest}`, { throwIfNoEntry: false })
      if (stats === undefined || !HEX.test(digest)) return []
      return [{ digest, size: stats.blocks * 512, lastUsed: Math.round(stats.mtimeMs) }]
    })
  )

/** Removes a layer, whole or not, unless somebody fetches it. Who reads it has it open. */
export const removeBlob = (images: string, digest: string): boolean => {
  if (!HEX.test(digest)) return false
  const removed = [remove(`${images}/${WHOLE}/${digest}`), removeAbandoned(`${images}/${PARTIAL}/${digest}`)]
  return removed.includes(true)
}

/** Forgets manifests, configurations, and what tags meant. */
export const forget = (images: string): void => {
  for (const directory of ["documents", "tags"]) {
    for (const name of namesAt(`${images}/${directory}`)) remove(`${images}/${directory}/${name}`)
  }
}

const remove = (path: string): boolean => {
  try {
    Fs.unlinkSync(path)
    return true
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false
    throw error
  }
}

const removeAbandoned = (path: string): boolean => {
  let fd: number
  try {
    fd = Fs.openSync(path, Fs.constants.O_RDWR | Fs.constants.O_NOFOLLOW)
  } catch {
    return false
  }
  try {
    return tryLock(fd) && isAt(fd, path) && remove(path)
  } finally {
    Fs.closeSync(fd)
  }
}
