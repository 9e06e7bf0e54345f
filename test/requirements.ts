/**
 * What a test needs of the machine. A test that needs what is not there says
 * so in its name and is skipped; in CI, where everything can be installed, it
 * fails instead.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { describe, it } from "vitest"

const inPath = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(":").some((directory) => {
    try {
      const path = join(directory, program)
      accessSync(path, constants.X_OK)
      return statSync(path).isFile()
    } catch {
      return false
    }
  })

const hasOverlay = (): boolean => {
  const listed = () => /\toverlay$/m.test(readFileSync("/proc/filesystems", "utf8"))
  try {
    if (listed()) return true
    execFileSync("modprobe", ["overlay"], { stdio: "ignore" })
    return listed()
  } catch {
    return false
  }
}

/** The client that comes with Debian's engine: there may be others in PATH. */
export const dockerClient = (): string => (existsSync("/usr/bin/docker") ? "/usr/bin/docker" : "docker")

const UNPACKED = join(import.meta.dirname, "../node_modules/.cache/newer-docker/usr/sbin/dockerd")

/** An engine of version 23 or later: the machine's own, or one that `scripts/test` has unpacked. */
export const newerDockerd = (): string | undefined => {
  if (existsSync(UNPACKED)) return UNPACKED
  const { status, stdout } = spawnSync("dockerd", ["--version"], { encoding: "utf8" })
  return status === 0 && Number(/version (\d+)/.exec(stdout)?.[1] ?? 0) >= 23 ? "dockerd" : undefined
}

/** Whether that client builds with BuildKit: until version 22 it does by itself, later ones have a program for it. */
const dockerBuilds = (): boolean => {
  const answer = (...words: ReadonlyArray<string>): string => {
    const { status, stdout } = spawnSync(dockerClient(), words, { encoding: "utf8" })
    return status === 0 ? stdout : ""
  }
  return Number(/version (\d+)/.exec(answer("--version"))?.[1] ?? 99) < 23 || answer("buildx", "version") !== ""
}

/** Each requirement: whether it is there, and the words for what is missing. */
const requirements = {
  root: { met: () => process.geteuid?.() === 0, words: "root" },
  overlay: { met: hasOverlay, words: "overlayfs in the kernel" },
  busybox: { met: () => inPath("busybox"), words: "busybox (Debian: busybox-static)" },
  runc: { met: () => inPath("runc"), words: "runc (Debian: runc)" },
  csh: { met: () => inPath("csh"), words: "a C shell (Debian: csh)" },
  crun: { met: () => inPath("crun"), words: "crun (Debian: crun)" },
  skopeo: { met: () => inPath("skopeo"), words: "skopeo (Debian: skopeo)" },
  umoci: { met: () => inPath("umoci"), words: "umoci (Debian: umoci)" },
  buildah: { met: () => inPath("buildah"), words: "buildah (Debian: buildah)" },
  registry: { met: () => inPath("docker-registry"), words: "a registry (Debian: docker-registry)" },
  docker: { met: () => inPath("dockerd"), words: "a Docker engine (Debian: docker.io)" },
  newerDocker: {
    met: () => inPath("dockerd") && newerDockerd() !== undefined,
    words: "a Docker engine of version 23 or later (scripts/test unpacks Debian 13's)"
  },
  dockerBuild: {
    met: dockerBuilds,
    words: "BuildKit in Docker's client (Debian: docker.io, and with it docker-buildx)"
  },
  openssl: { met: () => inPath("openssl"), words: "openssl (Debian: openssl)" },
  gcc: { met: () => inPath("gcc"), words: "a C compiler (Debian: gcc, libc6-dev)" },
  tar: { met: () => inPath("tar"), words: "GNU tar (Debian: tar)" },
  xz: { met: () => inPath("xz"), words: "xz (Debian: xz-utils)" },
  zstd: { met: () => inPath("zstd"), words: "zstd (Debian: zstd)" },
  btrfs: { met: () => inPath("mkfs.btrfs"), words: "btrfs's tools (Debian: btrfs-progs)" },
  zfs: { met: () => inPath("zfs-fuse"), words: "ZFS as a program (Debian: zfs-fuse)" },
  xfs: { met: () => inPath("mkfs.xfs"), words: "XFS's tools (Debian: xfsprogs)" },
  bzip2: { met: () => inPath("bzip2"), words: "bzip2 (Debian: bzip2)" }
} as const

export type Requirement = keyof typeof requirements

/** Those of `needs` that this machine lacks, in words. */
export const missing = (...needs: ReadonlyArray<Requirement>): ReadonlyArray<string> =>
  needs.flatMap((need) => (requirements[need].met() ? [] : [requirements[need].words]))

/** `describe`, for tests that need something of the machine. */
export const describeWith = (needs: ReadonlyArray<Requirement>, name: string, tests: () => void): void => {
  const lacking = missing(...needs)
  if (lacking.length === 0) {
    describe(name, tests)
  } else if (process.env["CI"] === "true") {
    describe(name, () => {
      it("has what it needs", () => {
        throw new Error(`This machine lacks ${lacking.join(", ")}.`)
      })
    })
  } else {
    describe.skip(`${name} (needs ${lacking.join(", ")})`, tests)
  }
}
