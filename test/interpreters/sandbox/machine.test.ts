/** What a sandbox wants of the machine, what it takes, and what it clears up after others. */
import { expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as ChildProcess from "../../../src/interpreters/host/ChildProcess.ts"
import { tryLock } from "../../../src/interpreters/host/Libc.ts"
import * as Reaper from "../../../src/interpreters/host/Reaper.ts"
import { Sandbox } from "../../../src/interpreters/Sandbox.ts"
import * as OciConfig from "../../../src/interpreters/sandbox/OciConfig.ts"
import * as OciRuntimeSandbox from "../../../src/interpreters/sandbox/OciRuntimeSandbox.ts"
import { command } from "../../laws/sandboxSubject.ts"
import { describeWith } from "../../requirements.ts"
import { alive, directory, fill, overlay, temporaryDirectory } from "./busybox.ts"
import { busyboxBase, open } from "./realSandbox.ts"

const sandboxOf = (options: OciRuntimeSandbox.OciRuntimeOptions) =>
  Effect.map(Layer.build(Layer.fresh(OciRuntimeSandbox.layer(options))), Context.get(Sandbox))

/** Leaves a state directory as a process does that is killed while a container runs. */
const abandon = (state: string, base: string, mark: string): string => {
  const owner = `${state}/4711-0123abcd`
  const bundle = `${owner}/1`
  Fs.mkdirSync(`${owner}/c`, { recursive: true, mode: 0o700 })
  Fs.mkdirSync(bundle)
  Fs.writeFileSync(`${owner}/lock`, "")
  Fs.writeFileSync(`${owner}/runtime`, spawnSync("sh", ["-c", "command -v runc"], { encoding: "utf8" }).stdout.trim())
  Fs.writeFileSync(`${bundle}/secret-0`, "s3cret")
  const config = OciConfig.make({
    root: base,
    argv: ["/bin/sh", "-c", "sleep 1000; true", mark],
    cwd: "/",
    environment: [{ name: "PATH", value: "/bin" }],
    identity: { uid: 0, gid: 0, additionalGids: [] },
    hostname: "builder",
    network: "none",
    binds: [],
    seccomp: { architecture: process.arch, fastSync: false }
  })
  Fs.writeFileSync(`${bundle}/config.json`, JSON.stringify(config))
  const started = spawnSync(
    "runc",
    ["--root", `${owner}/c`, "run", "--detach", "--bundle", bundle, `obuilder-test-${process.pid}`],
    { stdio: "ignore" }
  )
  expect(started.status).toBe(0)
  return owner
}

describeWith(["root", "busybox", "overlay", "runc"], "the runtime's state", () => {
  const base = busyboxBase()

  it.scopedLive("is not made, nor the runtime looked for, before the first command", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory()
      yield* Effect.scoped(sandboxOf({ stateDirectory: `${path}/state`, runtime: "/nowhere/runc" }))
      expect(Fs.readdirSync(path)).toEqual([])
    })
  )

  it.scopedLive("is gone when the sandbox is", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory()
      const state = `${path}/state`
      yield* Effect.scoped(Effect.flatMap(open(base, { stateDirectory: state }), ({ run }) => run("true")))
      expect(Fs.readdirSync(state)).toEqual([])
    })
  )

  it.scopedLive("goes only when what still runs is dead and cleared away", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory()
      const stateDirectory = `${path}/state`
      const up = yield* Deferred.make<void>()
      const rootfs = yield* overlay(path, [base.path])
      const running = yield* Effect.scoped(
        Effect.gen(function* () {
          const sandbox = yield* sandboxOf({ stateDirectory })
          const script = "echo up; sh -c 'sleep 1000; true' machine-closed"
          const running = yield* Effect.forkDaemon(
            sandbox.run(command(script), rootfs, () => Deferred.succeed(up, undefined))
          )
          yield* Deferred.await(up)
          expect(alive("machine-closed")).toBeGreaterThan(0)
          return running
        })
      )
      expect([alive("machine-closed"), Fs.readdirSync(stateDirectory)]).toEqual([0, []])
      expect(Exit.isInterrupted(yield* Fiber.await(running))).toBe(true)
    })
  )

  it.scopedLive("of a process that was killed is cleared away, its container killed", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory()
      const image = yield* directory(path)
      fill(image.path)
      for (const name of ["proc", "dev", "sys"]) Fs.mkdirSync(`${image.path}/${name}`)
      const owner = abandon(`${path}/state`, image.path, "machine-abandoned")
      // The runtime does not wait until its child has become the command.
      while (alive("machine-abandoned") === 0) yield* Effect.yieldNow()
      const { run } = yield* open(base, { stateDirectory: `${path}/state` })
      yield* run("true")
      expect(alive("machine-abandoned")).toBe(0)
      expect(Fs.existsSync(owner)).toBe(false)
    })
  )

  it.scopedLive("of a process that was killed is cleared away only when its runtime is done", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory()
      const owner = `${path}/state/999999999-0123abcd`
      Fs.mkdirSync(`${owner}/c`, { recursive: true, mode: 0o700 })
      Fs.chmodSync(`${path}/state`, 0o700)
      const lock = Fs.openSync(`${owner}/lock`, "w")
      expect(tryLock(lock)).toBe(true)
      // Stands in for a runtime: it has the lock when its owner has gone, and notes down a container later.
      const note = `until [ -e ${path}/go ]; do :; done; mkdir ${owner}/c/late; echo > ${path}/noted`
      const reaper = yield* Reaper.make
      const runtime = ChildProcess.spawn(reaper, "/bin/sh", ["-c", note], {
        environment: { PATH: "/usr/bin:/bin" },
        held: lock
      })
      Fs.closeSync(lock)
      const { run } = yield* open(base, { stateDirectory: `${path}/state` })
      const running = yield* Effect.fork(run("true"))
      yield* Effect.yieldNow()
      expect(Fs.existsSync(owner)).toBe(true)
      Fs.writeFileSync(`${path}/go`, "")
      yield* runtime.ended
      expect((yield* Fiber.join(running)).outcome).toBe("succeeded")
      expect([Fs.existsSync(`${path}/noted`), Fs.existsSync(owner)]).toEqual([true, false])
    })
  )

  it.scopedLive("of a live process is left alone", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory()
      const stateDirectory = `${path}/state`
      const first = yield* open(base, { stateDirectory })
      const up = yield* Deferred.make<void>()
      const running = yield* Effect.fork(
        first.sandbox.run(command("echo up; sh -c 'sleep 1000; true' machine-alive"), yield* first.image(), () =>
          Deferred.succeed(up, undefined)
        )
      )
      yield* Deferred.await(up)
      const second = yield* open(base, { stateDirectory })
      yield* second.run("true")
      expect(alive("machine-alive")).toBeGreaterThan(0)
      yield* Fiber.interrupt(running)
      expect(alive("machine-alive")).toBe(0)
    })
  )

  it.scopedLive("that is no sandbox's, or is just being made, is left alone", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory()
      const stateDirectory = `${path}/state`
      for (const name of [".1-made", "other"])
        Fs.mkdirSync(`${stateDirectory}/${name}`, { recursive: true, mode: 0o700 })
      Fs.writeFileSync(`${stateDirectory}/.1-made/lock`, "")
      const { run } = yield* open(base, { stateDirectory })
      yield* run("true")
      expect(Fs.readdirSync(stateDirectory)).toEqual(expect.arrayContaining([".1-made", "other"]))
      // A lock that a test takes is one that the clearing up did not keep.
      const lock = Fs.openSync(`${stateDirectory}/.1-made/lock`, "r")
      expect(tryLock(lock)).toBe(true)
      Fs.closeSync(lock)
    })
  )

  const refusal = (options: OciRuntimeSandbox.OciRuntimeOptions) =>
    Effect.gen(function* () {
      const { image, sandbox } = yield* open(base, options)
      const ended = yield* Effect.either(sandbox.run(command("true"), yield* image(), () => Effect.void))
      return Either.isLeft(ended) && ended.left._tag === "SandboxError"
        ? { message: ended.left.message, hint: Option.getOrUndefined(ended.left.hint) }
        : undefined
    })

  it.scopedLive("is refused where others could write to it", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory()
      Fs.chmodSync(path, 0o777)
      expect((yield* refusal({ stateDirectory: path }))?.message).toMatch(/nobody else may write to it/)
      Fs.writeFileSync(`${path}/file`, "")
      expect((yield* refusal({ stateDirectory: `${path}/file` }))?.message).toMatch(/cannot use .*file.*EEXIST|ENOTDIR/)
    })
  )

  it.scopedLive("a runtime that is missing, or none, is named, with what to do", () =>
    Effect.gen(function* () {
      const missing = yield* refusal({ runtime: "no-such-runtime" })
      expect(missing?.message).toBe("there is no program no-such-runtime")
      expect(missing?.hint).toMatch(/apt-get install runc/)
      expect((yield* refusal({ runtime: "/etc/passwd" }))?.message).toBe("there is no program /etc/passwd")
      expect((yield* refusal({ runtime: "/bin/false" }))?.message).toMatch(/\/bin\/false could not start the container/)
      // It succeeds without doing anything.
      expect((yield* refusal({ runtime: "/bin/true" }))?.message).toMatch(/does not say which process/)
    })
  )

  it.scopedLive("users other than root are told to be root", () =>
    Effect.gen(function* () {
      const { geteuid } = process
      process.geteuid = () => 1000
      yield* Effect.addFinalizer(() => Effect.sync(() => Object.assign(process, { geteuid })))
      expect(yield* refusal({})).toEqual({ message: "containers need root", hint: "run it as root, e.g. with sudo" })
    })
  )

  it.scopedLive("root file systems of other backends are refused", () =>
    Effect.gen(function* () {
      const { sandbox } = yield* open(base)
      const rootfs = { _tag: "Opaque", backend: "docker", value: undefined } as const
      const ended = yield* Effect.either(sandbox.run(command("true"), rootfs, () => Effect.void))
      expect(Either.isLeft(ended) && ended.left).toMatchObject({ message: expect.stringMatching(/docker/) })
    })
  )

  it.scopedLive("a directory has its own times and no mount points after a run", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory()
      const rootfs = yield* directory(path, { "etc/motd": "", "var/old": "" })
      fill(rootfs.path)
      const old = new Date("2001-02-03T04:05:06.789Z")
      for (const name of ["etc", "var", "bin", ""]) Fs.utimesSync(`${rootfs.path}/${name}`, old, old)
      const { sandbox } = yield* open(base)
      const content = Buffer.from("s")
      yield* sandbox.run(
        command("rm /var/old", {
          secrets: [
            { target: "/etc/a", content },
            { target: "/var/x/y", content }
          ]
        }),
        rootfs,
        () => Effect.void
      )
      const times = (name: string) => Math.round(Fs.statSync(`${rootfs.path}/${name}`).mtimeMs)
      expect(Fs.readdirSync(rootfs.path).sort()).toEqual(["bin", "etc", "var"])
      expect([Fs.readdirSync(`${rootfs.path}/etc`), Fs.readdirSync(`${rootfs.path}/var`)]).toEqual([["motd"], []])
      expect(["", "etc", "bin"].map(times)).toEqual([old.getTime(), old.getTime(), old.getTime()])
      expect(times("var")).toBeGreaterThan(old.getTime())
    })
  )
})
