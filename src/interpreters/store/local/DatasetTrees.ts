/**
 * Trees as ZFS's datasets.
 *
 * All are side by side below one dataset, with random names, and where the
 * other kinds have a directory there is a link to where the dataset is mounted:
 * so a tree is moved by a rename, whoever finds a link knows the dataset, and a
 * dataset without a link is nobody's. The link is always made first and removed
 * last. A tree is a clone of its parent's only snapshot, which has the tree's
 * own name and is made when the tree is finished. Then it is unmounted, so that
 * there are no more mounts than steps at work; who wants to look into it gets a
 * clone too. Nothing is ever mounted where something else was: zfs-fuse learns
 * of an unmount late, and then takes away what is mounted there by its path.
 *
 * A tree may have parts: directories that are datasets inside of its own, so that
 * a sandbox can have them mounted elsewhere. While a tree is made it has all of
 * them; those that have nothing in them are none of the result's.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { dirname } from "node:path"
import * as Cooperate from "../../host/Cooperate.ts"
import { storeError } from "../../host/IoError.ts"
import { namesIn } from "../../host/Owners.ts"
import { asFarAsPossible, removeTree } from "../../host/RemoveTree.ts"
import * as Syscalls from "../../host/Syscalls.ts"
import { isLinux } from "../../host/System.ts"
import { bytesOf, isMounted, saysMissing, saysThere, type Zfs, zfsError } from "../../host/Zfs.ts"
import type { Footprint } from "../../Inventory.ts"
import { StoreError } from "../../Store.ts"
import { LAYER } from "./Layout.ts"
import * as TreeLinks from "./TreeLinks.ts"
import type { Trees, WholeTrees } from "./Trees.ts"
import * as WholeTree from "./WholeTree.ts"

/** Below a store's directory, and below its dataset. */
export const TREES = "trees"

const NAME_BYTES = 8

const { linksIn, nameAt, nameOf } = TreeLinks.make({
  pattern: new RegExp(`/${TREES}/([0-9a-f]{${NAME_BYTES * 2}})$`),
  what: "a dataset"
})

/** Those of the store in `dataset`, which is mounted at `root`. `parts` are names of directories, of results only. */
export const make = (zfs: Zfs, dataset: string, root: string, parts: ReadonlyArray<string> = []): Trees => {
  const trees = new Datasets(zfs, `${dataset}/${TREES}`, `${root}/${TREES}`, parts)
  const caches: WholeTrees = {
    create: (path) => trees.create(path),
    clone: (from, to) => trees.clone(from, to),
    locate: (path) => trees.locate(path),
    dataset: (path) => trees.datasetAt(path),
    seal: (path) => trees.seal(path),
    supersede: (older, newest) => trees.supersede(older, newest)
  }
  const results = WholeTree.make({
    ...caches,
    kind: "zfs",
    // Of blocks, rather: what a tree has of its own changes with those that are cloned from it.
    extents: true,
    check: () => undefined,
    measure: (path) => trees.measure(path),
    look: () => trees.look(),
    prepare: () => trees.prepare(),
    hold: (lock) => {
      zfs.lock = lock
    },
    create: (path) => trees.createInParts(path),
    clone: (from, to) => trees.cloneInParts(from, to),
    finish: (directory) => trees.sealInParts(`${directory}/${LAYER}`),
    read: ([tree = ""], temporary) =>
      Effect.flatMap(temporary, (directory) => Effect.map(trees.read(tree, directory), (path) => [path])),
    remove: (path) => trees.remove(path)
  })
  return { ...results, whole: caches }
}

/** What images need, whatever the datasets above are like. */
const PROPERTIES = ["canmount=off", "atime=off", "setuid=on", "devices=on", "exec=on", "readonly=off"]

const READ_ONLY = ["-o", "readonly=on"]

/** Whether a directory is as a new file system's is. */
const isAsMade = (path: string): boolean => {
  const { gid, mode, uid } = Fs.lstatSync(path)
  return uid === 0 && gid === 0 && (mode & 0o7777) === 0o755 && Fs.readdirSync(path).length === 0
}

class Datasets {
  private readonly zfs: Zfs
  /** The dataset that all are in. */
  private readonly dataset: string
  /** Where they are mounted. */
  private readonly directory: string
  private readonly parts: ReadonlyArray<string>

  constructor(zfs: Zfs, dataset: string, directory: string, parts: ReadonlyArray<string>) {
    this.zfs = zfs
    this.dataset = dataset
    this.directory = directory
    this.parts = parts
  }

  *prepare(): Cooperate.Work {
    // Whether FreeBSD's knows it depends on the version; devices in images are no good there anyway.
    const properties = PROPERTIES.filter((property) => isLinux() || property !== "devices=on")
    const options = properties.flatMap((property) => ["-o", property])
    const failure = yield* this.attempt("create", ...options, this.dataset)
    if (failure !== undefined && !saysThere(failure)) throw failure
  }

