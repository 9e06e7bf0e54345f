/** Why a step is not what an earlier one was: which of its own inputs are other. Pure. */
import type { Digest } from "../domain/Digest.ts"
import type { Variable } from "../domain/Inputs.ts"
import { copied, type Manifest } from "../domain/Manifest.ts"
import type { User } from "../domain/Spec.ts"
import type { Change } from "./Change.ts"
import { compare } from "./FileChange.ts"
import type { BaseStep, CopyStep, PlannedMount, RunStep, Step } from "./Plan.ts"

/** A step with what it copies, as far as that is known. */
export interface Facts {
  readonly step: Step
  /** Of a copy. From a nested build it is known when that has run. */
  readonly content: Content | undefined
}

export interface Content {
  readonly digest: Digest
  readonly items: ReadonlyArray<Manifest> | undefined
}

/** A step of a plan, of which nothing has run; `named` is what its `src` names, if it is a copy from the source directory. */
export const planned = (step: Step, named?: ReadonlyArray<Manifest>): Facts => ({
  step,
  content:
    step.kind === "copy" && step.source.from === "context"
      ? { digest: step.source.digest, items: named && copied(step, named, step.destination.form) }
      : undefined
})

/** A step is compared with many others: its key is not made each time. */
const keys = new WeakMap<Facts, string>()

/** What is equal for two steps if and only if they differ in no input of their own. */
export const ownKey = (facts: Facts): string => {
  const known = keys.get(facts)
  if (known !== undefined) return known
  const made = makeKey(facts)
  keys.set(facts, made)
  return made
}

const makeKey = ({ content, step }: Facts): string => {
  switch (step.kind) {
    case "base":
      return JSON.stringify(["base", step.format, step.digest, step.platform])
    case "run": {
      const { argv, caches, cwd, environment, network, secrets, user } = step
      const variables = environment.map(({ name, value }) => [name, value])
      return JSON.stringify(["run", argv, cwd, userKey(user), variables, network, mounts(caches), mounts(secrets)])
    }
    case "copy": {
      const { destination, preserve, user } = step
      const { form, path } = destination
      return JSON.stringify(["copy", contentKey(step, content), form, path, userKey(user), preserve ?? []])
    }
  }
}

const userKey = (user: User): ReadonlyArray<string | number> =>
  user._tag === "Unix" ? [user.uid, user.gid] : [user.name]

const mounts = (all: ReadonlyArray<PlannedMount>): ReadonlyArray<ReadonlyArray<string>> =>
  all.map(({ id, target }) => [id, target])

const contentKey = ({ contents, exclude, source, src }: CopyStep, content: Content | undefined): unknown =>
  content?.digest ??
  (source.from === "context" ? source.digest : [source.build, source.step, src, exclude, contents === true])

/**
 * The inputs that are other, of two steps of one kind. Nothing where their own
 * keys are equal, and something where they are not.
 */
export const explain = (before: Facts, after: Facts): ReadonlyArray<Change> => {
  const [a, b] = [before.step, after.step]
  if (ownKey(before) === ownKey(after)) return []
  if (a.kind === "base" && b.kind === "base") return baseChanges(a, b)
  if (a.kind === "run" && b.kind === "run") return runChanges(a, b)
  if (a.kind === "copy" && b.kind === "copy") return copyChanges([a, before.content], [b, after.content])
  return [{ _tag: "New" }]
}

const baseChanges = (before: BaseStep, after: BaseStep): ReadonlyArray<Change> => {
  const [a, b] = [meaning(before), meaning(after)]
  const isOther = a.format !== b.format || a.digest !== b.digest
  return [
    ...(isOther ? [{ _tag: "Base", before: a, after: b } as const] : []),
    ...(before.platform === after.platform
      ? []
      : [{ _tag: "Platform", before: before.platform, after: after.platform } as const])
  ]
}

const meaning = ({ digest, format, reference }: BaseStep) => ({ reference, format, digest })

const runChanges = (before: RunStep, after: RunStep): ReadonlyArray<Change> => {
  const [command, wasCommand] = [after.argv.at(-1) ?? "", before.argv.at(-1) ?? ""]
  const [shell, wasShell] = [after.argv.slice(0, -1), before.argv.slice(0, -1)]
  const changes: Array<Change> = []
  if (command !== wasCommand) changes.push({ _tag: "Command", before: wasCommand, after: command })
  if (!isSame(wasShell, shell)) changes.push({ _tag: "Shell", before: wasShell, after: shell })
  if (before.cwd !== after.cwd) changes.push({ _tag: "Workdir", before: before.cwd, after: after.cwd })
  changes.push(...userChanges(before.user, after.user))
  changes.push(...variableChanges(before.environment, after.environment))
  if (before.network !== after.network) {
    changes.push({ _tag: "Network", before: before.network, after: after.network })
  }
  changes.push(...mountChanges("Cache", before.caches, after.caches))
  changes.push(...mountChanges("Secret", before.secrets, after.secrets))
  return changes
}

