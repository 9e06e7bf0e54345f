/** What is said of how a result was made, and of images of it, from what is noted beside results. In memory. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { tmpdir } from "node:os"
import { sha256, type StepId } from "../../../src/domain/Digest.ts"
import { BaseImages } from "../../../src/interpreters/BaseImages.ts"
import * as Export from "../../../src/interpreters/image/Export.ts"
import { type ImageOptions, plain } from "../../../src/interpreters/image/ImageOptions.ts"
import * as FileTree from "../../../src/interpreters/memory/FileTree.ts"
import * as MemoryBaseImages from "../../../src/interpreters/memory/MemoryBaseImages.ts"
import * as MemoryWorld from "../../../src/interpreters/memory/MemoryWorld.ts"
import * as TreeSource from "../../../src/interpreters/memory/TreeSource.ts"
import { Store } from "../../../src/interpreters/Store.ts"
import { build, buildOnce, copy, engine, type Request, run, spec } from "../builds.ts"

const options: ImageOptions = { ...plain, epoch: Option.some(1_700_000_000) }

const same = MemoryWorld.base({ "etc/motd": "hello\n" })
const newWorld = () => MemoryWorld.make({ base: same, alias: same })

const statement = (world: MemoryWorld.MemoryWorld, id: StepId) =>
  Effect.gen(function* () {
    const services = { store: yield* Store, images: yield* BaseImages, directory: tmpdir() }
    return JSON.parse(yield* Export.provenance(services, { id, options, name: Option.some("it:1") }))
  }).pipe(Effect.provide(engine(world)))

const shell = { _tag: "Shell", args: ["sh", "-c"] } as const
const made = run("write /out made")

describe("the provenance of a result", () => {
  it.effect("names the image, the steps, the bases and what was copied, also of nested builds", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const request: Request = {
        spec: spec(
          "base",
          [
            shell,
            copy(["a"], "/a"),
            copy(["/out"], "/out", { from: "dev" }),
            run("cat /a", { secrets: { token: "/run/token" } }),
            { _tag: "Env", name: "LAST", value: "1" }
          ],
          { dev: spec("alias", [shell, copy(["b"], "/b"), made]) }
        ),
        context: TreeSource.fromTree(FileTree.make({ a: "1", b: "2" })),
        secrets: new Map([["token", new TextEncoder().encode("hidden")]])
      }
      const id = yield* buildOnce(world, request)
      const said = yield* statement(world, id)
      expect(said).toMatchObject({
        _type: "https://in-toto.io/Statement/v1",
        predicateType: "https://slsa.dev/provenance/v1",
        subject: [{ name: "it:1", digest: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) } }]
      })
      const { buildDefinition, runDetails } = said.predicate
      const kinds = (steps: ReadonlyArray<{ readonly kind: string }>) => steps.map(({ kind }) => kind)
      expect(kinds(buildDefinition.externalParameters.steps)).toEqual(["base", "copy", "copy", "run"])
      expect(kinds(buildDefinition.externalParameters.copiedFrom)).toEqual(["base", "copy", "run"])
      expect(buildDefinition.externalParameters).toMatchObject({
        result: id,
        settings: { environment: [{ name: "LAST", value: "1" }] }
      })
      const digest = { sha256: MemoryBaseImages.digest(same) }
      expect(
        buildDefinition.resolvedDependencies.filter((one: { name: string }) => one.name !== "source directory")
      ).toEqual([expect.objectContaining({ name: "alias", digest }), expect.objectContaining({ name: "base", digest })])
      expect(
        buildDefinition.resolvedDependencies.map(
          ({ annotations }: { annotations: { src?: unknown } }) => annotations.src
        )
      ).toEqual([undefined, ["b"], undefined, ["a"]])
      expect(runDetails.metadata).toEqual({
        invocationId: id,
        startedOn: "2023-11-14T22:13:20Z",
        finishedOn: "2023-11-14T22:13:20Z"
      })
      expect(JSON.stringify(said)).not.toContain("hidden")
      expect(yield* statement(world, id)).toEqual(said)
    })
  )

  it.effect("names base and settings as the last build does that had the result", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const named = (base: string, value: string) =>
        buildOnce(world, { spec: spec(base, [shell, made, { _tag: "Env", name: "A", value }]) })
      const parameters = (id: StepId) =>
        Effect.map(statement(world, id), ({ predicate }) => {
          const { settings, steps } = predicate.buildDefinition.externalParameters
          return { base: steps[0].reference, heading: steps[0].heading, environment: settings.environment }
        })
      const id = yield* named("base", "1")
      expect(yield* parameters(id)).toEqual({
        base: "base",
        heading: "(from base)",
        environment: [{ name: "A", value: "1" }]
      })
      expect(yield* named("alias", "2")).toBe(id)
      expect(yield* parameters(id)).toEqual({
        base: "alias",
        heading: "(from alias)",
        environment: [{ name: "A", value: "2" }]
      })
    })
  )

  it.effect("is refused where it is not known what a result was built on", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const id = yield* buildOnce(world, { spec: spec("base", [shell, made]) })
      for (const { info, notes } of world.results.values()) if (Option.isNone(info.parent)) notes.clear()
      const error = yield* Effect.flip(statement(world, id))
      expect(error.message).toBe(`it is not known what base ${id} was built on`)
    })
  )

  it.effect("is said of a result whose other notes are lost or damaged, as far as they say it", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const id = yield* buildOnce(world, { spec: spec("base", [shell, { _tag: "Env", name: "A", value: "1" }, made]) })
      world.results.get(id)?.notes.delete("settings")
      const { predicate } = yield* statement(world, id)
      // Of the last command.
      expect(predicate.buildDefinition.externalParameters.settings.environment).toEqual([{ name: "A", value: "1" }])
      world.results.get(id)?.notes.set("recipe", "{")
      world.results.get(id)?.notes.set("layers", JSON.stringify({ version: 2 }))
      const { predicate: less } = yield* statement(world, id)
      expect(less.buildDefinition.externalParameters.steps[1]).toEqual({
        id,
        step: '/: (run (shell "write /out made"))'
      })
    })
  )

  it.effect("does not need results that were only copied from, when they are gone", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const nested = spec("alias", [shell, made])
      const id = yield* buildOnce(world, {
        spec: spec("base", [shell, copy(["/out"], "/out", { from: "dev" })], { dev: nested })
      })
      const dev = yield* buildOnce(world, { spec: nested })
      world.results.delete(dev)
      const { predicate } = yield* statement(world, id)
      expect(predicate.buildDefinition.externalParameters).not.toHaveProperty("copiedFrom")
    })
  )
})

describe("an archive of a result", () => {
  it.effect("has the same bytes whenever it is made", () =>
    Effect.gen(function* () {
      const world = newWorld()
      const archive = Effect.gen(function* () {
        const id = yield* build({ spec: spec("base", [shell, made, run("write /etc/motd bye")]) })
        const services = { store: yield* Store, images: yield* BaseImages, directory: tmpdir() }
        const chunks: Array<Uint8Array> = []
        yield* Export.ociArchive(services, { id, options, name: Option.none(), attests: true }, (chunk) =>
          Effect.sync(() => void chunks.push(Uint8Array.from(chunk)))
        )
        return sha256(Buffer.concat(chunks))
      }).pipe((effect) => Effect.provide(effect, engine(world)))
      const first = yield* archive
      expect(yield* archive).toBe(first)
    })
  )
})
