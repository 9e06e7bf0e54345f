import * as Fs from "node:fs"
import { beforeEach, describe, expect, it } from "vitest"
import * as MemoryWorld from "../../src/interpreters/memory/MemoryWorld.ts"
import { obuilder, temporaryDirectory, writeFiles } from "./commandLine.ts"

const directory = temporaryDirectory()

const DOCKERFILE = `ARG TAG=none
FROM base AS dev
ARG TAG
RUN write /out $TAG
FROM base
ENV A=1
LABEL a="b c"
EXPOSE 80
WORKDIR /w
COPY . .
COPY --from=dev /out /out
RUN cat /out
ENTRYPOINT ["/out", "it's"]
CMD ["--help"]
VOLUME /data
USER 7
`

const newWorld = () => MemoryWorld.make({ base: MemoryWorld.base({ "etc/motd": "hello\n" }) })
let world = newWorld()

beforeEach(() => {
  world = newWorld()
  Fs.rmSync(directory, { recursive: true, force: true })
  writeFiles(directory, {
    Dockerfile: DOCKERFILE,
    "src/a.txt": "from a\n",
    "src/b.log": "log\n",
    "src/.dockerignore": "*.log\nthe-store\n",
    "src/the-store/x": "x"
  })
})

const run = (...words: ReadonlyArray<string>) => obuilder({ directory, world }, ...words)

describe("obuilder import", () => {
  it("prints the spec, with what export takes, and says on standard error what is otherwise", async () => {
    expect(await run("import", "--context=src")).toMatchSnapshot()
  })

  it("prints a spec that is built as the Dockerfile is", async () => {
    const imported = await run("import", "--context=src", "--build-arg=TAG=x", "-o", "out.spec")
    expect(imported.stdout).toBe("")
    const fromSpec = await run("build", "-q", "-f", "out.spec", "src")
    const fromDockerfile = await run("build", "-q", "-f", "Dockerfile", "--build-arg=TAG=x", "src")
    expect(fromDockerfile).toMatchObject({ code: 0, stdout: fromSpec.stdout })
  })

  it("reads standard input, and a stage of it", async () => {
    const situation = { directory, world, stdin: DOCKERFILE }
    const { code, stdout } = await obuilder(situation, "import", "-", "--target=dev")
    expect({ code, stdout }).toMatchInlineSnapshot(`
      {
        "code": 0,
        "stdout": "; An image of this has these build arguments as variables, which one of the Dockerfile itself has not:
      ;   TAG
      ((from base)
       (env TAG none)
       (shell /bin/sh -c)
       (run
        (network host)
        (shell "write /out $TAG")))
      ",
      }
    `)
  })

  it("says nothing of notes with -q", async () => {
    expect(await run("import", "-q", "--context=src")).toMatchObject({ code: 0, stderr: "" })
  })

  it("says nothing of them where only warnings or errors are wanted, as build does", async () => {
    for (const level of ["warning", "error"]) {
      expect(await run("import", `--verbosity=${level}`, "--context=src")).toMatchObject({ code: 0, stderr: "" })
      const built = await run("build", "-f", "Dockerfile", `--verbosity=${level}`, "src")
      expect(built.stderr).not.toContain("note:")
    }
    expect((await run("import", "--verbosity=info", "--context=src")).stderr).toContain("note:")
  })

  it("names the directory in which a source is not, and how to name another", async () => {
    writeFiles(directory, { "docker/Dockerfile": "FROM base\nCOPY src/a.txt /\n" })
    expect((await run("import", "docker/Dockerfile")).stderr).toContain(
      `hint: ${directory}/docker was looked in: --context=DIR names another directory`
    )
    expect((await run("build", "-f", "docker/Dockerfile", "docker")).stderr).toContain(
      `hint: ${directory}/docker was looked in: the last argument names another directory`
    )
    expect(await run("import", "-q", "docker/Dockerfile", "--context=.")).toMatchObject({ code: 0, stderr: "" })
  })

  it("replaces a file that -o names", async () => {
    writeFiles(directory, { "out.spec": "old" })
    expect(await run("import", "-q", "--context=src", "-o", "out.spec")).toMatchObject({ code: 0, stdout: "" })
    expect(Fs.readFileSync(`${directory}/out.spec`, "utf8")).toContain("(from base)")
  })

  it("takes one file at most, which has to be there, and to be one", async () => {
    expect(await run("import", "a", "b")).toMatchObject({ code: 2, stdout: "" })
    expect(await run("import", "missing")).toMatchObject({ code: 2, stdout: "" })
    writeFiles(directory, { bad: "FROM base\nRUN --mount=type=ssh x\n" })
    expect((await run("import", "bad")).stderr).toMatchInlineSnapshot(`
      "bad:2:5: error: steps do not get an SSH agent
        |
      2 | RUN --mount=type=ssh x
        |     ^^^^^^^^^^^^^^^^
        = hint: give them a key as a secret: --mount=type=secret
      "
    `)
  })

  it("leaves out what a list for this Dockerfile alone says, and not what .dockerignore does", async () => {
    writeFiles(directory, { "Dockerfile.dockerignore": "the-store\n.dockerignore\n" })
    const { stdout } = await run("import", "-q", "--context=src")
    expect(stdout).toContain("(exclude .dockerignore the-store)")
  })

  it("does not go on without a list that is there and cannot be read", async () => {
    Fs.rmSync(`${directory}/src/.dockerignore`)
    Fs.mkdirSync(`${directory}/src/.dockerignore`)
    const { code, stderr, stdout } = await run("import", "--context=src")
    expect({ code, stderr, stdout }).toMatchInlineSnapshot(`
      {
        "code": 2,
        "stderr": "obuilder: cannot read the source directory: the list ".dockerignore" is no regular file
      ",
        "stdout": "",
      }
    `)
  })

  it("points into a list that cannot be read", async () => {
    writeFiles(directory, { "src/.dockerignore": "good\n[bad\n" })
    const { code, stderr } = await run("import", "--context=src")
    expect(code).toBe(2)
    expect(stderr).toContain(".dockerignore:2:1: error:")
  })
})

