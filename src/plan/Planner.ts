/**
 * Spec and inputs in, plan out: the pure core. Total: whatever the spec, the
 * answer is a plan or a `PlanError`.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { StepId } from "../domain/Digest.ts"
import { copyKey, type Inputs, type Variable } from "../domain/Inputs.ts"
import * as Manifest from "../domain/Manifest.ts"
import { ordered } from "../domain/Preserve.ts"
import type { Cache, Copy, Op, Run, Secret, Spec, User } from "../domain/Spec.ts"
import { buildHeading, fromHeading, heading } from "../domain/SpecText.ts"
import * as Conventions from "./Conventions.ts"
import type { BaseStep, CopySource, CopyStep, Plan, PlannedMount, RunStep, Settings, Stage, Step } from "./Plan.ts"
import { PlanError } from "./PlanError.ts"
import { identify, unidentified } from "./StepKey.ts"

/** Linux's largest user or group id; the one above it means "no change" to `chown`. */
const MAX_ID = 0xffff_fffe

/** Deeper nesting than anybody writes, shallower than the stack. */
const MAX_NESTING = 500

/** What Linux takes no path beyond, in UTF-16 code units here; a spec of many relative ones would add up to more than fits into memory. */
const MAX_DIRECTORY = 4095

/** Of all mounts: how long the directories that they are seen from may be together. Far more than anybody writes. */
const MAX_MOUNTED = 10_000_000

/** How large the steps of a plan may be together, in UTF-16 code units: each has all that is set for it. */
const MAX_SIZE = 200_000_000

/** What a text among many takes besides its characters. */
const EACH = 8

/** What the operations so far have set, for those that follow. */
interface Context {
  /** Of the base's system. */
  readonly conventions: Conventions.Conventions
  /** As the spec's operations add up, for the headings. */
  readonly workdir: string
  /** The same, clean. */
  readonly directory: string
  readonly user: User
  readonly shell: ReadonlyArray<string>
  readonly environment: Environment | undefined
  /** Whether the spec names a user, and a working directory. */
  readonly names: { readonly user: boolean; readonly workdir: boolean }
}

/** The last variable that was set, and those before it: setting one takes the same time however many there are. */
interface Environment {
  readonly last: Variable
  readonly before: Environment | undefined
  /** Of all of them, in UTF-16 code units. */
  readonly size: number
}

const initial = (conventions: Conventions.Conventions): Context => ({
  conventions,
  workdir: conventions.directory,
  directory: conventions.clean(conventions.directory),
  user: conventions.user,
  shell: conventions.shell,
  environment: undefined,
  names: { user: false, workdir: false }
})

/** The nested builds that a spec may copy from: its own so far, and those of the spec around it. */
interface Scope {
  readonly own: Map<string, Stage>
  readonly outer: Scope | undefined
}

const lookUp = (scope: Scope | undefined, name: string): Stage | undefined =>
  scope === undefined ? undefined : (scope.own.get(name) ?? lookUp(scope.outer, name))

type Planned<A> = Either.Either<A, PlanError>

/** Plans a spec. */
export const plan = (spec: Spec, inputs: Inputs): Planned<Plan> =>
  Either.map(planStage(spec, begin(inputs, true), place), (done) => ({
    version: 1,
    stages: done.state.stages,
    steps: done.state.steps,
    result: done.stage.result
  }))

/**
 * Why `plan` refuses a spec, if it does not for the plan's size. Makes no steps: each one's id is made of all that is set for it, which takes
 * quadratic time where much is set for many.
 */
export const refusal = (spec: Spec, inputs: Inputs): PlanError | undefined =>
  Either.getOrUndefined(Either.flip(planStage(spec, begin(inputs, false), place)))

/** What has been planned so far. It grows, and is local to one call of `plan`. */
interface State {
  readonly inputs: Inputs
  /** Whether steps and stages are made, or only looked at for what is wrong. */
  readonly makes: boolean
  readonly identify: typeof identify
  /** What is left of {@link MAX_SIZE}. */
  readonly room: { left: number }
  /** Those taken, and how often each was wanted. */
  readonly labels: Map<string, number>
  readonly stages: Array<Stage>
  readonly steps: Array<Step>
  /** How long the directories that mounts are seen from have been together. */
  mounted: number
}

