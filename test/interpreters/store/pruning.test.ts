/** Pruning by size, where what results take is not the sum of what they are. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import * as LifeCycle from "../../../src/interpreters/LifeCycle.ts"
import { Store } from "../../../src/interpreters/Store.ts"
import { hostFiles } from "../../laws/files.ts"
import { id, make, open, type Subject } from "../../laws/storeSubject.ts"
import { describeWith } from "../../requirements.ts"
import { disk } from "./disk.ts"
import { kinds } from "./kinds.ts"

const MEGABYTE = 1 << 20
const CHAINS = ["a", "b", "c", "d"]
const telling = { removed: () => Effect.void, measured: () => Effect.void }

// ZFS says what something takes some seconds after it was written.
for (const kind of kinds.filter(({ name }) => name !== "zfs")) {
  describeWith(kind.needs, `pruning the store ${kind.name}`, () => {
    const place = kind.disk === undefined ? { path: tmpdir() } : disk(kind.disk)

    it.scopedLive("takes as much as it has to, and spares the rest", () =>
      Effect.gen(function* () {
        const directory = yield* Effect.acquireRelease(
          Effect.sync(() => Fs.mkdtempSync(`${place.path}/obuilder-store-`)),
          (path) => Effect.sync(() => kind.disk === undefined && Fs.rmSync(path, { recursive: true, force: true }))
        )
        const subject: Subject = {
          layer: kind.layer(`${directory}/store`),
          files: hostFiles,
          temporary: Effect.succeed([])
        }
        yield* Effect.scoped(
          Effect.gen(function* () {
            const store = yield* open(subject)
            for (const chain of CHAINS) {
              // Bytes that no file system makes fewer of.
              const content = randomBytes(2 * MEGABYTE).toString("hex")
              yield* make(store, chain, undefined, ({ rootfs }) => hostFiles.put(rootfs, { f: content }))
              yield* make(store, `${chain} child`, chain, ({ rootfs }) => hostFiles.put(rootfs, { g: chain }))
            }
          })
        )
        const store = yield* open(subject)
        const results = yield* store.inventory.results
        const total = yield* LifeCycle.storage(store.inventory, results, telling)
        expect(total).toBeGreaterThanOrEqual(CHAINS.length * 4 * MEGABYTE)
        const summary = yield* LifeCycle.prune(
          { keepStorage: Option.some(total - MEGABYTE), unusedSince: Option.none(), maxItems: Option.none() },
          telling
        ).pipe(Effect.provideService(Store, store))
        // A tree of its own is enough alone; otherwise a child has next to nothing, and its parent goes as well.
        const gone = kind.name === "rsync (copy)" ? ["a child"] : ["a child", "a"]
        expect(summary.results).toBe(gone.length)
        expect(summary.bytes).toBeGreaterThanOrEqual(4 * MEGABYTE)
        const left = (yield* store.inventory.results).map((one) => one.id)
        const names = CHAINS.flatMap((chain) => [chain, `${chain} child`])
        expect(left.sort()).toEqual(
          names
            .filter((name) => !gone.includes(name))
            .map(id)
            .sort()
        )
      })
    )
  })
}
