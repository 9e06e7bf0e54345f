/**
 * The pipe that a program writes to, as its standard output and error.
 *
 * It is a real pipe, which Node's own are not: they are sockets, and a program
 * that opens `/dev/stdout` fails on those. Both streams share it, so that what
 * is read has the order in which it was written.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { Socket } from "node:net"
import { pipe } from "./Libc.ts"
import * as Syscalls from "./Syscalls.ts"

export interface OutputPipe {
  /** The end to hand to the program. */
  readonly writeEnd: number
  /** Closes this process's write end, once the program has its own. */
  readonly closeWriteEnd: () => void
  /**
   * Hands on what is written, in order, reading no faster than `output` takes
   * it, until every writer has closed the pipe or {@link finish} was called.
   */
  readonly pump: <E, R>(output: (chunk: Uint8Array) => Effect.Effect<void, E, R>) => Effect.Effect<void, E, R>
  /**
   * Says that the program is dead: what is in the pipe by now is all there is,
   * though somebody else may hold a write end.
   */
  readonly finish: () => void
}

/** What the kernel lets a pipe hold at most, unless root says otherwise (`/proc/sys/fs/pipe-max-size`). */
const MAX_PIPE = 1 << 20

const PIECE = 1 << 16

/** Calls `onEnd` when the writers have closed the pipe. Throws `ErrnoError`, as a defect. */
export const make = (onEnd: () => void): Effect.Effect<OutputPipe, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => open(onEnd)),
      ({ close }) => Effect.sync(close)
    ),
    ({ output }) => output
  )

const open = (onEnd: () => void): { readonly output: OutputPipe; readonly close: () => void } => {
  const [readEnd, writeEnd] = pipe()
  const socket = new Socket({ fd: readEnd, readable: true, writable: false })
  // What was taken out of the pipe when the program was found dead.
  const rest: Array<Uint8Array> = []
  let ended = false
  let writable = true
  let wake = (): void => undefined

  const end = (): void => {
    if (!ended) {
      ended = true
      onEnd()
    }
    wake()
  }
  socket.on("end", end)
  socket.on("error", end)
  socket.on("readable", () => wake())

  const readSocket = (): Uint8Array | undefined => {
    const chunk: unknown = ended ? null : socket.read()
    return chunk instanceof Uint8Array ? chunk : undefined
  }

  const next: Effect.Effect<Uint8Array | undefined> = Effect.async((resume) => {
    const attempt = (): void => {
      const chunk = readSocket() ?? rest.shift()
      if (chunk === undefined && !ended) return
      wake = () => undefined
      resume(Effect.succeed(chunk))
    }
    wake = attempt
    attempt()
    return Effect.sync(() => {
      wake = () => undefined
    })
  })

  const closeWriteEnd = (): void => {
    if (writable) Syscalls.close(writeEnd)
    writable = false
  }

  return {
    output: {
      writeEnd,
      closeWriteEnd,
      pump: <E, R>(output: (chunk: Uint8Array) => Effect.Effect<void, E, R>) => {
        const loop: Effect.Effect<void, E, R> = Effect.flatMap(next, (chunk) =>
          chunk === undefined ? Effect.void : Effect.zipRight(output(chunk), loop)
        )
        return loop
      },
      finish: () => {
        if (ended) return
        // All in one turn, so that the socket does not read in between.
        for (let chunk = readSocket(); chunk !== undefined; chunk = readSocket()) rest.push(chunk)
        rest.push(...drain(readEnd))
        end()
      }
    },
    close: () => {
      closeWriteEnd()
      socket.destroy()
    }
  }
}

/** What a non-blocking pipe holds. */
const drain = (fd: number): ReadonlyArray<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  for (let total = 0; total < MAX_PIPE;) {
    const chunk = Buffer.allocUnsafe(PIECE)
    let size: number
    try {
      size = Fs.readSync(fd, chunk)
    } catch {
      // EAGAIN: empty, though not closed.
      break
    }
    if (size === 0) break
    total += size
    chunks.push(chunk.subarray(0, size))
  }
  return chunks
}
