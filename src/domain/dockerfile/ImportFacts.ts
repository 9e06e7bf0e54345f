/**
 * What a Dockerfile is imported with: what was asked for on the command line,
 * and what is known of the world. `Import.ts` says which facts it misses, and is
 * called again with those: so nothing is looked at that nobody asks for.
 */
import { ImportRefused } from "./ImportRefused.ts"
import type { Span } from "../Span.ts"
import type { BaseInput } from "../Inputs.ts"

/** Something in the source directory, without what `.dockerignore` leaves out. */
export interface ContextEntry {
  readonly name: string
  readonly kind: "file" | "directory" | "link" | "other"
  /** Permissions, set-user-id and the like: 12 bits. */
  readonly mode: number
  /** Where a link leads to; empty for anything else. */
  readonly target: string
  /** What a directory holds, sorted by name, with what is ignored. Of one that is ignored as a whole: nothing. */
  readonly entries: ReadonlyArray<ContextEntry>
  /** `.dockerignore` leaves it out. What a directory holds may be in nevertheless. */
  readonly ignored: boolean
}

/** What ADD unpacks: a tar, or one that is compressed so. */
export type Archive = "plain" | "gzip" | "bzip2" | "xz" | "zstd"

/** What a base's configuration says. */
export type BaseFacts = Pick<BaseInput, "environment" | "user" | "workdir">

export interface ImportFacts {
  /**
   * By names in the source directory, and by `""` for itself; `undefined` for
   * what is not there.
   */
  readonly context: ReadonlyMap<string, ContextEntry | undefined>
  /** By paths in the source directory. */
  readonly archives: ReadonlyMap<string, Archive | undefined>
  /** The patterns of `.dockerignore`, with `!` before exceptions, as far as they are known. */
  readonly patterns?: ReadonlyArray<string>
  /** By base images' names, as the spec has them. */
  readonly bases: ReadonlyMap<string, BaseFacts>
}

export const noFacts: ImportFacts = { context: new Map(), archives: new Map(), bases: new Map() }

/** What was asked for, and is not among the facts. */
export interface Asked {
  readonly context: ReadonlySet<string>
  readonly archives: ReadonlySet<string>
  /** With the place of the `FROM`. */
  readonly bases: ReadonlyMap<string, Span>
}

export interface ImportOptions {
  /** `--build-arg`. */
  readonly buildArguments: ReadonlyMap<string, string>
  /** A stage's name or number; the last stage if there is none. */
  readonly target?: string | undefined
  /** What is built for, and on: `os/architecture[/variant]`. */
  readonly platform: string
  /** Whether stages begin as their bases' configurations say; else, unless a variable makes known what they say, as root in `/`. */
  readonly looksAtBases?: boolean
  /** Whether the spec is kept as a text, and built of what is there then: notes say what would be otherwise. */
  readonly isKept?: boolean
  /** Where the source directory is, and how to name another one: the hint about a source that is not there. */
  readonly contextHint?: string
}

/** How often something of the source directory may be looked at: more than any that people have needs. */
const MOST_LOOKS = 3_000_000

/** How much stages may begin with of what those have that they are built on: names and operations. */
const MOST_INHERITED = 2_000_000

/** How much variables may come to, in UTF-16 code units: a short text can ask for more than fits into memory. */
const MOST_VALUES = 100_000_000

/** The facts, and a list of those that were missed. */
export class FactBook {
  readonly facts: ImportFacts
  private readonly context = new Set<string>()
  private readonly archives = new Set<string>()
  private readonly bases = new Map<string, Span>()

  constructor(facts: ImportFacts) {
    this.facts = facts
  }

  private looks = 0

  /** Whether a fact was missed: what comes of it counts for nothing, and must not end the search for others. */
  get isAsking(): boolean {
    return this.context.size > 0 || this.archives.size > 0 || this.bases.size > 0
  }

  /** Counts looks at the source directory. Throws `ImportRefused` where a text asks for no end of them. */
  look(): void {
    if (++this.looks <= MOST_LOOKS) return
    throw new ImportRefused(
      { start: 0, end: 0 },
      "this Dockerfile asks for more of the source directory than can be looked at",
      "leave files out with .dockerignore"
    )
  }

  private inherited = 0

  /** Counts what stages begin with. Throws `ImportRefused` where a text asks for no end of it. */
  inherit(count: number): void {
    this.inherited += count
    if (this.inherited <= MOST_INHERITED) return
    throw new ImportRefused(
      { start: 0, end: 0 },
      "this Dockerfile has too many stages that are built on one another, for what is in them"
    )
  }

  private values = 0

  /** Counts what is put in the place of variables. Throws `ImportRefused` where a text asks for no end of it. */
  substitute(value: string | undefined): string | undefined {
    this.values += value?.length ?? 0
    if (this.values <= MOST_VALUES) return value
    throw new ImportRefused(
      { start: 0, end: 0 },
      `the values of this Dockerfile's variables come to more than ${MOST_VALUES / 1_000_000} million characters`
    )
  }

  get asked(): Asked {
    return { context: this.context, archives: this.archives, bases: this.bases }
  }

  /** All of the source directory. */
  root(): ContextEntry | undefined {
    if (!this.facts.context.has("")) this.context.add("")
    return this.facts.context.get("")
  }

  /** What the source directory holds under a name. */
  top(name: string): ContextEntry | undefined {
    const all = this.facts.context.get("")
    if (all !== undefined) return all.entries.find((entry) => entry.name === name)
    if (!this.facts.context.has(name)) this.context.add(name)
    return this.facts.context.get(name)
  }

  archive(path: string): Archive | undefined {
    if (!this.facts.archives.has(path)) this.archives.add(path)
    return this.facts.archives.get(path)
  }

  /** Nothing if it is not known yet, or not needed. */
  base(name: string, from: Span, isNeeded: boolean): BaseFacts | undefined {
    const known = this.facts.bases.get(name)
    if (known === undefined && isNeeded) this.bases.set(name, from)
    return known
  }
}
