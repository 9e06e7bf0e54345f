/** What goes wrong inside this folder, before it is known which reference it is about. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** A base that cannot be read or unpacked, and what to do about it. */
export class ImageProblem extends Data.TaggedError("ImageProblem")<{
  readonly message: string
  readonly hint: Option.Option<string>
  readonly cause: unknown
}> {}

/** Makes an {@link ImageProblem}, to be thrown inside {@link attempt} or failed with. */
export const problem = (message: string, hint?: string, cause?: unknown): ImageProblem =>
  new ImageProblem({ message, hint: Option.fromNullable(hint), cause })

/**
 * Runs a loop over files or bytes. What it throws becomes a typed failure if it
 * is an {@link ImageProblem} or comes from the system; anything else is a bug
 * and dies. `what` begins the message: "cannot read …".
 *
 * Interruption aborts the signal and waits until the loop has ended, so that it
 * does nothing more when the effect is over.
 */
export const attempt = <A>(what: string, body: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, ImageProblem> =>
  Effect.async<A, unknown>((resume, signal) => {
    const running = body(signal).then(
      (value) => resume(Effect.succeed(value)),
      (cause: unknown) => resume(Effect.fail(cause))
    )
    return Effect.promise(() => running)
  }).pipe(Effect.catchAll((cause) => explain(what, cause)))

/** What was caught, as a failure if it can be one. */
export const explain = (what: string, cause: unknown): Effect.Effect<never, ImageProblem> =>
  cause instanceof ImageProblem
    ? Effect.fail(cause)
    : isSystemError(cause)
      ? Effect.fail(problem(`${what}: ${cause.message}`, hints[cause.code], cause))
      : Effect.die(cause)

/** An error of a system call or of zlib, as Node shapes them. */
export const isSystemError = (cause: unknown): cause is Error & { readonly code: string } =>
  cause instanceof Error &&
  "code" in cause &&
  typeof cause.code === "string" &&
  /^[EZ]/.test(cause.code) &&
  !cause.code.startsWith("ERR_")

const hints: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full: free some space",
  EDQUOT: "the disk quota is used up: free some space",
  EROFS: "the file system is read-only",
  EPERM: "unpacking a base with its owners and devices needs root",
  EACCES: "give the user that builds access to it, or build as root",
  ENOTSUP: "the file system of the store does not have extended attributes of this kind",
  EOPNOTSUPP: "the file system of the store does not have extended attributes of this kind",
  Z_DATA_ERROR: "the file is damaged: make or copy it again",
  Z_BUF_ERROR: "the file is cut off: make or copy it again"
}
