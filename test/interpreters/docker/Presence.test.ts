/** Which results an engine has, and how often it is asked for that. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Presence } from "../../../src/interpreters/docker/Presence.ts"
import { Workshop } from "../../../src/interpreters/docker/Workshop.ts"
import { temporaryDirectory } from "../base/trees.ts"
import { reply } from "../registry/scriptedRegistry.ts"
import { on, serve } from "./scriptedEngine.ts"

const PREFIX = "obuilder-presence"

/** An engine that has the images of some trees, and what asks it. */
const world = (trees: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const engine = yield* serve(`${yield* temporaryDirectory}/socket`)
    for (const tree of trees) {
      engine.images.set(`${PREFIX}:${tree}`, { inspection: { Id: `sha256:${tree}` }, archive: Buffer.alloc(0) })
    }
    engine.scripts.push(
      on(/^GET \/images\/json/, (request, response) => {
        const filters = new URL(request.url ?? "", "http://engine").searchParams.get("filters") ?? ""
        const { reference } = JSON.parse(filters) as { readonly reference: ReadonlyArray<string> }
        const found = [...engine.images.keys()].filter((name) =>
          reference.some((one) => `${name}:`.startsWith(`${one}:`))
        )
        reply(response, 200, JSON.stringify(found.map((name) => ({ RepoTags: [name] }))))
      })
    )
    const workshop = yield* Effect.acquireRelease(
      Effect.sync(() => new Workshop({ environment: { DOCKER_HOST: engine.host }, identity: { prefix: PREFIX } })),
      (workshop) => Effect.promise(() => workshop.close())
    )
    return { engine, presence: new Presence(workshop) }
  })

const inspects = (tree: string): string => `GET /images/${PREFIX}%3A${tree}/json`

it.scopedLive("those that are foreseen are asked for at once, and no others", () =>
  Effect.gen(function* () {
    const { engine, presence } = yield* world(["a", "c", "elsewhere"])
    yield* presence.foresee(["a", "b", "c"])
    expect(engine.asked.toSorted()).toEqual(["a", "b", "c"].map(inspects))
    for (const tree of ["a", "c"]) expect(yield* presence.of(tree)).toBe(true)
    yield* presence.foresee(["c", "a"])
    yield* presence.foresee([])
    expect(engine.asked).toHaveLength(3)
    expect(yield* presence.of("b")).toBe(false)
  })
)

const keepsImagesBy = (status: readonly [string, string]) =>
  on(/^GET \/info/, (_, response) => reply(response, 200, JSON.stringify({ DriverStatus: [status] })))

const MANY = Array.from({ length: 40 }, (_, index) => `tree${index}`)

it.scopedLive("many that are foreseen are listed by Docker's own image store", () =>
  Effect.gen(function* () {
    const { engine, presence } = yield* world(MANY.slice(1))
    engine.scripts.push(keepsImagesBy(["Backing Filesystem", "extfs"]))
    yield* presence.foresee(MANY)
    const [, question = ""] = engine.asked
    expect(engine.asked).toHaveLength(2)
    expect(decodeURIComponent(question)).toContain(JSON.stringify(MANY.map((tree) => `${PREFIX}:${tree}`)))
    for (const tree of MANY.slice(1)) expect(yield* presence.of(tree)).toBe(true)
    expect(engine.asked).toHaveLength(2)
    expect(yield* presence.of("tree0")).toBe(false)
  })
)

it.scopedLive("containerd's image store is asked for each", () =>
  Effect.gen(function* () {
    const { engine, presence } = yield* world(MANY.slice(1))
    engine.scripts.push(keepsImagesBy(["driver-type", "io.containerd.snapshotter.v1"]))
    yield* presence.foresee(MANY)
    expect(engine.asked.slice(1).toSorted()).toEqual(MANY.map(inspects).toSorted())
    for (const tree of MANY.slice(1)) expect(yield* presence.of(tree)).toBe(true)
    expect(engine.asked).toHaveLength(MANY.length + 1)
    expect(yield* presence.of("tree0")).toBe(false)
  })
)

it.scopedLive("a few are asked for one by one, and before many all are listed", () =>
  Effect.gen(function* () {
    const trees = Array.from({ length: 40 }, (_, index) => `tree${index}`)
    const { engine, presence } = yield* world(trees.slice(1))
    const found: Array<boolean> = []
    for (const tree of trees) found.push(yield* presence.of(tree))
    expect(found).toEqual(trees.map((_, index) => index > 0))
    expect(engine.asked.slice(0, 3)).toEqual(trees.slice(0, 3).map(inspects))
    expect(engine.asked.length).toBeLessThan(10)
    expect(yield* presence.of("none")).toBe(false)
  })
)

it.scopedLive("where nobody answers, everything is taken to be there", () =>
  Effect.gen(function* () {
    const { engine, presence } = yield* world([])
    engine.scripts.unshift((_, response) => {
      response.destroy()
      return true
    })
    yield* presence.foresee(["a", "b"])
    expect([yield* presence.of("a"), yield* presence.of("b")]).toEqual([true, true])
  })
)
