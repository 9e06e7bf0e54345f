/** Bytes that somebody else reads, of which it is known when it was they that failed, and not who they were for. */

export interface WatchedSource<A> {
  readonly chunks: AsyncIterable<A>
  /** What reading them failed with. */
  readonly failure: () => { readonly cause: unknown } | undefined
}

/**
 * The reader is not passed on to the bytes: Node tells who makes them of a failure
 * of the network's, which would look as if it were theirs.
 */
export const watch = <A>(source: AsyncIterable<A>): WatchedSource<A> => {
  let failure: { readonly cause: unknown } | undefined
  const chunks = source[Symbol.asyncIterator]()
  const next = async (): Promise<IteratorResult<A>> => {
    try {
      return await chunks.next()
    } catch (cause) {
      failure = { cause }
      throw cause
    }
  }
  const end = async (): Promise<IteratorResult<A>> => {
    await chunks.return?.()
    return { done: true, value: undefined }
  }
  return { chunks: { [Symbol.asyncIterator]: () => ({ next, return: end }) }, failure: () => failure }
}
