/** Hints for who knows other programs. */
import * as Option from "effect/Option"
import { expect, it } from "vitest"
import { findCommand } from "../../src/cli/CommandTable.ts"
import * as Flag from "../../src/cli/Flag.ts"
import * as OtherWords from "../../src/cli/OtherWords.ts"

const { buildOptions, commands } = OtherWords.all()

it("words that mean something here have no hint that they do not", () => {
  expect(commands.filter((name) => Option.isSome(findCommand(name)))).toEqual([])
  const build = Object.values(Option.getOrThrow(findCommand("build")).flags).map(Flag.written)
  expect(buildOptions.filter((name) => build.includes(name))).toEqual([])
})

it("hints name commands that there are", () => {
  const hints = [...commands.map(OtherWords.ofCommand), ...buildOptions.map(OtherWords.ofBuildOption)].join("\n")
  const named = [...hints.matchAll(/obuilder ([a-z]+)/g)].map(([, name = ""]) => name)
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter((name) => Option.isNone(findCommand(name)))).toEqual([])
})
