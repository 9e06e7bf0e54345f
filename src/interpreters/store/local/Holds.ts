/**
 * Which results processes hold: a mark for each in a process's own temporary
 * space, which counts for as long as the process lives.
 *
 * The store's lock keeps holding and deleting apart: whoever marks a result has
 * it shared and sees that the result is there, whoever deletes has it alone and
 * sees all marks. Neither takes longer than a few dozen system calls.
 */
import * as Fs from "node:fs"
import { StepId } from "../../../domain/Digest.ts"
import { LATER } from "../../host/Cooperate.ts"
import { codeOf } from "../../host/IoError.ts"
import { tryLock } from "../../host/Libc.ts"
import { namesAt } from "../../host/Names.ts"
import { isDead } from "../../host/Owners.ts"
import type { Use, Uses } from "../../Uses.ts"
import type { Layout } from "./Layout.ts"

/** In a process's temporary space. */
export const HOLDS = "holds"

const { O_CREAT, O_NOFOLLOW, O_RDWR } = Fs.constants

export class Holds {
  private readonly layout: Layout
  /** What this process holds. */
  private readonly own = new Set<StepId>()
  readonly uses: Uses
  /** How many read a result. */
  private readonly readers = new Map<StepId, number>()

  constructor(layout: Layout, uses: Uses) {
    this.layout = layout
    this.uses = uses
  }

  /** Marks a result in the process's space, if it is there, for a use or until the next `release`. */
  *hold(id: StepId, space: string, use: Use | undefined, isThere: () => boolean): Generator<typeof LATER, boolean> {
    // Once marked it stays, unless somebody deletes it by other means.
    if (this.own.has(id)) {
      use?.add(id)
      return isThere()
    }
    return yield* this.locked("shared", () => {
      if (!isThere()) return false
      this.mark(id, space, use)
      return true
    })
  }

  /** Marks a result that is about to appear: nobody can delete it before that. */
  mark(id: StepId, space: string, use: Use | undefined): void {
    if (!this.own.has(id)) {
      Fs.mkdirSync(`${space}/${HOLDS}`, { recursive: true, mode: 0o700 })
      Fs.closeSync(Fs.openSync(`${space}/${HOLDS}/${id}`, "w", 0o600))
    }
    this.own.add(id)
    use?.add(id)
  }

  /** Begins to read a result, which stays held until what this gives is called. */
  read(id: StepId): () => void {
    const count = (by: number): void => {
      const readers = (this.readers.get(id) ?? 0) + by
      if (readers > 0) this.readers.set(id, readers)
      else this.readers.delete(id)
    }
    count(1)
    return () => count(-1)
  }

  /** Whether there is anything to let go of. */
  get holdsAny(): boolean {
    return this.own.size > 0
  }

  /** Lets go of what no use holds that goes on, and is not being read. */
  release(space: string): void {
    for (const id of this.own) {
      if (this.uses.has(id) || this.readers.has(id)) continue
      Fs.rmSync(`${space}/${HOLDS}/${id}`, { force: true })
      this.own.delete(id)
    }
  }

  /** All that living processes hold. */
  all(): ReadonlySet<StepId> {
    const { temporary } = this.layout
    const held = new Set<StepId>()
    for (const owner of namesAt(temporary)) {
      const marks = namesAt(`${temporary}/${owner}/${HOLDS}`)
      if (marks.length === 0 || isDead(`${temporary}/${owner}`)) continue
      for (const id of marks) held.add(StepId.make(id, { disableValidation: true }))
    }
    return held
  }

  /** Does something while nobody else deletes and, if it is to be alone, nobody holds anything new. */
  *locked<A>(kind: "exclusive" | "shared", work: () => A): Generator<typeof LATER, A> {
    const fd = this.openLock()
    try {
      while (!tryLock(fd, kind)) yield LATER
      return work()
    } finally {
      Fs.closeSync(fd)
    }
  }

  private openLock(): number {
    try {
      return Fs.openSync(this.layout.lock, O_RDWR | O_NOFOLLOW)
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error
      return Fs.openSync(this.layout.lock, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
    }
  }
}
