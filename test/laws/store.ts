/**
 * The laws of `Store`, for every layer: call `storeLaws` in the test of a new
 * store. What needs a command to be run is done through `Files` instead, so
 * that a store is judged without a sandbox.
 */
import { describe } from "@effect/vitest"
import type { MakeSource } from "./sources.ts"
import { storeCacheLaws } from "./storeCaches.ts"
import { storeCopyLaws } from "./storeCopies.ts"
import { storeInventoryLaws } from "./storeInventory.ts"
import { storeLayerLaws } from "./storeLayers.ts"
import { storeLogLaws } from "./storeLogs.ts"
import { storeNameLaws } from "./storeNames.ts"
import { storePreserveLaws } from "./storePreserves.ts"
import { storeResultLaws } from "./storeResults.ts"
import type { MakeSubject } from "./storeSubject.ts"

/** Registers the laws as tests, in the `describe` where it is called. */
export const storeLaws = (makeSubject: MakeSubject, sources: Readonly<Record<string, MakeSource>>): void => {
  storeResultLaws(makeSubject)
  storeLogLaws(makeSubject)
  storeLayerLaws(makeSubject)
  storeNameLaws(makeSubject)
  storeCacheLaws(makeSubject)
  storeInventoryLaws(makeSubject)
  for (const [name, makeSource] of Object.entries(sources)) {
    describe(`copying from a source ${name}`, () => storeCopyLaws(makeSubject, makeSource))
  }
  describe("copying what is to preserve", () => storePreserveLaws(makeSubject, sources))
}
