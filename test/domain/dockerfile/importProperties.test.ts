import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Fs from "node:fs"
import { parse } from "../../../src/domain/dockerfile/DockerfileParser.ts"
import * as DockerfileWriter from "../../../src/domain/dockerfile/DockerfileWriter.ts"
import { comments } from "../../../src/domain/dockerfile/ImportedImageText.ts"
import { textOf } from "../../../src/domain/dockerfile/ImportedText.ts"
import type { Op, Spec, User } from "../../../src/domain/Spec.ts"
import * as SpecText from "../../../src/domain/SpecText.ts"
import * as Arbitrary from "./DockerfileArbitrary.ts"
import { importOf, type World } from "./imports.ts"
import { meaning } from "./meaning.ts"

const world: World = {
  files: { f: 0o644, g: 0o755, "d/x": 0o644, "d/y.o": 0o644, l: { link: "d" } },
  ignore: "**/*.o",
  environment: [{ name: "PATH", value: "/bin" }],
  args: { A: "1" }
}

/** Instructions that are mostly good, in any order. */
const instruction = FastCheck.constantFrom(
  "ARG A",
  "ARG B=2",
  "ENV A=3 C=$A",
  "ENV D=${C:-4}$PATH",
  "RUN make",
  'RUN ["make", "x"]',
  "RUN <<EOF\none\nEOF",
  "RUN --mount=type=cache,target=/c --mount=type=bind,source=d,target=/m x",
  "RUN --network=none x",
  "COPY f g /x/",
  "COPY . .",
  "COPY l d /tmp/",
  "COPY --from=0 /x /y",
  "COPY --from=image /x /y/",
  "COPY --chown=1 --chmod=600 d /z",
  "COPY *.none /",
  "ADD f /",
  "COPY <<EOF /h\n$A\nEOF",
  "WORKDIR w",
  "WORKDIR /v",
  "USER 5",
  "USER root",
  'SHELL ["/bin/bash", "-c"]',
  "LABEL a=$B",
  'CMD ["x"]',
  "ENTRYPOINT y",
  "EXPOSE 1-3",
  "VOLUME /v",
  "STOPSIGNAL 9",
  "HEALTHCHECK NONE",
  "FROM base",
  "FROM base AS s",
  "FROM s",
  "COPY missing /",
  "ONBUILD RUN x"
)

const composed = FastCheck.array(instruction, { maxLength: 12 }).map((lines) =>
  ["FROM first AS s", ...lines].join("\n")
)

/** What has to leave a trace, of its own or in a note. */
const TRACED = new Set(["RUN", "COPY", "ADD", "ENV", "WORKDIR"])

