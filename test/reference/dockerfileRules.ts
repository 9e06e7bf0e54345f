/**
 * What the Dockerfile of a spec says otherwise than the spec. Each rule changes
 * the spec, or what it copies from, into something that both say in the same
 * way, and leaves alone what they do already: so that whole trees can be
 * compared, and what was not compared as it stands is known and counted.
 */
import type { Copy, Op, Run, SetUser as UserOp, Spec } from "../../src/domain/Spec.ts"
import type { ContextEntry } from "./buildCases.ts"

/** What is built: a spec, and the directory that it copies from. */
export interface Given {
  readonly spec: Spec
  readonly context: ReadonlyArray<ContextEntry>
}

export interface Rule {
  readonly name: string
  readonly reason: string
  readonly apply: (given: Given) => Given
}

/** The names of the rules that change something, and what they make of it together. */
export const settle = (given: Given): { readonly given: Given; readonly rules: ReadonlyArray<string> } => {
  const applied: Array<string> = []
  let settled = given
  for (const { apply, name } of rules) {
    const changed = apply(settled)
    if (same(changed.spec, settled.spec) && same(changed.context, settled.context)) continue
    applied.push(name)
    settled = changed
  }
  return { given: settled, rules: applied }
}

export const rules: ReadonlyArray<Rule> = [
  {
    name: "unused builds",
    reason: "BuildKit builds the stages that the last one needs, a spec's builds are all built",
    apply: ({ context, spec }) => ({ context, spec: withoutUnused(spec) })
  },
  {
    name: "blanks",
    reason: "COPY takes a name with a blank in it for two names",
    apply: ({ context, spec }) => {
      const joined = (text: string): string => text.replaceAll(" ", "_")
      const changed = eachOp(spec, (op) =>
        op._tag === "Copy"
          ? [{ ...op, src: op.src.map(joined), dst: joined(op.dst), exclude: op.exclude.map(joined) }]
          : [op]
      )
      return same(spec, changed)
        ? { spec, context }
        : { spec: changed, context: context.map((entry) => ({ ...entry, path: joined(entry.path) })) }
    }
  },
  {
    name: "refusals",
    reason: "a spec has to say by a slash that it copies into a directory, and may not say it of a file; COPY looks",
    apply: ({ context, spec }) => ({
      context,
      spec: eachOp(spec, (op) => {
        if (op._tag !== "Copy") return [op]
        if (op.src.some((path) => path.endsWith("/") && typeOf(path, context) === "file")) return []
        const several = op.src.length > 1 || op.dst === "."
        const dst = several && !op.dst.endsWith("/") ? `${op.dst}/` : op.dst
        return [{ ...op, dst }]
      })
    })
  },
  {
    name: "exclude",
    reason: "COPY leaves nothing out, and .dockerignore leaves it out of all copies: it is taken away instead",
    apply: ({ context, spec }) => {
      const copies = allCopies(spec)
      const isNamed = (path: string): boolean =>
        copies.some(({ src }) => src.some((one) => isAtOrBelow(clean(one), path)))
      const gone = context.filter(
        ({ path }) => copies.some((copy) => copy.src.some((src) => leavesOut(copy, src, path))) && !isNamed(path)
      )
      return {
        context: context.filter(({ path }) => !gone.some((one) => isAtOrBelow(path, one.path))),
        spec: eachOp(spec, (op) => (op._tag === "Copy" && excludesSome(op, context) ? [{ ...op, exclude: [] }] : [op]))
      }
    }
  },
  {
    name: "links",
    reason: "COPY follows a link that it is to copy",
    apply: ({ context, spec }) => ({
      context,
      spec: eachOp(spec, (op) => {
        if (op._tag !== "Copy" || op.from._tag === "Build") return [op]
        const src = op.src.filter((path) => typeOf(path, context) !== "symlink")
        return src.length === 0 && op.src.length > 0 ? [] : [{ ...op, src }]
      })
    })
  },
  {
    name: "directories",
    reason: "COPY of a directory copies what it holds: the name that it keeps has to be said",
    apply: ({ context, spec }) => ({
      context,
      spec: eachOp(spec, (op) => (op._tag === "Copy" && op.from._tag === "Context" ? named(op, context) : [op]))
    })
  },
  {
    name: "directories that are there",
    reason:
      "COPY leaves the directory as it is that it copies another one's files into, a spec makes it like the other",
    apply: ({ context, spec }) => ({ context, spec: madeAlike(spec, context) })
  },
  {
    name: "modes",
    reason: "COPY keeps the modes that the files have, a spec makes them 0755 or 0644",
    apply: ({ context, spec }) => ({
      spec,
      context: context.map((entry) =>
        entry.mode === undefined || !copied(entry.path, spec)
          ? entry
          : { ...entry, mode: plain(entry.type, entry.mode) }
      )
    })
  },
  {
    name: "mount points",
    reason: "BuildKit leaves what it has made for a cache or a secret to be mounted on",
    apply: ({ context, spec }) => ({ context, spec: withMountPoints(spec) })
  },
  {
    name: "WORKDIR",
    reason: "WORKDIR makes the directory at once and for the user, a spec for root and when a step runs there",
    apply: ({ context, spec }) => ({ context, spec: madeAtOnce(spec) })
  },
  {
    name: "capabilities",
    reason: "which capabilities a step has is the engine's affair",
    apply: ({ context, spec }) => ({
      context,
      spec: eachOp(spec, (op) => (op._tag === "Run" && op.shell.includes("/proc/self/status") ? [] : [op]))
    })
  }
]

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** The spec with other operations in place of each, at any depth. */
const eachOp = (spec: Spec, change: (op: Op) => ReadonlyArray<Op>): Spec => ({
  ...spec,
  builds: spec.builds.map(({ name, spec }) => ({ name, spec: eachOp(spec, change) })),
  ops: spec.ops.flatMap(change)
})

