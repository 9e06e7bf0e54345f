/** What each rule of the import makes of a Dockerfile. */
import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as DockerfileWriter from "../../../src/domain/dockerfile/DockerfileWriter.ts"
import { textOf } from "../../../src/domain/dockerfile/ImportedText.ts"
import { importOf, shown } from "./imports.ts"

describe("a stage", () => {
  it("is a spec, whose steps have Docker's shell and the network", () => {
    expect(shown("FROM busybox\nRUN make")).toMatchInlineSnapshot(`
      "((from busybox)
       (shell /bin/sh -c)
       (run (network host)
            (shell make))
      )"
    `)
  })

  it("that another one copies from is a nested build; one that nobody needs is left out, which is said", () => {
    expect(
      shown(
        "FROM a AS One\nRUN x\nFROM b\nRUN y\nFROM c AS unused\nRUN z\nFROM d\nCOPY --from=one /x /x\nCOPY --from=1 /y/ /z/"
      )
    ).toMatchInlineSnapshot(`
      "((build one
              ((from a)
               (shell /bin/sh -c)
               (run (network host)
                    (shell x))))
       (build stage-1
              ((from b)
               (shell /bin/sh -c)
               (run (network host)
                    (shell y))))
       (from d)
       (copy (from (build one))
             (src /x)
             (dst /x)
             (contents)
             (preserve modes owners))
       (copy (from (build stage-1))
             (src /y)
             (dst /z/)
             (contents)
             (preserve modes owners))
      )
      5: the stage "unused" is not needed for the last stage, and left out"
    `)
  })

  it("on another stage has what ENV said there before what ARG has set", () => {
    const text = "FROM a AS one\nENV V=env\nARG V=arg W=kept\nRUN x\nFROM one\nRUN y\nLABEL l=$V$W"
    expect(shown(text)).toContain(`(env V env)
 (run (network host)
      (shell y))`)
    expect(Either.getOrThrow(importOf(text)).image.settings.labels).toEqual([{ name: "l", value: "envkept" }])
  })

  it("on another stage goes on where that ended", () => {
    expect(shown("FROM a AS one\nENV A=1\nWORKDIR /w\nRUN x\nFROM one\nRUN y $A")).toMatchInlineSnapshot(`
      "((from a)
       (env A 1)
       (workdir /w)
       (shell /bin/sh -c)
       (run (network host)
            (shell x))
       (run (network host)
            (shell "y $A"))
      )"
    `)
  })

  it("that is named as the target is the last one", () => {
    expect(shown("FROM a AS one\nRUN x\nFROM b\nRUN y", { target: "ONE" })).toMatchInlineSnapshot(`
      "((from a)
       (shell /bin/sh -c)
       (run (network host)
            (shell x))
      )
      3: the stage "1" is not needed for "one", and left out"
    `)
    expect(shown("FROM a\nFROM b", { target: "7" })).toMatchInlineSnapshot(`"refused at 1:1: there is no stage "7""`)
  })

  it("may begin with an image whose short name would mean something else in a spec", () => {
    expect(shown("FROM oci:latest\nRUN x")).toMatchInlineSnapshot(`
      "((from docker://oci:latest)
       (shell /bin/sh -c)
       (run (network host)
            (shell x))
      )"
    `)
    expect(shown("FROM ./here")).toMatchInlineSnapshot(
      `"refused at 1:6: "./here" names no image: "." is not the name of a registry"`
    )
  })

  it("is for the platform of the build", () => {
    expect(shown("FROM --platform=$BUILDPLATFORM a\nRUN x")).toContain("(from a)")
    expect(shown("FROM --platform=linux/riscv64 a\nRUN x")).toMatchInlineSnapshot(
      `"refused at 1:6: this stage is for "linux/riscv64", and the build for linux/amd64"`
    )
  })

  it("begins as the base's configuration says, where that is looked at", () => {
    const base = { user: "node", workdir: "/srv" }
    expect(shown("FROM a\nRUN x\nWORKDIR y\nCOPY f .", { base, files: { f: 0o644 } })).toMatchInlineSnapshot(`
      "((from a)
       (workdir /srv)
       (user (name node))
       (shell /bin/sh -c)
       (run (network host)
            (shell x))
       (user (uid 0) (gid 0))
       (run (shell  "t=/srv/y; set --\\
                   \\nwhile [ ! -e \\"$t\\" ]; do set -- \\"$t\\" \\"$@\\"; t=\${t%/*}; [ -n \\"$t\\" ] || t=/; done\\
                   \\nfor d in \\"$@\\"; do mkdir \\"$d\\" && chown node: \\"$d\\" || exit; done"))
       (workdir /srv/y)
       (copy (src f) (dst /srv/y/) (preserve modes))
       (user (name node))
      )"
    `)
  })

  it("begins as root where the base's user cannot be looked up, which is said", () => {
    expect(shown("FROM a\nRUN x", { base: { user: "www:data" } })).toMatchInlineSnapshot(`
      "((from a)
       (shell /bin/sh -c)
       (run (network host)
            (shell x))
      )
      1: the base's user is not taken, and root is: www:data: groups are not looked up in the image's /etc/group"
    `)
  })

  it("copies from an image, which is a build of nothing else", () => {
    expect(shown("FROM scratch\nCOPY --from=golang:1 /usr/local/go/ /go/")).toMatchInlineSnapshot(`
      "((build golang:1
              ((from golang:1)))
       (from scratch)
       (copy (from (build golang:1))
             (src /usr/local/go)
             (dst /go/)
             (contents)
             (preserve modes owners))
      )"
    `)
  })

  it("whose name is nearly that of what is copied from may be meant, which is said", () => {
    const text = "FROM a AS build\nRUN x\nFROM scratch\nCOPY --from=biuld /x /x\nCOPY --from=golang /y /y"
    const { notes } = Either.getOrThrow(importOf(text))
    expect(notes.filter(({ span }) => span.start.line > 2).map(({ hint, message }) => [message, hint])).toEqual([
      ['"biuld" is no stage, and taken as an image', 'did you mean the stage "build"?']
    ])
  })

  it("cannot copy from itself, or from a later one", () => {
    expect(shown("FROM a AS one\nCOPY --from=two /x /x\nFROM b AS two", { target: "one" })).toMatchInlineSnapshot(
      `"refused at 2:1: the stage "two" is not finished here, and cannot be copied from"`
    )
    expect(shown("FROM a AS one\nCOPY --from=0 /x /x")).toMatchInlineSnapshot(
      `"refused at 2:1: the stage "one" is not finished here, and cannot be copied from"`
    )
    expect(shown("FROM a\nCOPY --from=$X /x /x")).toMatchInlineSnapshot(
      `"refused at 2:6: a variable cannot stand here"`
    )
  })
})

