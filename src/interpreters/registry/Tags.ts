/** What tags meant when they were last asked for: a file for each, below one directory. */
import * as Fs from "node:fs"
import { Digest, sha256 } from "../../domain/Digest.ts"
import { keep } from "./KeptFile.ts"

export class Tags {
  private readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  /** The digest of a manifest or an index, by an image's full name. */
  get(name: string): Digest | undefined {
    let value: unknown
    try {
      value = JSON.parse(Fs.readFileSync(`${this.directory}/${sha256(name)}`, "utf8"))
    } catch {
      return undefined
    }
    if (typeof value !== "object" || value === null) return undefined
    const { digest, name: said }: { digest?: unknown; name?: unknown } = value
    return said === name && typeof digest === "string" && /^[0-9a-f]{64}$/.test(digest)
      ? Digest.make(digest)
      : undefined
  }

  set(name: string, digest: Digest): void {
    keep(this.directory, sha256(name), JSON.stringify({ name, digest, resolved: new Date().toISOString() }))
  }
}
