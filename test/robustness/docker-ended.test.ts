/** Builds in a real Docker engine that fail, or are ended by signals, at whatever they ask the engine: nothing stays of them. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { beforeAll, beforeEach, expect } from "vitest"
import { ask, objects, type Objects, tap } from "../interpreters/docker/askEngine.ts"
import { realEngine } from "../interpreters/docker/engine.ts"
import { processesWith } from "../processes.ts"
import { describeWith } from "../requirements.ts"
import { until } from "../until.ts"
import { namesIn } from "../../src/interpreters/host/Owners.ts"
import { makeBase } from "./busybox.ts"
import { leftBy, temporaryIn } from "./leftovers.ts"
import { Program, type Running } from "./program.ts"

const program = new Program("docker-ended")
const at = (name: string): string => program.path(name)

const SECRETS = "/dev/shm/obuilder-docker-0"
const LARGE = 4 << 20
const MARK = String(2_000_000 + process.pid)

const step = (command: string): string =>
  `((from rootfs:base.tar) (shell /bin/sh -c)
    (run (cache (c (target /c/d))) (secrets (s (target /c/d/s))) (shell "echo one; ${command}")))`

/** A secret, a cache with something in it, a large file, a copy from another build: all that a build asks an engine for. */
const EVERYTHING = `
((build other ((from scratch) (copy (src file) (dst /other))))
 (from rootfs:base.tar)
 (shell /bin/sh -c)
 (copy (src large) (dst /))
 (copy (from (build other)) (src /other) (dst /from-other))
 (run (cache (c (target /c/d))) (secrets (s (target /c/d/s))) (shell "echo one >> /c/d/log"))
 (run (cache (c (target /c/d))) (secrets (s (target /run/s))) (shell "cat /c/d/log")))
`

