/** Base images of an engine that answers well, badly, or not at all. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import type { ServerResponse } from "node:http"
import * as LocalBaseImages from "../../../src/interpreters/base/LocalBaseImages.ts"
import * as DockerImages from "../../../src/interpreters/docker/DockerImages.ts"
import { describeWith } from "../../requirements.ts"
import { until } from "../../until.ts"
import { dockerArchive, file, type Image, sha256, tarOf, writeImage, writeIndex, writeLayout } from "../base/images.ts"
import { describeTree, temporaryDirectory } from "../base/trees.ts"
import { type Options, said, unpackReference } from "../base/unpacking.ts"
import { reply } from "../registry/scriptedRegistry.ts"
import { on, type ScriptedEngine, serve } from "./scriptedEngine.ts"

const second = [file("b", "b")]
const image: Image = { layers: [[file("a", "a")], second], env: ["PATH=/bin", "A=b"], name: "tool:1" }

/** The digest of the only configuration in an archive. */
const configurationOf = (archive: Buffer): string =>
  /([0-9a-f]{64})\.json/.exec(archive.toString("latin1"))?.[1] ?? "there is none"

const NAME = "docker.io/library/tool:1"

interface World {
  readonly engine: ScriptedEngine
  readonly directory: string
  readonly digest: string
  readonly id: string
  readonly options: Options
  /** Names of files where images are kept while they are unpacked. */
  readonly kept: () => ReadonlyArray<string>
  /** Resolves and unpacks, which is to fail; gives the message and the hint. */
  readonly failure: (reference?: string) => Effect.Effect<string>
}

/** An engine that has {@link image}. */
const world = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const engine = yield* serve(`${directory}/socket`)
  const archive = dockerArchive(image)
  const digest = configurationOf(archive)
  const id = `sha256:${digest}`
  const inspection = { Id: id, Os: "linux", Architecture: "amd64", Variant: "", Config: { Env: image.env } }
  for (const name of [NAME, id]) engine.images.set(name, { inspection, archive })
  Fs.mkdirSync(`${directory}/tmp`)
  Fs.writeFileSync(`${directory}/tool.tar`, archive)
  const environment = { DOCKER_HOST: engine.host, TMPDIR: `${directory}/tmp` }
  const options = { docker: DockerImages.make({ environment }) }
  const kept = () => Fs.readdirSync(`${directory}/tmp`)
  const failure = (reference = "docker-daemon:tool:1") =>
    Effect.map(Effect.flip(unpackReference(directory, reference, options)), (error) =>
      said(error).replaceAll(directory, "DIR").replaceAll(digest, "DIGEST")
    ).pipe(
      Effect.orDieWith((root) => new Error(`it was unpacked to ${root}`)),
      Effect.ensuring(Effect.sync(() => Fs.rmSync(`${directory}/root`, { recursive: true, force: true })))
    )
  return { engine, directory, digest, id, options, kept, failure } satisfies World
})

