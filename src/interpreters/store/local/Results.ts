/** The results of an overlayfs store on disk: which there are, and what they are made of. */
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { constants } from "node:os"
import { StepId } from "../../../domain/Digest.ts"
import { codeOf } from "../../host/IoError.ts"
import { ErrnoError } from "../../host/Libc.ts"
import { namesAt, readText } from "../../host/Names.ts"
import type { Footprint, StoredResult } from "../../Inventory.ts"
import { UnknownId } from "../../Store.ts"
import { type Durability, isStamp, type Stamp } from "./Durability.ts"
import { LAYER, type Layout } from "./Layout.ts"

export interface Meta extends Stamp {
  readonly version: 2
  readonly parent: StepId | null
  readonly heading: string
  /** Milliseconds since 1970. When it was of use last, its file's modification time says. */
  readonly created: number
  /** Directories below `results` or `squashed`, topmost first, the base's last. */
  readonly layers: ReadonlyArray<string>
  /** Bytes. */
  readonly logSize: number
}

/** A step's id. */
export const ID = /^[0-9a-f]{64}$/
const LAYER_NAME = new RegExp(`^(?:results|squashed)/[0-9a-f]{64}/${LAYER}$`)

/**
 * `undefined` for what this program did not write, or did not write to its end:
 * after a power failure a file may be empty. A schema for it would take more
 * time to make than all the rest of a cached build.
 */
const decode = (text: string): Meta | undefined => {
  let value: Partial<Record<keyof Meta, unknown>> | null
  try {
    value = JSON.parse(text) as typeof value
  } catch {
    return undefined
  }
  const isMeta =
    value?.version === 2 &&
    (value.parent === null || (typeof value.parent === "string" && ID.test(value.parent))) &&
    typeof value.heading === "string" &&
    Number.isSafeInteger(value.created) &&
    isStamp(value) &&
    Array.isArray(value.layers) &&
    value.layers.every((layer) => typeof layer === "string" && LAYER_NAME.test(layer)) &&
    Number.isSafeInteger(value.logSize)
  return isMeta ? (value as Meta) : undefined
}

/** How often a result is tried to be put where damaged ones are found. */
const ATTEMPTS = 3

/** The shortest beginning of an id that is taken for one. */
const SHORTEST = 4

export class Results {
  private readonly layout: Layout
  private readonly durability: Durability
  private readonly known = new Map<StepId, Meta>()

  constructor(layout: Layout, durability: Durability) {
    this.layout = layout
    this.durability = durability
  }

  /** What is known of a result; `undefined` where there is none, or none that can be trusted. */
  get(id: StepId): Meta | undefined {
    const known = this.known.get(id)
    // Another process may have deleted it since.
    if (known !== undefined && Fs.existsSync(this.layout.meta(id))) return known
    const text = readText(this.layout.meta(id))
    if (text === undefined) return undefined
    const meta = this.trusted(text)
    if (meta !== undefined) this.known.set(id, meta)
    return meta
  }

  private trusted(text: string): Meta | undefined {
    const meta = decode(text)
    return meta !== undefined && this.durability.isSafe(meta) ? meta : undefined
  }

  /** Makes a directory the result, in one step. Where the result is there already it stays. */
  commit(id: StepId, directory: string, meta: Meta): void {
    Fs.writeFileSync(`${directory}/meta.json`, JSON.stringify(meta), { mode: 0o600 })
    const target = this.layout.result(id)
    for (let attempt = 1; !move(directory, target); attempt++) {
      if (this.get(id) !== undefined) return
      if (attempt > ATTEMPTS) throw new ErrnoError(constants.errno.EEXIST, "rename", target)
      this.setAside(target, `${directory}-damaged-${attempt}`)
      // What was merged of it goes with it.
      if (Fs.existsSync(this.layout.squash(id))) move(this.layout.squash(id), `${directory}-merged-${attempt}`)
    }
    // The next step builds on it.
    this.known.set(id, meta)
  }

  /** Moves away what is no result: a file of it did not reach the disk, or somebody damaged it. */
  private setAside(path: string, away: string): void {
    try {
      Fs.renameSync(path, away)
    } catch (error) {
      // Another process was faster.
      if (codeOf(error) === "ENOENT") return
      throw error
    }
    const text = readText(`${away}/meta.json`)
    // Another process has put a good one there in the meantime.
    if (text !== undefined && this.trusted(text) !== undefined) move(away, path)
  }

  /** Notes that it was of use at a time, in milliseconds, unless it was later already. */
  use(id: StepId, time: number): void {
    const last = this.lastUsed(id)
    if (last > 0 && last < time) Fs.utimesSync(this.layout.meta(id), time / 1000, time / 1000)
  }

  /** What a result says of itself, whether it can be trusted or not; `undefined` where that cannot be read. */
  said(id: StepId): Meta | undefined {
    const text = readText(this.layout.meta(id))
    return text === undefined ? undefined : decode(text)
  }

