/** A log that is still being written, for any number of readers, each from its beginning. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"

/** Bytes read at a time. */
const PIECE = 65536

/** Reads a log from `offset` bytes on, at most `limit` bytes; empty at what is its end so far. */
export type ReadLog<E> = (offset: number, limit: number) => Effect.Effect<Uint8Array, E>

export interface LiveLog<E> {
  /** Says where the log can be read; until then readers wait. */
  readonly open: (read: ReadLog<E>) => Effect.Effect<void>
  /** Says that there is more to read. */
  readonly grown: Effect.Effect<void>
  /** Says that nothing more will come. */
  readonly end: Effect.Effect<void>
  /** Gives all of the log, what there is and then what comes, and returns at its end. */
  readonly follow: <R>(emit: (chunk: Uint8Array) => Effect.Effect<void, never, R>) => Effect.Effect<void, E, R>
}

export const make = <E>(): LiveLog<E> => {
  let read: ReadLog<E> | undefined
  let ended = false
  let news = Deferred.unsafeMake<void>(FiberId.none)

  const announce = Effect.suspend(() => {
    const last = news
    news = Deferred.unsafeMake<void>(FiberId.none)
    return Deferred.succeed(last, void 0)
  })

  return {
    open: (reader) =>
      Effect.suspend(() => {
        read = reader
        return announce
      }),
    grown: announce,
    end: Effect.suspend(() => {
      ended = true
      return announce
    }),
    follow: (emit) =>
      Effect.gen(function* () {
        let offset = 0
        for (;;) {
          // Taken before reading: what comes between the reading and the waiting is not missed.
          const next = news
          const last = ended
          const chunk = read === undefined ? EMPTY : yield* read(offset, PIECE)
          if (chunk.length > 0) {
            offset += chunk.length
            yield* emit(chunk)
          } else if (last) return
          else yield* Deferred.await(next)
        }
      })
  }
}

const EMPTY = new Uint8Array(0)

/** One log and then another, as one. `size` is what the first one has, in bytes. */
export const concatenated =
  <E>(first: ReadLog<E>, size: number, second: ReadLog<E>): ReadLog<E> =>
  (offset, limit) =>
    offset < size ? first(offset, Math.min(limit, size - offset)) : second(offset - size, limit)

/** How long a log is that nobody writes to any more. */
export const sizeOf = <E>(read: ReadLog<E>): Effect.Effect<number, E> =>
  Effect.gen(function* () {
    let size = 0
    for (;;) {
      const chunk = yield* read(size, PIECE)
      if (chunk.length === 0) return size
      size += chunk.length
    }
  })
