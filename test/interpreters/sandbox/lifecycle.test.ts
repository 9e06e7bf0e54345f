/** How a step begins and ends, what it writes meanwhile, and that nothing of it is left. */
import { expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Fs from "node:fs"
import { describe } from "vitest"
import { CommandFailed } from "../../../src/interpreters/Sandbox.ts"
import { command } from "../../laws/sandboxSubject.ts"
import { describeWith } from "../../requirements.ts"
import { alive, overlay } from "./busybox.ts"
import { busyboxBase, left, open } from "./realSandbox.ts"

const unix = (uid: number) => ({ _tag: "Unix", uid, gid: uid }) as const

const MEBIBYTE = 1 << 20

/** Control groups of containers whose names have this in them. */
const groups = (name: string): ReadonlyArray<string> =>
  Fs.readdirSync("/sys/fs/cgroup").flatMap((controller) => {
    const path = `/sys/fs/cgroup/${controller}`
    return Fs.statSync(path).isDirectory() ? Fs.readdirSync(path).filter((group) => group.includes(name)) : []
  })

/** The names of this process's children that have ended and that nobody has waited for. */
const zombies = (): ReadonlyArray<string> =>
  Fs.readdirSync("/proc").flatMap((pid) => {
    try {
      const [, name = "", state, parent] =
        /\((.*)\) (.) (\d+)/.exec(Fs.readFileSync(`/proc/${pid}/stat`, "latin1")) ?? []
      return state === "Z" && Number(parent) === process.pid ? [`${name} ${pid}`] : []
    } catch {
      return []
    }
  })

/** What is left of a sandbox's containers: the runtime's records, control groups, mounts. */
const remains = (state: string): ReadonlyArray<string> => {
  const owners = Fs.readdirSync(state)
  return [
    ...owners.flatMap((owner) => Fs.readdirSync(`${state}/${owner}/c`)),
    ...owners.flatMap((owner) => groups(owner)),
    ...Fs.readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .filter((line) => line.includes(state))
  ]
}

for (const runtime of ["runc", "crun"] as const) {
  describeWith(["root", "busybox", "overlay", runtime], `a step under ${runtime}`, () => {
    const base = busyboxBase()
    const opened = (options = {}) => open(base, { runtime, ...options })

    describe("its output", () => {
      it.scopedLive("has both streams in the order in which they were written", () =>
        Effect.gen(function* () {
          const { run } = yield* opened()
          const { output } = yield* run("for i in $(seq 200); do echo out $i; echo error $i >&2; done")
          const lines = Array.from({ length: 200 }, (_, n) => `out ${n + 1}\nerror ${n + 1}\n`)
          expect(output).toBe(lines.join(""))
        })
      )

      it.scopedLive("may be written by opening /dev/stdout and /dev/stderr, by every user", () =>
        Effect.gen(function* () {
          const { run } = yield* opened()
          for (const uid of [0, 1000]) {
            expect(
              yield* run("echo a; echo b > /dev/stdout; echo c > /dev/stderr; echo d >> /proc/self/fd/1; echo e", {
                user: unix(uid)
              })
            ).toEqual({ outcome: "succeeded", output: "a\nb\nc\nd\ne\n" })
          }
        })
      )

      it.scopedLive("comes as it is written, and is any bytes", () =>
        Effect.gen(function* () {
          const { directory, image, sandbox } = yield* opened()
          const gate = yield* overlay(directory, [])
          const bytes = Uint8Array.from({ length: 256 }, (_, n) => n)
          const rootfs = yield* image({ bytes })
          const chunks: Array<Uint8Array> = []
          // The step goes on only when what it has written so far has arrived here.
          yield* sandbox.run(
            command("echo first; until [ -e /gate/open ]; do :; done; cat /bytes", {
              caches: [{ target: "/gate", rootfs: { _tag: "Directory", path: gate.upper } }]
            }),
            rootfs,
            (chunk) =>
              Effect.sync(() => {
                chunks.push(chunk)
                Fs.writeFileSync(`${gate.upper}/open`, "")
              })
          )
          expect(Buffer.concat(chunks)).toEqual(Buffer.concat([Buffer.from("first\n"), bytes]))
        })
      )

      it.scopedLive("is not read faster than it is taken", () =>
        Effect.gen(function* () {
          const { image, sandbox } = yield* opened()
          const rootfs = yield* image()
          const slow = yield* Deferred.make<void>()
          const begun = yield* Deferred.make<void>()
          let taken = 0
          const running = yield* Effect.fork(
            sandbox.run(
              command("dd if=/dev/zero bs=65536 count=64 2>/dev/null; echo done > /done"),
              rootfs,
              (chunk) => {
                taken += chunk.length
                return Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(slow))
              }
            )
          )
          yield* Deferred.await(begun)
          // It has four mebibytes to write, and a pipe and a buffer to write them to.
          expect(Fs.existsSync(`${rootfs.upper}/done`)).toBe(false)
          expect(taken).toBeLessThan(MEBIBYTE)
          yield* Deferred.succeed(slow, undefined)
          yield* Fiber.join(running)
          expect(taken).toBe(4 * MEBIBYTE)
        })
      )

      it.scopedLive("may end before the step does", () =>
        Effect.gen(function* () {
          const { run } = yield* opened()
          expect(yield* run("echo a; exec > /dev/null 2>&1; sleep 0.3; exit 7")).toEqual({
            outcome: { _tag: "Exit", status: 7 },
            output: "a\n"
          })
        })
      )
    })

    it.scopedLive("reads nothing from its standard input", () =>
      Effect.gen(function* () {
        const { run } = yield* opened()
        expect(yield* run("cat; read x; echo $?; readlink /proc/self/fd/0", { user: unix(1000) })).toEqual({
          outcome: "succeeded",
          output: "1\n/dev/null\n"
        })
      })
    )

    it.scopedLive("has no open files but its three", () =>
      Effect.gen(function* () {
        const { run } = yield* opened()
        expect((yield* run("ls /proc/1/fd; true")).output).toBe("0\n1\n2\n")
      })
    )

    it.scopedLive("is not held up by what it leaves running, and that is dead afterwards", () =>
      Effect.gen(function* () {
        const { run } = yield* opened()
        const ran = yield* run(
          "(trap '' HUP TERM; sleep 1000; true) & sh -c 'sleep 1000; true' lifecycle-left & echo done"
        )
        expect(ran).toEqual({ outcome: "succeeded", output: "done\n" })
        expect(alive("lifecycle-left")).toBe(0)
      })
    )

    describe("its end", () => {
      it.scopedLive("by a status or a signal is told", () =>
        Effect.gen(function* () {
          const { run } = yield* opened()
          const outcome = (script: string) => Effect.map(run(script), (ran) => ran.outcome)
          expect(yield* outcome("exit 255")).toEqual({ _tag: "Exit", status: 255 })
          expect(yield* outcome("exit 127")).toEqual({ _tag: "Exit", status: 127 })
          expect(yield* outcome("sh -c 'kill -ABRT $$'; exit $?")).toEqual({ _tag: "Signal", signal: "SIGABRT" })
          expect(yield* outcome("sh -c 'kill -KILL $$'; exit $?")).toEqual({ _tag: "Signal", signal: "SIGKILL" })
        })
      )

      it.scopedLive("for lack of memory is told from a kill", () =>
        Effect.gen(function* () {
          const { run } = yield* opened({ memoryLimit: 24 * MEBIBYTE })
          // `tail` keeps all of a line without an end.
          const eat = "cat /dev/zero | tail > /dev/null"
          expect((yield* run(`${eat}; exit $?`)).outcome).toEqual({ _tag: "OutOfMemory" })
          expect(
            (yield* run("tail < /dev/zero", { argv: ["/bin/sh", "-c", "exec tail < /dev/zero"] })).outcome
          ).toEqual({
            _tag: "OutOfMemory"
          })
          expect((yield* run("sh -c 'kill -KILL $$'; exit $?")).outcome).toEqual({ _tag: "Signal", signal: "SIGKILL" })
          expect((yield* run("true")).outcome).toBe("succeeded")
        })
      )

      it.scopedLive("before it has begun is told, with what to do", () =>
        Effect.gen(function* () {
          const { run } = yield* opened()
          const entries = {
            text: "hello\n",
            garbage: { content: "\u0000\u0001garbage", mode: 0o755 },
            script: { content: "#!/usr/bin/perl\n", mode: 0o755 },
            dir: { directory: true }
          } as const
          const outcome = (argv: ReadonlyArray<string>, options: Parameters<typeof run>[1] = {}) =>
            Effect.map(run("", { argv, entries, ...options }), (ran) => ran.outcome)
          const started = (reason: RegExp, hint?: RegExp) => ({
            _tag: "NotStarted",
            reason: expect.stringMatching(reason),
            hint: hint === undefined ? { _tag: "None" } : { _tag: "Some", value: expect.stringMatching(hint) }
          })
          expect(yield* outcome(["/usr/bin/env", "bash", "-c", "x"])).toMatchObject(
            started(/no program \/usr\/bin\/env/, /\(shell \/bin\/sh -c\)/)
          )
          expect(yield* outcome(["bash", "-c", "x"])).toMatchObject(started(/no program bash/, /shell/))
          expect(yield* outcome(["frobnicate"])).toMatchObject(started(/no program frobnicate/))
          expect(yield* outcome(["/text"])).toMatchObject(started(/\/text is not a program/))
          expect(yield* outcome(["/dir"])).toMatchObject(started(/\/dir is not a program/))
          expect(yield* outcome(["/garbage"])).toMatchObject(started(/format error/, /architecture/))
          expect(yield* outcome(["/script"])).toMatchObject(started(/\/script needs an interpreter/))
          expect(yield* outcome(["/bin/true"], { cwd: "/text" })).toMatchObject(started(/not a directory/i))
          expect(yield* outcome(["/bin/sh", "-c", `: ${"x".repeat(200_000)}`])).toMatchObject(
            started(/too long/, /put the command into a file/)
          )
          const user = { _tag: "Named", name: "ann" } as const
          expect(yield* outcome(["/bin/true"], { user })).toMatchObject(started(/no user "ann"/, /uid/))
          expect(yield* outcome(["/bin/true"], { user: { _tag: "Unix", uid: -1, gid: 0 } })).toMatchObject(
            started(/-1:0 are no user and group ids/)
          )
        })
      )

      it.scopedLive("by interruption comes soon, at whatever moment it is, and leaves nothing", () =>
        Effect.gen(function* () {
          const { image, run, sandbox, state } = yield* opened()
          yield* run("true")
          const script = "trap '' TERM INT HUP; echo up; sh -c 'trap \"\" TERM; sleep 1000; true' lifecycle-interrupted"
          // After so many turns of the event loop: before, while and after the runtime sets the container up.
          for (const turns of [0, 1, 3, 10, 30, 100, 300, 1000]) {
            const rootfs = yield* image()
            const running = yield* Effect.fork(
              sandbox.run(
                command(script, { secrets: [{ target: "/secret", content: Buffer.from("s") }] }),
                rootfs,
                () => Effect.void
              )
            )
            for (let turn = 0; turn < turns; turn++) yield* turnOfTheLoop
            expect(Exit.isInterrupted(yield* Fiber.interrupt(running))).toBe(true)
            expect([turns, alive("lifecycle-interrupted"), remains(state), left(rootfs)]).toEqual([turns, 0, [], []])
          }
          expect((yield* run("echo still works")).output).toBe("still works\n")
        })
      )

      it.scopedLive("leaves no zombies beyond the next steps", () =>
        Effect.gen(function* () {
          const { image, run, sandbox } = yield* opened()
          yield* run("(sleep 1000 & true)")
          yield* run("exit 1")
          yield* run("", { argv: ["/none"] })
          const rootfs = yield* image()
          yield* Effect.flatMap(
            Effect.fork(sandbox.run(command("sleep 1000"), rootfs, () => Effect.void)),
            Fiber.interrupt
          )
          // A runtime's helper that ends a moment after its step is reaped with a later one, which may leave its own.
          let left = zombies()
          for (let n = 0; n < 10 && left.length > 0; n++) {
            yield* run("true")
            const now = zombies()
            left = left.filter((zombie) => now.includes(zombie))
          }
          expect(left).toEqual([])
        })
      )

      it.scopedLive("leaves no files but empty directories for the next step", () =>
        Effect.gen(function* () {
          const { run, state } = yield* opened()
          const secrets = [{ target: "/s", content: Buffer.from("to be forgotten") }]
          yield* run("true", { secrets })
          yield* run("exit 1", { secrets })
          yield* run("", { argv: ["/none"], secrets })
          expect(remains(state)).toEqual([])
          const files = Fs.readdirSync(state, { recursive: true, withFileTypes: true })
            .filter((entry) => entry.isFile())
            .map(({ name }) => name)
          expect(files.filter((name) => !["lock", "runtime", "hosts", "config.json", "log"].includes(name))).toEqual([])
          expect(Fs.readdirSync(state)).toHaveLength(1)
        })
      )
    })

    it.scopedLive("keeps a secret from other users, and from being changed", () =>
      Effect.gen(function* () {
        const { image, run, state } = yield* opened()
        const secrets = [{ target: "/run/secrets/token", content: Uint8Array.of(0, 255, 10) }]
        const script =
          "stat -c '%a %u:%g' /run/secrets/token; od -An -tu1 /run/secrets/token; echo x > /run/secrets/token; rm -f /run/secrets/token; grep -c 'secrets/token.*ro,nosuid,nodev,noexec' /proc/self/mounts; true"
        const rootfs = yield* image()
        const ran = yield* run(script, { rootfs, secrets, user: unix(1000) })
        expect(ran.output).toMatch(/^400 1000:1000\n +0 255 +10\n/)
        expect(ran.output).toMatch(/can't create \/run\/secrets\/token: (Read-only file system|Permission denied)/)
        expect(ran.output).toMatch(/\n1\n$/)
        expect(left(rootfs)).toEqual([])
        expect(Fs.statSync(state).mode & 0o777).toBe(0o700)
        const other = yield* run("cat /run/secrets/token", { secrets, user: unix(1000) })
        expect(other.outcome).toBe("succeeded")
      })
    )

    it.scopedLive("works in stores and state directories of any name, on many layers", () =>
      Effect.gen(function* () {
        const { directory } = yield* opened()
        const odd = `${directory}/a b,c:d\\e=f'g"h ${"é".repeat(40)}`
        Fs.mkdirSync(odd)
        const { run } = yield* opened({ stateDirectory: `${odd}/state` })
        const layers: Array<string> = []
        for (let n = 0; n < 70; n++) {
          const layer = `${odd}/layer ${n},:\\ ${"long-".repeat(20)}`
          Fs.mkdirSync(layer)
          Fs.writeFileSync(`${layer}/${n}`, "")
          layers.unshift(layer)
        }
        const rootfs = yield* overlay(odd, [...layers, base.path])
        const cache = yield* overlay(odd, [])
        const ran = yield* run("ls / | grep -c '[0-9]'; echo x > /made; echo y > /cache/made", {
          rootfs,
          caches: [{ target: "/cache", rootfs: cache }]
        })
        expect(ran).toEqual({ outcome: "succeeded", output: "70\n" })
        expect([left(rootfs), left(cache)]).toEqual([["made"], ["made"]])
      })
    )

    it.scopedLive("gives files one device number, whatever mount points were missing", () =>
      Effect.gen(function* () {
        const { image, run } = yield* opened()
        const { output } = yield* run("stat -c %d /bin /bin/busybox /etc /data /", {
          rootfs: yield* image({ data: "" })
        })
        expect(new Set(output.trim().split("\n")).size).toBe(1)
      })
    )

    it.scopedLive("uses the layers' scratch directory for missing mount points again and again", () =>
      Effect.gen(function* () {
        const { directory, image, run } = yield* opened()
        const scratch = `${directory}/scratch`
        Fs.mkdirSync(scratch)
        const lower = yield* image({ etc: { directory: true, mode: 0o751, uid: 5 } })
        const kept: Array<ReadonlyArray<string>> = []
        for (const n of [1, 2, 3]) {
          const rootfs = { ...(yield* overlay(directory, lower.lower)), scratch }
          expect(
            (yield* run(`stat -c '%a %u' /etc; cat /etc/hosts | wc -l; echo ${n} > /etc/motd`, { rootfs })).output
          ).toBe("751 5\n2\n")
          expect(left(rootfs)).toEqual(["etc", "etc/motd"])
          kept.push(Fs.readdirSync(scratch))
        }
        expect(kept[0]).toHaveLength(1)
        expect(kept[2]).toEqual(kept[0])
      })
    )

    it.scopedLive("fails with the output's error where that fails", () =>
      Effect.gen(function* () {
        const { image, sandbox } = yield* opened()
        const ended = yield* Effect.either(sandbox.run(command("echo x"), yield* image(), () => Effect.fail("full")))
        expect(ended).toEqual(Either.left("full"))
        const failed = yield* Effect.either(sandbox.run(command("exit 1"), yield* image(), () => Effect.fail("full")))
        expect(Either.isLeft(failed) && failed.left).toBeInstanceOf(CommandFailed)
      })
    )
  })
}

const turnOfTheLoop: Effect.Effect<void> = Effect.async((resume) => {
  setImmediate(() => resume(Effect.void))
})
