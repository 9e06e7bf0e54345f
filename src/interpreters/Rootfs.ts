/**
 * What a store hands to a sandbox: a file system and how to get at it. A store
 * and a sandbox work together when the sandbox knows the store's kind; the
 * command line's table of backends pairs only those that do.
 */
export type Rootfs = DirectoryRootfs | OverlayRootfs | OpaqueRootfs

/** A directory of the host, complete as it stands. */
export interface DirectoryRootfs {
  readonly _tag: "Directory"
  readonly path: string
  /** The file system of ZFS that is mounted there, where the store knows that there is one. */
  readonly dataset?: string
}

/**
 * An overlayfs that the sandbox mounts where nobody else sees it, so that the
 * mount goes when the sandbox goes.
 */
export interface OverlayRootfs {
  readonly _tag: "Overlay"
  /** Absolute paths, topmost first. At least one. */
  readonly lower: ReadonlyArray<string>
  readonly upper: string
  readonly work: string
  /**
   * A directory on the layers' file system that outlives this root file system,
   * for layers that a sandbox puts in for the time of a run and uses again.
   */
  readonly scratch?: string
}

/** A file system that only a sandbox of the same backend understands. */
export interface OpaqueRootfs {
  readonly _tag: "Opaque"
  readonly backend: string
  readonly value: unknown
}
