/**
 * Reads Dockerfiles, accepting what BuildKit's parser accepts.
 *
 * What instructions mean is not checked here, except that each is a known one with something after it.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Problem from "../Problem.ts"
import * as Source from "../Source.ts"
import { fromProblem, type SpecError } from "../SpecError.ts"
import { show } from "../SpecFields.ts"
import { suggest } from "../Suggestion.ts"
import * as Arguments from "./Arguments.ts"
import * as Directives from "./Directives.ts"
import type { Dockerfile, Heredoc, Instruction, Range } from "./Dockerfile.ts"
import * as ExecForm from "./ExecForm.ts"
import * as Heredocs from "./Heredocs.ts"
import * as LogicalLine from "./LogicalLine.ts"

/** How long a Dockerfile may be, in UTF-16 code units. */
export const longest = 10_000_000

/** All instructions there are, and what follows each. */
const usages: Readonly<Record<string, string>> = {
  ADD: "`ADD SOURCE… DESTINATION`",
  ARG: "`ARG NAME`, or `ARG NAME=VALUE`",
  CMD: '`CMD ["PROGRAM", "ARGUMENT"…]`, or `CMD COMMAND`',
  COPY: "`COPY SOURCE… DESTINATION`",
  ENTRYPOINT: '`ENTRYPOINT ["PROGRAM", "ARGUMENT"…]`, or `ENTRYPOINT COMMAND`',
  ENV: "`ENV NAME=VALUE …`",
  EXPOSE: "`EXPOSE PORT…`",
  FROM: "`FROM IMAGE`, or `FROM IMAGE AS NAME`",
  HEALTHCHECK: "`HEALTHCHECK CMD COMMAND`, or `HEALTHCHECK NONE`",
  LABEL: "`LABEL NAME=VALUE …`",
  MAINTAINER: "`MAINTAINER NAME`",
  ONBUILD: "`ONBUILD INSTRUCTION`",
  RUN: "`RUN COMMAND`",
  SHELL: '`SHELL ["PROGRAM", "ARGUMENT"…]`',
  STOPSIGNAL: "`STOPSIGNAL SIGNAL`",
  USER: "`USER NAME`, or `USER UID:GID`",
  VOLUME: "`VOLUME PATH…`",
  WORKDIR: "`WORKDIR PATH`"
}

const execForms: ReadonlySet<string> = new Set(["ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"])
const withHeredocs: ReadonlySet<string> = new Set(["ADD", "COPY", "RUN"])

/** Linear in the text's length. `file` is for messages alone. */
export const parse = (text: string, { file }: { readonly file: string }): Either.Either<Dockerfile, SpecError> => {
  const source = Source.make(file, text)
  return Either.mapLeft(readAll(source), (problem) => fromProblem(source, problem))
}

const readAll = (source: Source.Source): Either.Either<Dockerfile, Problem.Problem> => {
  const { text } = source
  if (text.length > longest) {
    return Either.left(
      Problem.make({ start: 0, end: 0 }, `this file is longer than ${longest / 1_000_000} million characters`, {
        expected: "a Dockerfile of a size that somebody could have written"
      })
    )
  }
  const from = text.startsWith("\ufeff") ? 1 : 0
  return Either.flatMap(Directives.read(text, from), ({ directives, escape }) => {
    const instructions: Array<Instruction> = []
    const lines = new LogicalLine.Lines(text, from)
    while (lines.advance()) {
      const line = LogicalLine.read(text, lines, escape)
      if (line === undefined) continue
      const instruction = readInstruction(text, lines, line, escape)
      if (Either.isLeft(instruction)) return Either.left(instruction.left)
      instructions.push(instruction.right)
    }
    return instructions.length === 0
      ? Either.left(
          Problem.make({ start: text.length, end: text.length }, "this file has no instructions", {
            expected: "`FROM IMAGE`, and what else is to be done"
          })
        )
      : Either.right({ source, escape, directives, instructions })
  })
}

