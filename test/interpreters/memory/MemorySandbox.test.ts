import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as FileTree from "../../../src/interpreters/memory/FileTree.ts"
import * as Memory from "../../../src/interpreters/memory/Memory.ts"
import { fromRootfs, toRootfs, TreeCell } from "../../../src/interpreters/memory/MemoryRootfs.ts"
import * as MemorySandbox from "../../../src/interpreters/memory/MemorySandbox.ts"
import * as MemorySession from "../../../src/interpreters/memory/MemorySession.ts"
import * as MemoryWorld from "../../../src/interpreters/memory/MemoryWorld.ts"
import * as Script from "../../../src/interpreters/memory/Script.ts"
import { type Command, CommandFailed, Sandbox, SandboxError } from "../../../src/interpreters/Sandbox.ts"
import { type Entries, memoryFiles } from "../../laws/files.ts"
import { sandboxLaws } from "../../laws/sandbox.ts"
import type { MakeSandboxSubject } from "../../laws/sandboxSubject.ts"

const command = (script: string, options: Partial<Command> = {}): Command => ({
  argv: ["/bin/sh", "-c", script],
  cwd: "/",
  environment: [],
  user: { _tag: "Unix", uid: 0, gid: 0 },
  hostname: "builder",
  network: "none",
  caches: [],
  secrets: [],
  ...options
})

const image = FileTree.make({ "etc/motd": "hello\n", "bin/sh": { link: "/etc/motd" } })

/** Runs a script; gives what it wrote, how it ended, and the root that it left. */
const running = (script: string, options: Partial<Command> = {}, world = MemoryWorld.make()) =>
  Effect.gen(function* () {
    const cell = new TreeCell(image)
    const sandbox = yield* Sandbox
    const written: Array<Uint8Array> = []
    const ended = yield* Effect.either(
      sandbox.run(command(script, options), toRootfs(cell), (chunk) => Effect.sync(() => void written.push(chunk)))
    )
    const outcome = Either.isRight(ended)
      ? "done"
      : ended.left instanceof CommandFailed
        ? ended.left.outcome
        : ended.left.message
    const tree = Object.fromEntries(FileTree.listing(cell.tree).map(({ path, ...rest }) => [path, rest]))
    return { output: Buffer.concat(written).toString(), written, outcome, cell, tree }
  }).pipe(Effect.provide(Memory.layer(world)))

describe("a script", () => {
  it("is instructions on lines of their own or between semicolons, of words that may be quoted", () => {
    expect(Script.parse('write /a b  c\n;;echo "x ;\\n\\"y\\\\"; \t\nlast')).toEqual([
      { name: "write", args: ["/a", "b", "c"] },
      { name: "echo", args: ['x ;\n"y\\'] },
      { name: "last", args: [] }
    ])
    expect(Script.parse(' "" ; x""y "open')).toEqual([
      { name: "", args: [] },
      { name: "xy", args: ["open"] }
    ])
  })

  it("quotes any text so that it reads back", () => {
    for (const text of ["", " ", 'a"b\\c\nd;e', "\\n", "é"]) {
      expect(Script.parse(`echo ${Script.quote(text)}`)).toEqual([{ name: "echo", args: [text] }])
    }
  })
})

