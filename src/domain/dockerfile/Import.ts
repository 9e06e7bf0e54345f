/**
 * A Dockerfile as a spec. Pure and total: what is to be known of the world are
 * facts, and those that are missing are named with the answer, which counts only
 * when none is.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { parse as parseReference } from "../ImageReference.ts"
import * as Problem from "../Problem.ts"
import type { NestedBuild, Spec } from "../Spec.ts"
import { fromProblem, type SpecError } from "../SpecError.ts"
import { suggest } from "../Suggestion.ts"
import type { Dockerfile, Instruction } from "./Dockerfile.ts"
import { type Asked, FactBook, type ImportFacts, type ImportOptions } from "./ImportFacts.ts"
import type { Imported, Note } from "./Imported.ts"
import { importInstruction } from "./ImportInstruction.ts"
import { ImportRefused } from "./ImportRefused.ts"
import { type Stage, stageNamed, type Stages, stagesOf } from "./ImportStages.ts"
import { isProxy, platformArguments } from "./PlatformArguments.ts"
import { froms } from "./StageSources.ts"
import { StageImport, type Whole } from "./StageImport.ts"

export interface Answer {
  readonly result: Either.Either<Imported, SpecError>
  /** The facts that were missing. Where there are any the result is not to be used. */
  readonly asked: Asked
}

/** More operations than this are not written by anybody. */
const MAX_OPERATIONS = 300_000

export const importDockerfile = (dockerfile: Dockerfile, facts: ImportFacts, options: ImportOptions): Answer => {
  const book = new FactBook(facts)
  try {
    return { result: Either.right(new Import(dockerfile, book, options).imported()), asked: book.asked }
  } catch (error) {
    if (!(error instanceof ImportRefused)) throw error
    const problem = Problem.make(error.range, error.message, { hint: error.hint })
    return { result: Either.left(fromProblem(dockerfile.source, problem)), asked: book.asked }
  }
}

class Import {
  private readonly dockerfile: Dockerfile
  private readonly options: ImportOptions
  private readonly whole: Whole
  private readonly stages: Stages
  private readonly notes: Array<Note> = []
  private readonly done = new Map<Stage, StageImport>()
  /** Nested builds that something is copied from: by what makes them, their names. */
  private readonly builds = new Map<Stage | string, string>()
  private readonly names = new Set<string>()

  constructor(dockerfile: Dockerfile, book: FactBook, options: ImportOptions) {
    this.dockerfile = dockerfile
    this.options = options
    this.stages = stagesOf(dockerfile, book, options, (instruction, message, hint) =>
      this.note(instruction, message, hint)
    )
    this.whole = {
      dockerfile,
      options,
      book,
      stages: this.stages,
      spans: new Map(),
      notes: this.notes,
      unseen: new Set(),
      buildFor: (from, of) => this.buildFor(from, of)
    }
  }

  private note({ range }: Instruction, message: string, hint?: string): void {
    this.notes.push({ span: this.dockerfile.source.span(range.start, range.end), message, hint })
  }

  imported(): Imported {
    this.checkSyntax()
    const target = this.target()
    const needed = this.neededBy(target)
    const sources = this.copied(needed)
    let operations = 0
    for (const stage of this.stages.all) {
      if (!needed.has(stage)) {
        this.note(
          stage.instruction,
          `the stage ${nameOf(stage)} is not needed for ${whichOf(target, this.options)}, and left out`
        )
        continue
      }
      const made = this.importStage(stage)
      this.done.set(stage, made)
      if (sources.has(stage)) made.makeWorkdir()
      operations += made.ops.length
      if (operations > MAX_OPERATIONS) {
        throw new ImportRefused(stage.instruction.range, `this comes to more than ${MAX_OPERATIONS} operations`)
      }
    }
    this.unusedArguments()
    const main = this.done.get(target)
    if (main === undefined) throw new ImportRefused(target.instruction.range, "this stage was not imported")
    main.finish()
    const { now } = main
    return {
      spec: this.spec(main, this.nested()),
      file: this.dockerfile.source.file,
      text: this.dockerfile.source.text,
      spans: this.whole.spans,
      notes: this.notes.sort((a, b) => a.span.start.offset - b.span.start.offset),
      image: {
        settings: main.settings(),
        environment: main.variables(),
        workdir: now.namesWorkdir || main.base === "scratch" ? now.workdir : undefined
      }
    }
  }

