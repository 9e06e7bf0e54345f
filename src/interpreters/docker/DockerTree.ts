/** What a Docker store hands to its sandbox: a root file system, which is an image, or a cache, which is a volume. */
import type { OpaqueRootfs, Rootfs } from "../Rootfs.ts"
import type { Workshop } from "./Workshop.ts"

/** A root file system in the making. Whatever changes it makes a new image of it. */
export class DockerTree {
  readonly workshop: Workshop
  /** In the names of all that the engine has of it. */
  readonly name: string
  /** A directory that goes with the tree, for what it is made of; none where it has no store. */
  place: string | undefined
  /** `REPOSITORY:TAG` of what it is at the moment; none before anything was put into it. */
  image: string | undefined
  /** How many images were made of it. */
  versions = 0
  /** Names of images that go when it is finished. */
  readonly temporary: Array<string> = []

  constructor(workshop: Workshop, name: string, image: string | undefined) {
    this.workshop = workshop
    this.name = name
    this.image = image
  }
}

/** A writable copy of a cache. */
export class DockerVolume {
  readonly workshop: Workshop
  /** As the engine has it. */
  readonly name: string

  constructor(workshop: Workshop, name: string) {
    this.workshop = workshop
    this.name = name
  }
}

const BACKEND = "docker"

export const toRootfs = (value: DockerTree | DockerVolume): OpaqueRootfs => ({
  _tag: "Opaque",
  backend: BACKEND,
  value
})

export const treeOf = (rootfs: Rootfs): DockerTree | undefined =>
  rootfs._tag === "Opaque" && rootfs.value instanceof DockerTree ? rootfs.value : undefined

export const volumeOf = (rootfs: Rootfs): DockerVolume | undefined =>
  rootfs._tag === "Opaque" && rootfs.value instanceof DockerVolume ? rootfs.value : undefined
