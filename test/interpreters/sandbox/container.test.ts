/** What a step finds in its container. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { CAPABILITIES, MASKED_PATHS, READONLY_PATHS } from "../../../src/interpreters/sandbox/OciConfig.ts"
import type { Entries } from "../../laws/files.ts"
import { collect } from "../../laws/sandboxSubject.ts"
import { describeWith } from "../../requirements.ts"
import { directory, fill, overlay } from "./busybox.ts"
import { busyboxBase, left, open } from "./realSandbox.ts"

/** The capabilities' numbers, linux/capability.h. */
const NUMBERS: Readonly<Record<string, number>> = {
  CAP_CHOWN: 0,
  CAP_DAC_OVERRIDE: 1,
  CAP_FOWNER: 3,
  CAP_FSETID: 4,
  CAP_KILL: 5,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_SETPCAP: 8,
  CAP_SYS_CHROOT: 18,
  CAP_MKNOD: 27,
  CAP_AUDIT_WRITE: 29,
  CAP_SETFCAP: 31
}

const mask = CAPABILITIES.reduce((sum, name) => sum | (1n << BigInt(NUMBERS[name] ?? 63)), 0n)
  .toString(16)
  .padStart(16, "0")

const none = "0".repeat(16)

const unix = (uid: number, gid = uid) => ({ _tag: "Unix", uid, gid }) as const

const namespaces = "for n in pid ipc uts mnt net cgroup; do readlink /proc/self/ns/$n; done"

const ownNamespaces = (): ReadonlyArray<string> =>
  ["pid", "ipc", "uts", "mnt", "net", "cgroup"].map((name) => Fs.readlinkSync(`/proc/self/ns/${name}`))