const begin = (inputs: Inputs, makes: boolean): State => ({
  inputs,
  makes,
  identify: makes ? identify : unidentified,
  room: { left: MAX_SIZE },
  labels: new Map(),
  stages: [],
  steps: [],
  mounted: 0
})

/** Where a spec stands in the one around it. */
interface Place {
  readonly label: string
  readonly name: string | null
  readonly scope: Scope | undefined
  readonly depth: number
  /** Headings to show before the stage's own. */
  readonly preamble: ReadonlyArray<string>
}

const place: Place = { label: "", name: null, scope: undefined, depth: 0, preamble: [] }

const planStage = (spec: Spec, state: State, at: Place): Planned<{ readonly stage: Stage; readonly state: State }> => {
  if (at.depth > MAX_NESTING) {
    return fail(spec, `builds are nested more than ${MAX_NESTING} deep`)
  }
  const scope: Scope = { own: new Map(), outer: at.scope }
  let preamble = at.preamble
  for (const nested of spec.builds) {
    const done = planStage(nested.spec, state, {
      label: state.makes ? freshLabel(state.labels, at.label === "" ? nested.name : `${at.label}/${nested.name}`) : "",
      name: nested.name,
      scope,
      depth: at.depth + 1,
      preamble: [...preamble, buildHeading(nested.name)]
    })
    if (Either.isLeft(done)) return Either.left(done.left)
    // The headings of the builds around are shown before the first of those inside.
    preamble = []
    scope.own.set(nested.name, done.right.stage)
  }
  const base = planBase(spec, state, at.label, preamble)
  if (Either.isLeft(base)) return Either.left(base.left)
  state.steps.push(base.right)

  let context = initial(Conventions.of(base.right.platform))
  let parent: StepId = base.right.id
  let headings: Array<string> = []
  for (const op of spec.ops) {
    state.room.left -= state.makes ? sizeFor(op, context, at.label) : 0
    if (state.room.left < 0) {
      return fail(op, `the steps up to this one have more than ${MAX_SIZE / 1_000_000} million characters set for them`)
    }
    const title = state.makes ? heading(context.workdir, op) : ""
    if (op._tag === "Run" || op._tag === "Copy") {
      const shared = { stage: at.label, preamble: headings, heading: title, parent }
      const step: Planned<Step> =
        op._tag === "Run" ? planRun(op, context, shared, state) : planCopy(op, context, shared, scope, state)
      if (Either.isLeft(step)) return Either.left(step.left)
      if (state.makes) state.steps.push(step.right)
      parent = step.right.id
      headings = []
    } else {
      const next = apply(op, context)
      if (Either.isLeft(next)) return Either.left(next.left)
      context = state.makes ? next.right : { ...next.right, environment: undefined, shell: [] }
      if (state.makes) headings.push(title)
    }
  }
  const stage: Stage = {
    label: at.label,
    name: at.name,
    result: parent,
    trailing: headings,
    settings: settingsOf(context)
  }
  state.stages.push(stage)
  return Either.right({ stage, state })
}

/** What a plan repeats for an operation. */
const sizeFor = (op: Op, { environment, shell, user, workdir }: Context, label: string): number => {
  if (op._tag !== "Run" && op._tag !== "Copy") return workdir.length
  const common = workdir.length + label.length + (user._tag === "Named" ? user.name.length : 0)
  if (op._tag === "Copy") return common
  return shell.reduce((size, word) => size + word.length + EACH, common + (environment?.size ?? 0))
}

const settingsOf = ({ directory, environment, names, user }: Context): Settings => ({
  environment: sorted(environment),
  user: names.user ? user : null,
  workdir: names.workdir ? directory : null
})

/** Two nested builds of one name may follow each other; the second hides the first. */
const freshLabel = (labels: Map<string, number>, wanted: string): string => {
  let label = wanted
  let count = labels.get(wanted) ?? 1
  while (label === "" || labels.has(label)) label = `${wanted}#${++count}`
  labels.set(wanted, count)
  labels.set(label, labels.get(label) ?? 1)
  return label
}

