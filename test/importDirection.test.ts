import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { describe, expect, it } from "vitest"
import { scratchDirectory } from "./interpreters/host/scratch.ts"

const scratch = scratchDirectory("lint")

/** What the linter, with the project's own rules, says of one file with one import. */
const lint = (file: string, imported: string): string => {
  const path = Path.join(scratch.path, file)
  Fs.mkdirSync(Path.dirname(path), { recursive: true })
  Fs.writeFileSync(path, `import { x } from "${imported}"\n\nexport const y = x\n`)
  Fs.copyFileSync(".oxlintrc.json", `${scratch.path}/.oxlintrc.json`)
  const oxlint = Path.resolve("node_modules/.bin/oxlint")
  try {
    return execFileSync(oxlint, [file], { cwd: scratch.path, encoding: "utf8" })
  } catch (error) {
    return String((error as { readonly stdout: unknown }).stdout)
  }
}

describe("the linter holds the direction of imports, domain <- plan <- interpreters <- cli", () => {
  it.each([
    ["src/domain/A.ts", "../plan/Plan.ts"],
    ["src/domain/A.ts", "../interpreters/Store.ts"],
    ["src/domain/A.ts", "node:fs"],
    ["src/plan/A.ts", "../interpreters/Store.ts"],
    ["src/plan/A.ts", "../cli/main.ts"],
    ["src/interpreters/host/A.ts", "../../cli/main.ts"],
    ["src/interpreters/A.ts", "effect"],
    ["src/cli/A.ts", "@effect/platform-node"]
  ])("%s may not import %s", (file, imported) => {
    expect(lint(file, imported)).toMatch(/no-restricted-imports/)
  })

  it.each([
    ["src/plan/A.ts", "../domain/Spec.ts"],
    ["src/interpreters/host/A.ts", "../../plan/Plan.ts"],
    ["src/cli/A.ts", "../interpreters/Store.ts"],
    ["src/domain/A.ts", "effect/Schema"]
  ])("%s may import %s", (file, imported) => {
    expect(lint(file, imported)).not.toMatch(/no-restricted-imports/)
  })
})
