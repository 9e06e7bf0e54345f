import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as DockerfileWriter from "../../../src/domain/dockerfile/DockerfileWriter.ts"
import type { Preserve } from "../../../src/domain/Preserve.ts"
import type { Op, Spec } from "../../../src/domain/Spec.ts"
import { specArbitrary } from "../SpecArbitrary.ts"

const options: FastCheck.Arbitrary<DockerfileWriter.Options> = FastCheck.record({
  buildkit: FastCheck.boolean(),
  style: FastCheck.constantFrom("unix" as const, "windows" as const)
})

const allSpecs = (spec: Spec): ReadonlyArray<Spec> => [...spec.builds.flatMap(({ spec }) => allSpecs(spec)), spec]

/** Whether an operation is a step with a mount, of a user with no number. Told apart from the writer's own way. */
const namelessMount = ({ ops }: Spec, style: "unix" | "windows"): boolean =>
  ops.some((op, index) => {
    if (op._tag !== "Run" || op.cache.length + op.secrets.length === 0) return false
    const last = ops.slice(0, index).findLast((op) => op._tag === "User")
    return last === undefined ? style === "windows" : last.user._tag === "Named"
  })

const nested = (depth: number): Spec => {
  let spec: Spec = { builds: [], from: "scratch", ops: [] }
  for (let at = 0; at < depth; at++) spec = { builds: [{ name: `n${at}`, spec }], from: "scratch", ops: [] }
  return spec
}

const text = (ops: ReadonlyArray<Op>, options: DockerfileWriter.Options = {}): string =>
  Either.getOrThrow(DockerfileWriter.write({ builds: [], from: "base", ops }, options))

describe("a spec as a Dockerfile", () => {
  it.prop(
    "is there for every spec, but for mounts of users without a number",
    [specArbitrary(), options],
    ([spec, options]) => {
      const refused =
        options.buildkit === true && allSpecs(spec).some((one) => namelessMount(one, options.style ?? "unix"))
      expect(Either.isLeft(DockerfileWriter.write(spec, options))).toBe(refused)
    }
  )

  it.prop(
    "names as its problem the first mount of a user without a number",
    [specArbitrary(), options],
    ([spec, options]) => {
      const written = DockerfileWriter.write(spec, options)
      if (Either.isRight(written)) return
      const { node } = written.left
      const style = options.style ?? "unix"
      const first = allSpecs(spec).find((one) => namelessMount(one, style))
      const mounts = first?.ops.flatMap((op) => (op._tag === "Run" ? [...op.secrets, ...op.cache] : []))
      expect(mounts).toContain(node)
    }
  )

  it.prop(
    "has a stage for each build, those of nested builds first, where no text has lines of its own",
    [specArbitrary({ text: FastCheck.stringMatching(/^[a-z]{1,5}$/) })],
    ([spec]) => {
      const stages = Either.getOrThrow(DockerfileWriter.write(spec))
        .split("\n")
        .filter((line) => line.startsWith("FROM "))
      const builds = (spec: Spec): ReadonlyArray<string> =>
        spec.builds.flatMap(({ name, spec }) => [...builds(spec), `FROM ${spec.from} as ${name}`])
      expect(stages).toEqual([...builds(spec), `FROM ${spec.from}`])
    }
  )

  it("may have builds nested deeper than a stack is", () => {
    const deep = Either.getOrThrow(DockerfileWriter.write(nested(100_000)))
    expect(deep.split("\n").filter((line) => line.startsWith("FROM "))).toHaveLength(100_001)
  })

  it("is written in linear time, even where blanks are all there is", () => {
    const blank = " ".repeat(2_000_000)
    expect(text([{ _tag: "Run", cache: [], network: [], secrets: [], shell: `a${blank}b${blank}\n${blank}c` }])).toBe(
      `FROM base\nRUN a${blank}b \\\n    c\n\n`
    )
  })

  it("has no mounts without BuildKit, whoever the user is", () => {
    const mount = { id: "m", target: "/m", buildkitOptions: [] }
    const run: Op = { _tag: "Run", cache: [mount], network: [], secrets: [mount], shell: "make" }
    const user: Op = { _tag: "User", user: { _tag: "Named", name: "opam" } }
    expect(text([user, run])).toBe("FROM base\nUSER opam\nRUN make\n\n")
    expect(text([run], { style: "windows" })).toBe("#escape=`\nFROM base\nRUN make\n\n")
  })

  it("names the owner of what is copied from a stage but where owners are preserved", () => {
    const line = (preserve: Preserve, uid = 5): string | undefined => {
      const copy: Op = { _tag: "Copy", from: { _tag: "Build", name: "b" }, src: ["/x"], dst: "/y", exclude: [] }
      const kept: Op = preserve.length === 0 ? copy : { ...copy, preserve }
      return text([{ _tag: "User", user: { _tag: "Unix", uid, gid: uid } }, kept]).split("\n")[2]
    }
    expect(line(["owners", "modes"])).toBe("COPY --from=b /x /y")
    expect(line(["owners"])).toBe("COPY --from=b /x /y")
    expect(line(["modes"])).toBe("COPY --chown=5:5 --from=b /x /y")
    expect(line(["modes"], 0)).toBe("COPY --chown=0:0 --from=b /x /y")
    expect(line([])).toBe("COPY --chown=5:5 --from=b /x /y")
    expect(line([], 0)).toBe("COPY --from=b /x /y")
  })

  it("mounts for the user of the step, and not of an earlier one or another build's", () => {
    const mount = { id: "m", target: "/m", buildkitOptions: [{ name: "mode", value: "0700" }] }
    const run: Op = { _tag: "Run", cache: [mount], network: [], secrets: [], shell: "make" }
    const builder: Spec = {
      builds: [],
      from: "base",
      ops: [{ _tag: "User", user: { _tag: "Unix", uid: 5, gid: 6 } }, run]
    }
    const spec: Spec = { builds: [{ name: "dev", spec: builder }], from: "base", ops: [run] }
    expect(Either.getOrThrow(DockerfileWriter.write(spec, { buildkit: true }))).toBe(
      [
        "FROM base as dev",
        "USER 5:6",
        "RUN --mount=type=cache,id=m,target=/m,uid=5,mode=0700 make",
        "",
        "FROM base",
        "RUN --mount=type=cache,id=m,target=/m,uid=0,mode=0700 make",
        "",
        ""
      ].join("\n")
    )
  })

  it("may have any number of builds and mounts", () => {
    const mount = { id: "m", target: "/m", buildkitOptions: [] }
    const mounts = Array.from({ length: 200_000 }, () => mount)
    const run: Op = { _tag: "Run", cache: mounts, network: [], secrets: [], shell: "make" }
    const builds = Array.from({ length: 200_000 }, () => ({ name: "x", spec: { builds: [], from: "base", ops: [] } }))
    const written = Either.getOrThrow(DockerfileWriter.write({ builds, from: "base", ops: [run] }, { buildkit: true }))
    expect(written.split("FROM ")).toHaveLength(200_002)
    expect(written.split("--mount=")).toHaveLength(200_001)
  })
})
