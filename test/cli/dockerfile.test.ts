/** `obuilder dockerfile`. */
import { describe, expect, it } from "vitest"
import * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import { obuilder, temporaryDirectory, writeFiles } from "./commandLine.ts"

const SPEC = `((build dev
  ((from ocaml/opam:debian-12)
   (user (uid 1000) (gid 1000))
   (shell /bin/bash -c)
   (copy (src .) (dst /src/))
   (run (cache (opam (target /home/opam/.opam))) (shell "opam install . &&\\ndune build"))))
 (from debian:12)
 (env GREETING "say \\"hi\\"")
 (copy (from (build dev)) (src /src/app) (dst /usr/bin/)))
`

const NAMED = `((from debian:12)
 (user (name opam))
 (run (cache (archives (target /home/opam/archives)))
      (shell make)))
`

const situation = (files: Readonly<Record<string, string>>) => {
  const directory = temporaryDirectory()
  writeFiles(directory, files)
  // There is nothing in this world: no store is asked for anything.
  return { directory, world: MemoryWorld.make(), environment: { OBUILDER_STORE: "" } }
}

describe("obuilder dockerfile", () => {
  it("prints a Dockerfile", async () => {
    const words = ["dockerfile", "-q", "-f", "app.spec"]
    const { code, stderr, stdout } = await obuilder(situation({ "app.spec": SPEC }), ...words)
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toMatchInlineSnapshot(`
      "FROM ocaml/opam:debian-12 as dev
      USER 1000:1000
      SHELL [ "/bin/bash", "-c" ]
      COPY --chown=1000:1000 . /src/
      RUN opam install . && \\
          dune build

      FROM debian:12
      ENV GREETING="say \\"hi\\""
      COPY --from=dev /src/app /usr/bin/

      "
    `)
  })

  it("prints the mounts of caches and secrets with --buildkit", async () => {
    const words = ["dockerfile", "--buildkit", "-f", "app.spec"]
    const { stdout } = await obuilder(situation({ "app.spec": SPEC }), ...words)
    expect(stdout).toContain(
      "RUN --mount=type=cache,id=opam,target=/home/opam/.opam,uid=1000 opam install . && \\\n    dune"
    )
  })

  it("prints Windows' escape character with --escape=windows", async () => {
    const words = ["dockerfile", "--escape", "windows", "-f", "app.spec"]
    const { stdout } = await obuilder(situation({ "app.spec": SPEC }), ...words)
    expect(stdout).toContain("#escape=`\nFROM ocaml")
    expect(stdout).toContain("opam install . && `\n    dune build\n")
    expect(stdout).toContain('ENV GREETING="say `"hi`""\n')
  })

  it("names on standard error what the Dockerfile does not say", async () => {
    const { code, stderr } = await obuilder(situation({ "app.spec": SPEC }), "dockerfile", "-f", "app.spec")
    expect(code).toBe(0)
    expect(stderr).toMatchInlineSnapshot(`
      "obuilder: warn: app.spec:6:16: nothing is mounted for \`opam\` (with --buildkit it is)
      "
    `)
  })

  it("names only the first of many losses, and nothing that acts on a terminal", async () => {
    const lines = Array.from({ length: 30 }, () => '(workdir "\\027[31m$x")').join("\n")
    const { stderr } = await obuilder({ ...situation({}), stdin: `((from a)\n${lines})` }, "dockerfile", "-f-")
    expect(stderr.split("\n")).toHaveLength(22)
    expect(stderr).toContain("<stdin>:2:1: WORKDIR reads `\\u{1b}[31m$x` in its own way\n")
    expect(stderr).toMatch(/there are 10 more such places\n$/)
  })

  it("reads standard input for -", async () => {
    const ended = await obuilder({ ...situation({}), stdin: "((from scratch))" }, "dockerfile", "-f", "-")
    expect(ended).toEqual({ code: 0, stdout: "FROM scratch\n\n", stderr: "" })
  })

  it("says where a mount stands that is of a user without a number", async () => {
    const { code, stderr, stdout } = await obuilder(
      situation({ "app.spec": NAMED }),
      ...["dockerfile", "--buildkit", "-f", "app.spec"]
    )
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    expect(stderr).toMatchInlineSnapshot(`
      "app.spec:3:14: error: BuildKit mounts the cache \`archives\` for a user's number, and of this step's user only the name is known: \`opam\`
        |
      3 |  (run (cache (archives (target /home/opam/archives)))
        |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        = hint: write \`(user (uid N) (gid N))\` before this run, or leave out --buildkit: without it caches and secrets are left out
      "
    `)
  })

  it("says so of Windows' first user, too", async () => {
    const { stderr } = await obuilder(
      { ...situation({}), stdin: "((from a) (run (secrets (key (target /k))) (shell x)))" },
      ...["dockerfile", "--buildkit", "--escape=windows", "-f-"]
    )
    expect(stderr).toMatchInlineSnapshot(`
      "<stdin>:1:25: error: BuildKit mounts the secret \`key\` for a user's number, and of this step's user only the name is known: \`ContainerAdministrator\`
        |
      1 | ((from a) (run (secrets (key (target /k))) (shell x)))
        |                         ^^^^^^^^^^^^^^^^^
        = hint: write \`(user (uid N) (gid N))\` before this run, or leave out --buildkit: without it caches and secrets are left out
      "
    `)
  })

  it("says what is wrong with a text that is no spec", async () => {
    const { code, stderr, stdout } = await obuilder(
      situation({ "app.spec": "((from a) (rnu))" }),
      "dockerfile",
      "-f",
      "app.spec"
    )
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    expect(stderr).toContain("app.spec:1:12: error:")
  })

  it.each([
    [["dockerfile"]],
    [["dockerfile", "-f", "missing.spec"]],
    [["dockerfile", "-f", "app.spec", "."]],
    [["dockerfile", "-f", "app.spec", "--escape=dos"]],
    [["dockerfile", "-f", "app.spec", "--buildkit=yes"]],
    [["dockerfile", "-f", "app.spec", "--store=overlayfs:/x"]]
  ])("refuses %j", async (words) => {
    const { code, stderr, stdout } = await obuilder(situation({ "app.spec": SPEC }), ...words)
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    expect(stderr).toMatchSnapshot()
  })
})
