/**
 * `Store`, `Sandbox` and `BaseImages` in memory, together: for tests of specs
 * and of programs that build, without root, runc or a disk.
 *
 * ```ts
 * import { Engine, Spec } from "obuilder"
 * import { FileTree, Memory, MemoryWorld, TreeSource } from "obuilder/testing"
 *
 * const world = MemoryWorld.make({ base: MemoryWorld.base({ "etc/motd": "hello\n" }) })
 * const context = TreeSource.fromTree(FileTree.make({ "src/main": "main" }))
 * const spec = Spec.from("base").pipe(Spec.copy("src", "/app"), Spec.run("cat /app/main"))
 *
 * const { id } = yield* Engine.build({ spec, context }).pipe(Effect.provide(Memory.backend(world)))
 *
 * world.readText(id, "/app/main") // "main"
 * world.done("run").length // 1: the commands that were run
 * ```
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type { BaseImages } from "../BaseImages.ts"
import { Engine } from "../Engine.ts"
import type { Sandbox } from "../Sandbox.ts"
import type { Store } from "../Store.ts"
import * as Faults from "./Faults.ts"
import * as MemoryBaseImages from "./MemoryBaseImages.ts"
import * as MemorySandbox from "./MemorySandbox.ts"
import * as MemorySession from "./MemorySession.ts"
import * as MemoryStore from "./MemoryStore.ts"
import type { MemoryWorld } from "./MemoryWorld.ts"

/** What a session in memory offers. */
export type Services = Store | Sandbox | BaseImages | MemorySession.MemorySession

const services: Layer.Layer<Store | Sandbox | BaseImages, never, MemorySession.MemorySession> = Layer.mergeAll(
  MemoryStore.layer,
  MemorySandbox.layer,
  MemoryBaseImages.layer
)

/** All services, as one session on the world, for as long as the layer is in use. */
export const layer = (world: MemoryWorld, options: MemorySession.Options = {}): Layer.Layer<Services> =>
  Layer.provideMerge(services, MemorySession.layer(world, options))

/** All that builds need, as `Backends.layer` gives it: the services, and an engine on them. */
export const backend = (world: MemoryWorld, options: MemorySession.Options = {}): Layer.Layer<Services | Engine> =>
  Layer.provideMerge(Engine.layer, layer(world, options))

/**
 * Runs a program as a process of its own, with these faults, and tells how it
 * ended: by itself, interrupted by an `Interrupt` fault, or dead with
 * `Crashed` after a `Crash`. When this ends, nothing of the program is running.
 */
export const run = <A, E>(
  world: MemoryWorld,
  program: Effect.Effect<A, E, Services>,
  faults: Faults.Faults = Faults.none
): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.scoped(
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const sent = yield* Deferred.make<void>()
      const interrupt = Effect.zipRight(Deferred.succeed(asked, undefined), Deferred.await(sent))
      const session = yield* MemorySession.open(world, { faults, interrupt })
      const provided = Layer.provideMerge(services, Layer.succeed(MemorySession.MemorySession, session))
      const fiber = yield* Effect.forkScoped(Effect.interruptible(Effect.provide(program, provided)))
      const send = Effect.zipRight(fiber.interruptAsFork(fiber.id()), Deferred.succeed(sent, undefined))
      yield* Effect.forkScoped(Effect.zipRight(Deferred.await(asked), send))
      yield* Effect.forkScoped(Effect.zipRight(session.crashed, send))
      const exit = yield* Fiber.await(fiber)
      return session.isAlive ? exit : Exit.die(new MemorySession.Crashed())
    })
  )
