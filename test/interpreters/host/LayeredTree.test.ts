import * as FastCheck from "effect/FastCheck"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Entry, LayeredTree } from "../../../src/interpreters/host/LayeredTree.ts"
import { mergeLayers } from "../../../src/interpreters/host/MergeLayers.ts"
import { describeWith } from "../../requirements.ts"
import { scratchDirectory } from "./scratch.ts"

const scratch = scratchDirectory("layered")

const options = "redirect_dir=off,index=off,metacopy=off"

/** Runs a script on a mounted overlay (topmost layer first) in a mount namespace of its own, and gives what it prints. */
const onOverlay = (layers: ReadonlyArray<string>, script: string): string => {
  const [upper, ...lower] = layers
  const work = `${upper}.work`
  const merged = `${upper}.merged`
  Fs.mkdirSync(work, { recursive: true })
  Fs.mkdirSync(merged, { recursive: true })
  const mount = `lowerdir=${lower.join(":")},upperdir=${upper},workdir=${work},${options}`
  const text = `mount -t overlay overlay -o "${mount}" "${merged}" && cd "${merged}" && ${script}`
  return execFileSync("unshare", ["-m", "sh", "-c", text], { encoding: "utf8" })
}

/** One line an entry: path, type, mode, owner, size or target. */
const LIST = `find . -mindepth 1 \\( -type d -printf '%P d %m %U %G\\n' -o -type l -printf '%P l %U %G %l\\n' -o -printf '%P %y %m %U %G %s\\n' \\) | LC_ALL=C sort`

const listOf = (tree: LayeredTree): string => {
  const lines: Array<string> = []
  const walk = (entry: Entry, prefix: string): void => {
    for (const [name, child] of tree.children(entry)) {
      const path = prefix === "" ? name : `${prefix}/${name}`
      const { stats } = child
      const mode = (stats.mode & 0o7777).toString(8)
      if (child.kind === "directory") {
        lines.push(`${path} d ${mode} ${stats.uid} ${stats.gid}`)
        walk(child, path)
      } else if (child.kind === "link") {
        lines.push(`${path} l ${stats.uid} ${stats.gid} ${Fs.readlinkSync(child.hostPath)}`)
      } else {
        lines.push(`${path} ${child.kind === "file" ? "f" : "p"} ${mode} ${stats.uid} ${stats.gid} ${stats.size}`)
      }
    }
  }
  walk(tree.root, "")
  return lines
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((line) => `${line}\n`)
    .join("")
}

const names = FastCheck.constantFrom("a", "b", "c")
const paths = FastCheck.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"))
/** Shell commands, each of which may fail: what matters is what the kernel makes of them. */
const command = FastCheck.oneof(
  // To open a FIFO for writing is to wait for a reader.
  {
    weight: 4,
    arbitrary: FastCheck.tuple(paths, FastCheck.nat(99)).map(([path, n]) => `[ ! -p ${path} ] && echo ${n} > ${path}`)
  },
  { weight: 4, arbitrary: paths.map((path) => `mkdir -p ${path}`) },
  { weight: 3, arbitrary: paths.map((path) => `rm -rf ${path}`) },
  { weight: 1, arbitrary: FastCheck.tuple(paths, paths).map(([from, to]) => `mv -T ${from} ${to}`) },
  { weight: 1, arbitrary: FastCheck.tuple(paths, paths).map(([from, to]) => `ln -sfn ${from} ${to}`) },
  { weight: 1, arbitrary: paths.map((path) => `mkfifo ${path}`) },
  {
    weight: 1,
    arbitrary: FastCheck.tuple(paths, FastCheck.constantFrom("700", "1777", "4755")).map(
      ([path, mode]) => `chmod ${mode} ${path}`
    )
  },
  { weight: 1, arbitrary: FastCheck.tuple(paths, FastCheck.nat(5)).map(([path, id]) => `chown -h ${id}:${id} ${path}`) }
)
const scripts = FastCheck.array(FastCheck.array(command, { minLength: 1, maxLength: 8 }), {
  minLength: 2,
  maxLength: 4
})

describeWith(["root", "overlay"], "a stack of layers", () => {
  it("reads as the kernel shows it, and so does what is merged of it", () => {
    let run = 0
    FastCheck.assert(
      FastCheck.property(scripts, (layers) => {
        const directory = `${scratch.path}/${run++}`
        const stack: Array<string> = []
        let shown = ""
        for (const [index, commands] of [
          ["mkdir -p a/b b", "echo base > a/f; echo base > a/b/f"],
          ...layers
        ].entries()) {
          const layer = `${directory}/${index}`
          Fs.mkdirSync(layer, { recursive: true })
          const script = `{ ${commands.map((one) => `(${one}) 2>/dev/null`).join("; ")}; true; } && ${LIST}`
          if (index === 0) execFileSync("sh", ["-c", `cd "${layer}" && ${script}`])
          else shown = onOverlay([layer, ...stack], script)
          stack.unshift(layer)
        }
        expect(listOf(new LayeredTree(stack))).toBe(shown)
        const base = stack.at(-1) ?? ""
        const deltas = stack.slice(0, -1)
        for (const bottom of [false, true]) {
          const merged = `${directory}/merged-${bottom}`
          Fs.mkdirSync(merged)
          for (const _ of mergeLayers(bottom ? stack : deltas, merged, { bottom })) continue
          expect(listOf(new LayeredTree(bottom ? [merged] : [merged, base]))).toBe(shown)
          // The kernel agrees about the merged layer as well.
          const top = `${directory}/top-${bottom}`
          Fs.mkdirSync(top)
          expect(onOverlay(bottom ? [top, merged] : [top, merged, base], LIST)).toBe(shown)
        }
      }),
      { numRuns: 25 }
    )
  })
})

describe("resolving a path in a tree", () => {
  const root = `${scratch.path}/resolve`
  let tree: LayeredTree

  beforeAll(() => {
    for (const path of ["usr/lib", "etc", "a/b"]) Fs.mkdirSync(`${root}/${path}`, { recursive: true })
    Fs.writeFileSync(`${root}/etc/file`, "")
    const links = {
      lib: "usr/lib",
      abs: "/usr",
      out: "../../../../etc",
      loop: "loop",
      ping: "pong",
      pong: "ping",
      dangling: "/no/where",
      "a/up": "../etc/file"
    }
    for (const [name, target] of Object.entries(links)) Fs.symlinkSync(target, `${root}/${name}`)
    tree = new LayeredTree([root])
  })

  afterAll(() => Fs.rmSync(root, { recursive: true, force: true }))

  it.each([
    ["/usr/lib", "/usr/lib", "directory"],
    ["lib/x", "/usr/lib/x", "missing"],
    ["/abs/lib/../lib", "/usr/lib", "directory"],
    ["/out/file", "/etc/file", "file"],
    ["/../../..", "/", "directory"],
    ["/a/up", "/etc/file", "file"],
    ["/dangling/x/../y", "/no/where/y", "missing"],
    ["/a/./b//", "/a/b", "directory"]
  ])("%s is %s", (path, expected, kind) => {
    expect(tree.resolve(path)).toEqual({ path: expected, kind })
  })

  it("leaves the last link alone when asked to", () => {
    expect(tree.resolve("/lib", { followLast: false })).toEqual({ path: "/lib", kind: "link" })
  })

  it.each(["/loop", "/ping/x"])("gives up on the loop %s", (path) => {
    expect(() => tree.resolve(path)).toThrow(/ELOOP/)
  })

  it("does not go through a file", () => {
    expect(() => tree.resolve("/etc/file/x")).toThrow(/ENOTDIR/)
  })
})
