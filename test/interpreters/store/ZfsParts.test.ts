/** The store of macOS, whose trees have parts that are datasets: the laws, on a stand-in for zfs, and what parts are for. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { beforeAll } from "vitest"
import { PARTS } from "../../../src/interpreters/sandbox/UserSandbox.ts"
import * as ZfsStore from "../../../src/interpreters/store/ZfsStore.ts"
import { hostFiles } from "../../laws/files.ts"
import { hostSource, memorySource } from "../../laws/sources.ts"
import { storeLaws } from "../../laws/store.ts"
import { id, open, opened, type Subject } from "../../laws/storeSubject.ts"
import { describeWith } from "../../requirements.ts"
import { forTests } from "../../standins/standIns.ts"
import { temporaryIn } from "./kinds.ts"

describeWith(["root"], "the store zfs with parts", () => {
  const standIns = forTests(["zfs"])
  beforeAll(() => void standIns.pool("tank"))
  let count = 0
  const makeSubject = Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => `tank/${++count}`),
      (dataset) => Effect.sync(() => void standIns.run("zfs", "destroy", "-R", dataset))
    ),
    (dataset): Subject => ({
      layer: ZfsStore.layer({ dataset, parts: PARTS }),
      files: hostFiles,
      temporary: Effect.sync(() => temporaryIn(`${standIns.path}/${dataset}`))
    })
  )

  storeLaws(makeSubject, { "on the host": hostSource, "in memory": memorySource })
})
