/** What a local store consists of, for those that work on all of it. */
import type { StoreError } from "../../Store.ts"
import type { Durability } from "./Durability.ts"
import type { Holds } from "./Holds.ts"
import type { Layout } from "./Layout.ts"
import type { Results } from "./Results.ts"
import type { Trees } from "./Trees.ts"

export interface Parts {
  readonly layout: Layout
  readonly trees: Trees
  readonly results: Results
  readonly holds: Holds
  readonly durability: Durability
  /** A failure of what is being done with the store. */
  readonly failed: (what: string, error: unknown) => StoreError
}
