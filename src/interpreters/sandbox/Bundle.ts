/**
 * What a runtime is given to run a step: a directory with its configuration,
 * `hosts` and secrets in it, and the mount points that the image lacks.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { basename, dirname } from "node:path"
import { groupsOf, idsOf, NoSuchUser } from "../host/ImageUser.ts"
import { LayeredTree } from "../host/LayeredTree.ts"
import type { OverlayMount } from "../host/PrivateMounts.ts"
import type { OverlayRootfs, Rootfs } from "../Rootfs.ts"
import { type Command, type Outcome, SandboxError } from "../Sandbox.ts"
import { notStarted, sandboxError } from "./Failure.ts"
import { BadTarget, byDepth, type MissingPoint, MountPoints, refuseNuls } from "./MountPoints.ts"
import * as OciConfig from "./OciConfig.ts"
import type { Workplace } from "./RuntimeDirectory.ts"
import * as Skeleton from "./Skeleton.ts"

export interface BundleOptions {
  readonly command: Command
  readonly rootfs: Rootfs
  readonly workplace: Workplace
  readonly layers: Skeleton.Layers
  readonly memoryLimit: number | undefined
  readonly fastSync: boolean
}

export interface Bundle {
  /** To be mounted for the runtime. */
  readonly overlays: ReadonlyArray<OverlayMount>
}

/** The step cannot be run in this image. */
export interface Unfit {
  readonly outcome: Outcome
}

/** Makes a bundle; it is removed, with all that was made for it elsewhere, when the scope closes. */
export const acquire = (options: BundleOptions): Effect.Effect<Bundle | Unfit, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const undo: Array<() => void> = []
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const one of undo.reverse()) attempt(one)
      })
    )
    return yield* Effect.try({
      try: () => build(options, undo),
      catch: (cause) => cause
    }).pipe(
      Effect.catchAll((cause) => {
        if (cause instanceof NoSuchUser) return Effect.succeed({ outcome: notStarted(cause.message, USER_HINT) })
        if (cause instanceof BadTarget) return Effect.succeed({ outcome: notStarted(cause.message) })
        return Effect.fail(cause instanceof SandboxError ? cause : sandboxError("cannot prepare the step", cause))
      })
    )
  })

const USER_HINT = "make the user in an earlier step, or give its ids: (user (uid 1000) (gid 1000))"

const attempt = (work: () => void): void => {
  try {
    work()
  } catch {
    // What is left is in directories that their owners, or their owners' successors, remove.
  }
}

/** A file system, and what is done about what it lacks. */
interface Source {
  readonly tree: LayeredTree
  /** Makes it ready, with these mount points, and says where the runtime finds it. */
  readonly provide: (missing: ReadonlyArray<MissingPoint>) => string
}

const build = (options: BundleOptions, undo: Array<() => void>): Bundle => {
  const { command, workplace, layers, memoryLimit, fastSync } = options
  const { path } = workplace
  refuseNuls(command)
  const overlays: Array<OverlayMount> = []
  const sourceOf = sources(workplace, layers, overlays, undo)

  const root = sourceOf(options.rootfs, "rootfs")
  const identity = identityOf(root.tree, command)
  const points = new MountPoints(root.tree)
  for (const target of OciConfig.SYSTEM_TARGETS) points.system(target)

  // What is mounted inside of something else comes after it.
  const caches = byDepth(command.caches).map(({ target, rootfs }, index) => {
    const source = sourceOf(rootfs, `cache-${index}`)
    return { source, options: CACHE, ...points.mount(target, "directory", source.tree) }
  })
  const files = [...hostFiles(command, points, workplace), ...secretFiles(command, points, path, identity, undo)]

  const config = OciConfig.make({
    ...command,
    root: root.provide(points.missing),
    identity,
    binds: [
      ...caches.map(({ source, target, missing, options }) => ({ source: source.provide(missing), target, options })),
      ...files
    ],
    memoryLimit,
    seccomp: { architecture: process.arch, fastSync }
  })
  Fs.writeFileSync(`${path}/config.json`, JSON.stringify(config), { mode: 0o600 })
  return { overlays }
}

