/**
 * Which results are known to have reached the disk.
 *
 * Nothing is written to the disk at once, which is what makes builds slow: the
 * kernel does it when it likes. While the machine runs that does not matter,
 * whatever happens to processes. When the machine itself went down, a result may
 * be there whose files are not. So every result says in which run of the kernel
 * it was made, and when; and the store remembers the last run that wrote to it,
 * and until when what that run made was written to the disk as a whole
 * (`syncfs(2)`). What a run made after that is dropped by the next one.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { bootName } from "../../host/Boot.ts"
import { syncFileSystem } from "../../host/Libc.ts"
import type { Layout } from "./Layout.ts"

/** When something was made. */
export interface Stamp {
  /** The run of the kernel, by `Boot.ts`. */
  readonly boot: string
  /** Milliseconds since that began, by the monotonic clock. */
  readonly at: number
}

export const isStamp = (value: Partial<Record<keyof Stamp, unknown>>): boolean =>
  typeof value.boot === "string" && Number.isSafeInteger(value.at)

/** Milliseconds of work that one may lose: when more has been done, what it made is written to the disk. */
const AT_STAKE = 10_000

/** Milliseconds after which less work is worth it as well. */
const LONG = 60_000

/** Milliseconds of work that a process leaves behind without having it written. */
const LEFT = 1000

export class Durability {
  private readonly layout: Layout
  private thisBoot: string | undefined
  private synced: Stamp | null | undefined
  private atStake = 0
  private isSyncing = false

  constructor(layout: Layout) {
    this.layout = layout
  }

  /** For something that is made now. */
  stamp(): Stamp {
    return { boot: this.boot, at: now() }
  }

  /** Whether what was made then can be trusted. */
  isSafe({ at, boot }: Stamp): boolean {
    if (boot === this.boot) return true
    const synced = (this.synced ??= this.read())
    return synced !== null && (boot !== synced.boot || at <= synced.at)
  }

  /** Whether the last run that wrote to the store is over, and what it left has still to be looked through. */
  isOver(): boolean {
    this.synced = this.read()
    return this.synced?.boot !== this.boot
  }

  /** Writes to the disk what has been dropped: otherwise it could come back after the next crash. */
  readonly settle: Effect.Effect<void> = Effect.suspend(() => this.syncAll()).pipe(Effect.ignore)

  /** Begins to remember this run: all that is in the store is safe. `temporary` is a path on the same file system. */
  begin(temporary: string): void {
    this.write({ boot: this.boot, at: now() }, temporary)
    // This once its name has to be on the disk too: an old one would vouch for what this run makes.
    const fd = Fs.openSync(this.layout.root, "r")
    try {
      Fs.fsyncSync(fd)
    } finally {
      Fs.closeSync(fd)
    }
  }

  /** Counts work that was done, in milliseconds. True when what it made should be written to the disk. */
  count(work: number): boolean {
    this.atStake += work
    return !this.isSyncing && this.atStake > (now() - this.last > LONG ? LEFT : AT_STAKE)
  }

  /** Whether there is something that a process should not leave behind unwritten. */
  isWorthIt(): boolean {
    return this.atStake > LEFT
  }

  /** Writes all that was made until now to the disk, and remembers that. Where it fails nothing is remembered. */
  sync(temporary: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const stamp = this.stamp()
      const before = this.atStake
      this.isSyncing = true
      return this.syncAll().pipe(
        Effect.zipRight(
          Effect.try(() => {
            this.write(stamp, temporary)
            this.atStake -= before
          })
        ),
        Effect.ignore,
        Effect.ensuring(Effect.sync(() => (this.isSyncing = false)))
      )
    })
  }

  private syncAll(): Effect.Effect<void, unknown> {
    return Effect.acquireUseRelease(
      Effect.try(() => Fs.openSync(this.layout.root, "r")),
      (fd) => Effect.tryPromise(() => syncFileSystem(fd)),
      (fd) => Effect.sync(() => Fs.closeSync(fd))
    )
  }

  /** By the monotonic clock, when this run's results were last written; long ago where they never were. */
  private get last(): number {
    return this.synced?.boot === this.boot ? this.synced.at : Number.NEGATIVE_INFINITY
  }

  private get boot(): string {
    return (this.thisBoot ??= bootName())
  }

  private read(): Stamp | null {
    try {
      const value = JSON.parse(Fs.readFileSync(this.layout.synced, "utf8")) as Partial<Stamp> | null
      return value !== null && isStamp(value) ? (value as Stamp) : null
    } catch {
      // Lost, or not written to its end: then nothing of other runs is known to be safe.
      return null
    }
  }

  private write(stamp: Stamp, temporary: string): void {
    // Some file systems give a file its new name before it has its content.
    Fs.writeFileSync(temporary, JSON.stringify(stamp), { mode: 0o600, flush: true })
    Fs.renameSync(temporary, this.layout.synced)
    this.synced = stamp
  }
}

/** The same for all processes of a run. */
const now = (): number => Number(process.hrtime.bigint() / 1_000_000n)
