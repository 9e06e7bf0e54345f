/**
 * Opens the files of a directory that may change meanwhile: from descriptor to
 * descriptor, so that no link that takes a directory's place leads elsewhere.
 *
 * Where there is no `/proc`, by paths whose every directory was opened as one,
 * and not through a link: who may write to the directory could still put a link
 * there between that and the next call, and have another file read instead.
 */
import * as Fs from "node:fs"
import type { OpenFiles } from "../SourceTree.ts"
import { hasProc } from "./System.ts"

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = Fs.constants

const DIRECTORY = O_RDONLY | O_DIRECTORY
/** Without O_NONBLOCK a FIFO that took the file's place would be waited for. */
export const FILE = O_RDONLY | O_NOFOLLOW | O_NONBLOCK

interface Level {
  readonly name: string
  readonly fd: number
  /** What reaches the directory: its descriptor, or, where that has no path of its own, the one that it was opened by. */
  readonly handle: string
}

const level = (name: string, path: string, flags: number): Level => {
  const fd = Fs.openSync(path, flags)
  return { name, fd, handle: hasProc() ? `/proc/self/fd/${fd}` : path }
}

/** The directories on the way to the last file stay open: the next one is mostly beside it. */
export class OpenTree implements OpenFiles {
  private readonly levels: Array<Level>

  /** `root` may be a link to a directory. */
  constructor(root: string) {
    this.levels = [level("", root, DIRECTORY)]
  }

  file(path: string): number {
    const names = path.split("/")
    const last = names.pop() ?? ""
    let shared = 0
    while (shared < names.length && this.levels[shared + 1]?.name === names[shared]) shared++
    this.closeTo(shared + 1)
    for (const name of names.slice(shared)) {
      this.levels.push(level(name, this.within(name), DIRECTORY | O_NOFOLLOW))
    }
    return Fs.openSync(this.within(last), FILE)
  }

  close(): void {
    this.closeTo(0)
  }

  private within(name: string): string {
    return `${this.levels.at(-1)?.handle}/${name}`
  }

  private closeTo(length: number): void {
    while (this.levels.length > length) Fs.closeSync(this.levels.pop()?.fd ?? -1)
  }
}
