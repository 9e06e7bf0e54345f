/** Rules about nested builds. */
import { show } from "../../SpecFields.ts"
import type { NestedBuild, Spec } from "../../Spec.ts"
import type { Match, Rule } from "../Rule.ts"
import type { Subject } from "../Subject.ts"

export const unusedBuild: Rule = {
  name: "unused-build",
  severity: "warning",
  summary: "a nested build that no copy takes anything from",
  why: "it has no part in the result",
  remedy: "copy from it, or take it away",
  find: (subject) =>
    resolved(subject).unused.map((build): Match => {
      const edit = subject.removal(build)
      return {
        part: build,
        message: `nothing is copied from the build ${show(build.name)}`,
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
  readonly unused: ReadonlyArray<NestedBuild>
  readonly hiding: ReadonlyArray<{ readonly build: NestedBuild; readonly hidden: NestedBuild }>
}

/** Which build each copy takes from, by the language's scopes. Linear, but for builds of one name. */
const resolved = ({ parsed }: Subject): Resolved => {
  const scope = new Map<string, Array<NestedBuild>>()
  const all: Array<NestedBuild> = []
  const used = new Set<NestedBuild>()
  const hiding: Array<{ readonly build: NestedBuild; readonly hidden: NestedBuild }> = []
  const walk = (spec: Spec): void => {
    for (const build of spec.builds) {
      walk(build.spec)
      all.push(build)
      const named = scope.get(build.name) ?? []
      const hidden = named.at(-1)
      if (hidden !== undefined) hiding.push({ build, hidden })
      scope.set(build.name, named)
      named.push(build)
    }
    for (const op of spec.ops) {
      const source = op._tag === "Copy" && op.from._tag === "Build" ? scope.get(op.from.name)?.at(-1) : undefined
      if (source !== undefined) used.add(source)
    }
    for (const build of spec.builds) scope.get(build.name)?.pop()
  }
  walk(parsed.spec)
  return { unused: all.filter((build) => !used.has(build)), hiding }
}