/** Without the builds that nobody copies from, which BuildKit leaves out. */
export const withoutUnused = (spec: Spec): Spec => {
  const used = new Set<string>()
  for (const op of spec.ops) if (op._tag === "Copy" && op.from._tag === "Build") used.add(op.from.name)
  // What comes later may need what comes before it, by the name that it is the last to have.
  const kept = spec.builds.reduceRight<Spec["builds"]>((after, { name, spec: inner }) => {
    if (!used.delete(name)) return after
    const own = withoutUnused(inner)
    for (const one of needs(own)) used.add(one)
    return [{ name, spec: own }, ...after]
  }, [])
  return { ...spec, builds: kept }
}

/** The builds that a spec needs of those around it. */
const needs = (spec: Spec): ReadonlyArray<string> => {
  const own = new Set(spec.builds.map(({ name }) => name))
  const inner = spec.builds.flatMap(({ spec }) => needs(spec))
  const copies = spec.ops.flatMap((op) => (op._tag === "Copy" && op.from._tag === "Build" ? [op.from.name] : []))
  return [...inner, ...copies].filter((name) => !own.has(name))
}

/** A path in the source directory without what means nothing in it; the directory itself is "". */
const clean = (path: string): string =>
  path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/")

const typeOf = (path: string, context: ReadonlyArray<ContextEntry>): ContextEntry["type"] | undefined =>
  clean(path) === "" ? "dir" : context.find((entry) => entry.path === clean(path))?.type

const isAtOrBelow = (path: string, top: string): boolean => top === "" || path === top || path.startsWith(`${top}/`)

/** The copies from the source directory, of nested builds too. */
const allCopies = (spec: Spec): ReadonlyArray<Copy> => [
  ...spec.builds.flatMap(({ spec }) => allCopies(spec)),
  ...spec.ops.flatMap((op) => (op._tag === "Copy" && op.from._tag === "Context" ? [op] : []))
]

const copied = (path: string, spec: Spec): boolean =>
  allCopies(spec).some(({ src }) => src.some((one) => isAtOrBelow(path, clean(one))))

