/** A command in a container, from its making to what is kept of it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { constants } from "node:os"
import { attempt, ImageProblem } from "../base/ImageProblem.ts"
import type { Rootfs } from "../Rootfs.ts"
import { type Command, CommandFailed, type Outcome, SandboxError } from "../Sandbox.ts"
import { notStarted, startFailure } from "../sandbox/Failure.ts"
import { SIGNALED, signalNames } from "../sandbox/Signals.ts"
import * as ContainerConfig from "./ContainerConfig.ts"
import type { Reply } from "./DockerConnection.ts"
import { type DockerSandboxOptions, strange } from "./DockerSandbox.ts"
import { type DockerTree, treeOf, volumeOf } from "./DockerTree.ts"
import { type EngineCalls, type ContainerFacts } from "./EngineCalls.ts"
import * as MountPoints from "./MountPoints.ts"
import * as OutputFrames from "./OutputFrames.ts"
import * as Remover from "./Remover.ts"
import * as SecretFiles from "./SecretFiles.ts"
import { clearing, later } from "./Workshop.ts"

/** As `SandboxService.run`. */
export const run = <E>(
  options: DockerSandboxOptions,
  command: Command,
  rootfs: Rootfs,
  output: (chunk: Uint8Array) => Effect.Effect<void, E>
): Effect.Effect<void, CommandFailed | SandboxError | E> => {
  const tree = treeOf(rootfs)
  const caches = command.caches.flatMap(({ rootfs, target }) => {
    const volume = volumeOf(rootfs)
    return volume === undefined ? [] : [{ target, volume }]
  })
  if (tree === undefined || caches.length < command.caches.length) return strange()
  const { workshop } = tree
  const fail = (outcome: Outcome) => new CommandFailed({ argv: command.argv, outcome })
  return Effect.gen(function* () {
    const calls = yield* ask("cannot ask the Docker engine", () => workshop.calls)
    const windows = yield* ask("cannot ask the Docker engine", (signal) => workshop.isWindows(signal))
    if (windows) {
      const { run } = yield* Effect.promise(() => import("./WindowsRun.ts"))
      return yield* run(options, command, tree, caches, output)
    }
    const image = yield* ask("cannot look at an image", (signal) => workshop.imageOf(tree, signal))
    const secrets = yield* SecretFiles.make(command)
    const points = yield* ask("cannot look into caches", (signal) => MountPoints.look(tree, caches, command, signal))
    // When the container is gone, however it ended.
    yield* Effect.addFinalizer(() =>
      Effect.ignore(attempt("cannot clear up a cache", () => MountPoints.clearCaches(tree, points, clearing())))
    )
    const config = ContainerConfig.make(options, command, { caches, secrets })
    const made = yield* container(tree, calls, image, config)
    if ("outcome" in made) return yield* fail(made.outcome)
    const { id } = made
    const attached = yield* attach(calls, id)
    const refused = yield* ask("cannot start a container", (signal) => calls.start(id, later(signal)))
    if (refused !== undefined) {
      const why = startFailure(
        calls.name,
        [refused.problem.message.replace(`${calls.name} answers `, "")],
        command.argv
      )
      return yield* why instanceof SandboxError ? orUser(refused.problem, why, fail) : fail(why)
    }
    yield* pump(attached, output)
    yield* ask("cannot wait for a container", (signal) => calls.wait(id, signal))
    const facts = yield* ask("cannot look at a container", (signal) => calls.container(id, signal))
    const outcome = outcomeOf(facts)
    // What a failed command leaves is dropped, but for its caches.
    if (Option.isSome(outcome)) return yield* fail(outcome.value)
    const changes = yield* ask("cannot look at what a step changed", (signal) => calls.changes(id, signal))
    const added = yield* ask("cannot look at what a step changed", (signal) =>
      MountPoints.added(calls, { container: id, changes }, points, signal)
    )
    yield* ask("cannot keep what a step left", (signal) => workshop.keep(tree, id, signal, changes))
    if (added.length > 0) {
      yield* ask("cannot clear up after a step", (signal) => Remover.removeIn(tree, added, signal))
    }
  }).pipe(Effect.scoped)
}

