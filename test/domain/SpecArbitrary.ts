/** Generated specs, whose copies take only from builds that they see. */
import * as FastCheck from "effect/FastCheck"
import type { Preserve } from "../../src/domain/Preserve.ts"
import type { Cache, CopyFrom, NestedBuild, Op, Spec, User } from "../../src/domain/Spec.ts"

export interface SpecOptions {
  /** How deep builds may be nested; 2 by default. */
  readonly depth?: number
  /** How many operations, and how many nested builds, a spec has at most; 5 and 2 by default. */
  readonly operations?: number
  readonly builds?: number
  /** Texts of every kind; {@link textArbitrary} by default. */
  readonly text?: FastCheck.Arbitrary<string>
}

/** Any text, above all what is hard to quote. */
export const textArbitrary: FastCheck.Arbitrary<string> = FastCheck.oneof(
  FastCheck.constantFrom("a", "b", "make", "/src", "../x", "1000", "busybox:1.36", ""),
  FastCheck.stringMatching(/^[a-z/.]{1,90}$/),
  FastCheck.string({ unit: FastCheck.constantFrom(..."ab \n\r\t\b\f\"\\()|#;'é日\u{1f600}\u0000\u007f\ufeff") }),
  FastCheck.string({ unit: "binary" })
)

/** An operation, before it is known which builds it sees: a copy takes from the one at this place among them. */
type Draft = Exclude<Op, { readonly _tag: "Copy" }> | DraftCopy

interface DraftCopy {
  readonly _tag: "Copy"
  readonly from: number | undefined
  readonly src: ReadonlyArray<string>
  readonly dst: string
  readonly exclude: ReadonlyArray<string>
  readonly contents?: true
  readonly preserve?: Preserve
}

interface SpecDraft {
  readonly builds: ReadonlyArray<{ readonly name: string; readonly spec: SpecDraft }>
  readonly from: string
  readonly ops: ReadonlyArray<Draft>
}

const few = <A>(items: FastCheck.Arbitrary<A>): FastCheck.Arbitrary<Array<A>> =>
  FastCheck.array(items, { maxLength: 3 })

const mountArbitrary = (text: FastCheck.Arbitrary<string>): FastCheck.Arbitrary<Cache> =>
  FastCheck.record({
    id: text,
    target: text,
    buildkitOptions: few(FastCheck.record({ name: text, value: text }))
  })

const userArbitrary = (text: FastCheck.Arbitrary<string>): FastCheck.Arbitrary<User> =>
  FastCheck.oneof(
    FastCheck.record({
      _tag: FastCheck.constant("Unix" as const),
      uid: FastCheck.nat(),
      gid: FastCheck.nat()
    }),
    FastCheck.record({ _tag: FastCheck.constant("Named" as const), name: text })
  )

const draftArbitrary = (text: FastCheck.Arbitrary<string>): FastCheck.Arbitrary<Draft> =>
  FastCheck.oneof<Array<FastCheck.Arbitrary<Draft>>>(
    text.map((text) => ({ _tag: "Comment", text })),
    text.map((path) => ({ _tag: "Workdir", path })),
    few(text).map((args) => ({ _tag: "Shell", args })),
    FastCheck.record({
      _tag: FastCheck.constant("Run" as const),
      cache: few(mountArbitrary(text)),
      network: few(text),
      secrets: few(mountArbitrary(text)),
      shell: text
    }),
    FastCheck.record({
      _tag: FastCheck.constant("Copy" as const),
      from: FastCheck.option(FastCheck.nat({ max: 20 }), { nil: undefined }),
      src: few(text),
      dst: text,
      exclude: few(text),
      contents: FastCheck.boolean(),
      preserve: FastCheck.constantFrom<Array<Preserve>>([], ["modes"], ["owners"], ["owners", "modes"])
    }).map(({ contents, preserve, ...copy }) => ({
      ...copy,
      ...(contents ? { contents } : {}),
      ...(preserve.length > 0 ? { preserve } : {})
    })),
    userArbitrary(text).map((user) => ({ _tag: "User", user })),
    FastCheck.record({ _tag: FastCheck.constant("Env" as const), name: text, value: text })
  )

/** One operation, which takes from no build. */
export const opArbitrary = (text: FastCheck.Arbitrary<string> = textArbitrary): FastCheck.Arbitrary<Op> =>
  draftArbitrary(text).map((draft) => finishOp(draft, []))

const specDraft = (depth: number, options: Required<SpecOptions>): FastCheck.Arbitrary<SpecDraft> =>
  FastCheck.record({
    builds:
      depth === 0
        ? FastCheck.constant([])
        : FastCheck.array(
            FastCheck.record({
              name: options.text,
              spec: FastCheck.constant(undefined).chain(() => specDraft(depth - 1, options))
            }),
            { maxLength: options.builds }
          ),
    from: options.text,
    ops: FastCheck.array(draftArbitrary(options.text), { maxLength: options.operations })
  })

const finishOp = (draft: Draft, scope: ReadonlyArray<string>): Op => {
  if (draft._tag !== "Copy") return draft
  const name = draft.from === undefined ? undefined : scope[draft.from % scope.length]
  const from: CopyFrom = name === undefined ? { _tag: "Context" } : { _tag: "Build", name }
  if (from._tag === "Build" || draft.preserve?.includes("owners") !== true) return { ...draft, from }
  return { ...draft, from, preserve: ["modes"] }
}

const finish = (draft: SpecDraft, scope: ReadonlyArray<string>): Spec => {
  const seen = [...scope]
  const builds = draft.builds.map(({ name, spec }): NestedBuild => {
    const build = { name, spec: finish(spec, seen) }
    seen.push(name)
    return build
  })
  return { builds, from: draft.from, ops: draft.ops.map((op) => finishOp(op, seen)) }
}

/** Specs that `SpecText.parse` accepts when they are printed. */
export const specArbitrary = ({
  depth = 2,
  operations = 5,
  builds = 2,
  text = textArbitrary
}: SpecOptions = {}): FastCheck.Arbitrary<Spec> =>
  specDraft(depth, { depth, operations, builds, text }).map((draft) => finish(draft, []))
