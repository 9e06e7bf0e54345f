/** What a spec leaves unsaid, and how paths are meant, by the system that a base is for. */
import { root, type User } from "../domain/Spec.ts"
import * as ImagePath from "./ImagePath.ts"
import * as WindowsPath from "./WindowsPath.ts"

export interface Conventions {
  /** Where a spec's steps begin. */
  readonly directory: string
  readonly shell: ReadonlyArray<string>
  readonly user: User
  /** Whether users have numbers. */
  readonly hasIds: boolean
  /** `path` seen from `directory`, not cleaned. */
  readonly join: (directory: string, path: string) => string
  /** An absolute path in the one form that it has in plans. */
  readonly clean: (path: string) => string
  /** What is wrong with a path as it is written, as a phrase. */
  readonly fault: (path: string) => string | undefined
  /** Whether a path as it is written means what is in it. */
  readonly isInto: (path: string) => boolean
  /** Whether a clean path is where no mount can be. */
  readonly isRoot: (path: string) => boolean
  /** What is equal for paths that mean the same. */
  readonly key: (path: string) => string
}

const unix: Conventions = {
  directory: "/",
  // OBuilder's default.
  shell: ["/usr/bin/env", "bash", "-c"],
  user: root,
  hasIds: true,
  join: ImagePath.join,
  clean: ImagePath.clean,
  fault: (path) => (path.includes("\0") ? "a path cannot hold a NUL character" : undefined),
  isInto: (path) => path.endsWith("/"),
  isRoot: (path) => path === "/",
  key: (path) => path
}

const windows: Conventions = {
  directory: "C:/",
  shell: ["cmd", "/S", "/C"],
  user: { _tag: "Named", name: "ContainerAdministrator" },
  hasIds: false,
  join: WindowsPath.join,
  clean: WindowsPath.clean,
  fault: WindowsPath.fault,
  isInto: (path) => /[\\/]$/.test(path),
  isRoot: (path) => /^.:\/$/.test(path),
  key: (path) => path.toLowerCase()
}

/** `platform` is `os/architecture[/variant]`. */
export const of = (platform: string): Conventions => (platform.startsWith("windows/") ? windows : unix)
