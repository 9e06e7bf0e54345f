/** Directories for tests: made for one scope, and described so that they can be compared. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { getXattr, listXattr } from "../../../src/interpreters/host/Libc.ts"

/** An empty directory that goes with its scope. */
export const temporaryDirectory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(join(tmpdir(), "obuilder-test-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)

export interface DescribeOptions {
  /** Whole seconds of the modification time at the end of each line. */
  readonly times?: boolean
}

const letter = (stats: Fs.Stats): string =>
  stats.isDirectory()
    ? "d"
    : stats.isSymbolicLink()
      ? "l"
      : stats.isFile()
        ? "f"
        : stats.isFIFO()
          ? "p"
          : stats.isCharacterDevice()
            ? "c"
            : stats.isBlockDevice()
              ? "b"
              : "?"

const content = (path: string, stats: Fs.Stats): string => {
  if (stats.isSymbolicLink()) return ` -> ${Fs.readlinkSync(path)}`
  if (stats.isCharacterDevice() || stats.isBlockDevice()) return ` ${stats.rdev >> 8}:${stats.rdev & 255}`
  if (!stats.isFile()) return ""
  const bytes = Fs.readFileSync(path)
  const rest = bytes.length <= SHOWN ? "" : `… ${createHash("sha256").update(bytes).digest("hex")}`
  return ` ${JSON.stringify(bytes.toString("latin1", 0, SHOWN))}${rest}`
}

/** Bytes of a file of which all are shown; a longer one has its digest besides. */
const SHOWN = 60

/**
 * One line for each entry below a directory, and one for itself (`.`), by path:
 * type, mode, owners, path, content or target, extended attributes, and the
 * first name of a file that has several.
 */
export const describeTree = (root: string, options: DescribeOptions = {}): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const inodes = new Map<number, string>()
  const visit = (path: string, name: string): void => {
    const stats = Fs.lstatSync(path)
    const first = stats.isDirectory() || stats.nlink === 1 ? undefined : inodes.get(stats.ino)
    inodes.set(stats.ino, name)
    const xattrs = listXattr(path)
      .filter((xattr) => xattr !== "security.selinux")
      .toSorted()
      .map((xattr) => ` ${xattr}=${Buffer.from(getXattr(path, xattr) ?? []).toString("hex")}`)
    lines.push(
      [
        `${letter(stats)}${(stats.mode & 0o7777).toString(8).padStart(4, "0")} ${stats.uid}:${stats.gid} ${name}`,
        content(path, stats),
        ...xattrs,
        first === undefined ? "" : ` = ${first}`,
        options.times === true ? ` @${Math.floor(stats.mtimeMs / 1000)}` : ""
      ].join("")
    )
    if (!stats.isDirectory()) return
    for (const child of Fs.readdirSync(path).toSorted())
      visit(join(path, child), name === "." ? child : `${name}/${child}`)
  }
  visit(root, ".")
  return lines
}