describe("a variable", () => {
  it("of ARG has the value of --build-arg, or its default, and is an environment variable of steps", () => {
    const text = "FROM a\nARG A=1\nARG B=2\nARG C\nRUN x"
    expect(shown(text, { args: { B: "3", D: "4" } })).toMatchInlineSnapshot(`
      "((from a)
       (env A 1)
       (env B 3)
       (shell /bin/sh -c)
       (run (network host)
            (shell x))
      )
      1: no ARG takes the build argument D"
    `)
  })

  it("from before the first FROM is known in FROM, and in a stage after ARG", () => {
    expect(shown("ARG V=1\nFROM a:$V\nARG V\nENV W=$V")).toMatchInlineSnapshot(`
      "((from a:1)
       (env W 1)
      )"
    `)
    expect(shown("ARG V=1\nFROM a:$V\nENV W=$V")).toMatchInlineSnapshot(`
      "((from a:1)
       (env W "")
      )
      3: V is not set here, and is taken as empty"
    `)
  })

  it("of ENV sees what was set before the instruction, and can have defaults and escapes", () => {
    expect(shown('FROM a\nENV A=1 B=${A:-none}\nENV C="$A ${B}" D=\\$A E=${X:+set} F=${A%1}z\nENV old form  of $A'))
      .toMatchInlineSnapshot(`
      "((from a)
       (env A 1)
       (env B none)
       (env C "1 none")
       (env D $A)
       (env E "")
       (env F z)
       (env old "form  of 1")
      )"
    `)
  })

  it("of the base is asked for only if nothing else sets it", () => {
    const environment = [{ name: "PATH", value: "/base/bin" }]
    expect(shown("FROM a\nENV PATH=/x:$PATH", { environment })).toContain("(env PATH /x:/base/bin)")
    expect(shown("FROM scratch\nENV PATH=/x:$PATH", { environment })).toContain("(env PATH /x:/usr/local/sbin:")
  })

  it("of ARG is no part of a step that no RUN says, nor of one before the first RUN that sees it", () => {
    const text = "FROM a\nARG V=1\nWORKDIR /w\nCOPY --chown=5:6 d /w/d\nENV E=1 V=$V\nARG W=2\nRUN x\nFROM b"
    const world = { files: { "d/f": 0o644 }, target: "0" }
    expect(shown(text, world)).toMatchInlineSnapshot(`
      "((from a)
       (workdir /w)
       (comment "a step that does nothing, so that the working directory is made")
       (shell /bin/sh -c)
       (run (shell true))
       (user (uid 5) (gid 6))
       (copy (src d) (dst /w/d/) (contents) (preserve modes))
       (env E 1)
       (env V 1)
       (env W 2)
       (user (uid 0) (gid 0))
       (run (network host)
            (shell x))
      )
      8: the stage "1" is not needed for "0", and left out"
    `)
    const [before] = shown("FROM a\nARG V=1\nWORKDIR /w\nWORKDIR /v\nRUN x").split("(env")
    const [other] = shown("FROM a\nARG V=1\nWORKDIR /w\nWORKDIR /v\nRUN x", { args: { V: "2" } }).split("(env")
    expect(other).toBe(before)
    expect(before).toContain("(shell true)")
  })

  it("of ARG that is called as a secret is, and has a value, is said to be none", () => {
    const text =
      "FROM a\nARG NPM_TOKEN\nARG API_KEY=\nARG db_password=x\nARG TOKENIZER=y\nARG AWS_SECRET_ACCESS_KEY\nRUN x"
    expect(shown(text, { args: { NPM_TOKEN: "t" } })).toMatchInlineSnapshot(`
      "((from a)
       (env NPM_TOKEN t)
       (env API_KEY "")
       (env db_password x)
       (env TOKENIZER y)
       (shell /bin/sh -c)
       (run (network host)
            (shell x))
      )
      2: the value of NPM_TOKEN is in the plan, and can be in notes and logs: none of them keeps a secret
      4: the value of db_password is in the plan, and can be in notes and logs: none of them keeps a secret"
    `)
  })

  it("of the platform is there for who declares it", () => {
    expect(shown("FROM a\nARG TARGETARCH\nRUN x")).toContain("(env TARGETARCH amd64)")
  })
})

