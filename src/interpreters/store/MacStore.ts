/**
 * A store of ZFS for steps that are run as a user, on macOS. Its results have
 * the parts that such a sandbox mounts: see `sandbox/UserSandbox.ts`.
 *
 * What a spec says of paths is meant on the host, where the part `home` is
 * mounted as the user's home, and `brew` where Homebrew is. So that it means the
 * same in a result, that has links from there to its parts. Copies follow them,
 * and so does who exports a result. And as commands that are to be run as root
 * are run as the user, what is copied for root, or kept in a cache of his, is the
 * user's: see `ownerOf`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import type { User } from "../../domain/Spec.ts"
import { storeError } from "../host/IoError.ts"
import { components } from "../host/LayeredTree.ts"
import type { Rootfs } from "../Rootfs.ts"
import { BREW, GID, HOME, homeOf, PARTS, userName, type UserOptions } from "../sandbox/UserSandbox.ts"
import type { SourceTree } from "../SourceTree.ts"
import { CopyError, Store, StoreError, type StoreService, type Workspace } from "../Store.ts"
import * as ZfsStore from "./ZfsStore.ts"

export interface Options {
  /** As `ZfsStore` has it. */
  readonly dataset: string
  /** Who steps are run as; left out by who runs none. */
  readonly user?: UserOptions | undefined
}

export const make = ({ dataset, user }: Options): Effect.Effect<StoreService, StoreError, Scope.Scope> =>
  Effect.map(ZfsStore.make({ dataset, parts: PARTS }), (store) => (user === undefined ? store : forUser(store, user)))

export const layer = (options: Options): Layer.Layer<Store, StoreError> => Layer.scoped(Store, make(options))

const forUser = (store: StoreService, { brewPath, uid }: UserOptions): StoreService => {
  const paths = new Map([
    [homeOf(uid), HOME],
    [brewPath, BREW]
  ])
  return {
    ...store,
    tree: (id) => Effect.map(store.tree(id), (tree) => readBy(tree, paths)),
    cache: (name, owner) => store.cache(name, ownerOf(uid, owner)),
    build: (info, fill) =>
      store.build(info, (given) => {
        const linked = link(given.rootfs, paths)
        const copy: Workspace["copy"] = (request) =>
          Effect.zipLeft(
            given.copy({ ...request, owner: ownerOf(uid, request.owner) }),
            // What is copied to just such a path takes the link's place.
            Effect.mapError(linked, ({ message }) => new CopyError({ path: request.destination.path, message }))
          )
        const workspace = { ...given, copy }
        // A base is unpacked into an empty tree.
        return Option.isNone(info.parent)
          ? Effect.zipLeft(fill(workspace), linked)
          : Effect.zipRight(linked, fill(workspace))
      })
  }
}

/** Copies follow no links where they read, so what is named by a path of the host is looked for where it is. */
const readBy = (tree: SourceTree, paths: ReadonlyMap<string, string>): SourceTree => ({
  ...tree,
  manifest: (src, exclude, preserve) => {
    const path = `/${components(src).join("/")}`
    const [at, part] = [...paths].find(([at]) => path === at || path.startsWith(`${at}/`)) ?? ["", ""]
    return tree.manifest(part === "" ? src : part + path.slice(at.length), exclude, preserve)
  }
})

/** Whom a user of the spec means. */
const ownerOf = (uid: number, owner: User): User => {
  const isUser =
    owner._tag === "Named" ? [userName(uid), "root", String(uid), "0"].includes(owner.name) : owner.uid === 0
  return isUser ? { _tag: "Unix", uid, gid: GID } : owner
}

const link = (rootfs: Rootfs, paths: ReadonlyMap<string, string>): Effect.Effect<void, StoreError> =>
  Effect.try({
    try: () => {
      if (rootfs._tag !== "Directory") return
      for (const [path, part] of paths) makeLink(rootfs.path, path, part)
    },
    catch: (error) => storeError("cannot make a result", error)
  })

/** Makes a relative link, which leads there wherever the tree is, and the directories that it is in. */
const makeLink = (root: string, path: string, part: string): void => {
  const names = path.split("/").slice(1)
  const target = `${"../".repeat(names.length - 1)}${part}`
  for (let depth = 1; depth < names.length; depth++) {
    const above = names.slice(0, depth).join("/")
    const stats = Fs.lstatSync(`${root}/${above}`, { throwIfNoEntry: false })
    if (stats === undefined) Fs.mkdirSync(`${root}/${above}`, { mode: 0o755 })
    else if (!stats.isDirectory()) throw occupied(`/${above}`, part)
  }
  const stats = Fs.lstatSync(root + path, { throwIfNoEntry: false })
  if (stats === undefined) Fs.symlinkSync(target, root + path)
  else if (!stats.isSymbolicLink() || Fs.readlinkSync(root + path) !== target) throw occupied(path, part)
}

const occupied = (path: string, part: string): StoreError =>
  new StoreError({
    message: `the image has something of its own at ${path}`,
    hint: Option.some(
      `put what belongs there into the directory ${part} at the root of the base, and leave ${path} out`
    ),
    cause: undefined
  })
