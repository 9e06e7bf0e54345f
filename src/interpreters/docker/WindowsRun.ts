/** A step's command in a container of Windows. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type Command, CommandFailed, type Outcome, SandboxError } from "../Sandbox.ts"
import { notStarted } from "../sandbox/Failure.ts"
import * as ContainerRun from "./ContainerRun.ts"
import type { DockerSandboxOptions } from "./DockerSandbox.ts"
import type { DockerTree, DockerVolume } from "./DockerTree.ts"
import * as WindowsCommand from "./WindowsCommand.ts"
import * as WindowsConfig from "./WindowsConfig.ts"
import * as WindowsImages from "./WindowsImages.ts"
import * as WindowsSecrets from "./WindowsSecrets.ts"

/** As `SandboxService.run`. */
export const run = <E>(
  options: DockerSandboxOptions,
  command: Command,
  tree: DockerTree,
  caches: ReadonlyArray<{ readonly target: string; readonly volume: DockerVolume }>,
  output: (chunk: Uint8Array) => Effect.Effect<void, E>
): Effect.Effect<void, CommandFailed | SandboxError | E> => {
  const { ask } = ContainerRun
  const { workshop } = tree
  const fail = (outcome: Outcome) => new CommandFailed({ argv: command.argv, outcome })
  return Effect.gen(function* () {
    const start = WindowsCommand.of(command.argv)
    if (typeof start === "string") return yield* fail(notStarted(start))
    const { user } = command
    if (user._tag === "Unix") return yield* fail(notStarted("users of Windows have names, not numbers"))
    const calls = yield* ask("cannot ask the Docker engine", () => workshop.calls)
    const { secrets } = command
    let made: ReadonlyArray<string> = []
    const others: Array<object> = []
    if (secrets.length > 0) {
      const volume = yield* Effect.mapError(WindowsSecrets.volume(tree, secrets), ContainerRun.toSandboxError)
      const linked = yield* ask("cannot link to secrets", (signal) => WindowsSecrets.link(tree, command, signal))
      if ("fault" in linked) return yield* fail(notStarted(linked.fault))
      made = linked.made
      others.push(WindowsSecrets.mount(volume))
    }
    const image = yield* ask("cannot look at an image", (signal) => workshop.imageOf(tree, signal))
    const config = WindowsConfig.step(options, command, start, { caches, others })
    const container = yield* ContainerRun.container(tree, calls, image, config)
    if ("outcome" in container) return yield* fail(container.outcome)
    const { id } = container
    const attached = yield* ContainerRun.attach(calls, id)
    const refused = yield* ask("cannot start a container", (signal) => calls.start(id, signal))
    if (refused !== undefined) {
      const { message } = refused.problem
      const outcome = outcomeOf(message, command.argv[0] ?? "", user.name)
      if (outcome !== undefined) return yield* fail(outcome)
      return yield* new SandboxError({ message, hint: hintFor(message), cause: refused.problem })
    }
    yield* ContainerRun.pump(attached, output)
    yield* ask("cannot wait for a container", (signal) => calls.wait(id, signal))
    const { State } = yield* ask("cannot look at a container", (signal) => calls.container(id, signal))
    // Windows has no signals: what ended a program is a number like any other.
    if (State.ExitCode !== 0) return yield* fail({ _tag: "Exit", status: State.ExitCode })
    yield* ask("cannot keep what a step left", (signal) => WindowsImages.keep(tree, id, signal))
    if (secrets.length > 0) {
      yield* ask("cannot clear up after a step", (signal) => WindowsSecrets.unlink(tree, command, made, signal))
    }
  }).pipe(Effect.scoped)
}

/** What in an engine's message is the image's or the command's fault; the codes are Windows' own. */
const outcomeOf = (message: string, program: string, user: string): Outcome | undefined => {
  if (/cannot find the (?:file|path) specified|\(0x[23]\)/i.test(message)) {
    return notStarted(`the image has no program ${program}`, `name another one in (shell …)`)
  }
  if (/user name or password is incorrect|0x52e\b|no mapping between account names/i.test(message)) {
    return notStarted(`the image has no user "${user}"`, "add it in a run step, or take ContainerUser")
  }
  return undefined
}

const hintFor = (message: string): Option.Option<string> => {
  if (/operating system does not match|0xc0370101/i.test(message)) {
    return Option.some("the base is for another version of Windows than the engine's: take --docker-isolation=hyperv")
  }
  return /hypervisor|virtual machine could not be started|0xc0351000/i.test(message)
    ? Option.some("the engine has no Hyper-V: take --docker-isolation=process")
    : Option.none()
}