export const ask = <A>(what: string, body: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, SandboxError> =>
  Effect.mapError(attempt(what, body), toSandboxError)

export const toSandboxError = ({ cause, hint, message }: ImageProblem): SandboxError =>
  new SandboxError({ message, hint, cause })

/** The image, or what the spec asks of it, may be what the engine does not like. */
const CONTAINER_FAULTS =
  /not a directory|cannot be mounted|invalid mount(?!.*bind source path does not exist)|mount destination|must be an absolute path|duplicate mount point/i

type Made = { readonly id: string } | { readonly outcome: Outcome }

/** Makes it, and removes it and all that runs in it when the scope closes. */
export const container = (
  tree: DockerTree,
  calls: EngineCalls,
  image: string,
  config: object
): Effect.Effect<Made, SandboxError, Scope.Scope> => {
  const name = `${tree.workshop.objectOf(tree.name)}-${tree.workshop.newName()}`
  // By its name: where the request for it was cut off it may be there all the same.
  const remove = Effect.ignore(attempt("cannot remove a container", () => calls.removeContainer(name, clearing())))
  return Effect.zipRight(
    Effect.addFinalizer(() => remove),
    attempt("cannot make a container", (signal) =>
      calls.createContainer(name, { ...config, Image: image }, later(signal))
    )
  ).pipe(
    Effect.map((id): Made => ({ id })),
    Effect.catchAll((problem) =>
      CONTAINER_FAULTS.test(problem.message)
        ? Effect.succeed<Made>({ outcome: notStarted(problem.message) })
        : toSandboxError(problem)
    )
  )
}

export const attach = (calls: EngineCalls, id: string): Effect.Effect<Reply, SandboxError, Scope.Scope> =>
  Effect.acquireRelease(
    ask("cannot listen to a container", (signal) => calls.attach(id, signal)),
    ({ discard }) => Effect.sync(discard)
  )

/** Gives on what the container writes, until it ends. */
export const pump = <E>(
  { body, discard }: Reply,
  output: (chunk: Uint8Array) => Effect.Effect<void, E>
): Effect.Effect<void, E | SandboxError> => {
  const pieces = OutputFrames.read(body)[Symbol.asyncIterator]()
  const next = Effect.async<IteratorResult<Uint8Array>, SandboxError>((resume, signal) => {
    signal.addEventListener("abort", discard)
    pieces.next().then(
      (piece) => resume(Effect.succeed(piece)),
      (cause: unknown) =>
        resume(
          cause instanceof ImageProblem
            ? toSandboxError(cause)
            : new SandboxError({
                message: `cannot read what a container writes: ${(cause as Error).message}`,
                hint: Option.none(),
                cause
              })
        )
    )
  })
  const loop: Effect.Effect<void, E | SandboxError> = Effect.flatMap(next, (piece) =>
    piece.done === true ? Effect.void : Effect.zipRight(output(piece.value), loop)
  )
  return loop
}

const NO_USER = /unable to find (?:user|group) ([^:]+): (.*)/

/** The step's user may be what the engine does not find. */
const orUser = (
  { message }: ImageProblem,
  error: SandboxError,
  fail: (outcome: Outcome) => CommandFailed
): CommandFailed | SandboxError => {
  const [, user] = NO_USER.exec(message) ?? []
  return user === undefined
    ? error
    : fail(notStarted(`the image's /etc/passwd has no user "${user}"`, "add it in a run step, or give numbers"))
}

/** An engine says of signals what a shell says of them. */
const outcomeOf = ({ State }: ContainerFacts): Option.Option<Outcome> => {
  if (State.ExitCode === 0) return Option.none()
  const number = State.ExitCode - SIGNALED
  if (State.OOMKilled && number === constants.signals.SIGKILL) return Option.some({ _tag: "OutOfMemory" })
  const signal = signalNames.get(number)
  return Option.some(signal === undefined ? { _tag: "Exit", status: State.ExitCode } : { _tag: "Signal", signal })
}
