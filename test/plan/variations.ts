/**
 * Pairs of builds that differ in one thing: one that is an input of a step, so
 * that its id has to change, or one that is not, so that it must not.
 */
import type { Op, User } from "../../src/domain/Spec.ts"
import { base } from "../../src/interpreters/memory/MemoryWorld.ts"
import { copy, run, type Setup } from "../interpreters/builds.ts"

/** What one side of a pair adds to a build: operations, and source files below `probe`. */
export interface Probe {
  readonly ops: ReadonlyArray<Op>
  readonly context?: Setup["context"]
}

export type Variation = readonly [Probe, Probe]

const ops = (...ops: ReadonlyArray<Op>): Probe => ({ ops })

const user = (uid: number, gid: number): Op => ({ _tag: "User", user: { _tag: "Unix", uid, gid } })
const named = (name: string): Op => ({ _tag: "User", user: { _tag: "Named", name } satisfies User })
const workdir = (path: string): Op => ({ _tag: "Workdir", path })
const shell = (...args: ReadonlyArray<string>): Op => ({ _tag: "Shell", args })
const env = (name: string, value: string): Op => ({ _tag: "Env", name, value })

const probed = (context: Setup["context"], op: Op = copy(["probe"], "/probed/")): Probe => ({ ops: [op], context })

