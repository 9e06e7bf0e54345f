/** Images pushed to a registry that answers well, badly, late, or not at all. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { IncomingMessage } from "node:http"
import { describe } from "vitest"
import { problem } from "../../../src/interpreters/base/ImageProblem.ts"
import { descriptorOf, type Documents } from "../../../src/interpreters/image/ImageDocuments.ts"
import * as Provenance from "../../../src/interpreters/image/Provenance.ts"
import type { Pushing } from "../../../src/interpreters/registry/Pushing.ts"
import { until } from "../../until.ts"
import { type EmptyRegistry, refuse, whole } from "./emptyRegistry.ts"
import { digestOf, LARGE, missing, pieces, SMALL, world } from "./pushes.ts"
import { first, reply } from "./scriptedRegistry.ts"

const UPLOAD = /blobs\/uploads\/upload-/
/** What begins an upload. */
const BEGIN = /blobs\/uploads\/$/
const MANIFEST = /manifests\/1$/

const countOf = ({ asked }: EmptyRegistry, method: string, path: RegExp): number =>
  asked.filter((one) => one.method === method && path.test(one.path)).length

describe("an image that is pushed", () => {
  it.scopedLive("is there as it was, and nothing of it is brought again", () =>
    Effect.gen(function* () {
      const { pauses, progress, pushed, registry } = yield* world
      const documents = yield* pushed("team/app:1")
      expect(missing(registry, "team/app:1", documents)).toEqual([])
      expect(registry.uploads.size).toBe(0)
      const total = SMALL.bytes.length + LARGE.bytes.length
      expect(progress.at(-1)).toEqual({ image: `${registry.host}/team/app:1`, bytes: total, of: total })
      const count = registry.asked.length
      expect(yield* pushed("team/app:1")).toEqual(documents)
      expect(registry.asked.slice(count).map(({ method }) => method)).toEqual(["HEAD", "HEAD", "HEAD", "PUT"])
      expect(pauses).toEqual([])
    })
  )

  const STEPS = [
    ["HEAD", /blobs/],
    ["POST", BEGIN],
    ["PUT", UPLOAD],
    ["PUT", MANIFEST]
  ] as const
  it.scopedLive.each([429, 500, 503])("is brought again where any step of it is answered %d, after a pause", (status) =>
    Effect.gen(function* () {
      for (const [method, path] of STEPS) {
        const { pauses, pushed, registry } = yield* world
        const busy = first(
          2,
          path,
          (request, response) => {
            whole(request, () => reply(response, status, "<html>", status === 500 ? {} : { "retry-after": "7" }))
          },
          method
        )
        registry.scripts.push(busy)
        const documents = yield* pushed("app:1", [LARGE])
        expect(missing(registry, "app:1", documents), `${method} ${path}`).toEqual([])
        expect(pauses).toEqual(status === 500 ? [500, 1000] : [7000, 7000])
      }
    })
  )

  it.scopedLive("is given up where the registry never has time for it", () =>
    Effect.gen(function* () {
      const { pauses, pushed, registry } = yield* world
      registry.scripts.push((request, response) => {
        whole(request, () => refuse(response, 503, "UNAVAILABLE"))
        return true
      })
      const message = yield* Effect.flip(pushed("app:1", [SMALL]))
      expect(message).toBe(`${registry.host}/app answers 503 (try again later)`)
      expect(pauses).toHaveLength(4)
    })
  )

  it.scopedLive("arrives whole where the connection is lost in the middle, from its beginning again", () =>
    Effect.gen(function* () {
      const { pauses, progress, pushed, registry } = yield* world
      const dropping = first(
        3,
        UPLOAD,
        (request) => {
          let count = 0
          request.on("data", (chunk: Buffer) => {
            count += chunk.length
            if (count > 1_000_000) request.socket.destroy()
          })
        },
        "PUT"
      )
      registry.scripts.push(dropping)
      const documents = yield* pushed("app:1", [LARGE])
      expect(missing(registry, "app:1", documents)).toEqual([])
      expect(pauses).toEqual([500, 1000, 2000])
      // A new session each time, and one for the configuration.
      expect(countOf(registry, "POST", BEGIN)).toBe(5)
      const size = LARGE.bytes.length
      expect(progress.at(-1)).toMatchObject({ bytes: size, of: size })
      expect(progress.every(({ bytes, of }) => bytes <= of)).toBe(true)
    })
  )

  it.scopedLive("is brought again where the registry answers in the middle of it, and closes", () =>
    Effect.gen(function* () {
      const { pushed, registry } = yield* world
      const early = first(
        2,
        UPLOAD,
        (request, response) => {
          request.once("data", () => {
            response.on("finish", () => request.socket.destroySoon())
            reply(response, 503, "busy", { connection: "close" })
          })
        },
        "PUT"
      )
      registry.scripts.push(early)
      expect(missing(registry, "app:1", yield* pushed("app:1", [LARGE]))).toEqual([])
    })
  )

  it.scopedLive("is not blamed on the registry where a layer cannot be read", () =>
    Effect.gen(function* () {
      const { pauses, pushed, registry } = yield* world
      const damaged = {
        ...LARGE,
        read: async function* () {
          yield LARGE.bytes.subarray(0, 5_000_000)
          throw problem("the layer is damaged", "fetch it again")
        }
      }
      expect(yield* Effect.flip(pushed("app:1", [damaged]))).toBe("the layer is damaged (fetch it again)")
      expect(pauses).toEqual([])
      expect(countOf(registry, "PUT", UPLOAD)).toBeLessThanOrEqual(1)
    })
  )

  it.scopedLive("is not blamed on the registry where a layer turns out wrong when all of it was sent", () =>
    Effect.gen(function* () {
      const { pauses, pushed, registry } = yield* world
      const damaged = {
        ...LARGE,
        read: async function* () {
          yield* pieces(Buffer.alloc(LARGE.bytes.length))
          throw problem("the layer is another one")
        }
      }
      expect(yield* Effect.flip(pushed("app:1", [damaged]))).toBe("the layer is another one")
      expect(pauses).toEqual([])
      expect(countOf(registry, "PUT", UPLOAD)).toBeLessThanOrEqual(1)
    })
  )

  it.scopedLive.each([-1, 1])(
    "is not blamed on the registry where a layer is another size than it should be: %d",
    (more) =>
      Effect.gen(function* () {
        const { pauses, pushed } = yield* world
        const damaged = { ...LARGE, read: () => pieces(Buffer.alloc(LARGE.bytes.length + more)) }
        expect(yield* Effect.flip(pushed("app:1", [damaged]))).toBe(
          `the blob ${digestOf(LARGE)} does not have the ${LARGE.bytes.length} bytes that it should have (it is damaged)`
        )
        expect(pauses).toEqual([])
      })
  )

  it.scopedLive("says which system call failed where a layer cannot be read", () =>
    Effect.gen(function* () {
      const { pushed, registry } = yield* world
      const damaged = {
        ...LARGE,
        read: async function* () {
          yield LARGE.bytes.subarray(0, 5_000_000)
          throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" })
        }
      }
      const message = yield* Effect.flip(pushed("app:1", [damaged]))
      expect(message).toBe(`cannot push ${registry.host}/app:1: EIO: i/o error, read`)
    })
  )

  it.scopedLive("is given up at once when nobody wants it any more, though the registry takes nothing", () =>
    Effect.gen(function* () {
      const { pushed, registry } = yield* world
      let stalled: IncomingMessage | undefined
      registry.scripts.push(first(1, UPLOAD, (request) => (stalled = request), "PUT"))
      const fiber = yield* Effect.fork(pushed("app:1", [LARGE]))
      yield* Effect.promise(() => until("it is being uploaded", () => stalled !== undefined))
      yield* Fiber.interrupt(fiber)
      // That a connection is closed is seen by who reads.
      stalled?.resume()
      const isClosed = () => [...registry.connections].every(({ destroyed }) => destroyed)
      yield* Effect.promise(() => until("no connection is open", isClosed))
      expect(registry.blobs.size).toBe(0)
    })
  )

  it.scopedLive("is given up at once where one layer fails while another is on its way", () =>
    Effect.gen(function* () {
      const { pushed, registry } = yield* world
      let isStalled = false
      const stalling = first(1, UPLOAD, () => (isStalled = true), "PUT")
      registry.scripts.push(stalling)
      const damaged = {
        ...SMALL,
        read: async function* () {
          await until("the other one is on its way", () => isStalled)
          yield SMALL.bytes.subarray(0, 1)
          throw problem("the layer is damaged")
        }
      }
      expect(yield* Effect.flip(pushed("app:1", [LARGE, damaged]))).toBe("the layer is damaged")
    })
  )
})