describeWith(["root"], "an image of a Docker engine", () => {
  it.scopedLive("is the same base as in an archive; nothing is exported before it is unpacked", () =>
    Effect.gen(function* () {
      const { digest, directory, engine, id, kept, options } = yield* world
      const images = LocalBaseImages.make({ sourceDirectory: directory, platform: "linux/amd64", ...options })
      const expected = yield* images.resolve("docker-archive:tool.tar")
      expect(yield* images.resolve("docker-daemon:tool:1")).toEqual(expected)
      expect(yield* images.resolve(`docker-daemon:${id}`)).toEqual(expected)
      expect(expected).toMatchObject({ format: "docker", digest })
      expect(engine.asked).toEqual([
        `GET /images/docker.io/library/tool%3A1/json`,
        `GET /images/sha256%3A${digest}/json`
      ])
      const theirs = describeTree(yield* unpackReference(directory, "docker-archive:tool.tar"))
      Fs.rmSync(`${directory}/root`, { recursive: true })
      expect(describeTree(yield* unpackReference(directory, "docker-daemon:tool:1", options))).toEqual(theirs)
      expect(engine.asked.at(-1)).toBe(`GET /images/sha256%3A${digest}/get`)
      expect(kept()).toEqual([])
      yield* Effect.promise(() => until("all connections are closed", () => engine.connections() === 0))
    })
  )

  it.scopedLive("is the one that was planned, whatever its name means by then", () =>
    Effect.gen(function* () {
      const { directory, engine, options } = yield* world
      const images = LocalBaseImages.make({ sourceDirectory: directory, platform: "linux/amd64", ...options })
      const base = yield* images.resolve("docker-daemon:tool:1")
      engine.images.delete(NAME)
      const path = `${directory}/root`
      Fs.mkdirSync(path)
      yield* images.unpack("docker-daemon:tool:1", base, { _tag: "Directory", path })
      expect(Fs.readdirSync(path)).toEqual(["a", "b"])
    })
  )

  it.scopedLive.each(["manifest", "index"])("may be named by its %s, where containerd keeps it", (by) =>
    Effect.gen(function* () {
      const { directory, engine, kept, options } = yield* world
      const layout = `${directory}/layout`
      const manifest = writeImage(layout, image)
      const platform = { os: "linux", architecture: "amd64" }
      const unknown = { os: "unknown", architecture: "unknown" }
      // Beside the image there is a statement of how it was made.
      const index = writeIndex(layout, [
        { ...manifest, platform },
        { ...writeImage(layout, { layers: [] }), platform: unknown }
      ])
      const { digest: id } = by === "index" ? index : manifest
      writeLayout(layout, [index])
      Fs.writeFileSync(`${layout}/manifest.json`, "[]")
      const archive = execFileSync("tar", ["-cC", layout, "."])
      const inspection = { Id: id, Os: "linux", Architecture: "amd64", Config: { Env: image.env } }
      for (const name of [NAME, id]) engine.images.set(name, { inspection, archive })
      const images = LocalBaseImages.make({ sourceDirectory: directory, platform: "linux/amd64", ...options })
      expect(yield* images.resolve("docker-daemon:tool:1")).toMatchObject({ digest: id.slice("sha256:".length) })
      const theirs = describeTree(yield* unpackReference(directory, "docker-archive:tool.tar"))
      Fs.rmSync(`${directory}/root`, { recursive: true })
      expect(describeTree(yield* unpackReference(directory, "docker-daemon:tool:1", options))).toEqual(theirs)
      expect(kept()).toEqual([])
    })
  )

  it.scopedLive("may be one of an engine on another machine", () =>
    Effect.gen(function* () {
      const { directory, engine } = yield* world
      const other = yield* serve()
      for (const [name, found] of engine.images) other.images.set(name, found)
      const docker = DockerImages.make({ environment: { DOCKER_HOST: other.host, TMPDIR: directory } })
      const root = yield* unpackReference(directory, "docker-daemon:tool:1", { docker })
      expect(Fs.readdirSync(root)).toEqual(["a", "b"])
      expect(engine.asked).toEqual([])
    })
  )

  it.scopedLive("is named as it is where names are pinned", () =>
    Effect.gen(function* () {
      const { directory, engine, options } = yield* world
      const images = LocalBaseImages.make({ sourceDirectory: directory, ...options })
      expect(yield* images.pin("docker-daemon:tool:1")).toEqual(Option.none())
      expect(engine.asked).toEqual([])
    })
  )

  it.scopedLive("is refused where bases may come from some directories only", () =>
    Effect.gen(function* () {
      const { directory, engine, options } = yield* world
      const images = LocalBaseImages.make({ sourceDirectory: directory, within: ["/"], ...options })
      const error = yield* Effect.flip(images.resolve("docker-daemon:tool:1"))
      expect(said(error)).toMatchInlineSnapshot(
        `"docker.io/library/tool:1 is in a Docker engine, and in none of the directories that bases may come from (save it into the source directory (docker save -o image.tar docker.io/library/tool:1), and write (from docker-archive:image.tar), or leave within out)"`
      )
      const base = yield* LocalBaseImages.make({ sourceDirectory: directory, ...options }).resolve(
        "docker-daemon:tool:1"
      )
      const path = `${directory}/root`
      Fs.mkdirSync(path)
      const again = yield* Effect.flip(images.unpack("docker-daemon:tool:1", base, { _tag: "Directory", path }))
      expect(said(again)).toBe(said(error))
      expect(engine.asked).toHaveLength(1)
    })
  )

  it.scopedLive("cannot be had where no engine is asked", () =>
    Effect.gen(function* () {
      const { directory } = yield* world
      const error = yield* Effect.flip(unpackReference(directory, "docker-daemon:tool:1"))
      expect(said(error)).toMatchInlineSnapshot(
        `"docker.io/library/tool:1 is in a Docker engine, and none is asked here (save it into the source directory (docker save -o image.tar docker.io/library/tool:1), and write (from docker-archive:image.tar))"`
      )
    })
  )
})

