/**
 * What the layers in memory share: the disk, the base images, the gates, and a
 * record of all that was done. It outlives the sessions that use it, as a disk
 * outlives processes.
 */
import * as Effect from "effect/Effect"
import type { StepId } from "../../domain/Digest.ts"
import type { Variable } from "../../domain/Inputs.ts"
import type { NoteName, ResultInfo } from "../Store.ts"
import * as FileTree from "./FileTree.ts"
import { Gate } from "./Gate.ts"

/** A base image: what `(from NAME)` means. */
export interface MemoryBase {
  readonly tree: FileTree.Directory
  readonly environment: ReadonlyArray<Variable>
  /** As `BaseInput` has it. */
  readonly platform: string
}

export const base = (
  entries: Readonly<Record<string, FileTree.TreeInput>>,
  options: { readonly environment?: ReadonlyArray<Variable>; readonly platform?: string } = {}
): MemoryBase => ({
  tree: FileTree.make(entries),
  environment: options.environment ?? [{ name: "PATH", value: "/bin" }],
  platform: options.platform ?? "linux/amd64"
})

/** A result on the disk. */
export interface StoredResult {
  readonly info: ResultInfo
  readonly tree: FileTree.Directory
  readonly log: Uint8Array
  readonly notes: Map<NoteName, string>
  readonly created: number
  lastUsed: number
}

/** A cache on the disk; each new version has the next number. */
export interface StoredCache {
  readonly version: number
  readonly tree: FileTree.Directory
  readonly lastUsed: number
}

/** Something that a session has on the disk for as long as it needs it. */
export interface Temporary {
  readonly session: number
  /** What it is, for a test's message. */
  readonly what: string
}

/** One thing done, begun and ended at ticks of the world's own clock. */
export interface Activity {
  readonly kind: "run" | "build" | "unpack"
  /** The script of a run, the id of a result in the making, the reference of a base. */
  readonly subject: string
  readonly session: number
  readonly begun: number
  ended: number | undefined
}

/** The right to make a result. */
export interface Claim {
  readonly session: number
  /** What the step has written so far. */
  readonly log: Array<Uint8Array>
  /** Completes when the right is given back, or its session has crashed. */
  readonly over: Effect.Effect<void>
}

export class MemoryWorld {
  /** Results by their realised id. */
  readonly results = new Map<StepId, StoredResult>()
  /** What planned ids mean. */
  readonly realised = new Map<StepId, StepId>()
  readonly caches = new Map<string, StoredCache>()
  /** Who is making which result. */
  readonly claims = new Map<StepId, Claim>()
  /** Which sessions hold a result. */
  readonly holds = new Map<StepId, Set<number>>()
  /** Temporary things by number; those of dead sessions go when the next session begins. */
  readonly temporary = new Map<number, Temporary>()
  /** Base images by the spec's `(from …)`. A test may change them. */
  readonly bases: Map<string, MemoryBase>
  /** Sessions that live. */
  readonly sessions = new Set<number>()
  /** All that was done, in the order in which it began. */
  readonly activities: Array<Activity> = []
  /** Bytes of files that the disk has room for. A test may change it. */
  capacity = Number.POSITIVE_INFINITY
  private readonly gates = new Map<string, Gate>()
  private ticks = 0

  constructor(bases: ReadonlyMap<string, MemoryBase>) {
    this.bases = new Map(bases)
  }

  /** The gate of this name, made when it is first asked for. */
  gate(name: string): Effect.Effect<Gate> {
    return Effect.suspend(() => {
      const gate = this.gates.get(name)
      if (gate !== undefined) return Effect.succeed(gate)
      return Effect.map(Gate.make, (made) => {
        const meanwhile = this.gates.get(name)
        if (meanwhile !== undefined) return meanwhile
        this.gates.set(name, made)
        return made
      })
    })
  }

  /** The next number: for ticks, sessions and temporary things. */
  tick(): number {
    return ++this.ticks
  }

  /** The results that living sessions hold. */
  held(): ReadonlySet<StepId> {
    const held = new Set<StepId>()
    for (const [id, sessions] of this.holds) if ([...sessions].some((one) => this.sessions.has(one))) held.add(id)
    return held
  }

  /** Activities of a kind, those with this subject where one is given. */
  done(kind: Activity["kind"], subject?: string): ReadonlyArray<Activity> {
    return this.activities.filter((one) => one.kind === kind && (subject === undefined || one.subject === subject))
  }

  /** What goes on now, in sessions that live. A session that has crashed took its processes with it. */
  alive(kind: Activity["kind"]): ReadonlyArray<Activity> {
    return this.done(kind).filter((one) => one.ended === undefined && this.sessions.has(one.session))
  }

  /** How many activities of a kind went on at the same time at most. */
  mostAtOnce(kind: Activity["kind"]): number {
    const changes = this.done(kind).flatMap((one) => [
      { at: one.begun, by: 1 },
      { at: one.ended ?? Number.POSITIVE_INFINITY, by: -1 }
    ])
    changes.sort((a, b) => a.at - b.at)
    let [now, most] = [0, 0]
    for (const change of changes) {
      now += change.by
      most = Math.max(most, now)
    }
    return most
  }

  /** A result's root file system, listed; `undefined` where there is no such result. */
  listing(id: StepId): ReadonlyArray<FileTree.Listed> | undefined {
    const result = this.results.get(id)
    return result === undefined ? undefined : FileTree.listing(result.tree)
  }

  /** The text of a file of a result, links followed; `undefined` where there is none. */
  readText(id: StepId, path: string): string | undefined {
    const result = this.results.get(id)
    return result === undefined ? undefined : FileTree.text(result.tree, path)
  }
}

/** A new world with an empty disk and these base images. */
export const make = (bases: Readonly<Record<string, MemoryBase>> = {}): MemoryWorld =>
  new MemoryWorld(new Map(Object.entries(bases)))
