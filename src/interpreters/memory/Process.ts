/** What one instruction of a script does, as a function of the process's state. */
import * as Data from "effect/Data"
import * as Either from "effect/Either"
import type { Command, Outcome } from "../Sandbox.ts"
import * as FileTree from "./FileTree.ts"
import { isBusy, isReadOnly, type MountedTree } from "./MountedTree.ts"
import type { Instruction } from "./Script.ts"

export interface Process {
  readonly command: Command
  /** Who the command's user is in the image. */
  readonly owner: FileTree.Owner
  readonly mounted: MountedTree
}

/** What comes of an instruction. */
export type Consequence = Data.TaggedEnum<{
  /** The command goes on, with this tree, after writing this. */
  Continue: { readonly tree: FileTree.Directory; readonly output: Uint8Array }
  /** The command ends, after writing this. */
  End: { readonly outcome: Outcome; readonly output: string }
  Sleep: { readonly milliseconds: number }
  Wait: { readonly gate: string; readonly killable: boolean }
}>
export const Consequence = Data.taggedEnum<Consequence>()

/** Total: whatever the instruction, the process goes on, waits or ends. */
export const interpret = (process: Process, instruction: Instruction): Consequence => {
  const done = attempt(process, instruction)
  return Either.isRight(done) ? done.right : ended(1, `${instruction.name}: ${done.left}\n`)
}

const ended = (status: number, output = ""): Consequence =>
  Consequence.End({ outcome: { _tag: "Exit", status }, output })

type Attempt<A> = Either.Either<A, string>

const attempt = (process: Process, { name, args }: Instruction): Attempt<Consequence> => {
  const { command, owner, mounted } = process
  const { tree } = mounted
  const [first = "", second = "", third = ""] = args
  const wrote = (output: string | Uint8Array): Attempt<Consequence> =>
    Either.right(Consequence.Continue({ tree, output: typeof output === "string" ? encoder.encode(output) : output }))
  const changed = (result: Attempt<FileTree.Directory>): Attempt<Consequence> =>
    Either.map(result, (changed) => Consequence.Continue({ tree: changed, output: NOTHING }))
  const bytes = (path: string): Attempt<Uint8Array> => Either.map(fileAt(process, path), ({ content }) => content)

  switch (name) {
    case "write":
      return changed(writeFile(process, first, () => encoder.encode(args.slice(1).join(" "))))
    case "append":
      return changed(
        writeFile(process, first, (existing) => Buffer.concat([existing, encoder.encode(args.slice(1).join(" "))]))
      )
    case "copy":
      return changed(Either.flatMap(bytes(first), (content) => writeFile(process, second, () => content)))
    case "mkdir":
      return changed(
        Either.mapBoth(FileTree.makeDirectories(tree, absolute(command, first), owner), {
          onLeft: ({ message }) => message,
          onRight: (made) => made.tree
        })
      )
    case "link":
      return changed(put(process, second, () => Either.right(FileTree.link(first, owner))))
    case "chmod":
      return changed(
        change(process, second, (node) => (node._tag === "Link" ? node : { ...node, mode: Number.parseInt(first, 8) }))
      )
    case "chown":
      return changed(change(process, third, (node) => ({ ...node, uid: Number(first), gid: Number(second) })))
    case "remove":
      return changed(change(process, first, () => undefined))
    case "cat":
      return Either.flatMap(bytes(first), wrote)
    case "list":
      return Either.flatMap(nodeAt(process, first), (node) =>
        node._tag === "Directory"
          ? wrote(
              FileTree.sortedEntries(node)
                .map(([entry]) => `${entry}\n`)
                .join("")
            )
          : Either.left(`${first}: not a directory`)
      )
    case "echo":
      return wrote(`${args.join(" ")}\n`)
    case "env":
      return wrote(`${command.environment.find((variable) => variable.name === first)?.value ?? ""}\n`)
    case "pwd":
      return wrote(`${command.cwd}\n`)
    case "id":
      return wrote(`${owner.uid} ${owner.gid}\n`)
    case "hostname":
      return wrote(`${command.hostname}\n`)
    case "network":
      return wrote(`${command.network}\n`)
    case "fail":
      return Either.right(ended(first === "" ? 1 : Number(first)))
    case "kill":
      return Either.right(Consequence.End({ outcome: { _tag: "Signal", signal: first }, output: "" }))
    case "oom":
      return Either.right(Consequence.End({ outcome: { _tag: "OutOfMemory" }, output: "" }))
    case "sleep":
      return Either.right(Consequence.Sleep({ milliseconds: Number(first) }))
    case "wait":
      return Either.right(Consequence.Wait({ gate: first, killable: true }))
    case "hold":
      return Either.right(Consequence.Wait({ gate: first, killable: false }))
    default:
      return Either.right(ended(127, `${name}: not found\n`))
  }
}