const CACHE = ["nosuid", "nodev"]
const READ_ONLY = ["ro", "nosuid", "nodev", "noexec"]

const sources =
  (workplace: Workplace, layers: Skeleton.Layers, overlays: Array<OverlayMount>, undo: Array<() => void>) =>
  (rootfs: Rootfs, name: string): Source => {
    switch (rootfs._tag) {
      case "Directory": {
        // Runtimes refuse a root file system that is named through a link.
        const path = Fs.realpathSync(rootfs.path)
        return {
          tree: new LayeredTree([path]),
          provide: (missing) => {
            Skeleton.makeInPlace(path, missing, undo)
            return path
          }
        }
      }
      case "Overlay": {
        const { lower, upper, work } = rootfs
        const tree = new LayeredTree([upper, ...lower])
        return {
          tree,
          provide: (missing) => {
            const target = `${workplace.path}/${name}`
            Fs.mkdirSync(target, { recursive: true })
            const points = skeletons(rootfs, tree, missing, { workplace, layers, undo })
            overlays.push({ target, lower: [...points, ...lower], upper, work })
            return target
          }
        }
      }
      case "Opaque":
        throw sandboxError(`a root file system of ${rootfs.backend} cannot be used with an OCI runtime`)
    }
  }

/**
 * The layer with what an overlay lacks, if it lacks something. It is on the file
 * system of the others: with more than one, files would have other device
 * numbers than the directories that they are in, and `tar --one-file-system`
 * would leave them out.
 */
const skeletons = (
  { work, scratch }: OverlayRootfs,
  tree: LayeredTree,
  missing: ReadonlyArray<MissingPoint>,
  { workplace, layers, undo }: Pick<BundleOptions, "workplace" | "layers"> & { readonly undo: Array<() => void> }
): ReadonlyArray<string> => {
  if (missing.length === 0) return []
  if (scratch !== undefined) return [layers.get(scratch, tree, missing)]
  const path = `${dirname(work)}/${workplace.id}-${basename(work)}`
  undo.push(() => Skeleton.removeLayer(path))
  Skeleton.makeLayer(path, tree, missing)
  return [path]
}

const identityOf = (tree: LayeredTree, { user }: Command): OciConfig.Identity => {
  const { uid, gid } = idsOf(tree, user)
  if (![uid, gid].every((id) => Number.isInteger(id) && id >= 0 && id < 0xffff_ffff)) {
    throw new BadTarget(`${uid}:${gid} are no user and group ids: they go from 0 to 4294967294`)
  }
  return { uid, gid, additionalGids: groupsOf(tree, user) }
}

/** `hosts`, and with the host's network its `resolv.conf`; neither where the image has no place for it. */
const hostFiles = (command: Command, points: MountPoints, workplace: Workplace): ReadonlyArray<OciConfig.BindMount> => {
  const hosts = workplace.keep(
    "hosts",
    `127.0.0.1 localhost ${command.hostname}\n::1 localhost ip6-localhost ip6-loopback\n`
  )
  const resolver = command.network === "host" && Fs.existsSync(RESOLVER) ? [{ source: RESOLVER, target: RESOLVER }] : []
  return [{ source: hosts, target: "/etc/hosts" }, ...resolver].flatMap(({ source, target }) => {
    try {
      return [{ source, target: points.mount(target, "file").target, options: READ_ONLY }]
    } catch (error) {
      if (error instanceof BadTarget) return []
      throw error
    }
  })
}

const RESOLVER = "/etc/resolv.conf"

const secretFiles = (
  { secrets }: Command,
  points: MountPoints,
  path: string,
  { uid, gid }: OciConfig.Identity,
  undo: Array<() => void>
): ReadonlyArray<OciConfig.BindMount> =>
  byDepth(secrets).map(({ target, content }, index) => {
    const source = `${path}/secret-${index}`
    // The directory is root's alone; the file is the step's user's, who need not be root.
    undo.push(() => Fs.unlinkSync(source))
    Fs.writeFileSync(source, content, { mode: 0o400, flag: "wx" })
    Fs.chownSync(source, uid, gid)
    return { source, target: points.mount(target, "file").target, options: READ_ONLY }
  })
