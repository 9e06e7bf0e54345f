/** A sandbox whose code is loaded, and whose layer is built, by the first step that is run: cached builds need neither. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Sandbox, type SandboxError } from "../interpreters/Sandbox.ts"

export const layer = (load: () => Promise<Layer.Layer<Sandbox, SandboxError>>): Layer.Layer<Sandbox> =>
  Layer.scoped(
    Sandbox,
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const sandbox = yield* Effect.cached(
        Effect.flatMap(Effect.promise(load), (real) =>
          Effect.map(Layer.buildWithScope(real, scope), (context) => Context.get(context, Sandbox))
        )
      )
      return {
        run: (command, rootfs, output) => Effect.flatMap(sandbox, (real) => real.run(command, rootfs, output))
      }
    })
  )
