/**
 * Specs in code: immutable values, made with {@link from} and `pipe`. `Spec` of
 * the package.
 *
 * ```ts
 * const dev = Spec.from("debian:12").pipe(Spec.copy("hello.c", "/src/"), Spec.run("make -C /src hello"))
 * const spec = Spec.from("debian:12").pipe(Spec.copy("/src/hello", "/usr/bin/", { from: dev }))
 * ```
 *
 * What is copied from is a spec, and no name: a build that does not exist cannot
 * be written. Nothing here fails; {@link make} says what is wrong with a spec.
 */
import * as Either from "effect/Either"
import type { Pipeable } from "effect/Pipeable"
import { InvalidSpec } from "./InvalidSpec.ts"
import { ordered } from "./Preserve.ts"
import * as Problem from "./Problem.ts"
import * as Source from "./Source.ts"
import type * as Data from "./Spec.ts"
import { fromProblem, type SpecError } from "./SpecError.ts"
import * as SpecMaking from "./SpecMaking.ts"
import * as SpecPrinter from "./SpecPrinter.ts"
import * as SpecReader from "./SpecReader.ts"
import { type Draft, SpecValue, TypeId } from "./SpecValue.ts"
import { isEncodable } from "./Utf8.ts"

export { InvalidSpec, TypeId }

/** A spec. {@link make} gives its data, {@link print} its text. */
export interface Spec extends Pipeable {
  readonly [TypeId]: TypeId
}

/** What adds to a spec. */
export type Part = (spec: Spec) => Spec

/** A directory that outlives the step, or a secret: its name, and where it is in the image. */
export interface Mount {
  readonly id: string
  /** Relative to the working directory, unless it is absolute. */
  readonly target: string
  /** For Dockerfiles alone; no build heeds them. */
  readonly buildkitOptions?: ReadonlyArray<Data.BuildkitOption>
}

export interface RunOptions {
  /** The step's writable copy becomes the cache's new version when it ends. */
  readonly caches?: ReadonlyArray<Mount>
  /** Read-only files for this step. Their contents are given to the build, and do not change the step's id. */
  readonly secrets?: ReadonlyArray<Mount>
  /** `none` if it is left out. */
  readonly network?: "none" | "host"
}

export interface CopyOptions {
  /** The spec whose result is copied from; the source directory if it is left out. */
  readonly from?: Spec
  /** Base names that are left out at any depth below what `src` names. */
  readonly exclude?: ReadonlyArray<string>
  /**
   * Below a `dst` that ends with `/`, a directory gives what it holds in place of itself. With `preserve`, whatever
   * `dst` is, the one that it goes into stays as it is.
   */
  readonly contents?: boolean
  /**
   * What is kept as it is in the source, rather than given as the step's: the modes of files and directories, and,
   * with `from`, whom they and links belong to.
   */
  readonly preserve?: ReadonlyArray<"modes" | "owners">
}

/** One path, or one and more. */
export type Paths = string | readonly [string, ...ReadonlyArray<string>]

/** A spec that begins on a base, such as `debian:12` or `rootfs:images/debian.tar`. */
export const from = (base: string): Spec =>
  new SpecValue({ start: { builds: [], from: base, ops: [] }, parsed: undefined, wish: undefined, drafts: undefined })

/** Whether a value is a spec. */
export const isSpec = (value: unknown): value is Spec => value instanceof SpecValue

/** Runs a command: `shell` gets it as its last argument. */
export const run = (command: string, options: RunOptions = {}): Part => {
  const { caches = [], network, secrets = [] } = options
  return adding({
    _tag: "Run",
    cache: caches.map(mount),
    network: network === undefined || network === "none" ? [] : [network],
    secrets: secrets.map(mount),
    shell: command
  })
}

const mount = ({ buildkitOptions = [], id, target }: Mount): Data.Cache => ({
  id,
  target,
  buildkitOptions: buildkitOptions.map(({ name, value }) => ({ name, value }))
})