const encoder = new TextEncoder()
const NOTHING = new Uint8Array(0)

const absolute = (command: Command, path: string): string => (path.startsWith("/") ? path : `${command.cwd}/${path}`)

const resolve = (process: Process, path: string, followLast: boolean): Attempt<FileTree.Resolved> =>
  Either.mapLeft(
    FileTree.resolve(process.mounted.tree, absolute(process.command, path), { followLast }),
    ({ message }) => message
  )

const nodeAt = (process: Process, path: string): Attempt<FileTree.Node> =>
  Either.flatMap(resolve(process, path, true), ({ node }) =>
    node === undefined ? Either.left(`${path}: no such file or directory`) : Either.right(node)
  )

const fileAt = (process: Process, path: string): Attempt<FileTree.File> =>
  Either.flatMap(nodeAt(process, path), (node) =>
    node._tag === "File" ? Either.right(node) : Either.left(`${path}: not a file`)
  )

/** Puts a file or link where nothing but a file or link is, making the directories on the way. */
const put = (
  process: Process,
  path: string,
  make: (existing: FileTree.Node | undefined) => Attempt<FileTree.Node>,
  followLast = false
): Attempt<FileTree.Directory> =>
  Either.gen(function* () {
    const { names, node } = yield* resolve(process, path, followLast)
    if (node?._tag === "Directory") return yield* Either.left(`${path}: is a directory`)
    if (isReadOnly(process.mounted, names)) return yield* Either.left(`${path}: read-only file system`)
    const above = FileTree.join(names.slice(0, -1))
    const { tree } = yield* Either.mapLeft(
      FileTree.makeDirectories(process.mounted.tree, above, process.owner),
      ({ message }) => message
    )
    const made = yield* make(node)
    return FileTree.update(tree, names, () => made)
  })

const writeFile = (
  process: Process,
  path: string,
  content: (existing: Uint8Array) => Uint8Array
): Attempt<FileTree.Directory> =>
  put(
    process,
    path,
    (existing) =>
      Either.right(
        existing?._tag === "File"
          ? { ...existing, content: content(existing.content) }
          : FileTree.file(content(NOTHING), process.owner)
      ),
    true
  )

/** Changes or removes what is there; the last component is not followed. */
const change = (
  process: Process,
  path: string,
  replace: (node: FileTree.Node) => FileTree.Node | undefined
): Attempt<FileTree.Directory> =>
  Either.gen(function* () {
    const { names, node } = yield* resolve(process, path, false)
    if (node === undefined) return yield* Either.left(`${path}: no such file or directory`)
    if (isReadOnly(process.mounted, names)) return yield* Either.left(`${path}: read-only file system`)
    const replacement = replace(node)
    if (replacement === undefined && (names.length === 0 || isBusy(process.mounted, names))) {
      return yield* Either.left(`${path}: device or resource busy`)
    }
    return FileTree.update(process.mounted.tree, names, () => replacement)
  })
