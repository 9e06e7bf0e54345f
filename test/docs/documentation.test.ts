import * as Either from "effect/Either"
import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import * as Arguments from "../../src/cli/Arguments.ts"
import * as SpecText from "../../src/domain/SpecText.ts"

/** The spec snippets of a page, in order. */
const snippets = (file: string): ReadonlyArray<string> =>
  [...readFileSync(file, "utf8").matchAll(/```scheme\n([\s\S]*?)```/g)].flatMap(([, text]) =>
    text === undefined || text.includes("OP…") ? [] : [text]
  )

const pages = [
  "README.md",
  ...readdirSync("docs")
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`)
]
const shown = pages.flatMap((page) => snippets(page).map((text, index) => ({ page, index: index + 1, text })))
const examples = readdirSync("examples", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".spec"))
  .map((name) => ({ page: `examples/${name}`, index: 1, text: readFileSync(`examples/${name}`, "utf8") }))

describe("the specs that the documentation shows", () => {
  it("are found", () => expect(shown.length).toBeGreaterThan(5))

  it.each([...shown, ...examples])(
    "$page, snippet $index, is a spec that prints and reads back the same",
    ({ text }) => {
      const parsed = SpecText.parse(text, { file: "snippet" })
      const spec = Either.getOrThrow(parsed).spec
      expect(Either.getOrThrow(SpecText.parse(SpecText.print(spec), { file: "printed" })).spec).toEqual(spec)
    }
  )
})

describe("the documentation's own links", () => {
  it.each(pages)("of %s lead to files that are there", (page) => {
    const folder = page.includes("/") ? "docs/" : ""
    for (const [, target] of readFileSync(page, "utf8").matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      expect(() => readFileSync(`${folder}${target}`), `${page} links to ${target}`).not.toThrow(/ENOENT/)
    }
  })
})

/** The command lines of a page: words of a shell, without comments, and without what stands for more words. */
const commandLines = (page: string): ReadonlyArray<string> =>
  [...readFileSync(page, "utf8").matchAll(/```sh\n([\s\S]*?)```/g)]
    .flatMap(([, block = ""]) => block.split("\n"))
    .map((line) => line.replace(/\s+#.*$/, "").replace(/ \.\.\.$/, " -f SPEC DIR"))
    .filter((line) => line.startsWith("obuilder "))

describe("the command lines that the documentation shows", () => {
  const all = pages.flatMap((page) => commandLines(page).map((line) => ({ page, line })))

  it("are found", () => expect(all.length).toBeGreaterThan(15))

  it.each(all)("$page: $line", ({ line }) => {
    expect(Arguments.read(line.split(/ +/).slice(1))).toMatchObject({ _tag: "Right" })
  })
})
