/** What the command line needs of the machine it is typed on. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { OutputError, PipeClosed, Sink } from "./Output.ts"
import type { UsageError } from "./UsageError.ts"

export interface HostService {
  /** An environment variable; an empty one counts as none. */
  readonly variable: (name: string) => Option.Option<string>
  /** All of them, for what reads them itself. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** An absolute path for one that the user gave. */
  readonly absolute: (path: string) => string
  /** Whether there is a regular file, or a link to one. */
  readonly isFile: (path: string) => Effect.Effect<boolean>
  /** How many processors this process may use. At least 1. */
  readonly processors: Effect.Effect<number>
  /** The processor, as Node names it. */
  readonly architecture: string
  /** A file's content; `-` is standard input where `stdin` allows it. `what` is what the file is to the user. */
  readonly read: (
    path: string,
    options: { readonly what: string; readonly stdin: boolean }
  ) => Effect.Effect<Uint8Array, UsageError>
  /**
   * A file's content, and what puts another in its place: as long as the name
   * leads to that file, and nobody has written to it since. No file is made
   * where there is none. `what` is what the file is to the user.
   */
  readonly readToReplace: (path: string, what: string) => Effect.Effect<Replaceable, UsageError>
  /**
   * Writes a file through `fill`: it appears with all its content or not at
   * all. What is not a regular file (a device, a pipe) is written as it stands.
   */
  readonly write: <A, E, R>(
    path: string,
    fill: (sink: Sink) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | UsageError | OutputError | PipeClosed, R>
  /** A directory with one executable file, which goes with the scope. */
  readonly temporary: (name: string, content: Uint8Array) => Effect.Effect<string, OutputError, Scope.Scope>
}

export interface Replaceable {
  readonly bytes: Uint8Array
  readonly replace: (content: Uint8Array) => Effect.Effect<void, UsageError | OutputError>
}

export class Host extends Context.Tag("obuilder/cli/Host")<Host, HostService>() {}