  /** All results there are. */
  *all(): Generator<void, ReadonlyArray<StoredResult>> {
    const found: Array<StoredResult> = []
    for (const id of idsIn(this.layout.results, "")) {
      const meta = this.get(id)
      if (meta !== undefined) {
        const { created, heading, logSize } = meta
        const parent = Option.fromNullable(meta.parent)
        found.push({ id, parent, heading, created, lastUsed: this.lastUsed(id), logSize })
      }
      yield
    }
    return found
  }

  /** The parent of a result; none of a base's, and of what is no result. */
  parent(id: StepId): StepId | undefined {
    return this.get(id)?.parent ?? undefined
  }

  /** When a result was of use last, in milliseconds since 1970; long ago where there is none. */
  lastUsed(id: StepId): number {
    const stats = Fs.statSync(this.layout.meta(id), { throwIfNoEntry: false })
    // The clock of the file system may be a little late, and times that are set are fractions that miss by a little.
    return stats === undefined ? 0 : Math.max(Math.round(stats.mtimeMs), this.get(id)?.created ?? 0)
  }

  /** What a result takes on the disk, if that was kept. */
  size(id: StepId): Footprint | undefined {
    const text = readText(this.layout.size(id))
    if (text === undefined) return undefined
    try {
      const { shared, unique } = JSON.parse(text) as Partial<Footprint>
      return Number.isSafeInteger(unique) && Number.isSafeInteger(shared) ? (JSON.parse(text) as Footprint) : undefined
    } catch {
      return undefined
    }
  }

  /** Keeps it; who may not write, or meets the result going, measures again. */
  keepSize(id: StepId, footprint: Footprint): void {
    try {
      Fs.writeFileSync(this.layout.size(id), JSON.stringify(footprint), { mode: 0o600 })
    } catch {
      return
    }
  }

  /** The ids below `results`, also of what is damaged. */
  ids(): ReadonlyArray<StepId> {
    return idsIn(this.layout.results, "")
  }

  /** Forgets what planned ids meant whose results are gone. */
  *tidy(): Generator<void, void> {
    for (const planned of idsIn(this.layout.planned, "")) {
      const realised = this.realised(planned)
      if (realised === undefined || !Fs.existsSync(this.layout.result(realised))) {
        Fs.rmSync(`${this.layout.planned}/${planned}`, { force: true })
      }
      yield
    }
  }

  /** A part of a result's log; `undefined` where there is no such result. */
  log(id: StepId, offset: number, limit: number): Uint8Array | undefined {
    // Whoever reads a log has just found its result: it is not looked for again.
    const size = (this.known.get(id) ?? this.get(id))?.logSize
    if (size === undefined) return undefined
    const length = Math.min(limit, size - offset)
    if (length <= 0) return new Uint8Array(0)
    let fd: number
    try {
      fd = Fs.openSync(this.layout.log(id), "r")
    } catch (error) {
      // Deleted by another process since.
      if (codeOf(error) === "ENOENT") return undefined
      throw error
    }
    try {
      const data = Buffer.alloc(length)
      return data.subarray(0, Fs.readSync(fd, data, 0, length, offset))
    } finally {
      Fs.closeSync(fd)
    }
  }

  realised(planned: StepId): StepId | undefined {
    const text = readText(`${this.layout.planned}/${planned}`)
    return text !== undefined && ID.test(text) ? StepId.make(text, { disableValidation: true }) : undefined
  }

  /** `temporary` is a path for the new version, on the same file system. */
  realise(planned: StepId, realised: StepId, temporary: string): void {
    Fs.writeFileSync(temporary, realised, { mode: 0o600 })
    Fs.renameSync(temporary, `${this.layout.planned}/${planned}`)
  }

  /** The result that an id, planned or realised, or the beginning of one means. Throws `UnknownId`. */
  find(prefix: string): StepId {
    const wanted = prefix.toLowerCase()
    if (wanted.length < SHORTEST || !/^[0-9a-f]+$/.test(wanted)) throw new UnknownId({ id: prefix, candidates: [] })
    const found = new Set<StepId>()
    for (const id of idsIn(this.layout.results, wanted)) found.add(id)
    for (const planned of idsIn(this.layout.planned, wanted)) {
      const realised = this.realised(planned)
      if (realised !== undefined && this.get(realised) !== undefined) found.add(realised)
    }
    const [first, ...others] = [...found].sort()
    if (first === undefined || others.length > 0) throw new UnknownId({ id: prefix, candidates: [...found].sort() })
    return first
  }
}

/** The layer that a result of its own adds. */
export const ownLayer = (id: StepId): string => `results/${id}/${LAYER}`

const idsIn = (directory: string, prefix: string): ReadonlyArray<StepId> =>
  namesAt(directory)
    .filter((name) => name.startsWith(prefix) && ID.test(name))
    .map((name) => StepId.make(name, { disableValidation: true }))

/** Moves a directory; false where another one is in the way. */
export const move = (from: string, to: string): boolean => {
  try {
    Fs.renameSync(from, to)
    return true
  } catch (error) {
    const code = codeOf(error)
    if (code === "EEXIST" || code === "ENOTEMPTY") return false
    throw error
  }
}
