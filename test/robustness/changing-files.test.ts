/** Source files that change between the moment they are looked at and the moment they are copied. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { sha256, type StepId } from "../../src/domain/Digest.ts"
import * as LocalBaseImages from "../../src/interpreters/base/LocalBaseImages.ts"
import { Engine } from "../../src/interpreters/Engine.ts"
import { HashMemo } from "../../src/interpreters/host/HashMemo.ts"
import * as SourceDirectory from "../../src/interpreters/host/SourceDirectory.ts"
import { observe } from "../../src/interpreters/Observe.ts"
import { Sandbox } from "../../src/interpreters/Sandbox.ts"
import type { SourceTree } from "../../src/interpreters/SourceTree.ts"
import * as OverlayfsStore from "../../src/interpreters/store/OverlayfsStore.ts"
import { Store } from "../../src/interpreters/Store.ts"
import { plan } from "../../src/plan/Planner.ts"
import { copy, spec } from "../interpreters/builds.ts"
import { scratchDirectory } from "../interpreters/host/scratch.ts"
import { describeWith } from "../requirements.ts"
import { temporaryIn } from "./leftovers.ts"

const scratch = scratchDirectory("changing")
let count = 0

/** An engine on a store of its own, whose specs run nothing, and a source directory with a file and some more. */
const setUp = Effect.sync(() => {
  const home = `${scratch.path}/${++count}`
  const source = `${home}/source`
  Fs.mkdirSync(`${source}/below`, { recursive: true })
  Fs.writeFileSync(`${source}/file`, "content\n")
  Fs.writeFileSync(`${source}/below/other`, "other\n")
  const noSandbox = Layer.succeed(Sandbox, {
    run: () => Effect.dieMessage("nothing is run here"),
    reclaim: Effect.void
  })
  const services = Layer.mergeAll(
    OverlayfsStore.layer({ path: `${home}/store` }),
    LocalBaseImages.layer({ sourceDirectory: source }),
    noSandbox
  )
  return {
    source,
    file: `${source}/file`,
    temporary: () => temporaryIn(`${home}/store`).flatMap((owner) => Fs.readdirSync(owner)),
    layer: Layer.provideMerge(Engine.layer, services)
  }
})

/** Bytes: copied in pieces, with time for others in between. */
const LARGE = 64 << 20

const everything = spec("scratch", [copy(["."], "/")])

/** Plans the copy of a whole source directory. What `meanwhile` does happens before it is copied. */
const build = (context: SourceTree, meanwhile: Effect.Effect<void> = Effect.void) =>
  Effect.gen(function* () {
    const engine = yield* Engine
    const inputs = yield* observe(everything, context)
    const planned = yield* plan(everything, inputs)
    yield* meanwhile
    return yield* engine.build({
      plan: planned,
      inputs,
      context,
      secrets: new Map(),
      jobs: 1,
      onEvent: () => Effect.void
    })
  })

/** The digest of a file of a result. */
const digestOf = (id: StepId, path: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const store = yield* Store
      const tree = yield* store.tree(id)
      return sha256(yield* tree.read(path))
    })
  )

