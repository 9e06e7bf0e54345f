/** The command line in this process: on a world in memory, its output caught. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { Readable } from "node:stream"
import { afterAll } from "vitest"
import { type Backend, Backends } from "../../src/cli/Backend.ts"
import * as NodeHost from "../../src/cli/NodeHost.ts"
import { Output, PipeClosed, type Sink } from "../../src/cli/Output.ts"
import * as Program from "../../src/cli/Program.ts"
import * as Memory from "../../src/interpreters/memory/Memory.ts"
import type * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import { BaseImages } from "../../src/interpreters/BaseImages.ts"
import { Sandbox } from "../../src/interpreters/Sandbox.ts"
import type { Store, StoreError } from "../../src/interpreters/Store.ts"

/** A directory that goes with the test file. */
export const temporaryDirectory = (): string => {
  const path = Fs.realpathSync(Fs.mkdtempSync(Path.join(tmpdir(), "obuilder-cli-test-")))
  afterAll(() => Fs.rmSync(path, { recursive: true, force: true }))
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
  readonly store?: Layer.Layer<Store, StoreError>
}

const memory = (situation: Situation): Backend => {
  const services = Memory.layer(situation.world)
  return {
    placeIsPath: false,
    store: () => situation.store ?? services,
    // Each its own service only, so that none takes the place of the store above.
    sandbox: () => Layer.provide(Layer.effect(Sandbox, Sandbox), services),
    images: () => Layer.provide(Layer.effect(BaseImages, BaseImages), services),
    hashes: () => Option.none()
  }
}

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
    Layer.succeed(Backends, new Map([["memory", memory(situation)]])),
    Layer.succeed(Output, { stdout: sink("stdout"), stderr: sink("stderr") }),
    NodeHost.layer({
      environment: { OBUILDER_STORE: "memory:world", ...situation.environment },
      directory: situation.directory,
      architecture: "x64",
      stdin: () => Readable.from([Buffer.from(situation.stdin ?? "")]),
      id: 1
    })
  )
  return Effect.runPromise(
    Effect.map(Effect.provide(Program.run(words, "1.2.3"), layers), (code) => ({ code, ...written }))
  )
}
