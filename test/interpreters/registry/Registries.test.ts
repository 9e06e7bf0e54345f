/** Images from a registry that answers well, badly, late, or not at all. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import type { BaseImagesService } from "../../../src/interpreters/BaseImages.ts"
import * as LocalBaseImages from "../../../src/interpreters/base/LocalBaseImages.ts"
import type { UnpackLimits } from "../../../src/interpreters/base/UnpackLayers.ts"
import * as Images from "../../../src/interpreters/store/local/Images.ts"
import * as Registries from "../../../src/interpreters/registry/Registries.ts"
import { describeWith } from "../../requirements.ts"
import { until } from "../../until.ts"
import { directory, file, ociLayout, sha256, tarOf } from "../base/images.ts"
import { temporaryDirectory } from "../base/trees.ts"
import { said } from "../base/unpacking.ts"
import { type Asked, damaging, first, reply, type Script, type ScriptedRegistry, serve } from "./scriptedRegistry.ts"

/** More than a socket buffers. */
const LARGE = Buffer.alloc(6_000_000, "large and easily compressed, but not compressed here\n")
const plain = (tar: Buffer): Buffer => tar

interface World {
  readonly registry: ScriptedRegistry
  readonly path: string
  /** What registries are opened with where a test wants nothing else. */
  readonly usual: Registries.RegistriesOptions
  /** Milliseconds of the pauses that were made. */
  readonly pauses: ReadonlyArray<number>
  readonly open: (options?: Partial<Registries.RegistriesOptions>, limits?: UnpackLimits) => BaseImagesService
  /** With this in `registries.conf`, and a directory of its own for what is kept. */
  readonly configured: (toml: string, kept: string) => BaseImagesService
  /** Resolves and unpacks; gives the files' sizes by their names. */
  readonly unpacked: (
    reference: string,
    images?: BaseImagesService
  ) => Effect.Effect<Readonly<Record<string, number>>, string>
  readonly partial: () => ReadonlyArray<string>
}

const world = Effect.gen(function* () {
  const path = yield* temporaryDirectory
  const layers = [
    { tar: largeTar, compress: plain, mediaType: "application/vnd.oci.image.layer.v1.tar" },
    [directory("etc"), file("etc/motd", "hello\n")]
  ]
  ociLayout(`${path}/layout`, { layers, name: "v1", env: ["A=b"] }, { layers: [[file("two")]], name: "v2" })
  const registry = yield* serve(`${path}/layout`)
  const pauses: Array<number> = []
  const scope = yield* Effect.scope
  const usual: Registries.RegistriesOptions = {
    directory: () => `${path}/kept`,
    remembers: true,
    pulls: false,
    environment: { HOME: `${path}/home`, PATH: `${path}/bin:${process.env["PATH"]}` },
    pause: (milliseconds) => {
      pauses.push(milliseconds)
      return Promise.resolve()
    }
  }
  const open: World["open"] = (options = {}, limits) =>
    LocalBaseImages.make({
      ...(limits === undefined ? {} : { limits }),
      sourceDirectory: path,
      platform: "linux/amd64",
      registries: Effect.runSync(Scope.extend(Registries.make({ ...usual, ...options }), scope))
    })
  let count = 0
  const unpacked: World["unpacked"] = (reference, images = open()) =>
    Effect.gen(function* () {
      const base = yield* images.resolve(reference)
      const root = `${path}/root-${count++}`
      Fs.mkdirSync(root)
      yield* images.unpack(reference, base, { _tag: "Directory", path: root })
      const names = Fs.readdirSync(root, { recursive: true, encoding: "utf8" })
      return Object.fromEntries(
        names.flatMap((name) => {
          const stats = Fs.lstatSync(`${root}/${name}`)
          return stats.isFile() ? [[name, stats.size] as const] : []
        })
      )
    }).pipe(Effect.mapError(said))
  const configured: World["configured"] = (toml, kept) => {
    const conf = `${path}/registries.conf`
    Fs.writeFileSync(conf, toml)
    return open({ environment: { CONTAINERS_REGISTRIES_CONF: conf, HOME: path }, directory: () => `${path}/${kept}` })
  }
  const partial = () =>
    Fs.existsSync(`${path}/kept/blobs/partial`) ? Fs.readdirSync(`${path}/kept/blobs/partial`) : []
  return { registry, path, usual, pauses, open, configured, unpacked, partial } satisfies World
})

const largeTar = tarOf([file("large", LARGE)])
const largeBlob = new RegExp(`blobs/sha256:${sha256(largeTar)}$`)

const V1 = { large: LARGE.length, "etc/motd": 6 }