/** Copies files, directories and links. Where `dst` ends with `/` they keep their names below it; otherwise the one becomes `dst`. */
export const copy = (src: Paths, dst: string, options: CopyOptions = {}): Part => {
  const preserve = ordered(options.preserve)
  return adding({
    _tag: "Copy",
    from: options.from === undefined ? undefined : valueOf(options.from),
    src: typeof src === "string" ? [src] : [...src],
    dst,
    exclude: [...(options.exclude ?? [])],
    ...(options.contents === true ? { contents: true } : {}),
    ...(preserve === undefined ? {} : { preserve })
  })
}

/** Builds another spec as well, of which nothing is copied: its success is all that it is for, as that of tests. */
export const requires = (spec: Spec): Part => adding({ _tag: "Requires", spec: valueOf(spec) })

/** The working directory from here on, relative to the one before unless it is absolute. */
export const workdir = (path: string): Part => adding({ _tag: "Workdir", path })

/** Sets one variable, or several in their order. */
export const env: {
  (name: string, value: string): Part
  (variables: Readonly<Record<string, string>>): Part
} = (variables: string | Readonly<Record<string, string>>, value?: string): Part => {
  const pairs = typeof variables === "string" ? [[variables, value ?? ""] as const] : Object.entries(variables)
  return (spec) => pairs.reduce((sofar, [name, value]) => sofar.add({ _tag: "Env", name, value }), valueOf(spec))
}

/** Who runs commands, and owns what is copied, from here on. */
export const user = (uid: number, gid: number): Part =>
  // A negative zero is written as any other.
  adding({ _tag: "User", user: { _tag: "Unix", uid: uid + 0, gid: gid + 0 } })

/** The same, as the image's own `/etc/passwd` has it. */
export const userName = (name: string): Part => adding({ _tag: "User", user: { _tag: "Named", name } })

/** What commands are given to from here on: a program and its arguments. */
export const shell = (program: string, ...args: ReadonlyArray<string>): Part =>
  adding({ _tag: "Shell", args: [program, ...args] })

/** A remark, which the log shows. */
export const comment = (text: string): Part => adding({ _tag: "Comment", text })

/** What the spec is to be called where it is a nested build; one that has no name is `build-1`, `build-2` and so on. */
export function named(name: string): Part
export function named(name: string, spec: Spec): Spec
export function named(name: string, spec?: Spec): Part | Spec {
  return spec === undefined ? (given: Spec) => valueOf(given).named(name) : valueOf(spec).named(name)
}

/**
 * The spec of a text, to which more can be added. `file` is for messages alone.
 * Errors in planning and building point into the text.
 */
export const parse = (
  text: string,
  { file = "<spec>" }: { readonly file?: string } = {}
): Either.Either<Spec, SpecError> => {
  if (!isEncodable(text)) {
    const start = text.search(/\p{Cs}/u)
    const half = Problem.make({ start, end: start + 1 }, "half a character, which no file can hold")
    return Either.left(fromProblem(Source.make(file, text), half))
  }
  return Either.map(SpecReader.parse(text, { file }), fromParsed)
}

/** A spec that was read already. */
export const fromParsed = (parsed: SpecReader.ParsedSpec): Spec =>
  new SpecValue({ start: parsed.spec, parsed, wish: undefined, drafts: undefined })

/**
 * The spec as data: what reading its text gives. Specs that it copies from are
 * nested builds, each once. Fails where a text is none (half of a character), an
 * id is no whole number, or builds are nested too deep; what else cannot be, such as
 * two mounts on one path, {@link Plan.make} says.
 */
export const make = (spec: Spec): Either.Either<Data.Spec, InvalidSpec> => SpecMaking.make(valueOf(spec))

/** The spec as text, without a line end after the last line. */
export const print = (spec: Spec): Either.Either<string, InvalidSpec> => Either.map(make(spec), SpecPrinter.print)

/** What was read of a spec and of those that it needs. */
export const parsedIn = (spec: Spec): ReadonlyArray<SpecReader.ParsedSpec> => SpecMaking.parsedIn(valueOf(spec))

const adding =
  (draft: Draft): Part =>
  (spec) =>
    valueOf(spec).add(draft)

/** There are no other specs than those made here. */
const valueOf = (spec: Spec): SpecValue => {
  if (spec instanceof SpecValue) return spec
  throw new TypeError("this is not a spec: make one with Spec.from or Spec.parse")
}
