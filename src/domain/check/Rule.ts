/** A rule: what it looks for, and why. */
import type { Fix, Severity } from "./Finding.ts"
import type { Subject } from "./Subject.ts"

export interface Rule {
  /** In lower case, with dashes. */
  readonly name: string
  readonly severity: Severity
  /** What is found, as a phrase. */
  readonly summary: string
  /** Why it is worth a word, as a phrase. */
  readonly why: string
  /** What to do, as a phrase. */
  readonly remedy: string
  readonly find: (subject: Subject) => Iterable<Match>
}

/** What a rule has found. */
export interface Match {
  /** A part of the spec that has a place: an operation, a cache, a nested build, a spec (its base). */
  readonly part: object
  readonly message: string
  /** A phrase. */
  readonly hint?: string | undefined
  readonly fix?: Fix | undefined
}