describe("RUN", () => {
  it("in its exec form has no shell, and the next one has it again", () => {
    expect(shown('FROM a\nRUN ["a", "b c"]\nRUN d\nSHELL ["/bin/bash", "-c"]\nRUN e')).toMatchInlineSnapshot(`
      "((from a)
       (shell a)
       (run (network host)
            (shell "b c"))
       (shell /bin/sh -c)
       (run (network host)
            (shell d))
       (shell /bin/bash -c)
       (run (network host)
            (shell e))
      )"
    `)
  })

  it("of one word in its exec form has no shell, whether or not another one is set", () => {
    const expected = `((from a)
 (shell)
 (run (network host)
      (shell pwd))
)`
    expect(shown('FROM a\nRUN ["pwd"]')).toBe(expected)
    expect(shown('FROM a\nSHELL ["/bin/sh", "-ec"]\nRUN ["pwd"]')).toBe(expected)
  })

  it("has the network unless it says that it has none", () => {
    expect(shown("FROM a\nRUN --network=none x\nRUN --network=host y")).toMatchInlineSnapshot(`
      "((from a)
       (shell /bin/sh -c)
       (run (shell x))
       (run (network host)
            (shell y))
      )"
    `)
    expect(shown("FROM a\nRUN --network=mine x")).toMatchInlineSnapshot(`"refused at 2:5: there is no network "mine""`)
  })

  it("gives a here-document to the shell", () => {
    expect(shown("FROM a\nRUN <<EOF\none\ntwo\nEOF\nRUN cat <<A > /x\n$y\nA")).toMatchInlineSnapshot(`
      "((from a)
       (shell /bin/sh -c)
       (run (network host)
            (shell  "one\\
                   \\ntwo\\
                   \\n"))
       (run (network host)
            (shell  "cat <<A > /x\\
                   \\n$y\\
                   \\nA"))
      )"
    `)
  })

  it("has caches and secrets", () => {
    expect(
      shown(
        "FROM a\nWORKDIR /w\nRUN --mount=type=cache,target=c,sharing=locked --mount=type=cache,id=i,target=/d --mount=type=secret,id=s,required=true x"
      )
    ).toMatchInlineSnapshot(`
      "((from a)
       (workdir /w)
       (shell /bin/sh -c)
       (run (cache (/w/c (target /w/c) (buildkit_options ((sharing locked)))) (i (target /d)))
            (network host)
            (secrets (s (target /run/secrets/s) (buildkit_options ((required true)))))
            (shell x))
      )
      3: the cache is not locked: steps that run at the same time have a copy each, of which one is kept"
    `)
  })

  it("gets a secret as a variable by way of the shell", () => {
    expect(shown("FROM a\nRUN --mount=type=secret,id=s,env=S,required=true x")).toMatchInlineSnapshot(`
      "((from a)
       (shell /bin/sh -c)
       (run (network host)
            (secrets (s (target /run/secrets/s) (buildkit_options ((required true)))))
            (shell  "S=\\"$(cat /run/secrets/s; echo x)\\"; export S=\\"\${S%x}\\"\\
                   \\nx"))
      )
      2: the secret is also a file, /run/secrets/s, from which the step's shell reads it"
    `)
  })

  it("refuses mounts that it cannot have", () => {
    const run = (mount: string): string => shown(`FROM a\nRUN --mount=${mount} x`)
    expect(
      [
        "type=ssh",
        "type=what",
        "type=cache",
        "type=cache,target=/c,from=b",
        "type=cache,target=/",
        "type=cache,target=/c,color=red",
        "type=secret",
        "type=bind,target=/x,source=missing",
        "type=bind,from=$X,target=/x",
        'type=cache,"target=/x'
      ].map(run)
    ).toMatchInlineSnapshot(`
      [
        "refused at 2:5: steps do not get an SSH agent",
        "refused at 2:5: there are no mounts of the type "what"",
        "refused at 2:5: this mount has no target",
        "refused at 2:5: a cache begins empty here, and not with files of an image",
        "refused at 2:5: nothing can be mounted on the root directory",
        "refused at 2:5: a mount of the type cache has no field "color"",
        "refused at 2:5: this secret has no name",
        "refused at 2:5: "missing" is not in the source directory",
        "refused at 2:5: a variable cannot stand here",
        "refused at 2:1: RUN with nothing after it",
      ]
    `)
  })

  it("finds what is bound in the image, from which it is removed after the step", () => {
    expect(shown("FROM a\nRUN --mount=type=bind,source=f,target=/m x", { files: { f: 0o644 } })).toMatchInlineSnapshot(`
      "((from a)
       (shell /bin/sh -c)
       (run (shell  "t=/m\\
                   \\nif [ -e \\"$t\\" ] || [ -L \\"$t\\" ]; then [ -d \\"$t\\" ] && [ ! -L \\"$t\\" ] && [ -z \\"$(ls -A \\"$t\\")\\" ] || { echo \\"$t has something in it, and cannot be mounted on: COPY what the step needs\\" >&2; exit 1; }; fi\\
                   \\nn=0; while [ ! -e \\"$t\\" ]; do n=$((n+1)); t=\${t%/*}; [ -n \\"$t\\" ] || t=/; done\\
                   \\necho \\"$n\\" > /.obuilder-mount-0\\
                   \\nmkdir -p /"))
       (copy (src f) (dst /m) (preserve modes))
       (run (network host)
            (shell x))
       (run (shell  "t=/m\\
                   \\nn=$(cat /.obuilder-mount-0)\\
                   \\nrm -f /.obuilder-mount-0\\
                   \\nif [ \\"$n\\" = 0 ]; then\\
                   \\n  for f in \\"$t\\"/* \\"$t\\"/.[!.]* \\"$t\\"/..?*; do if [ -e \\"$f\\" ] || [ -L \\"$f\\" ]; then rm -rf \\"$f\\"; fi; done\\
                   \\nelse\\
                   \\n  rm -rf \\"$t\\"\\
                   \\n  while [ \\"$n\\" -gt 1 ]; do n=$((n-1)); t=\${t%/*}; rmdir \\"$t\\" 2>/dev/null || break; done\\
                   \\nfi"))
      )
      2: what is mounted for the step is put into the image before it, and removed after it, by a shell of the image
      2: what is bound for the step is in a layer of an image that is exported or pushed without --squash"
    `)
  })
})

