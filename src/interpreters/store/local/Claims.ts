/**
 * Who makes which result: a file for each that is being made, which its maker
 * holds a lock on. The kernel drops the lock when the process ends, however it
 * ends, so that a claim never outlives its holder. The file says where in the
 * temporary space the result is being made.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import type { StepId } from "../../../domain/Digest.ts"
import { codeOf } from "../../host/IoError.ts"
import { tryLock } from "../../host/Libc.ts"
import { isAt } from "../../host/Names.ts"
import type { Elsewhere, StoreError } from "../../Store.ts"
import type { Layout } from "./Layout.ts"

const { O_CREAT, O_NOFOLLOW, O_RDONLY, O_RDWR } = Fs.constants

/** Between two looks at what another process does. */
const LOOK = "20 millis"

/** Where a result may be made: below the temporary space. */
const MAX_PLACE = 64
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
      (taken) => (taken ? Effect.succeedNone : this.elsewhere(id))
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
      const fd = open(path)
      if (fd === undefined) continue
      try {
        if (tryLock(fd) && isAt(fd, path)) Fs.unlinkSync(path)
      } finally {
        Fs.closeSync(fd)
      }
    }
  }

  private path(id: StepId): string {
    return `${this.layout.making}/${id}`
  }

  private tryTake(id: StepId): boolean {
    const path = this.path(id)
    for (;;) {
      const fd = Fs.openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
      try {
        if (!tryLock(fd)) return false
        // Its last holder removes the file before letting go of it.
        if (isAt(fd, path)) {
          Fs.ftruncateSync(fd)
          this.held.set(id, fd)
          return true
        }
      } finally {
        if (this.held.get(id) !== fd) Fs.closeSync(fd)
      }
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

  /** Follows the one who holds it now, and nobody who may hold it later: his file stays open, and so its inode his. */
  private elsewhere(id: StepId): Effect.Effect<Option.Option<Elsewhere>, StoreError, Scope.Scope> {
    const path = this.path(id)
    return Effect.map(
      Effect.acquireRelease(
        this.attempt(() => ({ claim: open(path), log: undefined as number | undefined })),
        ({ claim, log }) => Effect.sync(() => [claim, log].forEach((fd) => fd !== undefined && Fs.closeSync(fd)))
      ),
      (files) => {
        const log = () => (files.log ??= files.claim === undefined ? undefined : this.openLog(files.claim))
        return Option.some({
          readLog: (offset: number, limit: number) =>
            this.attempt(() => {
              const fd = log()
              if (fd === undefined) return new Uint8Array(0)
              const data = Buffer.alloc(limit)
              return data.subarray(0, Fs.readSync(fd, data, 0, limit, offset))
            }),
          more: Effect.zipRight(
            Effect.sleep(LOOK),
            this.attempt(() => files.claim !== undefined && isHeld(files.claim, path))
          ),
          kept: this.attempt(() => {
            const fd = log()
            return fd !== undefined && isAt(fd, this.layout.log(id))
          })
        })
      }
    )
  }

  /** The log of a result in the making; `undefined` before the first output, and when it is moved. */
  private openLog(claim: number): number | undefined {
    const place = Buffer.alloc(MAX_PLACE)
    const text = place.toString("latin1", 0, Fs.readSync(claim, place, 0, MAX_PLACE, 0))
    return PLACE.test(text) ? open(`${this.layout.temporary}/${text}/log`) : undefined
  }
}

/** Whether the claim in an open file is still held by whoever holds it. */
const isHeld = (claim: number, path: string): boolean => {
  const fd = open(path)
  if (fd === undefined) return false
  try {
    return isAt(claim, path) && !tryLock(fd, "shared")
  } finally {
    Fs.closeSync(fd)
  }
}

const open = (path: string): number | undefined => {
  try {
    return Fs.openSync(path, O_RDONLY | O_NOFOLLOW)
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined
    throw error
  }
}