describe("the import", () => {
  it("answers any text, with a spec that can be printed and read back or with the place of what it refuses", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.oneof(Arbitrary.anyText, composed), (text) => {
        const result = importOf(text, world)
        if (Either.isLeft(result)) {
          expect(result.left.span.end.offset).toBeLessThanOrEqual(text.length)
          return
        }
        const { image, spec } = result.right
        const printed = `${comments({ image, spec })}${SpecText.print(spec)}`
        expect(Either.getOrThrow(SpecText.parse(printed, { file: "printed" })).spec).toEqual(spec)
      }),
      { numRuns: 2000 }
    )
  })

  it("drops nothing in silence: each instruction of the target has operations or a note", () => {
    FastCheck.assert(
      FastCheck.property(composed, (text) => {
        const result = importOf(text, world)
        if (Either.isLeft(result)) return
        const { notes, spans } = result.right
        const traces = new Set([...spans.values(), ...notes.map(({ span }) => span)].map(({ start }) => start.offset))
        const { instructions } = Either.getOrThrow(parse(text, { file: "Dockerfile" }))
        const last = instructions.findLastIndex(({ keyword }) => keyword === "FROM")
        for (const one of instructions.slice(last + 1)) {
          if (TRACED.has(one.keyword)) expect([one.keyword, traces.has(one.range.start)]).toEqual([one.keyword, true])
        }
      }),
      { numRuns: 1000 }
    )
  })

  it("of what obuilder dockerfile writes gives a spec that says the same", () => {
    FastCheck.assert(
      FastCheck.property(specs, (spec) => {
        const text = Either.getOrThrow(DockerfileWriter.write(spec, { buildkit: true }))
        expect(meaning(Either.getOrThrow(importOf(text, world)).spec)).toEqual(meaning(spec))
      }),
      { numRuns: 500 }
    )
  })

  it("takes no long time over a text that asks for the same files again and again", () => {
    const files = Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`f${n}`, 0o644]))
    const text = `FROM a\n${"COPY . /x\nCOPY *1 *2 *3 /y/\n".repeat(5000)}`
    const result = importOf(text, { files, ignore: "f7" })
    expect(Either.isLeft(result) ? result.left.message : "").toBe(
      "this Dockerfile asks for more of the source directory than can be looked at"
    )
  })

  it("takes no more time and memory than the text is long, or refuses it", () => {
    const many = (line: (n: number) => string): string => Array.from({ length: 10_000 }, (_, n) => line(n)).join("\n")
    const doubled = "ENV A=$A$A\n".repeat(16)
    const cases: ReadonlyArray<readonly [text: string, message: string]> = [
      [`FROM a AS s0\n${many((n) => `FROM s${n} AS s${n + 1}`)}`, ""],
      [
        `FROM a AS s0\n${many((n) => `ARG A${n}=1`)}\n${many((n) => `FROM s${n} AS s${n + 1}`)}`,
        "this Dockerfile has too many stages that are built on one another, for what is in them"
      ],
      [`FROM a\n${"WORKDIR a\n".repeat(10_000)}`, "this directory has a path of more than 4095 characters"],
      [`FROM a\n${many((n) => `LABEL a${n}=b`)}\nLABEL b=c`, "these are more than 10000 labels"],
      [`FROM a\n${many((n) => `VOLUME /a${n}`)}\nVOLUME /b`, "these are more than 10000 volumes"],
      [
        `FROM a\nENV A=12345678\n${doubled}${many((n) => `ENV B${n}=$A`)}`,
        "the values of this Dockerfile's variables come to more than 100 million characters"
      ],
      [
        `ARG A=12345678\n${doubled.replaceAll("ENV", "ARG")}${many((n) => `ARG B${n}=$A`)}\nFROM a`,
        "the values of this Dockerfile's variables come to more than 100 million characters"
      ]
    ]
    for (const [text, message] of cases) {
      const result = importOf(text)
      expect(Either.isLeft(result) ? result.left.message : "").toBe(message)
    }
  })

  it("keeps many labels and ports, the last of each name, and takes no long time over them", () => {
    const names = Array.from({ length: 10_000 }, (_, n) => `l${n}`)
    const text = ["FROM a AS one", ...names.map((name) => `LABEL ${name}=1`), "EXPOSE 1-3 2 4", "VOLUME /v"]
    const again = ["FROM one", "LABEL l0=2", "EXPOSE 2 9/udp", "VOLUME /v /w"]
    const imported = Either.getOrThrow(importOf([...text, ...again].join("\n")))
    const { labels, ports, volumes } = imported.image.settings
    expect(labels).toHaveLength(names.length)
    expect([labels[0], labels.at(-1)]).toEqual([
      { name: "l1", value: "1" },
      { name: "l0", value: "2" }
    ])
    expect(ports).toEqual(["1/tcp", "2/tcp", "3/tcp", "4/tcp", "9/udp"])
    expect(volumes).toEqual(["/v", "/w"])
  })

  it("refuses more ports than anybody has, in one instruction or in many", () => {
    const many = Array.from({ length: 10_001 }, (_, n) => `EXPOSE ${n + 1}`).join("\n")
    for (const ports of ["EXPOSE 1-10001", many, "EXPOSE 1-6000\nFROM s\nEXPOSE 1-6000"]) {
      const result = importOf(`FROM a AS s\n${ports}`)
      expect(Either.isLeft(result) ? result.left.message : "").toBe("these are more than 10000 ports")
    }
  })

  it("is what the documentation shows", () => {
    const page = Fs.readFileSync("docs/dockerfiles.md", "utf8").split("## In: ")[1] ?? ""
    const block = (kind: string): string => new RegExp(`\`\`\`${kind}\n([^]*?)\`\`\``).exec(page)?.[1] ?? ""
    const imported = importOf(block("dockerfile"), { files: { Makefile: 0o644 }, kept: true })
    expect(block("scheme")).toBe(textOf(Either.getOrThrow(imported)))
  })
})