describe("what is bound for a RUN", () => {
  it("keeps its modes, and it is said that it stays in a layer", () => {
    const files = { "d/key": 0o600, f: 0o400 }
    const text = (source: string): string =>
      shown(`FROM a\nRUN --mount=type=bind,source=${source},target=/m x`, { files })
    const said = (source: string): string => text(source).replace(/^[^]*?\n\)\n/, "")
    expect(text("d")).toContain("(copy (src d) (dst /m/) (contents) (preserve modes))")
    expect(text("f")).toContain("(copy (src f) (dst /m) (preserve modes))")
    expect(said("d")).toMatchInlineSnapshot(`
      "2: what is mounted for the step is put into the image before it, and removed after it, by a shell of the image
      2: what is bound for the step is in a layer of an image that is exported or pushed without --squash"
    `)
    expect(said("f")).toMatchInlineSnapshot(`
      "2: what is mounted for the step is put into the image before it, and removed after it, by a shell of the image
      2: what is bound for the step is in a layer of an image that is exported or pushed without --squash"
    `)
  })

  it("of a stage that is not there is refused at its flag", () => {
    expect(shown("FROM a AS s\nRUN --network=none --mount=type=bind,from=s,target=/m x")).toMatchInlineSnapshot(
      `"refused at 2:20: the stage "s" is not finished here, and cannot be copied from"`
    )
  })
})

