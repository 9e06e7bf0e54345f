import * as Option from "effect/Option"
import { describe, expect, it } from "vitest"
import { commandList } from "../../src/cli/CommandTable.ts"
import { help } from "../../src/cli/Help.ts"

describe("help", () => {
  it("of the program", () => {
    expect(help(Option.none())).toMatchSnapshot()
  })

  it.each(commandList.map((command) => [command.name, command] as const))("of %s", (_, command) => {
    expect(help(Option.some(command))).toMatchSnapshot()
  })

  it("fits into 80 columns and has no colours", () => {
    for (const text of [help(Option.none()), ...commandList.map((command) => help(Option.some(command)))]) {
      expect(text).not.toContain("\u001b")
      for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80)
    }
  })
})
