/**
 * zfs-fuse, for the tests that need ZFS where the kernel has none: there is one
 * for the whole machine, so test files that run at the same time share it. The
 * first starts it, the last ends it; that it was a test that started it, and
 * which process it is, a file says.
 */
import { spawn, spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import { tryLock } from "../../../src/interpreters/host/Libc.ts"
import { isAt } from "../../../src/interpreters/host/Names.ts"
import { LONGEST_MS, until } from "../../until.ts"

const DIRECTORY = `${Os.tmpdir()}/obuilder-test-zfs-fuse`
const PID = `${DIRECTORY}/pid`

export const succeeds = (program: string, ...args: ReadonlyArray<string>): boolean =>
  spawnSync(program, args, { stdio: "ignore", timeout: LONGEST_MS }).status === 0

const answers = (): boolean => succeeds("zpool", "list")

const open = (name: string): number => Fs.openSync(`${DIRECTORY}/${name}`, "a", 0o600)

/** While nobody else starts or ends it. */
const alone = async <A>(work: () => Promise<A>): Promise<A> => {
  let lock = -1
  // The last one removes the directory: then another one is taken.
  const taken = (): boolean => {
    Fs.mkdirSync(DIRECTORY, { recursive: true, mode: 0o700 })
    lock = open("lock")
    if (tryLock(lock) && isAt(lock, `${DIRECTORY}/lock`)) return true
    Fs.closeSync(lock)
    return false
  }
  await until("nobody else starts or ends zfs-fuse", taken)
  try {
    return await work()
  } finally {
    Fs.closeSync(lock)
  }
}

/**
 * zfs-fuse has one thread that waits for requests, and looks which mount has
 * one before it reads it. Where that is taken back in between, because who
 * asked was killed, it waits on that mount for ever, and all others stand still.
 * So one is asked for something every second, and if there is no answer all are,
 * by somebody who can wait.
 */
const NUDGE = `
mounts() { awk '$3 ~ /^fuse/ { print $2 }' /proc/mounts; }
while kill -0 "$0" 2>/dev/null; do
  first=$(mounts | head -n 1)
  if [ -n "$first" ] && ! timeout 3 stat -f "$first"; then
    for mount in $(mounts); do timeout 3 stat -f "$mount" & done
    wait
  fi
  sleep 1
done`

const BIN = `${DIRECTORY}/bin`

/**
 * zfs-fuse tells the thread that waits for requests of each new mount by two
 * writes into one pipe. Where two mounts come at the same time those may be mixed
 * up: the thread then waits for a name of hundreds of megabytes, for ever. So
 * what mounts is run one at a time, on the whole machine.
 */
const ONE_AT_A_TIME = (zfs: string): string => `#!/bin/sh
case "$1" in
create | clone | mount)
  exec 9>>${DIRECTORY}/mounting
  flock 9
  ;;
esac
exec ${zfs} "$@"
`

const start = async (): Promise<void> => {
  if (answers()) return
  const zfs = spawnSync("sh", ["-c", "command -v zfs"], { encoding: "utf8" }).stdout.trim()
  Fs.mkdirSync(BIN, { recursive: true })
  Fs.writeFileSync(`${BIN}/zfs`, ONE_AT_A_TIME(zfs), { mode: 0o755 })
  const daemon = spawn("zfs-fuse", ["--no-daemon", "--no-kstat-mount"], { detached: true, stdio: "ignore" })
  daemon.unref()
  Fs.writeFileSync(PID, String(daemon.pid))
  // It ends a moment after the daemon.
  spawn("sh", ["-c", NUDGE, String(daemon.pid)], { detached: true, stdio: "ignore" }).unref()
  await until("zfs-fuse answers", answers)
}

const end = async (): Promise<void> => {
  if (!Fs.existsSync(PID)) return
  if (isRunning()) process.kill(Number(Fs.readFileSync(PID, "utf8")), "SIGTERM")
  await until("zfs-fuse ends", () => !isRunning())
  Fs.rmSync(PID)
}

/** Whether the one that a test started runs; its number may be another process's by now. */
const isRunning = (): boolean => Fs.existsSync(PID) && programOf(Fs.readFileSync(PID, "utf8")) === "zfs-fuse"

const programOf = (pid: string): string => {
  try {
    const stat = Fs.readFileSync(`/proc/${pid}/stat`, "latin1")
    return /[ZX]/.test(stateOf(`/proc/${pid}`)) ? "" : stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"))
  } catch {
    return ""
  }
}

/** Does something while zfs-fuse writes nothing; where the kernel has ZFS, as it is. */
export const freezeZfs = async (work: () => void): Promise<void> => {
  const pid = isRunning() ? Number(Fs.readFileSync(PID, "utf8")) : undefined
  if (pid === undefined) return work()
  process.kill(pid, "SIGSTOP")
  try {
    const threads = Fs.readdirSync(`/proc/${pid}/task`)
    await until("zfs-fuse stops", () => threads.every((thread) => /[TX]/.test(stateOf(`/proc/${pid}/task/${thread}`))))
    work()
  } finally {
    process.kill(pid, "SIGCONT")
  }
}

/** As proc(5) has it; that of a dead one where it is gone. */
const stateOf = (directory: string): string => {
  try {
    const stat = Fs.readFileSync(`${directory}/stat`, "latin1")
    return stat.slice(stat.lastIndexOf(")") + 2)[0] ?? "X"
  } catch {
    return "X"
  }
}

/** Has ZFS running until the result is called. */
export const holdZfs = (): Promise<() => Promise<void>> =>
  alone(async () => {
    await start()
    const users = open("users")
    tryLock(users, "shared")
    const path = process.env["PATH"]
    if (Fs.existsSync(BIN)) process.env["PATH"] = `${BIN}:${path}`
    return () =>
      alone(async () => {
        process.env["PATH"] = path
        if (tryLock(users)) {
          await end()
          Fs.rmSync(DIRECTORY, { recursive: true })
        }
        Fs.closeSync(users)
      })
  })
