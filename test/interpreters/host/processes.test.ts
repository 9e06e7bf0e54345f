/** Children, their output, their mounts, and waiting for those that are somebody else's. */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Fs from "node:fs"
import * as ChildProcess from "../../../src/interpreters/host/ChildProcess.ts"
import * as OutputPipe from "../../../src/interpreters/host/OutputPipe.ts"
import * as PrivateMounts from "../../../src/interpreters/host/PrivateMounts.ts"
import * as Reaper from "../../../src/interpreters/host/Reaper.ts"
import { describeWith } from "../../requirements.ts"
import { scratchDirectory } from "./scratch.ts"

const environment = { PATH: "/usr/bin:/bin" }

const sh = (reaper: Reaper.Reaper, script: string, output?: number) =>
  ChildProcess.spawn(reaper, "/bin/sh", ["-c", script], { environment, output })

/** Whether a process is there and not a zombie. */
const runs = (pid: number): boolean =>
  Fs.existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(Fs.readFileSync(`/proc/${pid}/stat`, "latin1"))

describe("a child process", () => {
  it.scopedLive("tells how it ended", () =>
    Effect.gen(function* () {
      const reaper = yield* Reaper.make
      const end = (script: string) => ChildProcess.run(reaper, "/bin/sh", ["-c", script], { environment })
      expect(yield* end("exit 3")).toEqual({ _tag: "Exited", status: 3 })
      expect(yield* end("kill -TERM $$")).toEqual({ _tag: "Signaled", signal: 15 })
    })
  )

  it.scopedLive("has the arguments, directory, environment and streams that it is given, and nothing else", () =>
    Effect.gen(function* () {
      const reaper = yield* Reaper.make
      const pipe = yield* OutputPipe.make(() => undefined)
      const script =
        'echo "$0 $1"; pwd; env | sort; cat; readlink /proc/$$/fd/1 | cut -d: -f1; test /proc/$$/fd/1 -ef /proc/$$/fd/2 && echo one; grep SigIgn /proc/$$/status'
      ChildProcess.spawn(reaper, "/bin/sh", ["-c", script, "zero", "one two"], {
        environment: { A: "b c", PATH: "/usr/bin:/bin" },
        cwd: "/usr",
        output: pipe.writeEnd
      })
      pipe.closeWriteEnd()
      const chunks: Array<Uint8Array> = []
      yield* pipe.pump((chunk) => Effect.sync(() => chunks.push(chunk)))
      const lines = Buffer.concat(chunks).toString().trim().split("\n")
      expect(lines.filter((line) => !line.startsWith("_="))).toEqual([
        ...["zero one two", "/usr", "A=b c", "PATH=/usr/bin:/bin", "PWD=/usr", "pipe", "one"],
        // Of all signals but the C library's own two, which no program can set, none is ignored.
        expect.stringMatching(/^SigIgn:\s0000000[01]80000000$|^SigIgn:\s0{16}$/)
      ])
    })
  )

  it.scopedLive("that cannot be started is an error with the system's code", () =>
    Effect.gen(function* () {
      const reaper = yield* Reaper.make
      const error = (program: string, args: ReadonlyArray<string> = []) =>
        Effect.map(Effect.either(ChildProcess.run(reaper, program, args, { environment })), (ended) =>
          Either.isLeft(ended) && ended.left._tag === "SpawnError" ? [ended.left.program, ended.left.code] : ended
        )
      expect(yield* error("/nowhere/program")).toEqual(["/nowhere/program", "ENOENT"])
      expect(yield* error("/etc/passwd")).toEqual(["/etc/passwd", "EACCES"])
      expect(yield* error("/bin/sh", ["a\0b"])).toEqual(["/bin/sh", undefined])
    })
  )

  it.scopedLive("is killed, with those of its group, when its effect is interrupted", () =>
    Effect.gen(function* () {
      const reaper = yield* Reaper.make
      const pipe = yield* OutputPipe.make(() => undefined)
      const pid = yield* Deferred.make<number>()
      const script = "trap '' TERM; sleep 1000 & echo $!; wait"
      const running = yield* Effect.fork(
        ChildProcess.run(reaper, "/bin/sh", ["-c", script], { environment, output: pipe.writeEnd })
      )
      yield* Effect.fork(pipe.pump((chunk) => Deferred.succeed(pid, Number(Buffer.from(chunk).toString()))))
      const sleeper = yield* Deferred.await(pid)
      expect(runs(sleeper)).toBe(true)
      yield* Fiber.interrupt(running)
      // Its group got the signal together; whoever adopts it may not have reaped it yet.
      pipe.closeWriteEnd()
      yield* Effect.promise(() => vanished(sleeper))
    })
  )

  it("is looked for as a shell looks for it", () => {
    expect(ChildProcess.find("sh", "/nowhere::/usr/bin:/bin")).toMatch(/^\/(usr\/)?bin\/sh$/)
    expect(ChildProcess.find("/bin/sh", "")).toBe("/bin/sh")
    expect(ChildProcess.find("/etc/passwd")).toBeUndefined()
    expect(ChildProcess.find("bin", "/usr")).toBeUndefined()
  })
})

