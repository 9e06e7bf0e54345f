/** The program: what it is given by the process, and what it gives back. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Backends } from "./Backend.ts"
import { backends } from "./Backends.ts"
import * as ExitCode from "./ExitCode.ts"
import * as FileSink from "./FileSink.ts"
import { Host } from "./Host.ts"
import * as NodeHost from "./NodeHost.ts"
import { Output } from "./Output.ts"
import * as Program from "./Program.ts"

declare const OBUILDER_VERSION: string

/** Services without a life of their own: a context of them is there at once. */
const services = Context.empty().pipe(
  Context.add(Backends, backends),
  Context.add(Output, {
    stdout: FileSink.make(1, "standard output"),
    stderr: FileSink.make(2, "standard error")
  }),
  Context.add(
    Host,
    NodeHost.make({
      environment: process.env,
      directory: process.cwd(),
      architecture: process.arch,
      stdin: () => process.stdin,
      id: process.pid
    })
  )
)

const signals = { SIGINT: ExitCode.INTERRUPTED, SIGTERM: ExitCode.TERMINATED, SIGHUP: ExitCode.HUNG_UP } as const
let received: { readonly code: number; readonly at: number } | undefined

/** Milliseconds in which signals count as one: a terminal and a parent process often both send it. */
const AT_ONCE = 500

/**
 * The first signal ends the work in order; a later one ends the process. Listened
 * for before there is any work, which does its first things before this module ends.
 */
for (const [signal, code] of Object.entries(signals)) {
  process.on(signal, () => {
    if (received === undefined) {
      received = { code, at: Date.now() }
      fiber.unsafeInterruptAsFork(fiber.id())
    } else if (Date.now() - received.at > AT_ONCE) {
      for (const other of Object.keys(signals)) process.removeAllListeners(other)
      process.kill(process.pid, signal)
    }
  })
}

const fiber = Effect.runFork(Effect.provide(Program.run(process.argv.slice(2), OBUILDER_VERSION), services))

/** Nothing that an effect waits for has to keep the process alive by itself. */
const alive = setInterval(() => undefined, 2 ** 31 - 1)

fiber.addObserver((exit) => {
  clearInterval(alive)
  process.exit(received?.code ?? (Exit.isSuccess(exit) ? exit.value : ExitCode.INTERNAL_ERROR))
})
