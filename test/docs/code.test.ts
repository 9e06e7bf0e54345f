/** The code that the documentation shows is held to the types of the package, and what can be run is run. */
import * as Fs from "node:fs"
import { beforeAll, describe, expect, it } from "vitest"
import { scratchDirectory } from "../interpreters/host/scratch.ts"
import { installPackage, moduleOf, runModule, typeErrors } from "./codeOfPages.ts"

const scratch = scratchDirectory("pages")

const pages = ["README.md", ...Fs.readdirSync("docs").map((name) => `docs/${name}`)].filter(
  (page) => page.endsWith(".md") && /^```ts\b/m.test(Fs.readFileSync(page, "utf8"))
)

const modules = Object.fromEntries(pages.map((page) => [`${page}.ts`, moduleOf(Fs.readFileSync(page, "utf8"))]))

describe("the code that the documentation shows", () => {
  beforeAll(() => installPackage(scratch.path), 120_000)

  it("is in the README, and in the page of the library", () =>
    expect(pages).toEqual(expect.arrayContaining(["README.md", "docs/api.md"])))

  it("has the types of the package that it imports", async () =>
    expect(await typeErrors(scratch.path, modules)).toEqual([]))

  it.each([
    ["a function that is not there", 'import { Engine } from "obuilder"\nEngine.buidl({})', "TS2551"],
    ["a copy of nothing", 'import { Spec } from "obuilder"\nSpec.copy([], "/")', "TS2345"],
    ["a nested build by its name", 'import { Spec } from "obuilder"\nSpec.copy("a", "/", { from: "dev" })', "TS2322"],
    ["a network that is not known", 'import { Spec } from "obuilder"\nSpec.run("a", { network: "all" })', "TS2322"],
    ["a prune without limits", 'import { Engine } from "obuilder"\nEngine.prune({})', "TS2345"],
    ["a build of nowhere", 'import { Engine } from "obuilder"\nEngine.build({ spec: "" })', "TS2345"],
    ["a door that is not there", '\nimport {} from "obuilder/cli"', "TS2307"]
  ])("would be refused with %s, and the line is told", async (_, code, error) => {
    const page = `# A page\n\n\`\`\`ts\n${code}\n\`\`\`\n`
    const errors = await typeErrors(scratch.path, { "docs/broken.md.ts": moduleOf(page) })
    expect(errors).toEqual([expect.stringMatching(`^docs/broken\\.md\\.ts\\(5,\\d+\\): error ${error}: `)])
  })

  it("prints what it says that it prints", async () => {
    expect(await typeErrors(scratch.path, modules)).toEqual([])
    const [, printed] = /```text\n([\s\S]*?)```/.exec(Fs.readFileSync("docs/api.md", "utf8")) ?? []
    expect(await runModule(scratch.path, "docs/api.md.ts")).toBe(printed)
  })
})
