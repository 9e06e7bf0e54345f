/** A tar on its way through tar-stream: filled by one, taken in chunks by another. */
import * as Effect from "effect/Effect"
import type { Header, Pack } from "tar-stream"
import * as Cooperate from "./Cooperate.ts"

/**
 * Gives the chunks of a tar to `write`; waits for each to be taken before it goes
 * on. `fill` makes the entries, and ends early when the stream is closed.
 */
export const write = <E, F>(
  fill: (stream: Pack) => Promise<void>,
  write: (chunk: Uint8Array) => Effect.Effect<void, F>,
  onError: (error: unknown) => E
): Effect.Effect<void, E | F> =>
  Effect.gen(function* () {
    const { pack } = yield* Effect.promise(() => import("tar-stream"))
    const stream = yield* Effect.acquireRelease(
      Effect.sync(() => pack()),
      (open) => Effect.sync(() => open.destroy())
    )
    const filling = fill(stream).then(() => stream.finalize())
    // A failure shows at the reading end, where it is waited for.
    filling.catch((error: unknown) => stream.destroy(error instanceof Error ? error : new Error(String(error))))
    const chunks = stream[Symbol.asyncIterator]()
    // All of it may be at hand at once, and be taken at once.
    const pause = Cooperate.makePause()
    for (;;) {
      const next = yield* Effect.tryPromise({ try: () => chunks.next(), catch: onError })
      if (next.done === true) break
      if (next.value instanceof Uint8Array) yield* write(next.value)
      yield* pause
    }
    yield* Effect.tryPromise({ try: () => filling, catch: onError })
  }).pipe(Effect.scoped)

/** The chunks of a tar that `fill` makes, for who takes them one by one; throws what `fill` throws. */
export async function* chunks(fill: (stream: Pack) => Promise<void>): AsyncGenerator<Uint8Array> {
  const { pack } = await import("tar-stream")
  const stream = pack()
  const filling = fill(stream).then(() => stream.finalize())
  filling.catch((error: unknown) => stream.destroy(error instanceof Error ? error : new Error(String(error))))
  try {
    for await (const chunk of stream) if (chunk instanceof Uint8Array) yield chunk
    await filling
  } finally {
    stream.destroy()
  }
}

export type EntryHeader = Partial<Header> & Pick<Header, "name">

/** The largest number of a user or a group that tar-stream writes into a header; it cuts off larger ones. */
const MAX_ID = 0o777777

/** Above the bits that are written: tar-stream takes a mode of 0 for none, and writes another one. */
const NO_PERMISSIONS = 0o100000

/** With a record before it for what its own fields have no room for. */
const whole = <H extends EntryHeader>(given: H): H => {
  const header = given.mode === 0 ? { ...given, mode: NO_PERMISSIONS } : given
  const large = Object.fromEntries(
    (["uid", "gid"] as const).flatMap((name) => {
      const id = header[name] ?? 0
      return id > MAX_ID ? [[name, String(id)]] : []
    })
  )
  return Object.keys(large).length === 0 ? header : { ...header, pax: large }
}

/** An entry without content, or with all of it at hand; waits until the stream takes more. */
export const entry = (stream: Pack, header: EntryHeader, data: Uint8Array = new Uint8Array(0)): Promise<void> =>
  new Promise((resolve, reject) => {
    const closed = (): void => resolve()
    stream.once("close", closed)
    stream.entry(whole(header), Buffer.from(data), (error) => {
      stream.off("close", closed)
      if (error == null) resolve()
      else reject(error)
    })
  })

/** An entry whose content comes in pieces, each in memory of its own. */
export const longEntry = async (
  stream: Pack,
  header: EntryHeader & { readonly size: number },
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
): Promise<void> => {
  let close = (): void => undefined
  const closed = new Promise<void>((resolve) => (close = resolve))
  stream.once("close", close)
  try {
    await new Promise<void>((resolve, reject) => {
      const sink = stream.entry(whole(header), (error) => (error == null ? resolve() : reject(error)))
      // The stream, when it is destroyed, tells it as well, and nobody else listens.
      sink.on("error", () => undefined)
      const send = async (): Promise<void> => {
        for await (const piece of pieces) {
          if (stream.destroyed) return resolve()
          if (sink.write(piece)) continue
          await Promise.race([new Promise<void>((drained) => sink.once("drain", drained)), closed])
          if (stream.destroyed) return resolve()
        }
        sink.end(undefined)
      }
      send().catch(reject)
    })
  } finally {
    stream.off("close", close)
  }
}