/** Each changes an input of the last step that its operations make. */
export const variations: Readonly<Record<string, Variation>> = {
  "the command": [ops(run("echo a")), ops(run("echo b"))],
  "the shell": [ops(shell("/bin/sh", "-c"), run("x")), ops(shell("/bin/bash", "-c"), run("x"))],
  "how the shell's arguments are split": [ops(shell("a", "b c"), run("x")), ops(shell("a b", "c"), run("x"))],
  "the working directory": [ops(workdir("/a"), run("x")), ops(workdir("/b"), run("x"))],
  "the user's uid": [ops(user(1, 1), run("x")), ops(user(2, 1), run("x"))],
  "the user's gid": [ops(user(1, 1), run("x")), ops(user(1, 2), run("x"))],
  "the user's name": [ops(named("a"), run("x")), ops(named("b"), run("x"))],
  "a variable's value": [ops(env("PROBE", "1"), run("x")), ops(env("PROBE", "2"), run("x"))],
  "a variable's name": [ops(env("PROBE1", "1"), run("x")), ops(env("PROBE2", "1"), run("x"))],
  "one more variable": [ops(run("x")), ops(env("PROBE", ""), run("x"))],
  "the network": [ops(run("x")), ops(run("x", { network: ["host"] }))],
  "a cache's name": [ops(run("x", { caches: { a: "/c" } })), ops(run("x", { caches: { b: "/c" } }))],
  "a cache's target": [ops(run("x", { caches: { a: "/c" } })), ops(run("x", { caches: { a: "/d" } }))],
  "one more cache": [ops(run("x")), ops(run("x", { caches: { a: "/c" } }))],
  "a secret's name": [ops(run("x", { secrets: { a: "/s" } })), ops(run("x", { secrets: { b: "/s" } }))],
  "a secret's target": [ops(run("x", { secrets: { a: "/s" } })), ops(run("x", { secrets: { a: "/t" } }))],
  "a cache for a secret": [ops(run("x", { secrets: { a: "/s" } })), ops(run("x", { caches: { a: "/s" } }))],
  "a relative cache's working directory": [
    ops(workdir("/a"), run("x", { caches: { a: "c" } })),
    ops(workdir("/b"), run("x", { caches: { a: "c" } }))
  ],
  "a copied file's content": [probed({ "probe/f": "1" }), probed({ "probe/f": "2" })],
  "a copied file's name": [probed({ "probe/f": "1" }), probed({ "probe/g": "1" })],
  "a copied file's executable bit": [
    probed({ "probe/f": { content: "1", mode: 0o644 } }),
    probed({ "probe/f": { content: "1", mode: 0o744 } })
  ],
  "one more file": [probed({ "probe/f": "1" }), probed({ "probe/f": "1", "probe/g": "" })],
  "one more empty directory": [probed({ "probe/f": "1" }), probed({ "probe/f": "1", "probe/g": { directory: true } })],
  "where a file is in the copied tree": [probed({ "probe/d/f": "1" }), probed({ "probe/e/f": "1" })],
  "a link's target": [probed({ "probe/l": { link: "a" } }), probed({ "probe/l": { link: "b" } })],
  "a file for a link": [probed({ "probe/l": { link: "a" } }), probed({ "probe/l": "a" })],
  "a directory for a file": [probed({ "probe/l": "" }), probed({ "probe/l": { directory: true } })],
  "what is excluded, where it is there": [
    probed({ "probe/f": "1" }, copy(["probe"], "/probed/", { exclude: ["f"] })),
    probed({ "probe/f": "1" })
  ],
  "the name that a copied directory brings": [
    probed({ "probe/d/f": "1" }, copy(["probe/d"], "/probed/")),
    probed({ "probe/e/f": "1" }, copy(["probe/e"], "/probed/"))
  ],
  "the order of the items": [
    probed({ "probe/d/f": "1", "probe/f": "2" }, copy(["probe/d/f", "probe/f"], "/probed/")),
    probed({ "probe/d/f": "1", "probe/f": "2" }, copy(["probe/f", "probe/d/f"], "/probed/"))
  ],
  "that a directory gives what it holds in place of itself": [
    probed({ "probe/f": "1" }, copy(["probe"], "/p/")),
    probed({ "probe/f": "1" }, copy(["probe"], "/p/", { contents: true }))
  ],
  "what is preserved": [
    probed({ "probe/f": "1" }, copy(["probe"], "/p/")),
    probed({ "probe/f": "1" }, copy(["probe"], "/p/", { preserve: ["modes"] }))
  ],
  "what is preserved of a link, though it has no mode": [
    probed({ probe: { link: "1" } }, copy(["probe"], "/p/")),
    probed({ probe: { link: "1" } }, copy(["probe"], "/p/", { preserve: ["modes"] }))
  ],
  "the mode of a file that is preserved": [
    probed({ probe: { content: "1", mode: 0o600 } }, copy(["probe"], "/p/", { preserve: ["modes"] })),
    probed({ probe: { content: "1", mode: 0o4640 } }, copy(["probe"], "/p/", { preserve: ["modes"] }))
  ],
  "the executable bits of a file that is preserved": [
    probed({ probe: { content: "1", mode: 0o644 } }, copy(["probe"], "/p/", { preserve: ["modes"] })),
    probed({ probe: { content: "1", mode: 0o755 } }, copy(["probe"], "/p/", { preserve: ["modes"] }))
  ],
  "the mode of a directory that is preserved, deep down": [
    probed({ "probe/d": { directory: true, mode: 0o700 } }, copy(["probe"], "/p", { preserve: ["modes"] })),
    probed({ "probe/d": { directory: true, mode: 0o1777 } }, copy(["probe"], "/p", { preserve: ["modes"] }))
  ],
  "the destination's path": [
    probed({ "probe/f": "1" }, copy(["probe"], "/p/")),
    probed({ "probe/f": "1" }, copy(["probe"], "/q/"))
  ],
  "the destination's form": [
    probed({ "probe/f": "1" }, copy(["probe"], "/p/")),
    probed({ "probe/f": "1" }, copy(["probe"], "/p"))
  ],
  "a relative destination's working directory": [
    { ops: [workdir("/a"), copy(["probe"], "p")], context: { probe: "1" } },
    { ops: [workdir("/b"), copy(["probe"], "p")], context: { probe: "1" } }
  ],
  "who owns the copied files": [
    { ops: [user(1, 1), copy(["probe"], "/p")], context: { probe: "1" } },
    { ops: [user(1, 2), copy(["probe"], "/p")], context: { probe: "1" } }
  ]
}

const mode = (mode: number, uid = 0): Setup["context"] => ({
  probe: { directory: true, mode: mode | 0o700, uid },
  "probe/f": { content: "1", mode, uid, gid: uid }
})