describeWith(["root", "docker", "busybox"], "a build in a Docker engine", () => {
  const engine = realEngine()
  const words = (store: string, file: string): ReadonlyArray<string> => [
    "build",
    "--jobs=1",
    `--store=docker:${at(store)}`,
    `--secret=s:${at("secret")}`,
    ...["-f", at(file), at("source")]
  ]
  const environment = (host = engine.host) => ({ environment: { DOCKER_HOST: host, TMPDIR: at("tmp") } })
  const sleeping = () => processesWith((line) => line === `sleep\0${MARK}\0`)
  /** What is left of builds, but for results, which are an image and perhaps a cache each. */
  const left = async ({ pid }: Running, store: string): Promise<ReadonlyArray<string>> => {
    const { containers, images, volumes } = await objects(engine.host)
    const isNew = (kind: keyof Objects) => (one: string) => !before[kind].includes(one) && !isResult(store, one)
    return [
      ...containers.filter(isNew("containers")).map((one) => `the container ${one}`),
      ...images.filter(isNew("images")).map((one) => `the image ${one}`),
      ...volumes.filter(isNew("volumes")).map((one) => `the volume ${one}`),
      ...temporaryIn(at(store)),
      ...namesIn(SECRETS).flatMap((one) => (one.startsWith(`${pid}-`) ? [`the secrets ${one}`] : [])),
      ...namesIn(at("tmp")),
      ...sleeping().map((one) => `the process ${one}`)
    ]
  }
  /** What a store links to, or its image without files. */
  const isResult = (store: string, name: string): boolean =>
    /^obuilder-[0-9a-f]{12}:empty$/.test(name) || linked(at(store)).has(/[0-9a-f]{16}$/.exec(name)?.[0] ?? "none")
  /** What is somebody else's. */
  let others: Objects
  /** What was there before the test. */
  let before: Objects

  beforeAll(async () => {
    for (const name of ["tmp", "source"]) Fs.mkdirSync(at(name))
    makeBase(at("base"))
    execFileSync("tar", ["-cf", at("source/base.tar"), "-C", at("base"), "."])
    program.write("source/large", Buffer.alloc(LARGE, "large"))
    program.write("source/file", "content\n")
    program.write("secret", "s")
    program.write("next", "((from scratch) (copy (src file) (dst /next)))")
    program.write("good", EVERYTHING)
    program.write("bad", step("exit 7"))
    program.write("long", step(`sleep ${MARK}`))
    // Another store's, with something that it has not finished, and nobody's, whose names begin likewise.
    await program.builds(words("others", "good").slice(1), environment())
    const image = (await objects(engine.host)).images.find((name) => !name.endsWith(":empty")) ?? ""
    const prefix = image.replace(/:.*/, "")
    const digits = "0123456789abcdef"
    for (const name of [`${prefix}-${digits}-12345678`, `obuilder-${digits}-1`]) {
      const made = await ask(engine.host, "POST", `/containers/create?name=${name}`, { Image: image, Cmd: ["sh"] })
      expect(made.status).toBe(201)
      const volume = await ask(engine.host, "POST", "/volumes/create", { Name: name })
      expect(volume.status).toBe(201)
    }
    for (const repository of [`${prefix}-tmp`, "obuilder-tmp"]) {
      const tagged = await ask(engine.host, "POST", `/images/${image}/tag?repo=${repository}&tag=${digits}-1`)
      expect(tagged.status).toBe(201)
    }
    others = await objects(engine.host)
  })

  beforeEach(async () => {
    before = await objects(engine.host)
    for (const name of Fs.readdirSync(at("tmp"))) Fs.rmSync(`${at("tmp")}/${name}`, { recursive: true })
  })

  it.live("that fails leaves nothing but what went before", () =>
    Effect.promise(async () => {
      const running = program.start(words("fails", "bad"), environment())
      const { status, stderr } = await running.ended
      expect({ status }, stderr).toEqual({ status: 1 })
      expect(running.output()).toContain("one\n")
      expect(leftBy(running.pid, at("fails"))).toEqual([])
      expect(await left(running, "fails")).toEqual([])
    })
  )

  /** What is asked of an engine, in the order in which a build does. */
  const moments: Readonly<Record<string, RegExp>> = {
    "a base is given to it": /^POST \/images\/create\?.*-tmp/,
    "a container is made": /^POST \/containers\/create/,
    "a container is started": /^POST \/containers\/[0-9a-f]{64}\/start/,
    "files are copied": /^PUT \/containers\/[0-9a-f]{64}\/archive/,
    "a container is committed": /^POST \/commit/,
    "an image is loaded": /^POST \/images\/load/,
    "a container is removed": /^DELETE \/containers\//,
    "a cache is made": /^POST \/volumes\/create/,
    "a cache is copied": /^GET \/containers\/[0-9a-f]{64}\/archive\?path=%2Fv /
  }

  const statuses = { SIGINT: 130, SIGTERM: 143 }
  const turns = Object.entries(moments).map(
    ([name, line], index) => [name, index % 2 === 0 ? "SIGINT" : "SIGTERM", line] as const
  )
  it.scopedLive.each(turns)("that is ended while %s, by %s, leaves nothing", ([name, signal, line]) =>
    Effect.gen(function* () {
      const store = name.replaceAll(" ", "-")
      const { host, when } = yield* tap(engine.host, at(`${store}.socket`))
      yield* Effect.promise(async () => {
        const running = program.start(words(store, "good"), environment(host))
        when(line, () => running.kill(signal))
        const { status, stderr } = await running.ended
        expect({ status }, stderr).toEqual({ status: statuses[signal] })
        expect(leftBy(running.pid, at(store))).toEqual([])
        expect(await left(running, store)).toEqual([])
      })
    })
  )

  it.scopedLive.each(Object.entries(moments))("that is killed while %s is swept by the next one", ([name, line]) =>
    Effect.gen(function* () {
      const store = `killed-${name.replaceAll(" ", "-")}`
      const { host, when } = yield* tap(engine.host, at(`${store}.socket`))
      yield* Effect.promise(async () => {
        const running = program.start(words(store, "good"), environment(host))
        when(line, () => running.kill("SIGKILL"))
        expect(await running.ended).toMatchObject({ signal: "SIGKILL" })
        await program.builds(words(store, "next").slice(1), environment())
        expect(await left(running, store)).toEqual([])
        const now = await objects(engine.host)
        for (const kind of ["containers", "images", "volumes"] as const) {
          expect(now[kind]).toEqual(expect.arrayContaining([...others[kind]]))
        }
      })
    })
  )

  it.live.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)(
    "whose step runs ends with %s, and the step with it",
    (signal) =>
      Effect.promise(async () => {
        const store = `runs-${signal}`
        const running = program.start(words(store, "long"), environment())
        await until("the step runs", () => sleeping().length > 0)
        running.kill(signal)
        const { status, stderr } = await running.ended
        if (signal === "SIGKILL") await program.builds(words(store, "next").slice(1), environment())
        else expect({ status }, stderr).toEqual({ status: statuses[signal] })
        expect(await left(running, store)).toEqual([])
      })
  )
})

/** The names of trees that a store has links to. */
const linked = (store: string): ReadonlySet<string> =>
  new Set(
    Fs.existsSync(store)
      ? Fs.readdirSync(store, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isSymbolicLink())
          .map((entry) => Fs.readlinkSync(`${entry.parentPath}/${entry.name}`))
      : []
  )
