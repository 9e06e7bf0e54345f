/**
 * What is other about a step than it was: one change for each input. `before`
 * is what an earlier result was made with, `after` what the plan has; null
 * stands for what is not there.
 */
import type { Digest } from "../domain/Digest.ts"
import type { BaseFormat } from "../domain/Inputs.ts"
import type { Preserve } from "../domain/Preserve.ts"
import type { User } from "../domain/Spec.ts"
import type { FilesChange } from "./FileChange.ts"
import type { Destination } from "./Plan.ts"

interface Pair<A> {
  readonly before: A
  readonly after: A
}

/** What a base's reference meant. */
export interface BaseMeaning {
  readonly reference: string
  readonly format: BaseFormat
  readonly digest: Digest
}

export type Change =
  | ({ readonly _tag: "Base" } & Pair<BaseMeaning>)
  | ({ readonly _tag: "Platform" } & Pair<string>)
  /** What the shell is given. */
  | ({ readonly _tag: "Command" } & Pair<string>)
  | ({ readonly _tag: "Shell" } & Pair<ReadonlyArray<string>>)
  | ({ readonly _tag: "Variable"; readonly name: string } & Pair<string | null>)
  | ({ readonly _tag: "User" } & Pair<User>)
  | ({ readonly _tag: "Workdir" } & Pair<string>)
  | ({ readonly _tag: "Network" } & Pair<string>)
  /** Where it is mounted. */
  | ({ readonly _tag: "Cache"; readonly id: string } & Pair<string | null>)
  /** Where it is mounted. What is in it is nobody's business. */
  | ({ readonly _tag: "Secret"; readonly id: string } & Pair<string | null>)
  | ({ readonly _tag: "Destination" } & Pair<Destination>)
  /** The nested build that is copied from; null for the source directory. */
  | ({ readonly _tag: "From" } & Pair<string | null>)
  | ({ readonly _tag: "Src" } & Pair<ReadonlyArray<string>>)
  | ({ readonly _tag: "Exclude" } & Pair<ReadonlyArray<string>>)
  /** Whether directories give what they hold in place of themselves. */
  | ({ readonly _tag: "Contents" } & Pair<boolean>)
  /** What is kept as it is in the source. */
  | ({ readonly _tag: "Preserve" } & Pair<Preserve>)
  /** The same, in another order. */
  | { readonly _tag: "Order"; readonly of: "caches" | "secrets" | "items" }
  | FilesChange
  /** Other files are copied; which, is not known. */
  | { readonly _tag: "UnknownFiles"; readonly build: string | null }
  /** What is copied is known only when this nested build, whose steps are not all cached, has run. */
  | { readonly _tag: "Pending"; readonly build: string }
  /** Who is to run the result; null for the base's own user. Of results and stages, not of steps. */
  | ({ readonly _tag: "RunBy" } & Pair<User | null>)
  /** The directory that the result is to be run in. */
  | ({ readonly _tag: "RunIn" } & Pair<string | null>)
  /** It is built on another result: what came before it is not what it was. */
  | { readonly _tag: "Parent" }
  /** There was nothing like it at this place. */
  | { readonly _tag: "New" }
  /** Nothing is other: the result was there, and has been deleted. */
  | { readonly _tag: "Deleted" }
