/** A base image for these tests: a static busybox with the applets that they use, root in `/etc/passwd`, no shell but sh. */
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"

const APPLETS = ["cat", "dd", "echo", "env", "find", "head", "ln", "mkdir", "rm", "sh", "sleep", "touch", "true"]

/** Makes it at `path`, and returns that. */
export const makeBase = (path: string): string => {
  for (const name of ["bin", "etc", "tmp"]) Fs.mkdirSync(`${path}/${name}`, { recursive: true })
  Fs.copyFileSync(execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim(), `${path}/bin/busybox`)
  for (const applet of APPLETS) Fs.symlinkSync("busybox", `${path}/bin/${applet}`)
  Fs.writeFileSync(`${path}/etc/passwd`, "root:x:0:0:root:/root:/bin/sh\n")
  return path
}
