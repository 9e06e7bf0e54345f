/** Rules about nested builds. */
import { show } from "../../SpecFields.ts"
import type { NestedBuild, Spec } from "../../Spec.ts"
import type { Match, Rule } from "../Rule.ts"
import type { Subject } from "../Subject.ts"

export const unusedBuild: Rule = {
  name: "unused-build",
  severity: "warning",
  summary: "a nested build that nothing is copied from for the result",
  why: "it has no part in the result",
  remedy: "copy from it, or take it away",
  find: (subject) =>
    resolved(subject).unused.map(({ build, isCopied }): Match => {
      // By itself that would leave copies from a build that is not there: those who copy go first.
      const edit = isCopied ? undefined : subject.removal(build)
      return {
        part: build,
        message: isCopied
          ? `only builds that have no part in the result copy from the build ${show(build.name)}`
          : `nothing is copied from the build ${show(build.name)}`,
        hint: "take it away, or copy from it",
        fix: edit === undefined ? undefined : { description: "Take the build away.", safe: true, edit }
      }
    })
}

export const shadowedBuild: Rule = {
  name: "shadowed-build",
  severity: "warning",
  summary: "a nested build with the name of another that can be seen from there",
  why: "which of them a copy takes from depends on where it stands",
  remedy: "give each build a name of its own",
  find: (subject) =>
    resolved(subject).hiding.map(({ build, hidden }): Match => {
      const line = subject.parsed.spans.get(hidden)?.start.line
      return {
        part: build,
        message: `the build ${show(build.name)} hides the one of the same name${line === undefined ? "" : ` in line ${line}`}`,
        hint: "give it another name"
      }
    })
}

interface Resolved {
  /** Those within another one are here only if nothing at all is copied from them. */
  readonly unused: ReadonlyArray<{ readonly build: NestedBuild; readonly isCopied: boolean }>
  readonly hiding: ReadonlyArray<{ readonly build: NestedBuild; readonly hidden: NestedBuild }>
}

/** Which build each copy takes from, by the language's scopes. Linear, but for builds of one name. */
const resolved = ({ parsed }: Subject): Resolved => {
  const scope = new Map<string, Array<NestedBuild>>()
  const all: Array<{ readonly build: NestedBuild; readonly around: NestedBuild | undefined }> = []
  const copied = new Set<NestedBuild>()
  /** What each build copies from; `undefined` is the outermost spec. */
  const sources = new Map<NestedBuild | undefined, Array<NestedBuild>>()
  const hiding: Array<{ readonly build: NestedBuild; readonly hidden: NestedBuild }> = []
  const walk = (spec: Spec, of: NestedBuild | undefined): void => {
    const taken: Array<NestedBuild> = []
    sources.set(of, taken)
    for (const build of spec.builds) {
      walk(build.spec, build)
      all.push({ build, around: of })
      const named = scope.get(build.name) ?? []
      const hidden = named.at(-1)
      if (hidden !== undefined) hiding.push({ build, hidden })
      scope.set(build.name, named)
      named.push(build)
    }
    for (const op of spec.ops) {
      const source = op._tag === "Copy" && op.from._tag === "Build" ? scope.get(op.from.name)?.at(-1) : undefined
      if (source === undefined) continue
      copied.add(source)
      taken.push(source)
    }
    for (const build of spec.builds) scope.get(build.name)?.pop()
  }
  walk(parsed.spec, undefined)
  const used = reached(sources)
  const unused = all
    .filter(({ around, build }) => !copied.has(build) || (!used.has(build) && used.has(around)))
    .map(({ build }) => ({ build, isCopied: copied.has(build) }))
  return { unused, hiding }
}

/** The outermost spec, and the builds that have a part in it. */
const reached = (
  sources: ReadonlyMap<NestedBuild | undefined, ReadonlyArray<NestedBuild>>
): ReadonlySet<NestedBuild | undefined> => {
  const found = new Set<NestedBuild | undefined>([undefined])
  // What is added to a set while it is gone through has its turn.
  for (const one of found) for (const source of sources.get(one) ?? []) found.add(source)
  return found
}
