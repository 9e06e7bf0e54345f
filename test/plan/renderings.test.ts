import * as Either from "effect/Either"
import * as JSONSchema from "effect/JSONSchema"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { sha256 } from "../../src/domain/Digest.ts"
import { copyKey, type Inputs } from "../../src/domain/Inputs.ts"
import * as SpecText from "../../src/domain/SpecText.ts"
import { Plan } from "../../src/plan/Plan.ts"
import * as Planner from "../../src/plan/Planner.ts"
import * as PlanJson from "../../src/plan/PlanJson.ts"
import * as PlanMermaid from "../../src/plan/PlanMermaid.ts"
import { PlanReport } from "../../src/plan/PlanReport.ts"
import * as PlanText from "../../src/plan/PlanText.ts"

const SPEC = `((build dev
  ((build tools ((from scratch)))
   (from base)
   (copy (from (build tools)) (src /) (dst /tools/))
   (run (cache (c (target /c))) (network host) (shell "make \\"all\\" | tee <log>"))))
 (from base)
 (workdir /src)
 (copy (src . README.md) (exclude .git) (dst ./))
 (copy (from (build dev)) (src /out) (dst /out))
 (user (uid 1000) (gid 1000))
 (run (secrets (token (target /run/token))) (shell "a command that is long enough to be broken into more than one line")))
`

const base = { format: "oci" as const, platform: "linux/amd64", environment: [{ name: "PATH", value: "/bin" }] }
const inputs: Inputs = {
  bases: new Map([
    ["base", { ...base, digest: sha256("base") }],
    ["scratch", { ...base, digest: sha256("scratch") }]
  ]),
  copies: new Map([[copyKey({ src: [".", "README.md"], exclude: [".git"] }), []]])
}

const plan: Plan = Either.getOrThrow(
  Planner.plan(Either.getOrThrow(SpecText.parse(SPEC, { file: "spec" })).spec, inputs)
)

const some: PlanText.Cached = new Map(plan.steps.slice(0, 3).map((step) => [step, step.id]))

describe("a plan", () => {
  it("as text has a line a step, with whole ids", () => {
    const text = PlanText.render(plan, some)
    expect(text).toMatchSnapshot()
    for (const { id } of plan.steps) expect(text).toContain(`  ${id}  `)
    expect(text.endsWith(`\nresult ${plan.result}\n`)).toBe(true)
  })

  it("as Mermaid has a node a step and an arrow a dependency", () => {
    const text = PlanMermaid.render(plan, some)
    expect(text).toMatchSnapshot()
    const parents = plan.steps.filter((step) => step.parent !== null)
    expect(text.match(/^ {2}s\d+ --> s\d+$/gm)?.length).toBe(parents.length)
    expect(text.match(/^ {2}s\d+ -\. copy \.-> s\d+$/gm)?.length).toBe(2)
    expect(text.match(/:::cached$/gm)?.length).toBe(some.size)
  })

  it("as JSON is what its schema says, and reads back as the same plan", () => {
    const text = PlanJson.render(plan, some)
    const report = Schema.decodeUnknownSync(PlanReport)(JSON.parse(text), { onExcessProperty: "error" })
    expect(report).toEqual(PlanJson.report(plan, some))
    // What is added to a plan is left out again by the plan's own schema.
    expect(Schema.decodeUnknownSync(Plan)(JSON.parse(text))).toEqual(plan)
  })

  it("has the documented JSON schema (vitest --update writes it)", async () => {
    const schema = JSON.stringify(JSONSchema.make(PlanReport), null, 2)
    await expect(`${schema}\n`).toMatchFileSnapshot("../../docs/plan.schema.json")
  })
})
