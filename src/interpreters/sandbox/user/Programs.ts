/** The programs of the system that a user's sandbox is made with. */
import * as Effect from "effect/Effect"
import * as ChildProcess from "../../host/ChildProcess.ts"
import * as OutputPipe from "../../host/OutputPipe.ts"
import type { Reaper } from "../../host/Reaper.ts"
import type { SandboxError } from "../../Sandbox.ts"
import { sandboxError } from "../Failure.ts"

/** What a program ended with, and what it wrote to either output. */
export interface Said {
  readonly status: number
  readonly text: string
}

export interface Programs {
  /** Runs a program to its end; it is not interrupted. */
  readonly run: (program: string, ...args: ReadonlyArray<string>) => Effect.Effect<Said, SandboxError>
  /** Starts a program that writes to a file descriptor. */
  readonly start: (
    program: string,
    args: ReadonlyArray<string>,
    output: number
  ) => Effect.Effect<ChildProcess.Running, SandboxError>
}

/** Where macOS has them; they are looked for in PATH first. */
const DIRECTORIES = "/usr/sbin:/usr/bin:/sbin:/bin"

export const make = (reaper: Reaper): Programs => {
  const path = `${process.env["PATH"] ?? ""}:${DIRECTORIES}`
  const start: Programs["start"] = (program, args, output) =>
    Effect.try({
      try: () => {
        const found = ChildProcess.find(program, path)
        if (found === undefined) throw sandboxError(`there is no program ${program}`, undefined, "is this macOS?")
        return ChildProcess.spawn(reaper, found, args, { environment: { PATH: path, LC_ALL: "C" }, output, cwd: "/" })
      },
      catch: (cause) => sandboxError(`cannot run ${program}`, cause)
    })
  const run: Programs["run"] = (program, ...args) =>
    Effect.gen(function* () {
      const chunks: Array<Uint8Array> = []
      const output = yield* OutputPipe.make(reaper.look)
      const running = yield* start(program, args, output.writeEnd)
      output.closeWriteEnd()
      const ended = Effect.ensuring(running.ended, Effect.sync(output.finish))
      const keep = output.pump((chunk) => Effect.sync(() => void chunks.push(chunk)))
      const [status] = yield* Effect.all([ended, keep], { concurrency: 2 }).pipe(
        Effect.mapError(() => sandboxError(`${program} was waited for by another part of this program`))
      )
      if (status._tag === "Signaled") return yield* sandboxError(`${program} was killed by signal ${status.signal}`)
      return { status: status.status, text: Buffer.concat(chunks).toString("utf8").trim() }
    }).pipe(Effect.scoped, Effect.uninterruptible)
  return { run, start }
}
