import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { describe, expect, it } from "vitest"
import * as Arguments from "../../src/cli/Arguments.ts"
import * as Flag from "../../src/cli/Flag.ts"
import { commandList } from "../../src/cli/CommandTable.ts"
import { flags } from "../../src/cli/Flags.ts"

const read = (...words: ReadonlyArray<string>) => Arguments.read(words)

/** What is handed on to the command. */
const words = (...given: ReadonlyArray<string>): ReadonlyArray<string> => {
  const request = Either.getOrThrowWith(read(...given), (error) => new Error(error.message))
  if (request._tag !== "Run") throw new Error(`not run: ${request._tag}`)
  return [request.command, ...request.words]
}

/** The message and the hint. */
const refused = (...given: ReadonlyArray<string>): string => {
  const { hint, message } = Either.getOrThrowWith(Either.flip(read(...given)), () => new Error("accepted"))
  return [message, ...Option.toArray(hint)].join(" | ")
}

const plain = ["build", "--file", "=spec", "=dir"]

describe("Arguments", () => {
  it("takes flags before and after the argument, and before the command", () => {
    expect(words("build", "-f", "spec", "dir")).toEqual(plain)
    expect(words("build", "dir", "-f", "spec")).toEqual(plain)
    expect(words("-f", "spec", "build", "dir")).toEqual(plain)
    expect(words("--store", "overlayfs:/s", "build", "-q", "dir", "-f", "spec")).toEqual([
      "build",
      "--store",
      "=overlayfs:/s",
      "--quiet",
      "--file",
      "=spec",
      "=dir"
    ])
  })

  it("takes a value in the same word, with and without =", () => {
    expect(words("build", "-fspec", "dir")).toEqual(plain)
    expect(words("build", "-f=spec", "dir")).toEqual(plain)
    expect(words("build", "-f", "s", "-j4", "d")).toContain("=4")
    expect(words("build", "-f", "s", "-j=4", "d")).toContain("=4")
    expect(words("build", "-f", "s", "--jobs=4", "d")).toContain("=4")
  })

  it("keeps every = after the first in a value", () => {
    expect(words("build", "-f", "s", "--secret=id:a=b=c", "d")).toContain("=id:a=b=c")
  })

  it("takes a repeatable flag many times, in any way of writing it", () => {
    expect(words("build", "-f", "s", "--secret=a:1", "--secret", "b:2", "--secret=c:3", "d")).toEqual([
      "build",
      "--file",
      "=s",
      "--secret",
      "=a:1",
      "--secret",
      "=b:2",
      "--secret",
      "=c:3",
      "=d"
    ])
  })

  it("takes switches joined in one word", () => {
    expect(words("build", "-qv", "-vf", "s", "d")).toEqual(words("build", "-q", "-v", "-v", "-f", "s", "d"))
  })

  it("takes all that follows -- as arguments", () => {
    expect(words("build", "-f", "s", "--", "--force")).toEqual(["build", "--file", "=s", "=--force"])
    expect(words("log", "--", "-h")).toEqual(["log", "=-h"])
  })

  it("takes - as a value and as an argument", () => {
    expect(words("build", "-f", "-", "d")).toEqual(["build", "--file", "=-", "=d"])
    expect(words("export", "-o", "-", "id")).toEqual(["export", "--output", "=-", "=id"])
    expect(words("log", "-")).toEqual(["log", "=-"])
  })

  it("takes a value that begins with - behind =", () => {
    expect(words("build", "-f", "s", "--store=--dry-run", "d")).toContain("=--dry-run")
  })

  it("hands on no value that could be taken for a flag, nor an empty one", () => {
    for (const word of words("build", "-f", "s", "--store=--help", "--", "--wizard").slice(1)) {
      expect(word).toMatch(/^(=.+|--file|--store)$/)
    }
  })

  it.each([
    [["build", "--sotre", "x", "-f", "s", "d"], 'there is no option "--sotre" | Did you mean "--store"?'],
    [["build", "--dryrun", "-f", "s", "d"], 'there is no option "--dryrun" | Did you mean "--dry-run"?'],
    [["build", "-store=x", "-f", "s", "d"], 'there is no option "-store" | Did you mean "--store"?'],
    [["build", "--dry", "-f", "s", "d"], 'there is no option "--dry" | Did you mean "--dry-run"?'],
    [["build", "--jobs4", "-f", "s", "d"], 'there is no option "--jobs4" | Did you mean "--jobs"?'],
    [["log", "--force", "id"], 'there is no option "--force" | See "obuilder log --help".'],
    [["build", "-x", "-f", "s", "d"], 'there is no option "-x" | See "obuilder build --help".'],
    [["build", "-qx", "-f", "s", "d"], 'there is no option "-x" | See "obuilder build --help".'],
    [["--wizard"], 'there is no option "--wizard" | See "obuilder --help".'],
    [["build", "--log-level", "debug"], 'there is no option "--log-level" | See "obuilder build --help".'],
    [["build", "--frobnicate", "--help"], 'there is no option "--frobnicate" | See "obuilder build --help".'],
    [
      ["build", "--progress=plain", "d"],
      'there is no option "--progress" | A build says what it does line by line; with -q on standard error.'
    ],
    [["log", "--progress=plain", "d"], 'there is no option "--progress" | See "obuilder log --help".'],
    [["rmi", "id"], 'there is no command "rmi" | It is called "obuilder delete".']
  ])("refuses an unknown flag: %j", (given, message) => {
    expect(refused(...given)).toBe(message)
  })

  it.each([
    [["build", "-f"], "--file needs a value | Write --file FILE."],
    [
      ["build", "--store", "--dry-run", "-f", "s", "d"],
      '--store needs a value | If "--dry-run" is meant to be its value, write --store=--dry-run.'
    ],
    [["build", "-f", "s", "--store=", "d"], "--store needs a value, and got an empty one"],
    [["build", "-f", "s", "--store", "", "d"], "--store needs a value, and got an empty one"],
    [["build", "-f", "s", "--secret=", "d"], '--secret must be ID:FILE, not ""'],
    [["build", "-f", "s", "--secret=token", "d"], '--secret must be ID:FILE, not "token"'],
    [["build", "-f", "s", "--secret=:file", "d"], '--secret must be ID:FILE, not ":file"'],
    [["build", "-f", "s", "-j0", "d"], '--jobs must be a whole number from 1 on, not "0"'],
    [["build", "-f", "s", "-j", "1e3", "d"], '--jobs must be a whole number from 1 on, not "1e3"'],
    [["build", "-f", "s", "--memory=lots", "d"], '--memory must be a size such as 512M or 2G, not "lots"'],
    [["build", "-f", "s", "--format=yaml", "d"], '--format must be text, json or mermaid, not "yaml"'],
    [["--completions=tcsh"], '--completions must be bash, zsh or fish, not "tcsh"'],
    [["build", "--fast-sync=no", "-f", "s", "d"], "--fast-sync takes no value"],
    [["build", "-q=1", "-f", "s", "d"], "--quiet takes no value"]
  ])("refuses a bad value: %j", (given, message) => {
    expect(refused(...given)).toBe(message)
  })

  it.each([
    [[], 'no command is given | See "obuilder --help" for what there is.'],
    [["biuld", "-f", "s", "d"], 'there is no command "biuld" | Did you mean "build"?'],
    [
      ["frobnicate"],
      'there is no command "frobnicate" | The commands are build, export, push, log, healthcheck, ls, inspect, explain, diff, df, import, pin, dockerfile, fmt, check, delete, prune, clean, cache, fsck, help.'
    ],
    [["help", "bild"], 'there is no command "bild" | Did you mean "build"?'],
    [
      ["build", "d"],
      '--file FILE is missing | The spec, or the Dockerfile, to build; - for standard input. See "obuilder build --help".'
    ],
    [
      ["build", "-f", "s"],
      'the argument DIR is missing | The source directory, which the spec\'s copy steps copy from. See "obuilder build --help".'
    ],
    [["build", "-f", "s", "d", "e"], 'unexpected argument "e" | See "obuilder build --help".'],
    [["healthcheck", "x"], 'unexpected argument "x" | See "obuilder healthcheck --help".'],
    [
      ["log", "--dry-run", "x"],
      '--dry-run is no option of "obuilder log" | It is one of "obuilder build" and "obuilder prune".'
    ],
    [["build", "-f", "a", "-f", "b", "d"], '--file is given more than once | See "obuilder build --help".'],
    [["build", "-f", "a", "-q", "-q", "d"], '--quiet is given more than once | See "obuilder build --help".']
  ])("refuses %j", (given, message) => {
    expect(refused(...given)).toBe(message)
  })

  it("gives help for a command however it is asked", () => {
    const named = (...given: ReadonlyArray<string>) => {
      const request = Either.getOrThrow(read(...given))
      return request._tag === "Help" ? Option.getOrNull(Option.map(request.command, ({ name }) => name)) : undefined
    }
    for (const given of [
      ["build", "--help"],
      ["--help", "build"],
      ["build", "-h"],
      ["help", "build"],
      ["-h", "build", "x"]
    ]) {
      expect(named(...given)).toBe("build")
    }
    for (const given of [["--help"], ["-h"], ["help"]]) expect(named(...given)).toBeNull()
  })

  it("reads a size with units of 1024", () => {
    const size = (value: string) => Option.getOrNull(Either.getOrThrow(flags.build.memory.read([value])))
    expect(["1000", "1k", "512M", "2g", "1GiB", "1TB"].map(size)).toEqual([
      1000,
      1024,
      2 ** 29,
      2 ** 31,
      2 ** 30,
      2 ** 40
    ])
  })
})

describe("the table of flags", () => {
  const all = [...Object.values(flags.root), ...commandList.flatMap(({ flags }) => Object.values(flags))]
  const group = <A>(key: (flag: Flag.Flag<unknown>) => string | undefined, value: (flag: Flag.Flag<unknown>) => A) => {
    const groups = new Map<string, Set<A>>()
    for (const flag of all) {
      const name = key(flag)
      if (name !== undefined) groups.set(name, (groups.get(name) ?? new Set<A>()).add(value(flag)))
    }
    return [...groups.values()]
  }

  it("gives a name the same short form, and a value or none, in every command", () => {
    const shapes = group(Flag.written, (flag) => `${flag.short} ${flag.metavar === undefined} ${flag.repeatable}`)
    for (const shape of shapes) expect(shape.size).toBe(1)
  })

  it("gives a letter one meaning", () => {
    const meanings = group((flag) => (flag.name.length === 1 ? flag.name : flag.short), Flag.written)
    for (const meaning of meanings) expect(meaning.size).toBe(1)
  })
})
