/**
 * A `Sandbox` that runs scripts (see `Script.ts`) over file trees in memory.
 * The script is the last element of a command's `argv`; what stands before it,
 * the shell, is not looked at.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Rootfs } from "../Rootfs.ts"
import { type Command, CommandFailed, type Outcome, Sandbox, SandboxError, type SandboxService } from "../Sandbox.ts"
import * as FileTree from "./FileTree.ts"
import { fromRootfs, type TreeCell } from "./MemoryRootfs.ts"
import { Crashed, MemorySession, type Session } from "./MemorySession.ts"
import { mount, type MountedTree, unmount } from "./MountedTree.ts"
import { interpret, type Process } from "./Process.ts"
import { parse } from "./Script.ts"
import { findUser } from "./Users.ts"

/** Output comes in pieces of at most so many bytes, so that lines and characters are cut apart. */
const PIECE = 24

/** The sandbox of a session. */
export const make = (session: Session): SandboxService => {
  const act = <A, E = never>(name: string, body: () => Effect.Effect<A, E>): Effect.Effect<A, E | SandboxError> =>
    session.act(`sandbox.${name}`, sandboxError, body)

  const wait = (name: string, killable: boolean): Effect.Effect<Option.Option<Outcome>> =>
    Effect.gen(function* () {
      const gate = yield* session.world.gate(name)
      const waiting = gate.wait(session.crashed)
      const verdict = yield* killable ? waiting : Effect.uninterruptible(waiting)
      switch (verdict._tag) {
        case "Proceed":
          return Option.none()
        case "Fail":
          return Option.some({ _tag: "Exit", status: verdict.status })
        case "Crashed":
          return yield* Effect.die(new Crashed())
      }
    })

  return {
    // With a session everything that it ran is gone.
    reclaim: Effect.void,
    run: (command, rootfs, output) => {
      const script = command.argv.at(-1) ?? ""
      const running = Effect.gen(function* () {
        const root = yield* cellOf(rootfs)
        let process = yield* act("start", () => start(command, root))
        const write = (bytes: Uint8Array) => Effect.forEach(pieces(bytes), (piece) => output(piece), { discard: true })
        const failed = (outcome: Outcome) => Effect.fail(new CommandFailed({ argv: command.argv, outcome }))

        for (const instruction of parse(script)) {
          const consequence = yield* act("instruction", () => {
            const consequence = interpret(process, instruction)
            if (consequence._tag === "Continue") {
              process = { ...process, mounted: { ...process.mounted, tree: consequence.tree } }
              save(process.mounted, root)
            }
            return Effect.succeed(consequence)
          })
          switch (consequence._tag) {
            case "Continue":
              yield* write(consequence.output)
              break
            case "End":
              yield* write(new TextEncoder().encode(consequence.output))
              if (consequence.outcome._tag === "Exit" && consequence.outcome.status === 0) return
              return yield* failed(consequence.outcome)
            case "Sleep":
              yield* Effect.sleep(consequence.milliseconds)
              break
            case "Wait": {
              const outcome = yield* wait(consequence.gate, consequence.killable)
              if (Option.isSome(outcome)) return yield* failed(outcome.value)
            }
          }
        }
        yield* act("end", () => Effect.void)
      })
      return session.during("run", script, running)
    }
  }
}

export const layer: Layer.Layer<Sandbox, never, MemorySession> = Layer.effect(Sandbox, Effect.map(MemorySession, make))

const start = (command: Command, root: TreeCell): Effect.Effect<Process, CommandFailed | SandboxError> =>
  Effect.gen(function* () {
    const notStarted = (reason: string): CommandFailed =>
      new CommandFailed({ argv: command.argv, outcome: { _tag: "NotStarted", reason, hint: Option.none() } })
    const owner = yield* Either.mapLeft(findUser(root.tree, command.user), notStarted)
    const caches = yield* Effect.forEach(command.caches, ({ target, rootfs }) =>
      Effect.map(cellOf(rootfs), (cell) => ({ target, cell }))
    )
    const inTree = Either.mapLeft(({ message }: FileTree.TreeError) => notStarted(message))
    const { tree } = yield* inTree(FileTree.makeDirectories(root.tree, command.cwd, FileTree.rootOwner))
    const mounted = yield* inTree(mount(tree, caches, command.secrets, owner))
    save(mounted, root)
    return { command, owner, mounted }
  })

/** What the command did so far is in the workspace at once, as on a real file system. */
const save = (mounted: MountedTree, root: TreeCell): void => {
  const apart = unmount(mounted)
  root.tree = apart.root
  for (const { cell, tree } of apart.caches) cell.tree = tree
}

const cellOf = (rootfs: Rootfs): Effect.Effect<TreeCell, SandboxError> =>
  Option.match(fromRootfs(rootfs), {
    onNone: () => Effect.fail(sandboxError("the sandbox in memory works with the store in memory only")),
    onSome: Effect.succeed
  })

const sandboxError = (message: string): SandboxError =>
  new SandboxError({ message, hint: Option.none(), cause: undefined })

const pieces = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
  const cut: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += PIECE) cut.push(bytes.subarray(at, at + PIECE))
  return cut
}
