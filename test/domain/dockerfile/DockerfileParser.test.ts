import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Diagnostic from "../../../src/domain/Diagnostic.ts"
import type { Dockerfile, Instruction } from "../../../src/domain/dockerfile/Dockerfile.ts"
import * as DockerfileParser from "../../../src/domain/dockerfile/DockerfileParser.ts"

const parse = (text: string): Dockerfile => Either.getOrThrow(DockerfileParser.parse(text, { file: "Dockerfile" }))

const instructions = (text: string): ReadonlyArray<Instruction> => parse(text).instructions

/** Keyword and text of each instruction. */
const outline = (text: string): ReadonlyArray<string> =>
  instructions(text).map(({ keyword, text }) => `${keyword} ${text}`)

const refusal = (text: string): string =>
  Either.match(DockerfileParser.parse(text, { file: "Dockerfile" }), {
    onLeft: (error) => Diagnostic.render(error),
    onRight: () => "accepted"
  })

describe("lines", () => {
  it.each([
    ["ends with the file", "FROM a\nRUN b", ["FROM a", "RUN b"]],
    ["may be empty or a comment", "\n# a\nFROM a\n\n  # b\nRUN c\n\n", ["FROM a", "RUN c"]],
    ["begins after blanks, and ends before them", "  FROM a \t\n\tRUN b  \n", ["FROM a", "RUN b"]],
    ["has a keyword in any case", "from a\nRun b\n", ["FROM a", "RUN b"]],
    ["may end as on Windows", "FROM a\r\nRUN b \\\r\n  c\r\n", ["FROM a", "RUN b   c"]],
    ["may come after a byte order mark", "\ufeffFROM a\n", ["FROM a"]],
    ["goes on after the escape character", "FROM a\nRUN b \\\n  c\\\nd\n", ["FROM a", "RUN b   cd"]],
    ["goes on in spite of blanks after it", "FROM a\nRUN b \\ \t\n c\n", ["FROM a", "RUN b  c"]],
    ["does not go on after two of it", "FROM a\nRUN b \\\\\nRUN c\n", ["FROM a", "RUN b \\\\"]],
    ["goes on past comments and empty lines", "FROM a\nRUN b \\\n# c\n\n \t\n  # d \\\n  e\n", ["FROM a", "RUN b   e"]],
    ["goes on up to the end of the file", "FROM a\nRUN b \\\n", ["FROM a", "RUN b"]],
    ["may hold no more than its end", "\\\nFROM a\n", ["FROM a"]],
    ["may break a word", "FR\\\nOM a\nRUN b\\\nc\n", ["FROM a", "RUN bc"]],
    ["keeps what looks like a comment after a text", "FROM a\nRUN b # c\n", ["FROM a", "RUN b # c"]],
    ["keeps blanks within it", "FROM a\nRUN b   c\n", ["FROM a", "RUN b   c"]]
  ])("of an instruction %s", (_, text, expected) => {
    const read = outline(text)
    expect(read.slice(0, expected.length)).toEqual(expected)
  })
})

describe("directives", () => {
  it.each([
    ["# escape=`\nFROM a\nRUN b `\n c\n", ["RUN b  c"]],
    ["#Escape = ` \nFROM a\nRUN b `\n c\n", ["RUN b  c"]],
    ["\ufeff  # escape=`\r\nFROM a\r\nRUN b `\r\n c\r\n", ["RUN b  c"]],
    ["# syntax=docker/dockerfile:1\n# check=skip=all\n# escape=`\nFROM a\nRUN b `\n c\n", ["RUN b  c"]],
    ["# escape=`\nFROM a\nRUN b \\\nRUN c\n", ["RUN b \\", "RUN c"]],
    ["\n# escape=`\nFROM a\nRUN b \\\n c\n", ["RUN b  c"]],
    ["# a comment\n# escape=`\nFROM a\nRUN b \\\n c\n", ["RUN b  c"]],
    ["# other=x\n# escape=`\nFROM a\nRUN b \\\n c\n", ["RUN b  c"]],
    ["# escape\nFROM a\nRUN b \\\n c\n", ["RUN b  c"]],
    ["# escape=\nFROM a\nRUN b \\\n c\n", ["RUN b  c"]],
    ["FROM a\n# escape=`\nRUN b \\\n c\n", ["RUN b  c"]]
  ])("are read at the top alone: %j", (text, expected) => {
    expect(outline(text).slice(1)).toEqual(expected)
  })

  it("are told with their values", () => {
    const text = "# Syntax = docker/dockerfile:1 \n# check=skip=a;error=true\n# escape=`\nFROM a\n"
    const { directives, escape } = parse(text)
    expect(escape).toBe("`")
    expect(directives.map(({ name, value, range }) => [name, value, text.slice(range.start, range.end)])).toEqual([
      ["syntax", "docker/dockerfile:1", "# Syntax = docker/dockerfile:1"],
      ["check", "skip=a;error=true", "# check=skip=a;error=true"],
      ["escape", "`", "# escape=`"]
    ])
  })
})

