/** The laws of `Sandbox` for jails, on the stand-ins for FreeBSD's programs. */
import * as Effect from "effect/Effect"
import { afterAll, expect } from "vitest"
import * as JailSandbox from "../../../src/interpreters/sandbox/JailSandbox.ts"
import { hostFiles } from "../../laws/files.ts"
import { sandboxLaws } from "../../laws/sandbox.ts"
import type { SandboxSubject } from "../../laws/sandboxSubject.ts"
import { describeWith } from "../../requirements.ts"
import { fillFreeBsd } from "../../standins/image.ts"
import { forTests, mountsBelow, pretend } from "../../standins/standIns.ts"
import { alive, directory, pathsOf, shell, temporaryDirectory } from "./busybox.ts"

describeWith(["root", "busybox"], "the sandbox of jails", () => {
  pretend("freebsd")
  forTests(["jail", "jexec", "umount"])
  afterAll(() => expect(mountsBelow("/tmp").filter((path) => path.includes("/obuilder-sandbox-"))).toEqual([]))

  const subject = Effect.map(temporaryDirectory(), (path): SandboxSubject => ({
    layer: JailSandbox.layer({ stateDirectory: `${path}/state` }),
    language: shell,
    files: hostFiles,
    image: (entries) => Effect.tap(directory(path, entries), (rootfs) => Effect.sync(() => fillFreeBsd(rootfs.path))),
    cache: (entries) => directory(path, entries),
    paths: (rootfs) => Effect.sync(() => pathsOf(rootfs)),
    alive: (mark) => Effect.sync(() => alive(mark))
  }))
  sandboxLaws(subject)
})
