/** The machine, through Node. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import * as Path from "node:path"
import type { Readable } from "node:stream"
import * as FileSink from "./FileSink.ts"
import { Host, type HostService } from "./Host.ts"
import { Output, OutputError } from "./Output.ts"
import { codeOf, reason } from "./SystemError.ts"
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

export const layer = (state: ProcessState): Layer.Layer<Host> => Layer.succeed(Host, make(state))

/** Descriptors 1 and 2. */
export const output: Layer.Layer<Output> = Layer.effect(
  Output,
  Effect.all({ stdout: FileSink.make(1, "standard output"), stderr: FileSink.make(2, "standard error") })
)

const make = (state: ProcessState): HostService => {
  const absolute = (path: string): string => Path.resolve(state.directory, path)
  return {
    variable: (name) => Option.filter(Option.fromNullable(state.environment[name]), (value) => value !== ""),
    absolute,
    architecture: state.architecture,
    processors: Effect.sync(availableParallelism),
    read: (path, { stdin, what }) =>
      Effect.mapError(
        stdin && path === "-"
          ? readAll(state.stdin())
          : Effect.try({ try: () => Fs.readFileSync(absolute(path)), catch: (error) => error }),
        (error) => usageError(`cannot read ${what} ${JSON.stringify(path)}: ${reason(codeOf(error))}`)
      ),
    write: (path, fill) =>
      Effect.acquireUseRelease(
        Effect.try({ try: () => openFor(absolute(path), state.id), catch: (error) => cannotWrite(path, error) }),
        (target) =>
          Effect.gen(function* () {
            const sink = yield* FileSink.make(target.fd, JSON.stringify(path))
            const result = yield* fill(sink)
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

/** Waits without blocking the process, which has signals to listen to. */
const readAll = (stream: Readable): Effect.Effect<Uint8Array, unknown> =>
  Effect.async((resume) => {
    const chunks: Array<Uint8Array> = []
    stream.on("data", (chunk: Uint8Array) => chunks.push(chunk))
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
  // Where the name is a link, the file that it leads to is the one to replace.
  const real = existing === undefined ? path : Fs.realpathSync(path)
  const temporary = Path.join(Path.dirname(real), `.${Path.basename(real).slice(0, 200)}.${unique}.tmp`)
  Fs.rmSync(temporary, { force: true })
  const fd = Fs.openSync(temporary, "wx")
  return {
    fd,
    keep: () => Fs.renameSync(temporary, real),
    drop: () => Fs.rmSync(temporary, { force: true })
  }
}

const cannotWrite = (path: string, error: unknown): UsageError =>
  usageError(`cannot write ${JSON.stringify(path)}: ${reason(codeOf(error))}`)
