/**
 * The import of Dockerfiles: the text, `.dockerignore`, the source directory's files and the build arguments, with a NUL
 * after each but the last. A text that is a spec is written as a Dockerfile first, and has to come back.
 */
import * as Either from "effect/Either"
import { isDeepStrictEqual } from "node:util"
import { allSpecs } from "../../../src/domain/Bases.ts"
import * as Diagnostic from "../../../src/domain/Diagnostic.ts"
import * as DockerfileLosses from "../../../src/domain/dockerfile/DockerfileLosses.ts"
import * as DockerfileWriter from "../../../src/domain/dockerfile/DockerfileWriter.ts"
import type { Archive } from "../../../src/domain/dockerfile/ImportFacts.ts"
import { comments } from "../../../src/domain/dockerfile/ImportedImageText.ts"
import type { Spec } from "../../../src/domain/Spec.ts"
import * as SpecText from "../../../src/domain/SpecText.ts"
import { describe } from "../../../src/plan/ImportedPlan.ts"
import { plan, refusal } from "../../../src/plan/Planner.ts"
import { importOf, type World } from "../../domain/dockerfile/imports.ts"
import { meaning } from "../../domain/dockerfile/meaning.ts"
import * as dockerfile from "./dockerfile.ts"
import * as planner from "./planner.ts"
import { holds, textOf } from "./Target.ts"

const WORLD = "\u0000**/*.o\n!d/e\nsub\n\u0000a\nb.o\nd/c 755\nd/e/f.o\nl d\nm.tar\nsub/x 600\u0000A=1 B= http_proxy=x"

export const seeds: ReadonlyArray<string> = [
  ...dockerfile.seeds.map((text) => text + WORLD),
  `# syntax=docker/dockerfile:1
ARG V=1
FROM base:$V AS first
ARG A
ENV B=\${A:-2} PATH=/x:$PATH
RUN --mount=type=cache,target=/c,uid=5 --mount=type=bind,from=first,source=d,target=/m --mount=type=secret,id=s --mount=type=tmpfs,target=/t --network=none make
RUN <<EOF
one $A
EOF
FROM first
COPY --from=first --chown=1:2 --chmod=755 /x /y/
COPY --exclude=*.o d/* l [ab]* /z/
COPY <<E /h
$A
E
ADD m.tar /
WORKDIR w
USER 5:6
SHELL ["/bin/bash", "-c"]
RUN ["make", "x"]
ENTRYPOINT ["a"]
CMD b
LABEL a=$B
EXPOSE 1-3/udp
VOLUME /v
STOPSIGNAL 9
HEALTHCHECK --interval=1s CMD x${WORLD}`,
  '((build b ((from c) (shell sh -c) (run (shell "make &&\\n x")))) (from a) (user (uid 1) (gid 2)) (workdir /w) (shell bash -c) (env A "b \\"c\\" \\\\") (copy (src f g) (dst h/)) (copy (from (build b)) (src /x) (dst /y)) (run (cache (c (target /c))) (secrets (s (target /s))) (shell x)))'
]

export const words: ReadonlyArray<string> = [
  ...dockerfile.words,
  ..."--chown=1:2 --chown=a --chmod=0755 --chmod=u+x --exclude=*.o --from=0 --from=first --link --parents --network=host type=bind type=secret type=tmpfs target=/a source=d id=s sharing=locked uid=1 mode=0700 rw readonly FROM ONBUILD STOPSIGNAL HEALTHCHECK VOLUME m.tar d/* ../ ./ / $PATH $TARGETARCH 1-3 scratch AS".split(
    " "
  ),
  "\u0000",
  "\nFROM a AS b\n",
  "\nCOPY ",
  "\nADD ",
  "\nWORKDIR ",
  "\nRUN --mount=type=bind,",
  "(run (shell a))",
  "(copy (src a) (dst b))"
]

const archives: ReadonlyArray<Archive> = ["plain", "gzip", "bzip2", "xz", "zstd"]