const user = FastCheck.constantFrom<User>(
  { _tag: "Unix", uid: 0, gid: 0 },
  { _tag: "Unix", uid: 5, gid: 6 },
  { _tag: "Unix", uid: 7, gid: 8 }
)

/** Operations that Dockerfiles say as they stand. */
const op = (builds: ReadonlyArray<string>): FastCheck.Arbitrary<Op> =>
  FastCheck.oneof<Array<FastCheck.Arbitrary<Op>>>(
    FastCheck.constantFrom("a comment", "another").map((text) => ({ _tag: "Comment", text })),
    FastCheck.constantFrom("/w", "/w/deep", "sub").map((path) => ({ _tag: "Workdir", path })),
    FastCheck.constantFrom(["/bin/sh", "-c"], ["/bin/bash", "-e", "-c"]).map((args) => ({ _tag: "Shell", args })),
    user.map((user) => ({ _tag: "User", user })),
    FastCheck.record({
      name: FastCheck.constantFrom("A", "B"),
      value: FastCheck.constantFrom("", "1", 'say "hi"', "a\\b")
    }).map((pair) => ({ _tag: "Env", ...pair })),
    FastCheck.record({
      shell: FastCheck.constantFrom("make", "echo $A && x", "a 'b c'"),
      cached: FastCheck.boolean(),
      secret: FastCheck.boolean()
    }).map(({ cached, secret, shell }) => ({
      _tag: "Run",
      shell,
      network: [],
      cache: cached ? [{ id: "c", target: "/c", buildkitOptions: [] }] : [],
      secrets: secret ? [{ id: "s", target: "/run/secrets/s", buildkitOptions: [] }] : []
    })),
    FastCheck.record({
      from: FastCheck.constantFrom(undefined, ...builds),
      many: FastCheck.boolean(),
      dst: FastCheck.constantFrom("/x/", "/x/y", "z/")
    }).map(({ dst, from, many }) => ({
      _tag: "Copy",
      from: from === undefined ? { _tag: "Context" } : { _tag: "Build", name: from },
      src: many && dst.endsWith("/") ? ["f", "g"] : ["f"],
      dst,
      exclude: []
    }))
  )

/** It begins by saying what Docker takes from the base. */
const opsOf = (builds: ReadonlyArray<string>): FastCheck.Arbitrary<ReadonlyArray<Op>> =>
  FastCheck.array(op(builds), { maxLength: 6 }).map((ops) => [
    { _tag: "Workdir", path: "/" },
    { _tag: "Shell", args: ["/bin/sh", "-c"] },
    ...ops
  ])

const specs: FastCheck.Arbitrary<Spec> = FastCheck.record({
  first: opsOf([]),
  second: opsOf(["one"]),
  main: opsOf(["one", "two"])
}).map(({ first, main, second }) => ({
  builds: [
    { name: "one", spec: { builds: [], from: "a", ops: first } },
    { name: "two", spec: { builds: [], from: "b", ops: second } }
  ],
  from: "c",
  ops: main
}))
