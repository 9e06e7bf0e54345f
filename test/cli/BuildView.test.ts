import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { afterEach, describe, expect, it, vi } from "vitest"
import * as BuildView from "../../src/cli/BuildView.ts"
import { PipeClosed, type Sink } from "../../src/cli/Output.ts"
import { sha256, type StepId, stepId } from "../../src/domain/Digest.ts"
import type { BuildEvent } from "../../src/interpreters/Events.ts"
import type { Plan, Step } from "../../src/plan/Plan.ts"
import { temporaryDirectory } from "./commandLine.ts"

const idOf = (name: string): StepId => stepId(sha256(name))

/** Stages of one step each: `[label, step]`. */
const planOf = (...stages: ReadonlyArray<readonly [string, string]>): Plan => ({
  version: 1,
  stages: stages.map(([label, step]) => ({
    label,
    name: label === "" ? null : label,
    result: idOf(step),
    trailing: [],
    settings: { environment: [], user: null, workdir: null }
  })),
  steps: stages.map(([stage, step]): Step => ({
    kind: "base",
    id: idOf(step),
    stage,
    preamble: [],
    heading: step,
    parent: null,
    reference: step,
    format: "oci",
    digest: sha256(step),
    platform: "linux/amd64",
    environment: []
  })),
  result: idOf("main")
})

const heading = (stage: string, text: string): BuildEvent => ({ _tag: "Heading", stage, text })
const output = (stage: string, text: string): BuildEvent => ({ _tag: "Output", stage, chunk: Buffer.from(text) })
const saved = (stage: string, step: string): BuildEvent => ({
  _tag: "Saved",
  stage,
  planned: idOf(step),
  id: idOf(step)
})
const cached = (stage: string, step: string): BuildEvent => ({ ...saved(stage, step), _tag: "Cached" }) as BuildEvent
const finished = (stage: string): BuildEvent => ({
  _tag: "StageFinished",
  stage,
  name: stage === "" ? null : stage,
  id: idOf(stage)
})

/** What is on the sink after each event, and at last after the flush. */
const show = (
  plan: Plan,
  events: ReadonlyArray<BuildEvent>,
  flush = true,
  failed = Option.none<string>()
): Promise<string> => {
  let text = ""
  const sink: Sink = {
    isTerminal: false,
    write: (chunk) => Effect.sync(() => void (text += Buffer.from(chunk).toString()))
  }
  return Effect.gen(function* () {
    const view = yield* BuildView.make({ plan, sink, colors: false })
    for (const event of events) yield* view.onEvent(event)
    if (flush) yield* view.flush(failed)
    return text
  }).pipe(Effect.scoped, Effect.runPromise)
}

afterEach(() => void vi.unstubAllEnvs())

describe("BuildView", () => {
  const plan = planOf(["a", "one"], ["b", "two"], ["", "main"])

  it("shows the stages in the plan's order, however they come", async () => {
    const shown = await show(plan, [
      heading("", "main 1"),
      heading("b", "b 1"),
      heading("a", "a 1"),
      output("b", "from b\n"),
      finished("b"),
      output("a", "from a\n"),
      finished("a"),
      heading("", "main 2"),
      finished("")
    ])
    expect(shown).toBe('a 1\nfrom a\n--> finished "a"\nb 1\nfrom b\n--> finished "b"\nmain 1\nmain 2\n')
  })

  it("shows the stage whose turn it is as it happens", async () => {
    const soFar = await show(plan, [heading("a", "a 1"), heading("b", "b 1"), output("a", "live")], false)
    expect(soFar).toBe("a 1\nlive")
  })

  it("shows the output of stages that were cut off when the build ends", async () => {
    const shown = await show(plan, [output("a", "no end"), heading("", "main"), output("b", "b too")])
    expect(shown).toBe("no end\nb too\nmain\n")
  })

  it("shows of what is held back only the stage that failed, and nothing after it", async () => {
    const events = [output("a", "a\n"), heading("", "main"), output("b", "why\n")]
    expect(await show(plan, events, true, Option.some("b"))).toBe("a\nwhy\n")
    expect(await show(plan, events, true, Option.some("a"))).toBe("a\n")
  })

  it("passes a skipped stage", async () => {
    const skipped: BuildEvent = { _tag: "StageSkipped", stage: "a", name: "a" }
    const shown = await show(plan, [heading("b", "b 1"), heading("a", "a 1"), skipped])
    expect(shown).toBe('a 1\n--> skipped "a"\nb 1\n')
  })

  it("begins a line for its own text where a step's output did not end one", async () => {
    const shown = await show(planOf(["", "main"]), [
      heading("", "h"),
      output("", "no "),
      output("", "newline"),
      output("", ""),
      saved("", "main")
    ])
    expect(shown).toBe(`h\nno newline\n---> saved as "${idOf("main")}"\n`)
  })

  it("says of a shared step that the first stage saved it and the others found it", async () => {
    const shared = planOf(["a", "base"], ["b", "base"], ["", "main"])
    const note = (text: string) => `---> ${text}\n`
    const expected = [
      `a\n${note(`saved as "${idOf("base")}"`)}--> finished "a"\n`,
      `b\n${note(`using "${idOf("base")}" from cache`)}--> finished "b"\n`
    ].join("")
    const order = (byA: BuildEvent, byB: BuildEvent) => [
      heading("b", "b"),
      byB,
      finished("b"),
      heading("a", "a"),
      byA,
      finished("a")
    ]
    expect(await show(shared, order(cached("a", "base"), saved("b", "base")))).toBe(expected)
    expect(await show(shared, order(saved("a", "base"), saved("b", "base")))).toBe(expected)
    expect(await show(shared, [...order(saved("a", "base"), cached("b", "base"))])).toBe(expected)
  })

  it("quotes a stage's name as OBuilder does", async () => {
    const name = 'a "b"\té'
    const shown = await show(planOf([name, "x"], ["", "main"]), [finished(name)])
    expect(shown).toBe('--> finished "a \\"b\\"\\t\\195\\169"\n')
  })

  it("holds back any amount of output, all of it, and leaves no file", async () => {
    const directory = temporaryDirectory()
    vi.stubEnv("TMPDIR", directory)
    const chunks = Array.from({ length: 40 }, (_, index) => `${index}:${"x".repeat(100_000)}\n`)
    const shown = await show(plan, [
      finished("a"),
      ...chunks.map((chunk) => output("", chunk)),
      heading("b", "b"),
      finished("b")
    ])
    expect(shown).toBe(`--> finished "a"\nb\n--> finished "b"\n${chunks.join("")}`)
    expect(Fs.readdirSync(directory)).toEqual([])
  })

  it("fails as soon as its output does", async () => {
    const sink: Sink = { isTerminal: false, write: () => new PipeClosed() }
    const error = await Effect.gen(function* () {
      const view = yield* BuildView.make({ plan, sink, colors: false })
      yield* view.onEvent(heading("a", "a 1"))
      return yield* Effect.flip(view.failure)
    }).pipe(Effect.scoped, Effect.runPromise)
    expect(error._tag).toBe("PipeClosed")
  })
})