const worldOf = (ignore: string, files: string, args: string): World => {
  const lines = files.slice(0, 1000).split("\n").slice(0, 40)
  const described = lines.map((line) => line.split(" ", 2)).filter(([path = ""]) => isPath(path))
  return {
    ignore: ignore.slice(0, 500),
    files: Object.fromEntries(
      described.map(([path = "", rest = ""]) => [
        path,
        /^[0-7]{0,4}$/.test(rest) ? Number.parseInt(rest || "644", 8) : { link: rest }
      ])
    ),
    archives: Object.fromEntries(
      described.flatMap(([path = ""]) => {
        const archive = archives[path.length % 8]
        return archive === undefined ? [] : [[path, archive]]
      })
    ),
    args: Object.fromEntries(
      args
        .slice(0, 500)
        .split(" ")
        .map((pair) => [/^[^=]*/.exec(pair)?.[0] ?? "", pair.replace(/^[^=]*=?/, "")])
        .filter(([name = ""]) => name !== "")
    ),
    environment: [{ name: "PATH", value: "/bin" }],
    ...(args.length % 3 === 0 ? { base: { user: part(args, 0, 10), workdir: `/${part(args, 5, 15)}` } } : {}),
    ...(args.startsWith("=") ? { target: args.slice(1, 6) } : {})
  }
}

/** Of whole characters. */
const part = (text: string, start: number, end: number): string => [...text].slice(start, end).join("")

const isPath = (path: string): boolean =>
  path.length < 100 && path.split("/").every((part) => part !== "" && part !== "." && part !== "..")

/** A source directory with the files that a spec names, if it can be built and Docker's reading of it loses nothing. */
const worldFor = (spec: Spec): World | undefined => {
  if (refusal(spec, planner.inputsOf(spec)) !== undefined) return undefined
  if (DockerfileLosses.find(spec, { buildkit: true }).length > 0) return undefined
  const ops = allSpecs(spec).flatMap(({ ops }) => ops)
  const names = new Set(ops.flatMap((op) => (op._tag === "Copy" && op.from._tag === "Context" ? op.src : [])))
  // Of directories COPY takes what is in them.
  if (![...names].every((name) => /^\w+$/.test(name))) return undefined
  return { files: Object.fromEntries([...names].map((name) => [name, 0o644])) }
}

export const fuzz = (data: Uint8Array): void => {
  const [text = "", ignore = "", files = "", args = ""] = textOf(data).split("\u0000", 4)
  const parsed = SpecText.parse(text, { file: "app.spec" })
  if (Either.isRight(parsed)) {
    returns(parsed.right.spec)
    return
  }
  const result = importOf(text, worldOf(ignore, files, args))
  if (Either.isLeft(result)) {
    holds(result.left.span.end.offset <= text.length, "what is refused has a place")
    Diagnostic.render(result.left)
    return
  }
  const { image, notes, spans, spec } = result.right
  for (const { span } of notes) holds(span.end.offset <= text.length, "a note has a place")
  for (const { ops } of allSpecs(spec)) {
    holds(
      ops.every((op) => spans.has(op)),
      "each operation has a place"
    )
  }
  const again = SpecText.parse(`${comments({ image, spec })}${SpecText.print(spec)}`, { file: "again" })
  holds(Either.isRight(again) && isDeepStrictEqual(again.right.spec, spec), "an imported spec reads as the same spec")
  const planned = plan(spec, planner.inputsOf(spec))
  if (Either.isRight(planned)) describe(planned.right, image)
  else holds(spans.has(planned.left.node), "what the planner refuses has a place")
}

const returns = (spec: Spec): void => {
  const world = worldFor(spec)
  const written = DockerfileWriter.write(spec, { buildkit: true })
  if (Either.isLeft(written)) return
  const imported = importOf(written.right, world)
  if (world === undefined) return
  if (Either.isLeft(imported)) throw new Error(`broken: what loses nothing is imported: ${imported.left.message}`)
  holds(
    isDeepStrictEqual(meaning(imported.right.spec), meaning(spec)),
    `what loses nothing comes back: ${written.right}`
  )
}
