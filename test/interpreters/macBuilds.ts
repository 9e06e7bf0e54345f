/** Builds with what `--store=zfs:` is on macOS, on stand-ins. */
import * as Layer from "effect/Layer"
import { execFileSync } from "node:child_process"
import { Engine } from "../../src/interpreters/Engine.ts"
import * as LocalBaseImages from "../../src/interpreters/base/LocalBaseImages.ts"
import type { BaseImages } from "../../src/interpreters/BaseImages.ts"
import type { Sandbox } from "../../src/interpreters/Sandbox.ts"
import * as UserSandbox from "../../src/interpreters/sandbox/UserSandbox.ts"
import { Store, type StoreError } from "../../src/interpreters/Store.ts"
import * as MacStore from "../../src/interpreters/store/MacStore.ts"
import type { SandboxError } from "../../src/interpreters/Sandbox.ts"
import type { Mac } from "../standins/mac.ts"

/** An engine on a store of its own. */
export const macEngine = (
  mac: Mac,
  dataset: string
): Layer.Layer<Engine | Store | Sandbox | BaseImages, StoreError | SandboxError> =>
  Layer.provideMerge(
    Engine.layer,
    Layer.mergeAll(
      Layer.scoped(Store, MacStore.make({ dataset, user: mac.options })),
      UserSandbox.layer(mac.options),
      LocalBaseImages.layer({ sourceDirectory: mac.path })
    )
  )

/** Gives what a base holds to the user, as one that was made on a Mac is his. */
export const giveToUser = (mac: Mac, path: string): void =>
  void execFileSync("chown", ["-Rh", `${mac.options.uid}:${UserSandbox.GID}`, path])
