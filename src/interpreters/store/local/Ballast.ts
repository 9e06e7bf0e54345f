/**
 * A little space that a store keeps back. On a disk that is full nothing could
 * be deleted otherwise: what deletes has to write something first, so that
 * others know of it and a killed one leaves nothing half deleted.
 */
import { randomFillSync } from "node:crypto"
import * as Fs from "node:fs"
import { codeOf } from "../../host/IoError.ts"
import type { StoreError } from "../../Store.ts"
import type { Layout } from "./Layout.ts"

/** Bytes: more than a few directories and small files take, on any file system. */
const SIZE = 512 * 1024

/** Whether something failed because there was no space. */
export const isFull = ({ cause }: StoreError): boolean => {
  const code = cause instanceof Error ? codeOf(cause) : undefined
  return code === "ENOSPC" || code === "EDQUOT"
}

/** Gives the space away; false where there is none. */
export const drop = (layout: Layout): boolean => {
  try {
    Fs.unlinkSync(layout.ballast)
    return true
  } catch {
    return false
  }
}

/** Keeps space back again, if it is not kept. Where there is none, a later one does. */
export const restore = (layout: Layout): void => {
  if (Fs.existsSync(layout.ballast) || !Fs.existsSync(layout.format)) return
  try {
    // Bytes that no file system makes fewer of.
    Fs.writeFileSync(layout.ballast, randomFillSync(Buffer.alloc(SIZE)), { mode: 0o600 })
  } catch {
    drop(layout)
  }
}
