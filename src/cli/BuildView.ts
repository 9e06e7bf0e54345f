/**
 * Shows a build's events as OBuilder prints them. Stages may run at the same
 * time; they are shown one after the other, in the plan's order: the one whose
 * turn it is as it happens, the others held back until it is theirs.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { StepId } from "../domain/Digest.ts"
import type { BuildEvent } from "../interpreters/Events.ts"
import { oneLine } from "../plan/ChangeText.ts"
import type { Plan } from "../plan/Plan.ts"
import { paint } from "./Colors.ts"
import { HeldBack } from "./HeldBack.ts"
import { ocamlString } from "../domain/OcamlString.ts"
import { OutputError, type PipeClosed, type Sink } from "./Output.ts"
import { codeOf } from "./SystemError.ts"

type Shown = Effect.Effect<void, PipeClosed | OutputError>

export interface BuildView {
  readonly onEvent: (event: BuildEvent) => Effect.Effect<void>
  /**
   * For a build that ended before all its stages did: shows what is still held
   * back of the stage that failed, and then nothing more, so that the reason is
   * what comes last. Where no stage is at fault, all that is held back.
   */
  readonly flush: (failed: Option.Option<string>) => Shown
  /** Never succeeds; fails as soon as something cannot be shown. */
  readonly failure: Effect.Effect<never, PipeClosed | OutputError>
}

export const make = (options: {
  readonly plan: Plan
  readonly sink: Sink
  readonly colors: boolean
}): Effect.Effect<BuildView, never, Scope.Scope> =>
  Effect.gen(function* () {
    const broken = yield* Deferred.make<never, PipeClosed | OutputError>()
    const mutex = yield* Effect.makeSemaphore(1)
    const stages = options.plan.stages.map(({ label }) => new StageView(label))
    const inOrder = asOneAfterTheOther(options.plan)
    yield* Effect.addFinalizer(() => Effect.sync(() => stages.forEach((stage) => stage.held.close())))
    let turn = 0
    let lineOpen = false

    const show = (bytes: Uint8Array): Shown => {
      if (bytes.length > 0) lineOpen = bytes.at(-1) !== NEWLINE
      return bytes.length === 0 ? Effect.void : options.sink.write(bytes)
    }

    const release = (stage: StageView): Shown =>
      Effect.gen(function* () {
        if (lineOpen) yield* show(LINE_END)
        yield* stage.held.forEach(show)
        stage.held.close()
      })

    const handle = (event: BuildEvent): Shown =>
      Effect.gen(function* () {
        const at = stages.findIndex(({ label }) => label === event.stage)
        const stage = stages[at]
        if (stage === undefined) return
        const bytes = stage.render(inOrder(event), options.colors)
        if (at > turn) return yield* hold(stage, bytes)
        yield* show(bytes)
        if (at < turn || !stage.done) return
        for (let next = stages[++turn]; next !== undefined; next = next.done ? stages[++turn] : undefined) {
          yield* release(next)
        }
      })

    let waiting = 0
    /** The common case, without the cost of a lock: a stage's own event while it is the one that is shown. */
    const quick = (event: BuildEvent): Shown | undefined => {
      const stage = stages[turn]
      return waiting === 0 && stage?.label === event.stage && !ends(event)
        ? show(stage.render(inOrder(event), options.colors))
        : undefined
    }
    const locked = (event: BuildEvent): Shown => {
      waiting++
      return handle(event).pipe(mutex.withPermits(1), Effect.ensuring(Effect.sync(() => void waiting--)))
    }

    return {
      onEvent: (event) =>
        Effect.suspend(() => quick(event) ?? locked(event)).pipe(
          Effect.catchAll((error) => Effect.asVoid(Deferred.fail(broken, error)))
        ),
      flush: (failed) =>
        Effect.suspend(() => {
          const held = stages.slice(turn + 1)
          const shown = Option.match(failed, {
            onNone: () => held,
            onSome: (label) => held.filter((stage) => stage.label === label)
          })
          return Effect.forEach(shown, release, { discard: true })
        }).pipe(mutex.withPermits(1)),
      failure: Deferred.await(broken)
    }
  })

/**
 * A step that two stages share is executed by whichever comes to it first. What
 * is said is what it would have been, had the stages run in the plan's order:
 * why the first of them had to, that it saved it, and that the others found it.
 */
const asOneAfterTheOther = (plan: Plan): ((event: BuildEvent) => BuildEvent) => {
  const first = new Map<StepId, string>()
  for (const { id, stage } of plan.steps) if (!first.has(id)) first.set(id, stage)
  const saved = new Set<StepId>()
  return (event) => {
    if (event._tag === "Missed" && first.get(event.planned) !== event.stage) return { ...event, changes: [] }
    if (event._tag === "Saved") {
      saved.add(event.id)
      return first.get(event.planned) === event.stage ? event : { ...event, _tag: "Cached" }
    }
    const isFirst = event._tag === "Cached" && first.get(event.planned) === event.stage
    return isFirst && saved.has(event.id) ? { ...event, _tag: "Saved" } : event
  }
}

const ends = (event: BuildEvent): boolean => event._tag === "StageFinished" || event._tag === "StageSkipped"

const hold = (stage: StageView, bytes: Uint8Array): Shown =>
  Effect.try({
    try: () => stage.held.add(bytes),
    catch: (error) => new OutputError({ name: "a temporary file", code: codeOf(error) })
  })

const NEWLINE = 10
const LINE_END = Buffer.from("\n")
const NOTHING = new Uint8Array()

/** What is known of one stage's part of the output. */
class StageView {
  readonly label: string
  readonly held = new HeldBack()
  /** Nothing more is to come. */
  done = false
  private lineOpen = false

  constructor(label: string) {
    this.label = label
  }

  /** An event as it appears after those before it. */
  render(event: BuildEvent, colors: boolean): Uint8Array {
    const note = (text: string) => this.line(paint(colors, "note", text))
    switch (event._tag) {
      case "Heading":
        return this.line(paint(colors, "heading", event.text))
      case "Output":
        if (event.chunk.length > 0) this.lineOpen = event.chunk.at(-1) !== NEWLINE
        return event.chunk
      case "Missed":
        return event.changes.length === 0 ? NOTHING : note(`---> not cached: ${oneLine(event.changes)}`)
      case "Cached":
        return note(`---> using "${event.id}" from cache`)
      case "Saved":
        return note(`---> saved as "${event.id}"`)
      case "StageFinished":
        this.done = true
        return event.name === null ? NOTHING : note(`--> finished ${ocamlString(event.name)}`)
      case "StageSkipped":
        this.done = true
        return event.name === null ? NOTHING : note(`--> skipped ${ocamlString(event.name)}`)
    }
  }

  /** A line of ours begins a line, even where a step's output ended within one. */
  private line(text: string): Uint8Array {
    const bytes = Buffer.from(this.lineOpen ? `\n${text}\n` : `${text}\n`)
    this.lineOpen = false
    return bytes
  }
}