const vanished = async (pid: number): Promise<void> => {
  while (runs(pid)) await new Promise((resolve) => setImmediate(resolve))
}

describe("an output pipe", () => {
  it.scopedLive("ends when all writers have closed it", () =>
    Effect.gen(function* () {
      let ended = 0
      const reaper = yield* Reaper.make
      const pipe = yield* OutputPipe.make(() => ended++)
      const { ended: exit } = sh(reaper, "echo a; (echo b) & wait; echo c >&2", pipe.writeEnd)
      pipe.closeWriteEnd()
      const chunks: Array<Uint8Array> = []
      yield* pipe.pump((chunk) => Effect.sync(() => chunks.push(chunk)))
      yield* exit
      expect(Buffer.concat(chunks).toString()).toBe("a\nb\nc\n")
      expect(ended).toBe(1)
    })
  )

  it.scopedLive("ends with what is in it when the program is said to be dead, though somebody holds it open", () =>
    Effect.gen(function* () {
      const reaper = yield* Reaper.make
      // This process's own write end stays open.
      const pipe = yield* OutputPipe.make(() => undefined)
      const { ended } = sh(reaper, "seq 10000", pipe.writeEnd)
      const chunks: Array<Uint8Array> = []
      const pump = yield* Effect.fork(pipe.pump((chunk) => Effect.sync(() => chunks.push(chunk))))
      yield* ended
      pipe.finish()
      yield* Fiber.join(pump)
      const lines = Buffer.concat(chunks).toString().trim().split("\n").map(Number)
      expect(lines).toEqual(Array.from({ length: 10_000 }, (_, n) => n + 1))
    })
  )

  it.scopedLive("keeps what was written before anybody listened", () =>
    Effect.gen(function* () {
      const reaper = yield* Reaper.make
      const pipe = yield* OutputPipe.make(() => undefined)
      const { ended } = sh(reaper, "seq 5000", pipe.writeEnd)
      yield* ended
      pipe.finish()
      let size = 0
      yield* pipe.pump((chunk) => Effect.sync(() => void (size += chunk.length)))
      expect(size).toBe(Array.from({ length: 5000 }, (_, n) => `${n + 1}\n`).join("").length)
    })
  )
})

describeWith(["root"], "a reaper", () => {
  it.scopedLive("tells how a grandchild ends, also one that has ended already", () =>
    Effect.gen(function* () {
      const reaper = yield* Reaper.make
      for (const [script, status] of [
        ["exit 5", { _tag: "Exited", status: 5 }],
        ["kill -KILL $$", { _tag: "Signaled", signal: 9 }]
      ] as const) {
        const pipe = yield* OutputPipe.make(() => undefined)
        // It ends only when its parent has been waited for, which has to be here then.
        const orphaned = `while [ -d /proc/'$$' ]; do :; done; ${script}`
        const { ended } = sh(reaper, `sh -c '${orphaned}' & echo $!`, pipe.writeEnd)
        pipe.closeWriteEnd()
        const told = yield* Deferred.make<number>()
        yield* Effect.fork(pipe.pump((chunk) => Deferred.succeed(told, Number(Buffer.from(chunk).toString()))))
        const pid = yield* Deferred.await(told)
        yield* ended
        yield* Effect.promise(() => vanished(pid))
        const orphan = reaper.adopt(pid)
        expect(yield* orphan.ended).toEqual(status)
        // Known from then on; and whoever has the number next is not killed.
        expect(yield* orphan.ended).toEqual(status)
        expect(orphan.isOver()).toBe(true)
        orphan.kill()
      }
    })
  )

  it.scopedLive("kills, and waits for a process until it is somebody's orphan", () =>
    Effect.gen(function* () {
      const reaper = yield* Reaper.make
      const pipe = yield* OutputPipe.make(() => undefined)
      // The parent stays for a while after its child can be known.
      const { ended } = sh(reaper, "sleep 1000 & echo $!; sleep 0.1", pipe.writeEnd)
      pipe.closeWriteEnd()
      const pid = yield* Deferred.make<number>()
      yield* Effect.fork(pipe.pump((chunk) => Deferred.succeed(pid, Number(Buffer.from(chunk).toString()))))
      const orphan = reaper.adopt(yield* Deferred.await(pid))
      const waiting = yield* Effect.fork(orphan.ended)
      yield* ended
      orphan.kill()
      expect(yield* Fiber.join(waiting)).toEqual({ _tag: "Signaled", signal: 9 })
    })
  )

  it.scopedLive("says when nobody knows how a process ended", () =>
    Effect.gen(function* () {
      const reaper = yield* Reaper.make
      // Nobody's child has this number: it is above the kernel's limit.
      const lost = yield* Effect.either(reaper.adopt(0x7ffffff0).ended)
      expect(Either.isLeft(lost) && lost.left._tag).toBe("LostProcess")
    })
  )
})

