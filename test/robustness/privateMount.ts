/** File systems that only the processes of a test see, and that go with it, however it ends. */
import { spawn } from "node:child_process"
import { afterAll } from "vitest"
import { until } from "../until.ts"

export interface PrivateMount {
  /** What a program is started through to see the mounts. */
  readonly through: ReadonlyArray<string>
  /** Where this process sees a path of theirs. */
  readonly seen: (path: string) => string
  /** Runs a shell's commands among them. */
  readonly sh: (script: string) => Promise<void>
}

/** A mount namespace with what a shell script mounts in it. To be called where a test file's tests are collected or set up. */
export const privateMount = async (script: string): Promise<PrivateMount> => {
  // It reads until this process ends or closes its end: then it ends as well, and the mounts with it.
  const keeper = spawn("unshare", ["--mount", "sh", "-e", "-c", `${script}\necho ready\nexec cat >&2`], {
    stdio: ["pipe", "pipe", "inherit"]
  })
  afterAll(() => keeper.stdin.end())
  let said = ""
  keeper.stdout.setEncoding("utf8").on("data", (text: string) => (said += text))
  await until(`a mount namespace is made: ${script}`, () => {
    if (keeper.exitCode !== null) throw new Error(`cannot mount: ${script}`)
    return said === "ready\n"
  })
  const { pid } = keeper
  const through = ["nsenter", `--mount=/proc/${pid}/ns/mnt`, "--"]
  return {
    through,
    seen: (path) => `/proc/${pid}/root${path}`,
    sh: (commands) =>
      new Promise((resolve, reject) => {
        const [file = "", ...words] = [...through, "sh", "-e", "-c", commands]
        spawn(file, words, { stdio: ["ignore", "ignore", "inherit"] })
          .once("error", reject)
          .once("exit", (status) => (status === 0 ? resolve() : reject(new Error(`${commands} failed: ${status}`))))
      })
  }
}
