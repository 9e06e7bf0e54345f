/**
 * What of a spec its Dockerfile does not say, or says otherwise: OBuilder's way
 * of writing is kept to the byte, and some texts mean something to Docker.
 *
 * This is what the spec alone tells. How COPY and WORKDIR differ from `copy` and
 * `workdir` in what they make of any files is in docs/dockerfiles.md.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { allSpecs } from "../Bases.ts"
import { parse as parseReference } from "../ImageReference.ts"
import { type Cache, type Copy, type NestedBuild, type Op, root, type Run, type Spec, type User } from "../Spec.ts"
import { show } from "../SpecFields.ts"
import type { Options, Style } from "./DockerfileWriter.ts"

export interface Loss {
  /** What will be otherwise. */
  readonly message: string
  /** What to write instead, or what to do besides. */
  readonly hint: Option.Option<string>
  /** The part of the spec it is about, by identity. */
  readonly node: object
}

/** In the order in which the Dockerfile has them. Linear in the spec's size. */
export const find = (spec: Spec, { buildkit = false, style = "unix" }: Options = {}): ReadonlyArray<Loss> => {
  const specs = allSpecs(spec)
  const stages = new Set(specs.flatMap(({ builds }) => builds.map(({ name }) => name.toLowerCase())))
  const names = new Set<string>()
  return specs.flatMap((part) => [
    ...ofBase(part, stages, style),
    ...ofShell(part, style),
    ...ofOps(part.ops, { buildkit, style }),
    ...part.builds.flatMap((build) => {
      const losses = ofName(build, names)
      names.add(build.name.toLowerCase())
      return losses
    })
  ])
}

const loss = (node: object, message: string, hint?: string): Loss => ({
  node,
  message,
  hint: Option.fromNullable(hint)
})

const readOtherwise = (node: object, instruction: string, text: string, hint?: string): Loss =>
  loss(node, `${instruction} reads ${show(text)} in its own way`, hint)