describeWith(["root"], "an image in a registry", () => {
  it.scopedLive("is resolved and unpacked, and asked for once", () =>
    Effect.gen(function* () {
      const { open, partial, registry, unpacked } = yield* world
      const reference = `${registry.host}/team/image:v1`
      expect(yield* unpacked(reference)).toEqual(V1)
      expect(partial()).toEqual([])
      const count = registry.asked.length
      // Index or manifest, configuration, two layers.
      expect(count).toBe(4)
      expect(yield* unpacked(reference)).toEqual(V1)
      expect(yield* unpacked(`docker://${reference}`, open({ remembers: false }))).toEqual(V1)
      expect(registry.asked.length).toBe(count)
      const base = yield* open().resolve(reference)
      expect(base).toMatchObject({ format: "oci", platform: "linux/amd64", environment: [{ name: "A", value: "b" }] })
      expect(yield* unpacked(`${registry.host}/team/image@sha256:${base.digest}`)).toEqual(V1)
      expect(registry.asked.length).toBe(count)
    })
  )

  it.scopedLive("is asked for over the connection that another one was, until the scope closes", () =>
    Effect.gen(function* () {
      const { path, registry, usual } = yield* world
      const conf = `${path}/registries.conf`
      const environment = { HOME: path, CONTAINERS_REGISTRIES_CONF: conf }
      yield* Effect.gen(function* () {
        const registries = yield* Registries.make({ ...usual, environment })
        const images = LocalBaseImages.make({ sourceDirectory: path, platform: "linux/amd64", registries })
        const resolved = (name: string) => Effect.mapError(images.resolve(`${registry.host}/${name}`), said)
        expect(yield* Effect.flip(resolved("a:v1"))).toMatch(/^cannot read registries.conf: ENOENT/)
        Fs.writeFileSync(conf, "")
        yield* resolved("a:v1")
        // It is not read again.
        Fs.writeFileSync(conf, "[[registry")
        yield* Effect.forEach(["b:v1", "c:v1", "d:v2"], resolved)
      }).pipe(Effect.scoped)
      // A second one where the next question is asked before the first is known to be free.
      expect(registry.connections.size).toBeLessThanOrEqual(2)
      const isClosed = () => [...registry.connections].every(({ destroyed }) => destroyed)
      yield* Effect.promise(() => until("it is closed", isClosed))
    })
  )

  it.scopedLive("goes on being fetched when another one is given up", () =>
    Effect.gen(function* () {
      const { open, registry, unpacked } = yield* world
      let goOn: (() => void) | undefined
      registry.scripts.push(
        first(1, largeBlob, (_, response) => {
          response.writeHead(200, { "content-length": largeTar.length })
          response.write(largeTar.subarray(0, 1_000_000))
        }),
        first(1, /manifests.v2$/, ({ url = "" }, response) => {
          goOn = () => reply(response, 307, "", { location: url })
        })
      )
      const images = open()
      const one = yield* Effect.fork(unpacked(`${registry.host}/image:v1`, images))
      const other = yield* Effect.fork(unpacked(`${registry.host}/image:v2`, images))
      const isAsked = () => goOn !== undefined && registry.asked.some(({ path }) => largeBlob.test(path))
      yield* Effect.promise(() => until("both are asked for", isAsked))
      yield* Fiber.interrupt(one)
      goOn?.()
      expect(yield* Fiber.join(other)).toEqual({ two: 0 })
    })
  )

  it.scopedLive("is asked for once by two that resolve it at the same time, also when one is given up", () =>
    Effect.gen(function* () {
      const { open, registry } = yield* world
      const images = open({ remembers: false })
      const resolved = (tag: string) => images.resolve(`${registry.host}/image:${tag}`)
      const both = yield* Effect.all([resolved("v1"), resolved("v1")], { concurrency: 2 })
      expect(both[0]).toEqual(both[1])
      // Manifest and configuration.
      expect(registry.asked.length).toBe(2)
      registry.scripts.push(first(1, /manifests.v2$/, () => undefined))
      const one = yield* Effect.fork(resolved("v2"))
      yield* Effect.promise(() => until("the first asks", () => registry.asked.length === 3))
      const other = yield* Effect.fork(resolved("v2"))
      yield* Fiber.interrupt(one)
      expect((yield* Fiber.join(other)).digest).not.toBe(both[0].digest)
      expect(registry.asked.length).toBe(5)
    })
  )

  it.scopedLive("by its tag is what the tag meant first, until it is to be pulled", () =>
    Effect.gen(function* () {
      const { open, path, registry } = yield* world
      const reference = `${registry.host}/image:v1`
      const before = yield* open().resolve(reference)
      ociLayout(`${path}/layout`, { layers: [[file("new")]], name: "v1" })
      expect(yield* open().resolve(reference)).toEqual(before)
      const pulled = yield* open({ pulls: true }).resolve(reference)
      expect(pulled.digest).not.toBe(before.digest)
      expect(yield* open().resolve(reference)).toEqual(pulled)
    })
  )

  it.scopedLive("is only looked at while one plans: nothing is written", () =>
    Effect.gen(function* () {
      const { open, path, registry } = yield* world
      yield* open({ remembers: false }).resolve(`${registry.host}/image:v1`)
      expect(Fs.existsSync(`${path}/kept`)).toBe(false)
    })
  )

  it.scopedLive("is fetched on where the connection was lost", () =>
    Effect.gen(function* () {
      const { pauses, registry, unpacked } = yield* world
      const size = 2_000_000
      registry.scripts.push(
        first(2, largeBlob, ({ headers }, response) => {
          const from = Number(/\d+/.exec(headers.range ?? "0")?.[0])
          response.writeHead(from === 0 ? 200 : 206, { "content-length": largeTar.length - from })
          response.write(largeTar.subarray(from, from + size), () => response.destroy())
        })
      )
      expect(yield* unpacked(`${registry.host}/image:v1`)).toEqual(V1)
      expect(rangesOf(registry.asked, largeBlob)).toEqual([undefined, `bytes=${size}-`, `bytes=${2 * size}-`])
      expect(pauses).toEqual([500, 500])
    })
  )

  it.scopedLive("is fetched from its beginning where the registry knows no ranges", () =>
    Effect.gen(function* () {
      const { registry, unpacked } = yield* world
      registry.scripts.push(
        first(1, largeBlob, (_, response) => {
          response.writeHead(200, { "content-length": largeTar.length })
          response.write(largeTar.subarray(0, 1_000_000), () => response.destroy())
        }),
        first(1, largeBlob, (_, response) => reply(response, 200, largeTar))
      )
      expect(yield* unpacked(`${registry.host}/image:v1`)).toEqual(V1)
    })
  )

  for (const status of [429, 500, 503]) {
    it.scopedLive(`is asked for again when the registry answers ${status}, and not for ever`, () =>
      Effect.gen(function* () {
        const { pauses, registry, unpacked } = yield* world
        const busy = (count: number) =>
          first(count, /manifests/, (_, response) => reply(response, status, "busy", { "retry-after": "3" }))
        registry.scripts.push(busy(2))
        expect(yield* unpacked(`${registry.host}/image:v2`)).toEqual({ two: 0 })
        expect(pauses).toEqual([3000, 3000])
        registry.scripts.splice(0, 1, busy(100))
        const before = registry.asked.length
        const message = yield* Effect.flip(unpacked(`${registry.host}/image:v1`))
        expect(message).toMatch(new RegExp(`^${registry.host}/image answers ${status} \\(.*try again later\\)$`))
        expect(registry.asked.length - before).toBe(5)
      })
    )
  }

  it.scopedLive("that is damaged is refused, and nothing of it is kept", () =>
    Effect.gen(function* () {
      const { partial, path, registry, unpacked } = yield* world
      const damaged = Buffer.from(largeTar)
      damaged[3_000_000] = 0
      registry.scripts.push(first(1, largeBlob, (_, response) => reply(response, 200, damaged)))
      const message = yield* Effect.flip(unpacked(`${registry.host}/image:v1`))
      expect(message).toMatch(/^the layer sha256:.* has the digest sha256:/)
      expect(partial()).toEqual([])
      expect(Fs.existsSync(`${path}/kept/blobs/sha256/${sha256(largeTar)}`)).toBe(false)
      expect(yield* unpacked(`${registry.host}/image:v1`)).toEqual(V1)
    })
  )

  it.scopedLive("whose layer was damaged in the store is fetched again by the next build", () =>
    Effect.gen(function* () {
      const { path, registry, unpacked } = yield* world
      expect(yield* unpacked(`${registry.host}/image:v1`)).toEqual(V1)
      const kept = `${path}/kept/blobs/sha256/${sha256(largeTar)}`
      Fs.writeFileSync(kept, Buffer.alloc(largeTar.length))
      expect(yield* Effect.flip(unpacked(`${registry.host}/image:v1`))).toMatch(/the next build fetches it again/)
      expect(yield* unpacked(`${registry.host}/image:v1`)).toEqual(V1)
      // As a crash leaves it.
      Fs.truncateSync(kept)
      expect(yield* unpacked(`${registry.host}/image:v1`)).toEqual(V1)
    })
  )

  it.scopedLive("whose blob is longer or shorter than its manifest says is refused", () =>
    Effect.gen(function* () {
      const { partial, path, registry, unpacked } = yield* world
      const sent = (bytes: Buffer, headers: Readonly<Record<string, string>>) =>
        first(1, largeBlob, (_, response) => {
          response.writeHead(200, headers)
          response.end(bytes)
        })
      const long = Buffer.concat([largeTar, Buffer.alloc(1 << 20)])
      const short = largeTar.subarray(0, 1000)
      for (const [bytes, message, left] of [
        [long, /is longer than the \d+ bytes/, 0],
        [short, /ends after 1000 of \d+ bytes/, 1]
      ] as const) {
        // Whether that is said before it is sent, or not.
        registry.scripts.splice(0, 1, sent(bytes, { "content-length": String(bytes.length) }))
        expect(yield* Effect.flip(unpacked(`${registry.host}/image:v1`))).toMatch(/sends something else for the blob/)
        Fs.rmSync(`${path}/kept/blobs/partial`, { recursive: true })
        registry.scripts.splice(0, 1, sent(bytes, {}))
        expect(yield* Effect.flip(unpacked(`${registry.host}/image:v1`))).toMatch(message)
        expect(partial()).toHaveLength(left)
      }
      expect(yield* unpacked(`${registry.host}/image:v1`)).toEqual(V1)
    })
  )

  it.scopedLive("by its digest is refused where the manifest is another", () =>
    Effect.gen(function* () {
      const { registry, unpacked } = yield* world
      registry.scripts.push(first(1, /manifests/, (_, response) => reply(response, 200, "{}")))
      const message = yield* Effect.flip(unpacked(`${registry.host}/image@sha256:${"0".repeat(64)}`))
      expect(message).toMatch(/^the manifest sha256:0+ of .* has the digest sha256:/)
    })
  )

  it.scopedLive("is no page for people", () =>
    Effect.gen(function* () {
      const { registry, unpacked } = yield* world
      const page = "<html>Log in to the coffee shop's network</html>"
      registry.scripts.push(
        first(1, /manifests/, (_, response) => reply(response, 200, page, { "content-type": "text/html" }))
      )
      expect(yield* Effect.flip(unpacked(`${registry.host}/image:v1`))).toMatch(/is not JSON/)
    })
  )

  it.scopedLive("that is not there is named, without what a terminal would act on", () =>
    Effect.gen(function* () {
      const { registry, unpacked } = yield* world
      const message = yield* Effect.flip(unpacked(`${registry.host}/image:v3`))
      expect(message).toBe(`there is no ${registry.host}/image:v3 (look at its name and its tag)`)
      expect(yield* Effect.flip(unpacked("127.0.0.1:1/image"))).toBe(
        "cannot reach 127.0.0.1:1/image: 127.0.0.1:1: nobody listens there (look at the registry's name and port)"
      )
    })
  )

  it.scopedLive("is fetched from where the registry redirects to, which is told no password", () =>
    Effect.gen(function* () {
      const { path, registry, unpacked } = yield* world
      const elsewhere = yield* serve(`${path}/layout`)
      login(path, registry.host, "somebody:secret")
      registry.scripts.push(asksFor("somebody:secret"), (request, response) => {
        if (!/blobs/.test(request.url ?? "")) return undefined
        reply(response, 307, "", { location: `http://${elsewhere.host}${request.url}` })
        return true
      })
      expect(yield* unpacked(`${registry.host}/image:v1`)).toEqual(V1)
      expect(elsewhere.asked.length).toBeGreaterThan(0)
      expect(elsewhere.asked.every(({ authorization }) => authorization === undefined)).toBe(true)
    })
  )

  it.scopedLive("is not asked for with a password where the registry redirects to, whatever that asks for", () =>
    Effect.gen(function* () {
      const { path, registry, unpacked } = yield* world
      const elsewhere = yield* serve(`${path}/layout`)
      login(path, registry.host, "somebody:secret")
      registry.scripts.push(asksFor("somebody:secret"), (request, response) => {
        reply(response, 307, "", { location: `http://${elsewhere.host}${request.url}` })
        return true
      })
      for (const asks of ['Basic realm="x"', `Bearer realm="http://${elsewhere.host}/token"`]) {
        elsewhere.scripts.splice(0, 1, (_, response) => {
          reply(response, 401, "", { "www-authenticate": asks })
          return true
        })
        expect(yield* Effect.flip(unpacked(`${registry.host}/image:v1`))).toMatch(/may not be read by us/)
      }
      expect(elsewhere.asked.map(({ authorization }) => authorization)).toEqual([undefined, undefined])
    })
  )

  it.scopedLive("is not fetched round in circles", () =>
    Effect.gen(function* () {
      const { registry, unpacked } = yield* world
      registry.scripts.push((request, response) => {
        reply(response, 302, "", { location: request.url ?? "" })
        return true
      })
      expect(yield* Effect.flip(unpacked(`${registry.host}/image:v1`))).toMatch(/redirects more than 5 times/)
    })
  )

  it.scopedLive("may need a password, which is told once it is asked for", () =>
    Effect.gen(function* () {
      const { path, registry, unpacked } = yield* world
      registry.scripts.push(asksFor("somebody:secret"))
      expect(yield* Effect.flip(unpacked(`${registry.host}/image:v1`))).toMatch(/may not be read by us.*docker login/)
      login(path, registry.host, "somebody:wrong")
      expect(yield* Effect.flip(unpacked(`${registry.host}/image:v1`))).toMatch(/may not be read by us.*docker login/)
      login(path, registry.host, "somebody:secret")
      expect(yield* unpacked(`${registry.host}/image:v1`)).toEqual(V1)
      expect(registry.asked[0]?.authorization).toBeUndefined()
    })
  )

  it.scopedLive("may need a token, for which a password is exchanged", () =>
    Effect.gen(function* () {
      const { path, registry, unpacked } = yield* world
      const realm = yield* serve(`${path}/layout`)
      realm.scripts.push((request, response) => {
        const url = new URL(request.url ?? "", "http://x")
        const isAllowed =
          request.headers.authorization === basic("somebody:secret") &&
          url.searchParams.get("service") === "the service" &&
          url.searchParams.get("scope") === "repository:team/image:pull"
        reply(response, isAllowed ? 200 : 401, JSON.stringify({ token: "a-token" }))
        return true
      })
      registry.scripts.push((request, response) => {
        if (request.headers.authorization === "Bearer a-token") return undefined
        const scope = `service="the service",scope="repository:team/image:pull"`
        reply(response, 401, "", { "www-authenticate": `Bearer realm="http://${realm.host}/token",${scope}` })
        return true
      })
      expect(yield* Effect.flip(unpacked(`${registry.host}/team/image:v1`))).toMatch(/may not be read by us/)
      login(path, registry.host, "somebody:secret")
      expect(yield* unpacked(`${registry.host}/team/image:v1`)).toEqual(V1)
    })
  )

  it.scopedLive("may need a password that a helper keeps", () =>
    Effect.gen(function* () {
      const { path, registry, unpacked } = yield* world
      registry.scripts.push(asksFor("robot:secret"))
      Fs.mkdirSync(`${path}/home/.docker`, { recursive: true })
      Fs.writeFileSync(`${path}/home/.docker/config.json`, JSON.stringify({ credHelpers: { [registry.host]: "test" } }))
      Fs.mkdirSync(`${path}/bin`)
      Fs.writeFileSync(
        `${path}/bin/docker-credential-test`,
        `#!/bin/sh\nread host\n[ "$1 $host" = "get ${registry.host}" ] && echo '{"Username":"robot","Secret":"secret"}'\n`,
        { mode: 0o755 }
      )
      expect(yield* unpacked(`${registry.host}/image:v1`)).toEqual(V1)
    })
  )

  it.scopedLive("is taken from a mirror, and from its own registry where the mirror fails", () =>
    Effect.gen(function* () {
      const { configured, path, registry, unpacked } = yield* world
      const mirror = yield* serve(`${path}/layout`)
      const toml = `[[registry]]\nprefix = "example.invalid/team"\nlocation = "${registry.host}/other"\ninsecure = true
[[registry.mirror]]\nlocation = "${mirror.host}/copies"\n`
      const through = (kept: string) => configured(toml, kept)
      expect(yield* unpacked("example.invalid/team/image:v1", through("one"))).toEqual(V1)
      expect(mirror.asked[0]?.path).toBe("/v2/copies/image/manifests/v1")
      expect(registry.asked).toEqual([])
      mirror.scripts.push((_, response) => {
        reply(response, 404, "")
        return true
      })
      expect(yield* unpacked("example.invalid/team/image:v1", through("two"))).toEqual(V1)
      expect(registry.asked[0]?.path).toBe("/v2/other/image/manifests/v1")
    })
  )

  it.scopedLive("is taken from its own registry where the mirror has a page for people, or another image", () =>
    Effect.gen(function* () {
      const { configured, path, registry, unpacked } = yield* world
      const mirror = yield* serve(`${path}/layout`)
      const toml = `[[registry]]\nlocation = "${registry.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}"\n`
      const page = "<html>Log in to the coffee shop's network</html>"
      for (const [index, pages] of [/./, /blobs/, largeBlob].entries()) {
        mirror.scripts.splice(0, 1, (request, response) => {
          if (!pages.test(request.url ?? "")) return undefined
          reply(response, 200, page)
          return true
        })
        expect(yield* unpacked(`${registry.host}/image:v1`, configured(toml, `kept-${index}`))).toEqual(V1)
      }
    })
  )

  it.scopedLive("is taken from the next place where one has other bytes of the same length", () =>
    Effect.gen(function* () {
      const { configured, path, registry, unpacked } = yield* world
      const mirrors = [yield* serve(`${path}/layout`), yield* serve(`${path}/layout`)]
      const lines = mirrors.map(({ host }) => `[[registry.mirror]]\nlocation = "${host}"\n`)
      const toml = `[[registry]]\nlocation = "${registry.host}"\n${lines.join("")}`
      for (const { scripts } of mirrors) scripts.push(damaging(`${path}/layout`, /blobs|manifests.sha256/))
      expect(yield* unpacked(`${registry.host}/image:v1`, configured(toml, "one"))).toEqual(V1)
      expect(LARGE.equals(Fs.readFileSync(`${path}/root-0/large`))).toBe(true)
      const ranges = [...mirrors, registry].map(({ asked }) => rangesOf(asked, largeBlob))
      expect(ranges).toEqual([[undefined], [undefined], [undefined]])
      const [{ digest = "" } = {}] = JSON.parse(Fs.readFileSync(`${path}/layout/index.json`, "utf8")).manifests
      expect(yield* unpacked(`${registry.host}/image@${digest}`, configured(toml, "two"))).toEqual(V1)
      registry.scripts.push(damaging(`${path}/layout`, largeBlob))
      const message = yield* Effect.flip(unpacked(`${registry.host}/image:v1`, configured(toml, "three")))
      expect(message).toMatch(/^the layer sha256:.* has the digest sha256:/)
      expect(Fs.readdirSync(`${path}/three/blobs/partial`)).toEqual([])
      expect(Fs.existsSync(`${path}/three/blobs/sha256/${sha256(largeTar)}`)).toBe(false)
    })
  )

  it.scopedLive("is fetched anew where what one place began and another ended is not it", () =>
    Effect.gen(function* () {
      const { configured, path, registry, unpacked } = yield* world
      const mirror = yield* serve(`${path}/layout`)
      const toml = `[[registry]]\nlocation = "${registry.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}"\n`
      const size = 2_000_000
      mirror.scripts.push(
        first(1, largeBlob, (_, response) => {
          response.writeHead(200, { "content-length": largeTar.length })
          response.write(Buffer.alloc(size), () => response.destroy())
        }),
        first(1, largeBlob, (_, response) => reply(response, 404, ""))
      )
      expect(yield* unpacked(`${registry.host}/image:v1`, configured(toml, "kept"))).toEqual(V1)
      expect(LARGE.equals(Fs.readFileSync(`${path}/root-0/large`))).toBe(true)
      expect(rangesOf(registry.asked, largeBlob)).toEqual([`bytes=${size}-`, undefined])
    })
  )

  it.scopedLive("is fetched anew where what an earlier build left of it is damaged", () =>
    Effect.gen(function* () {
      const { partial, path, registry, unpacked } = yield* world
      const left = `${path}/kept/blobs/partial`
      Fs.mkdirSync(left, { recursive: true })
      for (const [index, size] of [1000, largeTar.length].entries()) {
        Fs.writeFileSync(`${left}/${sha256(largeTar)}`, Buffer.alloc(size))
        expect(yield* unpacked(`${registry.host}/image:v1`)).toEqual(V1)
        expect(LARGE.equals(Fs.readFileSync(`${path}/root-${index}/large`))).toBe(true)
        expect(partial()).toEqual([])
        Fs.rmSync(`${path}/kept/blobs/sha256`, { recursive: true })
      }
      expect(rangesOf(registry.asked, largeBlob)).toEqual(["bytes=1000-", undefined, undefined])
    })
  )

  it.scopedLive("is unpacked while it arrives", () =>
    Effect.gen(function* () {
      const { path, registry, unpacked } = yield* world
      let goOn = (): void => undefined
      registry.scripts.push(
        first(1, largeBlob, (_, response) => {
          response.writeHead(200, { "content-length": largeTar.length })
          response.write(largeTar.subarray(0, 1_000_000))
          goOn = () => response.end(largeTar.subarray(1_000_000))
        })
      )
      const fiber = yield* Effect.fork(unpacked(`${registry.host}/image:v1`))
      const file = `${path}/root-0/large`
      yield* Effect.promise(() =>
        until("some of it is unpacked", () => (Fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0)
      )
      goOn()
      expect(yield* Fiber.join(fiber)).toEqual(V1)
    })
  )

  it.scopedLive("is not there where its registry is blocked, however it is written, and though it is known", () =>
    Effect.gen(function* () {
      const { configured, registry, unpacked } = yield* world
      const elsewhere = registry.host.replace("127.0.0.1", "localhost")
      expect(yield* unpacked(`${registry.host}/image:v1`)).toEqual(V1)
      const images = configured('[[registry]]\nprefix = "127.0.0.1"\nblocked = true\n', "kept")
      expect(yield* Effect.flip(unpacked(`${registry.host}/image:v1`, images))).toMatch(/registries.conf blocks/)
      registry.scripts.push((request, response) => {
        reply(response, 307, "", { location: `http://${registry.host}${request.url}` })
        return true
      })
      expect(yield* Effect.flip(unpacked(`${elsewhere}/image:v2`, images))).toMatch(/which is not followed/)
    })
  )

  it.scopedLive.each(["example.org:99999/a", "1.2.3.999/a", "[1:2]/a"])("cannot be at %s", (reference) =>
    Effect.gen(function* () {
      const { unpacked } = yield* world
      expect(yield* Effect.flip(unpacked(reference))).toMatch(/ is no host of a registry$/)
    })
  )

  it.scopedLive("stays for who unpacks it, though somebody makes room", () =>
    Effect.gen(function* () {
      const { path, registry, unpacked } = yield* world
      let goOn = (): void => undefined
      registry.scripts.push(
        first(1, largeBlob, (_, response) => {
          response.writeHead(200, { "content-length": largeTar.length })
          response.write(largeTar.subarray(0, 1_000_000))
          goOn = () => response.end(largeTar.subarray(1_000_000))
        })
      )
      const fiber = yield* Effect.fork(unpacked(`${registry.host}/image:v1`))
      const kept = `${path}/kept/blobs/sha256`
      yield* Effect.promise(() =>
        until("the other layer is there", () => Fs.existsSync(kept) && Fs.readdirSync(kept).length === 1)
      )
      const digests = Images.blobs(`${path}/kept`).map(({ digest }) => digest)
      expect(digests).toHaveLength(2)
      // The one that is being fetched stays.
      expect(digests.map((digest) => Images.removeBlob(`${path}/kept`, digest))).toEqual([true, false])
      goOn()
      expect(yield* Fiber.join(fiber)).toEqual(V1)
    })
  )

  it.scopedLive("is too large where its layers are, and nothing of it is fetched", () =>
    Effect.gen(function* () {
      const { open, registry, unpacked } = yield* world
      const images = open({}, { maxBytes: 1_000_000, maxEntries: 100 })
      expect(yield* Effect.flip(unpacked(`${registry.host}/image:v1`, images))).toMatch(/at most 1000000 are unpacked/)
      expect(registry.asked.some(({ path }) => largeBlob.test(path))).toBe(false)
    })
  )

  it.scopedLive("is fetched once by two that want it at the same time", () =>
    Effect.gen(function* () {
      const { open, registry, unpacked } = yield* world
      const reference = `${registry.host}/image:v1`
      const both = yield* Effect.all([unpacked(reference, open()), unpacked(reference, open())], { concurrency: 2 })
      expect(both).toEqual([V1, V1])
      expect(registry.asked.filter(({ path }) => largeBlob.test(path))).toHaveLength(1)
    })
  )

  it.scopedLive("stops arriving when nobody wants it any more, and goes on from there the next time", () =>
    Effect.gen(function* () {
      const { partial, path, registry, unpacked } = yield* world
      registry.scripts.push(
        first(1, largeBlob, (_, response) => {
          response.writeHead(200, { "content-length": largeTar.length })
          response.write(largeTar.subarray(0, 1_000_000))
        })
      )
      const fiber = yield* Effect.fork(unpacked(`${registry.host}/image:v1`))
      const file = `${path}/kept/blobs/partial/${sha256(largeTar)}`
      yield* Effect.promise(() =>
        until("some of it is there", () => Fs.statSync(file, { throwIfNoEntry: false })?.size === 1_000_000)
      )
      yield* Fiber.interrupt(fiber)
      expect(partial()).toEqual([sha256(largeTar)])
      expect(yield* unpacked(`${registry.host}/image:v1`)).toEqual(V1)
      expect(registry.asked.at(-1)?.range ?? registry.asked.at(-2)?.range).toBe("bytes=1000000-")
    })
  )
})

describeWith(["root"], "an image in a registry, on a disk that is full,", () => {
  it.scopedLive("fails, and is fetched on when there is space", () =>
    Effect.gen(function* () {
      const { open, path, registry, unpacked } = yield* world
      const disk = `${path}/disk`
      Fs.mkdirSync(disk)
      yield* Effect.acquireRelease(
        Effect.sync(() => execFileSync("mount", ["-t", "tmpfs", "-o", "size=2500k", "tmpfs", disk])),
        () => Effect.sync(() => execFileSync("umount", [disk]))
      )
      const images = open({ directory: () => `${disk}/kept` })
      expect(yield* Effect.flip(unpacked(`${registry.host}/image:v1`, images))).toMatch(/ENOSPC.*the disk is full/)
      execFileSync("mount", ["-o", "remount,size=20m", disk])
      expect(yield* unpacked(`${registry.host}/image:v1`, images)).toEqual(V1)
      expect(registry.asked.filter((one) => largeBlob.test(one.path)).at(-1)?.range).toMatch(/^bytes=[1-9]/)
    })
  )
})

describeWith(["root", "openssl"], "a registry that speaks TLS", () => {
  /** With a certificate that nobody vouches for. */
  const secured = Effect.gen(function* () {
    const { configured, path, unpacked } = yield* world
    const [key, cert] = [`${path}/key.pem`, `${path}/cert.pem`]
    const subject = ["-subj", "/CN=test", "-days", "1", "-nodes", "-newkey", "rsa:2048"]
    execFileSync("openssl", ["req", "-x509", ...subject, "-keyout", key, "-out", cert], { stdio: "pipe" })
    const tls = { key: Fs.readFileSync(key, "utf8"), cert: Fs.readFileSync(cert, "utf8") }
    const registry = yield* serve(`${path}/layout`, tls)
    // Another name of this machine, which is not one of those that are trusted.
    return { configured, path, registry, unpacked, elsewhere: registry.host.replace("127.0.0.1", "127.1") }
  })

  it.scopedLive("has to be vouched for, unless it is said to be insecure, or is this machine", () =>
    Effect.gen(function* () {
      const { configured, elsewhere, registry, unpacked } = yield* secured
      expect(yield* Effect.flip(unpacked(`${elsewhere}/image:v1`))).toMatch(/nobody vouches for its certificate/)
      expect(registry.asked).toEqual([])
      expect(yield* unpacked(`${registry.host}/image:v1`)).toEqual(V1)
      const images = configured(`[[registry]]\nlocation = "${elsewhere}"\ninsecure = true\n`, "kept there")
      expect(yield* unpacked(`${elsewhere}/image:v1`, images)).toEqual(V1)
    })
  )

  it.scopedLive("is not talked to without it", () =>
    Effect.gen(function* () {
      const { registry, unpacked } = yield* world
      const elsewhere = registry.host.replace("127.0.0.1", "127.1")
      expect(yield* Effect.flip(unpacked(`${elsewhere}/image:v1`))).toMatch(/^cannot reach 127\.1:/)
      expect(registry.asked).toEqual([])
    })
  )

  it.scopedLive("may not send us on without it", () =>
    Effect.gen(function* () {
      const { path, registry, unpacked } = yield* secured
      const plain = yield* serve(`${path}/layout`)
      registry.scripts.push((request, response) => {
        reply(response, 307, "", { location: `http://${plain.host}${request.url}` })
        return true
      })
      expect(yield* Effect.flip(unpacked(`${registry.host}/image:v1`))).toMatch(
        /redirects to .*, which is not followed/
      )
      expect(plain.asked).toEqual([])
    })
  )
})

/** From where to where those requests were that are for paths like this. */
const rangesOf = (asked: ReadonlyArray<Asked>, path: RegExp): ReadonlyArray<string | undefined> =>
  asked.filter((one) => path.test(one.path)).map(({ range }) => range)

const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`

/** As `docker login` writes it. */
const login = (path: string, host: string, text: string): void => {
  Fs.mkdirSync(`${path}/home/.docker`, { recursive: true })
  const auths = { [host]: { auth: Buffer.from(text).toString("base64") } }
  Fs.writeFileSync(`${path}/home/.docker/config.json`, JSON.stringify({ auths }))
}

const asksFor =
  (text: string): Script =>
  ({ headers }, response) => {
    if (headers.authorization === basic(text)) return undefined
    reply(response, 401, "", { "www-authenticate": 'Basic realm="here"' })
    return true
  }
