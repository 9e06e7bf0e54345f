/** One real engine for all tests of a file. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { afterAll, beforeAll } from "vitest"
import { Workshop } from "../../../src/interpreters/docker/Workshop.ts"
import { debian, start } from "./realDocker.ts"

export interface RealEngine {
  /** `unix://SOCKET`. */
  host: string
  directory: string
  readonly environment: () => Readonly<Record<string, string | undefined>>
}

const SLOW = 60_000

export const realEngine = (kind = debian): RealEngine => {
  const engine = { host: "", directory: "", environment: () => ({ ...process.env, DOCKER_HOST: engine.host }) }
  const scope = Effect.runSync(Scope.make())
  beforeAll(async () => {
    engine.directory = Fs.realpathSync(Fs.mkdtempSync("/dev/shm/obuilder-docker-"))
    engine.host = await Effect.runPromise(Scope.extend(start(`${engine.directory}/engine`, kind), scope))
  }, SLOW)
  afterAll(async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    Fs.rmSync(engine.directory, { recursive: true, force: true })
  }, SLOW)
  return engine
}

/** All that an engine has whose names begin like this. */
export const objectsOf = async (engine: RealEngine, prefix: string): Promise<ReadonlyArray<string>> => {
  const workshop = new Workshop({ environment: engine.environment(), identity: { prefix } })
  const signal = new AbortController().signal
  try {
    const calls = await workshop.calls
    const found = [
      await calls.containers(prefix, signal),
      await calls.volumes(prefix, signal),
      await calls.names(workshop.temporary, signal),
      await calls.names(prefix, signal)
    ]
    return found.flat().filter((name) => name !== `${prefix}:empty`)
  } finally {
    await workshop.close()
  }
}