describe("where an upload goes on", () => {
  it.scopedLive.each([
    ["is a path", (path: string) => path],
    ["is relative", (path: string) => path.replace(/^.*\/(?=upload-)/, "")],
    ["is a whole URL", (path: string, host: string) => `http://${host}${path}`]
  ] as const)("%s, to whose query the digest is added", ([, locate]) =>
    Effect.gen(function* () {
      const { pushed, registry } = yield* world
      registry.locate = (path) => locate(path, registry.host)
      expect(missing(registry, "app:1", yield* pushed("app:1"))).toEqual([])
    })
  )

  it.scopedLive("has to be said", () =>
    Effect.gen(function* () {
      const { pauses, pushed, registry } = yield* world
      registry.scripts.push(first(9, BEGIN, (_, response) => reply(response, 202, "")))
      const message = yield* Effect.flip(pushed("app:1"))
      expect(message).toMatch(/\/app does not say where the upload that it has begun goes on/)
      expect(pauses).toEqual([])
      expect(countOf(registry, "PUT", /./)).toBe(0)
    })
  )

  it.scopedLive("is not where registries.conf blocks it", () =>
    Effect.gen(function* () {
      const { configure, pushed, registry } = yield* world
      configure('[[registry]]\nlocation = "localhost"\nblocked = true\n')
      registry.locate = (path) => `http://${registry.host.replace("127.0.0.1", "localhost")}${path}&signature=hidden`
      const message = yield* Effect.flip(pushed("app:1", [SMALL]))
      expect(message).toMatch(
        / redirects to "http:\/\/localhost:\d+\/v2\/app\/blobs\/uploads\/[^?]*", which is not foll/
      )
      expect(message).not.toContain("hidden")
    })
  )
})

