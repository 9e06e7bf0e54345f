/** The planner and the renderings of plans, for specs whose bases and files are made up from their names. */
import * as Either from "effect/Either"
import { allSpecs } from "../../../src/domain/Bases.ts"
import { sha256 } from "../../../src/domain/Digest.ts"
import { type BaseInput, copyKey, type Inputs } from "../../../src/domain/Inputs.ts"
import type { Manifest, ManifestNode } from "../../../src/domain/Manifest.ts"
import type { Spec } from "../../../src/domain/Spec.ts"
import * as SpecText from "../../../src/domain/SpecText.ts"
import * as PlanJson from "../../../src/plan/PlanJson.ts"
import * as PlanMermaid from "../../../src/plan/PlanMermaid.ts"
import * as PlanText from "../../../src/plan/PlanText.ts"
import { plan, refusal } from "../../../src/plan/Planner.ts"
import * as specText from "./specText.ts"
import { holds, textOf } from "./Target.ts"

export const seeds: ReadonlyArray<string> = [
  ...specText.seeds,
  '((build a ((from b) (copy (src .) (dst /)))) (build c ((from b) (copy (from (build a)) (src x y) (dst z/)))) (from windows) (workdir C:\\\\a) (workdir ..\\\\b) (copy (src d/ f) (dst "C:/x/")))',
  "((from scratch) (workdir a/../b) (workdir /) (user (name a)) (env a b) (env a c) (shell a) (run (shell b)) (run (network n) (shell b)))"
]

export const words: ReadonlyArray<string> = [...specText.words, "scratch", "windows", "d/", "..", ".", "C:\\\\", "/"]

/** What a base and a file are is told by their names: so are all kinds of them met. */
const base = (name: string): BaseInput => ({
  format: name === "scratch" ? "scratch" : "oci",
  digest: sha256(name),
  platform: name.includes("windows") ? "windows/amd64" : "linux/amd64",
  environment: [{ name: "PATH", value: "/bin" }, ...(name.length > 6 ? [{ name, value: name }] : [])]
})

const node = (name: string, depth: number): ManifestNode => {
  if (name.startsWith("l")) return { _tag: "Link", name, target: name }
  if (depth === 0 || !name.startsWith("d")) {
    return { _tag: "File", name, executable: name.endsWith("x"), size: name.length, digest: sha256(name) }
  }
  return { _tag: "Directory", name, entries: [node("d", depth - 1), node("f", 0)] }
}

const manifest = (src: string): Manifest => {
  const parts = src.split("/").filter((part) => part !== "" && part !== "." && part !== "..")
  return { path: parts.join("/"), root: node(parts.at(-1) ?? "", 2) }
}

/** All that is asked of a source directory and of bases. */
export const inputsOf = (spec: Spec): Inputs => {
  const specs = allSpecs(spec)
  const copies = specs.flatMap(({ ops }) => ops.flatMap((op) => (op._tag === "Copy" ? [op] : [])))
  return {
    bases: new Map(specs.map(({ from }) => [from, base(from)])),
    // A file that is not there is left out, and the plan is to say so.
    copies: new Map(
      copies.filter(({ src }) => !src.includes("missing")).map((copy) => [copyKey(copy), copy.src.map(manifest)])
    )
  }
}

export const fuzz = (data: Uint8Array): void => {
  const parsed = SpecText.parse(textOf(data), { file: "app.spec" })
  if (Either.isLeft(parsed)) return
  const { spec } = parsed.right
  const inputs = inputsOf(spec)
  const planned = plan(spec, inputs)
  const problem = Either.getOrUndefined(Either.flip(planned))
  holds(refusal(spec, inputs)?.message === problem?.message, "a plan is refused for the same reason each time")
  if (Either.isLeft(planned)) return
  const text = PlanJson.render(planned.right, new Map())
  holds(text === PlanJson.render(Either.getOrThrow(plan(spec, inputs)), new Map()), "a plan is the same each time")
  PlanText.render(planned.right, new Map())
  PlanMermaid.render(planned.right, new Map())
}
