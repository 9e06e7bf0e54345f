import { existsSync } from "node:fs"
import { configDefaults, defineConfig } from "vitest/config"

// What the original does with generated input. A user's checkout has none of it beside it.
const reference = existsSync("../shared/reference")
if (!reference) console.warn("The reference cases are not beside this checkout: test/reference is left out.")

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...(reference ? [] : ["test/reference/**"])],
    globalSetup: "test/sharedProgram.ts",
    testTimeout: 60_000,
    hookTimeout: 120_000
  }
})