const isSame = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean =>
  a.length === b.length && a.every((one, index) => one === b[index])

const userChanges = (before: User, after: User): ReadonlyArray<Change> =>
  JSON.stringify(userKey(before)) === JSON.stringify(userKey(after)) ? [] : [{ _tag: "User", before, after }]

const variableChanges = (before: ReadonlyArray<Variable>, after: ReadonlyArray<Variable>): ReadonlyArray<Change> => {
  const [was, is] = [valuesOf(before), valuesOf(after)]
  return [...new Set([...was.keys(), ...is.keys()])].sort().flatMap((name): ReadonlyArray<Change> => {
    const [then, now] = [was.get(name) ?? null, is.get(name) ?? null]
    return then === now ? [] : [{ _tag: "Variable", name, before: then, after: now }]
  })
}

const valuesOf = (all: ReadonlyArray<Variable>): ReadonlyMap<string, string> =>
  new Map(all.map(({ name, value }) => [name, value]))

/** One id may be mounted in several places. Those that are where they were cancel each other out. */
const mountChanges = (
  _tag: "Cache" | "Secret",
  before: ReadonlyArray<PlannedMount>,
  after: ReadonlyArray<PlannedMount>
): ReadonlyArray<Change> => {
  const keyOf = ({ id, target }: PlannedMount): string => JSON.stringify([id, target])
  const [was, is] = [new Set(before.map(keyOf)), new Set(after.map(keyOf))]
  const gone = new Map<string, Array<string>>()
  for (const mount of before) {
    if (is.has(keyOf(mount))) continue
    const targets = gone.get(mount.id)
    if (targets === undefined) gone.set(mount.id, [mount.target])
    else targets.push(mount.target)
  }
  const changes: Array<Change> = after
    .filter((mount) => !was.has(keyOf(mount)))
    .map(({ id, target }) => ({ _tag, id, before: gone.get(id)?.shift() ?? null, after: target }))
  for (const [id, targets] of gone) {
    for (const target of targets) changes.push({ _tag, id, before: target, after: null })
  }
  const isMoved = changes.length === 0 && !isSame(before.map(keyOf), after.map(keyOf))
  return isMoved ? [{ _tag: "Order", of: _tag === "Cache" ? "caches" : "secrets" }] : changes
}

type Copied = readonly [CopyStep, Content | undefined]

const copyChanges = ([before, was]: Copied, [after, is]: Copied): ReadonlyArray<Change> => {
  const changes: Array<Change> = []
  const [from, to] = [before.destination, after.destination]
  if (from.form !== to.form || from.path !== to.path) changes.push({ _tag: "Destination", before: from, after: to })
  changes.push(...userChanges(before.user, after.user))
  const [kept, wasKept] = [after.preserve ?? [], before.preserve ?? []]
  if (!isSame(wasKept, kept)) changes.push({ _tag: "Preserve", before: wasKept, after: kept })
  if (isSameContent([before, was], [after, is])) return changes
  const [source, wasSource] = [buildOf(after), buildOf(before)]
  if (source !== wasSource) changes.push({ _tag: "From", before: wasSource, after: source })
  if (!isSame(before.src, after.src)) changes.push({ _tag: "Src", before: before.src, after: after.src })
  if (!isSame(before.exclude, after.exclude)) {
    changes.push({ _tag: "Exclude", before: before.exclude, after: after.exclude })
  }
  const [held, wasHeld] = [after.contents === true, before.contents === true]
  if (held !== wasHeld) changes.push({ _tag: "Contents", before: wasHeld, after: held })
  return [...changes, ...fileChanges([before, was], [after, is], changes.length > 0)]
}

const isSameContent = ([before, was]: Copied, [after, is]: Copied): boolean =>
  JSON.stringify(contentKey(before, was)) === JSON.stringify(contentKey(after, is))

const buildOf = ({ source }: CopyStep): string | null => (source.from === "build" ? source.build : null)

/** `isExplained`: something else of the step is other, which the files may only follow from. */
const fileChanges = ([before, was]: Copied, [after, is]: Copied, isExplained: boolean): ReadonlyArray<Change> => {
  const build = buildOf(after)
  if (is === undefined && build !== null) return [{ _tag: "Pending", build }]
  if (was?.items === undefined || is?.items === undefined) return [{ _tag: "UnknownFiles", build }]
  const files = compare(
    { form: before.destination.form, items: was.items },
    { form: after.destination.form, items: is.items },
    build
  )
  if (files.count > 0) return [files]
  if (before.destination.form !== after.destination.form) return []
  const names = (items: ReadonlyArray<Manifest>) => items.map(({ root }) => root.name)
  if (!isSame(names(was.items), names(is.items))) return [{ _tag: "Order", of: "items" }]
  return isExplained ? [] : [{ _tag: "UnknownFiles", build }]
}