describe("obuilder build of a Dockerfile", () => {
  it("builds what is written there, with the notes on standard error", async () => {
    writeFiles(directory, { Dockerfile: `${DOCKERFILE}MAINTAINER me\n` })
    const { code, stderr, stdout } = await run("build", "-f", "Dockerfile", "--build-arg", "TAG=mine", "src")
    expect(code).toBe(0)
    expect(stdout).toContain("mine")
    expect(stderr).toContain("Dockerfile:17:1: note: MAINTAINER becomes the label")
  })

  it("knows one by its name, or by what it begins with", async () => {
    writeFiles(directory, {
      "app.spec": "FROM base\n",
      text: "# a comment\nfrom base\n",
      "app.Dockerfile": "FROM base\n"
    })
    expect(await run("build", "-f", "text", "src")).toMatchObject({ code: 0 })
    expect(await run("build", "-f", "app.Dockerfile", "src")).toMatchObject({ code: 0 })
    expect(await run("build", "-f", "app.spec", "src")).toMatchObject({ code: 2 })
  })

  it("points at the line whose file or image is not there", async () => {
    writeFiles(directory, {
      "x.Dockerfile": "FROM base\nCOPY missing /\n",
      "y.Dockerfile": "FROM base AS a\nFROM unknown\n"
    })
    expect((await run("build", "-f", "x.Dockerfile", "src")).stderr).toContain(
      'x.Dockerfile:2:6: error: "missing" is not in the source directory'
    )
    expect((await run("build", "-f", "y.Dockerfile", "src")).stderr).toContain("y.Dockerfile:2:1: error:")
  })

  it("takes a build argument's value from the environment where none is given", async () => {
    const building = (environment: Readonly<Record<string, string>>, ...words: ReadonlyArray<string>) =>
      obuilder({ directory, world: newWorld(), environment }, "build", "-f", "x.Dockerfile", ...words, "src")
    const value = async (environment: Readonly<Record<string, string>>, ...words: ReadonlyArray<string>) =>
      /\(env TAG (.*)\)/.exec((await building(environment, ...words)).stdout)?.[1]
    writeFiles(directory, { "x.Dockerfile": "FROM base\nARG TAG=default\nRUN write /x $TAG\n" })
    expect(await value({ TAG: "env" }, "--build-arg", "TAG")).toBe("env")
    expect(await value({ TAG: "" }, "--build-arg=TAG")).toBe('""')
    expect(await value({ TAG: "env" })).toBe("default")
    expect(await value({}, "--build-arg=TAG")).toBe("default")
    expect(await value({ TAG: "env" }, "--build-arg=TAG=given")).toBe("given")
    expect(await value({ TAG: "env" }, "--build-arg=TAG=given", "--build-arg=TAG")).toBe("env")
    expect(await value({}, "--build-arg=TAG=given", "--build-arg=TAG")).toBe("default")
    expect(await building({}, "--build-arg=toString", "--build-arg=__proto__")).toMatchObject({ code: 0, stderr: "" })
    for (const bad of ["", "=x", "="]) {
      expect((await building({}, `--build-arg=${bad}`)).stderr).toContain("--build-arg must be NAME or NAME=VALUE")
    }
  })

  it("is pointed at where no file is named, and the source directory has a Dockerfile", async () => {
    const hint = async (...words: ReadonlyArray<string>) => {
      const { code, stderr } = await run(...words)
      expect([code, stderr]).toEqual([2, expect.stringContaining("--file FILE is missing")])
      return /-f .*Dockerfile.*(?=")/.exec(stderr)?.[0]
    }
    writeFiles(directory, { "it's here/Dockerfile": "FROM base\n", "odd/Dockerfile/x": "" })
    expect(await hint("build", ".")).toBe("-f Dockerfile .")
    expect(await hint("build")).toBe("-f Dockerfile .")
    expect(await hint("explain", "./")).toBe("-f ./Dockerfile ./")
    expect(await hint("build", "-q", "it's here/")).toBe("-f 'it'\\''s here/Dockerfile' 'it'\\''s here/'")
    for (const none of ["src", "odd", "missing", "", "Dockerfile"]) expect(await hint("build", none)).toBe(undefined)
  })

  it("takes what only Dockerfiles have for them alone", async () => {
    writeFiles(directory, { spec: "((from base))" })
    expect(await run("build", "-f", "spec", "--build-arg=A=1", "src")).toMatchObject({ code: 2 })
    expect(await run("build", "-f", "spec", "--target=a", "src")).toMatchObject({ code: 2 })
  })

  it("shows in a dry run's plan what the image would say", async () => {
    const { stdout } = await run("build", "-f", "Dockerfile", "--dry-run", "--format=json", "src")
    const { stages } = JSON.parse(stdout)
    expect(stages.at(-1).settings).toMatchInlineSnapshot(`
      {
        "environment": [
          {
            "name": "A",
            "value": "1",
          },
        ],
        "image": {
          "command": [
            "--help",
          ],
          "entrypoint": [
            "/out",
            "it's",
          ],
          "labels": [
            {
              "name": "a",
              "value": "b c",
            },
          ],
          "ports": [
            "80/tcp",
          ],
          "user": "7",
          "volumes": [
            "/data",
          ],
        },
        "user": {
          "_tag": "Named",
          "name": "7",
        },
        "workdir": "/w",
      }
    `)
  })
})
