/** A disk without any space left, on which room is to be made. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import * as LifeCycle from "../../../src/interpreters/LifeCycle.ts"
import { Store } from "../../../src/interpreters/Store.ts"
import { hostFiles } from "../../laws/files.ts"
import { id, make, open, type Subject } from "../../laws/storeSubject.ts"
import { describeWith } from "../../requirements.ts"
import { disk } from "./disk.ts"
import { kinds, temporaryIn } from "./kinds.ts"

const telling = { removed: () => Effect.void, measured: () => Effect.void }

/** Writes until not a byte more can be written, nor a file be made. */
const fill = (directory: string): void => {
  Fs.mkdirSync(directory)
  for (let size = 2 ** 30, count = 0; size >= 4096; count++) {
    try {
      execFileSync("fallocate", ["-l", String(size), `${directory}/${count}`], { stdio: "pipe" })
    } catch {
      Fs.rmSync(`${directory}/${count}`, { force: true })
      size /= 2
    }
  }
  for (let count = 0; ; count++) {
    try {
      Fs.writeFileSync(`${directory}/small-${count}`, randomBytes(2000))
    } catch {
      return
    }
  }
}

for (const kind of kinds.filter(({ name }) => name === "xfs" || name === "btrfs")) {
  describeWith(kind.needs, `the store ${kind.name} on a full disk`, () => {
    const place = disk(kind.disk ?? "xfs")

    it.scopedLive("can be cleaned", () =>
      Effect.gen(function* () {
        const path = `${place.path}/store`
        const subject: Subject = { layer: kind.layer(path), files: hostFiles, temporary: Effect.succeed([]) }
        yield* Effect.scoped(
          Effect.flatMap(open(subject), (store) =>
            make(store, "base", undefined, ({ rootfs }) =>
              hostFiles.put(rootfs, { f: randomBytes(1 << 20).toString("hex") })
            )
          )
        )
        expect(Fs.existsSync(`${path}/ballast`)).toBe(true)
        fill(`${place.path}/others`)
        const cleaned = yield* Effect.scoped(
          Effect.flatMap(open(subject), (store) => Effect.provideService(LifeCycle.clean(telling), Store, store))
        )
        expect(cleaned).toMatchObject({ results: 1, inUse: 0 })
        expect(Fs.existsSync(`${path}/results/${id("base")}`)).toBe(false)
        expect(temporaryIn(path)).toEqual([])
        // For the next time.
        expect(Fs.existsSync(`${path}/ballast`)).toBe(true)
      })
    )
  })
}
