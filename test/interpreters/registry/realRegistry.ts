/** Debian's `docker-registry`, on loopback. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import { until } from "../../until.ts"

/** "somebody" and "secret", as `htpasswd -B` writes them. */
const PASSWORDS = "somebody:$2y$05$mlp0YRIn2FCgBiP5I0UZm.llFEPandpXoPOQ4RQ8XC4qGn.uGOxES\n"

/** Starts one with its data in a directory; gives `127.0.0.1:PORT`. It ends with the scope. */
export const start = (
  directory: string,
  { asksForPassword = false }: { readonly asksForPassword?: boolean } = {}
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    Fs.mkdirSync(directory, { recursive: true })
    const file = (name: string, content: string): string => {
      Fs.writeFileSync(`${directory}/${name}`, content)
      return `${directory}/${name}`
    }
    const auth = `auth: { htpasswd: { realm: here, path: ${file("passwords", PASSWORDS)} } }\n`
    const configuration = file(
      "config.yml",
      `version: 0.1
storage: { filesystem: { rootdirectory: ${directory}/data } }
http: { addr: "127.0.0.1:0" }
${asksForPassword ? auth : ""}`
    )
    let said = ""
    const port = (): string | undefined => /listening on 127\.0\.0\.1:(\d+)/.exec(said)?.[1]
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn("docker-registry", ["serve", configuration], { stdio: ["ignore", "pipe", "pipe"] })
        for (const stream of [child.stdout, child.stderr])
          stream.on("data", (chunk: Buffer) => (said += chunk.toString()))
        return child
      }),
      (child) =>
        Effect.async<void>((resume) => {
          child.once("close", () => resume(Effect.void))
          child.kill("SIGKILL")
        })
    )
    yield* Effect.promise(() => until("the registry listens", () => port() !== undefined))
    return `127.0.0.1:${port()}`
  })
