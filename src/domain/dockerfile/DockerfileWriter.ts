/**
 * Writes a spec as a Dockerfile, to the byte as OBuilder does: a stage for each
 * build, and an instruction for each operation.
 *
 * Texts are written as they are, but for the values of variables: what of a
 * spec means something else in a Dockerfile is not for the writer to find out.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Cache, Copy, Op, Run, Spec, User } from "../Spec.ts"
import { root } from "../Spec.ts"
import { show } from "../SpecFields.ts"
import { DockerfileError } from "./DockerfileError.ts"

/** Whose escape character a Dockerfile has: a backslash, or Windows' backquote. */
export type Style = "unix" | "windows"

export interface Options {
  /** With the mounts that BuildKit has for caches and secrets; without them, and so without those, by default. */
  readonly buildkit?: boolean
  /** `unix` by default. */
  readonly style?: Style
}

/** The user that a Dockerfile begins with, in OBuilder's opinion. */
const firstUser: Readonly<Record<Style, User>> = {
  unix: root,
  windows: { _tag: "Named", name: "ContainerAdministrator" }
}

const escapes: Readonly<Record<Style, string>> = { unix: "\\", windows: "`" }

/** A stage whose nested builds are not all written yet. */
interface Stage {
  readonly name: string | undefined
  readonly spec: Spec
  /** How many of its nested builds are written. */
  written: number
}

/**
 * A Dockerfile, with an empty line after each stage. Linear in the spec's size,
 * however deep its builds are nested. Fails only where a mount of BuildKit's
 * needs the number of a user that has a name alone.
 */
export const write = (
  spec: Spec,
  { buildkit = false, style = "unix" }: Options = {}
): Either.Either<string, DockerfileError> => {
  const lines: Array<string> = style === "windows" ? ["#escape=`"] : []
  const open: Array<Stage> = [{ name: undefined, spec, written: 0 }]
  for (let stage = open.at(-1); stage !== undefined; stage = open.at(-1)) {
    const nested = stage.spec.builds[stage.written++]
    if (nested !== undefined) {
      open.push({ ...nested, written: 0 })
      continue
    }
    open.pop()
    const problem = writeStage(lines, stage, { buildkit, style })
    if (problem !== undefined) return Either.left(problem)
    lines.push("")
  }
  return Either.right(`${lines.join("\n")}\n`)
}

const writeStage = (
  lines: Array<string>,
  { name, spec }: Stage,
  options: Required<Options>
): DockerfileError | undefined => {
  lines.push(`FROM ${spec.from}${name === undefined ? "" : ` as ${name}`}`)
  let user = firstUser[options.style]
  for (const op of spec.ops) {
    if (op._tag === "User") user = op.user
    const line = instruction(op, user, options)
    if (Either.isLeft(line)) return line.left
    lines.push(line.right)
  }
  return undefined
}

const instruction = (
  op: Op,
  user: User,
  { buildkit, style }: Required<Options>
): Either.Either<string, DockerfileError> => {
  switch (op._tag) {
    case "Comment":
      return Either.right(`# ${op.text}`)
    case "Workdir":
      return Either.right(`WORKDIR ${op.path}`)
    case "Shell":
      return Either.right(`SHELL [ ${op.args.map((arg) => `"${arg}"`).join(", ")} ]`)
    case "User":
      return Either.right(`USER ${user._tag === "Unix" ? ids(user) : user.name}`)
    case "Env":
      return Either.right(`ENV ${op.name}="${escaped(op.value, escapes[style])}"`)
    case "Copy":
      return Either.right(copy(op, user))
    case "Run":
      return Either.map(
        buildkit ? mounts(op, user) : Either.right(""),
        (mounts) => `RUN ${mounts}${command(op, style)}`
      )
  }
}

const ids = ({ gid, uid }: { readonly uid: number; readonly gid: number }): string => `${uid}:${gid}`

/** With the escape character before each quote, and before each of its own kind. */
const escaped = (value: string, escape: string): string =>
  value.replaceAll(escape, escape + escape).replaceAll('"', `${escape}"`)

/** COPY keeps modes in any case, and of a stage owners too, if it says no other. */
const copy = ({ dst, from, preserve, src }: Copy, user: User): string => {
  const isKept = preserve?.includes("owners") === true
  // OBuilder has no `preserve`, and names no root; files of a stage would keep their owners.
  const isNamed = preserve !== undefined && from._tag === "Build"
  const owner =
    user._tag === "Unix" && !isKept && (isNamed || user.uid !== 0 || user.gid !== 0) ? [`--chown=${ids(user)} `] : []
  const stage = from._tag === "Build" ? [`--from=${from.name} `] : []
  return `COPY ${[...owner, ...stage].join("")}${src.join(" ")} ${dst}`
}

/** The lines of a command, which become one for the shell. */
const command = ({ shell }: Run, style: Style): string =>
  shell.split("\n").map(trimmed).join(` ${escapes[style]}\n    `)

const blanks = " \f\n\r\t"

/** Without the blanks around it. In linear time, which a regular expression would not have. */
const trimmed = (text: string): string => {
  let start = 0
  let end = text.length
  while (start < end && blanks.includes(text.charAt(start))) start++
  while (start < end && blanks.includes(text.charAt(end - 1))) end--
  return text.slice(start, end)
}

/** The secrets, and then the caches. */
const mounts = ({ cache, secrets }: Run, user: User): Either.Either<string, DockerfileError> => {
  const all = [
    ...secrets.map((secret) => ["secret", secret] as const),
    ...cache.map((cache) => ["cache", cache] as const)
  ]
  const [first] = all
  if (first === undefined) return Either.right("")
  if (user._tag === "Named") return Either.left(nameless(first, user.name))
  return Either.right(all.map(([kind, mount]) => `${mountOption(kind, mount, user.uid)} `).join(""))
}

const mountOption = (kind: string, { buildkitOptions, id, target }: Cache, uid: number): string =>
  [
    ["--mount=type", kind],
    ["id", id],
    ["target", target],
    ["uid", String(uid)],
    ...buildkitOptions.map(({ name, value }) => [name, value])
  ]
    .map(([name, value]) => `${name}=${value}`)
    .join(",")

/** OBuilder ends here on an assertion. */
const nameless = ([kind, mount]: readonly [string, Cache], user: string): DockerfileError =>
  new DockerfileError({
    node: mount,
    message: `BuildKit mounts the ${kind} ${show(mount.id)} for a user's number, and of this step's user only the name is known: ${show(user)}`,
    hint: Option.some(
      "write `(user (uid N) (gid N))` before this run, or leave out --buildkit: without it caches and secrets are left out"
    )
  })
