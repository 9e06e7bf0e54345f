/**
 * What the user wrote: a build script, as OBuilder's language has it.
 *
 * Plain data without positions; `SpecText.ts` reads and prints it.
 */
import * as Schema from "effect/Schema"

/** A mount option that only the Dockerfile writer uses, kept as it was written. */
export const BuildkitOption = Schema.Struct({ name: Schema.String, value: Schema.String })
export type BuildkitOption = typeof BuildkitOption.Type

/** `(NAME (target PATH))` under `(cache …)`: a directory that outlives the step. */
export const Cache = Schema.Struct({
  id: Schema.String,
  target: Schema.String,
  buildkitOptions: Schema.Array(BuildkitOption)
})
export type Cache = typeof Cache.Type

/** `(NAME (target PATH))` under `(secrets …)`: a read-only file for one step. */
export const Secret = Schema.Struct({
  id: Schema.String,
  target: Schema.String,
  buildkitOptions: Schema.Array(BuildkitOption)
})
export type Secret = typeof Secret.Type

/** `(user (uid N) (gid N))`. */
export const UnixUser = Schema.TaggedStruct("Unix", { uid: Schema.Int, gid: Schema.Int })
export type UnixUser = typeof UnixUser.Type

/** `(user (name NAME))`: looked up in the image's own `/etc/passwd`, a number as a user's number. */
export const NamedUser = Schema.TaggedStruct("Named", { name: Schema.String })
export type NamedUser = typeof NamedUser.Type

export const User = Schema.Union(UnixUser, NamedUser)
export type User = typeof User.Type

export const root: User = UnixUser.make({ uid: 0, gid: 0 })

/** Where a copy's files come from: the source directory, or a nested build's result. */
export const CopyFrom = Schema.Union(
  Schema.TaggedStruct("Context", {}),
  Schema.TaggedStruct("Build", { name: Schema.String })
)
export type CopyFrom = typeof CopyFrom.Type

export const Comment = Schema.TaggedStruct("Comment", { text: Schema.String })
export const Workdir = Schema.TaggedStruct("Workdir", { path: Schema.String })
export const Shell = Schema.TaggedStruct("Shell", { args: Schema.Array(Schema.String) })
export const Run = Schema.TaggedStruct("Run", {
  cache: Schema.Array(Cache),
  network: Schema.Array(Schema.String),
  secrets: Schema.Array(Secret),
  shell: Schema.String
})
export type Run = typeof Run.Type
export const Copy = Schema.TaggedStruct("Copy", {
  from: CopyFrom,
  src: Schema.Array(Schema.String),
  dst: Schema.String,
  exclude: Schema.Array(Schema.String),
  /**
   * `(contents)`: below a `dst` that ends with `/`, a directory gives what it holds in place of itself. With `preserve`,
   * whatever `dst` is, nothing of its own is kept then.
   */
  contents: Schema.optionalWith(Schema.Literal(true), { exact: true }),
  /** `(preserve modes owners)`: what is kept as it is in the source. Never empty; `owners` only from a nested build. */
  preserve: Schema.optionalWith(Schema.Array(Schema.Literal("modes", "owners")), { exact: true })
})
export type Copy = typeof Copy.Type
export const SetUser = Schema.TaggedStruct("User", { user: User })
export const Env = Schema.TaggedStruct("Env", { name: Schema.String, value: Schema.String })

export const Op = Schema.Union(Comment, Workdir, Shell, Run, Copy, SetUser, Env)
export type Op = typeof Op.Type

/** `((build NAME SPEC)… (from BASE) OP…)`. */
export interface Spec {
  readonly builds: ReadonlyArray<NestedBuild>
  readonly from: string
  readonly ops: ReadonlyArray<Op>
}

/** `(build NAME SPEC)`: in scope for what follows it in the spec that holds it. */
export interface NestedBuild {
  readonly name: string
  readonly spec: Spec
}

export const Spec: Schema.Schema<Spec> = Schema.Struct({
  builds: Schema.Array(Schema.Struct({ name: Schema.String, spec: Schema.suspend((): Schema.Schema<Spec> => Spec) })),
  from: Schema.String,
  ops: Schema.Array(Op)
})
