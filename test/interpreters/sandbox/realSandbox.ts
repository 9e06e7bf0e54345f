/** A real sandbox, and images for it, for tests that look at what only a real one has. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { afterAll, beforeAll } from "vitest"
import type { OverlayRootfs } from "../../../src/interpreters/Rootfs.ts"
import type { Command, SandboxError, SandboxService } from "../../../src/interpreters/Sandbox.ts"
import * as OciRuntimeSandbox from "../../../src/interpreters/sandbox/OciRuntimeSandbox.ts"
import { type Entries, hostFiles } from "../../laws/files.ts"
import { build, collect, type Ran } from "../../laws/sandboxSubject.ts"
import { alive, fill, overlay, pathsOf, shell, temporaryDirectory } from "./busybox.ts"

/** A directory with a busybox image, for all tests of a `describe`. */
export const busyboxBase = (): { readonly path: string } => {
  const base = { path: "" }
  beforeAll(() => {
    base.path = Fs.mkdtempSync(`${tmpdir()}/obuilder-base-`)
    fill(base.path)
  })
  afterAll(() => Fs.rmSync(base.path, { recursive: true, force: true }))
  return base
}

export interface RealSandbox {
  /** A directory of the test's own. */
  readonly directory: string
  readonly state: string
  readonly sandbox: SandboxService
  /** A new image with these entries beside busybox. */
  readonly image: (entries?: Entries) => Effect.Effect<OverlayRootfs>
  /** Runs a script in a new image, or in the one that is given. */
  readonly run: (
    script: string,
    options?: Partial<Command> & { readonly entries?: Entries; readonly rootfs?: OverlayRootfs }
  ) => Effect.Effect<Ran, SandboxError>
}

export const open = (
  base: { readonly path: string },
  options: OciRuntimeSandbox.OciRuntimeOptions = {}
): Effect.Effect<RealSandbox, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory()
    const state = options.stateDirectory ?? `${directory}/state`
    const sandbox = yield* build({
      layer: OciRuntimeSandbox.layer({ ...options, stateDirectory: state }),
      language: shell,
      files: hostFiles,
      image: (entries) => overlay(directory, [base.path], entries),
      cache: (entries) => overlay(directory, [], entries),
      paths: (rootfs) => Effect.sync(() => pathsOf(rootfs)),
      alive: (mark) => Effect.sync(() => alive(mark))
    })
    const image = (entries: Entries = {}) => overlay(directory, [base.path], entries)
    return {
      directory,
      state,
      sandbox,
      image,
      run: (script, { entries, rootfs, ...rest } = {}) =>
        Effect.flatMap(rootfs === undefined ? image(entries) : Effect.succeed(rootfs), (root) =>
          collect(sandbox, root, script, rest)
        )
    }
  })

/** What a step has left in its upper directory, with what overlayfs notes there. */
export const left = ({ upper }: OverlayRootfs): ReadonlyArray<string> =>
  Fs.readdirSync(upper, { recursive: true, encoding: "utf8" }).sort()
