/** The Dockerfile parser, and words and pairs of the instructions that it finds. */
import * as Either from "effect/Either"
import * as Diagnostic from "../../../src/domain/Diagnostic.ts"
import * as DockerfileParser from "../../../src/domain/dockerfile/DockerfileParser.ts"
import { pairs } from "../../../src/domain/dockerfile/Pairs.ts"
import * as Words from "../../../src/domain/dockerfile/Words.ts"
import { holds, textOf } from "./Target.ts"

export const seeds: ReadonlyArray<string> = [
  "FROM busybox\nRUN echo hi\n",
  `# syntax=docker/dockerfile:1
# escape=\`
FROM --platform=linux a AS b
ENV PATH="/opt:$PATH" \`
    # comment
    NAME='a b'

ENV old the rest
RUN --mount=type=cache,target=/c --network=none make && \`
  install
COPY --from=b ["a b", "/c/"]
`,
  'FROM a\nRUN <<EOF\necho ${NAME%% *}\nEOF\nCOPY <<-\'A\' <<B /etc/\n\tone\n\tA\ntwo\nB\nONBUILD RUN <<C\nC\nCMD ["a", "b\\u0041"]\n',
  'ARG a=${b:-c} d\nLABEL x=${y/p*/r}${z//q/s} "k k"=${m:?n}${o#*/}\n'
]

export const words: ReadonlyArray<string> = [
  ...'FROM RUN COPY ADD ENV ARG LABEL CMD ENTRYPOINT WORKDIR USER SHELL ONBUILD VOLUME EXPOSE HEALTHCHECK <<EOF <<-EOF <<\'E\' 3<<E EOF E --mount=type=cache,target=/a -- --a="b ${a:-b} ${a#*} ${a%%?} ${a/b/c} ${a//\\*/d} ${a:+ ${ } $a \\$ ["a"] ["a",1] # # escape=` # escape=\\ # check=a = A=b'.split(
    " "
  ),
  "\\\n",
  "`\n",
  "\r\n",
  "\nRUN ",
  "\nEOF\n",
  "\n# escape=`\n",
  "\ufeff",
  "\u00a0",
  "\u{1f600}"
]

const values: Readonly<Record<string, string>> = { a: "a/b/c.d", b: "", NAME: "x  y", x: "$a'\"\\" }

export const fuzz = (data: Uint8Array): void => {
  const source = textOf(data)
  const parsed = DockerfileParser.parse(source, { file: "Dockerfile" })
  if (Either.isLeft(parsed)) {
    Diagnostic.render(parsed.left)
    return
  }
  const { escape, instructions } = parsed.right
  const lookup: Words.Lookup = (name) => (Object.hasOwn(values, name) ? values[name] : undefined)
  let end = 0
  for (const { range, argumentsRange, flags, heredocs, keyword, text, within } of instructions) {
    holds(end <= range.start && range.start < range.end && range.end <= source.length, "instructions are in order")
    end = range.end
    const first = within(0, 1)
    holds(source.slice(first.start, first.end) === text.slice(0, 1), "a text's beginning is known")
    for (const part of [argumentsRange, ...flags.map(({ range }) => range), ...heredocs.map(({ range }) => range)]) {
      holds(
        range.start <= part.start && part.start <= part.end && part.end <= range.end,
        "parts are in their instruction"
      )
    }
    const names = Words.variables(text, { escape })
    holds(names.length <= text.length, "variables have names")
    Words.expandWords(text, lookup, { escape })
    const word = Words.expand(text, lookup, { escape })
    if (Either.isLeft(word)) holds(word.left.end <= text.length, "a problem is in its word")
    pairs(text, { escape, keyword: keyword === "ARG" ? "ARG" : "ENV" })
    for (const { content } of heredocs) Words.expandDocument(content, lookup)
  }
}