describe("the sandbox in memory", () => {
  it.effect("changes the root file system as the script says", () =>
    Effect.gen(function* () {
      const { cell, outcome, output, tree } = yield* running(
        `write made/here some text
        append made/here "; more"
        append made/new x
        mkdir /made/empty
        link /made/here /ln
        append /ln !
        copy /etc/motd /made/motd
        chmod 755 /made/motd
        chown 3 4 /made/motd
        write /gone x; remove /gone
        cat /ln; list /made`,
        { cwd: "/work", user: { _tag: "Unix", uid: 5, gid: 6 } }
      )
      expect(outcome).toBe("done")
      expect(output).toBe("!empty\nhere\nmotd\n")
      expect(FileTree.text(cell.tree, "/work/made/here")).toBe("some text; more")
      expect(tree["/work"]).toMatchObject({ type: "directory", mode: "0755", uid: 0, gid: 0 })
      expect(tree["/work/made/here"]).toMatchObject({ mode: "0644", uid: 5, gid: 6 })
      expect(tree["/ln"]).toMatchObject({ type: "link", target: "/made/here" })
      expect(tree["/gone"]).toBe(undefined)
    })
  )

  it.effect("gives the output in pieces, as it comes", () =>
    Effect.gen(function* () {
      const { output, written } = yield* running("echo a line that is longer than one piece of output; echo é")
      expect(output).toBe("a line that is longer than one piece of output\né\n")
      expect(written.length).toBeGreaterThan(2)
    })
  )

  it.effect("tells a command what it is run with", () =>
    Effect.gen(function* () {
      const { output } = yield* running("env A; env B; pwd; id; hostname; network", {
        environment: [{ name: "A", value: "1" }],
        cwd: "/w",
        user: { _tag: "Unix", uid: 1, gid: 2 },
        network: "host"
      })
      expect(output).toBe("1\n\n/w\n1 2\nbuilder\nhost\n")
    })
  )

  const endings = {
    "": "done",
    fail: { _tag: "Exit", status: 1 },
    "fail 3": { _tag: "Exit", status: 3 },
    "fail 0; fail 9": "done",
    "kill SIGSEGV": { _tag: "Signal", signal: "SIGSEGV" },
    oom: { _tag: "OutOfMemory" },
    "no-such-command": { _tag: "Exit", status: 127 },
    "cat /none": { _tag: "Exit", status: 1 },
    "write /etc text": { _tag: "Exit", status: 1 },
    "write /etc/motd/x text": { _tag: "Exit", status: 1 },
    "remove /none": { _tag: "Exit", status: 1 },
    "remove /": { _tag: "Exit", status: 1 }
  }
  for (const [script, expected] of Object.entries(endings)) {
    it.effect(`ends "${script}" with ${JSON.stringify(expected)}`, () =>
      Effect.map(running(script), ({ outcome }) => expect(outcome).toEqual(expected))
    )
  }

  it.effect("says on the output why an instruction cannot be done", () =>
    Effect.gen(function* () {
      expect((yield* running("cat /none")).output).toBe("cat: /none: no such file or directory\n")
      expect((yield* running("frobnicate")).output).toBe("frobnicate: not found\n")
    })
  )

  it.effect("does not start a command for a user that the image does not know, nor in a file", () =>
    Effect.gen(function* () {
      const stranger = yield* running("", { user: { _tag: "Named", name: "me" } })
      expect(stranger.outcome).toMatchObject({ _tag: "NotStarted", reason: "no user me in the image's /etc/passwd" })
      const inFile = yield* running("", { cwd: "/etc/motd" })
      expect(inFile.outcome).toMatchObject({ _tag: "NotStarted", reason: "/etc/motd: not a directory" })
    })
  )

  it.effect("shows caches and secrets at their targets and leaves no mount point behind", () =>
    Effect.gen(function* () {
      const cache = new TreeCell(FileTree.make({ old: "before" }))
      const { cell, outcome, output } = yield* running("cat /c/deep/old; write /c/deep/new 1; cat /run/s/token", {
        caches: [{ target: "/c/deep", rootfs: toRootfs(cache) }],
        secrets: [{ target: "/run/s/token", content: new TextEncoder().encode("hush") }]
      })
      expect([outcome, output]).toEqual(["done", "beforehush"])
      expect(FileTree.listing(cell.tree)).toEqual(FileTree.listing(image))
      expect(FileTree.text(cache.tree, "/new")).toBe("1")
    })
  )

  it.effect("keeps what a mount hides, and what the command put beside a mount point", () =>
    Effect.gen(function* () {
      const cache = new TreeCell(FileTree.empty)
      const { cell } = yield* running("write /etc/x 1; write /new/beside 2", {
        caches: [
          { target: "/etc", rootfs: toRootfs(cache) },
          { target: "/new/c", rootfs: toRootfs(new TreeCell(FileTree.empty)) }
        ]
      })
      expect(FileTree.listing(cell.tree).map(({ path }) => path)).toEqual([
        "/",
        "/bin",
        "/bin/sh",
        "/etc",
        "/etc/motd",
        "/new",
        "/new/beside"
      ])
      expect(FileTree.text(cache.tree, "/x")).toBe("1")
    })
  )

  it.effect("lets nobody write to a secret, or remove what a mount needs", () =>
    Effect.gen(function* () {
      const secrets = [{ target: "/run/s", content: new Uint8Array(0) }]
      for (const script of ["write /run/s x", "remove /run/s", "chmod 777 /run/s", "remove /run"]) {
        expect((yield* running(script, { secrets })).outcome).toEqual({ _tag: "Exit", status: 1 })
      }
    })
  )

  it.effect("waits at a gate until the test lets it go on or fails it", () =>
    Effect.gen(function* () {
      const world = MemoryWorld.make()
      const gate = yield* world.gate("g")
      const first = yield* Effect.fork(running("wait g; echo on", {}, world))
      const arrival = yield* gate.arrival
      expect(world.alive("run")).toHaveLength(1)
      yield* arrival.proceed
      expect((yield* Fiber.join(first)).output).toBe("on\n")
      const second = yield* Effect.fork(running("wait g", {}, world))
      yield* Effect.flatMap(gate.arrival, (one) => one.fail(4))
      expect((yield* Fiber.join(second)).outcome).toEqual({ _tag: "Exit", status: 4 })
      yield* gate.open
      expect((yield* running("wait g; echo on", {}, world)).output).toBe("on\n")
      expect(world.alive("run")).toHaveLength(0)
    })
  )

  it.effect("sleeps by Effect's clock", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(running("sleep 3600000; echo late"))
      yield* TestClock.adjust("1 hour")
      expect((yield* Fiber.join(fiber)).output).toBe("late\n")
    })
  )

  it.effect("has no process alive when it has been interrupted, whatever the script was doing", () =>
    Effect.gen(function* () {
      const world = MemoryWorld.make()
      const gate = yield* world.gate("g")
      const waiting = yield* Effect.fork(running("wait g", {}, world))
      yield* gate.arrival
      expect(Exit.isInterrupted(yield* Fiber.interrupt(waiting))).toBe(true)
      expect(world.alive("run")).toEqual([])

      const holding = yield* Effect.fork(running("hold g", {}, world))
      const arrival = yield* gate.arrival
      const interruption = yield* Effect.fork(Fiber.interrupt(holding))
      yield* Effect.yieldNow()
      expect(world.alive("run")).toHaveLength(1)
      yield* arrival.proceed
      yield* Fiber.join(interruption)
      expect(world.alive("run")).toEqual([])
      expect(world.mostAtOnce("run")).toBe(1)
    })
  )

  it.effect("refuses a root file system of another kind", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const error = yield* Effect.flip(sandbox.run(command(""), { _tag: "Directory", path: "/" }, () => Effect.void))
      expect(error).toBeInstanceOf(SandboxError)
    }).pipe(Effect.provide(Memory.layer(MemoryWorld.make())))
  )
})

