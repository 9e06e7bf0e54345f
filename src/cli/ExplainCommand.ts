/** `obuilder explain`: says why the steps of a spec would run. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Against from "../interpreters/Against.ts"
import { BaseImages } from "../interpreters/BaseImages.ts"
import * as Explaining from "../interpreters/Explaining.ts"
import { HashMemo } from "../interpreters/host/HashMemo.ts"
import * as ExplainReport from "../plan/ExplainReport.ts"
import { oneLine } from "../plan/ChangeText.ts"
import { withoutSecrets } from "../plan/SecretNames.ts"
import type { Backends, Chosen } from "./Backend.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import { Host } from "./Host.ts"
import { hidesNotes, isQuiet } from "./Logging.ts"
import { json } from "./Listing.ts"
import { Output } from "./Output.ts"
import { type Prepared, prepare } from "./Preparation.ts"
import { withStore } from "./Services.ts"
import { chosenStore } from "./StoreFlag.ts"
import { showTransfer } from "./Transfers.ts"

type ExplainFlags = Given<typeof flags.explain> & { readonly directory: string }

/** So many files, and lines of a command, are shown of each step. */
const SHOWN = 20

export const explain = (given: ExplainFlags): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    const { stdout } = yield* Output
    const chosen = { ...(yield* chosenStore(given.store)), options: { rsyncMode: given.rsyncMode } }
    const plan = planner(given, chosen, given.directory)
    const prepared = yield* plan(given.file)
    const against = Option.getOrUndefined(given.against)
    const compared = against === undefined || isId(against) ? undefined : yield* plan(against)
    const stages = yield* withStore(chosen)(
      against === undefined
        ? Explaining.explain(prepared.plan, prepared.inputs)
        : compared === undefined
          ? Against.result(prepared.plan, prepared.inputs, against)
          : Against.other(prepared.plan, prepared.inputs, compared)
    )
    if (Option.contains(given.format, "json" as const)) return yield* stdout.write(json(data(stages)))
    yield* stdout.write(ExplainReport.render(stages, SHOWN))
  }).pipe(Effect.scoped)

/** Whether a word is to be taken for a result's id rather than for the name of a file. */
export const isId = (word: string): boolean => /^[0-9a-f]{4,64}$/i.test(word)

/** Plans as `build --dry-run` does. */
export const planner = (
  given: Pick<
    ExplainFlags,
    "bases" | "buildArg" | "color" | "platform" | "pull" | "quiet" | "target" | "verbosity" | "verbose"
  >,
  { backend, place }: Chosen,
  sourceDirectory: string
) => {
  return (file: string): Effect.Effect<Prepared, CliError, Host | Output> =>
    Effect.gen(function* () {
      const host = yield* Host
      const directory = host.absolute(sourceDirectory)
      const memo = new HashMemo(Option.getOrUndefined(backend.hashes(place, directory)))
      const images = backend.images(place, {
        sourceDirectory: directory,
        within: given.bases.length === 0 ? undefined : given.bases.map(host.absolute),
        memo,
        ...Option.match(given.platform, { onNone: () => ({}), onSome: (platform) => ({ platform }) }),
        registries: {
          pulls: given.pull,
          remembers: false,
          environment: host.environment,
          ...(isQuiet(given) ? {} : { progress: showTransfer("fetching", yield* Output) })
        }
      })
      const store = backend.placeIsPath ? place : undefined
      return yield* Effect.provideServiceEffect(
        prepare({ file, directory, memo, store, flags: given, quiet: hidesNotes(given) }),
        BaseImages,
        images
      )
    }).pipe(Effect.scoped)
}

/** For JSON: with each reason in words as well. */
const data = (stages: ReadonlyArray<ExplainReport.StageReport>): unknown => ({
  stages: stages.map((stage) => ({
    ...stage,
    steps: stage.steps.map(({ cached, changes, earlier, step }) => ({
      id: step?.id ?? null,
      kind: step?.kind ?? null,
      heading: step?.heading ?? null,
      cached,
      reason: oneLine(changes),
      earlier:
        earlier === null
          ? null
          : { ...earlier, made: earlier.made === null ? null : new Date(earlier.made).toISOString() },
      changes: changes.map(withoutSecrets)
    }))
  }))
})
