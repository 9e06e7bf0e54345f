/** The laws of `Engine` as it is on FreeBSD: with jails, on ZFS, on the stand-ins for the programs of both. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import { beforeAll } from "vitest"
import * as LocalBaseImages from "../../src/interpreters/base/LocalBaseImages.ts"
import * as JailSandbox from "../../src/interpreters/sandbox/JailSandbox.ts"
import * as ZfsStore from "../../src/interpreters/store/ZfsStore.ts"
import { engineLaws } from "../laws/engine.ts"
import type { EngineSubject } from "../laws/engineSubject.ts"
import { describeWith } from "../requirements.ts"
import { fillFreeBsd } from "../standins/image.ts"
import { forTests, mountsBelow, pretend } from "../standins/standIns.ts"
import { temporaryIn } from "./store/kinds.ts"

describeWith(["root", "busybox"], "builds in jails, on zfs", () => {
  pretend("freebsd")
  const standIns = forTests(["zfs", "jail", "jexec", "umount"])
  const stateDirectory = `${standIns.path}/run`
  let pool = ""
  let count = 0
  beforeAll(() => {
    pool = standIns.pool("tank")
    fillFreeBsd(`${standIns.path}/base`)
    Fs.writeFileSync(`${standIns.path}/base/base-id`, "base-distro\n")
  })

  const namesIn = (path: string): ReadonlyArray<string> => (Fs.existsSync(path) ? Fs.readdirSync(path) : [])

  engineLaws(
    Effect.sync((): EngineSubject => {
      const name = `s${++count}`
      return {
        layer: Layer.mergeAll(
          ZfsStore.layer({ dataset: `tank/${name}` }),
          JailSandbox.layer({ stateDirectory }),
          LocalBaseImages.layer({ sourceDirectory: standIns.path })
        ),
        base: `rootfs:${standIns.path}/base`,
        home: "/",
        // Of a pool, nothing is mounted but its stores.
        left: Effect.sync(() => [
          ...temporaryIn(`${pool}/${name}`),
          ...namesIn(stateDirectory),
          ...namesIn(`${standIns.path}/state/jails`),
          ...mountsBelow(pool).filter((path) => !/^\/s\d+$/.test(path.slice(pool.length)))
        ])
      }
    })
  )
})