describe("flags", () => {
  const flags = (text: string): ReadonlyArray<readonly [string, string | undefined]> =>
    instructions(text).flatMap(({ flags }) => flags.map(({ name, value }) => [name, value] as const))

  it.each([
    [
      "RUN --mount=type=cache,target=/a --mount=type=tmpfs make",
      ["mount", "type=cache,target=/a"],
      ["mount", "type=tmpfs"]
    ],
    ["COPY --link --from=x a b", ["link", undefined], ["from", "x"]],
    ['RUN --mount="type=cache,target=/a b" make', ["mount", "type=cache,target=/a b"]],
    ["RUN --mount=type=cache,target=/a\\ b make", ["mount", "type=cache,target=/a b"]],
    ["RUN --mount=a \\\n  --mount=\\\nb make", ["mount", "a"], ["mount", "b"]],
    ["RUN --a= make", ["a", ""]],
    ["RUN make --jobs=2"],
    ["RUN -x make"],
    ["RUN -- --x make"]
  ])("are the leading words that begin with two dashes: %j", (text, ...expected) => {
    expect(flags(text)).toEqual(expected)
  })

  it("are no part of the text", () => {
    expect(outline("RUN --network=none -- --x make\nRUN --a --b  c --d\n")).toEqual(["RUN --x make", "RUN c --d"])
  })
})

describe("the exec form", () => {
  const json = (text: string): ReadonlyArray<string> | undefined => instructions(text)[0]?.json

  it.each([
    ['RUN ["a", "b\\u00e4\\n\\"c"]', ["a", 'bä\n"c']],
    ['RUN [ "a" ,\\\n  "b" ]  ', ["a", "b"]],
    ["CMD []", []],
    ['COPY ["a b", "c"]', ["a b", "c"]],
    ['VOLUME ["/a"]', ["/a"]],
    ['RUN --network=none ["a"]', ["a"]],
    ['RUN ["\\ud800"]', ["\ufffd"]]
  ])("is a JSON array of strings: %j", (text, expected) => {
    expect(json(text)).toEqual(expected)
  })

  it.each(["RUN ['a']", 'RUN ["a"', 'RUN ["a",]', 'RUN ["a"] b', "RUN [ -d /x ]", 'ENV ["a=b"]', 'USER ["a"]'])(
    "is not %j",
    (text) => {
      expect(json(text)).toBeUndefined()
    }
  )
})

describe("here-documents", () => {
  const heredocs = (text: string): ReadonlyArray<readonly [string, string, boolean]> =>
    instructions(text).flatMap(({ heredocs }) =>
      heredocs.map(({ name, content, expand }) => [name, content, expand] as const)
    )

  it.each([
    ["RUN <<EOF\na\n  b\nEOF\n", ["EOF", "a\n  b\n", true]],
    ["RUN <<EOF\nEOF", ["EOF", "", true]],
    ["RUN <<'EOF'\n$a\nEOF\n", ["EOF", "$a\n", false]],
    ['RUN <<"E F"\na\nE F\n', ["E F", "a\n", false]],
    ["RUN <<E'O'F\na\nEOF\n", ["EOF", "a\n", false]],
    ["RUN << EOF\na\nEOF\n", ["EOF", "a\n", true]],
    ["RUN 3<<EOF cat\na\nEOF\n", ["EOF", "a\n", true]],
    ["RUN cat <<EOF > /x\na\nEOF\n", ["EOF", "a\n", true]],
    ["RUN <<-EOF\n\ta\n\t\tb \t\n\tEOF\n", ["EOF", "a\nb \t\n", true]],
    ["RUN <<EOF\n\tEOF\nEOF \n EOF\nEOF\n", ["EOF", "\tEOF\nEOF \n EOF\n", true]],
    ["COPY <<A <<-B /x/\n\ta\n\tA\nA\n\tb\n\tB\n", ["A", "\ta\n\tA\n", true], ["B", "b\n", true]],
    ["RUN <<EOF \\\n  cat\na \\\nEOF\n", ["EOF", "a \\\n", true]],
    ["RUN <<EOF\r\na\r\nEOF\r\n", ["EOF", "a\r\n", true]],
    ["ONBUILD RUN <<EOF\na\nEOF\n", ["EOF", "a\n", true]],
    ["# escape=`\nRUN <<\\EOF\na\nEOF\n", ["EOF", "a\n", true]]
  ])("end at the line that says their name: %j", (text, ...expected) => {
    expect(heredocs(text)).toEqual(expected)
  })

  it.each([
    ["RUN cat<<EOF"],
    ["RUN a '<<EOF'"],
    ["RUN a \\<<EOF"],
    ["RUN <<<EOF"],
    ["RUN a <<"],
    ["RUN <<''"],
    ["RUN 'a <<EOF"],
    ['RUN ["<<EOF"]'],
    ["CMD <<EOF"],
    ["ONBUILD CMD <<EOF"],
    ['ONBUILD RUN ["<<EOF"]']
  ])("are not announced by %j", (line) => {
    expect(outline(`${line}\nFROM a`)).toEqual([line, "FROM a"])
  })

  it("may hold what looks like instructions, comments and escapes", () => {
    const text = "FROM a\nRUN <<EOF\nFROM b\n# c\nRUN d \\\nEOF\nRUN e\n"
    expect(outline(text)).toEqual(["FROM a", "RUN <<EOF", "RUN e"])
    expect(heredocs(text)).toEqual([["EOF", "FROM b\n# c\nRUN d \\\n", true]])
  })
})