describe("COPY", () => {
  const files = {
    "a.txt": 0o644,
    "b.txt": 0o644,
    "run.sh": 0o755,
    "d/x": 0o644,
    "d/sub/y": 0o644,
    "d/sub/z.o": 0o644,
    "e/": 0o755,
    link: { link: "d/x" },
    out: { link: "../../etc/passwd" }
  }
  const copy = (text: string, ignore = ""): string => {
    const [, , ...lines] = shown(`FROM a\n${text}`, { files, ignore }).split("\n")
    return lines.join("\n")
  }
  /** Only the copies and what is said: not the lines around them. */
  const line = (text: string, ignore = ""): string =>
    shown(`FROM a\n${text}`, { files, ignore })
      .replace(/^\(\(from a\)\n/, "")
      .replace(/\n\)/, "")

  it("copies files by their names, or to one", () => {
    expect(line("COPY a.txt b.txt /x/")).toMatchInlineSnapshot(`" (copy (src a.txt b.txt) (dst /x/) (preserve modes))"`)
    expect(line("COPY a.txt /x/y")).toMatchInlineSnapshot(`" (copy (src a.txt) (dst /x/y) (preserve modes))"`)
    expect(line("COPY *.txt ru?.sh /x/")).toMatchInlineSnapshot(
      `" (copy (src a.txt b.txt run.sh) (dst /x/) (preserve modes))"`
    )
    expect(line('COPY ["a.txt", "/with blank/"]')).toMatchInlineSnapshot(
      `" (copy (src a.txt) (dst "/with blank/") (preserve modes))"`
    )
  })

  it("copies what directories hold", () => {
    expect(line("COPY d /x")).toMatchInlineSnapshot(`" (copy (src d) (dst /x/) (contents) (preserve modes))"`)
    expect(line("COPY d e /x/")).toMatchInlineSnapshot(`" (copy (src d) (dst /x/) (contents) (preserve modes))"`)
    expect(line("COPY . .")).toMatchInlineSnapshot(`
      " (copy (src .) (dst /) (contents) (preserve modes))
      2: "." is taken as relative to /, whatever the base's own working directory is"
    `)
    expect(line("COPY d /tmp")).toMatchInlineSnapshot(`" (copy (src d) (dst /tmp/) (contents) (preserve modes))"`)
  })

  it("leaves a directory as it is that is there, the root too, and makes one that is to hold nothing", () => {
    expect(line("COPY d/ /\nADD d /\nWORKDIR /\nCOPY d/ .")).toMatchInlineSnapshot(`
      " (copy (src d) (dst /) (contents) (preserve modes))
       (copy (src d) (dst /) (contents) (preserve modes))
       (workdir /)
       (copy (src d) (dst /) (contents) (preserve modes))"
    `)
    expect(line("COPY e /\nCOPY e /tmp\nCOPY e /new\nCOPY e /new")).toMatchInlineSnapshot(
      `" (copy (src e) (dst /new) (contents) (preserve modes))"`
    )
    expect(line("WORKDIR /w\nCOPY e .\nCOPY e .")).toMatchInlineSnapshot(`
      " (workdir /w)
       (copy (src e) (dst /w) (contents) (preserve modes))"
    `)
  })

  it("follows links, which do not lead out of the source directory", () => {
    expect(line("COPY link /x")).toMatchInlineSnapshot(`" (copy (src d/x) (dst /x) (preserve modes))"`)
    expect(line("COPY out /x")).toMatchInlineSnapshot(`"refused at 2:6: "out" is not in the source directory"`)
  })

  it("leaves out what .dockerignore says", () => {
    expect(line("COPY . /x", "**/*.o\ne")).toMatchInlineSnapshot(
      `" (copy (src .) (dst /x/) (exclude e z.o) (contents) (preserve modes))"`
    )
    expect(line("COPY . /x", "*\n!d/sub\n!a.txt\nd/sub/z.o")).toMatchInlineSnapshot(
      `
      " (copy (src .)
             (dst /x/)
             (exclude b.txt e link out run.sh x z.o)
             (contents)
             (preserve modes))"
    `
    )
    expect(line("COPY d/sub/z.o /x", "**/*.o")).toMatchInlineSnapshot(
      `"refused at 2:6: "d/sub/z.o" is left out by .dockerignore"`
    )
    expect(line("COPY --exclude=**/*.o d /x")).toMatchInlineSnapshot(
      `" (copy (src d) (dst /x/) (exclude z.o) (contents) (preserve modes))"`
    )
  })

  it("is root's whatever USER says, unless --chown says otherwise", () => {
    expect(line("USER 5:6\nCOPY a.txt /x\nCOPY --chown=7 b.txt /y\nRUN z")).toMatchInlineSnapshot(`
      " (copy (src a.txt) (dst /x) (preserve modes))
       (user (uid 7) (gid 7))
       (copy (src b.txt) (dst /y) (preserve modes))
       (user (uid 5) (gid 6))
       (shell /bin/sh -c)
       (run (network host)
            (shell z))"
    `)
    expect(line("COPY --chown=node:node d /x")).toMatchInlineSnapshot(`
      " (user (name node))
       (copy (src d) (dst /x/) (contents) (preserve modes))
       (user (uid 0) (gid 0))
      2: --chown=node:node: the group is the one that /etc/passwd has for the user node"
    `)
    expect(line("COPY --chown=node:staff d /x")).toMatchInlineSnapshot(
      `"refused at 2:1: --chown=node:staff: groups are not looked up in the image's /etc/group"`
    )
  })

  it("changes modes by a step, where they are not those of a copy", () => {
    expect(line("COPY --chmod=755 a.txt run.sh /x/")).toMatchInlineSnapshot(`
      " (copy (src a.txt run.sh) (dst /x/))
       (shell /bin/sh -c)
       (run (shell "chmod 755 /x/a.txt"))
      2: --chmod=755 is done by chmod of the image, which must have one"
    `)
  })

  it("keeps the modes of the source directory, unless --chmod says all of another", () => {
    const world = { files: { odd: 0o600 } }
    expect(shown("FROM a\nCOPY odd /x", world)).toContain("(copy (src odd) (dst /x) (preserve modes))")
    expect(shown("FROM a\nCOPY --chmod=u+x odd /x", world)).toContain("(copy (src odd) (dst /x) (preserve modes))")
    expect(shown("FROM a\nCOPY --chmod=0600 odd /x", world)).toContain("(copy (src odd) (dst /x))")
    expect(shown("FROM a\nCOPY --chown=1:2 odd /x", world)).toContain("(copy (src odd) (dst /x) (preserve modes))")
  })

  it("keeps the mode of a directory of which something is left out by its path", () => {
    const files = { "d/f": 0o644, "d/s/": 0o2711, "d/s/f": 0o644, "d/s/g": 0o644, "d/s/t/f": 0o644 }
    expect(shown("FROM a\nCOPY d /x", { files, ignore: "d/s/f" })).toMatchInlineSnapshot(`
      "((from a)
       (copy (src d/f) (dst /x/) (preserve modes))
       (copy (src d/s) (dst /x/s) (exclude f g t) (preserve modes))
       (copy (src d/s/g d/s/t) (dst /x/s/) (preserve modes))
      )"
    `)
  })

  it("of something that is not there is refused, and of several to what is no directory", () => {
    expect(line("COPY missing /x")).toMatchInlineSnapshot(`"refused at 2:6: "missing" is not in the source directory"`)
    expect(line("COPY a.txt b.txt /x")).toMatchInlineSnapshot(
      `"refused at 2:1: the destination of several sources must be a directory"`
    )
    expect(line("COPY *.none /x/")).toMatchInlineSnapshot(`
      ")
      2: "*.none" matches nothing in the source directory"
    `)
    expect(line("COPY --parents d/x /x/")).toMatchInlineSnapshot(
      `"refused at 2:6: what is copied with --parents keeps its directories, which no copy of a spec does"`
    )
    expect(line("COPY a.txt")).toMatchInlineSnapshot(`"refused at 2:1: COPY needs something to copy and where to"`)
  })

  it("of a here-document that is larger than a command may be is several steps, and none breaks a character", () => {
    const lines = `${"it's 😀 ".repeat(10_000)}\n`
    const { spec } = Either.getOrThrow(importOf(`FROM a\nCOPY --chown=5 <<"EOF" /d/x\n${lines}EOF`))
    const scripts = spec.ops.flatMap((op) => (op._tag === "Run" ? [op.shell] : []))
    expect(scripts.length).toBeGreaterThan(1)
    for (const script of scripts) expect(Buffer.byteLength(script)).toBeLessThan(128 * 1024)
    const texts = scripts.map((script) => /printf %s '([^]*)' >>? "\$f"/.exec(script)?.[1] ?? "")
    expect(texts.join("").replaceAll(`'\\''`, "'")).toBe(lines)
    expect(texts.some((text) => /^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/.test(text))).toBe(false)
    expect(
      scripts.map((script) => [script.includes("mkdir"), script.includes("rm -f"), script.includes("chmod 644")])
    ).toEqual(scripts.map((_, index) => [index === 0, index === 0, index === scripts.length - 1]))
  })

  it("of a here-document calls the file as Docker does, or refuses the name", () => {
    expect(copy("COPY <<../x /d/\nit\n../x")).toContain("f=/d/x\\")
    for (const name of ["a/b", "..", "/", "x/y/../../.."]) {
      expect(shown(`FROM a\nCOPY <<${name} /d/\nit\n${name}`)).toContain("is no file's name")
      expect(shown(`FROM a\nRUN <<${name}\n#!/bin/sh\n${name}`)).toContain("is no file's name")
    }
  })

  it("of a here-document is a step that writes it", () => {
    expect(copy("ENV A=1\nCOPY <<EOF /x\nit's $A\nEOF")).toMatchInlineSnapshot(`
      " (shell /bin/sh -c)
       (run (shell  "f=/x\\
                   \\nif [ -d \\"$f\\" ]; then f=$f/EOF; elif [ -L \\"$f\\" ]; then f=$(readlink -f \\"$f\\") || exit; fi\\
                   \\nrm -f \\"$f\\"\\
                   \\nprintf %s 'it'\\\\''s 1\\
                   \\n' > \\"$f\\" && chmod 644 \\"$f\\""))
      )
      3: the here-document is written by a shell of the image, which must have one"
    `)
  })

  it("from a stage knows nothing of what is there", () => {
    expect(shown("FROM a AS s\nFROM b\nCOPY --from=s /x /y\nCOPY --from=s /x /y/ /z/")).toMatchInlineSnapshot(`
      "((build s
              ((from a)))
       (from b)
       (copy (from (build s)) (src /x) (dst /y) (contents) (preserve modes owners))
       (copy (from (build s))
             (src /x /y)
             (dst /z/)
             (contents)
             (preserve modes owners))
      )"
    `)
    expect(shown("FROM a AS s\nFROM b\nCOPY --from=s --chown=1:2 /x /y")).toContain(
      "(copy (from (build s)) (src /x) (dst /y) (contents) (preserve modes))"
    )
    expect(shown("FROM a AS s\nFROM b\nCOPY --from=s /*.jar /y/")).toMatchInlineSnapshot(
      `"refused at 3:15: what "/*.jar" matches in "s" is not known before that is built"`
    )
    expect(shown("FROM a AS s\nFROM b\nCOPY --from=s --exclude=**/t --exclude=*.o /x /y/")).toMatchInlineSnapshot(
      `"refused at 3:1: --exclude=*.o: what is left out of another stage must be a name, at any depth"`
    )
  })
})

