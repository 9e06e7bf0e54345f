/** Changes in words: a phrase each for one line, and lines for all that is known. Pure. */
import { clipped, visible } from "../domain/DisplayText.ts"
import { modeText, ownerText, type Preserve } from "../domain/Preserve.ts"
import type { User } from "../domain/Spec.ts"
import type { BaseMeaning, Change } from "./Change.ts"
import type { FileChange, FilesChange } from "./FileChange.ts"
import type { Destination } from "./Plan.ts"
import { isSecretName } from "../domain/SecretName.ts"

/** So much of a value is shown in one line. */
const SHORT = 40
/** And where there is room. */
const LONG = 400
/** So many changes are named in one line. */
const NAMED = 3

/** All of it in one line; empty for no changes. */
export const oneLine = (changes: ReadonlyArray<Change>): string => {
  const named = changes.slice(0, NAMED).map(phrase)
  const others = changes.length - named.length
  return [...named, ...(others > 0 ? [`${others} more ${others === 1 ? "change" : "changes"}`] : [])].join("; ")
}

/** One change as a phrase. Nothing in it acts on a terminal. */
export const phrase = (change: Change): string => {
  switch (change._tag) {
    case "Base":
      return change.before.reference === change.after.reference
        ? `the base ${reference(change.after)} is another one: ${digests(change)}`
        : `the base is ${reference(change.after)}, was ${reference(change.before)}`
    case "Platform":
      return was("the platform", change.after, change.before)
    case "Command": {
      const [before, after] = differing(change.before, change.after)
      return `the command changed: ${text(before)} became ${text(after)}`
    }
    case "Shell":
      return was("the shell", change.after.join(" "), change.before.join(" "))
    case "Variable":
      return variable(change, text)
    case "User":
      return was("the user", userText(change.after), userText(change.before))
    case "Workdir":
      return was("the working directory", change.after, change.before)
    case "Network":
      return was("the network", change.after, change.before)
    case "Cache":
      return mount("cache", change.id, change.before, change.after)
    case "Secret":
      return mount("secret", change.id, change.before, change.after)
    case "Destination":
      return was("the destination", destination(change.after), destination(change.before))
    case "From":
      return `it copies from ${fromText(change.after)}, not from ${fromText(change.before)}`
    case "Src":
      return was("src", change.after.join(" "), change.before.join(" "))
    case "Exclude":
      return was("exclude", change.after.join(" "), change.before.join(" "))
    case "Contents":
      return change.after
        ? "directories give what they hold, not themselves"
        : "directories give themselves, not what they hold"
    case "Preserve":
      return `it preserves ${preserved(change.after)}, preserved ${preserved(change.before)}`
    case "Order":
      return `the ${change.of === "items" ? "items to copy" : change.of} have another order`
    case "Files":
      return files(change)
    case "UnknownFiles":
      return `the files to copy${ofBuild(change.build)} changed; which ones was not recorded`
    case "Pending":
      return `the build ${text(change.build)}, which it copies from, changed`
    case "RunBy":
      return `it is to be run by ${orBase(change.after === null ? null : userText(change.after), "user")}, was by ${orBase(change.before === null ? null : userText(change.before), "user")}`
    case "RunIn":
      return `it is to be run in ${orBase(change.after, "directory")}, was in ${orBase(change.before, "directory")}`
    case "Parent":
      return "what it is built on changed"
    case "New":
      return "it is a new step"
    case "Deleted":
      return "its result has been deleted"
  }
}

const preserved = (aspects: Preserve): string => aspects.join(" and ") || "nothing"

const was = (what: string, after: string, before: string): string => `${what} is ${text(after)}, was ${text(before)}`

type VariableChange = Extract<Change, { readonly _tag: "Variable" }>

const variable = ({ after, before, name }: VariableChange, show: (value: string) => string): string => {
  const what = `the variable ${show(name)}`
  const isHidden = isSecretName(name)
  if (after === null) return `${what} is gone${isHidden ? "" : `, was ${show(before ?? "")}`}`
  if (before === null) return `${what} is new${isHidden ? "" : `: ${show(after)}`}`
  return isHidden ? `${what} changed` : `${what} is ${show(after)}, was ${show(before)}`
}

const mount = (kind: string, id: string, before: string | null, after: string | null): string => {
  const what = `the ${kind} ${text(id)}`
  if (after === null) return `${what} is gone`
  return before === null ? `${what} is new, at ${text(after)}` : `${what} is at ${text(after)}, was at ${text(before)}`
}

const orBase = (value: string | null, what: string): string => (value === null ? `the base's ${what}` : text(value))

const userText = (user: User): string => (user._tag === "Unix" ? `${user.uid}:${user.gid}` : user.name)

const destination = ({ form, path }: Destination): string =>
  form === "Into" && !path.endsWith("/") ? `${path}/` : path

const fromText = (build: string | null): string =>
  build === null ? "the source directory" : `the build ${text(build)}`

const ofBuild = (build: string | null): string => (build === null ? "" : ` from the build ${text(build)}`)

type BaseChange = Extract<Change, { readonly _tag: "Base" }>

/** The end of one says more than its beginning. */
const reference = ({ reference }: BaseMeaning): string => fileName(reference)

const digests = ({ after, before }: BaseChange): string =>
  before.digest === after.digest
    ? `${after.format}, was ${before.format}`
    : `${after.digest.slice(0, DIGITS)}, was ${before.digest.slice(0, DIGITS)}`

