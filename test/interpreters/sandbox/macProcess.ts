/** A program of its own that runs a command in the sandbox of macOS, to be killed: `PROGRAM OPTIONS COMMAND ROOTFS`, all in JSON. */
import * as Effect from "effect/Effect"
import { createRequire } from "node:module"
import * as UserSandbox from "../../../src/interpreters/sandbox/UserSandbox.ts"

// It looks for what there is for the system that it is on.
createRequire(import.meta.url)("koffi")
Object.defineProperty(process, "platform", { value: "darwin" })

const [options, command, rootfs] = process.argv.slice(2).map((text) => JSON.parse(text))

const secrets = [{ target: "s", content: new TextEncoder().encode("s3cret") }]

await Effect.runPromise(
  Effect.scoped(
    Effect.flatMap(UserSandbox.make(options), ({ run }) =>
      run({ ...command, secrets }, rootfs, (chunk) => Effect.sync(() => process.stdout.write(chunk)))
    )
  )
)
