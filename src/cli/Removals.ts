/** What commands that make room say while they do, and at the end. */
import * as Effect from "effect/Effect"
import type { Removed, Summary, Telling } from "../interpreters/LifeCycle.ts"
import { oneLine, shortId } from "../plan/PlanText.ts"
import { isQuiet } from "./Logging.ts"
import { Output, type OutputError, type PipeClosed } from "./Output.ts"
import * as Units from "./Units.ts"

type Verbosity = Parameters<typeof isQuiet>[0]

/** Milliseconds between two words of how far it is. */
const PAUSE = 100

/** Something long, told on a terminal in one line that is written again and again, and elsewhere not at all. */
export const progress = (what: string): Effect.Effect<Telling["measured"], never, Output> =>
  Effect.map(Output, ({ stderr }) => {
    let last = 0
    return (done, of) =>
      Effect.suspend(() => {
        const isOver = done >= of
        if (!stderr.isTerminal || (!isOver && Date.now() - last < PAUSE)) return Effect.void
        last = Date.now()
        const line = isOver ? "\r\u001B[K" : `\r${what} ${done} of ${of}\u001B[K`
        return Effect.ignore(stderr.write(line))
      })
  })

/** Runs `remove`, and prints a line for each result that goes; with `-q` its id alone. */
export const telling = <A, E, R>(
  given: Verbosity & { readonly dryRun?: boolean },
  remove: (telling: Telling) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | PipeClosed | OutputError, R | Output> =>
  Effect.gen(function* () {
    const { stdout } = yield* Output
    const measured = yield* progress("measured")
    const quiet = isQuiet(given)
    const verb = given.dryRun === true ? "would delete" : "deleted"
    const line = ({ bytes, result }: Removed): string =>
      quiet
        ? `${result.id}\n`
        : `${verb} ${shortId(result.id)}  ${Units.bytes(bytes).padStart(9)}  ${oneLine(result.heading)}\n`
    // What is being removed is removed, whether somebody still reads of it or not.
    const removed = (one: Removed) => Effect.ignore(stdout.write(line(one)))
    return yield* remove({ measured, removed })
  })

/** The last line. */
export const summary = (
  given: Verbosity & { readonly dryRun?: boolean },
  { bytes, inUse, layers, results }: Summary,
  more: ReadonlyArray<string> = []
): Effect.Effect<void, PipeClosed | OutputError, Output> =>
  Effect.gen(function* () {
    const { stderr, stdout } = yield* Output
    const images = layers === 0 ? [] : [Units.counted(layers, "image layer")]
    const what = listing([Units.counted(results, "result"), ...more, ...images])
    const done = given.dryRun === true ? "would be deleted" : "deleted"
    if (!isQuiet(given)) yield* stdout.write(`${what} ${done}, ${Units.bytes(bytes)} freed\n`)
    if (inUse > 0) {
      const stay =
        inUse === 1 ? "is in use, or built on by what is, and stays" : "are in use, or built on by what is, and stay"
      yield* stderr.write(`obuilder: ${Units.counted(inUse, "result")} ${stay}\n`)
    }
  })

/** `a`, `a and b`, `a, b and c`. */
const listing = (words: ReadonlyArray<string>): string =>
  [words.slice(0, -1).join(", "), ...words.slice(-1)].filter((part) => part !== "").join(" and ")
