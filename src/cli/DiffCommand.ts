/** `obuilder diff`: what is other from one result, or one plan, to another. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { StepId } from "../domain/Digest.ts"
import { copyKey } from "../domain/Inputs.ts"
import type { Change } from "../plan/Change.ts"
import { lines, oneLine } from "../plan/ChangeText.ts"
import type { Settings, Step } from "../plan/Plan.ts"
import * as PlanDiff from "../plan/PlanDiff.ts"
import * as PlanReader from "../plan/PlanReader.ts"
import { withoutSecrets } from "../plan/SecretNames.ts"
import * as Notes from "../interpreters/Notes.ts"
import { Store, type StoreError, type StoreService } from "../interpreters/Store.ts"
import * as TreeDiff from "../interpreters/TreeDiff.ts"
import * as TreeDiffText from "../interpreters/TreeDiffText.ts"
import type { Backends, Chosen } from "./Backend.ts"
import { Different } from "./Different.ts"
import type { CliError } from "./ErrorText.ts"
import { isId, planner } from "./ExplainCommand.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import { Host } from "./Host.ts"
import { json } from "./Listing.ts"
import { Output } from "./Output.ts"
import { withKnownStore } from "./Services.ts"
import { chosenStore } from "./StoreFlag.ts"
import { usageError } from "./UsageError.ts"

type DiffFlags = Given<typeof flags.diff> & { readonly before: string; readonly after: string }

/** So many files, and lines of a command, are shown of each step. */
const SHOWN = 20

export const diff = (given: DiffFlags): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    const { after, before } = given
    const ids = [before, after].filter(isId).length
    const { report, text } = yield* ids === 2 ? results(given) : plans(given, ids)
    const { stdout } = yield* Output
    yield* stdout.write(Option.contains(given.format, "json" as const) ? json(report) : text)
    if (text !== "") return yield* new Different()
  })

interface Found {
  /** For JSON. */
  readonly report: unknown
  /** Empty where nothing is other. */
  readonly text: string
}

const results = (given: DiffFlags): Effect.Effect<Found, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    const { after, before, files, settings } = yield* withKnownStore(yield* chosenStore(given.store))(
      Effect.gen(function* () {
        const store = yield* Store
        const before = (yield* store.find(given.before)).id
        const after = (yield* store.find(given.after)).id
        const files = yield* TreeDiff.compare(store, before, after, { times: given.times })
        return { before, after, files, settings: yield* settingsChanges(store, before, after) }
      })
    )
    return {
      report: { before, after, files, settings: settings.map(withoutSecrets) },
      text: TreeDiffText.render(files) + settingsText(settings)
    }
  })

/** How both are to be run, where that is known of both. */
const settingsChanges = (
  store: StoreService,
  before: StepId,
  after: StepId
): Effect.Effect<ReadonlyArray<Change>, StoreError> =>
  Effect.gen(function* () {
    const [was, is] = [yield* knownSettings(store, before), yield* knownSettings(store, after)]
    return Option.isSome(was) && Option.isSome(is) ? PlanDiff.settingsChanges(was.value, is.value) : []
  })

/** None also where the note is damaged. */
const knownSettings = (store: StoreService, id: StepId): Effect.Effect<Option.Option<Settings>, StoreError> =>
  Effect.map(
    Notes.read(store, id, "settings"),
    Option.filterMap(({ settings }) => (PlanReader.isSettings(settings) ? Option.some(settings) : Option.none()))
  )

const settingsText = (changes: ReadonlyArray<Change>): string =>
  changes
    .flatMap((change) => lines(change, SHOWN))
    .map((line) => `settings ${line}\n`)
    .join("")

const plans = (given: DiffFlags, ids: number): Effect.Effect<Found, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    if (ids > 0) {
      const id = isId(given.before) ? given.before : given.after
      return yield* usageError(
        `${id} is a result, and what it is to be compared with is none`,
        "Compare a spec with a result by obuilder explain --against=ID; write ./ before a file's name that looks like an id."
      )
    }
    if (given.times) return yield* usageError("--times is for results only")
    const chosen = { ...(yield* chosenStore(given.store)), options: { rsyncMode: Option.none() } }
    const stages = PlanDiff.compare(
      yield* knownPlan(given, chosen, given.before),
      yield* knownPlan(given, chosen, given.after)
    )
    return { report: { stages: stages.map(data) }, text: PlanDiff.render(stages, SHOWN) }
  })

const data = (stage: PlanDiff.StageDiff) => ({
  ...stage,
  settings: stage.settings.map(withoutSecrets),
  steps: stage.steps.map(({ after, before, changes }) => ({
    before: before === null ? null : { id: before.id, heading: before.heading },
    after: after === null ? null : { id: after.id, heading: after.heading },
    reason: oneLine(changes),
    changes: changes.map(withoutSecrets)
  }))
})

/** Of a file that holds a plan in JSON, or a spec. */
const knownPlan = (
  given: DiffFlags,
  chosen: Chosen,
  name: string
): Effect.Effect<PlanDiff.KnownPlan, CliError, Host | Output> =>
  Effect.gen(function* () {
    const host = yield* Host
    const text = new TextDecoder().decode(yield* host.read(name, { what: "the spec or plan", stdin: false }))
    if (!/^\s*\{/.test(text)) {
      const { inputs, plan } = yield* planner(
        given,
        chosen,
        Option.getOrElse(given.dir, () => ".")
      )(name)
      return {
        plan,
        files: (step: Step) => (step.kind === "copy" ? inputs.copies.get(copyKey(step)) : undefined)
      }
    }
    const plan = PlanReader.read(text)
    if (Either.isLeft(plan)) {
      return yield* usageError(
        `${JSON.stringify(name)} is no plan: ${plan.left}`,
        "Write one with obuilder build --dry-run --format=json."
      )
    }
    return { plan: plan.right, files: () => undefined }
  })
