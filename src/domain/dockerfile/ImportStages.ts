/** A Dockerfile's stages, and which of them a target needs. */
import type { Dockerfile, Instruction } from "./Dockerfile.ts"
import { type Expand, expander } from "./ImportVariables.ts"
import { ImportRefused } from "./ImportRefused.ts"
import type { FactBook, ImportOptions } from "./ImportFacts.ts"
import { platformArguments } from "./PlatformArguments.ts"
import { pairsOf } from "./ImportPairs.ts"

export interface Stage {
  readonly index: number
  /** As `AS` has it, in lower case. */
  readonly name: string | undefined
  /** Of an image in a registry, or `scratch`; or an earlier stage. */
  readonly from: string | Stage
  readonly instruction: Instruction
  /** What follows the `FROM`. */
  readonly instructions: ReadonlyArray<Instruction>
}

export interface Stages {
  readonly all: ReadonlyArray<Stage>
  /** Those ARGs before the first FROM that have a value. */
  readonly globals: ReadonlyMap<string, string>
  /** All that were named there. */
  readonly declared: ReadonlySet<string>
}

interface Warn {
  (instruction: Instruction, message: string, hint?: string): void
}

/** Splits a Dockerfile at its FROMs. */
export const stagesOf = (dockerfile: Dockerfile, book: FactBook, options: ImportOptions, warn: Warn): Stages => {
  const globals = new Map<string, string>()
  const declared = new Set<string>()
  const platform = platformArguments(options.platform)
  const stages: Array<Stage & { readonly instructions: Array<Instruction> }> = []
  const names = new Map<string, Stage>()
  for (const instruction of dockerfile.instructions) {
    const stage = stages.at(-1)
    const expand: Expand = expander({
      instruction,
      escape: dockerfile.escape,
      lookup: (name) => book.substitute(globals.get(name) ?? platform.get(name)),
      missing: (name) => warn(instruction, `${name} is not set here, and is taken as empty`, globalHint(name))
    })
    if (instruction.keyword === "FROM") {
      const next = readFrom(instruction, stages.length, expand, names, options)
      const made = { ...next, instructions: [] }
      stages.push(made)
      if (made.name !== undefined) names.set(made.name, made)
    } else if (stage !== undefined) {
      stage.instructions.push(instruction)
    } else if (instruction.keyword === "ARG") {
      for (const { name, value } of pairsOf(instruction, dockerfile.escape)) {
        declared.add(name)
        const given = options.buildArguments.get(name) ?? (value === undefined ? undefined : expand(value))
        if (given !== undefined) globals.set(name, given)
      }
    } else {
      throw new ImportRefused(
        instruction.range,
        `${instruction.keyword} stands before the first FROM`,
        "only ARG can stand there"
      )
    }
  }
  if (stages.length === 0) {
    throw new ImportRefused({ start: 0, end: 0 }, "this Dockerfile has no FROM", "it begins with FROM IMAGE")
  }
  return { all: stages, globals, declared }
}

const globalHint = (name: string): string => `ARG ${name}=VALUE before the first FROM gives it one`

const readFrom = (
  instruction: Instruction,
  index: number,
  expand: Expand,
  names: ReadonlyMap<string, Stage>,
  options: ImportOptions
): Omit<Stage, "instructions"> => {
  const words = instruction.text.split(/[ \t]+/).filter((word) => word !== "")
  const [image = "", as, name, more] = words
  if (image === "" || more !== undefined || (as !== undefined && (as.toUpperCase() !== "AS" || name === undefined))) {
    throw new ImportRefused(
      instruction.argumentsRange,
      "this FROM cannot be read",
      "write FROM IMAGE, or FROM IMAGE AS NAME"
    )
  }
  for (const flag of instruction.flags) {
    const value = flag.name === "platform" ? expand(flag.value ?? "") : undefined
    if (value === undefined) throw new ImportRefused(flag.range, `FROM has no flag --${flag.name}`)
    if (!samePlatform(value, options.platform)) {
      throw new ImportRefused(
        flag.range,
        `this stage is for ${JSON.stringify(value)}, and the build for ${options.platform}`,
        "all stages are built for one platform here; --platform says which"
      )
    }
  }
  const stage = name?.toLowerCase()
  if (stage !== undefined && !/^[a-z][a-z0-9-_.]*$/.test(stage)) {
    throw new ImportRefused(
      instruction.argumentsRange,
      `${JSON.stringify(name)} cannot be a stage's name`,
      "it begins with a letter, and goes on with letters, digits, -, _ and ."
    )
  }
  const base = expand(image)
  if (base === "") {
    throw new ImportRefused(
      instruction.argumentsRange,
      "this FROM names no image: its variables are empty",
      "give them values with --build-arg, or with ARG before the first FROM"
    )
  }
  return { index, name: stage, from: names.get(base.toLowerCase()) ?? base, instruction }
}

/** `linux/arm64` and `linux/arm64/v8` are the same, as are an empty text and any. */
const samePlatform = (wanted: string, own: string): boolean => {
  const normal = (text: string): string => text.toLowerCase().replace(/^(linux\/arm64)\/v8$/, "$1")
  return wanted === "" || normal(wanted) === normal(own)
}

/** A stage by its name in any case, or by its number, if it comes before so many. */
export const stageNamed = (
  stages: ReadonlyArray<Stage>,
  name: string,
  before: number = stages.length
): Stage | undefined => {
  const wanted = name.toLowerCase()
  for (let index = before - 1; index >= 0; index--) {
    if (stages[index]?.name === wanted) return stages[index]
  }
  return /^[0-9]{1,9}$/.test(name) && Number(name) < before ? stages[Number(name)] : undefined
}
