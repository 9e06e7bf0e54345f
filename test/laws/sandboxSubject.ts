/** What the laws of `Sandbox` are judged on, and how they speak to it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Rootfs } from "../../src/interpreters/Rootfs.ts"
import {
  type Command,
  CommandFailed,
  type Outcome,
  Sandbox,
  type SandboxError,
  type SandboxService
} from "../../src/interpreters/Sandbox.ts"
import type { Entries, Files } from "./files.ts"

/** The few commands that the laws need, in the words of the sandbox's shell; they are joined with `; `. */
export interface Language {
  /** Makes a file of this text and a line end. */
  readonly write: (path: string, text: string) => string
  /** Writes a file to the output. */
  readonly cat: (path: string) => string
  /** Writes the text and a line end. */
  readonly echo: (text: string) => string
  readonly env: (name: string) => string
  /** Writes the working directory; `UID GID`; the host name: each with a line end. */
  readonly pwd: string
  readonly id: string
  readonly hostname: string
  readonly fail: (status: number) => string
  /** Ends as a command does that this signal ends. */
  readonly kill: (signal: string) => string
  /** Writes `up` and a line end, and then runs until it is killed. `mark` tells its processes from others. */
  readonly hang: (mark: string) => string
}

export interface SandboxSubject {
  readonly layer: Layer.Layer<Sandbox, SandboxError>
  readonly language: Language
  /** The only user that commands can be run as besides root, where not everyone can. */
  readonly user?: { readonly uid: number; readonly gid: number; readonly name: string }
  /** The host name that commands have, where it is not the one that they are given. */
  readonly hostname?: string
  readonly files: Files
  /** A writable image with what the commands need and these entries. */
  readonly image: (entries: Entries) => Effect.Effect<Rootfs, never, Scope.Scope>
  /** A writable copy of a cache. */
  readonly cache: (entries: Entries) => Effect.Effect<Rootfs, never, Scope.Scope>
  /** All paths in it. */
  readonly paths: (rootfs: Rootfs) => Effect.Effect<ReadonlyArray<string>>
  /** How many processes with this mark are alive. */
  readonly alive: (mark: string) => Effect.Effect<number>
}

export type MakeSandboxSubject = Effect.Effect<SandboxSubject, never, Scope.Scope>

export const command = (script: string, options: Partial<Command> = {}): Command => ({
  argv: ["/bin/sh", "-c", script],
  cwd: "/",
  environment: [{ name: "PATH", value: "/bin" }],
  user: { _tag: "Unix", uid: 0, gid: 0 },
  hostname: "builder",
  network: "none",
  caches: [],
  secrets: [],
  ...options
})

export const build = (subject: SandboxSubject): Effect.Effect<SandboxService, SandboxError, Scope.Scope> =>
  Effect.map(Layer.build(Layer.fresh(subject.layer)), Context.get(Sandbox))

/** How a command ended, and what it wrote. */
export interface Ran {
  readonly outcome: Outcome | "succeeded"
  readonly output: string
}

/** Runs a command to its end, collecting what it writes. */
export const collect = (
  sandbox: SandboxService,
  rootfs: Rootfs,
  script: string,
  options: Partial<Command> = {}
): Effect.Effect<Ran, SandboxError> =>
  Effect.gen(function* () {
    const written: Array<Uint8Array> = []
    const ended = yield* Effect.either(
      sandbox.run(command(script, options), rootfs, (chunk) => Effect.sync(() => void written.push(chunk)))
    )
    const output = Buffer.concat(written).toString("utf8")
    if (Either.isRight(ended)) return { outcome: "succeeded", output }
    if (!(ended.left instanceof CommandFailed)) return yield* ended.left
    return { outcome: ended.left.outcome, output }
  })
