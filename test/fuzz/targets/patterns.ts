/** Words, globs and `.dockerignore`: the input is a pattern or a text, a NUL, and what it is held against. */
import * as Either from "effect/Either"
import * as Dockerignore from "../../../src/domain/dockerfile/Dockerignore.ts"
import * as Glob from "../../../src/domain/dockerfile/Glob.ts"
import * as Words from "../../../src/domain/dockerfile/Words.ts"
import { holds, textOf } from "./Target.ts"

export const seeds: ReadonlyArray<string> = [
  "*.[a-z]?\u0000a.bc",
  "**/a\n!b/*\n# c\nd/**/[^e]\u0000b/a/c",
  "${a#*/}${a%%.*}${a/b*/c}${a//?/d}\u0000a/b/c.d"
]

export const words: ReadonlyArray<string> = [
  ..."* ** **/ /** ? [a-z] [^a] [ ] \\ ! # / ../ ./ ${a# ${a## ${a% ${a%% ${a/ ${a// / } ${a:- ${a:? $a ' \" a b aa".split(
    " "
  ),
  "\n",
  "\u0000",
  "\u{1f600}"
]

export const fuzz = (data: Uint8Array): void => {
  const [first = "", rest = ""] = textOf(data).split("\u0000", 2)
  // Each path is held against each pattern, and so is each directory around it.
  const second = rest.slice(0, 300)
  const matches = Glob.matches(first, second)
  if (Either.isRight(matches) && !/[*?[\\]/.test(first)) holds(matches.right === (first === second), "a name is a glob")
  const ignore = Dockerignore.parseIgnore(first)
  const paths = second.split("\n", 10)
  const answers = paths.map((path) => Dockerignore.isIgnored(ignore, path))
  const again = paths.map((path) => Dockerignore.isIgnored(Dockerignore.parseIgnore(first), path))
  holds(answers.join() === again.join(), "the order of questions does not matter")
  const lookup: Words.Lookup = (name) => (name === "a" ? second : undefined)
  Words.expand(first, lookup, { escape: "\\" })
  Words.expandWords(first, lookup, { escape: "`" })
  Words.expandDocument(first, lookup)
}
