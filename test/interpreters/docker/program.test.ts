/** The program, with bases of a Docker engine. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { Readable } from "node:stream"
import * as DockerEngine from "../../../src/interpreters/docker/DockerEngine.ts"
import { describeWith } from "../../requirements.ts"
import { readTar } from "../../reference/readTar.ts"
import { Program } from "../../robustness/program.ts"
import { until } from "../../until.ts"
import { dockerArchive } from "../base/images.ts"
import { system } from "../base/specimens.ts"
import { temporaryDirectory } from "../base/trees.ts"
import { debian, newerWithContainerd, start } from "./realDocker.ts"
import { on, serve } from "./scriptedEngine.ts"

const program = new Program("docker")
const NOBODY = { through: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] }
const WRONG = 2

const spec = (name: string, base: string): string =>
  program.write(`${name}.spec`, `((from ${base})\n (copy (src file) (dst /)))\n`)

const words = (file: string): ReadonlyArray<string> => [
  `--store=rsync:${program.path("store")}`,
  ...["-f", file, program.path("source")]
]

describeWith(["root", "busybox"], "a build from an image of a Docker engine", () => {
  const daemon = () => spec("daemon", "docker-daemon:x:1")

  it.scopedLive("says so where the engine is for others, or not there, or not in a directory that is allowed", () =>
    Effect.gen(function* () {
      const socket = program.path("for-root")
      yield* serve(socket)
      Fs.chmodSync(socket, 0o600)
      const fails = (host: string, ...more: ReadonlyArray<string>) => {
        const environment = { DOCKER_HOST: host }
        program.write("source/file", "content\n")
        return Effect.promise(() =>
          program.fails(WRONG, ["build", "--dry-run", ...more, ...words(daemon())], { ...NOBODY, environment })
        )
      }
      expect(yield* fails(`unix://${socket}`)).toMatchSnapshot()
      expect(yield* fails(`unix://${program.path("none")}`)).toMatchSnapshot()
      expect(yield* fails(`unix://${socket}`, "--bases=.")).toMatchSnapshot()
    })
  )

  it.scopedLive("leaves nothing where it is killed while the image comes", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const engine = yield* serve(`${directory}/socket`)
      const id = `sha256:${"a".repeat(64)}`
      const inspection = { Id: id, Os: "linux", Architecture: "amd64" }
      for (const name of ["docker.io/library/x:1", id])
        engine.images.set(name, { inspection, archive: Buffer.alloc(0) })
      engine.scripts.push(on(/get$/, (_, response) => response.write(Buffer.alloc(100_000))))
      program.write("source/file", "content\n")
      Fs.mkdirSync(`${directory}/tmp`)
      const environment = { DOCKER_HOST: engine.host, TMPDIR: `${directory}/tmp` }
      const running = program.start(["build", ...words(daemon())], { environment })
      const files = () => Fs.readdirSync(`/proc/${running.pid}/fd`).map((fd) => target(`/proc/${running.pid}/fd/${fd}`))
      yield* Effect.promise(() =>
        until("some of the image is there", () => files().some((path) => path.startsWith(`${directory}/tmp/`)))
      )
      running.kill("SIGKILL")
      yield* Effect.promise(() => running.ended)
      expect(Fs.readdirSync(`${directory}/tmp`)).toEqual([])
    })
  )
})

/** What a descriptor is of; nothing where it is closed already. */
const target = (path: string): string => {
  try {
    return Fs.readlinkSync(path)
  } catch {
    return ""
  }
}

for (const kind of [debian, newerWithContainerd])
  describeWith(["root", "busybox", kind.needs], `a build from an image of ${kind.name}`, () => {
    it.scopedLive("has the result that it has from an archive of the image", () =>
      Effect.gen(function* () {
        const host = yield* start(`${yield* temporaryDirectory}/engine`, kind)
        const archive = dockerArchive({ ...system(), name: "x:1" })
        program.write("source/file", "content\n")
        program.write("source/x.tar", archive)
        yield* Effect.promise(async () => {
          const engine = await DockerEngine.open({ DOCKER_HOST: host })
          await engine.load(Readable.from([archive]), new AbortController().signal)
          await engine.close()
          const options = { environment: { DOCKER_HOST: host }, store: program.path("store") }
          const result = async (name: string, base: string) => {
            const id = await program.builds(words(spec(name, base)), options)
            const saved = program.path("result.tar")
            const exported = ["export", `--store=rsync:${program.path("store")}`, id, "--format=tar", "-o", saved]
            expect(await program.run(exported)).toMatchObject({ status: 0 })
            const files = await readTar(Fs.readFileSync(saved))
            Fs.rmSync(saved)
            return { id, files }
          }
          const real = await result("real", "docker-daemon:x:1")
          expect(real.files.map(({ path }) => path)).toContain("/bin/busybox")
          const archived = await result("archive", "docker-archive:x.tar")
          expect(real.files).toEqual(archived.files)
          // containerd names the base by its manifest, which an archive has none of.
          expect(real.id === archived.id).toBe(!kind.containerd)
        })
      })
    )
  })
