/** The laws of `Engine` with runc, on overlayfs: what it is on Linux where nothing else is said. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import { beforeAll } from "vitest"
import { engineLaws } from "../laws/engine.ts"
import type { EngineSubject } from "../laws/engineSubject.ts"
import { describeWith } from "../requirements.ts"
import * as LocalBaseImages from "../../src/interpreters/base/LocalBaseImages.ts"
import * as OciRuntimeSandbox from "../../src/interpreters/sandbox/OciRuntimeSandbox.ts"
import * as OverlayfsStore from "../../src/interpreters/store/OverlayfsStore.ts"
import { mountsBelow } from "../standins/standIns.ts"
import { scratchDirectory } from "./host/scratch.ts"
import { fill } from "./sandbox/busybox.ts"
import { temporaryIn } from "./store/kinds.ts"

describeWith(["root", "busybox", "overlay", "runc"], "builds with runc, on overlayfs", () => {
  const scratch = scratchDirectory("engine-runc")
  let count = 0
  beforeAll(() => {
    fill(`${scratch.path}/base`)
    Fs.writeFileSync(`${scratch.path}/base/base-id`, "base-distro\n")
  })

  engineLaws(
    Effect.sync((): EngineSubject => {
      const [store, state] = [`${scratch.path}/store-${++count}`, `${scratch.path}/state-${count}`]
      return {
        layer: Layer.mergeAll(
          OverlayfsStore.layer({ path: store }),
          OciRuntimeSandbox.layer({ stateDirectory: state }),
          LocalBaseImages.layer({ sourceDirectory: scratch.path })
        ),
        base: `rootfs:${scratch.path}/base`,
        home: "/",
        left: Effect.sync(() => [
          ...temporaryIn(store),
          ...(Fs.existsSync(state) ? Fs.readdirSync(state) : []),
          ...mountsBelow(store)
        ])
      }
    })
  )
})