const planBase = (
  spec: Spec,
  { identify, inputs }: State,
  stage: string,
  preamble: ReadonlyArray<string>
): Planned<BaseStep> => {
  const base = inputs.bases.get(spec.from)
  if (base === undefined) return fail(spec, `nothing is known about the base "${spec.from}"`)
  return Either.right(
    identify<BaseStep>({
      kind: "base",
      stage,
      preamble,
      heading: fromHeading(spec.from),
      parent: null,
      reference: spec.from,
      format: base.format,
      digest: base.digest,
      platform: base.platform,
      environment: base.environment
    })
  )
}

type Shared = Pick<RunStep, "stage" | "preamble" | "heading" | "parent">

const planRun = (op: Run, context: Context, shared: Shared, state: State): Planned<RunStep> => {
  const network = networkOf(op)
  if (Either.isLeft(network)) return Either.left(network.left)
  const bad = [op.shell, ...op.cache.flatMap(mountTexts), ...op.secrets.flatMap(mountTexts)].some(hasNul)
  if (bad) return fail(op, "a command, a name or a path cannot hold a NUL character")
  const { clean, fault, isRoot, join, key } = context.conventions
  state.mounted += (op.cache.length + op.secrets.length) * context.directory.length
  if (state.mounted > MAX_MOUNTED) return fail(op, "there are too many mounts in so long a working directory")
  const wrong = [...op.cache, ...op.secrets].map(({ target }) => fault(target)).find((one) => one !== undefined)
  if (wrong !== undefined) return fail(op, wrong)
  const mounts = (items: ReadonlyArray<Cache | Secret>): ReadonlyArray<PlannedMount> =>
    items.map((item) => ({ id: item.id, target: clean(join(context.directory, item.target)) }))
  const caches = mounts(op.cache)
  const secrets = mounts(op.secrets)
  const targets = [...caches, ...secrets].map((mount) => mount.target)
  if (targets.some(isRoot)) return fail(op, "nothing can be mounted on the root directory")
  if (targets.some((target) => target.length > MAX_DIRECTORY)) {
    return fail(op, `a mount's target has a path of more than ${MAX_DIRECTORY} characters`)
  }
  const keys = new Set<string>()
  const twice = targets.find((target) => keys.size === keys.add(key(target)).size)
  if (twice !== undefined) return fail(op, `two mounts have the same target "${twice}"`)
  const step = state.identify<RunStep>({
    ...shared,
    kind: "run",
    argv: [...context.shell, op.shell],
    cwd: context.directory,
    user: context.user,
    environment: sorted(context.environment),
    network: network.right,
    caches,
    secrets
  })
  return Either.right(step)
}

const mountTexts = (mount: Cache | Secret): ReadonlyArray<string> => [mount.id, mount.target]

const networkOf = (op: Run): Planned<"none" | "host"> => {
  const [first, ...others] = op.network
  if (first === undefined) return Either.right("none")
  if (first === "host" && others.length === 0) return Either.right("host")
  return fail(
    op,
    `the network "${op.network.join(" ")}" is not known`,
    "write (network host), or leave the field out for an isolated network"
  )
}

const planCopy = (
  op: Copy,
  context: Context,
  shared: Shared,
  scope: Scope,
  { identify, inputs }: State
): Planned<CopyStep> => {
  const { clean, fault, isInto, join } = context.conventions
  if (op.src.some(hasNul)) return fail(op, "a path cannot hold a NUL character")
  const wrong = fault(op.dst)
  if (wrong !== undefined) return fail(op, wrong)
  const dst = join(context.directory, op.dst)
  const form = isInto(dst) ? "Into" : "As"
  if (op.src.length === 0) {
    return fail(op, "there is nothing to copy: src is empty", "write the paths to copy, e.g. (src .)")
  }
  if (op.src.length > 1 && form === "As") {
    return fail(op, "when several items are copied, dst must be a directory and end with /", `write (dst "${op.dst}/")`)
  }
  if (op.from._tag === "Context" && op.preserve?.includes("owners") === true) {
    return fail(op, "the owners of files in the source directory mean nothing in an image", "write (preserve modes)")
  }
  const preserve = ordered(op.preserve)
  const source = sourceOf(op, form, scope, inputs)
  if (Either.isLeft(source)) return Either.left(source.left)
  const step = identify<CopyStep>({
    ...shared,
    kind: "copy",
    source: source.right,
    src: op.src,
    exclude: op.exclude,
    ...(op.contents === true ? { contents: true } : {}),
    ...(preserve === undefined ? {} : { preserve }),
    destination: { form, path: clean(dst) },
    user: context.user
  })
  return Either.right(step)
}

