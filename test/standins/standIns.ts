/**
 * Programs of other systems, for tests on Linux, as root: executables that
 * check every call against the manual page's grammar, model what the program
 * does, and record the calls.
 *
 * Their directory is `DIR/bin`, of links to them; what they know is in `DIR/state`.
 */
import { spawnSync } from "node:child_process"
import { randomInt } from "node:crypto"
import { createRequire } from "node:module"
import * as Fs from "node:fs"
import * as Os from "node:os"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, beforeAll, expect } from "vitest"

export interface StandIns {
  /** A directory of their own, where pools are mounted too. */
  readonly path: string
  /** `DIR/bin`. */
  readonly bin: string
  /** Every call so far: the program and its arguments. */
  readonly calls: () => ReadonlyArray<ReadonlyArray<string>>
  /** The calls that no such program would take. */
  readonly refused: () => ReadonlyArray<string>
  /** Makes a ZFS pool that is mounted at `DIR/NAME`; gives that path. */
  readonly pool: (name: string) => string
  /** Runs one of them; gives its status and what it wrote. */
  readonly run: (program: string, ...args: ReadonlyArray<string>) => Ran
}

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

const sources = fileURLToPath(new URL(".", import.meta.url))

/** Stand-ins of these names, until `discard`. */
export const make = (programs: ReadonlyArray<string>): StandIns & { readonly discard: () => void } => {
  const path = Fs.realpathSync(Fs.mkdtempSync(`${Os.tmpdir()}/obuilder-standins-`))
  const [bin, state] = [`${path}/bin`, `${path}/state`]
  for (const directory of [bin, state]) Fs.mkdirSync(directory)
  for (const program of programs) Fs.symlinkSync(`${sources}${program}`, `${bin}/${program}`)
  for (const name of ["calls", "refused"]) Fs.writeFileSync(`${state}/${name}`, "")
  const lines = (name: string): ReadonlyArray<string> =>
    Fs.readFileSync(`${state}/${name}`, "utf8")
      .split("\n")
      .filter((line) => line !== "")
  const run: StandIns["run"] = (program, ...args) => {
    const { status, stderr, stdout } = spawnSync(`${bin}/${program}`, args, { encoding: "utf8" })
    return { status, stdout, stderr }
  }
  return {
    path,
    bin,
    run,
    calls: () => lines("calls").map((line) => line.split("\t")),
    refused: () => lines("refused"),
    pool: (name) => makePool(`${state}/zfs`, name, `${path}/${name}`, run),
    discard: () => {
      unmountBelow(path)
      Fs.rmSync(path, { recursive: true, force: true })
    }
  }
}

/** Stand-ins for the tests of a `describe`, first in PATH; none of the calls may break a grammar. */
export const forTests = (programs: ReadonlyArray<string>): StandIns => {
  const standIns = make(programs)
  const path = process.env["PATH"]
  beforeAll(() => {
    process.env["PATH"] = `${standIns.bin}:${path}`
  })
  afterEach(() => expect(standIns.refused()).toEqual([]))
  afterAll(() => {
    process.env["PATH"] = path
    standIns.discard()
  })
  return standIns
}

/** Has the program believe, in the tests of a `describe`, that it is on another system. */
export const pretend = (platform: NodeJS.Platform): void => {
  const real = process.platform
  const set = (value: NodeJS.Platform) => void Object.defineProperty(process, "platform", { value })
  beforeAll(() => {
    // It looks for its own part by the platform's name.
    createRequire(import.meta.url)("koffi")
    set(platform)
  })
  afterAll(() => set(real))
}

/** As `zpool create -m PATH NAME …` would. The first numbers of pools differ, and so do the guids in them. */
const makePool = (zfs: string, name: string, path: string, run: StandIns["run"]): string => {
  if (!Fs.existsSync(zfs)) {
    Fs.mkdirSync(`${zfs}/data`, { recursive: true })
    Fs.mkdirSync(`${zfs}/d`)
    Fs.writeFileSync(`${zfs}/next`, `${randomInt(2 ** 40)}000000\n`)
  }
  const [own, data] = [`${zfs}/d/${name}`, `${zfs}/data/${name}`]
  Fs.mkdirSync(`${own}/p`, { recursive: true })
  Fs.mkdirSync(data)
  expect(spawnSync("mount", ["-t", "tmpfs", "-o", "mode=755", "zfs", data]).status).toBe(0)
  Fs.writeFileSync(`${data}.refs`, "1\n")
  const facts = { guid: randomInt(2 ** 40), createtxg: 1, creation: 1_700_000_000, data: name, "p/mountpoint": path }
  for (const [fact, value] of Object.entries(facts)) Fs.writeFileSync(`${own}/${fact}`, `${value}\n`)
  expect(run("zfs", "mount", name)).toMatchObject({ status: 0 })
  return path
}

/** The last mount first. */
const unmountBelow = (path: string): void => {
  for (const mount of mountsBelow(path).toReversed()) spawnSync("umount", ["-l", mount])
}

/** What is mounted below a directory, in the order in which it was. */
export const mountsBelow = (path: string): ReadonlyArray<string> =>
  Fs.readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .flatMap((line) => {
      const at = line
        .split(" ")[4]
        ?.replaceAll(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)))
      return at?.startsWith(`${path}/`) === true ? [at] : []
    })