const DIGITS = 12

/** A value in one line. */
const text = (value: string): string => {
  const shown = visible(clipped(value, SHORT))
  return shown === "" || shown.includes(" ") || shown.includes(",") ? `"${shown}"` : shown
}

/** Two texts from the line on in which they begin to differ, and, within long lines, from a little before that. */
const differing = (before: string, after: string): readonly [string, string] => {
  const most = Math.min(before.length, after.length)
  let same = 0
  while (same < most && before.charCodeAt(same) === after.charCodeAt(same)) same++
  const line = before.lastIndexOf("\n", same - 1) + 1
  const begin = same - line > SHORT / 2 ? same - SHORT / 4 : same === 0 ? 0 : line
  const from = (all: string): string => {
    const end = all.indexOf("\n", same)
    return `${begin > line ? "…" : ""}${all.slice(begin, end < 0 ? all.length : end)}`
  }
  return [from(before), from(after)]
}

/** `1 of 10,004 files changed: src/main.c (content)`. */
const files = (change: FilesChange): string => {
  const { changes, count } = change
  const named = changes.slice(0, NAMED).map((one) => `${fileName(one.path)} (${aspect(one)})`)
  const more = count - named.length
  const all = [...named, ...(more > 0 ? [`${counted(more)} more`] : [])].join(", ")
  return `${howMany(change)}: ${all}`
}

const howMany = ({ build, count, total }: FilesChange): string => {
  const all = Math.max(total, count)
  return `${counted(count)} of ${counted(all)} ${all === 1 ? "file" : "files"}${ofBuild(build)} changed`
}

/** With commas, whatever the user's language: what is printed does not depend on that. */
export const counted = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ",")

/** The end of a long path says more than its beginning. */
const fileName = (path: string): string => {
  const shown = path.length > 2 * SHORT ? `…${path.slice(-2 * SHORT)}` : path
  return visible(shown)
}

const aspect = (change: FileChange): string => {
  switch (change._tag) {
    case "Added":
      return "added"
    case "Removed":
      return "removed"
    case "Content":
      return "content"
    case "Executable":
      return change.after ? "now executable" : "no longer executable"
    case "Mode":
      return `mode ${modeText(change.after)}, was ${modeText(change.before)}`
    case "Owner":
      return `owner ${ownerText(change.after)}, was ${ownerText(change.before)}`
    case "Target":
      return "link target"
    case "Type":
      return `now a ${change.after}`
  }
}

/** All that is known of a change, in lines; `most` bounds how many of each kind. */
export const lines = (change: Change, most: number): ReadonlyArray<string> => {
  switch (change._tag) {
    case "Command": {
      const [before, after] = differingLines(change.before, change.after)
      return ["the command changed:", ...shown(before, "- ", most), ...shown(after, "+ ", most)]
    }
    case "Files": {
      const { changes, count } = change
      const listed = changes.slice(0, most)
      const more = count - listed.length
      return [
        `${howMany(change)}:`,
        ...listed.map((one) => `  ${visible(clipped(one.path, LONG))}: ${detail(one)}`),
        ...(more > 0 ? [`  and ${counted(more)} more`] : [])
      ]
    }
    case "Base":
      return [
        `the base ${value(change.after.reference)} is ${change.after.format}:${change.after.digest},`,
        `  was ${change.before.reference === change.after.reference ? "" : `${value(change.before.reference)}, `}${change.before.format}:${change.before.digest}`
      ]
    case "Variable":
      return [variable(change, value)]
    default:
      return [phrase(change)]
  }
}

const value = (one: string): string => visible(clipped(one, LONG))

const detail = (change: FileChange): string => {
  switch (change._tag) {
    case "Added":
    case "Removed": {
      const gone = change._tag === "Added" ? "new" : "gone"
      return change.kind === "directory"
        ? `a directory with ${counted(change.files)} ${change.files === 1 ? "file" : "files"}, ${gone}`
        : `a ${change.kind}, ${gone}`
    }
    case "Content":
      return change.before === change.after
        ? `other content, ${counted(change.after)} bytes as before`
        : `other content, ${counted(change.after)} bytes, was ${counted(change.before)}`
    case "Executable":
    case "Mode":
    case "Owner":
      return aspect(change)
    case "Target":
      return `a link to ${value(change.after)}, was to ${value(change.before)}`
    case "Type":
      return `a ${change.after}, was a ${change.before}`
  }
}

/** The lines of two texts without those that both begin or end with. */
const differingLines = (before: string, after: string): readonly [ReadonlyArray<string>, ReadonlyArray<string>] => {
  const [a, b] = [before.split("\n"), after.split("\n")]
  let [begin, end] = [0, 0]
  const least = Math.min(a.length, b.length)
  while (begin < least && a[begin] === b[begin]) begin++
  while (end < least - begin && a[a.length - 1 - end] === b[b.length - 1 - end]) end++
  return [a.slice(begin, a.length - end), b.slice(begin, b.length - end)]
}

const shown = (all: ReadonlyArray<string>, mark: string, most: number): ReadonlyArray<string> => {
  const more = all.length - most
  return [
    ...all.slice(0, most).map((line) => `  ${mark}${value(line)}`),
    ...(more > 0 ? [`  ${mark}and ${counted(more)} more lines`] : [])
  ]
}