const sourceOf = (op: Copy, form: Manifest.DestinationForm, scope: Scope, inputs: Inputs): Planned<CopySource> => {
  if (op.from._tag === "Build") {
    const stage = lookUp(scope, op.from.name)
    if (stage === undefined) return fail(op, `there is no nested build "${op.from.name}" in scope here`)
    return Either.right({ from: "build", build: stage.label, step: stage.result })
  }
  const items = inputs.copies.get(copyKey(op))
  if (items === undefined) return fail(op, "nothing is known about the files to copy")
  return Either.right({
    from: "context",
    digest: Manifest.digest(Manifest.copied(op, items, form), form)
  })
}

const apply = (op: Exclude<Op, Run | Copy>, context: Context): Planned<Context> => {
  switch (op._tag) {
    case "Comment":
      return Either.right(context)
    case "Workdir": {
      const { clean, fault, join } = context.conventions
      const wrong = fault(op.path)
      if (wrong !== undefined) return fail(op, wrong)
      const workdir = join(context.workdir, op.path)
      if (workdir.length > MAX_DIRECTORY) {
        return fail(op, `this working directory has a path of more than ${MAX_DIRECTORY} characters`)
      }
      return Either.right({
        ...context,
        workdir,
        directory: clean(workdir),
        names: { ...context.names, workdir: true }
      })
    }
    case "Shell":
      if (op.args.some(hasNul)) return fail(op, "an argument cannot hold a NUL character")
      return Either.right({ ...context, shell: op.args })
    case "User":
      if (op.user._tag === "Unix" && !context.conventions.hasIds) {
        return fail(op, "users of Windows have names, not numbers", "write (user (name ContainerUser))")
      }
      if (op.user._tag === "Unix" && ![op.user.uid, op.user.gid].every(isId)) {
        return fail(op, `user and group ids are whole numbers from 0 to ${MAX_ID}`)
      }
      if (op.user._tag === "Named" && (op.user.name === "" || hasNul(op.user.name))) {
        return fail(op, "a user's name cannot be empty or hold a NUL character")
      }
      return Either.right({ ...context, user: op.user, names: { ...context.names, user: true } })
    case "Env":
      if (op.name === "" || op.name.includes("=") || hasNul(op.name) || hasNul(op.value)) {
        return fail(op, `"${op.name}" cannot be an environment variable: its name must not be empty or hold "="`)
      }
      return Either.right({
        ...context,
        environment: {
          last: { name: op.name, value: op.value },
          before: context.environment,
          size: (context.environment?.size ?? 0) + op.name.length + op.value.length + EACH
        }
      })
  }
}

const isId = (id: number): boolean => Number.isInteger(id) && id >= 0 && id <= MAX_ID

const hasNul = (text: string): boolean => text.includes("\0")

const sorted = (environment: Environment | undefined): ReadonlyArray<Variable> => {
  const variables = new Map<string, Variable>()
  for (let at = environment; at !== undefined; at = at.before) {
    // The last one of a name counts.
    if (!variables.has(at.last.name)) variables.set(at.last.name, at.last)
  }
  return [...variables.values()].sort(Manifest.byName)
}

const fail = (node: object, message: string, hint?: string): Either.Either<never, PlanError> =>
  Either.left(new PlanError({ node, message, hint: Option.fromNullable(hint) }))
