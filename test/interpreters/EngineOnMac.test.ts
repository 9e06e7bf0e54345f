/** Whole builds with what `--store=zfs:` is on macOS, on stand-ins: what `Engine.test.ts` says of the engine in memory, and what only this backend has. */
import { expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { beforeAll, describe } from "vitest"
import { MissingSecret, StepFailed } from "../../src/interpreters/Engine.ts"
import * as FileTree from "../../src/interpreters/memory/FileTree.ts"
import * as TreeSource from "../../src/interpreters/memory/TreeSource.ts"
import { GID, homeOf } from "../../src/interpreters/sandbox/UserSandbox.ts"
import { CopyError, Store } from "../../src/interpreters/Store.ts"
import { contents } from "../laws/tar.ts"
import { describeWith } from "../requirements.ts"
import { forMac } from "../standins/mac.ts"
import { mountsBelow, pretend } from "../standins/standIns.ts"
import { build, copy, failedWith, LogView, type Request, run, spec } from "./builds.ts"
import { giveToUser, macEngine } from "./macBuilds.ts"
import { alive } from "./sandbox/busybox.ts"
import { temporaryIn } from "./store/kinds.ts"

const tree = (entries: Parameters<typeof FileTree.make>[0]) => TreeSource.fromTree(FileTree.make(entries))
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describeWith(["root", "busybox"], "builds on the backend of macOS", () => {
  pretend("darwin")
  const mac = forMac(60_703)
  const { uid } = mac.options
  const home = homeOf(uid)
  const base = `rootfs:${mac.path}/base`
  let stores = 0
  beforeAll(() => {
    mac.pool("tank")
    Fs.mkdirSync(`${mac.path}/base/home`, { recursive: true })
    Fs.writeFileSync(`${mac.path}/base/home/base-id`, "base-distro\n")
    giveToUser(mac, `${mac.path}/base`)
  })

  const shell = { _tag: "Shell", args: ["/bin/sh", "-c"] } as const
  const inHome = { _tag: "Workdir", path: home } as const
  const ops = (...more: Parameters<typeof spec>[1]) => [shell, inHome, ...more]

  /** Several builds in a store of their own, after which nothing is left of them but results. */
  const inStore = <A, E>(
    use: (
      once: (request: Request) => ReturnType<typeof build>,
      store: Effect.Effect.Success<typeof Store>
    ) => Effect.Effect<A, E, Effect.Effect.Context<ReturnType<typeof build>>>
  ) =>
    Effect.gen(function* () {
      const dataset = `tank/${++stores}`
      const result = yield* Effect.flatMap(Store, (store) => use(build, store)).pipe(
        Effect.provide(macEngine(mac, dataset))
      )
      expect(mountsBelow(mac.root)).toEqual([])
      expect(Fs.readdirSync(`${mac.options.stateDirectory}/${uid}`)).toEqual(["lock"])
      expect(temporaryIn(`${mac.path}/${dataset}`)).toEqual([])
      return result
    })

  const suCalls = () => mac.calls().filter(([program]) => program === "su").length

  it.live("log, keep what they made, and replay it", () =>
    inStore((once, store) =>
      Effect.gen(function* () {
        const request = { spec: spec(base, ops(run("echo Append; echo runner >> base-id"), run("cat base-id"))) }
        const log = new LogView()
        const id = yield* once({ ...request, onEvent: log.onEvent })
        expect(log.text).toBe(
          `(from ${base})\n---> saved\n/: (shell /bin/sh -c)\n/: (workdir ${home})\n` +
            `${home}: (run (shell "echo Append; echo runner >> base-id"))\nAppend\n---> saved\n` +
            `${home}: (run (shell "cat base-id"))\nbase-distro\nrunner\n---> saved\n`
        )
        expect(yield* contents(store, id)).toEqual({
          "/Users": "directory 0755 0:0",
          [home]: "link 0:0 ../home",
          "/brew": `directory 0755 ${uid}:${GID}`,
          "/home": `directory 0755 ${uid}:${GID}`,
          "/home/base-id": `file 0644 ${uid}:${GID} base-distro\nrunner\n`,
          "/opt": "directory 0755 0:0",
          "/opt/homebrew": "link 0:0 ../brew"
        })
        const before = suCalls()
        const again = new LogView()
        expect(yield* once({ ...request, onEvent: again.onEvent })).toBe(id)
        expect(suCalls()).toBe(before)
        expect(again.text).toBe(log.text.replaceAll("---> saved", "---> using from cache"))
      })
    )
  )

  it.live("run commands with what the spec set, as the user", () =>
    inStore((once) =>
      Effect.gen(function* () {
        const log = new LogView()
        yield* once({
          spec: spec(base, [
            shell,
            { _tag: "Env", name: "B", value: 'it\'s "$HOME"\n`x`' },
            { _tag: "Workdir", path: `${home}/w` },
            { _tag: "User", user: { _tag: "Unix", uid, gid: GID } },
            run(`echo "$B"; pwd; id -u; id -g`, { network: ["host"] })
          ]),
          onEvent: log.onEvent
        })
        expect(log.text).toContain(`\nit's "$HOME"\n\`x\`\n${home}/w\n${uid}\n${GID}\n---> saved\n`)
        const request = {
          spec: spec(base, [shell, { _tag: "User", user: { _tag: "Unix", uid: 1, gid: 2 } }, run("true")])
        }
        expect(failedWith(yield* Effect.flip(once(request)))).toMatchObject({ _tag: "NotStarted" })
      })
    )
  )

  it.live("copy into the home and to Homebrew's place, from the source directory and from nested builds", () =>
    inStore((once, store) =>
      Effect.gen(function* () {
        const id = yield* once({
          context: tree({ "src/main.ts": "main", "src/.git/x": "" }),
          spec: spec(
            base,
            ops(
              copy([`${home}/out`], "/opt/homebrew/", { from: "tools" }),
              copy(["src"], `${home}/app/`, { exclude: [".git"] }),
              run("cat app/src/main.ts; cat /opt/homebrew/out/tool; echo more >> app/src/main.ts; rm base-id")
            ),
            { tools: spec(base, ops(run(`mkdir out; echo tool > out/tool; ln -s ${home}/out/tool out/link`))) }
          )
        })
        const own = `${uid}:${GID}`
        expect(yield* contents(store, id)).toMatchObject({
          "/brew/out/tool": `file 0644 ${own} tool\n`,
          "/brew/out/link": `link ${own} ${home}/out/tool`,
          "/home/app": `directory 0755 ${own}`,
          "/home/app/src": `directory 0755 ${own}`,
          "/home/app/src/main.ts": `file 0644 ${own} mainmore\n`
        })
        expect(Object.keys(yield* contents(store, id))).not.toContain("/home/base-id")
      })
    )
  )

  it.live("keep what a failed step needed, but not the step", () =>
    inStore((once, store) =>
      Effect.gen(function* () {
        const failing = { spec: spec(base, ops(run("echo 1 > a"), run("echo x > b; exit 3"), run("echo never"))) }
        const before = suCalls()
        for (let n = 1; n <= 2; n++) {
          expect(failedWith(yield* Effect.flip(once(failing)))).toEqual({ _tag: "Exit", status: 3 })
        }
        expect(suCalls() - before).toBe(3)
        expect(yield* store.inventory.results).toHaveLength(2)
      })
    )
  )

  it.live("fail at a copy over where the home is, and at one whose source has changed", () =>
    inStore((once) =>
      Effect.gen(function* () {
        const over = yield* Effect.flip(once({ context: tree({ f: "f" }), spec: spec(base, [copy(["f"], home)]) }))
        expect(over instanceof StepFailed && over.reason).toBeInstanceOf(CopyError)
        let text = "before"
        const context = TreeSource.make(() => FileTree.make({ f: text }))
        const changed = yield* Effect.flip(
          once({
            context,
            spec: spec(base, ops(run("echo first"), copy(["f"], `${home}/f`))),
            onEvent: (event) => Effect.sync(() => (event._tag === "Output" ? void (text = "after!") : undefined))
          })
        )
        expect(changed instanceof StepFailed && changed.reason).toBeInstanceOf(CopyError)
      })
    )
  )

  it.live("begin with a tar of a base, and with nothing", () =>
    inStore((once, store) =>
      Effect.gen(function* () {
        execFileSync("tar", ["-C", `${mac.path}/base`, "-cf", `${mac.path}/base.tar`, "."])
        const id = yield* once({ spec: spec(`rootfs:${mac.path}/base.tar`, ops(run("cat base-id > copied"))) })
        expect((yield* contents(store, id))["/home/copied"]).toBe(`file 0644 ${uid}:${GID} base-distro\n`)
        const empty = yield* once({ spec: spec("scratch", ops(run("echo x > file; echo y > /opt/homebrew/file"))) })
        expect(yield* contents(store, empty)).toMatchObject({
          "/home/file": `file 0644 ${uid}:${GID} x\n`,
          "/brew/file": `file 0644 ${uid}:${GID} y\n`
        })
      })
    )
  )

  it.live("refuse a base that has something of its own where the home is", () =>
    inStore((once) =>
      Effect.gen(function* () {
        Fs.mkdirSync(`${mac.path}/odd${home}`, { recursive: true })
        const error = yield* Effect.flip(once({ spec: spec(`rootfs:${mac.path}/odd`, []) }))
        expect(error).toMatchObject({ _tag: "StoreError", message: `the image has something of its own at ${home}` })
      })
    )
  )

  it.live("give secrets to one step, whose result has nothing of them", () =>
    inStore((once, store) =>
      Effect.gen(function* () {
        const request = {
          spec: spec(
            base,
            ops(
              run(`cat "$OBUILDER_SECRETS_DIR/token"`, { secrets: { test: "/run/secrets/token" } }),
              run(`ls -A; echo "\${OBUILDER_SECRETS_DIR-none}"`)
            )
          )
        }
        expect(yield* Effect.flip(once(request))).toBeInstanceOf(MissingSecret)
        const log = new LogView()
        const id = yield* once({
          ...request,
          secrets: new Map([["test", bytes("top secret\n")]]),
          onEvent: log.onEvent
        })
        expect(log.text).toContain("\ntop secret\n---> saved\n")
        expect(log.text).toContain("\nbase-id\nnone\n---> saved\n")
        expect(Object.keys(yield* contents(store, id)).filter((path) => path.startsWith("/home/"))).toEqual([
          "/home/base-id"
        ])
        expect(mac.calls().flat().join(" ")).not.toContain("top secret")
      })
    )
  )

  it.live("share caches, which keep what a failed step left", () =>
    inStore((once, store) =>
      Effect.gen(function* () {
        const caches = { c: `${home}/.cache/c` }
        const first = yield* Effect.flip(
          once({ spec: spec(base, ops(run("echo 1 > .cache/c/f; exit 1", { caches }))) })
        )
        expect(failedWith(first)).toEqual({ _tag: "Exit", status: 1 })
        const log = new LogView()
        const id = yield* once({
          spec: spec(
            base,
            ops(
              run("cat .cache/c/f; echo 2 >> .cache/c/f", { caches }),
              run("cat /opt/homebrew/cache/f", { caches: { c: "/opt/homebrew/cache" } })
            )
          ),
          onEvent: log.onEvent
        })
        expect(log.text).toMatch(/\n1\n---> saved\n[^]*\n1\n2\n---> saved\n$/)
        expect(Object.keys(yield* contents(store, id)).join(" ")).not.toContain("cache")
        const elsewhere = { spec: spec(base, ops(run("true", { caches: { c: "/etc/cache" } }))) }
        expect(failedWith(yield* Effect.flip(once(elsewhere)))).toMatchObject({ _tag: "NotStarted" })
      })
    )
  )

  it.live("run one step at a time, however many there might be", () =>
    inStore((once) =>
      Effect.gen(function* () {
        // Whoever finds the other's mark has company.
        const alone = (n: number) =>
          spec(base, ops(run(`[ ! -e /tmp/mark ] && echo ${n} > /tmp/mark && ls / > /dev/null && rm /tmp/mark`)))
        yield* once({ spec: spec(base, [], { a: alone(1), b: alone(2), c: alone(3) }), jobs: 3 })
      })
    )
  )

  describe("when they are interrupted", () => {
    it.live("leave no process, no mount and no result, and can be done again", () =>
      inStore((once, store) =>
        Effect.gen(function* () {
          const up = yield* Deferred.make<void>()
          const request = {
            spec: spec(base, ops(run("echo up; sh -c 'sleep 1000; true' mac-engine", { caches: { c: `${home}/c` } })))
          }
          const running = yield* Effect.fork(
            once({
              ...request,
              onEvent: (event) => (event._tag === "Output" ? Deferred.succeed(up, undefined) : Effect.void)
            })
          )
          yield* Deferred.await(up)
          expect(alive("mac-engine")).toBeGreaterThan(0)
          expect(Exit.isInterrupted(yield* Fiber.interrupt(running))).toBe(true)
          expect(alive("mac-engine")).toBe(0)
          expect(mountsBelow(mac.root)).toEqual([])
          expect(yield* store.inventory.results).toHaveLength(1)
        })
      )
    )
  })
})
