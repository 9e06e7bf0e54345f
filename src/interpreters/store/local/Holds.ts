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
import type { Layout } from "./Layout.ts"

/** In a process's temporary space. */
export const HOLDS = "holds"

const { O_CREAT, O_NOFOLLOW, O_RDWR } = Fs.constants

export class Holds {
  private readonly layout: Layout
  private readonly own = new Set<StepId>()

  constructor(layout: Layout) {
    this.layout = layout
  }

  /** Marks a result in the process's space, if it is there. */
  *hold(id: StepId, space: string, isThere: () => boolean): Generator<typeof LATER, boolean> {
    // Once marked it stays, unless somebody deletes it by other means.
    if (this.own.has(id)) return isThere()
    return yield* this.locked("shared", () => {
      if (!isThere()) return false
      this.mark(id, space)
      return true
    })
  }

  /** Marks a result that is about to appear: nobody can delete it before that. */
  mark(id: StepId, space: string): void {
    if (this.own.has(id)) return
    Fs.mkdirSync(`${space}/${HOLDS}`, { recursive: true, mode: 0o700 })
    Fs.closeSync(Fs.openSync(`${space}/${HOLDS}/${id}`, "w", 0o600))
    this.own.add(id)
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
