/** Real Docker engines, on sockets of their own. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import { newerDockerd, type Requirement } from "../../requirements.ts"
import { until } from "../../until.ts"

export interface EngineKind {
  readonly name: string
  readonly needs: Requirement
  /** Whether images are kept by containerd, as in new installations of today, or by Docker itself. */
  readonly containerd: boolean
  readonly dockerd: () => string
}

/** Debian's `docker.io`, whatever its version. */
export const debian: EngineKind = {
  name: "a Docker engine",
  needs: "docker",
  containerd: false,
  dockerd: () => "dockerd"
}

export const newer: EngineKind = {
  name: "a newer Docker engine",
  needs: "newerDocker",
  containerd: false,
  dockerd: () => newerDockerd() ?? "dockerd"
}

export const newerWithContainerd: EngineKind = {
  ...newer,
  name: "a newer Docker engine with containerd's image store",
  containerd: true
}

/**
 * Starts one with everything that it has in a directory; gives `unix://SOCKET`.
 * It ends with the scope, and with this process, and all that it has started
 * and mounted with it: that is in namespaces of its own.
 */
export const start = (directory: string, kind = debian): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    Fs.mkdirSync(`${directory}/tmp`, { recursive: true })
    const socket = `${directory}/socket`
    const configuration = `${directory}/daemon.json`
    Fs.writeFileSync(configuration, JSON.stringify({ features: { "containerd-snapshotter": kind.containerd } }))
    const words = [
      ...["--config-file", configuration, "--data-root", `${directory}/data`, "--exec-root", EXEC],
      ...["--pidfile", `${directory}/pid`, "--host", `unix://${socket}`],
      ...["--bridge=none", "--iptables=false", "--ip-forward=false"]
    ]
    let said = ""
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const namespaces = ["--mount", "--pid", "--mount-proc", "--fork", "--kill-child"]
        const child = spawn("unshare", [...namespaces, "sh", "-e", "-c", FIRST, "sh", kind.dockerd(), ...words], {
          stdio: ["pipe", "ignore", "pipe"],
          env: { ...process.env, TMPDIR: `${directory}/tmp` }
        })
        child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text))
        return child
      }),
      (child) =>
        Effect.async<void>((resume) => {
          // When the last of them has ended.
          child.once("close", () => resume(Effect.void))
          child.kill("SIGKILL")
        })
    )
    yield* Effect.promise(() =>
      until("the Docker engine listens", () => {
        if (child.exitCode !== null) throw new Error(`the Docker engine has ended: ${said}`)
        return said.includes(`API listen on ${socket}`)
      }).catch((cause: unknown) => {
        throw new Error(`no Docker engine: ${said.slice(-LAST_WORDS)}`, { cause })
      })
    )
    return `unix://${socket}`
  })

/** Letters of what an engine has said that failed. */
const LAST_WORDS = 2000

/** Of the engine's own, in its namespace. Short: the names of sockets that it makes there have 108 bytes at most. */
const EXEC = "/mnt"

/**
 * What the first process does, with which all others end: it reads until the
 * test's process ends. The engine would leave a key in /etc.
 */
const FIRST = `mount -t tmpfs tmpfs /etc
mount -t tmpfs tmpfs ${EXEC}
exec 3<&0
"$@" </dev/null 3<&- &
cat <&3 >/dev/null`