for (const runtime of ["runc", "crun"] as const) {
  describeWith(["root", "busybox", "overlay", runtime], `a container of ${runtime}`, () => {
    const base = busyboxBase()
    const opened = (options = {}) => open(base, { runtime, ...options })

    it.scopedLive("in a plain directory leaves its mount points to no link, and the times that the step set", () =>
      Effect.gen(function* () {
        const { directory: place, sandbox } = yield* opened()
        const rootfs = yield* directory(place)
        fill(rootfs.path)
        const victim = `${place}/outside/a/b`
        Fs.mkdirSync(victim, { recursive: true })
        const before = Fs.statSync(`${place}/outside/a`)
        const cache = yield* directory(place)
        const script = `mv /x /y && ln -s ${place}/outside /x && touch -d @1000000000 /`
        const ran = yield* collect(sandbox, rootfs, script, { caches: [{ target: "/x/a/b", rootfs: cache }] })
        expect(ran).toEqual({ outcome: "succeeded", output: "" })
        expect(Fs.existsSync(victim)).toBe(true)
        expect(Fs.statSync(`${place}/outside/a`).mtimeMs).toBe(before.mtimeMs)
        expect(Fs.readlinkSync(`${rootfs.path}/x`)).toBe(`${place}/outside`)
        expect(Fs.statSync(rootfs.path).mtimeMs).toBe(1e12)
      })
    )

    it.scopedLive("gives root OBuilder's capabilities and nobody else any", () =>
      Effect.gen(function* () {
        const { run } = yield* opened()
        const script = "grep Cap /proc/self/status | cut -f2"
        const [inheritable, permitted, effective, bounding, ambient] = (yield* run(script)).output.trim().split("\n")
        expect({ inheritable, permitted, effective, bounding, ambient }).toEqual({
          inheritable: none,
          permitted: mask,
          effective: mask,
          bounding: mask,
          ambient: none
        })
        const user = yield* run(script, { user: unix(1000) })
        expect(user.output.trim().split("\n")).toEqual([none, none, none, mask, none])
      })
    )

    it.scopedLive("lets set-user-id programs become root", () =>
      Effect.gen(function* () {
        const { run } = yield* opened()
        expect((yield* run("grep NoNewPrivs /proc/self/status | cut -f2")).output).toBe("0\n")
        const root = (yield* run("cat /proc/self/mounts")).output.split("\n").find((line) => line.split(" ")[1] === "/")
        expect(root).toMatch(/ overlay rw,/)
        expect(root).not.toMatch(/nosuid/)
      })
    )

    it.scopedLive("has namespaces of its own, the network's only when it is not the host's", () =>
      Effect.gen(function* () {
        const { run } = yield* opened()
        const own = ownNamespaces()
        const apart = (yield* run(namespaces)).output.trim().split("\n")
        expect(apart).toHaveLength(own.length)
        expect(apart.filter((name) => own.includes(name))).toEqual([])
        const host = (yield* run(namespaces, { network: "host" })).output.trim().split("\n")
        expect(host.filter((name) => own.includes(name))).toEqual([Fs.readlinkSync("/proc/self/ns/net")])
      })
    )

    it.scopedLive("has a loopback that is up, and nothing else", () =>
      Effect.gen(function* () {
        const { run } = yield* opened()
        const { output } = yield* run("ls /sys/class/net; ip -o link; nc 127.0.0.1 7; nc 192.0.2.1 7")
        expect(output).toMatch(/^lo\n1: lo: <LOOPBACK,UP,LOWER_UP>/)
        // Nobody listens here; nobody can be reached there.
        expect(output).toMatch(/127\.0\.0\.1.*refused/)
        expect(output).toMatch(/192\.0\.2\.1.*unreachable/)
      })
    )

    it.scopedLive("hides and protects what tells of the host", () =>
      Effect.gen(function* () {
        const { run } = yield* opened()
        const masked = MASKED_PATHS.map(
          (path) =>
            `[ ! -e ${path} ] || [ -z "$(ls -A ${path} 2>/dev/null | grep -v ^${path}$)$(head -c 1 ${path} 2>/dev/null)" ] || echo ${path}`
        )
        expect(yield* run(masked.join("\n"))).toEqual({ outcome: "succeeded", output: "" })
        const mounts = (yield* run("cat /proc/self/mounts")).output.split("\n").map((line) => line.split(" "))
        for (const path of [...READONLY_PATHS, "/sys"].filter((path) => Fs.existsSync(path))) {
          expect([path, mounts.find(([, target]) => target === path)?.[3]]).toEqual([
            path,
            expect.stringMatching(/^ro,/)
          ])
        }
        const written = yield* run(
          "echo 1 > /proc/sys/kernel/panic || echo x > /proc/sysrq-trigger || mkdir /sys/x || mkdir /sys/fs/cgroup/memory/x"
        )
        expect(written.outcome).toMatchObject({ _tag: "Exit" })
      })
    )

    it.scopedLive("has the usual devices and no others, whatever a step makes", () =>
      Effect.gen(function* () {
        const { run } = yield* opened()
        const { output } = yield* run(
          "cd /dev; ls -1A | grep -v core; echo x > null; head -c 2 zero | od -An -c; stat -c %a shm tty; readlink fd; readlink stdout"
        )
        expect(output).toBe(
          `${["fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"].join("\n")}\n  \\0  \\0\n1777\n666\n/proc/self/fd\n/proc/self/fd/1\n`
        )
        // The first disk: making the node is allowed, using it is not.
        const disk = yield* run("busybox mknod /d b 254 0 && busybox mknod /m c 1 1 && { cat /d || cat /m; }")
        expect(disk.outcome).toMatchObject({ _tag: "Exit" })
        expect(disk.output).toMatch(/Operation not permitted/)
      })
    )

    it.scopedLive("has a umask, limits and an environment that do not depend on the host's", () =>
      Effect.gen(function* () {
        const { run } = yield* opened()
        const umask = process.umask(0o077)
        yield* Effect.addFinalizer(() => Effect.sync(() => process.umask(umask)))
        expect((yield* run("umask; ulimit -n; ulimit -Hn")).output).toBe("0022\n1024\n1024\n")
        const { output } = yield* run("", {
          argv: ["/bin/env"],
          environment: [
            { name: "PATH", value: "/bin" },
            { name: "A", value: "1 =2" }
          ],
          entries: { "etc/passwd": "root:x:0:0::/root:/bin/sh\n" }
        })
        // The home directory is the image's, and the runtime's doing.
        expect(output.trim().split("\n").sort()).toEqual(["A=1 =2", "HOME=/root", "PATH=/bin"])
      })
    )

    it.scopedLive("gives a user no groups but its own, and one of the image those of the image", () =>
      Effect.gen(function* () {
        const { run } = yield* opened()
        expect((yield* run("id -G", { user: unix(1000, 1001) })).output).toBe("1001\n")
        const entries = {
          "etc/passwd": "root:x:0:0::/:/bin/sh\nann:x:70:71::/:/bin/sh\n",
          "etc/group": "root:x:0:\nwheel:x:10:bob,ann\nother:x:11:bob,99\nann:x:71:\nvideo:x:44:ann\n"
        }
        const outputs = { ann: "70\n71 10 44\n", "70": "70\n71 10 44\n", "99": "99\n0\n" }
        for (const [name, output] of Object.entries(outputs)) {
          const named = yield* run("id -u; id -G", { user: { _tag: "Named", name }, entries })
          expect(named.output).toBe(output)
        }
      })
    )

    it.scopedLive("has a hosts file of ours, and a resolver only with the host's network", () =>
      Effect.gen(function* () {
        const { image, run } = yield* opened()
        const rootfs = yield* image({ "etc/hosts": "the image's\n", "etc/resolv.conf": "the image's\n" })
        const script = "cat /etc/hosts; cat /etc/resolv.conf; echo x > /etc/hosts; echo x > /etc/resolv.conf"
        const apart = yield* run(script, { rootfs, hostname: "somewhere" })
        expect(apart.output).toContain("127.0.0.1 localhost somewhere\n::1 localhost")
        expect(apart.output).toContain("\nthe image's\n")
        expect(apart.output).toMatch(/can't create \/etc\/hosts: Read-only file system/)
        expect(apart.outcome).toBe("succeeded")
        expect(left(rootfs)).toEqual(["etc", "etc/resolv.conf"])

        const host = yield* run(script, { rootfs: yield* image({ etc: { directory: true } }), network: "host" })
        const own = Fs.existsSync("/etc/resolv.conf")
        if (own) expect(host.output).toContain(Fs.readFileSync("/etc/resolv.conf", "utf8"))
        expect(/can't create \/etc\/resolv.conf/.test(host.output)).toBe(own)
      })
    )

    it.scopedLive("trips over no image, and leaves no mount point in any", () =>
      Effect.gen(function* () {
        const { image, run } = yield* opened()
        const images: Readonly<Record<string, Entries>> = {
          "without /etc": {},
          "with an empty /etc": { etc: { directory: true, mode: 0o700 } },
          "with a file for /etc": { etc: "x" },
          "with a link for /etc": { etc: { link: "/usr/etc" }, "usr/etc/motd": "" },
          "with a link that leads out": { etc: { link: "../../../../etc" } },
          "with dangling links": {
            "etc/hosts": { link: "/nowhere/hosts" },
            "etc/resolv.conf": { link: "../run/systemd/resolve/stub-resolv.conf" }
          },
          "with a link in a circle": { "etc/hosts": { link: "hosts" }, "etc/resolv.conf": { link: "hosts" } },
          "with directories": { "etc/hosts": { directory: true }, "etc/resolv.conf": { directory: true } }
        }
        for (const [name, entries] of Object.entries(images)) {
          for (const network of ["none", "host"] as const) {
            const rootfs = yield* image(entries)
            const ran = yield* run("true", { rootfs, network })
            expect([name, network, ran, left(rootfs)]).toEqual([
              name,
              network,
              { outcome: "succeeded", output: "" },
              []
            ])
          }
        }
      })
    )

    it.scopedLive("mounts where links lead to, and makes mount points that an earlier step deleted", () =>
      Effect.gen(function* () {
        const { directory, image, run } = yield* opened()
        const first = yield* image({ "var/cache/x/f": "old", lib: { link: "/var/cache" }, "opt/f": "" })
        yield* run("rm -r /var/cache/x /opt && mkdir -m 711 /opt && chown 3:4 /opt", { rootfs: first })
        const second = yield* overlay(directory, [first.upper, ...first.lower])
        const cache = yield* overlay(directory, [], { f: "cached\n" })
        const ran = yield* run("cat /lib/x/f /opt/deep/s; stat -c '%a %u:%g' /opt /var/cache", {
          rootfs: second,
          caches: [{ target: "/lib/x", rootfs: cache }],
          secrets: [{ target: "/opt/deep/../deep/s", content: Buffer.from("secret\n") }]
        })
        expect(ran).toEqual({ outcome: "succeeded", output: "cached\nsecret\n711 3:4\n755 0:0\n" })
        expect(left(second)).toEqual([])
      })
    )

    it.scopedLive("mounts caches inside of each other in whatever order they are given", () =>
      Effect.gen(function* () {
        const { directory, run } = yield* opened()
        const outer = yield* overlay(directory, [], { which: "outer\n" })
        const inner = yield* overlay(directory, [], { which: "inner\n" })
        const ran = yield* run("cat /c/which /c/d/which", {
          caches: [
            { target: "/c/d", rootfs: inner },
            { target: "/c", rootfs: outer }
          ]
        })
        expect(ran).toEqual({ outcome: "succeeded", output: "outer\ninner\n" })
        expect([left(outer), left(inner)]).toEqual([[], []])
      })
    )

    it.scopedLive("says why a cache or secret cannot be mounted where it should be", () =>
      Effect.gen(function* () {
        const { directory, run } = yield* opened()
        const rootfs = yield* overlay(directory, [])
        const content = new Uint8Array()
        const entries = { file: "", "dir/f": "" }
        const reason = (options: Parameters<typeof run>[1]) =>
          Effect.map(run("true", { entries, ...options }), ({ outcome }) =>
            outcome !== "succeeded" && outcome._tag === "NotStarted" ? outcome.reason : outcome
          )
        expect(yield* reason({ caches: [{ target: "/file", rootfs }] })).toBe("/file is not a directory in the image")
        expect(yield* reason({ caches: [{ target: "/file/x", rootfs }] })).toBe("/file is not a directory in the image")
        expect(yield* reason({ caches: [{ target: "/dir/..", rootfs }] })).toBe("/dir/.. is the root directory")
        expect(yield* reason({ secrets: [{ target: "/dir", content }] })).toBe("/dir is a directory in the image")
        expect(yield* reason({ secrets: [{ target: "/a\0b", content }] })).toMatch(/NUL/)
      })
    )
  })
}
