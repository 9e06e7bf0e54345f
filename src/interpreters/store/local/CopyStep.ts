/** The copy of a step, into the tree of a result in the making. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { filesOf } from "../../../domain/Manifest.ts"
import * as Cooperate from "../../host/Cooperate.ts"
import { copyInto, CopyRefused } from "../../host/CopyInto.ts"
import { idsOf, NoSuchUser, PASSWD } from "../../host/ImageUser.ts"
import { LayeredTree } from "../../host/LayeredTree.ts"
import type { SourceError } from "../../SourceTree.ts"
import { CopyError, type CopyRequest, type StoreError, type Workspace } from "../../Store.ts"

/** The tree that is copied into. */
export interface Target {
  /** Directories, topmost first: what is written to, and those below it. */
  readonly layers: ReadonlyArray<string>
  readonly upper: string
  /** What is said where the disk does not do what it should. */
  readonly failed: (error: unknown) => StoreError
}

/** As `Workspace.copy`. */
export const copy = (request: CopyRequest, { failed, layers, upper }: Target): ReturnType<Workspace["copy"]> => {
  const work = (contents: ReadonlyMap<string, Uint8Array>) => {
    const tree = new LayeredTree(layers)
    return copyInto({ ...request, tree, upper, owner: idsOf(tree, request.owner), contents })
  }
  return Effect.flatMap(contentsOf(request), (contents) =>
    Cooperate.run(
      () => work(contents),
      (error) => refusal(error) ?? failed(error)
    )
  )
}

/** Contents of a source that is not on the host, read before anything is written. */
export const contentsOf = ({
  source,
  items
}: CopyRequest): Effect.Effect<ReadonlyMap<string, Uint8Array>, SourceError> =>
  Option.isSome(source.locate)
    ? Effect.succeed(new Map())
    : Effect.map(
        Effect.forEach(items.flatMap(filesOf), (path) =>
          Effect.map(source.read(path), (content) => [path, content] as const)
        ),
        (contents) => new Map(contents)
      )

/** What a copy was refused for is the step's fault; whatever else goes wrong with it is the store's. */
const refusal = (error: unknown): CopyError | undefined => {
  if (error instanceof CopyRefused) return new CopyError({ path: error.path, message: error.message })
  if (error instanceof NoSuchUser) return new CopyError({ path: PASSWD, message: error.message })
  return undefined
}
