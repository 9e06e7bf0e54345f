/** What is built and copied here. */
import { execFileSync } from "node:child_process"
import { randomFillSync } from "node:crypto"
import * as Fs from "node:fs"

/** A root file system with a static busybox and all its applets, and an empty source directory beside it. */
export const makeBase = (directory) => {
  for (const path of ["bin", "dev", "etc", "proc", "root", "sbin", "sys", "tmp", "usr/bin", "usr/sbin", "var"]) {
    Fs.mkdirSync(`${directory}/${path}`, { recursive: true })
  }
  const busybox = execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim()
  Fs.copyFileSync(busybox, `${directory}/bin/busybox`)
  Fs.chmodSync(`${directory}/bin/busybox`, 0o755)
  for (const applet of execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n")) {
    if (applet !== "busybox") Fs.symlinkSync("busybox", `${directory}/bin/${applet}`)
  }
  Fs.writeFileSync(`${directory}/etc/passwd`, "root:x:0:0:root:/root:/bin/sh\n")
}

/** A spec of `steps` cheap commands on that base. Another `tag` makes other steps of them. */
export const runSteps = (base, steps, tag) =>
  `((from rootfs:${base}) (env TAG "${tag}") (shell /bin/sh -c)\n${"(run (shell true))\n".repeat(steps)})\n`

/** 10,000 files of about 4 KB in 100 directories: none alike, none compressible. */
export const makeSmallFiles = (directory) => {
  const content = Buffer.alloc(5000)
  for (let sub = 0; sub < 100; sub++) {
    Fs.mkdirSync(`${directory}/d${sub}`, { recursive: true })
    for (let file = 0; file < 100; file++) {
      const size = 3200 + (((sub * 100 + file) * 7919) % 1800)
      Fs.writeFileSync(`${directory}/d${sub}/file-${file}.dat`, randomFillSync(content).subarray(0, size))
    }
  }
}

/** One file of 500 MB. */
export const makeLargeFile = (directory) => {
  Fs.mkdirSync(directory, { recursive: true })
  const piece = Buffer.alloc(1e6)
  const fd = Fs.openSync(`${directory}/large.dat`, "w")
  for (let count = 0; count < 500; count++) Fs.writeSync(fd, randomFillSync(piece))
  Fs.closeSync(fd)
}

/** Copies the whole source directory. */
export const COPY_ALL = "((from scratch) (copy (src .) (dst /data/)))\n"
