/** Bases from a registry, for a user at the command line. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { expect } from "vitest"
import { directory, file, ociLayout } from "../interpreters/base/images.ts"
import { type ScriptedRegistry, serve } from "../interpreters/registry/scriptedRegistry.ts"
import { describeWith } from "../requirements.ts"
import { Program } from "./program.ts"

const program = new Program("registries")
const at = (name: string): string => program.path(name)

const BAD_INPUT = 2

/** A store of one's own, a registry with busybox as `team/busybox:1`, and a spec on that. */
const world = (name: string) =>
  Effect.gen(function* () {
    const busybox = execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim()
    const layer = [directory("bin"), file("bin/sh", Fs.readFileSync(busybox), { mode: 0o755 })]
    ociLayout(at(`${name}/layout`), { layers: [layer], name: "1", env: ["PATH=/bin", "GREETING=hello"] })
    const registry: ScriptedRegistry = yield* serve(at(`${name}/layout`))
    const spec = program.write(
      `${name}/spec`,
      `((from ${registry.host}/team/busybox:1) (shell /bin/sh -c) (run (shell "echo $GREETING")))`
    )
    Fs.mkdirSync(at(`${name}/source`))
    const store = `--store=overlayfs:${at(`${name}/store`)}`
    const run = (...args: ReadonlyArray<string>) => Effect.promise(() => program.run(args))
    const build = (...args: ReadonlyArray<string>) => run("build", store, ...args, "-f", spec, at(`${name}/source`))
    const goesAway = Effect.sync(() =>
      registry.scripts.push(({ socket }) => {
        socket.destroy()
        return true
      })
    )
    return { registry, store, run, build, goesAway, path: at(`${name}/store`) }
  })

const layersIn = (path: string): ReadonlyArray<string> => Fs.readdirSync(`${path}/images/blobs/sha256`)

describeWith(["root", "runc", "overlay", "busybox"], "a base in a registry", () => {
  it.scopedLive(
    "is fetched for the first build, and then known",
    () =>
      Effect.gen(function* () {
        const { build, goesAway, path, registry } = yield* world("known")
        const planned = yield* build("--dry-run", "--format=json")
        expect(planned).toMatchObject({ status: 0, stderr: "" })
        expect(Fs.existsSync(path)).toBe(false)
        const first = yield* build()
        expect(first).toMatchObject({ status: 0, stdout: expect.stringContaining("\nhello\n") })
        expect(first.stderr).toMatch(/^obuilder: fetching 127\.0\.0\.1:\d+\/team\/busybox:1: [\d.]+ [KM]iB\n$/)
        expect(first.stdout).toContain(JSON.parse(planned.stdout).result)
        const asked = registry.asked.length
        yield* goesAway
        expect((yield* build()).stdout).not.toContain("saved")
        expect(yield* build("--dry-run", "--format=json")).toMatchObject({ status: 0, stderr: "" })
        expect(registry.asked.length).toBe(asked)
        const pulled = yield* build("-q", "--pull")
        expect(pulled).toMatchObject({ status: BAD_INPUT, stdout: "" })
        expect(pulled.stderr).toMatch(/:1:2: error: cannot reach .*: the connection was closed/)
      }),
    60_000
  )

  it.scopedLive("is pinned in a spec, of which nothing else changes", () =>
    Effect.gen(function* () {
      const { build, registry, run } = yield* world("pinned")
      const planned = JSON.parse((yield* build("--dry-run", "--format=json")).stdout)
      const name = `${registry.host}/team/busybox:1`
      const text = (first: string, second: string, third: string) =>
        `; (from ${name}) stays\r\n((build a ((from ${first}) ; é ; the tool\n (copy (src a) (dst b))))\n` +
        ` (build b ((from   #|why|# ${second}   )))\n (build c ((from scratch)))\n\n (from ${third}))\n\n`
      const file = program.write("pinned/whole", text(name, `"${name}"`, `docker://${name}`))
      const digest = JSON.parse(Fs.readFileSync(at("pinned/layout/index.json"), "utf8")).manifests[0].digest
      const pin = `${name}@${digest}`
      const expected = text(pin, pin, `docker://${pin}`)
      expect(yield* run("pin", "-f", file, "--print", "-q")).toMatchObject({ status: 0, stdout: expected, stderr: "" })
      expect(Fs.readFileSync(file, "utf8")).not.toBe(expected)
      const pinned = yield* run("pin", "-f", file)
      expect(pinned).toMatchObject({ status: 0, stdout: "", stderr: expect.stringContaining(`${name} is ${pin}\n`) })
      expect(Fs.readFileSync(file, "utf8")).toBe(expected)
      const before = Fs.statSync(file)
      expect(yield* run("pin", "-f", file)).toMatchObject({ status: 0, stdout: "", stderr: "" })
      expect(Fs.statSync(file)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs })
      // It is the same base.
      yield* run("pin", "-f", at("pinned/spec"))
      const again = JSON.parse((yield* build("--dry-run", "--format=json")).stdout)
      expect(again.steps[0].id).toBe(planned.steps[0].id)
    })
  )

  it.scopedLive(
    "is counted, pruned and cleaned with the rest",
    () =>
      Effect.gen(function* () {
        const { build, goesAway, path, run, store } = yield* world("pruned")
        yield* build("-q")
        const usage = JSON.parse((yield* run("df", store, "--format=json")).stdout)
        expect(usage.layers).toMatchObject({ count: 1, unique: expect.any(Number) })
        expect(usage.items.layers[0].digest).toBe(layersIn(path)[0])
        expect((yield* run("df", store)).stdout).toMatch(/^image layers +1 /m)
        const would = yield* run("prune", store, "--keep-storage=0", "--dry-run")
        expect(would.stdout).toMatch(/^2 results and 1 image layer would be deleted/m)
        expect(layersIn(path)).toHaveLength(1)
        const pruned = yield* run("prune", store, "--keep-storage=0")
        expect(pruned.stdout).toMatch(/^2 results and 1 image layer deleted/m)
        expect(layersIn(path)).toEqual([])
        yield* build("-q")
        expect((yield* run("clean", store)).stdout).toMatch(/^2 results, 0 caches and 1 image layer deleted/m)
        for (const name of ["blobs/sha256", "blobs/partial", "documents", "tags"]) {
          expect(Fs.readdirSync(`${path}/images/${name}`), name).toEqual([])
        }
        yield* goesAway
        expect(yield* build("-q", "--dry-run")).toMatchObject({ status: BAD_INPUT, stdout: "" })
      }),
    60_000
  )
})
