import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import type { Inputs } from "../../src/domain/Inputs.ts"
import { sha256 } from "../../src/domain/Digest.ts"
import * as SpecText from "../../src/domain/SpecText.ts"
import type { Settings } from "../../src/plan/Plan.ts"
import * as Planner from "../../src/plan/Planner.ts"

const inputs: Inputs = {
  bases: new Map([
    [
      "base",
      {
        format: "oci",
        digest: sha256("base"),
        platform: "linux/amd64",
        environment: [{ name: "PATH", value: "/bin" }]
      }
    ]
  ]),
  copies: new Map()
}

/** What a spec says of how its result is to be run. */
const settings = (ops: string): Settings | undefined => {
  const { spec } = Either.getOrThrow(SpecText.parse(`((from base) ${ops})`, { file: "test.spec" }))
  return Either.getOrThrow(Planner.plan(spec, inputs)).stages.at(-1)?.settings
}

describe("how a plan's result is to be run", () => {
  it("is left to the base where the spec says nothing", () => {
    expect(settings(`(run (shell "make"))`)).toEqual({ environment: [], user: null, workdir: null })
  })

  it("is what the operations come to at the end, also those after the last step", () => {
    const spec = `(env A 1) (env B 2) (workdir /src) (run (shell "make")) (workdir ../out/.) (env A 3) (user (name me))`
    expect(settings(spec)).toEqual({
      environment: [
        { name: "A", value: "3" },
        { name: "B", value: "2" }
      ],
      user: { _tag: "Named", name: "me" },
      workdir: "/src/../out"
    })
  })

  it("is said also where it is what it would be anyway", () => {
    expect(settings("(user (uid 0) (gid 0)) (workdir /)")).toEqual({
      environment: [],
      user: { _tag: "Unix", uid: 0, gid: 0 },
      workdir: "/"
    })
  })
})
