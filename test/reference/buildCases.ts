/** The reference cases of whole builds: what the original does with generated specs and contexts. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { expect } from "vitest"
import * as SpecText from "../../src/domain/SpecText.ts"
import { Engine } from "../../src/interpreters/Engine.ts"
import * as SourceDirectory from "../../src/interpreters/host/SourceDirectory.ts"
import { observe } from "../../src/interpreters/Observe.ts"
import { Store } from "../../src/interpreters/Store.ts"
import { plan } from "../../src/plan/Planner.ts"
import { readTar } from "./readTar.ts"

export interface ContextEntry {
  readonly path: string
  readonly type: "file" | "dir" | "symlink"
  readonly mode?: string
  readonly content?: string
  readonly target?: string
}

export interface TreeEntry {
  readonly path: string
  readonly type: "file" | "dir" | "symlink"
  readonly mode?: string
  readonly uid?: number
  readonly gid?: number
  readonly sha256?: string
  readonly size?: number
  readonly target?: string
}

export interface BuildCase {
  readonly id: string
  readonly context: ReadonlyArray<ContextEntry>
  readonly spec: string
  readonly expect:
    | { readonly result: "built"; readonly tree: ReadonlyArray<TreeEntry> }
    | { readonly result: "failed"; readonly message: string }
    | { readonly result: "unspecified" }
}

const FILE = "../shared/reference/build-cases.jsonl"

/** The cases. Where the folder that holds them is not beside the checkout, `vitest.config.ts` leaves these tests out. */
export const readCases = (): ReadonlyArray<BuildCase> =>
  Fs.readFileSync(FILE, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line): BuildCase => JSON.parse(line))

/** Writes a case's source directory. Directories get their modes last, so that they can be filled. */
export const writeContext = (directory: string, entries: ReadonlyArray<ContextEntry>): void => {
  Fs.mkdirSync(directory, { recursive: true })
  for (const entry of entries) {
    const path = Path.join(directory, entry.path)
    if (entry.type === "dir") Fs.mkdirSync(path)
    else if (entry.type === "symlink") Fs.symlinkSync(entry.target ?? "", path)
    else Fs.writeFileSync(path, entry.content ?? "")
    if (entry.type !== "symlink") Fs.chmodSync(path, Number.parseInt(entry.mode ?? "755", 8))
  }
}

/** The machine's, which is static. */
export const busyboxPath = (): string => execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim()

/** The base image that the cases were recorded on: a static busybox with its applets, or with those named. */
export const writeBase = (directory: string, named?: ReadonlyArray<string>): void => {
  const busybox = busyboxPath()
  const applets = named ?? execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n")
  for (const path of ["bin", "dev", "etc", "proc", "root", "sbin", "sys", "tmp", "usr/bin", "usr/sbin", "var"]) {
    Fs.mkdirSync(`${directory}/${path}`, { recursive: true, mode: 0o755 })
  }
  Fs.chmodSync(`${directory}/tmp`, 0o1777)
  Fs.copyFileSync(busybox, `${directory}/bin/busybox`)
  Fs.chmodSync(`${directory}/bin/busybox`, 0o755)
  for (const applet of applets) if (applet !== "busybox") Fs.symlinkSync("busybox", `${directory}/bin/${applet}`)
  Fs.writeFileSync(`${directory}/etc/passwd`, "root:x:0:0:root:/root:/bin/sh\n", { mode: 0o644 })
  Fs.writeFileSync(`${directory}/etc/group`, "root:x:0:\n", { mode: 0o644 })
}

const HIDDEN = /^\/(bin|sbin|usr|lib|lib64|dev|proc|sys)(\/|$)/

/** What of two trees is compared, in a form in which equal trees are equal. */
export const comparable = (
  tree: ReadonlyArray<TreeEntry>,
  expected: ReadonlyArray<TreeEntry>
): { readonly actual: unknown; readonly expected: unknown } => {
  const anyOwner = new Set(expected.filter((entry) => entry.uid === undefined).map((entry) => entry.path))
  const strip = (entry: TreeEntry): unknown => {
    const { path, type, mode, uid, gid, sha256, size, target } = entry
    const owner = anyOwner.has(path) ? {} : { uid, gid }
    const content = path === "/tmp/ls-out" || path === "/tmp/caps" ? {} : { sha256, size }
    return type === "symlink"
      ? { path, type, target, ...owner }
      : type === "dir"
        ? { path, type, mode, ...owner }
        : { path, type, mode, ...owner, ...content }
  }
  const list = (entries: ReadonlyArray<TreeEntry>): unknown =>
    entries
      .filter((entry) => !HIDDEN.test(entry.path) && entry.path !== "/")
      .sort((a, b) => (a.path < b.path ? -1 : 1))
      .map(strip)
  return { actual: list(tree), expected: list(expected) }
}

/** Builds a case, whose context and base are in this directory, and gives the tar of its result. */
export const build = (one: BuildCase, directory: string) =>
  Effect.gen(function* () {
    const text = one.spec.replaceAll("(from BASE)", `(from rootfs:${directory}/base)`)
    const { spec } = yield* SpecText.parse(text, { file: `${one.id}.spec` })
    const context = yield* SourceDirectory.make({ path: `${directory}/${one.id}` })
    const inputs = yield* observe(spec, context)
    const planned = yield* plan(spec, inputs)
    const engine = yield* Engine
    const { id } = yield* engine.build({
      plan: planned,
      inputs,
      context,
      secrets: new Map(),
      jobs: 2,
      onEvent: () => Effect.void
    })
    const store = yield* Store
    const chunks: Array<Uint8Array> = []
    yield* store.tar(id, (chunk) => Effect.sync(() => void chunks.push(chunk)))
    return Buffer.concat(chunks)
  })

/** Errors that blame the spec, or a step of it: not the store, nor the sandbox. */
const BLAMED = /^(StepFailed|PlanError|ObserveError|SpecError)$/

/** What became of a case is what it expects; `prepared` makes comparable what a backend cannot give as it was recorded. */
export const expectCase = async (
  one: BuildCase,
  exit: Exit.Exit<Either.Either<Uint8Array, { readonly _tag: string }>, unknown>,
  prepared: (
    tree: ReadonlyArray<TreeEntry>,
    expected: ReadonlyArray<TreeEntry>
  ) => readonly [ReadonlyArray<TreeEntry>, ReadonlyArray<TreeEntry>] = (tree, expected) => [tree, expected]
): Promise<void> => {
  // A defect is a bug, whatever the case expects.
  if (Exit.isFailure(exit)) throw new Error(String(exit.cause))
  const result = exit.value
  switch (one.expect.result) {
    case "failed":
      return expect(Either.isLeft(result) ? result.left._tag : "built").toMatch(BLAMED)
    case "built": {
      if (Either.isLeft(result)) throw result.left
      const trees = comparable(...prepared(await readTar(Buffer.from(result.right)), one.expect.tree))
      return expect(trees.actual).toEqual(trees.expected)
    }
    case "unspecified":
      // Building it, or refusing it with an error of its own kind, are both right.
      if (Either.isLeft(result)) expect(result.left._tag).toMatch(BLAMED)
  }
}