  /** Another program would read the file. */
  private checkSyntax(): void {
    if (this.options.platform.startsWith("windows/")) {
      throw new ImportRefused({ start: 0, end: 0 }, "Dockerfiles for Windows are not imported", "write a spec")
    }
    for (const { name, range, value } of this.dockerfile.directives) {
      if (name === "syntax" && !/^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?::|@|$)/.test(value)) {
        throw new ImportRefused(
          range,
          `this file is read by ${JSON.stringify(value)}, and may mean anything`,
          "only Docker's own syntax, docker/dockerfile, is known"
        )
      }
    }
  }

  private target(): Stage {
    const { target } = this.options
    const { all } = this.stages
    const found = target === undefined ? all.at(-1) : stageNamed(all, target)
    if (found !== undefined) return found
    const names = all.map(nameOf).slice(0, 20).join(", ")
    throw new ImportRefused(
      { start: 0, end: 0 },
      `there is no stage ${JSON.stringify(target)}`,
      `the stages are ${names}`
    )
  }

  /** The earlier stage that a `--from` names, if it is one. */
  private sourceStage(from: string, of: Stage): Stage | undefined {
    return stageNamed(this.stages.all, from, of.index)
  }

  private neededBy(target: Stage): ReadonlySet<Stage> {
    const needed = new Set<Stage>()
    const pending = [target]
    for (let stage = pending.pop(); stage !== undefined; stage = pending.pop()) {
      if (needed.has(stage)) continue
      needed.add(stage)
      if (typeof stage.from !== "string") pending.push(stage.from)
      pending.push(...this.sourcesOf(stage))
    }
    return needed
  }

  private sourcesOf(stage: Stage): ReadonlyArray<Stage> {
    return stage.instructions.flatMap(froms).flatMap((from) => this.sourceStage(from, stage) ?? [])
  }

  private copied(stages: ReadonlySet<Stage>): ReadonlySet<Stage> {
    return new Set([...stages].flatMap((stage) => this.sourcesOf(stage)))
  }

  private importStage(stage: Stage): StageImport {
    const made = new StageImport(this.whole, stage.instruction, this.baseOf(stage))
    this.current = stage
    for (const instruction of stage.instructions) {
      made.begin(instruction)
      importInstruction(made)
    }
    return made
  }

  private current: Stage | undefined

  private baseOf(stage: Stage): { readonly base: string } | { readonly stage: StageImport } {
    const { from, instruction } = stage
    if (typeof from === "string") return { base: referenceOf(from, instruction) }
    const made = this.done.get(from)
    if (made === undefined) throw new ImportRefused(instruction.range, `the stage ${nameOf(from)} was not imported`)
    return { stage: made }
  }

  private buildFor(from: string, of: StageImport): string {
    const stage = this.current === undefined ? undefined : this.sourceStage(from, this.current)
    if (stage !== undefined) return this.named(stage, stage.name ?? `stage-${stage.index}`)
    const later = stageNamed(this.stages.all, from)
    if (later !== undefined) {
      return of.refuse(
        `the stage ${nameOf(later)} is not finished here, and cannot be copied from`,
        "a stage copies from those before it"
      )
    }
    if (/^[0-9]+$/.test(from)) return of.refuse(`there is no stage ${from} before this one`, "stages count from 0")
    const image = referenceOf(from, of.current)
    this.noteSlip(from, of)
    return this.named(image, from)
  }

  /** An image may be called nearly as a stage is; it is more likely a slip. */
  private noteSlip(from: string, of: StageImport): void {
    const before = this.stages.all.slice(0, this.current?.index).flatMap(({ name }) => name ?? [])
    const meant = suggest(from, before)
    if (Option.isNone(meant)) return
    of.note(
      `${JSON.stringify(from)} is no stage, and taken as an image`,
      `did you mean the stage ${JSON.stringify(meant.value)}?`
    )
  }

  private named(key: Stage | string, wanted: string): string {
    const known = this.builds.get(key)
    if (known !== undefined) return known
    let name = wanted
    for (let count = 2; this.names.has(name); count++) name = `${wanted}-${count}`
    this.names.add(name)
    this.builds.set(key, name)
    return name
  }

  /** Images first, and stages in the order in which they can copy from each other. */
  private nested(): ReadonlyArray<NestedBuild> {
    const { spans } = this.whole
    const builds: Array<NestedBuild> = []
    const add = (name: string, spec: Spec): void => {
      const build = { name, spec }
      const span = spans.get(spec)
      if (span !== undefined) spans.set(build, span)
      builds.push(build)
    }
    const used = this.imageSpans()
    for (const [key, name] of this.builds) {
      if (typeof key !== "string") continue
      const spec: Spec = { builds: [], from: key, ops: [] }
      const span = used.get(name)
      if (span !== undefined) spans.set(spec, span)
      add(name, spec)
    }
    for (const stage of this.stages.all) {
      const name = this.builds.get(stage)
      const made = this.done.get(stage)
      if (name !== undefined && made !== undefined) add(name, this.spec(made, []))
    }
    return builds
  }

  /** Where each image is first copied from. */
  private imageSpans(): ReadonlyMap<string, Note["span"]> {
    const found = new Map<string, Note["span"]>()
    for (const made of this.done.values()) {
      for (const op of made.ops) {
        if (op._tag !== "Copy" || op.from._tag !== "Build" || found.has(op.from.name)) continue
        const span = this.whole.spans.get(op)
        if (span !== undefined) found.set(op.from.name, span)
      }
    }
    return found
  }

  private spec(made: StageImport, builds: ReadonlyArray<NestedBuild>): Spec {
    const spec: Spec = { builds, from: made.base, ops: made.ops }
    this.whole.spans.set(spec, made.baseSpan)
    return spec
  }

  private unusedArguments(): void {
    const known = new Set([...this.stages.declared, ...platformArguments(this.options.platform).keys()])
    for (const made of this.done.values()) for (const name of made.now.declared) known.add(name)
    const [first] = this.dockerfile.instructions
    for (const name of this.options.buildArguments.keys()) {
      if (known.has(name) || first === undefined) continue
      this.note(
        first,
        `no ARG takes the build argument ${name}`,
        isProxy(name)
          ? `steps do not see it: write ARG ${name}, after which it is part of what they are made of`
          : undefined
      )
    }
  }
}

const nameOf = (stage: Stage): string => JSON.stringify(stage.name ?? String(stage.index))

/** The target as a user knows it. */
const whichOf = (target: Stage, options: ImportOptions): string =>
  options.target === undefined ? "the last stage" : nameOf(target)

/** A Dockerfile's images are in registries: what would mean something else in a spec is written out. */
const referenceOf = (image: string, instruction: Instruction): string => {
  if (image.toLowerCase() === "scratch") return "scratch"
  const short = parseReference(image)
  if (Either.isRight(short) && short.right._tag === "Registry" && !image.startsWith("docker://")) return image
  const long = parseReference(`docker://${image}`)
  if (Either.isRight(long) && long.right._tag === "Registry") return `docker://${image}`
  const reason = Either.isLeft(long) ? long.left.message : "no such image can be in a registry"
  throw new ImportRefused(instruction.argumentsRange, `${JSON.stringify(image)} names no image: ${reason}`)
}
