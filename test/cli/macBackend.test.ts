/** What the command line says of `--store=zfs:` on macOS before anything is run. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { describe } from "vitest"
import type { SandboxOptions } from "../../src/cli/Backend.ts"
import { backends } from "../../src/cli/Backends.ts"
import { absolutePath, userId } from "../../src/cli/Decoders.ts"
import { pretend } from "../standins/standIns.ts"

describe("the backend of macOS", () => {
  pretend("darwin")
  const none: SandboxOptions = { fastSync: false, memory: Option.none(), runtime: Option.none() }
  const refusal = (options: Partial<SandboxOptions>) =>
    Effect.scoped(
      Effect.suspend(() => backends.get("zfs")?.sandbox({ ...none, ...options }) ?? Effect.dieMessage("no zfs")).pipe(
        Effect.match({ onSuccess: () => "", onFailure: ({ message }) => message })
      )
    )

  it.effect("needs a user, and has no limits and runtimes", () =>
    Effect.gen(function* () {
      const uid = Option.some(705)
      expect(yield* refusal({})).toBe("steps on macOS are run as a user of their own, and none is named")
      expect(yield* refusal({ uid, memory: Option.some(1) })).toBe("--memory: steps on macOS have no such thing")
      expect(yield* refusal({ uid, fastSync: true, runtime: Option.some("crun") })).toBe(
        "--fast-sync, --runtime: steps on macOS have no such thing"
      )
      expect(yield* refusal({ uid })).toBe("")
    })
  )

  it("takes numbers of users that are none of the system's, and absolute paths", () => {
    const read = (text: string) => Either.getOrElse(userId(text), (problem) => problem)
    expect(["500", "2147483646"].map(read)).toEqual([500, 2_147_483_646])
    for (const text of ["0", "499", "2147483647", "-2", "5e2", "1000x", "", "99999999999"]) {
      expect(read(text)).toBe(`must be a user's number from 500 on, not ${JSON.stringify(text)}`)
    }
    expect(Either.getOrNull(absolutePath("/opt/homebrew/"))).toBe("/opt/homebrew")
    expect(Either.isLeft(absolutePath("homebrew"))).toBe(true)
  })
})
