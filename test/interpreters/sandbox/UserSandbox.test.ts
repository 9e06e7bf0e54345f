/** The sandbox of macOS, on stand-ins for the programs that it uses: see `test/standins`. */
import { expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import { buildSync } from "esbuild"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import { fileURLToPath } from "node:url"
import { beforeAll, describe } from "vitest"
import * as Libc from "../../../src/interpreters/host/Libc.ts"
import type { DirectoryRootfs } from "../../../src/interpreters/Rootfs.ts"
import type { Command } from "../../../src/interpreters/Sandbox.ts"
import * as Mounts from "../../../src/interpreters/sandbox/user/Mounts.ts"
import * as UserSandbox from "../../../src/interpreters/sandbox/UserSandbox.ts"
import { sandboxLaws } from "../../laws/sandbox.ts"
import { collect, command } from "../../laws/sandboxSubject.ts"
import { describeWith } from "../../requirements.ts"
import { forMac } from "../../standins/mac.ts"
import { mountsBelow, pretend } from "../../standins/standIns.ts"
import { alive, pathsOf } from "./busybox.ts"
import { makeDataset, makeSubject } from "./macSubject.ts"

describeWith(["root", "busybox"], "the sandbox of macOS", () => {
  pretend("darwin")
  const mac = forMac(60_701)
  const { stateDirectory, uid } = mac.options
  const home = UserSandbox.homeOf(uid)
  const own = `${stateDirectory}/${uid}`
  beforeAll(() => void mac.pool("tank"))

  describe("keeps the laws", () => sandboxLaws(Effect.sync(() => makeSubject(mac))))

  const image = () => makeDataset(mac, UserSandbox.PARTS)
  const cache = () => makeDataset(mac, [])
  const inHome = (rootfs: DirectoryRootfs, path: string) => `${rootfs.path}/home/${path}`
  const open = UserSandbox.make(mac.options)
  /** Runs a script in the home. */
  const run = (script: string, options: Partial<Command> = {}, rootfs = image()) =>
    Effect.flatMap(open, (sandbox) => collect(sandbox, rootfs, script, { cwd: home, ...options }))
  /** What is mounted for the user, seen from inside of its root. */
  const mounted = () => mountsBelow(mac.root).map((path) => path.slice(mac.root.length))
  const bytes = (text: string) => new TextEncoder().encode(text)

  it.scopedLive("gives a step the home and Homebrew's place of its image, and takes them back", () =>
    Effect.gen(function* () {
      const rootfs = image()
      Fs.writeFileSync(inHome(rootfs, "in"), "content\n")
      const script = `cat in; echo brewed > /opt/homebrew/made; echo ~ $PWD $USER; umask; echo $TMPDIR; [ -w "$TMPDIR" ]`
      expect(yield* run(script, {}, rootfs)).toEqual({
        outcome: "succeeded",
        output: `content\n${home} ${home} mac${uid}\n0022\n/var/folders/${uid}/T/\n`
      })
      expect(Fs.readFileSync(`${rootfs.path}/brew/made`, "utf8")).toBe("brewed\n")
      expect(Fs.statSync(`${rootfs.path}/brew/made`)).toMatchObject({ uid, gid: UserSandbox.GID })
      expect(mounted()).toEqual([])
      expect(Fs.readdirSync(own)).toEqual(["lock"])
    })
  )

  it.scopedLive("makes the user once, and keeps it", () =>
    Effect.gen(function* () {
      yield* run("true")
      const made = () =>
        mac.calls().filter(([, , command, record]) => command === "-create" && record === `/Users/mac${uid}`)
      const [record, ...attributes] = made()
      expect(record).toHaveLength(4)
      expect(attributes.map(([, , , , key]) => key)).toEqual(
        expect.arrayContaining(["Password", "UserShell", "NFSHomeDirectory", "PrimaryGroupID"])
      )
      // Whoever is killed before has not made a user yet.
      expect(attributes.at(-1)?.slice(-2)).toEqual(["UniqueID", String(uid)])
      yield* run("true")
      expect(made()).toHaveLength(1 + attributes.length)
      expect(
        mac.run("dscl", ".", "-read", `/Users/mac${uid}`, "UniqueID", "UserShell", "NFSHomeDirectory").stdout
      ).toBe(`UniqueID: ${uid}\nUserShell: /bin/bash\nNFSHomeDirectory: ${home}\n`)
    })
  )

  it.scopedLive("does not take a number that somebody has", () =>
    Effect.gen(function* () {
      expect(mac.run("dscl", ".", "-create", "/Users/ann", "UniqueID", String(uid + 50)).status).toBe(0)
      const sandbox = yield* UserSandbox.make({ ...mac.options, uid: uid + 50 })
      const error = yield* Effect.flip(collect(sandbox, image(), "true"))
      expect(error.message).toBe(
        `the user ann has the number ${uid + 50}, and steps need mac${uid + 50} with ${uid + 50}`
      )
    })
  )

  it.scopedLive.each([
    [{ uid: 0 }, /0 is no number for a user of steps/],
    [{ brewPath: "/usr" }, /Homebrew cannot be at "\/usr"/],
    [{ brewPath: "/opt/../etc" }, /Homebrew cannot be at/],
    [{ brewPath: `${home}/brew` }, /Homebrew cannot be at/]
  ] as const)("refuses %j", ([options, message]) =>
    Effect.gen(function* () {
      const sandbox = yield* UserSandbox.make({ ...mac.options, ...options })
      expect((yield* Effect.flip(collect(sandbox, image(), "true"))).message).toMatch(message)
    })
  )

  it.scopedLive("needs root file systems that are datasets", () =>
    Effect.gen(function* () {
      const sandbox = yield* open
      const error = yield* Effect.flip(collect(sandbox, { _tag: "Directory", path: mac.path }, "true"))
      expect(error.message).toBe("steps as a user need a store of ZFS")
    })
  )

  it.scopedLive("sources the profile in the home, whose failure is the step's", () =>
    Effect.gen(function* () {
      const profile = (text: string) => {
        const rootfs = image()
        Fs.writeFileSync(inHome(rootfs, ".obuilder_profile.sh"), text)
        return rootfs
      }
      const options = { environment: [{ name: "B", value: "spec" }] }
      const script = `echo "$A $B"`
      expect(yield* run(script, options, profile("export A=profile B=profile\nset -eu -o noclobber\n"))).toEqual({
        outcome: "succeeded",
        output: "profile spec\n"
      })
      expect(yield* run(script, options, profile("echo no; return 7\n"))).toEqual({
        outcome: { _tag: "Exit", status: 7 },
        output: "no\n"
      })
      // What would be taken for a success by who asks `su` alone.
      for (const text of ["exit 0\n", "kill -9 $$\n"]) {
        expect(yield* run(script, options, profile(text))).toMatchObject({
          outcome: { _tag: "NotStarted" },
          output: ""
        })
      }
    })
  )

  it.scopedLive("says of a command that a signal ended nothing but that", () =>
    Effect.gen(function* () {
      expect(yield* run("echo before; kill -TERM $$")).toEqual({
        outcome: { _tag: "Signal", signal: "SIGTERM" },
        output: "before\n"
      })
    })
  )

  it.scopedLive("says why a command cannot be started", () =>
    Effect.gen(function* () {
      const missing = yield* run("", { argv: ["/no/such/program"] })
      expect(missing.outcome).toEqual({ _tag: "Exit", status: 127 })
      expect(missing.output).toContain("/no/such/program")
      expect(yield* run("pwd", { cwd: "/etc/new" })).toMatchObject({
        outcome: { _tag: "NotStarted", reason: "the working directory /etc/new cannot be made, or not be entered" }
      })
      expect(yield* run("", { argv: ["a\0b"] })).toMatchObject({ outcome: { _tag: "NotStarted" }, output: "" })
      const stranger = yield* run("id", { user: { _tag: "Unix", uid: 1000, gid: 1000 } })
      expect(stranger.outcome).toMatchObject({ reason: `steps are run as mac${uid} here, and not as 1000:1000` })
    })
  )

  it.scopedLive("gives arguments, variables and directories as they are, whatever is in them", () =>
    Effect.gen(function* () {
      const sandbox = yield* open
      const rootfs = image()
      const characters = FastCheck.constantFrom(
        ...`'"\\$\`!*?[]{}()<>|&;#~=%^-+,.:/@ \t\n\r`,
        ..."aZ0é\u{1F600}\u0001\u007f\u00a0",
        "$(",
        "''",
        "\\n"
      )
      const text = FastCheck.string({ unit: characters, maxLength: 12 })
      const name = FastCheck.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,5}$/).map((one) => `X${one}`)
      const samples = FastCheck.sample(
        FastCheck.record({
          args: FastCheck.array(text, { maxLength: 4 }),
          variables: FastCheck.dictionary(name, text, { maxKeys: 4 }),
          directory: text.filter((one) => !/^\.{0,2}$/.test(one)).map((one) => one.replaceAll("/", "_"))
        }),
        { numRuns: 12, seed: 7 }
      )
      for (const { args, directory, variables } of samples) {
        const environment = Object.entries(variables).map(([key, value]) => ({ name: key, value }))
        const script = 'printf "%s\\0" "$@"; pwd; for n in $NAMES; do eval "printf \'%s\\0\' \\"\\$$n\\""; done'
        const names = { name: "NAMES", value: Object.keys(variables).join(" ") }
        const ran = yield* collect(sandbox, rootfs, "", {
          argv: ["/bin/sh", "-c", script, "sh", ...args],
          cwd: `${home}/${directory}`,
          environment: [...environment, names]
        })
        // Without arguments printf is given none to print.
        const said = `${(args.length === 0 ? [""] : args).join("\0")}\0${home}/${directory}\n`
        expect(ran).toEqual({
          outcome: "succeeded",
          output:
            said +
            Object.values(variables)
              .map((value) => `${value}\0`)
              .join("")
        })
      }
      const odd = yield* collect(sandbox, rootfs, "", {
        argv: ["a=b", "c"],
        cwd: home,
        environment: [{ name: "PATH", value: `${home}:/bin` }]
      })
      expect(odd).toEqual({ outcome: { _tag: "Exit", status: 127 }, output: expect.stringContaining("a=b") })
    })
  )

  describe("secrets", () => {
    it.scopedLive("are the user's alone, in files that a variable tells of, and on nobody's command line", () =>
      Effect.gen(function* () {
        const secrets = [
          { target: "/run/secrets/token", content: bytes("s3cret") },
          { target: "other", content: bytes("") }
        ]
        const script = `cd "$OBUILDER_SECRETS_DIR" && ls && stat -c '%a %u %n' . token && cat token`
        const ran = yield* run(script, { secrets })
        expect(ran).toEqual({ outcome: "succeeded", output: `other\ntoken\n500 ${uid} .\n400 ${uid} token\ns3cret` })
        expect(mac.calls().flat().join(" ")).not.toContain("s3cret")
        expect(Fs.readdirSync(own)).toEqual(["lock"])
        expect((yield* run("echo ${OBUILDER_SECRETS_DIR-none}")).output).toBe("none\n")
      })
    )

    it.scopedLive("of the same name, or of none, are refused before anything is run", () =>
      Effect.gen(function* () {
        const pairs = [["/a/token", "/b/token"], ["/a/token", "/b/TOKEN"], ["/"], ["/a/.."]]
        for (const targets of pairs) {
          const before = mac.calls().filter(([program]) => program === "su").length
          const ran = yield* run("true", { secrets: targets.map((target) => ({ target, content: bytes("x") })) })
          expect(ran).toMatchObject({ outcome: { _tag: "NotStarted" } })
          expect(mac.calls().filter(([program]) => program === "su")).toHaveLength(before)
        }
      })
    )
  })

  describe("caches", () => {
    it.scopedLive("are mounted in the home and in Homebrew's place, and not elsewhere", () =>
      Effect.gen(function* () {
        const rootfs = cache()
        const script = "echo one > .cache/deep/new; echo two > /opt/homebrew/var/new"
        const caches = [
          { target: `${home}/.cache/deep`, rootfs },
          { target: "/opt/homebrew/var", rootfs: cache() }
        ]
        const root = image()
        const before = pathsOf(root)
        expect((yield* run(script, { caches }, root)).outcome).toBe("succeeded")
        expect(Fs.readFileSync(`${rootfs.path}/new`, "utf8")).toBe("one\n")
        expect(pathsOf(root)).toEqual(before)
        for (const target of ["/etc", "/Users", home, `${home}x/c`, `${home}/../../etc`, "/opt/homebrew"]) {
          const ran = yield* run("true", { caches: [{ target, rootfs }] })
          expect([target, ran.outcome]).toEqual([target, expect.objectContaining({ _tag: "NotStarted" })])
        }
        expect(mac.calls().flat()).not.toContain("mountpoint=/etc")
      })
    )

    it.scopedLive("are mounted through no link that a step has left", () =>
      Effect.gen(function* () {
        const root = image()
        yield* run("ln -s /etc link; ln -s link/x two; touch file", {}, root)
        for (const path of ["link/cache", "link", "two", "file/cache"]) {
          const ran = yield* run("true", { caches: [{ target: `${home}/${path}`, rootfs: cache() }] }, root)
          expect(ran.outcome).toMatchObject({ _tag: "NotStarted" })
        }
        expect(mounted()).toEqual([])
      })
    )

    it.effect("that are undone touch nothing behind a link", () =>
      Effect.gen(function* () {
        const root = Fs.mkdtempSync(`${mac.path}/image-`)
        Fs.mkdirSync(`${mac.path}/outside/b/c`, { recursive: true })
        Fs.symlinkSync(`${mac.path}/outside`, `${root}/a`)
        Fs.mkdirSync(`${root}/made`)
        Fs.mkdirSync(`${root}/full/file`, { recursive: true })
        const made = [["a", "b", "c"], ["made"], ["full"], ["gone"]].map((names) => ({ root, names }))
        const record = `${root}/record`
        Fs.writeFileSync(record, JSON.stringify({ datasets: [], made }))
        yield* Mounts.unmount({ run: () => Effect.dieMessage("no dataset"), lock: undefined }, record, Effect.void)
        expect(Fs.existsSync(`${mac.path}/outside/b/c`)).toBe(true)
        expect(Fs.readdirSync(root).sort()).toEqual(["a", "full"])
      })
    )
  })

  describe("whatever happens", () => {
    it.scopedLive("a command that left a process in the background is followed by nobody", () =>
      Effect.gen(function* () {
        const ran = yield* run("sh -c 'sleep 1000; true' mac-background & echo started")
        expect(ran).toEqual({ outcome: "succeeded", output: "started\n" })
        expect(alive("mac-background")).toBe(0)
        expect(mounted()).toEqual([])
      })
    )

    it.scopedLive.each([
      ["the user", () => `${own}/lock`],
      [
        "the place of Homebrew",
        () => `${stateDirectory}/${Fs.readdirSync(stateDirectory).find((name) => name.startsWith("brew-"))}`
      ]
    ] as const)("one at a time has %s, in this process and in others", ([, path]) =>
      Effect.gen(function* () {
        yield* run("true")
        const lock = Fs.openSync(path(), "a")
        expect(Libc.tryLock(lock)).toBe(true)
        const before = mac.calls().length
        const said = yield* Deferred.make<string>()
        const logger = Logger.make(({ message }) => void Effect.runSync(Deferred.succeed(said, String(message))))
        const waiting = yield* run("echo mine").pipe(
          Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
          Effect.fork
        )
        expect(yield* Deferred.await(said)).toBe(`waiting for another build to be done with a step as mac${uid}`)
        const isRun = ([program]: ReadonlyArray<string>) => program === "su" || program === "pkill"
        expect(mac.calls().slice(before).some(isRun)).toBe(false)
        // Who waits can be interrupted.
        const other = yield* Effect.fork(run("true"))
        expect(Exit.isInterrupted(yield* Fiber.interrupt(other))).toBe(true)
        Fs.closeSync(lock)
        expect((yield* Fiber.join(waiting)).output).toBe("mine\n")
      })
    )

    it.scopedLive("what a killed process left is undone by the next, and what a live one has is left alone", () =>
      Effect.gen(function* () {
        const [root, left] = [image(), cache()]
        const program = `${mac.path}/program.mjs`
        buildSync({
          entryPoints: [fileURLToPath(new URL("macProcess.ts", import.meta.url))],
          outfile: program,
          bundle: true,
          platform: "node",
          format: "esm",
          external: ["koffi"]
        })
        const hang = command("echo up; sh -c 'sleep 1000; true' mac-left", {
          cwd: home,
          caches: [{ target: `${home}/c`, rootfs: left }]
        })
        const words = [mac.options, hang, root].map((one) => JSON.stringify(one))
        const child = spawn(process.execPath, [program, ...words], {
          stdio: ["ignore", "pipe", "inherit"],
          env: { ...process.env, NODE_PATH: fileURLToPath(new URL("../../../node_modules", import.meta.url)) }
        })
        yield* Effect.promise(() => Promise.race([once(child.stdout, "data"), once(child, "exit")]))
        const sandbox = yield* open
        yield* sandbox.reclaim
        expect(alive("mac-left")).toBeGreaterThan(0)
        expect(mounted()).toEqual([home, "/opt/homebrew", `${home}/c`])
        child.kill("SIGKILL")
        yield* Effect.promise(() => once(child, "exit"))
        expect(alive("mac-left")).toBeGreaterThan(0)
        expect(Fs.readFileSync(`${own}/run/secrets/s`, "utf8")).toBe("s3cret")
        yield* sandbox.reclaim
        expect(alive("mac-left")).toBe(0)
        expect(mounted()).toEqual([])
        expect(Fs.readdirSync(own)).toEqual(["lock"])
        expect(Fs.readdirSync(`${root.path}/home`)).toEqual([])
        expect(mac.run("zfs", "get", "-H", "-o", "value,source", "mountpoint", left.dataset).stdout).toBe(
          `${left.path}\tinherited from tank\n`
        )
      })
    )
  })
})
