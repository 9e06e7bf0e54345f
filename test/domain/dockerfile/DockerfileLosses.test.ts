import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as DockerfileLosses from "../../../src/domain/dockerfile/DockerfileLosses.ts"
import type { Options } from "../../../src/domain/dockerfile/DockerfileWriter.ts"
import type { Op, Spec } from "../../../src/domain/Spec.ts"
import * as SpecText from "../../../src/domain/SpecText.ts"
import { specArbitrary } from "../SpecArbitrary.ts"

const nested = (depth: number): Spec => {
  let spec: Spec = { builds: [], from: "base", ops: [] }
  for (let at = 0; at < depth; at++) spec = { builds: [{ name: `n${at}`, spec }], from: "base", ops: [] }
  return spec
}

/** Each as the part of the text that it is about, and what is said. */
const losses = (text: string, options: Options = {}): ReadonlyArray<string> => {
  const { spans, spec } = Either.getOrThrow(SpecText.parse(text, { file: "x.spec" }))
  return DockerfileLosses.find(spec, options).map(({ hint, message, node }) => {
    const span = spans.get(node)
    const part = text.slice(span?.start.offset, span?.end.offset)
    return [part, message, ...Option.toArray(hint)].join(" | ")
  })
}

describe("what a Dockerfile does not say as the spec does", () => {
  it.each([
    '(comment "a\\nRUN evil")',
    '(workdir "/a\\nRUN evil")',
    "(workdir /$HOME)",
    '(workdir " a")',
    '(workdir "")',
    "(shell)",
    '(shell bash -c "a\\"b")',
    '(user (name "a b"))',
    '(env A "1\\nRUN evil")',
    "(env A=B c)",
    '(env "" c)',
    "(env PATH $PATH:/bin)",
    '(copy (src "a b") (dst /))',
    "(copy (src *.c) (dst /))",
    "(copy (src a) (dst /$x))",
    "(copy (src --from=b) (dst /))",
    '(copy (src "[a") (dst /))',
    "(copy (src) (dst /))",
    "(copy (src a) (dst /) (exclude .git))",
    "(run (cache (c (target /c))) (secrets (s (target /s))) (shell make))",
    '(run (shell "a\\nb"))',
    '(run (shell "a &&\\n"))',
    "(run (shell \"echo 'x &&\\n  y'\"))",
    '(run (shell "./can-do\\nls"))',
    '(run (shell "echo do\\nls"))',
    '(run (shell "echo a{\\nls"))',
    '(run (shell "echo {\\nls"))',
    '(run (shell "echo x # &&\\n  y"))',
    '(run (shell "a \\\\\\n b"))',
    '(run (shell "a \\\\"))',
    '(run (shell "cat <<END"))',
    '(run (shell " [ \\"a\\", \\"b\\" ]"))',
    "(run (shell --mount))",
    '(run (shell " "))'
  ])("is named: %s", (op) => {
    expect(losses(`((from base) (shell /bin/sh -c) ${op})`)).toMatchSnapshot()
  })

  it.each([
    "((from rootfs:base.tar))",
    "((from docker://busybox))",
    '((from "a b"))',
    "((from $BASE))",
    "((from Upper))",
    "((from a:1@sha256:00))",
    "((build 1 ((from a))) (from b))",
    "((build SCRATCH ((from a))) (from b))",
    '((build "a b" ((from a))) (from b))',
    "((build x ((build X ((from a))) (from a))) (from b))",
    "((build a ((from b))) (from a))"
  ])("is named of bases and builds: %s", (text) => {
    expect(losses(text)).toMatchSnapshot()
  })

  it.each([
    "(comment anything)",
    '(workdir "/a b")',
    "(shell /bin/sh -c)",
    "(user (name opam))",
    "(user (uid 1) (gid 2))",
    '(env A "say \\"it\'s\\" \\\\ é")',
    '(env A "")',
    "(copy (src a/b . ./c.d) (dst /e-f_g/))",
    "(run (network host) (shell make))",
    '(run (shell "[ -e /x ] || make"))',
    '(run (shell "  make \'a b\' \\"c\\" # all "))',
    '(run (shell "a &&\\n  b ||\\n  c |\\n  d;\\n  e"))',
    '(run (shell "if a; then\\n  b;\\n else\\n  f() {\\n c; }; fi"))',
    '(run (shell "for a in b; do\\n (\\n  c) && {\\n d; }; done"))',
    '(run (shell "for x in 1 2; do\\n  echo $x;\\n  done"))',
    '(run (shell "(\\n  a;\\n  { b; };\\n  )"))'
  ])("is nothing in %s", (op) => {
    expect(
      losses(`((build dev-1.x_y ((from a:1@sha256:${"0".repeat(64)}))) (from scratch) (shell /bin/sh -c) ${op})`)
    ).toEqual([])
  })

  it("are no mounts where they are written", () => {
    const run = (option: string) =>
      `((from a) (shell /bin/sh -c) (run (cache (c (target /c) (buildkit_options ((sharing ${option}))))) (shell make)))`
    expect(losses(run("locked"), { buildkit: true })).toEqual([])
    expect(losses(run('"x,target=/etc"'), { buildkit: true })).toMatchInlineSnapshot(`
      [
        "(c (target /c) (buildkit_options ((sharing "x,target=/etc")))) | --mount reads \`c\` in its own way",
      ]
    `)
  })

  it("are the first shell, unless it is Windows'", () => {
    const text = "((build x ((from a) (run (shell 1)) (run (shell 2)))) (from b) (shell bash -c) (run (shell 3)))"
    expect(losses(text)).toMatchInlineSnapshot(`
      [
        "(run (shell 1)) | RUN is run by sh, and \`run\` by bash | say which before it: \`(shell /bin/sh -c)\` or \`(shell /bin/bash -c)\`",
      ]
    `)
    expect(losses(text, { style: "windows" })).toEqual([])
  })

  it("are no paths of Windows where a backquote escapes", () => {
    const text = "((from a) (workdir C:\\\\x) (copy (src a\\\\b) (dst C:\\\\x\\\\)))"
    expect(losses(text, { style: "windows" })).toEqual([])
    expect(losses(text)).toHaveLength(2)
  })

  it.prop(
    "is something that the spec has, whatever the spec",
    [specArbitrary(), FastCheck.boolean(), FastCheck.constantFrom("unix" as const, "windows" as const)],
    ([spec, buildkit, style]) => {
      const parsed = Either.getOrThrow(SpecText.parse(SpecText.print(spec), { file: "x.spec" }))
      for (const { node } of DockerfileLosses.find(parsed.spec, { buildkit, style })) {
        expect(parsed.spans.has(node)).toBe(true)
      }
    }
  )

  it.prop(
    "is nothing where all texts are words, but for what is left out, the first shell, and copies by names",
    [specArbitrary({ text: FastCheck.stringMatching(/^[a-z]{1,5}$/), depth: 0 })],
    ([spec]) => {
      const [first] = spec.ops.filter(({ _tag }) => _tag === "Run" || _tag === "Shell")
      const expected = spec.ops.filter(
        (op) =>
          (op._tag === "Run" && op === first) ||
          (op._tag === "Copy" && (op.exclude.length > 0 || op.src.length === 0)) ||
          (op._tag === "Shell" && op.args.length === 0)
      )
      const owned = spec.ops.filter((op, at) => {
        const user = spec.ops.slice(0, at).findLast(({ _tag }) => _tag === "User")
        return op._tag === "Copy" && user?._tag === "User" && user.user._tag === "Named" && user.user.name !== "root"
      })
      const found = DockerfileLosses.find(spec, { buildkit: true }).map(({ node }) => node)
      expect(new Set(found)).toEqual(new Set([...expected, ...owned]))
    }
  )

  it("is found however deep builds are nested, and however long a text is", () => {
    expect(DockerfileLosses.find(nested(20_000))).toEqual([])
    const long = "a; ".repeat(300_000)
    const run = (shell: string): Spec => ({
      builds: [],
      from: "base",
      ops: [
        { _tag: "Shell", args: ["/bin/sh", "-c"] },
        { _tag: "Run", cache: [], network: [], secrets: [], shell }
      ]
    })
    expect(DockerfileLosses.find(run(`${long}${" ".repeat(300_000)}\nb`))).toEqual([])
    expect(DockerfileLosses.find(run(`a\n${"\\ ".repeat(300_000)}`))).toHaveLength(1)
  })

  it("is found of any number of builds and mounts", () => {
    const mount = { id: "m", target: "/m", buildkitOptions: [] }
    const mounts = Array.from({ length: 200_000 }, () => mount)
    const run: Op = { _tag: "Run", cache: mounts, network: [], secrets: [], shell: "make" }
    const builds = Array.from({ length: 200_000 }, () => ({ name: "x", spec: { builds: [], from: "base", ops: [] } }))
    expect(DockerfileLosses.find({ builds, from: "base", ops: [run] }).length).toBe(400_000)
  })
})
