/** The layers of stores by name, on this machine. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { beforeAll } from "vitest"
import { sha256 } from "../../src/domain/Digest.ts"
import { Backends, BaseImages, Engine, type Events, Spec, Store } from "../../src/index.ts"
import { backends } from "../../src/cli/Backends.ts"
import { HashMemo } from "../../src/interpreters/host/HashMemo.ts"
import { hashesIn } from "../../src/interpreters/store/local/Layout.ts"
import { id } from "../laws/storeSubject.ts"
import { describeWith } from "../requirements.ts"
import { mountsBelow } from "../standins/standIns.ts"
import { scratchDirectory } from "./host/scratch.ts"
import { fill } from "./sandbox/busybox.ts"
import { temporaryIn } from "./store/kinds.ts"

describe("a backend by its name", () => {
  const refusal = (store: string, options?: Backends.BackendOptions) =>
    Effect.map(
      Effect.flip(Effect.scoped(Layer.build(Backends.layer(store, options)))),
      ({ hint, message }) => [message, Option.getOrElse(hint, () => "")] as const
    )

  it.effect("is refused where there is none such", () =>
    Effect.gen(function* () {
      const kinds = "The kinds are overlayfs, btrfs, xfs, rsync, zfs, docker: write overlayfs:PATH."
      expect(yield* refusal("/var/lib/x")).toEqual(['"/var/lib/x" names no store', kinds])
      expect(yield* refusal("overlayfs:")).toEqual(['"overlayfs:" names no store', kinds])
      expect(yield* refusal("")).toEqual(['"" names no store', kinds])
      expect(yield* refusal("overlays:/x")).toEqual(['"overlays:/x" names no store', 'Did you mean "overlayfs:"?'])
    })
  )

  it.effect("refuses options that it cannot heed, by their names", () =>
    Effect.gen(function* () {
      expect(yield* refusal("rsync:/nowhere", { docker: { cpus: 1 } })).toEqual([
        "docker.cpus means nothing to this store",
        'name a store with "docker:PATH", or leave it out'
      ])
      expect((yield* refusal("rsync:/nowhere", { macOs: { uid: 1000 } }))[0]).toBe(
        "macOs.uid means nothing to this store"
      )
      expect((yield* refusal("docker:/nowhere", { fastSync: true }))[0]).toMatch(/^fastSync is not for "docker:PATH"/)
    })
  )

  it.effect("refuses options that are passed over, that contradict each other, or say nothing", () =>
    Effect.gen(function* () {
      // As JavaScript may give them.
      const mode: Backends.BackendOptions = JSON.parse('{ "rsyncMode": "hardlinks" }')
      const refused: ReadonlyArray<readonly [string, Backends.BackendOptions, string]> = [
        ["overlayfs", { rsyncMode: "copy" }, "rsyncMode means nothing to this store"],
        ["docker", { rsyncMode: "copy" }, "rsyncMode means nothing to this store"],
        ["rsync", mode, 'rsyncMode: there is no mode "hardlinks"'],
        ["docker", { macOs: { uid: 1000 } }, "macOs means nothing to this store"],
        ["docker", { memory: 1e9, docker: { memory: 1e9 } }, "memory and docker.memory are both given"],
        ["rsync", { memory: 0 }, "memory: 0 is no amount"],
        ["rsync", { memory: -1 }, "memory: -1 is no amount"],
        ["docker", { memory: Infinity }, "memory: Infinity is no amount"],
        ["docker", { docker: { memory: Number.NaN } }, "docker.memory: NaN is no amount"],
        ["docker", { docker: { cpus: Number.NaN } }, "docker.cpus: NaN is no amount"],
        ["rsync", { platform: "arm64" }, 'platform: "arm64" is none'],
        ["rsync", { platform: "" }, 'platform: "" is none'],
        ["rsync", { platform: "linux/amd64/v1/x" }, 'platform: "linux/amd64/v1/x" is none']
      ]
      for (const [kind, options, message] of refused) {
        expect((yield* refusal(`${kind}:/nowhere`, options))[0]).toBe(message)
      }
      yield* Effect.scoped(Layer.build(Backends.layer("rsync:/nowhere", { rsyncMode: "hardlink", memory: 1e9 })))
      yield* Effect.scoped(Layer.build(Backends.layer("docker:/nowhere", { docker: { cpus: 0.5, memory: 1e9 } })))
      yield* Effect.scoped(Layer.build(Backends.layer("rsync:/nowhere", { platform: "linux/arm/v7" })))
    })
  )

  it.scoped("says where bases may come from by its own option's name, and the command by its flag", () =>
    Effect.gen(function* () {
      const services = yield* Layer.build(Backends.layer("rsync:/nowhere", { within: [], directory: "/var" }))
      const error = yield* Effect.flip(Context.get(services, BaseImages.BaseImages).resolve("rootfs:/etc"))
      expect(error).toMatchObject({
        hint: Option.some("put it into the source directory, or allow its directory with within")
      })
      const images = yield* Effect.transposeMapOption(Option.fromNullable(backends.get("rsync")), (backend) =>
        backend.images("/nowhere", { sourceDirectory: "/var", within: [], memo: new HashMemo() })
      )
      const said = yield* Effect.flip(Option.getOrThrow(images).resolve("rootfs:/etc"))
      expect(said.hint).toEqual(Option.some("put it into the source directory, or allow its directory with --bases"))
    })
  )

  it.scoped("looks for a Docker engine where its environment says", () =>
    Effect.gen(function* () {
      const scratch = Fs.mkdtempSync(`${tmpdir()}/obuilder-engine-`)
      yield* Effect.addFinalizer(() => Effect.sync(() => Fs.rmSync(scratch, { recursive: true })))
      const environment = { DOCKER_HOST: `unix://${scratch}/nobody-listens` }
      const services = yield* Layer.build(Backends.layer(`docker:${scratch}/store`, { environment }))
      const making = Effect.scoped(
        Context.get(services, Store.Store).build(
          { id: id("x"), parent: Option.none(), heading: "x" },
          () => Effect.void
        )
      )
      const { message } = yield* Effect.flip(making)
      expect(message).toContain(`${scratch}/nobody-listens`)
    })
  )

  it.effect("makes nothing before it is needed", () =>
    Effect.gen(function* () {
      for (const kind of ["overlayfs", "btrfs", "xfs", "rsync", "docker"]) {
        yield* Effect.scoped(Layer.build(Backends.layer(`${kind}:/nowhere/${kind}`)))
        expect(Fs.existsSync("/nowhere")).toBe(false)
      }
    })
  )
})

describeWith(["root", "busybox", "overlay", "runc"], "a backend by its name, with runc", () => {
  const scratch = scratchDirectory("backends")
  beforeAll(() => {
    fill(`${scratch.path}/project/base`)
    Fs.writeFileSync(`${scratch.path}/project/a`, "A\n")
  })

  const dev = Spec.from("rootfs:base").pipe(
    Spec.shell("/bin/sh", "-c"),
    Spec.copy("a", "/src/"),
    Spec.run("cat /src/a > /b")
  )
  const spec = Spec.from("rootfs:base").pipe(
    Spec.shell("/bin/sh", "-c"),
    Spec.copy("/b", "/from-dev", { from: dev }),
    Spec.run("cat /from-dev; ls /cache", { caches: [{ id: "c", target: "/cache" }] })
  )

  it.effect.each(["overlayfs", "rsync"])("%s builds, is healthy, and leaves nothing behind", (kind) =>
    Effect.gen(function* () {
      const directory = `${scratch.path}/project`
      // The store is in the source directory, and is not copied.
      const store = `${directory}/${kind}`
      const services = Backends.layer(`${kind}:${store}`, { directory })
      const whole = spec.pipe(
        Spec.copy(".", "/all/", { exclude: ["base", "overlayfs", "rsync"] }),
        Spec.copy(kind, "/k")
      )
      const { id, log } = yield* Effect.gen(function* () {
        yield* Engine.healthcheck({ timeout: "60 seconds" })
        const { id } = yield* Engine.build({ spec, directory, jobs: 2 })
        const chunks: Array<Uint8Array> = []
        const { results } = yield* Engine.df
        expect(results.length).toBe(yield* Engine.count)
        return { id, log: chunks }
      }).pipe(Effect.provide(services))
      expect(log).toEqual([])
      yield* Effect.gen(function* () {
        const memo = yield* Backends.memo(`${kind}:${store}`, directory)
        const prepared = yield* Engine.plan(spec, { directory, memo })
        expect((yield* Engine.build(prepared)).id).toBe(id)
        expect(yield* Engine.statistics).toMatchObject({ misses: 0, executed: 0 })
        expect(yield* Effect.flip(Engine.plan(whole, { directory }))).toMatchObject({
          place: `(copy (src ${kind}) (dst /k))`
        })
      }).pipe(Effect.scoped, Effect.provide(services))
      expect(Fs.existsSync(hashesIn(store, sha256(directory)))).toBe(true)
      expect(mountsBelow(store)).toEqual([])
      expect(Fs.readdirSync(`${directory}`).toSorted()).toEqual(expect.arrayContaining(["a", "base", kind]))
    })
  )

  it.live(
    "may be opened several times in a process: a step is executed once, and what one leaves another one prunes",
    () =>
      Effect.gen(function* () {
        const directory = `${scratch.path}/project`
        const backend = () =>
          Layer.build(Layer.fresh(Backends.layer(`overlayfs:${scratch.path}/shared`, { directory })))
        const spec = Spec.from("rootfs:base").pipe(Spec.shell("/bin/sh", "-c"), Spec.run("echo once"))
        const total = yield* Effect.scoped(
          Effect.gen(function* () {
            const [one, other] = [yield* backend(), yield* backend()]
            const both = yield* Effect.all(
              [one, other].map((context) =>
                Effect.provide(Effect.zipRight(Engine.build({ spec, directory }), Engine.statistics), context)
              ),
              { concurrency: 2 }
            )
            expect(yield* Effect.provide(Engine.prune({ maxItems: 9 }), other)).toMatchObject({ results: 0 })
            return both.reduce((sum, { executed }) => sum + executed, 0)
          })
        )
        expect(total).toBe(2)
        const rest = yield* Effect.scoped(
          Effect.flatMap(backend(), (context) => Effect.provide(Engine.prune({ maxItems: 9 }), context))
        )
        expect(rest).toMatchObject({ results: 2 })
      })
  )

  it.live(
    "lets others watch a step, which ends with the last build that wants it, and its log can be read to its end",
    () =>
      Effect.gen(function* () {
        const directory = `${scratch.path}/project`
        const store = `${scratch.path}/watched`
        yield* Effect.gen(function* () {
          const begun = yield* Effect.makeLatch()
          const reading = yield* Effect.makeLatch()
          const goOn = yield* Effect.makeLatch()
          const spec = Spec.from("rootfs:base").pipe(Spec.shell("/bin/sh", "-c"), Spec.run("echo begun; sleep 1000"))
          const onEvent = (event: Events.BuildEvent) => (event._tag === "Output" ? begun.open : Effect.void)
          const building = yield* Effect.fork(Engine.build({ spec, directory, onEvent }))
          yield* begun.await
          const [step] = yield* Engine.running
          let text = ""
          const watching = Stream.runForEach(Engine.attach(step?.id ?? ""), (chunk) => {
            text += Buffer.from(chunk).toString()
            return Effect.zipRight(reading.open, goOn.await)
          })
          const fiber = yield* Effect.fork(Effect.flip(watching))
          yield* reading.await
          yield* Fiber.interrupt(building)
          expect(yield* Engine.running).toEqual([])
          yield* goOn.open
          expect((yield* Fiber.join(fiber))._tag).toBe("StepCancelled")
          expect(text).toBe("begun\n")
          // The base is there; what was cancelled is not.
          expect(yield* Engine.count).toBe(1)
        }).pipe(Effect.provide(Backends.layer(`overlayfs:${store}`, { directory })))
        expect(temporaryIn(store)).toEqual([])
        expect(mountsBelow(store)).toEqual([])
      })
  )
})
