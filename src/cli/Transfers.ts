/** How far images have come that are fetched or pushed. */
import * as Effect from "effect/Effect"
import type { Progress } from "../interpreters/registry/Registries.ts"
import type { OutputService } from "./Output.ts"
import * as Units from "./Units.ts"

/** Milliseconds between two words of how far an image has come. */
const PAUSE_MS = 5000

/** A line when an image begins to come or go, and now and then until it is there. */
export const showTransfer = (
  doing: "fetching" | "pushing",
  { stderr }: OutputService
): ((progress: Progress) => void) => {
  const told = new Map<string, number>()
  return ({ bytes, image, of }) => {
    const last = told.get(image)
    const now = Date.now()
    if (last !== undefined && now - last < PAUSE_MS) return
    told.set(image, now)
    // What is to be pushed is known only when all layers are made.
    const begun = doing === "pushing" ? "" : `: ${Units.bytes(of)}`
    const how = last === undefined ? begun : `: ${Units.bytes(bytes)} of ${Units.bytes(of)}`
    Effect.runFork(Effect.ignore(stderr.write(`obuilder: ${doing} ${image}${how}\n`)))
  }
}
