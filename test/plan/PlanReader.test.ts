import * as Either from "effect/Either"
import { describe, expect, it } from "vitest"
import * as PlanReader from "../../src/plan/PlanReader.ts"
import { copy, planNow, run, spec } from "../interpreters/builds.ts"
import { base } from "../../src/interpreters/memory/MemoryWorld.ts"

const plan = planNow({
  bases: { base: base({ a: "1" }) },
  context: { f: "" },
  spec: spec("base", [run("echo"), copy(["/etc"], "/x", { from: "dev" }), copy(["f"], "/f")], {
    dev: spec("base", [run("echo dev")])
  })
})
const [dev, main] = plan.stages
const [first, ...others] = plan.steps
const last = plan.steps.at(-1)

const image = {
  labels: [{ name: "a", value: "b" }],
  ports: ["80/tcp"],
  volumes: ["/v"],
  command: ["sh"],
  healthcheck: { Test: ["NONE"], Retries: 3 }
}
const withImage = (more: unknown) => ({ stages: [dev, { ...main, settings: { ...main?.settings, image: more } }] })
const withLast = (more: object) => ({ steps: [first, ...others.slice(0, -1), { ...last, ...more }] })

const read = (changed: object) => PlanReader.read(JSON.stringify({ ...plan, ...changed }))

describe("a plan that is read", () => {
  it.each([
    ["as it was made", {}],
    ["with what is known of its image", withImage(image)],
    ["with a copy of what directories hold", withLast({ contents: true })],
    ["with a copy that preserves", withLast({ preserve: ["modes", "owners"] })]
  ])("is what was written %s", (_, changed) => {
    expect(Either.getOrThrow(read(changed))).toEqual({ ...plan, ...changed })
  })

  it.each([
    ["a step of a stage that it lacks", { stages: [main] }, 'number 1 of its "steps" is of none of its "stages"'],
    ["two stages of one label", { stages: [dev, main, dev] }, 'two of its "stages" have the same label'],
    ["no result", { result: undefined }, 'its "result" is no id'],
    ["contents that are not true", withLast({ contents: false }), 'number 6 of its "steps" is none'],
    ["something preserved that is not known", withLast({ preserve: ["times"] }), 'number 6 of its "steps" is none'],
    ["contents that are text", withLast({ contents: "true" }), 'number 6 of its "steps" is none'],
    ["an image that is text", withImage("x"), 'its "stages" are not those of a plan'],
    ["an image without labels", withImage({ ...image, labels: undefined }), "are not those of a plan"],
    ["an image with a command that is text", withImage({ ...image, command: "sh" }), "are not those of a plan"],
    ["an image with half a health check", withImage({ ...image, healthcheck: {} }), "are not those of a plan"]
  ])("is refused with %s", (_, changed, message) => {
    expect(Either.getOrThrow(Either.flip(read(changed)))).toContain(message)
  })
})