describeWith(["root"], "a source file", () => {
  const changes: Readonly<Record<string, (file: string) => void>> = {
    vanishes: (file) => Fs.rmSync(file),
    "gets another content of the same size": (file) => Fs.writeFileSync(file, "CONTENT\n"),
    grows: (file) => Fs.appendFileSync(file, "more\n"),
    shrinks: (file) => Fs.truncateSync(file, 3),
    "becomes empty": (file) => Fs.truncateSync(file, 0),
    "becomes a directory": (file) => {
      Fs.rmSync(file)
      Fs.mkdirSync(file)
    },
    "becomes a link to a file with its content": (file) => {
      Fs.renameSync(file, `${file}.moved`)
      Fs.symlinkSync("file.moved", file)
    },
    // Whoever opens it to read waits for somebody who writes.
    "becomes a FIFO": (file) => {
      Fs.rmSync(file)
      execFileSync("mkfifo", [file])
    },
    "becomes a device": (file) => {
      Fs.rmSync(file)
      execFileSync("mknod", [file, "c", "1", "3"])
    }
  }

  it.effect.each(Object.entries(changes))("that %s fails the copy, and nothing is kept of it", ([, change]) =>
    Effect.gen(function* () {
      const { file, layer, source, temporary } = yield* setUp
      yield* Effect.gen(function* () {
        const context = yield* SourceDirectory.make({ path: source })
        const failure = yield* Effect.flip(
          build(
            context,
            Effect.sync(() => change(file))
          )
        )
        expect(failure).toMatchObject({ _tag: "StepFailed", reason: { _tag: "CopyError", path: "file" } })
        expect(failure._tag === "StepFailed" && failure.reason).toMatchObject({
          message: '"file" changed while it was being copied; build again'
        })
        expect(temporary().filter((name) => name !== "holds")).toEqual(["lock"])
        // Once it is as it was, it is copied: the failure was not remembered.
        Fs.rmSync(file, { recursive: true, force: true })
        Fs.rmSync(`${file}.moved`, { force: true })
        Fs.writeFileSync(file, "content\n")
        expect(yield* digestOf((yield* build(context)).id, "file")).toBe(sha256("content\n"))
      }).pipe(Effect.provide(layer))
      expect(temporary()).toEqual([])
    })
  )

  /** Builds with a file so large that it is copied in pieces; `change` happens when that has begun. */
  const buildWhile = (change: (file: string) => void) =>
    Effect.gen(function* () {
      const { file, layer, source } = yield* setUp
      Fs.writeFileSync(file, new Uint8Array(LARGE))
      const directory = yield* SourceDirectory.make({ path: source })
      const opened = yield* Effect.makeLatch()
      const writer = yield* Effect.fork(
        Effect.zipRight(
          opened.await,
          Effect.sync(() => change(file))
        )
      )
      const context: SourceTree = {
        ...directory,
        locate: Option.map(directory.locate, (host) => ({
          open: () => {
            const files = host.open()
            return {
              close: () => files.close(),
              file: (path) => {
                if (path === "file") opened.unsafeOpen()
                return files.file(path)
              }
            }
          }
        }))
      }
      const copied = build(context).pipe(
        Effect.flatMap(({ id }) => digestOf(id, "file")),
        Effect.provide(layer),
        Effect.either
      )
      return yield* Effect.zipLeft(copied, Fiber.join(writer))
    })

  it.effect("that changes at its end while its beginning is copied fails the copy", () =>
    Effect.gen(function* () {
      const copied = yield* buildWhile((file) => {
        const fd = Fs.openSync(file, "r+")
        Fs.writeSync(fd, "x", LARGE - 1)
        Fs.closeSync(fd)
      })
      expect(copied).toMatchObject({ left: { _tag: "StepFailed", reason: { _tag: "CopyError", path: "file" } } })
    })
  )

  it.effect("that grows while it is copied is copied as it was, if at all", () =>
    Effect.gen(function* () {
      const copied = yield* buildWhile((file) => Fs.appendFileSync(file, "more\n"))
      if (copied._tag === "Right") expect(copied.right).toBe(sha256(new Uint8Array(LARGE)))
      else expect(copied.left).toMatchObject({ _tag: "StepFailed", reason: { _tag: "CopyError", path: "file" } })
    })
  )

  it.effect("whose directory vanishes while it is read is as if it had never been there", () =>
    Effect.gen(function* () {
      const { source } = yield* setUp
      for (let n = 0; n < 1_000; n++) Fs.writeFileSync(`${source}/below/${n}`, `${n}`)
      const context = yield* SourceDirectory.make({ path: source })
      const remover = yield* Effect.fork(Effect.sync(() => Fs.rmSync(`${source}/below`, { recursive: true })))
      const manifest = yield* context.manifest(".", [])
      yield* Fiber.join(remover)
      expect(manifest.root).toMatchObject({ _tag: "Directory" })
      expect(yield* context.manifest(".", [])).toMatchObject({ root: { entries: [{ name: "file" }] } })
    })
  )

  it.effect("whose directory becomes a link to another with the same file fails the copy", () =>
    Effect.gen(function* () {
      const { layer, source } = yield* setUp
      const directory = yield* SourceDirectory.make({ path: source })
      const swapped: SourceTree = {
        ...directory,
        locate: Option.map(directory.locate, (host) => ({
          open: () => {
            Fs.renameSync(`${source}/below`, `${source}-elsewhere`)
            Fs.symlinkSync(`${source}-elsewhere`, `${source}/below`)
            return host.open()
          }
        }))
      }
      const copied = yield* Effect.either(build(swapped).pipe(Effect.provide(layer)))
      expect(copied).toMatchObject({ left: { _tag: "StepFailed", reason: { _tag: "CopyError", path: "below/other" } } })
    })
  )

  it.effect("whose content changes behind the back of its size and modification time is read again", () =>
    Effect.gen(function* () {
      const { file, layer, source } = yield* setUp
      yield* Effect.gen(function* () {
        const memo = new HashMemo()
        const context = yield* SourceDirectory.make({ path: source, memo })
        const before = Fs.statSync(file)
        const first = yield* build(context)
        Fs.writeFileSync(file, "CONTENT\n")
        Fs.utimesSync(file, before.atime, before.mtime)
        const second = yield* build(context)
        expect(second.id).not.toBe(first.id)
        expect(yield* digestOf(first.id, "file")).toBe(sha256("content\n"))
        expect(yield* digestOf(second.id, "file")).toBe(sha256("CONTENT\n"))
      }).pipe(Effect.provide(layer))
    })
  )
})
