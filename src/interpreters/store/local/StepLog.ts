/** The log of a step in the making: a file that appears with the first output. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { storeError } from "../../host/IoError.ts"
import { writeAll } from "../../host/WriteAll.ts"
import type { StoreError } from "../../Store.ts"

export interface StepLog {
  readonly append: (chunk: Uint8Array) => Effect.Effect<void, StoreError>
  readonly read: (offset: number, limit: number) => Effect.Effect<Uint8Array, StoreError>
  /** Bytes so far. */
  readonly size: () => number
}

/** The file may be moved or removed while it is open; it is closed with the scope. */
export const make = (path: string): Effect.Effect<StepLog, never, Scope.Scope> =>
  Effect.gen(function* () {
    let fd: number | undefined
    let size = 0
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        if (fd !== undefined) Fs.closeSync(fd)
        fd = undefined
      })
    )
    const attempt = <A>(work: () => A): Effect.Effect<A, StoreError> =>
      Effect.try({ try: work, catch: (error) => storeError(`cannot write the step's log ${path}`, error) })
    return {
      append: (chunk) =>
        attempt(() => {
          fd ??= Fs.openSync(path, "wx+", 0o600)
          writeAll(fd, chunk, size)
          size += chunk.length
        }),
      read: (offset, limit) =>
        attempt(() => {
          const length = Math.min(limit, size - offset)
          if (fd === undefined || length <= 0) return new Uint8Array(0)
          const data = Buffer.alloc(length)
          return data.subarray(0, Fs.readSync(fd, data, 0, length, offset))
        }),
      size: () => size
    }
  })
