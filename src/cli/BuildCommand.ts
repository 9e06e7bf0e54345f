/** `obuilder build`: plans a spec, and builds it or prints the plan. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { BaseImages } from "../interpreters/BaseImages.ts"
import type { StepId } from "../domain/Digest.ts"
import { familiarName } from "../domain/ImageReference.ts"
import * as CacheLookup from "../interpreters/CacheLookup.ts"
import type { BuildRequest } from "../interpreters/Build.ts"
import { type BuildResult, Engine, MissingSecret, StepFailed } from "../interpreters/Engine.ts"
import { HashMemo } from "../interpreters/host/HashMemo.ts"
import * as NamelessFile from "../interpreters/host/NamelessFile.ts"
import type { Plan } from "../plan/Plan.ts"
import * as PlanJson from "../plan/PlanJson.ts"
import * as PlanMermaid from "../plan/PlanMermaid.ts"
import type { Cached } from "../plan/PlanText.ts"
import * as PlanText from "../plan/PlanText.ts"
import { Store } from "../interpreters/Store.ts"
import type { Backends, Chosen } from "./Backend.ts"
import * as BuildView from "./BuildView.ts"
import * as Colors from "./Colors.ts"
import * as Delivery from "./Delivery.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { SecretArgument } from "./Decoders.ts"
import type { flags } from "./Flags.ts"
import { Host } from "./Host.ts"
import { firstGiven, imageName, imageOptions, registryName } from "./ImageFlags.ts"
import { showTransfer } from "./Transfers.ts"
import { hidesNotes, isQuiet } from "./Logging.ts"
import { CutShort, Output, type OutputError, type PipeClosed, type Sink } from "./Output.ts"
import { type Prepared, prepare } from "./Preparation.ts"
import { forBuilding, withStore } from "./Services.ts"
import { chosenStore } from "./StoreFlag.ts"
import * as Units from "./Units.ts"
import { type UsageError, usageError } from "./UsageError.ts"

type BuildFlags = Given<typeof flags.build> & { readonly directory: string }

export const build = (given: BuildFlags): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    const host = yield* Host
    if (!given.dryRun && Option.isSome(given.format)) {
      return yield* usageError("--format is for --dry-run only", "Add --dry-run to print the plan.")
    }
    const delivery = yield* deliveryOf(given)
    const chosen = { ...(yield* chosenStore(given.store)), options: { rsyncMode: given.rsyncMode, user: given } }
    const directory = host.absolute(given.directory)
    const hashes = () => Option.getOrUndefined(chosen.backend.hashes(chosen.place, directory))
    const file = hashes()
    const memo = new HashMemo(file)
    const within = given.bases.length === 0 ? undefined : given.bases.map(host.absolute)
    const images = {
      sourceDirectory: directory,
      within,
      memo,
      ...Option.match(given.platform, { onNone: () => ({}), onSome: (platform) => ({ platform }) }),
      registries: {
        pulls: given.pull,
        remembers: !given.dryRun,
        environment: host.environment,
        ...(isQuiet(given) ? {} : { progress: showTransfer("fetching", yield* Output) })
      }
    }
    const prepared = prepare({
      file: given.file,
      directory,
      memo,
      store: chosen.backend.placeIsPath ? chosen.place : undefined,
      flags: given,
      quiet: hidesNotes(given)
    })
    if (given.dryRun) {
      const { plan } = yield* Effect.provideServiceEffect(
        prepared,
        BaseImages,
        chosen.backend.images(chosen.place, images)
      )
      return yield* printPlan(given, plan, chosen)
    }
    const services = yield* forBuilding(chosen, { sandbox: given, images })
    if (chosen.isDefault && !isQuiet(given)) yield* Effect.provide(nameStore, services)
    yield* Effect.flatMap(prepared, (request) => execute(given, request)).pipe(
      Effect.flatMap((id) => (delivery === undefined ? Effect.void : deliver(given, id, delivery))),
      Effect.provide(services),
      // A store that was not there may have been made by this build.
      Effect.ensuring(Effect.sync(() => save(memo, file ?? hashes())))
    )
  }).pipe(Effect.scoped)

/** What nobody named is said: it is where a user finds what fills the disk. */
const nameStore = Effect.gen(function* () {
  const { stderr } = yield* Output
  const { name } = yield* Store
  yield* Effect.ignore(stderr.write(`obuilder: results are kept in ${name}\n`))
})

const printPlan = (
  given: BuildFlags,
  plan: Plan,
  chosen: Chosen
): Effect.Effect<void, PipeClosed | OutputError, Output> =>
  Effect.gen(function* () {
    const { stderr, stdout } = yield* Output
    const cached: Cached = yield* CacheLookup.lookUp(plan).pipe(
      withStore(chosen),
      Effect.catchAll((error) =>
        Effect.as(stderr.write(`obuilder: what is cached is not known: ${error.message}\n`), new Map())
      )
    )
    const { render } = { json: PlanJson, mermaid: PlanMermaid, text: PlanText }[
      Option.getOrElse(given.format, () => "text" as const)
    ]
    yield* stdout.write(render(plan, cached))
  })

