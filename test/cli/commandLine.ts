/** The command line in this process: on a world in memory, its output caught. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { Readable } from "node:stream"
import { afterAll } from "vitest"
import { type Backend, Backends } from "../../src/cli/Backend.ts"
import { Host } from "../../src/cli/Host.ts"
import * as NodeHost from "../../src/cli/NodeHost.ts"
import { Output, PipeClosed, type Sink } from "../../src/cli/Output.ts"
import * as Program from "../../src/cli/Program.ts"
import * as Memory from "../../src/interpreters/memory/Memory.ts"
import type * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import { BaseImages } from "../../src/interpreters/BaseImages.ts"
import { Sandbox } from "../../src/interpreters/Sandbox.ts"
import { Store, type StoreError, type StoreService } from "../../src/interpreters/Store.ts"

const made: Array<string> = []
// Registered here, since what is registered inside of a hook or a test is not run.
afterAll(() => {
  for (const path of made) Fs.rmSync(path, { recursive: true, force: true })
})

/** A directory that goes with the test file. */
export const temporaryDirectory = (): string => {
  const path = Fs.realpathSync(Fs.mkdtempSync(Path.join(tmpdir(), "obuilder-cli-test-")))
  made.push(path)
  return path
}

/** Writes files below a directory, by their paths in it. */
export const writeFiles = (directory: string, files: Readonly<Record<string, string>>): void => {
  for (const [name, content] of Object.entries(files)) {
    Fs.mkdirSync(Path.dirname(Path.join(directory, name)), { recursive: true })
    Fs.writeFileSync(Path.join(directory, name), content)
  }
}

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Situation {
  readonly directory: string
  readonly world: MemoryWorld.MemoryWorld
  readonly environment?: Readonly<Record<string, string>>
  readonly stdin?: string
  /** Both outputs are terminals. */
  readonly terminal?: boolean
  /** Standard output's reader leaves after so many writes. */
  readonly readerLeavesAfter?: number
  /** Takes the place of the world's store. */
  readonly store?: Effect.Effect<StoreService, StoreError>
}

/** One session for all three services, as one process has. */
const memory = (situation: Situation): Effect.Effect<Backend, never, Scope.Scope> =>
  Effect.map(Layer.build(Memory.layer(situation.world)), (services) => ({
    placeIsPath: false,
    takesDirectories: true,
    store: () => situation.store ?? Effect.succeed(Context.get(services, Store)),
    sandbox: () => Effect.succeed(Context.get(services, Sandbox)),
    images: () => Effect.succeed(Context.get(services, BaseImages)),
    hashes: () => Option.none()
  }))

/** Runs the program to its end. The store is `memory:world` unless the words say otherwise. */
export const obuilder = (situation: Situation, ...words: ReadonlyArray<string>): Promise<Ended> => {
  const written = { stdout: "", stderr: "" }
  let writes = 0
  const sink = (name: keyof typeof written): Sink => ({
    isTerminal: situation.terminal ?? false,
    write: (chunk) =>
      Effect.suspend(() => {
        if (name === "stdout" && writes++ >= (situation.readerLeavesAfter ?? Infinity)) return new PipeClosed()
        written[name] += Buffer.from(chunk).toString()
        return Effect.void
      })
  })
  const layers = Layer.mergeAll(
    Layer.scoped(
      Backends,
      Effect.map(memory(situation), (backend) => new Map([["memory", backend]]))
    ),
    Layer.succeed(Output, { stdout: sink("stdout"), stderr: sink("stderr") }),
    Layer.succeed(
      Host,
      NodeHost.make({
        environment: { OBUILDER_STORE: "memory:world", ...situation.environment },
        directory: situation.directory,
        architecture: "x64",
        stdin: () => Readable.from([Buffer.from(situation.stdin ?? "")]),
        id: 1
      })
    )
  )
  return Effect.runPromise(
    Effect.map(Effect.provide(Program.run(words, "1.2.3"), layers), (code) => ({ code, ...written }))
  )
}
