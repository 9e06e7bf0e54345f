/** Which results are built on which, as far as this process has looked. */
import type { StepId } from "../../../domain/Digest.ts"
import type { Results } from "./Results.ts"

export class Family {
  private readonly results: Results
  private readonly parents = new Map<StepId, StepId | undefined>()
  private readonly children = new Map<StepId, Set<StepId>>()

  constructor(results: Results) {
    this.results = results
  }

  /** Looks what there is now: reads what it has not seen, and nothing else. */
  look(): void {
    const ids = new Set(this.results.ids())
    for (const id of this.parents.keys()) if (!ids.has(id)) this.remove(id)
    for (const id of ids) if (!this.parents.has(id)) this.add(id)
  }

  has(id: StepId): boolean {
    return this.parents.has(id)
  }

  isParent(id: StepId): boolean {
    return this.children.has(id)
  }

  private add(id: StepId): void {
    const parent = this.results.parent(id) ?? undefined
    this.parents.set(id, parent)
    if (parent === undefined) return
    const siblings = this.children.get(parent)
    if (siblings === undefined) this.children.set(parent, new Set([id]))
    else siblings.add(id)
  }

  remove(id: StepId): void {
    const parent = this.parents.get(id)
    this.parents.delete(id)
    if (parent === undefined) return
    const siblings = this.children.get(parent)
    siblings?.delete(id)
    if (siblings?.size === 0) this.children.delete(parent)
  }
}