describe("a layer of a base", () => {
  it.scopedLive("is taken from where it is, if that is the same registry", () =>
    Effect.gen(function* () {
      const { pushed, registry } = yield* world
      yield* pushed("base:1", [LARGE])
      const before = countOf(registry, "PUT", UPLOAD)
      const layer = { ...LARGE, origin: `${registry.host}/base:1` }
      expect(missing(registry, "app:1", yield* pushed("app:1", [layer]))).toEqual([])
      // The configuration.
      expect(countOf(registry, "PUT", UPLOAD) - before).toBe(1)
    })
  )

  it.scopedLive("is brought in the upload that was begun where it could not be taken", () =>
    Effect.gen(function* () {
      const { pushed, registry } = yield* world
      const layer = { ...LARGE, origin: `${registry.host}/base:1` }
      expect(missing(registry, "app:1", yield* pushed("app:1", [layer]))).toEqual([])
      expect(countOf(registry, "POST", /mount=/)).toBe(1)
      expect(countOf(registry, "POST", BEGIN)).toBe(1)
      expect(registry.uploads.size).toBe(0)
    })
  )

  it.scopedLive.each([400, 401, 403, 404, 405])("is brought where taking it is answered %d", (status) =>
    Effect.gen(function* () {
      const { pushed, registry } = yield* world
      const layer = { ...LARGE, origin: `${registry.host}/base:1` }
      registry.scripts.push(first(9, /mount=/, (_, response) => refuse(response, status, "DENIED")))
      expect(missing(registry, "app:1", yield* pushed("app:1", [layer]))).toEqual([])
    })
  )

  it.scopedLive("is brought where its own repository is blocked by now", () =>
    Effect.gen(function* () {
      const { configure, pushed, registry } = yield* world
      configure(`[[registry]]\nlocation = "${registry.host}/base"\nblocked = true\n`)
      const layer = { ...LARGE, origin: `${registry.host}/base:1` }
      expect(missing(registry, "app:1", yield* pushed("app:1", [layer]))).toEqual([])
      expect(countOf(registry, "POST", /mount=/)).toBe(0)
    })
  )
})

describe("what is put beside an image", () => {
  const attach = (text: string) => (pushing: Pushing, documents: Documents) =>
    pushing.attach(Provenance.attestation(text, documents), documents.manifest)
  const tagOf = ({ manifest }: Documents): string => `app ${manifest.digest.replace(":", "-")}`
  const listed = ({ manifests }: EmptyRegistry, documents: Documents) =>
    JSON.parse(String(manifests.get(tagOf(documents)))).manifests

  it.scopedLive("is listed at a tag, each once, where the registry has no list of its own", () =>
    Effect.gen(function* () {
      const { pushed, registry } = yield* world
      for (const text of ["one", "two", "one"]) yield* pushed("app:1", [SMALL], attach(text))
      const documents = yield* pushed("app:1", [SMALL])
      const entries = listed(registry, documents)
      const own = ["two", "one"].map((text) => Provenance.attestation(text, documents).manifest)
      expect(entries.map(({ digest }: { readonly digest: string }) => digest)).toEqual(own.map(({ digest }) => digest))
      for (const entry of entries) expect(entry).toMatchObject({ artifactType: Provenance.IN_TOTO })
    })
  )

  it.scopedLive("leaves what others have put there as it is", () =>
    Effect.gen(function* () {
      const { pushed, registry } = yield* world
      const documents = yield* pushed("app:1", [SMALL])
      const theirs = {
        ...descriptorOf(documents.manifest),
        artifactType: "application/x-theirs",
        annotations: { a: "b" },
        data: "e30="
      }
      registry.manifests.set(tagOf(documents), Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [theirs] })))
      yield* pushed("app:1", [SMALL], attach("ours"))
      expect(listed(registry, documents)[0]).toEqual(theirs)
      expect(listed(registry, documents)).toHaveLength(2)
    })
  )

  it.scopedLive("is not listed where something else has the tag", () =>
    Effect.gen(function* () {
      const { pushed, registry } = yield* world
      const documents = yield* pushed("app:1", [SMALL])
      registry.manifests.set(tagOf(documents), Buffer.from(documents.manifest.bytes))
      expect(yield* Effect.flip(pushed("app:1", [SMALL], attach("ours")))).toMatch(
        /^the index sha256-.* is not what it/
      )
      expect(registry.manifests.get(tagOf(documents))?.equals(documents.manifest.bytes)).toBe(true)
    })
  )

  it.scopedLive("is listed by a registry that says so", () =>
    Effect.gen(function* () {
      const { pushed, registry } = yield* world
      registry.scripts.push(
        first(
          1,
          /manifests\/sha256:/,
          (request, response) => {
            whole(request, () => reply(response, 201, "", { "oci-subject": "sha256:" }))
          },
          "PUT"
        )
      )
      const documents = yield* pushed("app:1", [SMALL], attach("one"))
      expect(registry.manifests.has(tagOf(documents))).toBe(false)
    })
  )
})

