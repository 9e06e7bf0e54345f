/** Something in a Dockerfile that cannot be imported. Thrown within the importer only, which makes a `SpecError` of it. */
import type { Range } from "./Dockerfile.ts"

export class ImportRefused extends Error {
  readonly range: Range
  readonly hint: string | undefined

  constructor(range: Range, message: string, hint?: string) {
    super(message)
    this.range = range
    this.hint = hint
  }
}
