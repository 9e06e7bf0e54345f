/** The base images of a {@link MemoryWorld}. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { type Digest, sha256 } from "../../domain/Digest.ts"
import { BaseImageError, BaseImages, type BaseImagesService } from "../BaseImages.ts"
import * as FileTree from "./FileTree.ts"
import { fromRootfs } from "./MemoryRootfs.ts"
import { MemorySession, type Session } from "./MemorySession.ts"
import type { MemoryBase } from "./MemoryWorld.ts"

/** Names a base's content: its whole tree and its environment. */
export const digest = (base: MemoryBase): Digest =>
  sha256(`obuilder-memory-base-v1\n${JSON.stringify([FileTree.listing(base.tree), base.environment])}`)

/** The base images as a session sees them. */
export const make = (session: Session): BaseImagesService => {
  const find = (reference: string): Effect.Effect<MemoryBase, BaseImageError> => {
    const base = session.world.bases.get(reference)
    return base === undefined
      ? Effect.fail(problem(reference, `there is no base image "${reference}" in this world`))
      : Effect.succeed(base)
  }
  return {
    resolve: (reference) =>
      session.act(
        "base.resolve",
        (message) => problem(reference, message),
        () =>
          Effect.map(find(reference), (base) => ({
            format: "directory" as const,
            digest: digest(base),
            platform: base.platform,
            environment: base.environment
          }))
      ),
    unpack: (reference, planned, rootfs) =>
      session.during(
        "unpack",
        reference,
        session.act(
          "base.unpack",
          (message) => problem(reference, message),
          () =>
            Effect.gen(function* () {
              const base = yield* find(reference)
              if (digest(base) !== planned.digest || base.platform !== planned.platform) {
                return yield* Effect.fail(problem(reference, `"${reference}" is not what it was when it was resolved`))
              }
              const cell = Option.getOrUndefined(fromRootfs(rootfs))
              if (cell === undefined) {
                return yield* Effect.fail(problem(reference, "base images in memory go into the store in memory only"))
              }
              cell.tree = base.tree
              return { directory: "/", configuration: null, layers: null }
            })
        )
      ),
    directory: "/",
    layers: (reference) => Effect.fail(problem(reference, "base images in memory have no layers"))
  }
}

export const layer: Layer.Layer<BaseImages, never, MemorySession> = Layer.effect(
  BaseImages,
  Effect.map(MemorySession, make)
)

const problem = (reference: string, message: string): BaseImageError =>
  new BaseImageError({ reference, message, hint: Option.none(), cause: undefined })
