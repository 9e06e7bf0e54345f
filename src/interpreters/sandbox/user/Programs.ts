/** The programs of the system that a user's sandbox is made with. */
import * as Effect from "effect/Effect"
import * as ChildProcess from "../../host/ChildProcess.ts"
import * as PlainProcess from "../../host/PlainProcess.ts"
import type { SandboxError } from "../../Sandbox.ts"
import { sandboxError } from "../Failure.ts"
import { SIGNALED } from "../Signals.ts"

/** What a program ended with, and what it wrote to either output. */
export interface Said {
  readonly status: number
  readonly text: string
}

/** Where macOS has them; they are looked for in PATH first. */
const DIRECTORIES = "/usr/sbin:/usr/bin:/sbin:/bin"

/** Runs a program to its end; it is not interrupted. */
export const run = (program: string, ...args: ReadonlyArray<string>): Effect.Effect<Said, SandboxError> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
    const keep = (chunk: Uint8Array) => Effect.sync(() => void chunks.push(chunk))
    return Effect.map(follow(program, args, keep, Effect.void), (status) => ({
      status,
      text: Buffer.concat(chunks).toString("utf8").trim()
    }))
  }).pipe(Effect.uninterruptible)

/** Runs a program, giving `output` what it writes; `afterwards`, and its status, as `PlainProcess` has it, with `SIGNALED` added to a signal. */
export const follow = <E>(
  program: string,
  args: ReadonlyArray<string>,
  output: (chunk: Uint8Array) => Effect.Effect<void, E>,
  afterwards: Effect.Effect<void>
): Effect.Effect<number, SandboxError | E> => {
  const path = `${process.env["PATH"] ?? ""}:${DIRECTORIES}`
  const found = ChildProcess.find(program, path)
  if (found === undefined)
    return Effect.fail(sandboxError(`there is no program ${program}`, undefined, "is this macOS?"))
  return PlainProcess.run(found, args, { environment: { PATH: path, LC_ALL: "C" } }, output, afterwards).pipe(
    Effect.map((status) => (status._tag === "Exited" ? status.status : SIGNALED + status.signal)),
    Effect.mapError((error) =>
      error instanceof ChildProcess.SpawnError ? sandboxError(`cannot run ${program}`, error) : error
    )
  )
}