const execute = (given: BuildFlags, prepared: Prepared): Effect.Effect<StepId, CliError, Host | Output | Engine> =>
  Effect.gen(function* () {
    const host = yield* Host
    const { stderr, stdout } = yield* Output
    const quiet = isQuiet(given)
    const sink = quiet ? stderr : stdout
    const secrets = yield* readSecrets(given.secrets)
    const jobs = Option.isSome(given.jobs) ? given.jobs.value : yield* host.processors
    const colors = Colors.enabled(given.color, sink, host)
    const { stages, steps } = prepared.plan
    yield* Effect.logInfo(
      `${Units.counted(steps.length, "step")} in ${Units.counted(stages.length, "stage")}, at most ${jobs} at a time`
    )
    const { id } = yield* runBuild(
      { ...prepared, secrets, jobs, freeSpace: Option.getOrUndefined(given.freeSpace) },
      { sink, colors }
    )
    yield* stdout.write(quiet ? `${id}\n` : `Got: "${id}"\n`)
    return id
  })

/** What is to become of the result, if anything. Known before anything is built. */
const deliveryOf = (given: BuildFlags): Effect.Effect<Delivery.Delivery | undefined, CliError, Host> =>
  Effect.gen(function* () {
    const { load, push, tag } = given
    if (!load && !push) {
      const said = firstGiven(given)
      if (Option.isNone(said)) return undefined
      const what = `${said.value} is for an image, and none is made`
      return yield* usageError(what, "Add --push or --load, or leave it out.")
    }
    if (Option.isNone(tag)) {
      return yield* usageError(`--${push ? "push" : "load"} needs a name for the image`, "Write --tag=NAME:TAG.")
    }
    if (given.provenance && !push) {
      return yield* usageError("Docker keeps no provenance", "Leave --provenance out, or add --push.")
    }
    const options = yield* imageOptions(given)
    const image = yield* (push ? registryName : imageName)(tag.value)
    if (load) yield* Delivery.canLoad
    return { image, options, attests: given.provenance, quiet: isQuiet(given) }
  })

const deliver = (
  given: BuildFlags,
  id: StepId,
  delivery: Delivery.Delivery
): Effect.Effect<void, CliError, Host | Output | Store | BaseImages> =>
  Effect.gen(function* () {
    const { environment } = yield* Host
    const { stdout } = yield* Output
    const services = {
      store: yield* Store,
      images: yield* BaseImages,
      directory: NamelessFile.directoryFor(environment)
    }
    if (given.push) {
      const pushed = yield* Delivery.push(services, id, delivery)
      yield* stdout.write(delivery.quiet ? `${pushed}\n` : `Pushed: ${pushed}\n`)
    }
    if (given.load) {
      yield* Delivery.load(services, id, delivery)
      if (!delivery.quiet) yield* stdout.write(`Loaded: ${familiarName(delivery.image)}\n`)
    }
  })

const runBuild = (
  request: Prepared & Pick<BuildRequest, "secrets" | "jobs" | "freeSpace">,
  show: { readonly sink: Sink; readonly colors: boolean }
): Effect.Effect<BuildResult, CliError, Engine> =>
  Effect.scoped(
    Effect.gen(function* () {
      const engine = yield* Engine
      const view = yield* BuildView.make({ plan: request.plan, ...show })
      return yield* engine.build({ ...request, onEvent: view.onEvent }).pipe(
        Effect.tapError((error) =>
          Effect.ignore(view.flush(error._tag === "StepFailed" ? Option.some(error.step.stage) : Option.none()))
        ),
        Effect.catchTags({
          StepFailed: (error) => new StepFailed({ ...error, at: request.placeOf(error.step) }),
          MissingSecret: (error) => new MissingSecret({ ...error, at: request.placeOf(error.step) })
        }),
        Effect.raceFirst(Effect.catchTag(view.failure, "PipeClosed", () => new CutShort())),
        endedFirst
      )
    })
  )

/**
 * A race that is interrupted does not wait for who runs in it: the store would be
 * closed, and its space removed, while steps still go on. In a fiber of its own it is waited for.
 */
const endedFirst = <A, E, R>(race: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.fork(restore(race)), (fiber) =>
      Effect.onInterrupt(restore(Fiber.join(fiber)), () => Fiber.interrupt(fiber))
    )
  )

const readSecrets = (
  given: ReadonlyArray<SecretArgument>
): Effect.Effect<ReadonlyMap<string, Uint8Array>, UsageError, Host> =>
  Effect.gen(function* () {
    const host = yield* Host
    const secrets = new Map<string, Uint8Array>()
    for (const { id, file } of given) {
      if (secrets.has(id)) return yield* usageError(`the secret ${JSON.stringify(id)} is given more than once`)
      const what = `the secret ${JSON.stringify(id)} from`
      secrets.set(id, yield* host.read(file, { what, stdin: false }))
    }
    return secrets
  })

/** What the memo knows only saves time: a store that cannot keep it, or is not there yet, goes without. */
const save = (memo: HashMemo, file: string | undefined): void => {
  if (file === undefined) return
  try {
    memo.save(file)
  } catch {
    return
  }
}