describe("COPY --from with --chmod", () => {
  it("gives the mode to all that is copied, and to no directory that is there", () => {
    const text = (source: string, target: string) =>
      shown(`FROM a AS s\nFROM b\nCOPY --from=s --chmod=700 ${source} ${target}`)
    expect(text("/x", "/y/")).toMatchInlineSnapshot(`
      "((build s
              ((from a)))
       (from b)
       (copy (from (build s))
             (src /x)
             (dst /.obuilder-copy/)
             (contents)
             (preserve owners))
       (shell /bin/sh -c)
       (run (shell  "set -e\\
                   \\nmkdir -p /.obuilder-copy\\
                   \\nfind /.obuilder-copy -mindepth 1 ! -type l -exec chmod 700 {} +\\
                   \\nt=/y; set --\\
                   \\nwhile [ ! -e \\"$t\\" ]; do set -- \\"$t\\" \\"$@\\"; t=\${t%/*}; [ -n \\"$t\\" ] || t=/; done\\
                   \\nfor d in \\"$@\\"; do mkdir -m 755 \\"$d\\"; chown 0:0 \\"$d\\"; done\\
                   \\nfor f in /.obuilder-copy/* /.obuilder-copy/.[!.]* /.obuilder-copy/..?*; do\\
                   \\nif [ -e \\"$f\\" ] || [ -L \\"$f\\" ]; then cp -a \\"$f\\" /y; fi\\
                   \\ndone\\
                   \\nrm -r /.obuilder-copy"))
      )
      3: --chmod=700 is done by find, chmod and cp of the image, which must have them"
    `)
    expect(text("/x", "/y")).toMatchInlineSnapshot(`
      "((build s
              ((from a)))
       (from b)
       (copy (from (build s)) (src /x) (dst /.obuilder-copy/) (preserve owners))
       (shell /bin/sh -c)
       (run (shell  "set -e\\
                   \\nmkdir -p /.obuilder-copy\\
                   \\nfind /.obuilder-copy -mindepth 1 ! -type l -exec chmod 700 {} +\\
                   \\nif [ -d /.obuilder-copy/x ] && [ ! -L /.obuilder-copy/x ]; then\\
                   \\nt=/y; set --\\
                   \\nwhile [ ! -e \\"$t\\" ]; do set -- \\"$t\\" \\"$@\\"; t=\${t%/*}; [ -n \\"$t\\" ] || t=/; done\\
                   \\nfor d in \\"$@\\"; do mkdir -m 755 \\"$d\\"; chown 0:0 \\"$d\\"; done\\
                   \\nfor f in /.obuilder-copy/x/* /.obuilder-copy/x/.[!.]* /.obuilder-copy/x/..?*; do\\
                   \\nif [ -e \\"$f\\" ] || [ -L \\"$f\\" ]; then cp -a \\"$f\\" /y; fi\\
                   \\ndone\\
                   \\nelse\\
                   \\nt=/; set --\\
                   \\nwhile [ ! -e \\"$t\\" ]; do set -- \\"$t\\" \\"$@\\"; t=\${t%/*}; [ -n \\"$t\\" ] || t=/; done\\
                   \\nfor d in \\"$@\\"; do mkdir -m 755 \\"$d\\"; chown 0:0 \\"$d\\"; done\\
                   \\ncp -a /.obuilder-copy/x /y\\
                   \\nfi\\
                   \\nrm -r /.obuilder-copy"))
      )
      3: --chmod=700 is done by find, chmod and cp of the image, which must have them"
    `)
  })
})

