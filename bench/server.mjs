/** Servers that the programs which are measured talk to. */
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import { setTimeout as pause } from "node:timers/promises"

/**
 * Starts one, and waits until its log has what `ready` matches, which is given
 * back. The log is a file: nobody reads a pipe while a program is measured, and
 * a server that cannot write stands still. Its input ends with this process.
 */
export const serve = async ({ program, words, log, ready, env = {} }) => {
  const fd = Fs.openSync(log, "w")
  const child = spawn(program, words, { stdio: ["pipe", fd, fd], env: { ...process.env, ...env } })
  Fs.closeSync(fd)
  let failed
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve((failed = error)))
    child.once("close", resolve)
  })
  const stop = () => {
    child.kill("SIGKILL")
    return ended
  }
  for (;;) {
    const said = Fs.readFileSync(log, "utf8")
    const found = ready.exec(said)
    if (found !== null) return { found, stop }
    if (failed !== undefined || child.exitCode !== null || child.signalCode !== null) {
      throw failed ?? new Error(`${program} has ended: ${said.slice(-2000)}`)
    }
    await pause(20)
  }
}