/** What is one word to Docker, whatever instruction it stands in, and nothing but itself. */
const isWord = (text: string, style: Style): boolean => {
  const plain = style === "windows" ? text.replaceAll("\\", "/") : text
  return /^[^\s"'$*?[\]\\`<#-][^\s"'$*?[\]\\`<]*$/.test(plain) && !isUnusual(plain)
}

/** Whether a text has control characters, or blanks that only some programs take for such. */
const isUnusual = (text: string): boolean => /(?![ \t\n])[\p{Cc}\p{Cs}\p{Z}]/u.test(text)

/** Bases that only this program takes. */
const ownBases = /^(?:oci|oci-archive|docker-archive|docker-daemon|rootfs|zfs|docker):/

const ofBase = (spec: Spec, stages: ReadonlySet<string>, style: Style): ReadonlyArray<Loss> => {
  if (ownBases.test(spec.from)) {
    return [loss(spec, `FROM takes no ${show(spec.from)}`, "name an image of a registry, or one that the engine has")]
  }
  if (stages.has(spec.from.toLowerCase())) {
    return [loss(spec, `FROM takes ${show(spec.from)} for the build of this name`, "give the build another name")]
  }
  if (!isWord(spec.from, style)) return [readOtherwise(spec, "FROM", spec.from)]
  return Either.isRight(parseReference(spec.from))
    ? []
    : [loss(spec, `FROM takes no ${show(spec.from)}: no image can be called so`, "name an image of a registry")]
}

/** A spec's first shell is bash, an image's is sh; those for Windows have the same. */
const ofShell = ({ ops }: Spec, style: Style): ReadonlyArray<Loss> => {
  const first = ops.find(({ _tag }) => _tag === "Run" || _tag === "Shell")
  if (first?._tag !== "Run" || style === "windows") return []
  return [
    loss(
      first,
      "RUN is run by sh, and `run` by bash",
      "say which before it: `(shell /bin/sh -c)` or `(shell /bin/bash -c)`"
    )
  ]
}

/** All stages of a Dockerfile are of one scope. */
const ofName = (build: NestedBuild, names: ReadonlySet<string>): ReadonlyArray<Loss> => {
  if (!/^[a-z][a-z0-9-_.]*$/i.test(build.name) || build.name.toLowerCase() === "scratch") {
    const hint = "begin with a letter; digits, -, _ and . may follow"
    return [loss(build, `Docker has no stage called ${show(build.name)}`, hint)]
  }
  return names.has(build.name.toLowerCase())
    ? [loss(build, `another stage is called ${show(build.name)} as well`, "give one of the builds another name")]
    : []
}

const hasLineEnd = (text: string): boolean => /[\n\r]/.test(text)

const lineEnd = (op: Op, what: string): Loss =>
  loss(op, `a line end in ${what} ends the instruction: the next line is one of its own`)

const ofOps = (ops: ReadonlyArray<Op>, options: Required<Options>): ReadonlyArray<Loss> => {
  let user = root
  return ops.flatMap((op) => {
    if (op._tag === "User") user = op.user
    return [...ofOp(op, options), ...(op._tag === "Copy" ? ofOwner(op, user, options) : [])]
  })
}

/** COPY takes no owner from USER, and is given the one that numbers tell. */
const ofOwner = (op: Copy, user: User, { style }: Required<Options>): ReadonlyArray<Loss> => {
  if (user._tag === "Unix" || user.name === "root" || style === "windows") return []
  if (op.preserve?.includes("owners") === true) return []
  const what = op.from._tag === "Context" ? "COPY copies as root" : "COPY keeps the owners that files have"
  return [loss(op, `${what}, and does not give them to ${show(user.name)}`, "write `(user (uid N) (gid N))` before it")]
}

const ofOp = (op: Op, options: Required<Options>): ReadonlyArray<Loss> => {
  const { style } = options
  switch (op._tag) {
    case "Comment":
      return hasLineEnd(op.text) ? [lineEnd(op, "a comment")] : []
    case "Workdir":
      if (hasLineEnd(op.path)) return [lineEnd(op, "a path")]
      // Blanks may be within it.
      return isWord(op.path.replaceAll(" ", "_"), style) && op.path.trim() === op.path
        ? []
        : [readOtherwise(op, "WORKDIR", op.path)]
    case "Shell":
      return op.args.length > 0 && op.args.every((arg) => /^[^"\\\p{Cc}]*$/u.test(arg))
        ? []
        : [loss(op, "SHELL is never empty, and takes no quotes, backslashes and control characters as they are")]
    case "User":
      return op.user._tag === "Unix" || isWord(op.user.name, style) ? [] : [readOtherwise(op, "USER", op.user.name)]
    case "Env":
      if (hasLineEnd(op.name) || hasLineEnd(op.value)) return [lineEnd(op, "a variable")]
      if (!isWord(op.name, style) || op.name.includes("=")) return [readOtherwise(op, "ENV", op.name)]
      if (isUnusual(op.value)) return [readOtherwise(op, "ENV", op.value)]
      return op.value.includes("$")
        ? [loss(op, `ENV puts the value of a variable in for the $ of ${show(op.value)}`, "write the value itself")]
        : []
    case "Copy":
      return ofCopy(op, style)
    case "Run":
      return ofRun(op, options)
  }
}

const ofCopy = (op: Copy, style: Style): ReadonlyArray<Loss> => {
  const odd = [...op.src, op.dst].find((path) => !isWord(path, style))
  return [
    ...(op.src.length === 0 ? [loss(op, "COPY needs something to copy")] : []),
    ...(odd === undefined
      ? []
      : [readOtherwise(op, "COPY", odd, "choose a name without blanks, quotes, $ and the signs of patterns")]),
    ...(op.exclude.length === 0
      ? []
      : [loss(op, "COPY leaves nothing out, `exclude` is lost", "write **/NAME for each of them in .dockerignore")])
  ]
}

const ofRun = (op: Run, { buildkit, style }: Required<Options>): ReadonlyArray<Loss> => {
  const mounts = [...op.secrets, ...op.cache]
  const lost = buildkit
    ? mounts.filter((mount) => !isMount(mount, style)).map((mount) => readOtherwise(mount, "--mount", mount.id))
    : mounts.map((mount) => loss(mount, `nothing is mounted for ${show(mount.id)}`, "with --buildkit it is"))
  const begins = /^\s*(?:--|#|$)/.test(op.shell) || isExec(op.shell)
  const { escape, shell } = { escape: style === "windows" ? "`" : "\\", shell: op.shell.trimEnd() }
  if (begins || shell.includes("<<") || shell.endsWith(escape) || isUnusual(shell))
    return [...lost, readOtherwise(op, "RUN", op.shell)]
  return isOneCommand(op.shell)
    ? lost
    : [
        ...lost,
        loss(op, "RUN makes one line of this command", "end all but the last with &&, ||, |, ; or an opening word")
      ]
}

/** Whether Docker runs it without a shell: a list of texts in JSON. */
const isExec = (shell: string): boolean => {
  if (!shell.trimStart().startsWith("[")) return false
  try {
    return Array.isArray(JSON.parse(shell))
  } catch {
    return false
  }
}

const isMount = ({ buildkitOptions, id, target }: Cache, style: Style): boolean =>
  [id, target, ...buildkitOptions.flatMap(({ name, value }) => [name, value])].every(
    (text) => isWord(text, style) && !/[,=]/.test(text)
  )

/** Whether a command surely means the same when its lines are joined by blanks. */
const isOneCommand = (shell: string): boolean => {
  const lines = shell.split("\n")
  if (lines.length === 1) return true
  const last = lines.at(-1)?.trim() ?? ""
  return last !== "" && !last.startsWith("#") && lines.slice(0, -1).every(goesOn)
}

/** Whether a line ends where a command or its name may follow, outside of quotes and comments. */
const goesOn = (line: string): boolean => {
  const single = line.split("'").length - 1
  const double = line.split('"').length - 1
  const closed = single * double === 0 && (single + double) % 2 === 0
  const end = line.trimEnd()
  return closed && !/[#\\`]/.test(line) && (/(?:&&|[|;(])$/.test(end) || opening.test(end))
}

/** A word after which a command follows, where it is no argument: `echo do` and `./can-do` end there. */
const opening = /(?:^|[;|()]|&&)\s*(?:do|then|else|\{)$/
