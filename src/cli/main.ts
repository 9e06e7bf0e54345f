/** The program: what it is given by the process, and what it gives back. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Backends from "./Backends.ts"
import * as ExitCode from "./ExitCode.ts"
import * as NodeHost from "./NodeHost.ts"
import * as Program from "./Program.ts"

declare const OBUILDER_VERSION: string

const layers = Layer.mergeAll(
  Backends.layer,
  NodeHost.output,
  NodeHost.layer({
    environment: process.env,
    directory: process.cwd(),
    architecture: process.arch,
    stdin: () => process.stdin,
    id: process.pid
  })
)

const fiber = Effect.runFork(Effect.provide(Program.run(process.argv.slice(2), OBUILDER_VERSION), layers))

/** Nothing that an effect waits for has to keep the process alive by itself. */
const alive = setInterval(() => undefined, 2 ** 31 - 1)

const signals = { SIGINT: ExitCode.INTERRUPTED, SIGTERM: ExitCode.TERMINATED, SIGHUP: ExitCode.HUNG_UP } as const
let received: number | undefined

/** The first signal ends the work in order; a second one ends the process. */
for (const [signal, code] of Object.entries(signals)) {
  process.once(signal, () => {
    received ??= code
    for (const other of Object.keys(signals)) process.removeAllListeners(other)
    fiber.unsafeInterruptAsFork(fiber.id())
  })
}

fiber.addObserver((exit) => {
  clearInterval(alive)
  process.exit(received ?? (Exit.isSuccess(exit) ? exit.value : ExitCode.INTERNAL_ERROR))
})