describe("ADD", () => {
  it("copies files, and unpacks archives with the image's tar", () => {
    const files = { "a.tgz": 0o644, f: 0o644 }
    expect(shown("FROM a\nADD a.tgz f /x/", { files, archives: { "a.tgz": "gzip" } })).toMatchInlineSnapshot(`
      "((from a)
       (copy (src a.tgz) (dst /.obuilder-add/a.tgz))
       (shell /bin/sh -c)
       (run (shell  "mkdir -p /x || exit\\
                   \\no=$(stat -Lc %u:%g /x) && m=$(stat -Lc %a /x) || exit\\
                   \\ntar -xpzf /.obuilder-add/a.tgz --numeric-owner -C /x && chown \\"$o\\" /x && chmod \\"$m\\" /x && rm -r /.obuilder-add"))
       (copy (src f) (dst /x/) (preserve modes))
      )
      2: the archive is unpacked by tar of the image, which must have one"
    `)
  })

  it("fetches nothing", () => {
    expect(shown("FROM a\nADD https://example.org/x /x")).toMatchInlineSnapshot(
      `"refused at 2:5: "https://example.org/x" would be fetched, and not every time the same"`
    )
    expect(shown("FROM a\nADD --checksum=sha256:00 f /x")).toMatchInlineSnapshot(
      `"refused at 2:5: ADD --checksum is about what is fetched, or unpacked, and is not done here"`
    )
  })
})

describe("WORKDIR and USER", () => {
  it("make the directory by the next step, or by one that does nothing else", () => {
    expect(shown("FROM a\nWORKDIR /a/../b\nWORKDIR c\nRUN x\nWORKDIR /d")).toMatchInlineSnapshot(`
      "((from a)
       (workdir /b)
       (workdir /b/c)
       (shell /bin/sh -c)
       (run (network host)
            (shell x))
       (workdir /d)
       (comment "a step that does nothing, so that the working directory is made")
       (run (shell true))
      )"
    `)
    expect(shown("FROM a\nUSER 1:2\nWORKDIR /d")).toMatchInlineSnapshot(`
      "((from a)
       (shell /bin/sh -c)
       (run (shell  "t=/d; set --\\
                   \\nwhile [ ! -e \\"$t\\" ]; do set -- \\"$t\\" \\"$@\\"; t=\${t%/*}; [ -n \\"$t\\" ] || t=/; done\\
                   \\nfor d in \\"$@\\"; do mkdir \\"$d\\" && chown 1:2 \\"$d\\" || exit; done"))
       (workdir /d)
       (user (uid 1) (gid 2))
      )"
    `)
  })

  it("make a directory for the user's number as a group too, where no group is said", () => {
    expect(shown("FROM a\nUSER 7\nWORKDIR /d")).toContain("chown 7:7 ")
    expect(shown("FROM a\nUSER 007\nWORKDIR /d")).toContain("chown 7:7 ")
    expect(shown("FROM a\nUSER me\nWORKDIR /d")).toContain("chown me: ")
  })

  it("come back as they were from what obuilder dockerfile writes", () => {
    for (const name of ["7", "007", "me", "7:8"]) {
      const text = `FROM a\nWORKDIR /\nSHELL [ "/bin/sh", "-c" ]\nUSER ${name}\nRUN x\n`
      const { spec } = Either.getOrThrow(importOf(text))
      expect(Either.getOrThrow(DockerfileWriter.write(spec, {}))).toContain(`USER ${name}\n`)
    }
  })

  it("belong to their user, whoever copies something into them first", () => {
    const made = '(comment "a step that does nothing, so that the working directory is made")'
    const copying = (flag: string, dst: string) =>
      shown(`FROM a\nWORKDIR /w/d\nCOPY ${flag} f ${dst}`, { files: { f: 0o644 } })
    expect(copying("--chown=5", ".").indexOf(made)).toBeLessThan(copying("--chown=5", ".").indexOf("(copy"))
    expect(copying("--chown=me", "/w/f")).toContain(made)
    expect(copying("--chown=me", ".")).toContain(made)
    expect(copying("", ".")).not.toContain(made)
  })

  it("name users, whose groups are numbers or the users' own", () => {
    expect(shown("FROM a\nUSER me\nRUN x")).toContain("(user (name me))")
    expect(shown("FROM a\nUSER me:wheel\nRUN x")).toMatchInlineSnapshot(
      `"refused at 2:1: me:wheel: groups are not looked up in the image's /etc/group"`
    )
    expect(shown("FROM a\nUSER 7\nRUN x")).toMatchInlineSnapshot(`
      "((from a)
       (user (name 7))
       (shell /bin/sh -c)
       (run (network host)
            (shell x))
      )"
    `)
  })

  it("relative to what the base says are said to be relative to the root", () => {
    expect(shown("FROM a\nWORKDIR src\nRUN x")).toMatchInlineSnapshot(`
      "((from a)
       (workdir /src)
       (shell /bin/sh -c)
       (run (network host)
            (shell x))
      )
      2: "src" is taken as relative to /, whatever the base's own working directory is"
    `)
  })
})