describeWith(["root", "overlay"], "private mounts", () => {
  const scratch = scratchDirectory("mounts")

  const prepared = (name: string) => {
    const directory = `${scratch.path}/${name}`
    for (const part of ["lower", "upper", "work", "target", "links"])
      Fs.mkdirSync(`${directory}/${part}`, { recursive: true })
    Fs.writeFileSync(`${directory}/lower/file`, "seen\n")
    const mounts = [
      {
        target: `${directory}/target`,
        lower: [`${directory}/lower`],
        upper: `${directory}/upper`,
        work: `${directory}/work`
      }
    ]
    return { directory, overlays: { mounts, links: new PrivateMounts.Links(`${directory}/links`), volatile: false } }
  }

  /** Where this process is. */
  const whereabouts = () => [
    process.cwd(),
    Fs.readlinkSync("/proc/thread-self/ns/mnt"),
    Fs.readlinkSync("/proc/thread-self/root"),
    Fs.readFileSync("/proc/self/mountinfo", "utf8").includes(scratch.path)
  ]

  it.scopedLive("are seen by the child, and by nobody else, and are gone with it", () =>
    Effect.gen(function* () {
      const reaper = yield* Reaper.make
      const { directory, overlays } = prepared("seen")
      const before = whereabouts()
      const pipe = yield* OutputPipe.make(() => undefined)
      const child = PrivateMounts.within({ overlays, hidden: [] }, () =>
        sh(reaper, `cat ${directory}/target/file; echo made > ${directory}/target/new; pwd`, pipe.writeEnd)
      )
      expect(whereabouts()).toEqual(before)
      expect(Fs.readdirSync(`${directory}/target`)).toEqual([])
      pipe.closeWriteEnd()
      const chunks: Array<Uint8Array> = []
      yield* pipe.pump((chunk) => Effect.sync(() => chunks.push(chunk)))
      yield* child.ended
      expect(Buffer.concat(chunks).toString()).toMatch(/^seen\n/)
      expect(Fs.readFileSync(`${directory}/upper/new`, "utf8")).toBe("made\n")
      expect(whereabouts()).toEqual(before)
    })
  )

  it("leave this process where it was when the kernel refuses one", () => {
    const { directory, overlays } = prepared("refused")
    const before = whereabouts()
    Fs.rmdirSync(`${directory}/work`)
    expect(() => PrivateMounts.within({ overlays, hidden: [] }, () => "not called")).toThrow(/ENOENT: mount/)
    expect(() => PrivateMounts.within({ hidden: [`${directory}/lower`] }, () => "not called")).toThrow(
      /EINVAL: umount2/
    )
    expect(whereabouts()).toEqual(before)
  })

  it("take some hundred layers with names of any kind, and refuse more than the kernel takes", () => {
    const { directory, overlays } = prepared("many")
    const [mount] = overlays.mounts
    const layers = (count: number): ReadonlyArray<string> =>
      Array.from({ length: count }, (_, n) => {
        const path = `${directory}/layer ${n} ,:\\ ${"x".repeat(100)}`
        Fs.mkdirSync(path, { recursive: true })
        return path
      })
    const names = (count: number) =>
      PrivateMounts.within(
        {
          overlays: { ...overlays, mounts: mount === undefined ? [] : [{ ...mount, lower: layers(count) }] },
          hidden: []
        },
        () => Fs.readdirSync(`${directory}/target`)
      )
    expect(names(300)).toEqual([])
    // The same links, for other layers.
    expect(names(200)).toEqual([])
    expect(() => names(2000)).toThrow(PrivateMounts.TooManyLayers)
  })
})
