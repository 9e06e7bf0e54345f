/** A machine that has what macOS has for running steps as users of their own: stand-ins, and a root for the users. */
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { fileURLToPath } from "node:url"
import { beforeAll } from "vitest"
import type { UserOptions } from "../../src/interpreters/sandbox/UserSandbox.ts"
import { forTests, type StandIns } from "./standIns.ts"

export interface Mac extends StandIns {
  readonly options: UserOptions & { readonly stateDirectory: string }
  /** Where the user sees what the host has here. */
  readonly root: string
}

/** For the tests of a `describe`. Each has a user of its own number: they are real ones, who are killed. */
export const forMac = (uid: number): Mac => {
  const standIns = forTests(["zfs", "dscl", "su", "pkill"])
  const root = `${standIns.path}/root`
  beforeAll(() => {
    Fs.mkdirSync(root)
    execFileSync("mount", ["-t", "tmpfs", "-o", "mode=755", "root", root])
    fill(root)
    // The state is found at the same path from inside.
    Fs.mkdirSync(`${root}${standIns.path}`, { recursive: true })
    Fs.symlinkSync("/", `${root}${root}`)
  })
  return { ...standIns, root, options: { uid, brewPath: "/opt/homebrew", stateDirectory: `${root}/var/run/obuilder` } }
}

/** What the users' commands need: copies, so that nothing of the host's is in danger. */
const fill = (root: string): void => {
  for (const path of ["bin", "usr/bin", "etc", "dev", "var/run", "var/folders", "Users", "opt"]) {
    Fs.mkdirSync(`${root}/${path}`, { recursive: true })
  }
  Fs.mkdirSync(`${root}/tmp`)
  for (const path of ["tmp", "var/folders"]) Fs.chmodSync(`${root}/${path}`, 0o1777)
  execFileSync("mknod", ["-m", "666", `${root}/dev/null`, "c", "1", "3"])
  const busybox = which("busybox")
  Fs.copyFileSync(busybox, `${root}/bin/busybox`)
  for (const applet of execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n")) {
    if (applet !== "busybox") Fs.symlinkSync("busybox", `${root}/bin/${applet}`)
  }
  Fs.symlinkSync("/bin/busybox", `${root}/usr/bin/env`)
  Fs.copyFileSync(fileURLToPath(new URL("getconf", import.meta.url)), `${root}/usr/bin/getconf`)
  Fs.rmSync(`${root}/bin/bash`, { force: true })
  const bash = which("bash")
  for (const path of [bash, ...librariesOf(bash)]) {
    const to = path === bash ? `${root}/bin/bash` : `${root}${path}`
    Fs.mkdirSync(to.slice(0, to.lastIndexOf("/")), { recursive: true })
    Fs.copyFileSync(path, to)
  }
}

const which = (program: string): string =>
  execFileSync("sh", ["-c", 'command -v "$0"', program], { encoding: "utf8" }).trim()

const librariesOf = (program: string): ReadonlyArray<string> =>
  [...execFileSync("ldd", [program], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => path)
