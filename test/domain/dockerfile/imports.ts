/** Imports of Dockerfiles with facts that are given as plain data. */
import * as Either from "effect/Either"
import { parseIgnore, isIgnored, patternsOf } from "../../../src/domain/dockerfile/Dockerignore.ts"
import { parse } from "../../../src/domain/dockerfile/DockerfileParser.ts"
import { importDockerfile } from "../../../src/domain/dockerfile/Import.ts"
import type { Archive, BaseFacts, ContextEntry, ImportFacts } from "../../../src/domain/dockerfile/ImportFacts.ts"
import type { Imported } from "../../../src/domain/dockerfile/Imported.ts"
import type { Variable } from "../../../src/domain/Inputs.ts"
import type { SpecError } from "../../../src/domain/SpecError.ts"
import * as SpecText from "../../../src/domain/SpecText.ts"

export interface World {
  /**
   * What the source directory holds, by paths: a file with a mode, or where a
   * link leads to. Those whose path ends with `/` are directories.
   */
  readonly files?: Readonly<Record<string, number | { readonly link: string }>>
  readonly ignore?: string
  readonly archives?: Readonly<Record<string, Archive>>
  /** Of each base. */
  readonly environment?: ReadonlyArray<Variable>
  /** What else its configuration says, which is looked at then. */
  readonly base?: Omit<BaseFacts, "environment">
  readonly args?: Readonly<Record<string, string>>
  readonly target?: string
  /** The spec is kept as a text. */
  readonly kept?: true
}

interface Directory {
  mode: number
  readonly entries: Map<string, Directory | number | { readonly link: string }>
}

const contextOf = ({ files = {}, ignore = "" }: World): ContextEntry => {
  const root: Directory = { mode: 0o755, entries: new Map() }
  for (const [path, file] of Object.entries(files)) {
    const parts = path.split("/")
    const name = parts.pop() ?? ""
    let at = root
    for (const part of parts) {
      const known = at.entries.get(part)
      const next: Directory =
        typeof known === "object" && "entries" in known ? known : { mode: 0o755, entries: new Map() }
      at.entries.set(part, next)
      at = next
    }
    if (name !== "") at.entries.set(name, file)
    else if (typeof file === "number") at.mode = file
  }
  const patterns = parseIgnore(ignore)
  const describe = (name: string, path: string, node: Directory | number | { readonly link: string }): ContextEntry => {
    const made = { name, target: "", entries: [], ignored: path !== "" && isIgnored(patterns, path) }
    if (typeof node === "number") return { ...made, kind: "file", mode: node }
    if ("link" in node) return { ...made, kind: "link", mode: 0o777, target: node.link }
    const entries = [...node.entries]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([child, value]) => describe(child, path === "" ? child : `${path}/${child}`, value))
    return { ...made, kind: "directory", mode: node.mode, entries }
  }
  return describe("", "", root)
}

export const importOf = (text: string, world: World = {}): Either.Either<Imported, SpecError> => {
  const parsed = parse(text, { file: "Dockerfile" })
  if (Either.isLeft(parsed)) return Either.left(parsed.left)
  const options = {
    buildArguments: new Map(Object.entries(world.args ?? {})),
    target: world.target,
    platform: "linux/amd64",
    looksAtBases: world.base !== undefined,
    isKept: world.kept === true
  }
  const context = contextOf(world)
  const archives = new Map<string, Archive | undefined>()
  const bases = new Map<string, BaseFacts>()
  const facts: ImportFacts = {
    context: new Map([["", context]]),
    archives,
    bases,
    patterns: patternsOf(parseIgnore(world.ignore ?? ""))
  }
  for (;;) {
    const { asked, result } = importDockerfile(parsed.right, facts, options)
    if (asked.archives.size === 0 && asked.bases.size === 0) return result
    for (const path of asked.archives) archives.set(path, world.archives?.[path])
    for (const base of asked.bases.keys()) bases.set(base, { environment: world.environment ?? [], ...world.base })
  }
}

/** The spec, and what is said of it; or why there is none. */
export const shown = (text: string, world: World = {}): string => {
  const result = importOf(text, world)
  if (Either.isLeft(result)) return `refused at ${place(result.left)}: ${result.left.message}`
  const { notes, spec } = result.right
  return [SpecText.print(spec), ...notes.map((note) => `${note.span.start.line}: ${note.message}`)].join("\n")
}

const place = ({ span }: SpecError): string => `${span.start.line}:${span.start.column}`
