/** Builds on an engine of Windows: one that stands in for it, which is asked what a real one would be. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { describeWith } from "../../../requirements.ts"
import { until } from "../../../until.ts"
import type { Op } from "../../../../src/domain/Spec.ts"
import * as FileTree from "../../../../src/interpreters/memory/FileTree.ts"
import * as TreeSource from "../../../../src/interpreters/memory/TreeSource.ts"
import { copy, failedWith, LogView, run, spec } from "../../builds.ts"
import { BASE, baseImage, DIGEST, leftIn, madeIn, NAME, type Subject, subject, TOOLS } from "./subject.ts"

const workdir = (path: string): Op => ({ _tag: "Workdir", path })
const shell = (...args: ReadonlyArray<string>): Op => ({ _tag: "Shell", args })
const user = (name: string): Op => ({ _tag: "User", user: { _tag: "Named", name } })
const env = (name: string, value: string): Op => ({ _tag: "Env", name, value })

const source = (entries: Parameters<typeof FileTree.make>[0]) => TreeSource.fromTree(FileTree.make(entries))

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The bodies of the containers that run a command like this. */
const created = ({ engine }: Subject, command: RegExp) =>
  engine.asked
    .filter(({ path, body }) => path === "/containers/create" && command.test((body.Entrypoint ?? []).join(" ")))
    .map(({ body }) => body)

const textOf = (subject: Subject, path: string): string | undefined =>
  subject.last().files.get(path.toLowerCase())?.content.toString()

/** Of a cache there is one version, which stays. */
const forgetCache = ({ engine }: Subject): void => {
  const [volume = "", ...more] = [...engine.volumes.keys()].filter((name) => !name.endsWith("-libexec"))
  expect(volume).toMatch(/^obuilder-/)
  expect(more).toEqual([])
  engine.volumes.delete(volume)
}

/** A test whose engine was asked nothing wrong, and has nothing of it left. */
const test = (name: string, body: (subject: Subject) => Effect.Effect<void, unknown>): void => {
  it.scopedLive(name, () =>
    Effect.gen(function* () {
      const made = yield* subject
      yield* body(made)
      expect(made.engine.faults).toEqual([])
      expect(leftIn(made.engine)).toEqual([])
    })
  )
}

