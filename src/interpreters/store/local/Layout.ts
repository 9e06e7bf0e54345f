/**
 * Where a local store keeps what. Everything is root's alone: files in it
 * have owners that mean something only in an image.
 *
 * ```
 * format                    what kind of store this is, in JSON
 * results/ID/meta.json      parent, heading, layers; its presence makes the result
 * results/ID/fs/            the root file system; of an overlayfs store what the step changed, as a layer
 * results/ID/log            what the step wrote; absent when that was nothing
 * results/ID/size           what it takes on the disk, in JSON, once somebody has measured it
 * results/ID/recipe         what made it, in JSON; `settings`, `layers`: other notes, see `interpreters/Notes.ts`
 * results/ID/children       results that were made on it, an id a line; see `Children.ts`
 * results/ID/data           a digest of `fs`, once somebody has asked for it to be recorded
 * bases                     bases that were unpacked, an id a line
 * squashed/ID/              of an overlayfs store: all layers of a result but its base's, merged into one
 * planned/ID                the realised id that a planned one was found to mean
 * caches/NAME/              versions of a cache
 * hashes/NAME               digests of a source directory's files
 * images/blobs/             layers of images from registries, whole ones and partial ones, by their digests
 * images/documents/         their manifests, indexes and configurations
 * images/tags/              what tags of images meant when they were last asked for
 * making/ID                 who makes this result at the moment, and where
 * tmp/OWNER/                what a process is making; its lock says whether the owner lives
 * tmp/OWNER/holds/ID        a result that the process needs
 * ballast                   space for who has to make some on a full disk
 * synced                    until when results are known to be on the disk: see `Durability.ts`
 * lock                      held alone by who deletes results, shared by who begins to hold one
 * trees/NAME/               of a ZFS store: where a dataset is mounted that `fs`, or a cache's version, is a link to
 * ```
 */
import { type StepId } from "../../../domain/Digest.ts"
import type { NoteName } from "../../Store.ts"

export class Layout {
  readonly root: string
  /** Names of directories that only this kind of store has. */
  private readonly others: ReadonlyArray<string>

  constructor(root: string, others: ReadonlyArray<string> = []) {
    this.root = root
    this.others = others
  }

  get format(): string {
    return `${this.root}/format`
  }
  get ballast(): string {
    return `${this.root}/ballast`
  }
  get lock(): string {
    return `${this.root}/lock`
  }
  get synced(): string {
    return `${this.root}/synced`
  }
  get results(): string {
    return `${this.root}/results`
  }
  result(id: StepId): string {
    return `${this.results}/${id}`
  }
  meta(id: StepId): string {
    return `${this.result(id)}/meta.json`
  }
  log(id: StepId): string {
    return `${this.result(id)}/log`
  }
  size(id: StepId): string {
    return `${this.result(id)}/size`
  }
  note(id: StepId, name: NoteName): string {
    return `${this.result(id)}/${name}`
  }
  /** Of no result: those that were made on nothing. */
  children(parent: StepId | undefined): string {
    return parent === undefined ? `${this.root}/bases` : `${this.result(parent)}/children`
  }
  data(id: StepId): string {
    return `${this.result(id)}/data`
  }
  get squashed(): string {
    return `${this.root}/squashed`
  }
  squash(id: StepId): string {
    return `${this.squashed}/${id}`
  }
  get planned(): string {
    return `${this.root}/planned`
  }
  get caches(): string {
    return `${this.root}/caches`
  }
  get hashes(): string {
    return `${this.root}/hashes`
  }
  get images(): string {
    return imagesIn(this.root)
  }
  get making(): string {
    return `${this.root}/making`
  }
  get temporary(): string {
    return `${this.root}/tmp`
  }
  get directories(): ReadonlyArray<string> {
    const { caches, hashes, images, making, planned, results, root, squashed, temporary } = this
    const others = this.others.map((name) => `${root}/${name}`)
    return [root, results, squashed, planned, caches, hashes, images, making, temporary, ...others]
  }
}

/** Where a store keeps what it has of images in registries. */
export const imagesIn = (root: string): string => `${root}/images`

/** The file with digests of a source directory's files, by a name for that. */
export const hashesIn = (root: string, name: string): string => `${root}/hashes/${name}`

/** The directory of a layer in a result's own directory. */
export const LAYER = "fs"