const withOptions = (value: string): Probe => {
  const probe = run("x", { caches: { a: "/c" }, secrets: { b: "/s" } })
  const buildkitOptions = [{ name: "sharing", value }]
  return ops({
    ...probe,
    cache: probe.cache.map((cache) => ({ ...cache, buildkitOptions })),
    secrets: probe.secrets.map((secret) => ({ ...secret, buildkitOptions }))
  })
}

/** Each changes something that does not reach the result. */
export const withoutEffect: Readonly<Record<string, Variation>> = {
  "the mode of a directory that gives what it holds": [
    probed(
      { probe: { directory: true, mode: 0o700 }, "probe/f": "1" },
      copy(["probe"], "/p", { contents: true, preserve: ["modes"] })
    ),
    probed(
      { probe: { directory: true, mode: 0o711 }, "probe/f": "1" },
      copy(["probe"], "/p", { contents: true, preserve: ["modes"] })
    )
  ],
  "a comment": [ops(run("x")), ops({ _tag: "Comment", text: "why" }, run("x"))],
  "that what a file holds is copied, which is the file": [
    probed({ "probe/f": "1" }, copy(["probe/f"], "/p/")),
    probed({ "probe/f": "1" }, copy(["probe/f"], "/p/", { contents: true }))
  ],
  "options that only a Dockerfile has": [withOptions("shared"), withOptions("locked")],
  "the order of the variables": [
    ops(env("A", "1"), env("B", "2"), run("x")),
    ops(env("B", "2"), env("A", "1"), run("x"))
  ],
  "a variable that is set again": [ops(env("A", "1"), run("x")), ops(env("A", "0"), env("A", "1"), run("x"))],
  "how the working directory is written": [
    ops(workdir("/a/b"), run("x")),
    ops(workdir("/a/./"), workdir("b//"), run("x"))
  ],
  "how a source path is written": [
    probed({ "probe/f": "1" }, copy(["probe/f"], "/p/")),
    probed({ "probe/f": "1" }, copy([".//probe/./f"], "/p/"))
  ],
  "how the destination is written": [
    probed({ "probe/f": "1" }, copy(["probe"], "/p/q")),
    probed({ "probe/f": "1" }, copy(["probe"], "/p//./q"))
  ],
  "a copied file's owner and its mode but for the executable bits": [probed(mode(0o600)), probed(mode(0o664, 12))],
  "which executable bits a file has": [probed(mode(0o711)), probed(mode(0o4640 | 0o001))],
  "where in the source directory the files are": [
    probed({ "probe/d/f": "1" }, copy(["probe/d/f"], "/p/")),
    probed({ "probe/f": "1" }, copy(["probe/f"], "/p/"))
  ],
  "the name of a file that takes another": [
    probed({ "probe/f": "1" }, copy(["probe/f"], "/p")),
    probed({ "probe/g": "1" }, copy(["probe/g"], "/p"))
  ],
  "what is excluded, where it is not there": [
    probed({ "probe/f": "1" }, copy(["probe"], "/p/")),
    probed({ "probe/f": "1" }, copy(["probe"], "/p/", { exclude: ["g"] }))
  ],
  "the content of what is excluded": [
    probed({ "probe/f": "1", "probe/g": "1" }, copy(["probe"], "/p/", { exclude: ["g"] })),
    probed({ "probe/f": "1", "probe/g": "2" }, copy(["probe"], "/p/", { exclude: ["g"] }))
  ],
  "source files that nothing copies": [
    { ops: [run("x")], context: { "probe/f": "1" } },
    { ops: [run("x")], context: { "probe/f": "2" } }
  ]
}

const probeBase = (content: string, variable: string, platform = "linux/amd64") =>
  base({ probe: content }, { platform, environment: [{ name: "PROBE", value: variable }] })

/** Each changes what the base image means. */
export const baseVariations = {
  "a file of the base": [probeBase("1", "1"), probeBase("2", "1")],
  "the environment of the base": [probeBase("1", "1"), probeBase("1", "2")],
  "the platform of the base": [probeBase("1", "1"), probeBase("1", "1", "linux/arm64")]
} as const