  *create(path: string): Cooperate.Work {
    yield* this.make(path, "create")
  }

  *clone(from: string, to: string): Cooperate.Work {
    yield* this.make(to, "clone", this.snapshot(nameAt(from)))
  }

  *createInParts(path: string): Cooperate.Work {
    yield* this.create(path)
    for (const part of this.parts) yield* this.createPart(`${nameAt(path)}/${part}`)
  }

  *cloneInParts(from: string, to: string): Cooperate.Work {
    yield* this.clone(from, to)
    for (const part of this.parts) {
      const [old, name] = [nameAt(from), `${nameAt(to)}/${part}`]
      if (!(yield* this.clonePart(old, part, name))) yield* this.createPart(name)
    }
  }

  locate(path: string): string {
    return this.mountPoint(nameAt(path))
  }

  datasetAt(path: string): string {
    return this.path(nameAt(path))
  }

  *seal(path: string): Cooperate.Work {
    const name = nameAt(path)
    // First: it also writes out what a process had mapped into its memory.
    yield* this.unmount(name)
    yield* this.run("snapshot", this.snapshot(name))
  }

  *sealInParts(path: string): Cooperate.Work {
    if (this.parts.length === 0) return yield* this.seal(path)
    const name = nameAt(path)
    for (const part of this.parts) yield* this.finishPart(`${name}/${part}`)
    yield* this.unmount(name)
    yield* this.run("snapshot", "-r", this.snapshot(name))
  }

  *supersede(older: ReadonlyArray<string>, newest: string): Cooperate.Work {
    const name = nameAt(newest)
    // Each was cloned from the one before, whose snapshot it is given.
    for (const _ of older) if ((yield* this.attempt("promote", this.path(name))) !== undefined) break
    // A snapshot goes with the last one that was made from it, which may be a copy that is rubbish by now.
    for (const path of older) yield* this.attempt("destroy", "-d", `${this.path(name)}@${nameAt(path)}`)
  }

  /** As `zfs` has it: USED goes with a tree and its snapshot, unless clones need that. */
  *measure(path: string): Generator<Cooperate.Pause, Footprint> {
    let [unique, shared] = [0, 0]
    for (const [, name] of linksIn(path)) {
      const words = ["list", "-H", ...(this.parts.length === 0 ? [] : ["-r"]), "-o", "used,refer", this.path(name)]
      const text = yield* Cooperate.wait(Effect.either(this.zfs.run(...words)))
      if (Either.isLeft(text)) continue
      // Its own first, whose USED is that of its parts too.
      const rows = text.right.split("\n").map((row) => row.split("\t").map(bytesOf))
      const used = rows[0]?.[0] ?? 0
      const refer = rows.reduce((sum, [, one = 0]) => sum + one, 0)
      unique += used
      shared += Math.max(0, refer - used)
    }
    return { unique, shared }
  }

  /** Finished trees have a snapshot. */
  *look(): Generator<Cooperate.Pause, (path: string) => boolean> {
    const list = this.zfs.run("list", "-H", "-r", "-o", "name", "-t", "snapshot", this.dataset)
    const text = yield* Cooperate.wait(
      Effect.mapError(list, (error) => zfsError("cannot list the datasets of the store", error))
    )
    const snapshots = new Set(text.split("\n"))
    return (path) => {
      const name = nameOf(path)
      return name !== undefined && snapshots.has(this.snapshot(name))
    }
  }

  /** A clone of it, in a directory of the reader's own. */
  read(tree: string, directory: string): Effect.Effect<string, StoreError, Scope.Scope> {
    const link = `${directory}/${LAYER}`
    const cloned = Cooperate.run(
      () => this.cloneInto(tree, directory, link),
      (error) => storeError(`cannot read a result in the store ${dirname(this.directory)}`, error)
    )
    return Effect.acquireRelease(
      Effect.onError(cloned, () => this.remove(directory)),
      () => this.remove(directory)
    )
  }

  remove(path: string): Effect.Effect<void> {
    return asFarAsPossible(() => this.removeAll(path))
  }

  private *cloneInto(tree: string, directory: string, link: string): Generator<Cooperate.Pause, string, void> {
    Fs.mkdirSync(directory, { mode: 0o700 })
    yield* this.make(link, "clone", ...READ_ONLY, this.snapshot(nameAt(tree)))
    for (const part of this.parts) yield* this.clonePart(nameAt(tree), part, `${nameAt(link)}/${part}`, READ_ONLY)
    return this.locate(link)
  }

  private *removeAll(path: string): Cooperate.Work {
    // One may be in the way of another that it was cloned from.
    for (let pending = linksIn(path); pending.length > 0;) {
      const before = pending.length
      let failure: StoreError | undefined
      const left: typeof pending = []
      for (const [link, name] of pending) {
        const problem = yield* this.attempt("destroy", "-r", this.path(name))
        if (problem === undefined || saysMissing(problem)) this.forget(link, name)
        else {
          failure = problem
          left.push([link, name])
        }
      }
      // What still has its link is found again by the next sweep.
      if (left.length === before && failure !== undefined) throw failure
      pending = left
    }
    yield* removeTree(path)
  }

