/** The code that the documentation shows is held to the types of the package, and what can be run is run. */
import * as Fs from "node:fs"
import { beforeAll, describe, expect, it } from "vitest"
import { scratchDirectory } from "../interpreters/host/scratch.ts"
import { installPackage, moduleOf, runModule, typeErrors } from "./codeOfPages.ts"

const scratch = scratchDirectory("pages")

const pages = ["README.md", ...Fs.readdirSync("docs").map((name) => `docs/${name}`)].filter(
  (page) => page.endsWith(".md") && /^```ts\b/m.test(Fs.readFileSync(page, "utf8"))
)

/** Pages that are wrong, each in its fifth line, and the compiler's number for why. */
const wrong: ReadonlyArray<readonly [what: string, code: string, error: string]> = [
  ["a function that is not there", 'import { Engine } from "obuilder"\nEngine.buidl({})', "TS2551"],
  ["a copy of nothing", 'import { Spec } from "obuilder"\nSpec.copy([], "/")', "TS2345"],
  ["a nested build by its name", 'import { Spec } from "obuilder"\nSpec.copy("a", "/", { from: "dev" })', "TS2322"],
  ["a network that is not known", 'import { Spec } from "obuilder"\nSpec.run("a", { network: "all" })', "TS2322"],
  ["a prune without limits", 'import { Engine } from "obuilder"\nEngine.prune({})', "TS2345"],
  ["a build of nowhere", 'import { Engine } from "obuilder"\nEngine.build({ spec: "" })', "TS2345"],
  ["a door that is not there", '\nimport {} from "obuilder/cli"', "TS2307"]
]
const wrongName = (index: number) => `docs/wrong-${index}.md`

const modules = Object.fromEntries([
  ...pages.map((page) => [`${page}.ts`, moduleOf(Fs.readFileSync(page, "utf8"))]),
  ...wrong.map(([, code], index) => [`${wrongName(index)}.ts`, moduleOf(`# A page\n\n\`\`\`ts\n${code}\n\`\`\`\n`)])
])

describe("the code that the documentation shows", () => {
  let errors: ReadonlyArray<string> = []
  beforeAll(async () => {
    await installPackage(scratch.path)
    errors = await typeErrors(scratch.path, modules)
  }, 300_000)

  it("is in the README, and in the page of the library", () =>
    expect(pages).toEqual(expect.arrayContaining(["README.md", "docs/api.md"])))

  it("has the types of the package that it imports", () =>
    expect(errors.filter((error) => !error.startsWith("docs/wrong-"))).toEqual([]))

  it.each(wrong.map((one, index) => [...one, wrongName(index)] as const))(
    "would be refused with %s, and the line is told",
    (_, __, error, page) => {
      expect(errors.filter((one) => one.startsWith(page))).toEqual([
        expect.stringMatching(`^${page}\\.ts\\(5,\\d+\\): error ${error}: `)
      ])
    }
  )

  it("prints what it says that it prints", async () => {
    const [, printed] = /```text\n([\s\S]*?)```/.exec(Fs.readFileSync("docs/api.md", "utf8")) ?? []
    expect(await runModule(scratch.path, "docs/api.md.ts")).toBe(printed)
  })
})
