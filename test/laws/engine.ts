/**
 * The laws of `Engine`, for every store, sandbox and images together: call
 * `engineLaws` in the test of a new backend. They are what `Engine.test.ts`,
 * `EngineClients.test.ts` and `EngineNested.test.ts` say of the engine in
 * memory, as far as it can be seen from outside.
 */
import { describe } from "@effect/vitest"
import { engineBuildLaws } from "./engineBuilds.ts"
import { engineClientLaws } from "./engineClients.ts"
import { engineNestedLaws } from "./engineNested.ts"
import { lawOf, type MakeEngineSubject } from "./engineSubject.ts"

/** Registers the laws as tests, in the `describe` where it is called. */
export const engineLaws = (makeSubject: MakeEngineSubject): void => {
  const law = lawOf(makeSubject)
  engineBuildLaws(law)
  describe("builds at the same time on one engine", () => engineClientLaws(law))
  describe("nested builds", () => engineNestedLaws(law))
}
