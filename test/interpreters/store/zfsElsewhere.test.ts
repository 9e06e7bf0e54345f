/** The laws of `Store` for ZFS where the system is not Linux, on the stand-in for zfs. */
import * as Effect from "effect/Effect"
import { beforeAll, expect } from "vitest"
import * as ZfsStore from "../../../src/interpreters/store/ZfsStore.ts"
import { hostFiles } from "../../laws/files.ts"
import { hostSource } from "../../laws/sources.ts"
import { storeLaws } from "../../laws/store.ts"
import type { Subject } from "../../laws/storeSubject.ts"
import { describeWith } from "../../requirements.ts"
import { forTests, pretend } from "../../standins/standIns.ts"
import { temporaryIn } from "./kinds.ts"

/** Some laws never make a store. */
const destroyed = (said: string): string => (said.endsWith("dataset does not exist\n") ? "gone" : said)

describeWith(["root"], "the store zfs on FreeBSD", () => {
  pretend("freebsd")
  const standIns = forTests(["zfs"])
  let pool = ""
  let count = 0
  beforeAll(() => {
    pool = standIns.pool("tank")
  })
  const makeSubject = Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => `s${++count}`),
      (name) =>
        Effect.sync(() =>
          expect(["", "gone"]).toContain(destroyed(standIns.run("zfs", "destroy", "-R", `tank/${name}`).stderr))
        )
    ),
    (name): Subject => ({
      layer: ZfsStore.layer({ dataset: `tank/${name}/store` }),
      files: hostFiles,
      temporary: Effect.sync(() => temporaryIn(`${pool}/${name}/store`))
    })
  )
  storeLaws(makeSubject, { "on the host": hostSource })
})
