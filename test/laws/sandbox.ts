/** The laws of `Sandbox`, for every layer: call `sandboxLaws` in the test of a new sandbox. */
import { expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { type Command, CommandFailed } from "../../src/interpreters/Sandbox.ts"
import { build, collect, command, type MakeSandboxSubject } from "./sandboxSubject.ts"

/** Registers the laws as tests, in the `describe` where it is called. */
export const sandboxLaws = (makeSubject: MakeSandboxSubject): void => {
  commandLaws(makeSubject)
  outcomeLaws(makeSubject)
  mountLaws(makeSubject)
  endLaws(makeSubject)
}

const opened = (makeSubject: MakeSandboxSubject) =>
  Effect.gen(function* () {
    const subject = yield* makeSubject
    const sandbox = yield* build(subject)
    const image = yield* subject.image({ "data/in": "content\n" })
    const run = (steps: ReadonlyArray<string>, options: Partial<Command> = {}) =>
      collect(sandbox, image, steps.join("; "), options)
    return { ...subject, sandbox, makeImage: subject.image, image, run }
  })

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const commandLaws = (makeSubject: MakeSandboxSubject): void => {
  it.scopedLive("a command sees the image and what it writes is in it afterwards", () =>
    Effect.gen(function* () {
      const { files, image, language, run } = yield* opened(makeSubject)
      const ran = yield* run([language.cat("/data/in"), language.write("/data/out", "made")])
      expect(ran).toEqual({ outcome: "succeeded", output: "content\n" })
      expect(yield* files.describe(image, "/data/out")).toBe("file 0644 0:0 made\n")
    })
  )

  it.scopedLive("a command has the directory, user, host name and environment that it is given", () =>
    Effect.gen(function* () {
      const { hostname, language, run, user } = yield* opened(makeSubject)
      const { gid, uid } = user ?? { uid: 1234, gid: 2345 }
      const ran = yield* run([language.pwd, language.id, language.hostname, language.env("GREETING")], {
        cwd: "/data",
        user: { _tag: "Unix", uid, gid },
        hostname: "somewhere",
        environment: [
          { name: "PATH", value: "/bin" },
          { name: "GREETING", value: "hello $PATH 'world'" }
        ]
      })
      expect(ran).toEqual({
        outcome: "succeeded",
        output: `/data\n${uid} ${gid}\n${hostname ?? "somewhere"}\nhello $PATH 'world'\n`
      })
    })
  )

  it.scopedLive("a user is looked up in the image by name", () =>
    Effect.gen(function* () {
      const { language, makeImage, sandbox, user } = yield* opened(makeSubject)
      const { gid, name, uid } = user ?? { uid: 70, gid: 71, name: "ann" }
      const image = yield* makeImage({ "etc/passwd": "root:x:0:0::/:/bin/sh\nann:x:70:71::/:/bin/sh\n" })
      const ran = yield* collect(sandbox, image, language.id, { user: { _tag: "Named", name } })
      expect(ran).toEqual({ outcome: "succeeded", output: `${uid} ${gid}\n` })
    })
  )

  it.scopedLive("a name that is a number is the user with that number, in the group that the image has for it", () =>
    Effect.gen(function* () {
      const { language, makeImage, sandbox, user } = yield* opened(makeSubject)
      const { gid, uid } = user ?? { uid: 70, gid: 71 }
      const image = yield* makeImage({
        "etc/passwd": "root:x:0:0::/:/bin/sh\n70:x:5:6::/:/bin/sh\nann:x:70:71::/:/bin/sh\n"
      })
      const ran = yield* collect(sandbox, image, language.id, { user: { _tag: "Named", name: String(uid) } })
      expect(ran).toEqual({ outcome: "succeeded", output: `${uid} ${gid}\n` })
    })
  )

  it.scopedLive("a working directory that is missing is made, root's", () =>
    Effect.gen(function* () {
      const { files, image, language, run, user } = yield* opened(makeSubject)
      const { gid, uid } = user ?? { uid: 5, gid: 6 }
      const ran = yield* run([language.pwd], { cwd: "/new/work", user: { _tag: "Unix", uid, gid } })
      expect(ran).toEqual({ outcome: "succeeded", output: "/new/work\n" })
      expect(yield* files.describe(image, "/new/work")).toBe("directory 0755 0:0")
    })
  )

  it.scopedLive("output is whole and in order, however much there is", () =>
    Effect.gen(function* () {
      const { language, makeImage, sandbox } = yield* opened(makeSubject)
      const text = Array.from({ length: 30_000 }, (_, n) => `line ${n} é\n`).join("")
      const image = yield* makeImage({ "data/long": text })
      const { output } = yield* collect(sandbox, image, `${language.cat("/data/long")}; ${language.echo("end")}`)
      expect(output === `${text}end\n`).toBe(true)
    })
  )
}

const outcomeLaws = (makeSubject: MakeSandboxSubject): void => {
  it.scopedLive("statuses, signals and users that the image does not have are told apart", () =>
    Effect.gen(function* () {
      const { language, run } = yield* opened(makeSubject)
      expect(yield* run([language.echo("before"), language.fail(3), language.echo("after")])).toEqual({
        outcome: { _tag: "Exit", status: 3 },
        output: "before\n"
      })
      expect((yield* run([language.kill("SIGSEGV")])).outcome).toEqual({ _tag: "Signal", signal: "SIGSEGV" })
      const nobody = yield* run([language.id], { user: { _tag: "Named", name: "nobody-at-all" } })
      expect(nobody).toMatchObject({ outcome: { _tag: "NotStarted" }, output: "" })
    })
  )

  it.scopedLive("a failure names the command", () =>
    Effect.gen(function* () {
      const { image, language, sandbox } = yield* opened(makeSubject)
      const ended = yield* Effect.either(sandbox.run(command(language.fail(1)), image, () => Effect.void))
      expect(Either.isLeft(ended) && ended.left).toBeInstanceOf(CommandFailed)
      expect(Either.isLeft(ended) && ended.left).toMatchObject({ argv: ["/bin/sh", "-c", language.fail(1)] })
    })
  )
}

const mountLaws = (makeSubject: MakeSandboxSubject): void => {
  it.scopedLive("a cache is where it is mounted, keeps what is written there, and leaves nothing in the image", () =>
    Effect.gen(function* () {
      const { cache, files, image, language, paths, run } = yield* opened(makeSubject)
      const rootfs = yield* cache({ old: "kept\n" })
      const before = yield* paths(image)
      const ran = yield* run([language.cat("/var/deep/cache/old"), language.write("/var/deep/cache/new", "added")], {
        caches: [{ target: "/var/deep/cache", rootfs }]
      })
      expect(ran).toEqual({ outcome: "succeeded", output: "kept\n" })
      expect(yield* files.describe(rootfs, "/new")).toBe("file 0644 0:0 added\n")
      expect(yield* paths(image)).toEqual(before)
    })
  )

  it.scopedLive("a cache inside of another is there, and so is the other", () =>
    Effect.gen(function* () {
      const { cache, image, language, paths, run } = yield* opened(makeSubject)
      const outer = yield* cache({ which: "outer\n" })
      const inner = yield* cache({ which: "inner\n" })
      const before = [yield* paths(image), yield* paths(outer), yield* paths(inner)]
      const ran = yield* run([language.cat("/c/which"), language.cat("/c/d/which")], {
        caches: [
          { target: "/c", rootfs: outer },
          { target: "/c/d", rootfs: inner }
        ]
      })
      expect(ran).toEqual({ outcome: "succeeded", output: "outer\ninner\n" })
      expect([yield* paths(image), yield* paths(outer), yield* paths(inner)]).toEqual(before)
    })
  )

  it.scopedLive("a secret is there for the command, for its user, and not in the image afterwards", () =>
    Effect.gen(function* () {
      const { image, language, paths, run, user } = yield* opened(makeSubject)
      const { gid, uid } = user ?? { uid: 77, gid: 78 }
      const before = yield* paths(image)
      const secrets = [{ target: "/run/secrets/token", content: bytes("s3cret\n") }]
      for (const status of [0, 1]) {
        const ran = yield* run([language.cat("/run/secrets/token"), language.fail(status)], {
          secrets,
          user: { _tag: "Unix", uid, gid }
        })
        expect(ran.output).toBe("s3cret\n")
        expect(yield* paths(image)).toEqual(before)
      }
    })
  )

  it.scopedLive("a secret in a cache is not in the cache afterwards", () =>
    Effect.gen(function* () {
      const { cache, language, paths, run } = yield* opened(makeSubject)
      const rootfs = yield* cache({ old: "kept\n" })
      const ran = yield* run([language.cat("/cache/token"), language.cat("/cache/old")], {
        caches: [{ target: "/cache", rootfs }],
        secrets: [{ target: "/cache/token", content: bytes("s3cret\n") }]
      })
      expect(ran).toEqual({ outcome: "succeeded", output: "s3cret\nkept\n" })
      expect(yield* paths(rootfs)).toEqual(["/old"])
    })
  )
}

const endLaws = (makeSubject: MakeSandboxSubject): void => {
  it.scopedLive("an interrupted command is dead when the interruption is over, and leaves no mount point", () =>
    Effect.gen(function* () {
      const { alive, image, language, paths, sandbox } = yield* opened(makeSubject)
      const before = yield* paths(image)
      const up = yield* Deferred.make<void>()
      const running = yield* Effect.fork(
        sandbox.run(
          command(language.hang("law-interrupted"), { secrets: [{ target: "/x/secret", content: bytes("s") }] }),
          image,
          () => Deferred.succeed(up, undefined)
        )
      )
      yield* Deferred.await(up)
      expect(yield* alive("law-interrupted")).toBeGreaterThan(0)
      const exit = yield* Fiber.interrupt(running)
      expect(Exit.isInterrupted(exit)).toBe(true)
      expect(yield* alive("law-interrupted")).toBe(0)
      expect(yield* paths(image)).toEqual(before)
    })
  )

  it.scopedLive("a command whose output cannot be taken is dead when the failure is known", () =>
    Effect.gen(function* () {
      const { alive, image, language, sandbox } = yield* opened(makeSubject)
      const ended = yield* Effect.either(
        sandbox.run(command(language.hang("law-refused")), image, () => Effect.fail("the disk is full"))
      )
      expect(ended).toEqual(Either.left("the disk is full"))
      expect(yield* alive("law-refused")).toBe(0)
    })
  )

  it.scopedLive("commands that run at the same time have their own images and outputs", () =>
    Effect.gen(function* () {
      const { language, makeImage, sandbox } = yield* opened(makeSubject)
      const outputs = yield* Effect.forEach(
        ["a", "b", "c", "d"],
        (name) =>
          Effect.gen(function* () {
            const image = yield* makeImage({ "data/name": `${name}\n` })
            const script = [language.write("/data/mine", name), language.cat("/data/name"), language.cat("/data/mine")]
            return yield* collect(sandbox, image, script.join("; "))
          }),
        { concurrency: "unbounded" }
      )
      expect(outputs.map(({ output }) => output)).toEqual(["a\na\n", "b\nb\n", "c\nc\n", "d\nd\n"])
    })
  )
}
