/** Where the command line writes to. */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"

/** Nobody reads any more: the other end of the pipe is closed. */
export class PipeClosed extends Data.TaggedError("PipeClosed") {}

/** A build or an export was given up, because nobody reads what it writes any more. */
export class CutShort extends Data.TaggedError("CutShort") {}

/** An output refused what was written to it, e.g. because the disk is full. */
export class OutputError extends Data.TaggedError("OutputError")<{
  /** What the user calls it: `standard output`, or a file's name. */
  readonly name: string
  /** The system's code for the reason, e.g. `ENOSPC`. */
  readonly code: string
}> {}

export interface Sink {
  /** Writes all of it, in the order of the calls, however slow the reader is. */
  readonly write: (chunk: string | Uint8Array) => Effect.Effect<void, PipeClosed | OutputError>
  readonly isTerminal: boolean
}

export interface OutputService {
  readonly stdout: Sink
  readonly stderr: Sink
}

export class Output extends Context.Tag("obuilder/cli/Output")<Output, OutputService>() {}
