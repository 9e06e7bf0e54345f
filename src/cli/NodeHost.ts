/** The machine, through Node. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import * as Path from "node:path"
import type { Readable } from "node:stream"
import { visible } from "../domain/DisplayText.ts"
import * as FileSink from "./FileSink.ts"
import type { HostService } from "./Host.ts"
import { OutputError } from "./Output.ts"
import { likeBefore, look, replace, type Seen, temporaryName } from "./Replacement.ts"
import { codeOf, isMachines, reason } from "./SystemError.ts"
import { type UsageError, usageError } from "./UsageError.ts"

/** What the process was started with. */
export interface ProcessState {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly directory: string
  readonly architecture: string
  /** Made when it is asked for, since that takes time. */
  readonly stdin: () => Readable
  /** Tells the process from others that live. */
  readonly id: number
}

/** What cannot be looked at is none. */
const isFile = (path: string): boolean => {
  try {
    return Fs.statSync(path).isFile()
  } catch {
    return false
  }
}

export const make = (state: ProcessState): HostService => {
  const absolute = (path: string): string => Path.resolve(state.directory, path)
  return {
    variable: (name) => Option.filter(Option.fromNullable(state.environment[name]), (value) => value !== ""),
    environment: state.environment,
    absolute,
    isFile: (path) => Effect.sync(() => isFile(absolute(path))),
    architecture: state.architecture,
    processors: Effect.sync(availableParallelism),
    read: (path, { stdin, what }) =>
      Effect.mapError(
        stdin && path === "-"
          ? readAll(state.stdin())
          : Effect.try({ try: () => readFile(absolute(path)), catch: (error) => error }),
        (error) => cannotRead(what, path, error)
      ),
    readToReplace: (path, what) =>
      Effect.gen(function* () {
        let seen: Seen | undefined
        const bytes = yield* Effect.try({
          try: () => readFile(absolute(path), (fd) => (seen = look(fd))),
          catch: (error) => cannotRead(what, path, error)
        })
        const put = (content: Uint8Array) =>
          Effect.try({
            try: () => seen === undefined || replace(absolute(path), seen, state.id, content),
            catch: (error) => cannotWrite(path, error)
          })
        return { bytes, replace: (content) => Effect.asVoid(put(content)) }
      }),
    write: (path, fill) =>
      Effect.acquireUseRelease(
        Effect.try({ try: () => openFor(absolute(path), state.id), catch: (error) => cannotWrite(path, error) }),
        (target) =>
          Effect.gen(function* () {
            const result = yield* fill(FileSink.make(target.fd, JSON.stringify(path)))
            yield* Effect.try({
              try: () => target.keep(),
              catch: (error) => new OutputError({ name: JSON.stringify(path), code: codeOf(error) })
            })
            return result
          }),
        (target, exit) =>
          Effect.sync(() => {
            Fs.closeSync(target.fd)
            if (Exit.isFailure(exit)) target.drop()
          })
      ),
    temporary: (name, content) =>
      Effect.acquireRelease(
        Effect.try({
          try: () => temporaryDirectory(name, content),
          catch: (error) => new OutputError({ name: "a temporary directory", code: codeOf(error) })
        }),
        (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
      )
  }
}

/** More than any spec or secret has, and less than a machine: `/dev/zero` has no end. */
const MAX_INPUT = 1 << 28

const PIECE = 1 << 20

const tooLarge = (): Error => Object.assign(new Error("too large"), { code: "OVERSIZED" })

/** Reads to the end, which for pipes and devices only reading finds; throws beyond {@link MAX_INPUT} bytes. */
const readFile = (path: string, before: (fd: number) => void = () => undefined): Uint8Array => {
  const fd = Fs.openSync(path, "r")
  try {
    before(fd)
    const chunks: Array<Uint8Array> = []
    for (let total = 0; ;) {
      const chunk = Buffer.allocUnsafe(PIECE)
      const size = Fs.readSync(fd, chunk)
      if (size === 0) return Buffer.concat(chunks)
      total += size
      if (total > MAX_INPUT) throw tooLarge()
      chunks.push(chunk.subarray(0, size))
    }
  } finally {
    Fs.closeSync(fd)
  }
}

/** The same for a stream. Waits without blocking the process, which has signals to listen to. */
const readAll = (stream: Readable): Effect.Effect<Uint8Array, unknown> =>
  Effect.async((resume) => {
    const chunks: Array<Uint8Array> = []
    let total = 0
    stream.on("data", (chunk: Uint8Array) => {
      chunks.push(chunk)
      total += chunk.length
      if (total > MAX_INPUT) stream.destroy(tooLarge())
    })
    stream.once("end", () => resume(Effect.succeed(Buffer.concat(chunks))))
    stream.once("error", (error) => resume(Effect.fail(error)))
    return Effect.sync(() => stream.destroy())
  })

const temporaryDirectory = (name: string, content: Uint8Array): string => {
  const path = Fs.mkdtempSync(Path.join(tmpdir(), "obuilder-"))
  try {
    Fs.writeFileSync(Path.join(path, name), content, { mode: 0o755 })
    return path
  } catch (error) {
    Fs.rmSync(path, { recursive: true, force: true })
    throw error
  }
}

interface Target {
  readonly fd: number
  /** Gives the file its name. */
  readonly keep: () => void
  readonly drop: () => void
}

const openFor = (path: string, unique: number): Target => {
  const existing = Fs.statSync(path, { throwIfNoEntry: false })
  if (existing !== undefined && !existing.isFile()) {
    return { fd: Fs.openSync(path, "w"), keep: () => undefined, drop: () => undefined }
  }
  // Where the name is a link, the file that it leads to is the one to replace, or to make.
  const real = existing === undefined ? leadsTo(path) : Fs.realpathSync(path)
  const temporary = temporaryName(real, unique)
  Fs.rmSync(temporary, { force: true })
  const fd = Fs.openSync(temporary, "wx", existing === undefined ? 0o666 : 0o600)
  if (existing !== undefined) likeBefore(fd, existing)
  return {
    fd,
    keep: () => Fs.renameSync(temporary, real),
    drop: () => Fs.rmSync(temporary, { force: true })
  }
}

const leadsTo = (path: string): string => {
  const isLink = Fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
  return isLink ? Path.resolve(Path.dirname(path), Fs.readlinkSync(path)) : path
}

const cannotRead = (what: string, path: string, error: unknown): UsageError =>
  usageError(`cannot read ${what} ${visible(JSON.stringify(path))}: ${reason(codeOf(error))}`)

const cannotWrite = (path: string, error: unknown): UsageError | OutputError => {
  const name = visible(JSON.stringify(path))
  const code = codeOf(error)
  return isMachines(code) ? new OutputError({ name, code }) : usageError(`cannot write ${name}: ${reason(code)}`)
}
