/** The laws of `Engine` with what `--store=zfs:` is on macOS, on the stand-ins for its programs. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import { beforeAll } from "vitest"
import * as LocalBaseImages from "../../src/interpreters/base/LocalBaseImages.ts"
import { Store } from "../../src/interpreters/Store.ts"
import { GID, homeOf, layer as userSandbox } from "../../src/interpreters/sandbox/UserSandbox.ts"
import * as MacStore from "../../src/interpreters/store/MacStore.ts"
import { engineLaws } from "../laws/engine.ts"
import type { EngineSubject } from "../laws/engineSubject.ts"
import { describeWith } from "../requirements.ts"
import { forMac } from "../standins/mac.ts"
import { mountsBelow, pretend } from "../standins/standIns.ts"
import { giveToUser } from "./macBuilds.ts"
import { temporaryIn } from "./store/kinds.ts"

describeWith(["root", "busybox"], "builds of macOS' user", () => {
  pretend("darwin")
  const mac = forMac(60_704)
  const { uid } = mac.options
  let stores = 0
  beforeAll(() => {
    mac.pool("tank")
    Fs.mkdirSync(`${mac.path}/base/home`, { recursive: true })
    Fs.writeFileSync(`${mac.path}/base/home/base-id`, "base-distro\n")
    // Both parts, so that none of them is a step's doing.
    Fs.mkdirSync(`${mac.path}/base/brew`)
    Fs.writeFileSync(`${mac.path}/base/brew/kept`, "")
    giveToUser(mac, `${mac.path}/base`)
  })

  engineLaws(
    Effect.sync((): EngineSubject => {
      const dataset = `tank/${++stores}`
      return {
        layer: Layer.mergeAll(
          Layer.scoped(Store, MacStore.make({ dataset, user: mac.options })),
          userSandbox(mac.options),
          LocalBaseImages.layer({ sourceDirectory: mac.path })
        ),
        base: `rootfs:${mac.path}/base`,
        home: homeOf(uid),
        kept: "/home",
        user: { uid, gid: GID },
        // One user, one home: one step at a time.
        isParallel: false,
        secrets: [
          { target: "/run/secrets/test", word: '"$OBUILDER_SECRETS_DIR/test"' },
          { target: "/run/secrets/test2", word: '"$OBUILDER_SECRETS_DIR/test2"' }
        ],
        left: Effect.sync(() => [...temporaryIn(`${mac.path}/${dataset}`), ...mountsBelow(mac.root)])
      }
    })
  )
})
