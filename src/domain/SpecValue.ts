/** What specs that are built in code are inside: a beginning, and a chain of operations that all values share. */
import * as Pipeable from "effect/Pipeable"
import type * as Data from "./Spec.ts"
import type { ParsedSpec } from "./SpecReader.ts"

export const TypeId: unique symbol = Symbol.for("obuilder/Spec")
export type TypeId = typeof TypeId

/** An operation, with the spec itself where the data has its name. */
export type Draft =
  | Exclude<Data.Op, Data.Copy>
  | (Omit<Data.Copy, "from"> & { readonly from: SpecValue | undefined })
  | { readonly _tag: "Requires"; readonly spec: SpecValue }

/** The last operation that was added, and those before it: adding one takes the same time however many there are. */
export interface Drafts {
  readonly last: Draft
  readonly before: Drafts | undefined
}

export class SpecValue extends Pipeable.Class() {
  readonly [TypeId]: TypeId = TypeId
  /** What it begins with: a base alone, or all of a spec that was read from a text. */
  readonly start: Data.Spec
  /** Where the parts of `start` stand, if it was read. */
  readonly parsed: ParsedSpec | undefined
  /** What it is to be called where it is a nested build. */
  readonly wish: string | undefined
  readonly drafts: Drafts | undefined

  constructor(fields: Pick<SpecValue, "start" | "parsed" | "wish" | "drafts">) {
    super()
    this.start = fields.start
    this.parsed = fields.parsed
    this.wish = fields.wish
    this.drafts = fields.drafts
  }

  add(last: Draft): SpecValue {
    return new SpecValue({ ...this.fields, drafts: { last, before: this.drafts } })
  }

  named(wish: string): SpecValue {
    return new SpecValue({ ...this.fields, wish })
  }

  /** The operations that were added, in their order. */
  get added(): ReadonlyArray<Draft> {
    const drafts: Array<Draft> = []
    for (let at = this.drafts; at !== undefined; at = at.before) drafts.push(at.last)
    return drafts.reverse()
  }

  private get fields(): Pick<SpecValue, "start" | "parsed" | "wish" | "drafts"> {
    const { drafts, parsed, start, wish } = this
    return { drafts, parsed, start, wish }
  }
}