describeWith(["root"], "a build on an engine of Windows", () => {
  test("has the engine fetch the base by its digest, and keeps that under no name but its own", (subject) =>
    Effect.gen(function* () {
      const { engine } = subject
      yield* subject.build(spec(BASE, [run("echo hello")]))
      const [pull] = engine.asked.filter(({ path }) => path === "/images/create")
      expect(Object.fromEntries(pull?.query ?? [])).toEqual({
        fromImage: NAME,
        tag: `sha256:${DIGEST}`,
        platform: "windows/amd64"
      })
      expect(engine.images.has(`${NAME}@sha256:${DIGEST}`)).toBe(false)
    }))

  test("takes a base that the engine has, and leaves it there", (subject) =>
    Effect.gen(function* () {
      const { engine } = subject
      engine.images.set(`${NAME}@sha256:${DIGEST}`, baseImage())
      engine.registry.clear()
      yield* subject.build(spec(BASE, [run("type C:\\base.txt")]))
      expect(engine.images.has(`${NAME}@sha256:${DIGEST}`)).toBe(true)
      expect(engine.asked.map(({ path }) => path)).not.toContain("/images/create")
    }))

  test("runs commands with cmd, as ContainerAdministrator, in virtual machines, without a network", (subject) =>
    Effect.gen(function* () {
      const { engine } = subject
      const { log } = yield* subject.build(
        spec(BASE, [
          env("GREETING", "hello"),
          workdir("work\\dir"),
          run("echo %GREETING% > made.txt & cd & whoami"),
          run('echo "a & b" && type C:\\work\\dir\\made.txt', { network: ["host"] })
        ])
      )
      expect(log).toContain("C:\\work\\dir\r\nuser manager\\containeradministrator\r\n")
      expect(log).toContain('"a & b"\r\nhello\r\n')
      expect(log).toContain(`C:/work\\dir: (run (network host)`)
      const [first, second] = created(subject, /./)
      expect(first).toMatchObject({
        Hostname: "builder",
        User: "ContainerAdministrator",
        WorkingDir: "C:\\work\\dir",
        Env: ["FROM_BASE=1", "GREETING=hello"],
        Entrypoint: ['cmd /S /C "echo %GREETING% > made.txt & cd & whoami"'],
        Cmd: [],
        ArgsEscaped: true,
        HostConfig: { Isolation: "hyperv", NetworkMode: "none", LogConfig: { Type: "none" }, Mounts: [] }
      })
      expect(second?.HostConfig).toMatchObject({ NetworkMode: "nat" })
      // Nothing but steps was run, and no tools were made.
      expect(engine.commands()).toHaveLength(2)
      expect([...engine.volumes.keys()]).toEqual([])
    }))

  test("keeps the base's entry point and command", (subject) =>
    Effect.gen(function* () {
      yield* subject.build(spec(BASE, [run("echo 1"), run("echo 2")]))
      const { config, layers } = subject.last()
      expect(layers).toBe(3)
      expect(config.Cmd).toEqual(baseImage().config.Cmd)
      expect(config.Entrypoint).toEqual([])
    }))

  test("is taken from the store the next time", (subject) =>
    Effect.gen(function* () {
      const steps = spec(BASE, [run("echo 1"), copy(["f"], "/x/")])
      const context = source({ f: "f" })
      const { id } = yield* subject.build(steps, { context })
      const before = subject.engine.commands().length
      expect(yield* subject.build(steps, { context })).toMatchObject({ id, log: expect.stringContaining("using from") })
      expect(subject.engine.commands()).toHaveLength(before)
    }))

  test("gives other programs their arguments as they are, to be quoted by the engine", (subject) =>
    Effect.gen(function* () {
      subject.engine.programs.set("C:\\tools\\show.exe", (argv) => JSON.stringify(argv))
      const show = shell("C:\\tools\\show.exe", "-Command")
      const { log } = yield* subject.build(spec(BASE, [show, run('say "a b" \\')]))
      expect(log).toContain(JSON.stringify(["C:\\tools\\show.exe", "-Command", 'say "a b" \\']))
      expect(created(subject, /show/)[0]).toMatchObject({ ArgsEscaped: false, Cmd: [] })
    }))

  test("takes the options of the engine", (subject) =>
    Effect.gen(function* () {
      const options = { cpus: 1.5, memory: 1 << 30, isolation: "process", network: "own" } as const
      yield* subject.build(spec(BASE, [run("echo 1", { network: ["host"] })]), { options })
      expect(created(subject, /echo/)[0]?.HostConfig).toMatchObject({
        Isolation: "process",
        NanoCpus: 1_500_000_000,
        Memory: 1 << 30,
        NetworkMode: "own"
      })
    }))

  test("says how a command fails, and leaves nothing of it", (subject) =>
    Effect.gen(function* () {
      const outcomeOf = (...ops: ReadonlyArray<Op>) =>
        Effect.map(Effect.flip(subject.build(spec(BASE, ops))), failedWith)
      expect(yield* outcomeOf(run("echo x > C:\\left & exit 3"))).toMatchObject({ _tag: "Exit", status: 3 })
      expect(yield* outcomeOf(run("nonsense"))).toMatchObject({ _tag: "Exit", status: 1 })
      expect(yield* outcomeOf(user("Nobody"), run("echo"))).toMatchObject({ reason: 'the image has no user "Nobody"' })
      expect(yield* outcomeOf(shell("bash", "-c"), run("ls"))).toMatchObject({
        reason: "the image has no program bash"
      })
      expect(yield* outcomeOf(run("echo 1\necho 2"))).toMatchObject({
        reason: "cmd runs the first line of a command only: join its lines with &&"
      })
      expect(subject.last().layers).toBe(1)
    }))

  test("ends its container, and takes its secrets away, when it is interrupted", (subject) =>
    Effect.gen(function* () {
      const { engine } = subject
      const secrets = new Map([["a", bytes("secret")]])
      const log = new LogView()
      const steps = spec(BASE, [run("pause", { secrets: { a: "/s" } })])
      const building = yield* Effect.fork(subject.build(steps, { secrets, onEvent: log.onEvent }))
      yield* Effect.promise(() => until("the command runs", () => log.text.includes("Press any key")))
      expect(engine.containers.size).toBe(1)
      expect([...engine.volumes.keys()]).toHaveLength(2)
      yield* Fiber.interrupt(building)
      expect(engine.containers.size).toBe(0)
    }))

  test("keeps nothing of files that change while they are copied", (subject) =>
    Effect.gen(function* () {
      const before = source({ f: "before" })
      const context = { ...before, read: () => Effect.succeed(bytes("after!")) }
      const error = yield* Effect.flip(subject.build(spec(BASE, [copy(["f"], "/x/")]), { context }))
      expect((error as { readonly reason: Error }).reason.message).toMatch(/changed while it was being copied/)
      expect(subject.last().layers).toBe(1)
    }))

  test("copies files, and gives the directory that it copies to its permissions back", (subject) =>
    Effect.gen(function* () {
      const context = source({
        "src/a.txt": "a",
        "src/sub/run.exe": { content: "run", mode: 0o755 },
        "src/empty": { directory: true },
        "src/link": { link: "a.txt" },
        one: "1"
      })
      yield* subject.build(
        spec(BASE, [
          copy(["src"], "C:\\there"),
          user("ContainerUser"),
          workdir("d:\\data"),
          copy(["one"], "deep/er/"),
          run("type deep\\er\\one")
        ]),
        { context }
      )
      const { files } = subject.last()
      expect(madeIn(subject.last())).toEqual([
        ...["C:/there/a.txt", "C:/there/empty", "C:/there/link", "C:/there/sub", "C:/there/sub/run.exe"],
        ...["D:/data", "D:/data/deep", "D:/data/deep/er", "D:/data/deep/er/one"]
      ])
      expect(files.get("c:/there")?.permissions).toBe("inherited")
      expect(files.get("c:/there/link")).toMatchObject({ kind: "link", target: "a.txt" })
      expect(files.get("c:/there/a.txt")).toMatchObject({ owner: `${0x1000 * 93 + 1}`, permissions: "mode 644" })
      expect(files.get("c:/there/sub/run.exe")).toMatchObject({ permissions: "mode 755" })
      expect(files.get("d:/data/deep/er/one")).toMatchObject({ owner: `${0x1000 * 93 + 2}` })
      const [first] = created(subject, /tar\.exe -xpf/)
      expect(first).toMatchObject({
        User: "ContainerAdministrator",
        OpenStdin: true,
        StdinOnce: true,
        HostConfig: { NetworkMode: "none", Mounts: [{ Target: "C:\\obuilder-libexec", ReadOnly: true }] }
      })
    }))

  test("copies the drive's own directory, and what has a name that cmd would read otherwise", (subject) =>
    Effect.gen(function* () {
      const context = source({ "all/it's %PATH% & co": "x", "all/ü": "y" })
      yield* subject.build(spec(BASE, [copy(["all"], "C:/"), copy(["all"], "C:/a & (b)'s/")]), { context })
      expect(madeIn(subject.last())).toEqual([
        ...["C:/a & (b)'s", "C:/a & (b)'s/all", "C:/a & (b)'s/all/it's %PATH% & co", "C:/a & (b)'s/all/ü"],
        ...["C:/all", "C:/all/it's %PATH% & co", "C:/all/ü"]
      ])
    }))

  test("says what cannot be copied", (subject) =>
    Effect.gen(function* () {
      const context = source({
        "case/a": "1",
        "case/A": "2",
        "names/a:b": "1",
        "names2/dot.": "1",
        f: "f"
      })
      const reasonOf = (...ops: ReadonlyArray<Op>) =>
        Effect.map(Effect.flip(subject.build(spec(BASE, ops), { context })), (error) => {
          const { reason = error } = error as { readonly reason?: Error }
          return (reason as Error).message
        })
      expect(yield* reasonOf(copy(["case"], "/x"))).toMatch(/would be the same file of Windows/)
      expect(yield* reasonOf(copy(["names"], "/x"))).toMatch(/"a:b" cannot be the name/)
      expect(yield* reasonOf(copy(["names2"], "/x"))).toMatch(/"dot\." cannot be the name/)
      expect(yield* reasonOf(copy(["f"], "/%x%/"))).toMatch(/cmd cannot be given/)
      expect(yield* reasonOf(copy(["f"], "/there"))).toBe(
        "cannot copy to C:/there: tar: there: Cannot open: File exists"
      )
      expect(yield* reasonOf(copy(["f"], "/base.txt/x"))).toMatch(/base\.txt\/x: Cannot open: File exists/)
    }))

  test("copies from nested builds, whose containers need not end", (subject) =>
    Effect.gen(function* () {
      subject.engine.lingers = true
      const tools = spec(BASE, [
        workdir("out"),
        run("echo 1 > one.txt & mkdir sub & echo 2 > sub\\two.txt & mklink to-one one.txt & echo x > it's.txt")
      ])
      yield* subject.build(
        spec(
          BASE,
          [copy(["out", "/out/it's.txt", "C:\\out\\sub"], "/taken/", { from: "tools", exclude: ["one.txt"] })],
          {
            tools
          }
        )
      )
      expect(madeIn(subject.last())).toEqual([
        ...["C:/taken", "C:/taken/it's.txt", "C:/taken/out", "C:/taken/out/it's.txt", "C:/taken/out/sub"],
        ...["C:/taken/out/sub/two.txt", "C:/taken/out/to-one", "C:/taken/sub", "C:/taken/sub/two.txt"]
      ])
      expect(textOf(subject, "C:/taken/sub/two.txt")).toBe("2\r\n")
      expect(subject.last().files.get("c:/taken/out/to-one")).toMatchObject({ kind: "link", target: "one.txt" })
    }))

  test("says what a nested build does not have", (subject) =>
    Effect.gen(function* () {
      const reasonOf = (src: string) =>
        Effect.map(
          Effect.flip(subject.build(spec(BASE, [copy([src], "/x/", { from: "a" })], { a: spec(BASE, [run("echo")]) }))),
          (error) => (error as { readonly reason: Error }).reason.message
        )
      expect(yield* reasonOf("nothing/here")).toMatch(/nothing/)
      expect(yield* reasonOf("/")).toMatch(/all of an image of Windows/)
      expect(yield* reasonOf("../x")).toMatch(/\.\./)
    }))

  test("has caches that outlive its steps", (subject) =>
    Effect.gen(function* () {
      const caches = { caches: { a: "C:\\cache" } }
      yield* subject.build(spec(BASE, [run("echo 1 > C:\\cache\\one", caches)]))
      yield* subject.build(spec(BASE, [run("type C:\\cache\\one & echo 2 > C:\\cache\\two", caches)]))
      const { log } = yield* subject.build(spec(BASE, [run("type C:\\cache\\one && type C:\\cache\\two", caches)]))
      expect(log).toContain("1\r\n2\r\n")
      expect(created(subject, /type/)[0]?.HostConfig?.Mounts).toEqual([
        { Type: "volume", Source: expect.stringMatching(/^obuilder-/), Target: "C:\\cache" }
      ])
      expect(madeIn(subject.last())).toEqual(["C:/cache"])
      // The newest version stays.
      forgetCache(subject)
    }))

  test("has secrets, and nothing of them afterwards", (subject) =>
    Effect.gen(function* () {
      const secrets = { secrets: { a: "C:\\new\\dir\\key", b: "/there/other" } }
      const { log } = yield* subject.build(
        spec(BASE, [run("type C:\\new\\dir\\key && type C:\\there\\other", secrets)]),
        {
          secrets: new Map([
            ["a", bytes("opened")],
            ["b", bytes(" sesame")]
          ])
        }
      )
      expect(log).toContain("opened sesame")
      expect(madeIn(subject.last())).toEqual([])
      expect(JSON.stringify(subject.engine.asked)).not.toContain("sesame")
      expect(created(subject, /^cmd .*type/)[0]?.HostConfig?.Mounts).toEqual([
        {
          Type: "volume",
          Source: expect.stringMatching(/^obuilder-/),
          Target: "C:\\ProgramData\\obuilder\\secrets",
          ReadOnly: true
        }
      ])
    }))

  test("leaves alone what a step puts where its secret was, and says where none can be", (subject) =>
    Effect.gen(function* () {
      const secret = (target: string) => ({ secrets: { a: target } })
      const more = { secrets: new Map([["a", bytes("secret")]]) }
      yield* subject.build(spec(BASE, [run("del C:\\k\\s & echo own > C:\\k\\s", secret("/k/s"))]), more)
      expect(textOf(subject, "C:/k/s")).toBe("own\r\n")
      const failure = yield* Effect.flip(subject.build(spec(BASE, [run("echo", secret("/base.txt"))]), more))
      expect(failedWith(failure)).toMatchObject({ reason: expect.stringContaining("already exists") })
      const strange = yield* Effect.flip(subject.build(spec(BASE, [run("echo", secret("/%x%"))]), more))
      expect(failedWith(strange)).toMatchObject({ reason: expect.stringContaining("cmd cannot be given") })
    }))

  test("takes its tools from the image that is named", (subject) =>
    Effect.gen(function* () {
      const { engine } = subject
      yield* subject.build(spec(BASE, [copy(["f"], "/x/")]), { context: source({ f: "1" }) })
      expect(engine.images.has(TOOLS)).toBe(true)
      const [files] = [...engine.volumes].flatMap(([name, files]) => (name.endsWith("-libexec") ? [files] : []))
      expect([...(files?.keys() ?? [])]).toEqual(["/cygwin1.dll", "/cygintl-8.dll", "/tar.exe"])
      // Once.
      yield* subject.build(spec(BASE, [copy(["f"], "/y/")]), { context: source({ f: "1" }) })
      expect(created(subject, /copy \/V/)).toHaveLength(1)
    }))

  test("asks for an image with tools where none is named, and fetches none that nobody named", (subject) =>
    Effect.gen(function* () {
      const { engine, environment } = subject
      delete environment["OBUILDER_WINDOWS_TOOLS"]
      const context = source({ f: "1" })
      const error = yield* Effect.flip(subject.build(spec(BASE, [copy(["f"], "/x/")]), { context }))
      expect((error as Error).message).toMatch(/need a tar that knows symbolic links/)
      expect([...engine.volumes.keys()]).toEqual([])
    }))

  test("takes no half copies", (subject) =>
    Effect.gen(function* () {
      const messageOf = (steps: Parameters<Subject["build"]>[0]) =>
        Effect.map(Effect.flip(subject.build(steps)), (error) => {
          const { reason = error } = error as { readonly reason?: unknown }
          return (reason as Error).message
        })
      const caches = { caches: { a: "C:\\cache" } }
      yield* subject.build(spec(BASE, [run("echo 1 > C:\\cache\\locked & echo 2 > C:\\cache\\other", caches)]))
      expect(yield* messageOf(spec(BASE, [run("echo", caches)]))).toMatch(
        /cannot copy a cache: tar: .*Permission denied/
      )
      forgetCache(subject)
      const nested = spec(BASE, [run("mkdir C:\\d & echo 1 > C:\\d\\locked & echo 2 > C:\\d\\other")])
      expect(yield* messageOf(spec(BASE, [copy(["d"], "/x", { from: "a" })], { a: nested }))).toMatch(
        /Permission denied/
      )
    }))

  test("makes its tools once for steps that need them at the same time", (subject) =>
    Effect.gen(function* () {
      const context = source({ f: "1" })
      const nested = (name: string) => spec(BASE, [copy(["f"], `/${name}/`)])
      const steps = spec(BASE, [copy(["a"], "/", { from: "a" }), copy(["b"], "/", { from: "b" })], {
        a: nested("a"),
        b: nested("b")
      })
      yield* subject.build(steps, { context, jobs: 4 })
      expect(madeIn(subject.last())).toEqual(["C:/a", "C:/a/f", "C:/b", "C:/b/f"])
      expect(created(subject, /copy \/V/)).toHaveLength(1)
    }))

  test("says what may be wrong where its tools are damaged", (subject) =>
    Effect.gen(function* () {
      const { engine } = subject
      const context = source({ f: "1" })
      yield* subject.build(spec(BASE, [copy(["f"], "/x/")]), { context })
      for (const [name, files] of engine.volumes) if (name.endsWith("-libexec")) files.delete("/tar.exe")
      const messageOf = (op: Op) =>
        Effect.map(Effect.flip(subject.build(spec(BASE, [op]), { context })), (error) => {
          const { hint, message } = error as { readonly message: string; readonly hint: Option.Option<string> }
          return `${message} (${Option.getOrElse(hint, () => "")})`
        })
      const expected =
        /tar\.exe' is not recognized[^]* \(if there is no tar in the volume obuilder-.*-libexec, remove that/
      expect(yield* messageOf(copy(["f"], "/y/"))).toMatch(expected)
      expect(yield* messageOf(run("echo", { caches: { a: "/c" } }))).toMatch(expected)
      forgetCache(subject)
    }))

  test("leaves no volume for tools that could not be filled", (subject) =>
    Effect.gen(function* () {
      const { engine } = subject
      engine.registry.set(TOOLS, baseImage())
      const context = source({ f: "1" })
      const error = yield* Effect.flip(subject.build(spec(BASE, [copy(["f"], "/x/")]), { context }))
      expect((error as Error).message).toMatch(/cannot take Cygwin's tar from .*cannot find the file/)
      expect([...engine.volumes.keys()]).toEqual([])
    }))

  test("says which bases it cannot have", (subject) =>
    Effect.gen(function* () {
      const { engine } = subject
      const errorOf = (from: string) =>
        Effect.map(Effect.flip(subject.build(spec(from, [run("echo")]))), (error) => {
          const { cause, message } = error as { readonly message: string; readonly cause?: Error }
          return message === "" ? String(cause?.message) : message
        })
      expect(yield* errorOf("oci:layout")).toMatch(/a base for Windows comes from a registry or/)
      expect(yield* errorOf("linux:1")).toMatch(/runs containers of Windows, and the base is for Linux/)
      engine.registry.clear()
      expect(yield* errorOf(BASE)).toMatch(/cannot fetch registry\.test\/win\/base@sha256:.*pull access denied/)
      engine.os = "linux"
      expect(yield* errorOf(BASE)).toMatch(/runs containers of Linux, and the base is for windows\/amd64/)
    }))
})