/** Sends the beginning of something longer, and no more. */
const begin = (response: ServerResponse, content: Buffer): void => {
  response.writeHead(200, { "content-length": content.length })
  response.write(content.subarray(0, 1000))
}

describeWith(["root"], "a Docker engine", () => {
  it.scopedLive("may say anything of an image", () =>
    Effect.gen(function* () {
      const { engine, failure } = yield* world
      const inspected = (change: object) => {
        const found = engine.images.get(NAME)
        return on(/json$/, (_, response) => reply(response, 200, JSON.stringify({ ...found?.inspection, ...change })))
      }
      const answers = [
        on(/json$/, (_, response) => reply(response, 500, JSON.stringify({ message: "bad\u001B[31m luck" }))),
        on(/json$/, (_, response) => reply(response, 503, "<html>")),
        on(/json$/, (_, response) => reply(response, 200, "<html>")),
        on(/json$/, (_, response) => void response.destroy()),
        on(/json$/, (_, response) => reply(response, 200, Buffer.alloc(17 * 1024 * 1024, " "))),
        inspected({ Id: "12ab" }),
        inspected({ Os: "windows" }),
        inspected({ Config: { Env: ["=nothing"] } })
      ]
      const messages = [yield* failure("docker-daemon:nothing")]
      messages.push(yield* failure(`docker-daemon:sha256:${"0".repeat(64)}`))
      for (const script of answers) {
        engine.scripts.splice(0, 1, script)
        messages.push(yield* failure())
      }
      expect(messages).toMatchInlineSnapshot(`
        [
          "the Docker engine at unix://DIR/socket has no image docker.io/library/nothing:latest (pull it (docker pull docker.io/library/nothing:latest), or write (from docker.io/library/nothing:latest) to have it fetched without Docker)",
          "the Docker engine at unix://DIR/socket has no image sha256:0000000000000000000000000000000000000000000000000000000000000000 (docker images --no-trunc lists those that it has)",
          "the Docker engine at unix://DIR/socket answers 500: bad\\u{1b}[31m luck",
          "the Docker engine at unix://DIR/socket answers 503",
          "what the Docker engine at unix://DIR/socket says of docker.io/library/tool:1 is not JSON (it is damaged: make or copy the image again)",
          "the Docker engine at unix://DIR/socket has closed the connection (look at its log; if it was restarted, try again)",
          "what the Docker engine at unix://DIR/socket says of docker.io/library/tool:1 is larger than 16777216 bytes, which it has no reason to be",
          "what the Docker engine at unix://DIR/socket says of docker.io/library/tool:1 is not what it should be at Id: expected a digest of the form sha256:HEX (no other is supported)",
          "the image in the Docker engine at unix://DIR/socket is for windows/amd64, not for linux/amd64 (containers of Windows need --platform=windows/amd64, and --store=docker:PATH)",
          "the image in the Docker engine at unix://DIR/socket sets the environment variable "=nothing", which is not NAME=VALUE",
        ]
      `)
    })
  )

  it.scopedLive("may say anything when an image is saved, and nothing is left of it", () =>
    Effect.gen(function* () {
      const { digest, engine, failure, id, kept } = yield* world
      const archive = engine.images.get(NAME)?.archive ?? Buffer.alloc(0)
      const saves = (content: Buffer) => on(/get$/, (_, response) => reply(response, 200, content))
      const blob = (name: string, content: string) => file(`blobs/sha256/${name}`, content)
      const answers = [
        on(new RegExp(`${id}/json$`), (_, response) => reply(response, 404, "{}")),
        on(/get$/, (_, response) => reply(response, 500, JSON.stringify({ message: "no space left" }))),
        on(/get$/, (_, response) => {
          begin(response, archive)
          response.write(Buffer.alloc(1), () => response.destroy())
        }),
        saves(archive.subarray(0, 1000)),
        saves(Buffer.alloc(0)),
        saves(dockerArchive({ ...image, env: ["PATH=/other"] })),
        saves(tarOf([blob(digest, "{}"), file("manifest.json", "[]")]))
      ]
      const messages: Array<string> = []
      for (const script of answers) {
        engine.scripts.splice(0, 1, script)
        messages.push(yield* failure())
        expect(kept()).toEqual([])
      }
      expect(messages).toMatchInlineSnapshot(`
        [
          "the Docker engine at unix://DIR/socket has the image sha256:DIGEST no longer (build again)",
          "the Docker engine at unix://DIR/socket answers 500: no space left",
          "the Docker engine at unix://DIR/socket has closed the connection (look at its log; if it was restarted, try again)",
          "the archive from the Docker engine at unix://DIR/socket is cut off (make or copy it again)",
          "the archive from the Docker engine at unix://DIR/socket is not what docker save writes: it has no manifest.json",
          "the archive from the Docker engine at unix://DIR/socket does not hold the image sha256:DIGEST, which it was asked for (build again)",
          "the manifest sha256:DIGEST in the archive from the Docker engine at unix://DIR/socket has the digest sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a, not sha256:DIGEST (it is damaged or was changed: make or copy it again)",
        ]
      `)
    })
  )

  it.scopedLive("may change what it saves, which is noticed layer by layer", () =>
    Effect.gen(function* () {
      const { engine, failure } = yield* world
      const layer = tarOf(second)
      const archive = Buffer.from(engine.images.get(NAME)?.archive ?? "")
      archive.write("c", archive.indexOf(layer) + 512)
      engine.scripts.push(on(/get$/, (_, response) => reply(response, 200, archive)))
      expect((yield* failure()).replaceAll(sha256(layer), "LAYER")).toMatch(/LAYER/)
    })
  )

  it.scopedLive("may fall silent: whoever gives up does so at once, and nothing is left", () =>
    Effect.gen(function* () {
      const { directory, engine, kept, options } = yield* world
      const archive = engine.images.get(NAME)?.archive ?? Buffer.alloc(0)
      engine.scripts.push(on(/get$/, (_, response) => begin(response, archive)))
      const unpacking = yield* Effect.fork(unpackReference(directory, "docker-daemon:tool:1", options))
      const open = () =>
        Fs.readdirSync("/proc/self/fd").filter((fd) => {
          try {
            return Fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${directory}/tmp`)
          } catch {
            return false
          }
        })
      yield* Effect.promise(() => until("some of the image has come", () => sizes(open()).includes(1000)))
      // Were this process killed now, there would be no name that leads to the file.
      expect(kept()).toEqual([])
      yield* Fiber.interrupt(unpacking)
      expect(open()).toEqual([])
      yield* Effect.promise(() => until("the connection is closed", () => engine.connections() === 0))
    })
  )

  it.scopedLive("may not be there", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const closed = yield* Effect.scoped(serve())
      const hosts = [`unix://${directory}/none`, `unix://${directory}`, closed.host, "tcp://127.0.0.1:1", "ssh://there"]
      const messages: Array<string> = []
      for (const host of hosts) {
        const docker = DockerImages.make({ environment: { DOCKER_HOST: host } })
        const error = yield* Effect.flip(unpackReference(directory, "docker-daemon:tool:1", { docker }))
        messages.push(said(error).replaceAll(directory, "DIR").replaceAll(closed.host, "tcp://HOST"))
      }
      expect(messages).toMatchInlineSnapshot(`
        [
          "the Docker engine at unix://DIR/none is not there: nobody listens (start it, or say in DOCKER_HOST where it is)",
          "the Docker engine at unix://DIR is not there: nobody listens (start it, or say in DOCKER_HOST where it is)",
          "the Docker engine at tcp://HOST is not there: nobody listens (start it, or say in DOCKER_HOST where it is)",
          "the Docker engine at tcp://127.0.0.1:1 is not there: nobody listens (start it, or say in DOCKER_HOST where it is)",
          "DOCKER_HOST names a Docker engine by ssh://, which is not supported (set DOCKER_HOST to unix://PATH or tcp://HOST:PORT, without TLS; a tunnel (ssh -L) may lead there)",
        ]
      `)
    })
  )

  it.scopedLive("is not asked where its images could not be kept", () =>
    Effect.gen(function* () {
      const { directory, engine } = yield* world
      const environment = { DOCKER_HOST: engine.host, TMPDIR: `${directory}/missing` }
      const docker = DockerImages.make({ environment })
      const error = yield* Effect.flip(unpackReference(directory, "docker-daemon:tool:1", { docker }))
      expect(said(error)).toMatch(/^cannot make a file in .*\/missing: ENOENT/)
      expect(engine.asked).toHaveLength(1)
    })
  )
})

const sizes = (descriptors: ReadonlyArray<string>): ReadonlyArray<number> =>
  descriptors.map((fd) => Fs.fstatSync(Number(fd)).size)
