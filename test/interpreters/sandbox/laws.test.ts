import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe } from "vitest"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import * as FileTree from "../../../src/interpreters/memory/FileTree.ts"
import * as Memory from "../../../src/interpreters/memory/Memory.ts"
import { TreeCell, toRootfs } from "../../../src/interpreters/memory/MemoryRootfs.ts"
import * as MemoryWorld from "../../../src/interpreters/memory/MemoryWorld.ts"
import * as Script from "../../../src/interpreters/memory/Script.ts"
import * as OciRuntimeSandbox from "../../../src/interpreters/sandbox/OciRuntimeSandbox.ts"
import { memoryFiles } from "../../laws/files.ts"
import { sandboxLaws } from "../../laws/sandbox.ts"
import type { Language, SandboxSubject } from "../../laws/sandboxSubject.ts"
import { describeWith } from "../../requirements.ts"
import { alive, directory, fill, overlay, pathsOf, shell, temporaryDirectory } from "./busybox.ts"
import { hostFiles } from "../../laws/files.ts"

const script: Language = {
  write: (path, text) => `write ${path} ${Script.quote(`${text}\n`)}`,
  cat: (path) => `cat ${path}`,
  echo: (text) => `echo ${Script.quote(text)}`,
  env: (name) => `env ${name}`,
  pwd: "pwd",
  id: "id",
  hostname: "hostname",
  fail: (status) => (status === 0 ? "" : `fail ${status}`),
  kill: (signal) => `kill ${signal}`,
  hang: (mark) => `echo up; wait ${mark}`
}

describe("the sandbox in memory", () => {
  sandboxLaws(
    Effect.sync((): SandboxSubject => {
      const world = MemoryWorld.make()
      const image = (entries: Parameters<SandboxSubject["image"]>[0]) =>
        Effect.sync(() => toRootfs(new TreeCell(FileTree.make(entries))))
      return {
        layer: Memory.layer(world),
        language: script,
        files: memoryFiles,
        image,
        cache: image,
        paths: (rootfs) =>
          Effect.sync(() => {
            const cell = rootfs._tag === "Opaque" ? rootfs.value : undefined
            return cell instanceof TreeCell
              ? FileTree.listing(cell.tree).flatMap(({ path }) => (path === "/" ? [] : [path]))
              : []
          }),
        alive: (mark) => Effect.sync(() => world.alive("run").filter(({ subject }) => subject.includes(mark)).length)
      }
    })
  )
})

for (const runtime of ["runc", "crun"] as const) {
  describeWith(["root", "busybox", "overlay", runtime], `the ${runtime} sandbox`, () => {
    let base = ""
    beforeAll(() => {
      base = Fs.mkdtempSync(`${tmpdir()}/obuilder-base-`)
      fill(base)
    })
    afterAll(() => Fs.rmSync(base, { recursive: true, force: true }))

    const subject = (kind: "overlays" | "directories") =>
      Effect.map(temporaryDirectory(), (path): SandboxSubject => ({
        layer: OciRuntimeSandbox.layer({ runtime, stateDirectory: `${path}/state` }),
        language: shell,
        files: hostFiles,
        image: (entries) =>
          kind === "overlays"
            ? overlay(path, [base], entries)
            : Effect.tap(directory(path, entries), (rootfs) => Effect.sync(() => fill(rootfs.path))),
        cache: (entries) => (kind === "overlays" ? overlay(path, [], entries) : directory(path, entries)),
        paths: (rootfs) => Effect.sync(() => pathsOf(rootfs)),
        alive: (mark) => Effect.sync(() => alive(mark))
      }))

    describe("on overlays", () => sandboxLaws(subject("overlays")))
    describe("on directories", () => sandboxLaws(subject("directories")))
  })
}