describe("places", () => {
  it("cover an instruction from its keyword to its end", () => {
    const text = "  FROM a \nRUN --x b \\\n# c\n  d  \nRUN <<EOF\nx\nEOF\n"
    const cut = ({ start, end }: { readonly start: number; readonly end: number }): string => text.slice(start, end)
    expect(instructions(text).map(({ range }) => cut(range))).toEqual([
      "FROM a",
      "RUN --x b \\\n# c\n  d",
      "RUN <<EOF\nx\nEOF"
    ])
    expect(instructions(text).map(({ argumentsRange }) => cut(argumentsRange))).toEqual([
      "a",
      "b \\\n# c\n  d",
      "<<EOF"
    ])
    expect(instructions(text).flatMap(({ flags }) => flags.map(({ range }) => cut(range)))).toEqual(["--x"])
    expect(instructions(text).flatMap(({ heredocs }) => heredocs.map(({ range }) => cut(range)))).toEqual(["x\n"])
  })

  it("are known of parts of the text, whatever was dropped before them", () => {
    const text = "RUN --x abc \\\n# c\n\n  def\n"
    const [run] = instructions(text)
    const at = run?.text.indexOf("def") ?? -1
    expect(run?.within(at, at + 3)).toEqual({ start: text.indexOf("def"), end: text.indexOf("def") + 3 })
  })
})

describe("what is no Dockerfile", () => {
  it.each([
    ["", "this file has no instructions"],
    ["# only\n\n# comments\n", "this file has no instructions"],
    ["FROM a\nRNU b\n", "Dockerfile:2:1: error: unknown instruction `RNU`"],
    ["FROM a\nRNU b\n", "did you mean `RUN`?"],
    ["FROM a\nRUN b\n  && c\n", "Dockerfile:3:3: error: unknown instruction `&&`"],
    ["((from a))", "looks like a spec"],
    ["FROM a\nRUN\n", "Dockerfile:2:1: error: RUN with nothing after it"],
    ["FROM a\nRUN --network=none \\\n", "Dockerfile:2:1: error: RUN with nothing after it"],
    ["FROM a\nCMD", "`CMD []` takes back an earlier one"],
    ["FROM a\n\\\n", "Dockerfile:2:1: error: a line that goes on"],
    ["# escape=x\nFROM a\n", "Dockerfile:1:1: error: `x` cannot be the escape character"],
    ["# escape=`\n# ESCAPE=`\nFROM a\n", "Dockerfile:2:1: error: a second `escape` directive"],
    ['FROM a\nRUN ["a", 1]\n', "Dockerfile:2:5: error: this array of RUN holds something else than strings"],
    ["FROM a\nRUN b <<EOF\nc\n", "Dockerfile:2:5: error: the here-document `EOF` does not end"],
    ["FROM a\nCOPY <<A <<B /x\na\nA\nb\n", "the here-document `B` does not end"],
    ["FROM a\nR\u{1b}[31mUN b\n", "unknown instruction `R\\u{1b}[31mUN`"],
    ["a".repeat(DockerfileParser.longest + 1), "longer than 10 million characters"]
  ])("is refused with its place and a way out", (text, expected) => {
    expect(refusal(text)).toContain(expected)
  })

  it("is shown with what could stand there", () => {
    expect(refusal("FROM a\nCOPPY . /src\n")).toBe(
      [
        "Dockerfile:2:1: error: unknown instruction `COPPY`",
        "  |",
        "2 | COPPY . /src",
        "  | ^^^^^",
        "  = expected: an instruction, such as `FROM`, `RUN` or `COPY`",
        "  = hint: did you mean `COPY`?"
      ].join("\n")
    )
  })
})

describe("a long text", () => {
  const many = 100_000

  it.each([
    ["continuation lines", `RUN ${"x \\\n".repeat(many)}`],
    ["dropped lines", `RUN \\\n${"# c\n\n".repeat(many)}x`],
    ["flags", `RUN ${"--a=b ".repeat(many)}x`],
    ["here-documents", `RUN ${"<<A ".repeat(many)}\n${"A\n".repeat(many)}`],
    ["blanks before a `<`", `RUN <<${" ".repeat(many)}<`],
    ["nested variables", `RUN <<A ${"${a:-".repeat(many)}`],
    ["open brackets", `RUN ${"[".repeat(many)}`],
    ["ONBUILD in ONBUILD", `${"ONBUILD ".repeat(many)}RUN x`],
    ["lines that look like an end", `RUN <<-AB\n${"\tA\n".repeat(many)}AB`],
    ["one word", `RUN ${"x".repeat(many)}`]
  ])("of %s is read", (_, text) => {
    expect(instructions(text)).toHaveLength(1)
  })
})
