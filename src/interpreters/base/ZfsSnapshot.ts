/**
 * Bases that are snapshots of ZFS. What names one is the guid that the pool gave
 * it, which it keeps when it is renamed, sent or received; a snapshot never changes.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type Digest, sha256 } from "../../domain/Digest.ts"
import * as Zfs from "../host/Zfs.ts"
import { type ImageProblem, problem } from "./ImageProblem.ts"

/** What a snapshot means today. */
export const resolve = (snapshot: string): Effect.Effect<Digest, ImageProblem> =>
  Effect.flatMap(
    run(`cannot use the snapshot ${snapshot}`, "get", "-H", "-p", "-o", "value", "guid", snapshot),
    (guid) =>
      /^\d+$/.test(guid)
        ? Effect.succeed(sha256(`obuilder-zfs-v1\n${guid}\n`))
        : Effect.fail(problem(`zfs does not say what ${snapshot} is: its guid is ${JSON.stringify(guid)}`))
  )

/**
 * Puts a clone of the snapshot in the place of the empty file system of ZFS that
 * is mounted at `root`, under its name. Both have to be in one pool. Nothing is copied.
 */
export const unpack = (snapshot: string, digest: Digest, root: string): Effect.Effect<void, ImageProblem> =>
  Effect.gen(function* () {
    const dataset = Zfs.mountedAt(root)
    if (dataset === undefined || poolOf(dataset) !== poolOf(snapshot)) {
      return yield* problem(
        `the store cannot clone ${snapshot}: it is not on ZFS, or in another pool`,
        `name a store in the pool: --store=zfs:${poolOf(snapshot)}/obuilder`
      )
    }
    // Nothing ends between the two but by the machine's end; then what is missing is made again.
    yield* Effect.uninterruptible(
      Effect.zipRight(
        run(`cannot clone ${snapshot}`, "destroy", dataset),
        run(`cannot clone ${snapshot}`, "clone", snapshot, dataset)
      )
    )
    if (Zfs.mountedAt(root) !== dataset) return yield* problem(`the clone of ${snapshot} is not mounted at ${root}`)
    if ((yield* resolve(snapshot)) === digest) return
    yield* problem(`${snapshot} is not what it was when the build was planned`, "build again")
  })

const poolOf = (name: string): string => name.split(/[/@]/)[0] ?? ""

const run = (what: string, ...words: ReadonlyArray<string>): Effect.Effect<string, ImageProblem> =>
  Effect.scoped(Effect.flatMap(Effect.scope, (scope) => Zfs.make(scope).run(...words))).pipe(
    Effect.mapError((error) => {
      const { hint, message } = Zfs.zfsError(what, error)
      return problem(message, Option.getOrUndefined(hint))
    })
  )
