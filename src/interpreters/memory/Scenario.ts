/**
 * Builds for property tests: a spec that can be built, and all that it needs.
 *
 * The generated commands are in the language of `MemorySandbox`, never fail,
 * and leave a result that does not depend on what the caches hold.
 */
import * as FastCheck from "effect/FastCheck"
import type { Preserve } from "../../domain/Preserve.ts"
import type { Copy, NestedBuild, Op, Run, Spec } from "../../domain/Spec.ts"
import type * as FileTree from "./FileTree.ts"
import { base, type MemoryBase } from "./MemoryWorld.ts"
import { quote } from "./Script.ts"

type Arbitrary<A> = FastCheck.Arbitrary<A>

export interface Scenario {
  readonly bases: Readonly<Record<string, MemoryBase>>
  /** The source directory's entries. */
  readonly context: Readonly<Record<string, FileTree.TreeInput>>
  readonly spec: Spec
  readonly secrets: ReadonlyMap<string, Uint8Array>
}

export interface Options {
  /** How deep builds are nested at most, 2 unless given. */
  readonly depth?: number
  /** How many operations a spec has at most, 6 unless given. */
  readonly length?: number
}

/** A file that every base and so every result has; no generated command removes it. */
export const KEPT = "/etc/base-id"

const text: Arbitrary<string> = FastCheck.oneof(
  FastCheck.constantFrom("", "x", "hello\n", "é;\n\"'\\"),
  FastCheck.string({ maxLength: 8 })
)

const baseNames = ["base", "other"] as const
const secretNames = ["token", "key"] as const
const buildNames = ["tools", "dev", "docs"] as const

/** Base images that a generated spec may begin with. */
export const bases: Arbitrary<Readonly<Record<string, MemoryBase>>> = FastCheck.record({
  base: text,
  other: text
}).map((texts) =>
  Object.fromEntries(
    baseNames.map((name) => [
      name,
      base({
        [KEPT]: `${name} ${texts[name]}`,
        "bin/sh": { content: "", mode: 0o755 },
        tmp: { directory: true, mode: 0o1777 }
      })
    ])
  )
)

/** A source directory; it always has what generated copies copy. */
export const context: Arbitrary<Readonly<Record<string, FileTree.TreeInput>>> = FastCheck.record({
  a: text,
  c: text,
  executable: FastCheck.boolean(),
  more: FastCheck.dictionary(FastCheck.constantFrom("dir/d", "dir/sub/e", "f g", ".hidden"), text, {
    noNullPrototype: true
  }),
  link: FastCheck.constantFrom("a", "/etc/passwd", "nowhere")
}).map(({ a, c, executable, link, more }) => ({
  a: { content: a, mode: executable ? 0o755 : 0o644 },
  "dir/c": c,
  "dir/link": { link },
  ...more
}))

const sources: Arbitrary<ReadonlyArray<string>> = FastCheck.constantFrom(
  ["a"],
  ["dir"],
  ["./dir/c", "a"],
  ["."],
  ["dir/link"]
)

/** One instruction; `n` is the operation's number, for names that nothing else has. */
const instruction = (n: number): Arbitrary<string> =>
  FastCheck.oneof(
    text.map((content) => `write /made/${n} ${quote(content)}`),
    text.map((content) => `append /made/all ${quote(content)}`),
    text.map((content) => `append relative ${quote(content)}`),
    text.map((line) => `echo ${quote(line)}`),
    FastCheck.constantFrom(
      `cat ${KEPT}`,
      `copy ${KEPT} /made/copy-${n}`,
      `mkdir /empty-${n}`,
      `link ${KEPT} /link-${n}`,
      `write /gone x; remove /gone`,
      "list /",
      "env NAME",
      "pwd",
      "id",
      "hostname",
      "network"
    )
  )

/** A `run` whose commands succeed. */
export const run = (n: number): Arbitrary<Run> =>
  FastCheck.record({
    instructions: FastCheck.array(instruction(n), { minLength: 1, maxLength: 3 }),
    cache: FastCheck.option(FastCheck.constantFrom("one", "two"), { freq: 3 }),
    secret: FastCheck.option(FastCheck.constantFrom(...secretNames), { freq: 3 }),
    host: FastCheck.boolean()
  }).map(({ cache, host, instructions, secret }) => {
    const script = [
      ...instructions,
      ...(cache === null ? [] : [`append /cache/${cache}/used ${n}`]),
      ...(secret === null ? [] : [`copy /run/secrets/${secret} /secret-${n}`])
    ]
    return {
      _tag: "Run",
      shell: script.join("\n"),
      network: host ? ["host"] : [],
      cache: cache === null ? [] : [{ id: cache, target: `/cache/${cache}`, buildkitOptions: [] }],
      secrets: secret === null ? [] : [{ id: secret, target: `/run/secrets/${secret}`, buildkitOptions: [] }]
    }
  })

