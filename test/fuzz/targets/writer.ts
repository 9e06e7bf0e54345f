/** The writer of Dockerfiles: where nothing is said to be lost, Docker's reading has all that the spec says. */
import * as Either from "effect/Either"
import { allSpecs } from "../../../src/domain/Bases.ts"
import * as DockerfileLosses from "../../../src/domain/dockerfile/DockerfileLosses.ts"
import * as DockerfileParser from "../../../src/domain/dockerfile/DockerfileParser.ts"
import type { Instruction } from "../../../src/domain/dockerfile/Dockerfile.ts"
import * as DockerfileWriter from "../../../src/domain/dockerfile/DockerfileWriter.ts"
import { pairs } from "../../../src/domain/dockerfile/Pairs.ts"
import * as Words from "../../../src/domain/dockerfile/Words.ts"
import type { Op, Spec } from "../../../src/domain/Spec.ts"
import * as SpecText from "../../../src/domain/SpecText.ts"
import * as specText from "./specText.ts"
import { holds, textOf } from "./Target.ts"

export const seeds: ReadonlyArray<string> = [
  ...specText.seeds,
  `((build b ((from a) (shell /bin/sh -c) (run (shell "make &&\\n  make install"))))
 (from debian:12)
 (user (name app)) (workdir "/a b") (shell cmd /S /C) (env PATH "a\\\\b \\"c\\" \`d\`")
 (user (uid 1) (gid 2))
 (copy (from (build b)) (src /x y) (dst C:/z/))
 (run (cache (c (target /c) (buildkit_options ((sharing locked))))) (secrets (s (target /s))) (shell "if a; then\\n b; fi")))`
]

export const words: ReadonlyArray<string> = [
  ...specText.words,
  ..."$A ${A} <<EOF EOF && | ; ' ` # -- --from=a [ ] * ? , = (shell (user (name".split(" "),
  "(shell sh -c)",
  "(user (uid 1) (gid 2))",
  "\\n",
  "\\r",
  " && \\n ",
  "\\\\"
]

const keywords: Readonly<Record<Exclude<Op["_tag"], "Comment">, string>> = {
  Workdir: "WORKDIR",
  Shell: "SHELL",
  Run: "RUN",
  Copy: "COPY",
  User: "USER",
  Env: "ENV"
}

type Part = Exclude<Op, { readonly _tag: "Comment" }> | { readonly _tag: "From"; readonly spec: Spec }

const parts = (spec: Spec): ReadonlyArray<Part> =>
  allSpecs(spec).flatMap((stage): ReadonlyArray<Part> => [
    { _tag: "From", spec: stage },
    ...stage.ops.flatMap((op) => (op._tag === "Comment" ? [] : [op]))
  ])

/** What a word is when there are no variables; `undefined` where it cannot be one. */
const plain = (word: string, escape: "\\" | "`"): string | undefined =>
  Either.getOrUndefined(Words.expand(word, () => undefined, { escape }))

/** Whether an instruction says what a part of the spec says. */
const says = ({ flags, json, keyword, text }: Instruction, part: Part, escape: "\\" | "`"): boolean => {
  if (part._tag === "From") return keyword === "FROM" && text.split(/\s+/)[0] === part.spec.from
  if (keyword !== keywords[part._tag]) return false
  switch (part._tag) {
    case "Workdir":
      return plain(text, escape) === part.path
    case "Shell":
      return JSON.stringify(json) === JSON.stringify(part.args)
    case "User":
      return plain(text, escape) === (part.user._tag === "Named" ? part.user.name : `${part.user.uid}:${part.user.gid}`)
    case "Copy":
      return (
        json === undefined &&
        JSON.stringify(text.split(/\s+/).map((word) => plain(word, escape))) === JSON.stringify([...part.src, part.dst])
      )
    case "Env": {
      const found = Either.getOrUndefined(pairs(text, { escape, keyword: "ENV" }))?.map(({ name, value = "" }) => [
        plain(name, escape),
        plain(value, escape)
      ])
      return JSON.stringify(found) === JSON.stringify([[part.name, part.value]])
    }
    case "Run":
      return (
        json === undefined &&
        flags.length <= part.cache.length + part.secrets.length &&
        text.replaceAll(/\s+/g, "") === part.shell.replaceAll(/\s+/g, "")
      )
  }
}

export const fuzz = (data: Uint8Array): void => {
  const parsed = SpecText.parse(textOf(data), { file: "app.spec" })
  if (Either.isLeft(parsed)) return
  const { spans, spec } = parsed.right
  for (const style of ["unix", "windows"] as const) {
    for (const buildkit of [false, true]) {
      const losses = DockerfileLosses.find(spec, { buildkit, style })
      holds(
        losses.every(({ node }) => spans.has(node)),
        "what is lost has a place"
      )
      const written = DockerfileWriter.write(spec, { buildkit, style })
      if (Either.isLeft(written)) {
        holds(spans.has(written.left.node), "what cannot be written has a place")
        continue
      }
      const read = DockerfileParser.parse(written.right, { file: "Dockerfile" })
      if (losses.length > 0) continue
      if (Either.isLeft(read)) throw new Error(`broken: a Dockerfile that loses nothing can be read: ${written.right}`)
      const { escape, instructions } = read.right
      const wanted = parts(spec)
      holds(
        instructions.length === wanted.length &&
          wanted.every((part, index) => {
            const instruction = instructions[index]
            return instruction !== undefined && says(instruction, part, escape)
          }),
        `a Dockerfile that loses nothing says what the spec says: ${written.right}`
      )
    }
  }
}
