/**
 * Writes to a descriptor without Node's streams: those cost a tenth of a short
 * command's time, and lose what is not yet written when the process ends.
 *
 * A write to a full pipe would block the whole process, deaf to signals, so a
 * pipe is opened again as non-blocking, which leaves its other users alone.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { isatty } from "node:tty"
import { OutputError, PipeClosed, type Sink } from "./Output.ts"
import { codeOf } from "./SystemError.ts"

/** How long to leave a full pipe alone. */
const PAUSE = "5 millis"

/** A sink for an open descriptor that the process keeps; `name` is what the user calls it. */
export const make = (fd: number, name: string): Sink => {
  const { device, type } = look(fd)
  const target = type === S_IFIFO ? reopen(fd) : fd
  const mutex = Effect.unsafeMakeSemaphore(1)
  let waiting = 0
  const rest = (bytes: Uint8Array): Effect.Effect<void, PipeClosed | OutputError> => {
    waiting++
    return writeAll(target, name, bytes).pipe(mutex.withPermits(1), Effect.ensuring(Effect.sync(() => void waiting--)))
  }
  return {
    // `node:tty` brings the network modules with it, so that only a likely device is worth asking.
    isTerminal: type === S_IFCHR && device !== MEMORY && isatty(fd),
    write: (chunk) =>
      Effect.suspend(() => {
        const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk
        if (waiting > 0) return rest(bytes)
        const written = writeSome(target, bytes, 0)
        if (written === bytes.length) return Effect.void
        if (typeof written === "number") return rest(bytes.subarray(written))
        return written === "EAGAIN" ? rest(bytes) : failure(name, written)
      })
  }
}

const { S_IFMT, S_IFIFO, S_IFCHR, O_WRONLY, O_NONBLOCK } = Fs.constants

/** Linux's major number of `/dev/null` and the like, which are no terminals. */
const MEMORY = 1

/** The kind of file that is open, and its device's major number; nothing where none is open. */
const look = (fd: number): { readonly type: number; readonly device: number } => {
  try {
    const { mode, rdev } = Fs.fstatSync(fd)
    return { type: mode & S_IFMT, device: (rdev >> 8) & 0xfff }
  } catch {
    return { type: 0, device: 0 }
  }
}

/** Another descriptor for the same pipe, where there is a `/proc` and it allows that. */
const reopen = (fd: number): number => {
  try {
    return Fs.openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK)
  } catch {
    return fd
  }
}

const writeAll = (fd: number, name: string, bytes: Uint8Array): Effect.Effect<void, PipeClosed | OutputError> =>
  Effect.gen(function* () {
    for (let done = 0; done < bytes.length;) {
      const written = writeSome(fd, bytes, done)
      if (typeof written === "number") done += written
      else if (written === "EAGAIN") yield* Effect.sleep(PAUSE)
      else yield* failure(name, written)
    }
  })

const failure = (name: string, code: string): PipeClosed | OutputError =>
  code === "EPIPE" ? new PipeClosed() : new OutputError({ name, code })

/** How many bytes the system took, or its code for why it took none. */
const writeSome = (fd: number, bytes: Uint8Array, from: number): number | string => {
  try {
    return Fs.writeSync(fd, bytes, from)
  } catch (error) {
    return codeOf(error)
  }
}
