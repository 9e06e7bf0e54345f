/**
 * The `config.json` of a step's container, as a pure function. Format: the OCI
 * runtime specification 1.0.2, `config.md` and `config-linux.md`.
 */
import type { Variable } from "../../domain/Inputs.ts"
import * as Seccomp from "./Seccomp.ts"

/** Who the step's processes are: numbers, as the image has them. */
export interface Identity {
  readonly uid: number
  readonly gid: number
  readonly additionalGids: ReadonlyArray<number>
}

/** Something of the host that the step sees at `target`. */
export interface BindMount {
  /** An absolute path of the host. */
  readonly source: string
  /** An absolute path of the image, without links. */
  readonly target: string
  readonly options: ReadonlyArray<string>
}

export interface ContainerOptions {
  /** The root file system, as the runtime sees it. */
  readonly root: string
  readonly argv: ReadonlyArray<string>
  readonly cwd: string
  readonly environment: ReadonlyArray<Variable>
  readonly identity: Identity
  readonly hostname: string
  readonly network: "none" | "host"
  /** In the order in which they are mounted. */
  readonly binds: ReadonlyArray<BindMount>
  /** Bytes; no limit when it is left out. */
  readonly memoryLimit?: number | undefined
  readonly seccomp: Seccomp.SeccompOptions
}

/**
 * What root in a step may do: OBuilder's set, which is Docker's without what
 * concerns the network, since a step may use the host's.
 */
export const CAPABILITIES: ReadonlyArray<string> = [
  "CAP_AUDIT_WRITE",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_MKNOD",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT"
]

/** Hidden: they tell of the host's hardware, kernel and keys. OBuilder's list and what Docker has added since. */
export const MASKED_PATHS: ReadonlyArray<string> = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware"
]

export const READONLY_PATHS: ReadonlyArray<string> = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger"
]

interface OciMount {
  readonly destination: string
  readonly type: string
  readonly source: string
  readonly options: ReadonlyArray<string>
}

const mount = (destination: string, type: string, source: string, ...options: ReadonlyArray<string>): OciMount => ({
  destination,
  type,
  source,
  options
})

/** The file systems that every container has; the first component of each target must exist in the image. */
const SYSTEM_MOUNTS: ReadonlyArray<OciMount> = [
  mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
  mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
  mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
  mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
  mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
  mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
  mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro")
]

/** Directories of the image that the container's own file systems are mounted on. */
export const SYSTEM_TARGETS: ReadonlyArray<string> = ["/proc", "/dev", "/sys"]

/** OBuilder's and runc's default, so that a build does not depend on the host's. */
const OPEN_FILES = 1024

const UMASK = 0o022

export const make = (options: ContainerOptions): unknown => ({
  ociVersion: "1.0.2",
  process: processOf(options),
  root: { path: options.root, readonly: false },
  hostname: options.hostname,
  mounts: [
    ...SYSTEM_MOUNTS,
    ...options.binds.map(({ target, source, options: more }) =>
      mount(target, "bind", source, "bind", "rprivate", ...more)
    )
  ],
  linux: {
    namespaces: ["pid", "ipc", "uts", "mount", "cgroup", ...(options.network === "none" ? ["network"] : [])].map(
      (type) => ({ type })
    ),
    resources: {
      // Runtimes add the harmless ones: null, zero, full, random, urandom, tty, ptmx and pts.
      devices: [{ allow: false, access: "rwm" }],
      ...(options.memoryLimit === undefined ? {} : { memory: { limit: options.memoryLimit } })
    },
    maskedPaths: MASKED_PATHS,
    readonlyPaths: READONLY_PATHS,
    seccomp: Seccomp.profile(options.seccomp)
  }
})

const processOf = ({ argv, cwd, environment, identity }: ContainerOptions): unknown => {
  // Others than root get theirs only through set-user-id programs such as sudo, within the bounding set.
  const own = identity.uid === 0 ? CAPABILITIES : []
  return {
    terminal: false,
    user: { ...identity, umask: UMASK },
    args: argv,
    env: environment.map(({ name, value }) => `${name}=${value}`),
    cwd,
    capabilities: { bounding: CAPABILITIES, permitted: own, effective: own, inheritable: [], ambient: [] },
    rlimits: [{ type: "RLIMIT_NOFILE", hard: OPEN_FILES, soft: OPEN_FILES }],
    noNewPrivileges: false
  }
}
