/** Manifests, indexes and configurations of images, by their digests: a file for each, below one directory. */
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import { codeOf } from "../host/IoError.ts"
import { keep } from "./KeptFile.ts"

export class Documents {
  private readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  /** By 64 hexadecimal digits of SHA-256; `undefined` where it is not there, or is damaged. */
  get(hex: string): Buffer | undefined {
    try {
      const bytes = Fs.readFileSync(`${this.directory}/${hex}`)
      return createHash("sha256").update(bytes).digest("hex") === hex ? bytes : undefined
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined
      throw error
    }
  }

  /** Keeps one that has been verified. */
  put(hex: string, bytes: Uint8Array): void {
    if (this.get(hex) !== undefined) return
    keep(this.directory, hex, bytes)
  }
}
