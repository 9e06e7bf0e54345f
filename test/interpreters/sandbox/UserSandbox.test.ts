/** The sandbox of macOS, on stand-ins for the programs that it uses: see `test/standins`. */
import * as Effect from "effect/Effect"
import { beforeAll, describe } from "vitest"
import { sandboxLaws } from "../../laws/sandbox.ts"
import { describeWith } from "../../requirements.ts"
import { forMac } from "../../standins/mac.ts"
import { makeSubject } from "./macSubject.ts"

describeWith(["root", "busybox"], "the sandbox of macOS", () => {
  const mac = forMac(60_701)
  beforeAll(() => void mac.pool("tank"))

  describe("keeps the laws", () => sandboxLaws(Effect.sync(() => makeSubject(mac))))
})