/** Whether a copy leaves this path out of what is below one of its sources. */
const leavesOut = ({ exclude }: Copy, src: string, path: string): boolean =>
  path !== clean(src) && isAtOrBelow(path, clean(src)) && exclude.includes(path.split("/").at(-1) ?? "")

const excludesSome = (op: Copy, context: ReadonlyArray<ContextEntry>): boolean =>
  op.from._tag === "Build"
    ? op.exclude.length > 0
    : context.some(({ path }) => op.src.some((src) => leavesOut(op, src, path)))

const plain = (type: ContextEntry["type"], mode: string): string =>
  type === "dir" || (Number.parseInt(mode, 8) & 0o111) !== 0 ? "0755" : "0644"

/** A copy of directories that keep their names, as copies of each to its name. */
const named = (op: Copy, context: ReadonlyArray<ContextEntry>): ReadonlyArray<Op> => {
  const keepsName = (path: string): boolean =>
    op.dst.endsWith("/") && clean(path) !== "" && typeOf(path, context) === "dir"
  if (!op.src.some(keepsName)) return [op]
  return op.src.map((path) => ({
    ...op,
    src: [path],
    dst: keepsName(path) ? `${op.dst}${clean(path).split("/").at(-1)}` : op.dst
  }))
}

type SetUser = typeof UserOp.Type

const root: SetUser = { _tag: "User", user: { _tag: "Unix", uid: 0, gid: 0 } }
const nothing: Run = { _tag: "Run", cache: [], network: [], secrets: [], shell: ":" }

/** With a step before each that has mounts, which makes what they are mounted on. */
const withMountPoints = (spec: Spec): Spec => {
  let user = root
  const ops: Array<Op> = []
  for (const op of spec.ops) {
    if (op._tag === "User") user = op
    if (op._tag === "Run" && op.cache.length + op.secrets.length > 0) {
      const files = op.secrets.map(({ target }) => `mkdir -p "$(dirname '${target}')"; touch '${target}'`)
      const directories = op.cache.map(({ target }) => `mkdir -p '${target}'`)
      ops.push(root, { ...nothing, shell: [...files, ...directories].join("; ") }, user)
    }
    ops.push(op)
  }
  return { ...spec, ops, builds: spec.builds.map(({ name, spec }) => ({ name, spec: withMountPoints(spec) })) }
}

/** With a step before each copy into a directory that a step may have made otherwise. */
const madeAlike = (spec: Spec, context: ReadonlyArray<ContextEntry>): Spec => {
  let user = root
  const ops: Array<Op> = []
  for (const op of spec.ops) {
    if (op._tag === "User") user = op
    const intoOther =
      op._tag === "Copy" &&
      op.from._tag === "Context" &&
      op.src.some((path) => typeOf(path, context) === "dir") &&
      ops.some(({ _tag }) => _tag === "Run")
    if (intoOther && user.user._tag === "Unix") {
      const { gid, uid } = user.user
      const shell = `test ! -d '${op.dst}' || { chmod 755 '${op.dst}'; chown ${uid}:${gid} '${op.dst}'; }`
      ops.push(root, { ...nothing, shell }, user)
    }
    ops.push(op)
  }
  return { ...spec, ops, builds: spec.builds.map(({ name, spec }) => ({ name, spec: madeAlike(spec, context) })) }
}

/** With a step of root's in each working directory, unless root runs one there anyway. */
const madeAtOnce = (spec: Spec): Spec => {
  let user = root
  const ops: Array<Op> = []
  for (const [index, op] of spec.ops.entries()) {
    if (op._tag === "User") user = op
    if (op._tag !== "Workdir") {
      ops.push(op)
      continue
    }
    const next = spec.ops.slice(index + 1).find(({ _tag }) => _tag !== "Env" && _tag !== "Shell" && _tag !== "Comment")
    if (same(user, root)) ops.push(op, ...(next?._tag === "Run" ? [] : [nothing]))
    else ops.push(root, op, nothing, user)
  }
  return { ...spec, ops, builds: spec.builds.map(({ name, spec }) => ({ name, spec: madeAtOnce(spec) })) }
}