describe("a registry that does not take an image", () => {
  it.scopedLive("is asked once, and what it says is said", () =>
    Effect.gen(function* () {
      const { pauses, pushed, registry } = yield* world
      registry.scripts.push(
        first(
          1,
          MANIFEST,
          (request, response) => {
            whole(request, () => refuse(response, 400, "MANIFEST_BLOB_UNKNOWN"))
          },
          "PUT"
        )
      )
      const message = yield* Effect.flip(pushed("app:1", [SMALL]))
      expect(message).toBe(`${registry.host}/app answers 400 to PUT manifests/1: it is manifest_blob_unknown`)
      expect(pauses).toEqual([])
    })
  )

  it.scopedLive("says that it has what it does not have", () =>
    Effect.gen(function* () {
      const { pushed, registry } = yield* world
      registry.scripts.push(first(9, /blobs\/sha256/, (_, response) => reply(response, 200, ""), "HEAD"))
      expect(yield* Effect.flip(pushed("app:1", [SMALL]))).toMatch(/404 to PUT manifests\/1: it is manifest_blob_unkno/)
    })
  )

  it.scopedLive("says that a layer is too large", () =>
    Effect.gen(function* () {
      const { pauses, pushed, registry } = yield* world
      registry.scripts.push(
        first(
          1,
          UPLOAD,
          (request, response) => {
            whole(request, () => reply(response, 413, "<html>Request Entity Too Large</html>"))
          },
          "PUT"
        )
      )
      const message = yield* Effect.flip(pushed("app:1", [LARGE]))
      expect(message).toBe(
        `${registry.host}/app answers 413 to the upload of the blob ${digestOf(LARGE)}` +
          " (it, or a proxy before it, takes nothing so large)"
      )
      expect(pauses).toEqual([])
    })
  )

  it.scopedLive("has a page for people wherever one looks", () =>
    Effect.gen(function* () {
      const { pushed, registry } = yield* world
      registry.scripts.push((request, response) => {
        whole(request, () => reply(response, 200, "<html>Log in to the coffee shop's network</html>"))
        return true
      })
      expect(yield* Effect.flip(pushed("app:1", [SMALL]))).toMatch(/\/app answers 200 to PUT manifests\/1$/)
    })
  )

  it.scopedLive("says that an upload is done that was only begun", () =>
    Effect.gen(function* () {
      const { pushed, registry } = yield* world
      registry.scripts.push(first(1, BEGIN, (_, response) => reply(response, 201, "")))
      expect(yield* Effect.flip(pushed("app:1", [SMALL]))).toMatch(/\/app answers 201 to POST blobs\/uploads\/$/)
    })
  )

  it.scopedLive("has taken another manifest than it was given", () =>
    Effect.gen(function* () {
      const { pushed, registry } = yield* world
      const other = `sha256:${"0".repeat(64)}`
      registry.scripts.push(
        first(
          1,
          MANIFEST,
          (request, response) => {
            whole(request, () => reply(response, 201, "", { "docker-content-digest": other }))
          },
          "PUT"
        )
      )
      expect(yield* Effect.flip(pushed("app:1", [SMALL]))).toMatch(
        new RegExp(`/app has taken the manifest 1 as ${other}, not as sha256:`)
      )
    })
  )
})