describe("a spec that is kept", () => {
  const files = { "conf/secret.key": 0o644, "a.log": 0o644, "docs/x.md": 0o644, "d/f": 0o644, "d/t/g": 0o644 }
  const notes = (text: string, ignore = ""): ReadonlyArray<string> =>
    shown(`FROM scratch\n${text}`, { files, ignore, kept: true })
      .split(/\n\)\n?/)[1]
      ?.split("\n") ?? []

  it("is of today's files where a pattern names some", () => {
    expect(notes("COPY conf/*.key /k/")).toEqual(['2: "conf/*.key" matches conf/secret.key today'])
    expect(notes("COPY *.none /k/")).toContain('2: "*.none" matches nothing today')
    expect(notes("COPY . /k/\nCOPY a.log /l")).toEqual([""])
  })

  it("is of today's files where .dockerignore leaves some out, or would later", () => {
    expect(notes("COPY . /x", "*.log\nnode_modules")).toEqual([
      '2: "." is copied without what is left out today by "*.log", "node_modules"'
    ])
    expect(notes("COPY d /x", "docs/*.md\n**/t")).toEqual([""])
    expect(notes("COPY d /x", "**/later")).toEqual(['2: "d" is copied without what is left out today by "**/later"'])
    expect(notes("COPY --exclude=t d /x")).toEqual(['2: "d" is copied without what is left out today by "d/t"'])
    expect(notes("COPY d /x", "*\n!d/f")).toEqual(['2: "d" is copied without what is left out today by "*", "!d/f"'])
  })

  it("begins as root in / where nobody looks at the base, which is said once", () => {
    const notes = shown("FROM a\nRUN x\nFROM a\nFROM scratch", { kept: true, target: "1" })
    expect(notes.match(/whatever the base's USER and WORKDIR are/g)).toHaveLength(1)
    expect(notes).toContain("3: a is not looked at: this begins as root in /")
    expect(shown("FROM a\nENV X=$Y", { kept: true, base: {} })).not.toContain("is not looked at")
    expect(shown("FROM a\nRUN x")).not.toContain("is not looked at")
  })

  it("says so in its text, once for each pattern, where that is laid out", () => {
    const text = "FROM scratch\nCOPY conf/*.key /k/\nCOPY conf/*.key /l/"
    expect(textOf(Either.getOrThrow(importOf(text, { files, kept: true })))).toMatchInlineSnapshot(`
      "; "conf/*.key" matches conf/secret.key today; import again when files are added
      ((from scratch)
       (copy (src conf/secret.key) (dst /k/) (preserve modes))
       (copy (src conf/secret.key) (dst /l/) (preserve modes)))
      "
    `)
    expect(textOf(Either.getOrThrow(importOf(text, { files })))).not.toContain(";")
  })
})

describe("what cannot be imported", () => {
  it.each([
    ["FROM a\nONBUILD RUN x"],
    ["FROM a\nFETCH x"],
    ["RUN x\nFROM a"],
    ["ARG A=1"],
    ["FROM $NOTHING"],
    ["FROM a b"],
    ["FROM a AS 1x"],
    ["# syntax=example.org/other\nFROM a"],
    ["FROM a\nRUN --security=insecure x"],
    ["FROM a\nRUN --what=x y"],
    ["FROM a\nSHELL x"],
    ["FROM a\nEXPOSE web"],
    ["FROM a\nLABEL obuilder.x=1"],
    ["FROM a\nHEALTHCHECK --interval=soon CMD x"],
    ["FROM a\nENV X=${"]
  ])("%j is refused with its place", (text) => {
    expect(shown(text)).toMatchSnapshot()
  })
})
