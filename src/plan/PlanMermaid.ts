/**
 * A plan as a flowchart for Mermaid (https://mermaid.js.org/syntax/flowchart.html):
 * a box a stage, a node a step, a dotted arrow where a step copies from
 * another stage. Cached steps are marked. Pure.
 */
import type { Plan, Step } from "./Plan.ts"
import { type Cached, oneLine, shortId } from "./PlanText.ts"

export const render = (plan: Plan, cached: Cached): string => {
  const node = new Map(plan.steps.map((step, index) => [step, `s${index}`]))
  const nameOf = (step: Step | undefined): string => (step === undefined ? "" : (node.get(step) ?? ""))
  const inStage = (label: string, id: string | null): Step | undefined =>
    plan.steps.find((step) => step.stage === label && step.id === id)
  const arrows = plan.steps.flatMap((step) => [
    ...(step.parent === null ? [] : [`  ${nameOf(inStage(step.stage, step.parent))} --> ${nameOf(step)}`]),
    ...(step.kind === "copy" && step.source.from === "build"
      ? [`  ${nameOf(inStage(step.source.build, step.source.step))} -. copy .-> ${nameOf(step)}`]
      : [])
  ])
  const stages = plan.stages.flatMap((stage, index) => [
    `  subgraph g${index}["${escape(stage.name === null ? "main" : `build ${stage.label}`)}"]`,
    ...plan.steps
      .filter((step) => step.stage === stage.label)
      .map(
        (step) => `    ${nameOf(step)}["${escape(oneLine(step.heading))}<br/>${shortId(step.id)}"]${mark(step, cached)}`
      ),
    "  end"
  ])
  return ["flowchart TD", ...stages, ...arrows, "  classDef cached fill:#d5f5d5,stroke:#2e7d32", ""].join("\n")
}

const mark = (step: Step, cached: Cached): string => (cached.has(step) ? ":::cached" : "")

/** Mermaid's entity codes, for whatever it might read as markup. */
const escape = (text: string): string =>
  text.replace(/[^A-Za-z0-9 .,:/()_-]/gu, (character) => `#${character.codePointAt(0) ?? 0};`)
