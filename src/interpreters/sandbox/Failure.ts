/** Says in a user's words what a runtime, or the kernel on its behalf, refused. */
import * as Option from "effect/Option"
import { type Outcome, SandboxError } from "../Sandbox.ts"

/** What to do about an error of the system's, by its code. */
const HINTS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "run as root, e.g. with sudo"],
  ["EPERM", "run as root, e.g. with sudo; inside a container, that one needs CAP_SYS_ADMIN"],
  ["ENOSPC", "the disk is full: free some space"],
  ["EROFS", "the file system is read-only"]
])

const codeOf = (cause: unknown): string | undefined =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined

export const sandboxError = (what: string, cause?: unknown, hint?: string): SandboxError =>
  new SandboxError({
    message: cause instanceof Error ? `${what}: ${cause.message}` : what,
    hint: Option.fromNullable(hint ?? HINTS.get(codeOf(cause) ?? "")),
    cause
  })

export const notStarted = (reason: string, hint?: string): Outcome => ({
  _tag: "NotStarted",
  reason,
  hint: Option.fromNullable(hint)
})

/**
 * What in a runtime's message is the image's or the command's fault, and not
 * the machine's. The wording is that of runc and crun, old and new.
 */
const COMMAND_FAULTS: ReadonlyArray<{ readonly pattern: RegExp; readonly fault: (argv0: string) => Outcome }> = [
  {
    pattern: /executable file( .*)? not found|exec: .*: no such file or directory|open executable: No such file/,
    fault: (program) => notStarted(`the image has no program ${program}`, shellHint(program))
  },
  {
    pattern:
      /exec: .*: (permission denied|is a directory)|open executable: (Permission denied|Operation not permitted)/,
    fault: (program) => notStarted(`${program} is not a program: the image has it, but it cannot be executed`)
  },
  {
    pattern: /argument list too long/i,
    fault: () =>
      notStarted(
        "the command or the environment is too long for the kernel (one argument may have 128 KiB)",
        "put the command into a file, copy that into the image, and run it there"
      )
  }
]

/** What the runtime says of the working directory and of mounts that the image does not allow. */
const IMAGE_FAULTS = /\bchdir\b|not a directory|ordinary directory|inside \/proc/i

/** What to do about a program that the image lacks. */
export const shellHint = (program: string): string | undefined =>
  /\/(env|sh|bash|dash|ash|zsh)$|^(sh|bash)$/.test(program)
    ? "choose a shell that the image has, e.g. (shell /bin/sh -c)"
    : undefined

/** Why a runtime did not start the container, from the messages that it left. */
export const startFailure = (
  runtime: string,
  messages: ReadonlyArray<string>,
  argv: ReadonlyArray<string>
): Outcome | SandboxError => {
  const text = messages.join("; ")
  const [program = ""] = argv
  const fault = COMMAND_FAULTS.find(({ pattern }) => pattern.test(text))
  if (fault !== undefined) return fault.fault(program)
  const reason = lastCause(messages)
  if (IMAGE_FAULTS.test(text)) return notStarted(reason)
  return sandboxError(`${runtime} could not start the container: ${reason}`)
}

/** The last message without what runc puts in front of every one. */
const lastCause = (messages: ReadonlyArray<string>): string =>
  (messages.at(-1) ?? "it says nothing about why").replace(
    /^(runc (run|create) failed: )?(unable to start container process: )?(error during container init: )?/,
    ""
  )

/**
 * What the runtime writes to the step's own output when the container was ready
 * but the kernel refused the program, which is found out too late for its log.
 */
const EXEC_FAILED =
  /^(?:\{"msg":")?exec (?:container process )?(?:\(missing dynamic library\?\) )?[`']?(\S+?)[`']?: ([A-Za-z ]+)(?:",.*\})?\n?$/

/** That the program could not be executed, if that is all that a step has to say. */
export const execFailure = (output: string): Outcome | undefined => {
  const [, program, error = ""] = EXEC_FAILED.exec(output) ?? []
  if (program === undefined) return undefined
  if (/format error/i.test(error)) {
    return notStarted(`${program} is no program for this machine (${error})`, "is the image for another architecture?")
  }
  if (/no such file/i.test(error)) {
    return notStarted(`${program} needs an interpreter or a loader that the image does not have (${error})`)
  }
  return COMMAND_FAULTS.find(({ pattern }) => pattern.test(error))?.fault(program) ?? notStarted(`${program}: ${error}`)
}
