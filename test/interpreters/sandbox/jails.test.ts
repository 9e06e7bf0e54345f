/** What only jails have: users by login names, files that are put and taken back, what dead processes leave. */
import { expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { backends } from "../../../src/cli/Backends.ts"
import * as JailSandbox from "../../../src/interpreters/sandbox/JailSandbox.ts"
import type { Entries } from "../../laws/files.ts"
import { collect, command } from "../../laws/sandboxSubject.ts"
import { describeWith } from "../../requirements.ts"
import { fillFreeBsd } from "../../standins/image.ts"
import { forTests, mountsBelow, pretend } from "../../standins/standIns.ts"
import { alive, directory, pathsOf, temporaryDirectory } from "./busybox.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** No process has this number: it is more than the kernel gives. */
const DEAD = 4_194_305

describeWith(["root", "busybox"], "a jail", () => {
  pretend("freebsd")
  const standIns = forTests(["jail", "jexec", "umount"])

  const opened = Effect.gen(function* () {
    const path = yield* temporaryDirectory()
    const sandbox = yield* JailSandbox.make({ stateDirectory: `${path}/state` })
    const image = (entries: Entries = {}) =>
      Effect.tap(directory(path, entries), (rootfs) => Effect.sync(() => fillFreeBsd(rootfs.path)))
    return { path, sandbox, image }
  })

  it.scopedLive("takes a step's words as they are", () =>
    Effect.gen(function* () {
      const { image, sandbox } = yield* opened
      const odd = `it's "$HOME" \`id\` \\ ! % \n é;`
      const ran = yield* collect(sandbox, yield* image(), `printf %s "$ODD"; pwd`, {
        environment: [{ name: "ODD", value: odd }],
        cwd: '/it\'s a "$dir"'
      })
      expect(ran).toEqual({ outcome: "succeeded", output: `${odd}/it's a "$dir"\n` })
    })
  )

  it.scopedLive("is for users that can log in", () =>
    Effect.gen(function* () {
      const { image, sandbox } = yield* opened
      const outcome = (passwd: string, uid: number, gid: number) =>
        Effect.flatMap(image({ "etc/passwd": passwd }), (rootfs) =>
          Effect.map(collect(sandbox, rootfs, "id -u; id -g", { user: { _tag: "Unix", uid, gid } }), (ran) =>
            ran.outcome === "succeeded" ? ran.output : ran.outcome
          )
        )
      const two = "a:*:7:8::/:/bin/sh\nb:*:7:9::/:/bin/sh\n"
      expect(yield* outcome(two, 7, 9)).toBe("7\n9\n")
      const refused = [
        [two, 6, 6, /no user with the id 6/],
        [two, 7, 7, /in the group 8, not 7/],
        ["a:*:7:8::/nowhere:/bin/sh\n", 7, 8, /no directory \/nowhere/],
        ["a:*:7:8::/:/bin/tcsh\n", 7, 8, /no program \/bin\/tcsh/],
        ["-a:*:7:8::/:/bin/sh\n", 7, 8, /no login name/]
      ] as const
      for (const [passwd, uid, gid, reason] of refused) {
        expect(yield* outcome(passwd, uid, gid)).toMatchObject({
          _tag: "NotStarted",
          reason: expect.stringMatching(reason)
        })
      }
      const missing = yield* Effect.flip(
        sandbox.run(
          command("", {}),
          yield* directory((yield* opened).path, { dev: { directory: true } }),
          () => Effect.void
        )
      )
      expect(missing).toMatchObject({ outcome: { _tag: "NotStarted" } })
    })
  )

  it.scopedLive("has a secret in place of a file of the image, which comes back, whatever the step does", () =>
    Effect.gen(function* () {
      const { image, sandbox } = yield* opened
      const scripts = [
        "cat /etc/token",
        "cat /etc/token; echo more >> /etc/token",
        "cat /etc/token; rm /etc/token",
        "cat /etc/token; echo other > /x; mv /x /etc/token",
        "cat /etc/token; mv /etc /moved; ln -s /somewhere /etc"
      ]
      for (const [index, script] of scripts.entries()) {
        const rootfs = yield* image({ "etc/token": "the image's\n" })
        const secrets = [
          { target: "/etc/token", content: bytes("s3cret\n") },
          { target: "/run/s/new", content: bytes("s3cret\n") }
        ]
        expect(yield* collect(sandbox, rootfs, script, { secrets })).toEqual({
          outcome: "succeeded",
          output: "s3cret\n"
        })
        const paths = pathsOf(rootfs)
        expect(paths.filter((path) => path.startsWith("/run"))).toEqual([])
        if (index === scripts.length - 1) continue
        expect(paths.filter((path) => path.includes(".obuilder"))).toEqual([])
        expect(Fs.readFileSync(`${rootfs.path}/etc/token`, "utf8")).toBe("the image's\n")
      }
    })
  )

  it.scopedLive("is not led out of its image by links in it", () =>
    Effect.gen(function* () {
      const { image, path, sandbox } = yield* opened
      const outside = `${path}/outside`
      Fs.mkdirSync(outside)
      const cache = yield* directory(path, { file: "cached\n" })
      const rootfs = yield* image({ "data/away": { link: outside }, "data/up": { link: "../../../../../.." } })
      const ran = yield* collect(sandbox, rootfs, `cat ${outside}/token; cat /data/up/c/file`, {
        secrets: [{ target: "/data/away/token", content: bytes("s3cret\n") }],
        caches: [{ target: "/data/up/c", rootfs: cache }]
      })
      expect(ran).toEqual({ outcome: "succeeded", output: "s3cret\ncached\n" })
      expect(Fs.readdirSync(outside)).toEqual([])
      const noDev = yield* image()
      Fs.rmdirSync(`${noDev.path}/dev`)
      Fs.symlinkSync(outside, `${noDev.path}/dev`)
      expect((yield* collect(sandbox, noDev, "true")).outcome).toMatchObject({ _tag: "NotStarted" })
    })
  )

  it.scopedLive("refuses what jail(8) would misread", () =>
    Effect.gen(function* () {
      const { image, path, sandbox } = yield* opened
      const cache = yield* directory(path)
      const spaced = yield* collect(sandbox, yield* image(), "true", { caches: [{ target: "/a b", rootfs: cache }] })
      expect(spaced.outcome).toMatchObject({ _tag: "NotStarted" })
      for (const name of ["a b", "a;id", "$(id)"]) {
        Fs.mkdirSync(`${path}/${name}`)
        const error = yield* Effect.flip(collect(sandbox, { _tag: "Directory", path: `${path}/${name}` }, "true"))
        expect(error).toMatchObject({
          _tag: "SandboxError",
          message: expect.stringContaining("cannot be given the path")
        })
      }
    })
  )

  it.scopedLive("ends with its command, whatever that has left running", () =>
    Effect.gen(function* () {
      const { image, path, sandbox } = yield* opened
      const ran = yield* collect(sandbox, yield* image(), "(exec sh -c 'sleep 1000; true' jail-straggler) & echo done")
      expect(ran).toEqual({ outcome: "succeeded", output: "done\n" })
      expect(alive("jail-straggler")).toBe(0)
      expect(mountsBelow(path)).toEqual([])
    })
  )

  it.scopedLive("of a dead process is found and cleared away by the next", () =>
    Effect.gen(function* () {
      const { image, path, sandbox } = yield* opened
      const up = yield* Deferred.make<void>()
      const rootfs = yield* image()
      const cache = yield* directory(path)
      const running = yield* Effect.fork(
        sandbox.run(
          command("echo up; sh -c 'sleep 1000; true' jail-abandoned", { caches: [{ target: "/c/d", rootfs: cache }] }),
          rootfs,
          () => Deferred.succeed(up, undefined)
        )
      )
      yield* Deferred.await(up)
      // As a process that was killed leaves it: the same, without a lock.
      const [owner = ""] = Fs.readdirSync(`${path}/state`)
      const dead = `${path}/state/${DEAD}-00000000`
      Fs.cpSync(`${path}/state/${owner}`, dead, { recursive: true })
      expect(mountsBelow(path)).toHaveLength(2)
      const next = yield* JailSandbox.make({ stateDirectory: `${path}/state` })
      yield* next.reclaim
      expect(Fs.existsSync(dead)).toBe(false)
      expect(alive("jail-abandoned")).toBe(0)
      expect(mountsBelow(path)).toEqual([])
      const exit = yield* Fiber.await(running)
      expect(Exit.isFailure(exit)).toBe(true)
      expect(Fs.existsSync(`${rootfs.path}/c`)).toBe(false)
    })
  )

  it.scopedLive("that cannot be made says why, and leaves nothing", () =>
    Effect.gen(function* () {
      const { image, path, sandbox } = yield* opened
      const rootfs = yield* image()
      const before = pathsOf(rootfs)
      const error = yield* Effect.flip(collect(sandbox, rootfs, "true", { hostname: "x".repeat(300) }))
      expect(error).toMatchObject({
        _tag: "SandboxError",
        message: expect.stringMatching(/cannot make a jail: jail: host.hostname/)
      })
      expect(pathsOf(rootfs)).toEqual(before)
      expect(mountsBelow(path)).toEqual([])
    })
  )

  it.scopedLive("leaves nothing behind when the sandbox is closed while a command runs", () =>
    Effect.gen(function* () {
      const { image, path } = yield* opened
      const scope = yield* Scope.make()
      const sandbox = yield* Scope.extend(JailSandbox.make({ stateDirectory: `${path}/state` }), scope)
      const up = yield* Deferred.make<void>()
      const rootfs = yield* image()
      yield* Effect.fork(
        sandbox.run(command("echo up; sh -c 'sleep 1000; true' jail-closed"), rootfs, () =>
          Deferred.succeed(up, undefined)
        )
      )
      yield* Deferred.await(up)
      yield* Scope.close(scope, Exit.void)
      expect(alive("jail-closed")).toBe(0)
      expect(mountsBelow(path)).toEqual([])
      expect(Fs.readdirSync(`${path}/state`)).toEqual([])
      expect(standIns.run("jail", "-q", "-r", "obuilder-1").stderr).toContain("not found")
    })
  )

  it.effect("is not given what it cannot have", () =>
    Effect.gen(function* () {
      const nothing = { memory: Option.none<number>(), runtime: Option.none<string>(), fastSync: false }
      const wrong = [
        { ...nothing, memory: Option.some(1) },
        { ...nothing, runtime: Option.some("crun") },
        { ...nothing, fastSync: true }
      ]
      const { sandbox } = backends.get("zfs") ?? (yield* Effect.dieMessage("there is no zfs"))
      for (const options of wrong) {
        expect(yield* Effect.flip(Effect.scoped(sandbox(options)))).toMatchObject({
          message: expect.stringMatching(/^a jail knows nothing of --/)
        })
      }
    })
  )
})
