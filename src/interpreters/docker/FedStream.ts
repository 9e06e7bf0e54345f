/** Bytes that one effect writes and another one, which asks an engine, reads. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { PassThrough } from "node:stream"

export interface FedStream {
  readonly stream: PassThrough
  /** Waits for ever where nobody reads any more. */
  readonly write: (chunk: Uint8Array) => Effect.Effect<void>
}

/** Closed with the scope. */
export const make: Effect.Effect<FedStream, never, Scope.Scope> = Effect.gen(function* () {
  const { PassThrough } = yield* Effect.promise(() => import("node:stream"))
  const stream = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const made = new PassThrough()
      // Who reads it tells what went wrong.
      made.on("error", () => undefined)
      return made
    }),
    (made) => Effect.sync(() => made.destroy())
  )
  const write = (chunk: Uint8Array): Effect.Effect<void> =>
    Effect.async((resume) => {
      if (stream.destroyed) return
      if (stream.write(chunk)) resume(Effect.void)
      else stream.once("drain", () => resume(Effect.void))
    })
  return { stream, write }
})