const makeSubject: MakeSandboxSubject = Effect.sync(() => {
  const world = MemoryWorld.make()
  const rootfsOf = (entries: Entries) => Effect.sync(() => toRootfs(new TreeCell(FileTree.make(entries))))
  return {
    layer: Layer.provide(MemorySandbox.layer, MemorySession.layer(world)),
    language: {
      write: (path, text) => `write ${path} ${Script.quote(`${text}\n`)}`,
      cat: (path) => `cat ${path}`,
      echo: (text) => `echo ${Script.quote(text)}`,
      env: (name) => `env ${name}`,
      pwd: "pwd",
      id: "id",
      hostname: "hostname",
      fail: (status) => `fail ${status}`,
      kill: (signal) => `kill ${signal}`,
      hang: (mark) => `echo up; wait ${mark}`
    },
    files: memoryFiles,
    image: rootfsOf,
    cache: rootfsOf,
    paths: (rootfs) =>
      Effect.sync(() => {
        const { tree } = Option.getOrThrow(fromRootfs(rootfs))
        return FileTree.listing(tree).flatMap(({ path }) => (path === "/" ? [] : [path]))
      }),
    alive: (mark) => Effect.sync(() => world.alive("run").filter(({ subject }) => subject.includes(mark)).length)
  }
})

describe("the sandbox in memory, by the laws of sandboxes", () => sandboxLaws(makeSubject))
