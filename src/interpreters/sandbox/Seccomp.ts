/**
 * The system calls that a step may not make: what Docker's default profile
 * denies a container without extra capabilities. Pure data, in the form of the
 * OCI runtime specification's `linux.seccomp`.
 *
 * Docker lists what is allowed, this what is denied. Runtimes compile the
 * filter anew for every container, and an allow-list of some 350 names costs
 * 16 to 25 ms each time, this one about two. The price: a system call that a future
 * kernel adds is not denied before it is named here. It is still subject to
 * capabilities, namespaces and the device rules, as everything is.
 *
 * A name that the runtime's libseccomp does not know yet is passed over. What no
 * supported kernel (4.19 or newer) has is not named: it fails with ENOSYS.
 */

const EPERM = 1
const ENOTTY = 25
const ENOSYS = 38

/** Nothing in here is of use to a build. Grouped by what it would reach. */
const DENIED: ReadonlyArray<string> = [
  // File systems and the mount tree.
  ...["mount", "umount", "umount2", "pivot_root", "move_mount", "open_tree", "open_tree_attr", "mount_setattr"],
  ...["fsopen", "fsconfig", "fsmount", "fspick", "quotactl", "quotactl_fd", "swapon", "swapoff"],
  // Files behind the mount tree's back (needs CAP_DAC_READ_SEARCH), and old ways to ask about file systems.
  ...["open_by_handle_at", "lookup_dcookie", "ustat", "sysfs", "fanotify_init"],
  // Namespaces; the flags of `clone` are looked at below.
  ...["unshare", "setns", "sethostname", "setdomainname"],
  // The kernel itself: its modules, its successor, its log, its programs and its counters.
  ...["init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "syslog", "acct"],
  ...["bpf", "perf_event_open", "_sysctl", "uselib", "vhangup"],
  // Attack surface that has bought more holes than builds.
  ...["userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"],
  // Keys are not in any namespace.
  ...["add_key", "request_key", "keyctl"],
  // Other processes' memory and descriptors. Docker allows ptrace since Linux 4.8, and what ptrace implies.
  ...["kcmp", "pidfd_getfd", "process_madvise"],
  // The machine's clock and ports.
  ...["settimeofday", "stime", "clock_settime", "clock_settime64", "iopl", "ioperm", "vm86", "vm86old"],
  // Where memory lies (needs CAP_SYS_NICE).
  ...["get_mempolicy", "set_mempolicy", "set_mempolicy_home_node", "mbind", "migrate_pages", "move_pages"]
]

/** Why a step may call these and have them do nothing: what it leaves is thrown away if the machine stops. */
const SYNC: ReadonlyArray<string> = ["fsync", "fdatasync", "msync", "sync", "syncfs", "sync_file_range"]

/** `clone`'s flags for new namespaces: mount, cgroup, UTS, IPC, user, PID and network (sched.h). */
const NAMESPACE_FLAGS: ReadonlyArray<number> = [
  0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
]

const AF_VSOCK = 40

/**
 * Requests that make subvolumes (linux/btrfs.h: `SNAP_CREATE`, `SUBVOL_CREATE`
 * and their second versions). A snapshot of a result would have an empty
 * directory in the place of one. So btrfs is to a step what any other file
 * system is: programs that would like a subvolume make a directory then.
 */
const SUBVOLUMES: ReadonlyArray<number> = [0x50009401, 0x5000940e, 0x50009417, 0x50009418]

/** The kernel looks at so much of a request. */
const REQUEST_BITS = 0xffffffff

interface Condition {
  readonly index: number
  readonly value: number
  readonly valueTwo?: number
  readonly op: "SCMP_CMP_EQ" | "SCMP_CMP_MASKED_EQ"
}

interface Rule {
  readonly names: ReadonlyArray<string>
  readonly action: "SCMP_ACT_ERRNO"
  readonly errnoRet: number
  readonly args?: ReadonlyArray<Condition>
}

/** `linux.seccomp` of a container's configuration. */
export interface Profile {
  readonly defaultAction: "SCMP_ACT_ALLOW"
  readonly architectures?: ReadonlyArray<string>
  readonly syscalls: ReadonlyArray<Rule>
}

const deny = (names: ReadonlyArray<string>, errnoRet: number, args?: ReadonlyArray<Condition>): Rule => ({
  names,
  action: "SCMP_ACT_ERRNO",
  errnoRet,
  ...(args === undefined ? {} : { args })
})

/** Where the first argument has all bits of `set` and none of `clear`. */
const firstHas = (set: number, clear = 0): ReadonlyArray<Condition> => [
  // Unsigned: `|` makes negative numbers of those with the highest bit.
  { index: 0, value: (set | clear) >>> 0, valueTwo: set >>> 0, op: "SCMP_CMP_MASKED_EQ" }
]

/** The bits of `personality` (sys/personality.h) that may be set: PER_LINUX32 and UNAME26, as `setarch` does. */
const PERSONALITY_BITS: ReadonlyArray<number> = [3, 17]

/**
 * Denies all personalities but those made of {@link PERSONALITY_BITS}, and
 * 0xffffffff, which only asks.
 *
 * One rule can test one masked value, so: go through the other bits in a ring;
 * a value that has some of them but not all has somewhere a bit that is set
 * before one that is clear, and there is a rule for each such place. A value
 * that has all of them is 0xffffffff unless an allowed bit is clear.
 */
const personalities = (): ReadonlyArray<Rule> => {
  const bit = (n: number): number => (1 << n) >>> 0
  const ring = Array.from({ length: 32 }, (_, n) => n).filter((n) => !PERSONALITY_BITS.includes(n))
  const pairs = ring.map((n, at) => [n, ring[(at + 1) % ring.length] ?? n] as const)
  const all = PERSONALITY_BITS.map((n) => [ring[0] ?? n, n] as const)
  return [...pairs, ...all].map(([set, clear]) => deny(["personality"], EPERM, firstHas(bit(set), bit(clear))))
}

/**
 * The filter's architectures, by Node's name of the machine's. A program for
 * another one that the machine can run, as x32, is killed at its first call.
 */
const ARCHITECTURES: Readonly<Record<string, ReadonlyArray<string>>> = {
  x64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
  arm64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
}

export interface SeccompOptions {
  /** `process.arch`. */
  readonly architecture: string
  /** Makes the calls that wait for the disk succeed without doing anything. */
  readonly fastSync: boolean
}

export const profile = ({ architecture, fastSync }: SeccompOptions): Profile => {
  const architectures = ARCHITECTURES[architecture]
  return {
    defaultAction: "SCMP_ACT_ALLOW",
    ...(architectures === undefined ? {} : { architectures }),
    syscalls: [
      deny(DENIED, EPERM),
      // Its flags are in memory, where no filter sees them; on this error C libraries use `clone`.
      deny(["clone3"], ENOSYS),
      ...NAMESPACE_FLAGS.map((flag) => deny(["clone"], EPERM, firstHas(flag))),
      ...personalities(),
      deny(["socket"], EPERM, [{ index: 0, value: AF_VSOCK, op: "SCMP_CMP_EQ" }]),
      ...SUBVOLUMES.map((request) =>
        deny(["ioctl"], ENOTTY, [{ index: 1, value: REQUEST_BITS, valueTwo: request, op: "SCMP_CMP_MASKED_EQ" }])
      ),
      ...(fastSync ? [deny(SYNC, 0)] : [])
    ]
  }
}
