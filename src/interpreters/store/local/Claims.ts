/**
 * Who makes which result: a file for each that is being made, which its maker
 * holds a lock on. The kernel drops the lock when the process ends, however it
 * ends, so that a claim never outlives its holder. The file says where in the
 * temporary space the result is being made.
 */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import type { StepId } from "../../../domain/Digest.ts"
import { codeOf } from "../../host/IoError.ts"
import { tryLock } from "../../host/Libc.ts"
import type { Elsewhere, StoreError } from "../../Store.ts"
import type { Layout } from "./Layout.ts"

const { O_CREAT, O_NOFOLLOW, O_RDONLY, O_RDWR } = Fs.constants

/** Between two looks at what another process does. */
const LOOK = "20 millis"

/** Where a result may be made: below the temporary space. */
const PLACE = /^\d+-[0-9a-f]{12}\/\d+$/

type Attempt = <A>(work: () => A) => Effect.Effect<A, StoreError>

export class Claims {
  private readonly layout: Layout
  private readonly attempt: Attempt
  /** The claims that are held here, open. */
  private readonly held = new Map<StepId, number>()

  constructor(layout: Layout, attempt: Attempt) {
    this.layout = layout
    this.attempt = attempt
  }

  /** As `StoreService.claim`. */
  take(id: StepId): Effect.Effect<Option.Option<Elsewhere>, StoreError, Scope.Scope> {
    return Effect.flatMap(
      Effect.acquireRelease(
        this.attempt(() => this.tryTake(id)),
        (taken) => Effect.sync(() => taken && this.drop(id))
      ),
      (taken) => (taken ? Effect.succeedNone : Effect.asSome(this.elsewhere(id)))
    )
  }

  /** Notes where the result is made, for those who follow. */
  note(id: StepId, directory: string): void {
    const fd = this.held.get(id)
    if (fd !== undefined) Fs.writeSync(fd, directory.slice(this.layout.temporary.length + 1), 0)
  }

  /** Removes what dead processes left. */
  sweep(): void {
    for (const name of Fs.readdirSync(this.layout.making)) {
      const path = `${this.layout.making}/${name}`
      const fd = open(path, O_RDONLY)
      if (fd === undefined) continue
      if (tryLock(fd) && isStill(fd, path)) Fs.unlinkSync(path)
      Fs.closeSync(fd)
    }
  }

  private path(id: StepId): string {
    return `${this.layout.making}/${id}`
  }

  private tryTake(id: StepId): boolean {
    const path = this.path(id)
    for (;;) {
      const fd = Fs.openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
      if (!tryLock(fd)) {
        Fs.closeSync(fd)
        return false
      }
      // Its last holder removes the file before letting go of it.
      if (isStill(fd, path)) {
        Fs.ftruncateSync(fd)
        this.held.set(id, fd)
        return true
      }
      Fs.closeSync(fd)
    }
  }

  private drop(id: StepId): void {
    const fd = this.held.get(id)
    if (fd === undefined) return
    this.held.delete(id)
    try {
      Fs.unlinkSync(this.path(id))
    } catch {
      // The next one takes it over.
    }
    Fs.closeSync(fd)
  }

  private elsewhere(id: StepId): Effect.Effect<Elsewhere, never, Scope.Scope> {
    let log: number | undefined
    const readLog = (offset: number, limit: number) =>
      this.attempt(() => {
        log ??= this.openLog(id)
        if (log === undefined) return new Uint8Array(0)
        const data = Buffer.alloc(limit)
        return data.subarray(0, Fs.readSync(log, data, 0, limit, offset))
      })
    const more = Effect.zipRight(
      Effect.sleep(LOOK),
      this.attempt(() => this.isHeld(id))
    )
    return Effect.as(
      Effect.addFinalizer(() => Effect.sync(() => log !== undefined && Fs.closeSync(log))),
      { more, readLog }
    )
  }

  private isHeld(id: StepId): boolean {
    const fd = open(this.path(id), O_RDONLY)
    if (fd === undefined) return false
    const free = tryLock(fd, "shared")
    Fs.closeSync(fd)
    return !free
  }

  /** The log of a result in the making, or of the finished one; `undefined` before the first output. */
  private openLog(id: StepId): number | undefined {
    const place = readOr(this.path(id), "")
    const making = PLACE.test(place) ? open(`${this.layout.temporary}/${place}/log`, O_RDONLY) : undefined
    return making ?? open(this.layout.log(id), O_RDONLY)
  }
}

const open = (path: string, flags: number): number | undefined => {
  try {
    return Fs.openSync(path, flags | O_NOFOLLOW)
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined
    throw error
  }
}

const readOr = (path: string, otherwise: string): string => {
  try {
    return Fs.readFileSync(path, "utf8")
  } catch {
    return otherwise
  }
}

/** Whether an open file is the one that has this name. */
const isStill = (fd: number, path: string): boolean =>
  Fs.lstatSync(path, { throwIfNoEntry: false })?.ino === Fs.fstatSync(fd).ino