  /** Makes a dataset, and a link to it. */
  private *make(path: string, ...words: ReadonlyArray<string>): Cooperate.Work {
    const name = randomBytes(NAME_BYTES).toString("hex")
    Fs.symlinkSync(this.mountPoint(name), path)
    yield* this.makeAt(name, yield* this.attempt(...words, this.path(name)))
  }

  /** Sees to it that what was just made is mounted, whatever that failed with. */
  private *makeAt(name: string, failure: StoreError | undefined): Cooperate.Work {
    if (this.isMounted(name)) return
    // It may have been made, but not mounted.
    const problem = yield* this.attempt("mount", this.path(name))
    if (problem !== undefined) throw failure ?? problem
    this.refuseUnmounted(name)
  }

  private *createPart(name: string): Cooperate.Work {
    // A tree of a store without parts has files there, which would not be seen any more.
    if (namesIn(this.mountPoint(name)).length > 0) {
      throw new StoreError({
        message: `${this.mountPoint(name)} has files, and should be a file system of its own`,
        hint: Option.some("the store was made on another system: name another one with --store"),
        cause: undefined
      })
    }
    yield* this.makeAt(name, yield* this.attempt("create", this.path(name)))
  }

  /** False where the tree that is cloned has no such part. */
  private *clonePart(
    tree: string,
    part: string,
    name: string,
    options: ReadonlyArray<string> = []
  ): Generator<Cooperate.Pause, boolean, void> {
    const failure = yield* this.attempt("clone", ...options, `${this.path(tree)}/${part}@${tree}`, this.path(name))
    if (failure !== undefined && saysMissing(failure)) return false
    yield* this.makeAt(name, failure)
    return true
  }

  /** Removes it where there is nothing in it. Elsewhere than on Linux it is unmounted with what it is a part of. */
  private *finishPart(name: string): Cooperate.Work {
    const path = this.mountPoint(name)
    if (!this.isMounted(name)) return
    if (isAsMade(path)) {
      yield* this.run("destroy", this.path(name))
      this.removeMountPoint(name)
    } else if (isLinux()) yield* this.unmountAt(name)
  }

  /** Otherwise what is written there would be written into the store's own dataset. */
  private refuseUnmounted(name: string): void {
    if (this.isMounted(name)) return
    throw new StoreError({
      message: `${this.path(name)} is not mounted at ${this.mountPoint(name)}, where this process can see it`,
      hint: Option.some(
        `let ZFS mount ${dirname(this.dataset)}: zfs set mountpoint=${dirname(this.directory)} ${dirname(this.dataset)}`
      ),
      cause: undefined
    })
  }

  private *unmount(name: string): Cooperate.Work {
    yield* this.unmountAt(name)
    this.removeMountPoint(name)
  }

  private *unmountAt(name: string): Cooperate.Work {
    const path = this.mountPoint(name)
    // Where it stays busy it stays mounted, which does no harm.
    for (let tries = 0; isMounted(path) && tries < UNMOUNT_TRIES; tries++) {
      if (tries > 0) yield Cooperate.LATER
      if (isLinux()) yield* Cooperate.wait(Effect.promise(() => Syscalls.unmount(path)))
      else yield* this.attempt("unmount", this.path(name))
    }
  }

  /** After a link's dataset. */
  private forget(link: string, name: string): void {
    this.removeMountPoint(name)
    Fs.rmSync(link, { force: true })
  }

  private removeMountPoint(name: string): void {
    try {
      Fs.rmdirSync(this.mountPoint(name))
    } catch {
      // Gone already, or still in use.
    }
  }

  /** Runs a command; gives what it fails with. */
  private *attempt(...words: ReadonlyArray<string>): Generator<Cooperate.Pause, StoreError | undefined, void> {
    const done = Effect.either(this.zfs.run(...words))
    const result = yield* Cooperate.wait(done)
    return Either.isLeft(result) ? zfsError(`zfs ${words[0] ?? ""} failed`, result.left) : undefined
  }

  private *run(...words: ReadonlyArray<string>): Cooperate.Work {
    const failure = yield* this.attempt(...words)
    if (failure !== undefined) throw failure
  }

  private isMounted(name: string): boolean {
    return isMounted(this.mountPoint(name))
  }

  private mountPoint(name: string): string {
    return `${this.directory}/${name}`
  }

  private path(name: string): string {
    return `${this.dataset}/${name}`
  }

  private snapshot(name: string): string {
    return `${this.path(name)}@${name}`
  }
}

/** How often an unmount is tried that finds somebody still there. */
const UNMOUNT_TRIES = 5
