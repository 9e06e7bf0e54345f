/** Bytes on their way from where they are read to where they go, no faster than they are taken. */
import * as Effect from "effect/Effect"
import type { ByteSource } from "../base/ByteSource.ts"
import { explain, type ImageProblem } from "../base/ImageProblem.ts"

/** Gives all chunks of a source to `write`, one after another. `what` begins what is said of a failure to read. */
export const drain = <E>(
  what: string,
  read: (signal: AbortSignal) => ByteSource,
  write: (chunk: Uint8Array) => Effect.Effect<void, E>
): Effect.Effect<void, E | ImageProblem> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const abort = new AbortController()
      return { abort, chunks: read(abort.signal)[Symbol.asyncIterator]() }
    }),
    ({ chunks }) =>
      Effect.gen(function* () {
        for (;;) {
          const next = yield* Effect.catchAll(
            Effect.tryPromise({ try: () => chunks.next(), catch: (cause) => cause }),
            (cause) => explain(what, cause)
          )
          if (next.done === true) return
          yield* write(next.value)
        }
      }),
    ({ abort, chunks }) =>
      Effect.promise(async () => {
        abort.abort()
        // What it was waiting for may have failed by that.
        await chunks.return?.().catch(() => undefined)
      })
  )