const readInstruction = (
  source: string,
  lines: LogicalLine.Lines,
  line: LogicalLine.LogicalLine,
  escape: string
): Either.Either<Instruction, Problem.Problem> => {
  const parts = Arguments.split(line.text, escape)
  const keyword = keywordOf(parts.keyword)
  const text = line.text.slice(parts.textStart, parts.textEnd)
  const keywordRange = line.range(parts.start, parts.start + parts.keyword.length)
  if (keyword === undefined) return Either.left(unknown(keywordRange, parts.keyword))
  if (text === "") return Either.left(nothing(keywordRange, keyword))
  const argumentsRange = line.range(parts.textStart, parts.textEnd)
  const json = execForms.has(keyword) ? ExecForm.read(text) : undefined
  if (json === "mixed") {
    return Either.left(
      Problem.make(argumentsRange, `this array of ${keyword} holds something else than strings`, {
        expected: 'a JSON array of strings, as in `["make", "all"]`, or a text that is no JSON array'
      })
    )
  }
  return Either.map(
    readHeredocs(source, lines, holder(keyword, text, json, escape) ? line.text : "", argumentsRange),
    (heredocs) => ({
      keyword,
      range: { start: keywordRange.start, end: heredocs.length === 0 ? argumentsRange.end : lines.end },
      flags: parts.flags.map(({ name, value, start, end }) => ({ name, value, range: line.range(start, end) })),
      text,
      argumentsRange,
      within: (start, end) => line.range(parts.textStart + start, parts.textStart + end),
      json,
      heredocs
    })
  )
}

const keywordOf = (word: string): string | undefined => {
  const keyword = /^[a-zA-Z]{1,20}$/.test(word) ? word.toUpperCase() : ""
  return Object.hasOwn(usages, keyword) ? keyword : undefined
}

/** Whether here-documents may follow: of an ONBUILD that is up to the instruction that it holds. */
const holder = (keyword: string, text: string, json: ReadonlyArray<string> | undefined, escape: string): boolean => {
  if (keyword !== "ONBUILD") return withHeredocs.has(keyword) && json === undefined
  const held = Arguments.split(text, escape)
  return (
    withHeredocs.has(keywordOf(held.keyword) ?? "") &&
    !Array.isArray(ExecForm.read(text.slice(held.textStart, held.textEnd)))
  )
}

const readHeredocs = (
  source: string,
  lines: LogicalLine.Lines,
  line: string,
  place: Range
): Either.Either<ReadonlyArray<Heredoc>, Problem.Problem> => {
  const heredocs: Array<Heredoc> = []
  for (const document of Heredocs.announced(line)) {
    const heredoc = Heredocs.read(source, lines, document, place)
    if (Either.isLeft(heredoc)) return Either.left(heredoc.left)
    heredocs.push(heredoc.right)
  }
  return Either.right(heredocs)
}

const unknown = (place: Range, keyword: string): Problem.Problem => {
  if (keyword === "") return Problem.make(place, "a line that goes on, and holds no instruction")
  const hint = keyword.startsWith("(")
    ? "this file looks like a spec in parentheses, not like a Dockerfile"
    : Option.getOrUndefined(Option.map(suggest(keyword, Object.keys(usages)), (near) => `did you mean ${show(near)}?`))
  return Problem.make(place, `unknown instruction ${show(keyword)}`, {
    expected: "an instruction, such as `FROM`, `RUN` or `COPY`",
    hint: hint ?? "a line that belongs to the one before it needs the escape character at that line's end"
  })
}

const nothing = (place: Range, keyword: string): Problem.Problem =>
  Problem.make(place, `${keyword} with nothing after it`, {
    expected: usages[keyword],
    hint: keyword === "CMD" || keyword === "ENTRYPOINT" ? `\`${keyword} []\` takes back an earlier one` : undefined
  })
