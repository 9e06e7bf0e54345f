/** Images of a static busybox, for real sandboxes. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { LayeredTree } from "../../../src/interpreters/host/LayeredTree.ts"
import type { DirectoryRootfs, OverlayRootfs, Rootfs } from "../../../src/interpreters/Rootfs.ts"
import { type Entries, hostFiles } from "../../laws/files.ts"
import type { Language } from "../../laws/sandboxSubject.ts"
import { processesWith } from "../../processes.ts"

const APPLETS = [
  ...["sh", "cat", "chmod", "chown", "cut", "echo", "env", "false", "find", "grep", "head", "hostname", "id", "ip"],
  ...[
    "kill",
    "ln",
    "ls",
    "mkdir",
    "mount",
    "mv",
    "nc",
    "ping",
    "pwd",
    "readlink",
    "rm",
    "sleep",
    "sort",
    "stat",
    "tail"
  ],
  ...["tar", "touch", "true", "umount", "wc", "xargs", "seq", "dd", "ps", "od", "printf", "test", "umask"]
]

const busybox = (): string => execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim()

/** Fills a directory with `/bin`: busybox and links to it. */
export const fill = (path: string): void => {
  Fs.mkdirSync(`${path}/bin`, { recursive: true, mode: 0o755 })
  Fs.copyFileSync(busybox(), `${path}/bin/busybox`)
  for (const applet of APPLETS) Fs.symlinkSync("busybox", `${path}/bin/${applet}`)
  Fs.chmodSync(path, 0o755)
}

export const temporaryDirectory = (name = "obuilder-sandbox-"): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => Fs.realpathSync(Fs.mkdtempSync(`${tmpdir()}/${name}`))),
    (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
  )

/** An overlay over these layers, topmost first, and one more with these entries. */
export const overlay = (
  directory: string,
  lower: ReadonlyArray<string>,
  entries: Entries = {}
): Effect.Effect<OverlayRootfs> =>
  Effect.gen(function* () {
    const own = Fs.mkdtempSync(`${directory}/overlay-`)
    for (const name of ["entries", "upper", "work"]) {
      Fs.mkdirSync(`${own}/${name}`)
      Fs.chmodSync(`${own}/${name}`, 0o755)
    }
    yield* hostFiles.put({ _tag: "Directory", path: `${own}/entries` }, entries)
    return { _tag: "Overlay", lower: [`${own}/entries`, ...lower], upper: `${own}/upper`, work: `${own}/work` }
  })

/** A directory with these entries. */
export const directory = (parent: string, entries: Entries = {}): Effect.Effect<DirectoryRootfs> =>
  Effect.gen(function* () {
    const path = Fs.mkdtempSync(`${parent}/directory-`)
    Fs.chmodSync(path, 0o755)
    yield* hostFiles.put({ _tag: "Directory", path }, entries)
    return { _tag: "Directory", path }
  })

const layersOf = (rootfs: Rootfs): ReadonlyArray<string> => {
  switch (rootfs._tag) {
    case "Directory":
      return [rootfs.path]
    case "Overlay":
      return [rootfs.upper, ...rootfs.lower]
    case "Opaque":
      return []
  }
}

/** All paths of a root file system, sorted. */
export const pathsOf = (rootfs: Rootfs): ReadonlyArray<string> => {
  const tree = new LayeredTree(layersOf(rootfs))
  const found: Array<string> = []
  const pending = [{ path: "", entry: tree.root }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const [name, entry] of next.entry.kind === "directory" ? tree.children(next.entry) : []) {
      const path = `${next.path}/${name}`
      found.push(path)
      pending.push({ path, entry })
    }
  }
  return found.sort()
}

/** How many processes of the machine have a mark in their command line. */
export const alive = (mark: string): number => processesWith((line) => line.includes(mark)).length

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

export const shell: Language = {
  write: (path, text) => `echo ${quote(text)} > ${quote(path)}`,
  cat: (path) => `cat ${quote(path)}`,
  echo: (text) => `echo ${quote(text)}`,
  env: (name) => `echo "$${name}"`,
  pwd: "pwd",
  id: `echo "$(id -u) $(id -g)"`,
  hostname: "hostname",
  fail: (status) => `exit ${status}`,
  // Not by the shell itself: the first process of a container is immune to signals from inside.
  kill: (signal) => `sh -c 'kill -${signal.replace("SIG", "")} $$'; exit $?`,
  hang: (mark) => `echo up; sh -c 'sleep 1000; true' ${quote(mark)}`
}