/** A `copy` from the source directory, to where nothing else goes. */
export const contextCopy = (n: number): Arbitrary<Copy> =>
  FastCheck.record({
    src: sources,
    as: FastCheck.boolean(),
    contents: FastCheck.boolean(),
    preserves: FastCheck.boolean(),
    exclude: FastCheck.constantFrom<ReadonlyArray<string>>([], ["c"], ["sub", "link"])
  }).map(({ as, contents, exclude, preserves, src }) => ({
    _tag: "Copy",
    from: { _tag: "Context" },
    src,
    dst: as && src.length === 1 ? `/as-${n}` : `/into-${n}/`,
    exclude,
    ...(contents ? { contents } : {}),
    ...(preserves ? { preserve: ["modes"] } : {})
  }))

/** A `copy` from one of these nested builds. */
export const buildCopy = (n: number, builds: ReadonlyArray<string>): Arbitrary<Copy> =>
  FastCheck.record({
    name: FastCheck.constantFrom(...builds),
    src: FastCheck.constantFrom([KEPT], ["etc", "tmp"], ["/"]),
    preserve: FastCheck.constantFrom<Array<Preserve>>([], ["modes"], ["modes", "owners"])
  }).map(({ name, preserve, src }) => ({
    _tag: "Copy",
    from: { _tag: "Build", name },
    src,
    dst: `/from-${n}/`,
    exclude: [],
    ...(preserve.length > 0 ? { preserve } : {})
  }))

/** An operation that only changes the context of those after it. */
export const setting: Arbitrary<Op> = FastCheck.oneof<Array<Arbitrary<Op>>>(
  text.map((comment) => ({ _tag: "Comment", text: comment })),
  FastCheck.constantFrom("/work", "/work/deep", "sub").map((path) => ({ _tag: "Workdir", path })),
  FastCheck.constantFrom(["/bin/sh", "-c"], ["/bin/bash", "-e", "-c"]).map((args) => ({ _tag: "Shell", args })),
  FastCheck.constantFrom(0, 1000).map((id) => ({ _tag: "User", user: { _tag: "Unix", uid: id, gid: id } })),
  text.map((value) => ({ _tag: "Env", name: "NAME", value: value.replaceAll("\0", "") }))
)

const operation = (n: number, builds: ReadonlyArray<string>): Arbitrary<Op> => {
  const steps: ReadonlyArray<Arbitrary<Op>> = [run(n), run(n), contextCopy(n), setting]
  return FastCheck.oneof(...(builds.length === 0 ? steps : [...steps, buildCopy(n, builds)]))
}

/**
 * Operations that may copy from these nested builds. They are numbered from
 * `first` on, for names that nothing else in the spec has.
 */
export const operations = (builds: ReadonlyArray<string>, length: number, first = 0): Arbitrary<ReadonlyArray<Op>> =>
  FastCheck.integer({ min: 0, max: length }).chain((size) =>
    FastCheck.tuple(...Array.from({ length: size }, (_, n) => operation(first + n, builds)))
  )

/** A spec that can be built from {@link bases} and {@link context}; `outer` are nested builds in scope around it. */
export const spec = (options: Options = {}, outer: ReadonlyArray<string> = []): Arbitrary<Spec> => {
  const { depth = 2, length = 6 } = options
  const names = FastCheck.uniqueArray(FastCheck.constantFrom(...buildNames), { maxLength: depth > 0 ? 2 : 0 })
  return names.chain((names) => {
    const builds: Arbitrary<ReadonlyArray<NestedBuild>> = FastCheck.tuple(
      ...names.map((name, index) =>
        spec({ depth: depth - 1, length: Math.min(length, 3) }, [...outer, ...names.slice(0, index)]).map((nested) => ({
          name,
          spec: nested
        }))
      )
    )
    return FastCheck.record({
      builds,
      from: FastCheck.constantFrom(...baseNames),
      ops: operations([...outer, ...names], length)
    })
  })
}

/** A spec with all that it takes to build it. */
export const scenario = (options: Options = {}): Arbitrary<Scenario> =>
  FastCheck.record({
    bases,
    context,
    spec: spec(options),
    secrets: FastCheck.constant(new Map(secretNames.map((name) => [name, new TextEncoder().encode(`secret ${name}`)])))
  })
