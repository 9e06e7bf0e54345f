/** What has changed from one tree to another, on plain directories; put on the one, it has to give the other. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { describe } from "vitest"
import { LayerWriter } from "../../../src/interpreters/base/LayerWriter.ts"
import { TarReader } from "../../../src/interpreters/base/TarReader.ts"
import type { TarEntry } from "../../../src/interpreters/base/TarHeaders.ts"
import { type Entry, LayeredTree } from "../../../src/interpreters/host/LayeredTree.ts"
import { makeDevice, makeNode, removeXattr, setXattr } from "../../../src/interpreters/host/Libc.ts"
import { writeChanges, writeTree } from "../../../src/interpreters/host/TreeTar.ts"
import { describeWith } from "../../requirements.ts"
import { describeTree } from "../base/trees.ts"
import { scratchDirectory } from "./scratch.ts"

const scratch = scratchDirectory("changes")

/** The middle of a second long ago, which all files have that nobody has given another time. */
const THEN = 1_000_000_000.5

/** Changes a directory: in its place, with paths that are relative to it. */
type Script = (at: (path: string) => string) => void

const make = (directory: string, script: Script): void => {
  Fs.mkdirSync(directory, { recursive: true, mode: 0o755 })
  script((path) => `${directory}/${path}`)
}

/** Gives all that was made or changed since the machine was started the same time. */
const settle = (directory: string): void => {
  for (const name of [".", ...Fs.readdirSync(directory, { recursive: true, encoding: "utf8" })]) {
    const path = `${directory}/${name}`
    if (Fs.lstatSync(path).mtimeMs > THEN * 1000 + 1e9) Fs.lutimesSync(path, THEN, THEN)
  }
}

const put =
  (files: Readonly<Record<string, string>>): Script =>
  (at) => {
    for (const [path, content] of Object.entries(files)) {
      Fs.mkdirSync(at(path.replace(/[^/]*$/, "")), { recursive: true })
      Fs.writeFileSync(at(path), content)
    }
  }

const collect = (write: (take: (chunk: Uint8Array) => Effect.Effect<void>) => Effect.Effect<boolean, unknown>) =>
  Effect.gen(function* () {
    const chunks: Array<Uint8Array> = []
    const isAny = yield* write((chunk) => Effect.sync(() => void chunks.push(Uint8Array.from(chunk))))
    assert.strictEqual(chunks.length > 0, isAny)
    return Buffer.concat(chunks)
  })

const onError = (error: unknown): unknown => error

const tarOfChanges = (before: ReadonlyArray<string>, after: ReadonlyArray<string>, latest: number) =>
  collect((take) => writeChanges(new LayeredTree(before), new LayeredTree(after), take, { latest, onError }))

const wholeTar = (tree: string) =>
  collect((take) =>
    Effect.as(writeTree(new LayeredTree([tree]), "layer", take, { latest: Number.POSITIVE_INFINITY, onError }), true)
  )

/** A tar's entries, each in a few words; but the root, which is on the way to everything. */
const listed = (tar: Buffer): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const entry = ({ path, target, type }: TarEntry): void => {
    if (path !== "./") lines.push(type === "File" || type === "Directory" ? path : `${path} ${type} ${target}`.trim())
  }
  const reader = new TarReader({ entry, data: () => undefined, end: () => undefined })
  reader.write(tar)
  reader.end()
  return lines
}

/** Unpacks layers, from the lowest up. */
const unpack = (root: string, layers: ReadonlyArray<Buffer>): void => {
  const writer = new LayerWriter({ root, maxEntries: Number.POSITIVE_INFINITY })
  for (const [index, layer] of layers.entries()) {
    writer.begin(index === 0 ? "lowest" : "layer")
    const reader = new TarReader(writer)
    reader.write(layer)
    reader.end()
  }
  writer.finish()
  writer.dispose()
}

let count = 0

/** The layer from a tree to what a script makes of it, after it has been tried. */
const layer = (before: Script, change: Script, latest = Number.POSITIVE_INFINITY) =>
  Effect.gen(function* () {
    const [old, now, made] = ["before", "after", "made"].map((name) => `${scratch.path}/${count}/${name}`)
    count++
    if (old === undefined || now === undefined || made === undefined) return yield* Effect.die("no names")
    make(old, before)
    settle(old)
    execFileSync("cp", ["-a", old, now])
    make(now, change)
    settle(now)
    const tar = yield* tarOfChanges([old], [now], latest)
    make(made, nothing)
    unpack(made, [yield* wholeTar(old), ...(tar.length > 0 ? [tar] : [])])
    const times = latest === Number.POSITIVE_INFINITY
    assert.deepStrictEqual(describeTree(made, { times }), describeTree(now, { times }).filter(isNoSocket))
    return listed(tar)
  })

const nothing: Script = () => undefined

const isNoSocket = (line: string): boolean => !line.startsWith("?")

const yields = (what: Effect.Effect<ReadonlyArray<string>, unknown>, ...expected: ReadonlyArray<string>) =>
  Effect.map(what, (lines) => assert.deepStrictEqual(lines, expected))

describeWith(["root"], "the changes from one tree to another", () => {
  it.effect("are none where nothing was changed", () =>
    yields(
      layer((at) => {
        put({ "a/b": "1", "a/c": "2" })(at)
        Fs.symlinkSync("b", at("a/link"))
        Fs.linkSync(at("a/b"), at("other"))
        makeNode(at("pipe"), Fs.constants.S_IFIFO | 0o644, 0n)
      }, nothing)
    )
  )

  it.effect("are what is new, and the directories on the way there, without what is beside it", () =>
    yields(
      layer(put({ "a/b/old": "1", "a/other": "2", "c/d/e": "3" }), put({ "a/b/new": "2", "f/g": "4" })),
      "a",
      "a/b",
      "a/b/new",
      "f",
      "f/g"
    )
  )

  it.effect("are content that is as long and as old as what was there", () =>
    yields(layer(put({ a: "12345", b: "12345" }), put({ a: "12354", b: "12345" })), "a")
  )

  it.effect("are a large file that differs at its end", () => {
    const large = "x".repeat(1_000_000)
    return yields(layer(put({ a: `${large}1`, b: `${large}1` }), put({ a: `${large}2`, b: `${large}1` })), "a")
  })

  const attributes: Readonly<Record<string, (path: string) => void>> = {
    "its mode": (path) => Fs.chmodSync(path, 0o4711),
    "its owner": (path) => Fs.chownSync(path, 1000, 0),
    "its group": (path) => Fs.chownSync(path, 0, 1000),
    "its time": (path) => Fs.utimesSync(path, THEN - 1, THEN - 1),
    "a new extended attribute": (path) => setXattr(path, "user.new", Buffer.from([0xff, 0])),
    "an extended attribute's value": (path) => setXattr(path, "user.old", Buffer.from("2")),
    "an extended attribute that it lost": (path) => removeXattr(path, "user.old"),
    "a capability": (path) =>
      setXattr(path, "security.capability", Buffer.from("0100000200200000000000000000000000000000", "hex"))
  }
  for (const [what, change] of Object.entries(attributes)) {
    it.effect(`are a file, and a directory without what is in it, of which nothing is other than ${what}`, () =>
      yields(
        layer(
          (at) => {
            put({ "a/file": "1", "a/same": "1", "b/same": "1" })(at)
            for (const path of ["a/file", "b"]) setXattr(at(path), "user.old", Buffer.from("1"))
          },
          (at) => {
            change(at("a/file"))
            change(at("b"))
          }
        ),
        "a",
        "a/file",
        "b"
      )
    )
  }

  it.effect("are not what the machine's own policy says of files", () =>
    yields(
      layer(put({ a: "1", b: "1" }), (at) => {
        Fs.chmodSync(at("a"), 0o700)
        for (const path of ["a", "b"]) setXattr(at(path), "security.selinux", Buffer.from("label"))
      }),
      "a"
    )
  )

  it.effect("are links and devices that are others", () =>
    yields(
      layer(
        (at) => {
          for (const name of ["same", "other"]) Fs.symlinkSync("x", at(name))
          for (const name of ["null", "zero"]) makeNode(at(name), Fs.constants.S_IFCHR | 0o666, makeDevice(1, 3))
          makeNode(at("pipe"), Fs.constants.S_IFIFO | 0o644, 0n)
          makeNode(at("block"), Fs.constants.S_IFBLK | 0o644, makeDevice(8, 1))
        },
        (at) => {
          for (const name of ["other", "zero", "pipe", "block"]) Fs.rmSync(at(name))
          Fs.symlinkSync("y", at("other"))
          makeNode(at("zero"), Fs.constants.S_IFCHR | 0o666, makeDevice(1, 5))
          makeNode(at("pipe"), Fs.constants.S_IFCHR | 0o644, makeDevice(8, 1))
          makeNode(at("block"), Fs.constants.S_IFCHR | 0o644, makeDevice(8, 1))
        }
      ),
      "block CharacterDevice",
      "other Symlink y",
      "pipe CharacterDevice",
      "zero CharacterDevice"
    )
  )

  it.effect("are what has become something else, whatever it was", () =>
    Effect.gen(function* () {
      const kinds: Readonly<Record<string, Script>> = {
        file: put({ x: "file" }),
        directory: put({ "x/in/it": "1", "x/more": "2" }),
        link: (at) => Fs.symlinkSync("elsewhere", at("x")),
        pipe: (at) => makeNode(at("x"), Fs.constants.S_IFIFO | 0o644, 0n)
      }
      const lists: Readonly<Record<string, ReadonlyArray<string>>> = {
        file: ["x"],
        directory: ["x", "x/in", "x/in/it", "x/more"],
        link: ["x Symlink elsewhere"],
        pipe: ["x Fifo"]
      }
      for (const [from, before] of Object.entries(kinds)) {
        for (const [to, after] of Object.entries(kinds)) {
          if (from === to) continue
          const becomes = layer(before, (at) => {
            Fs.rmSync(at("x"), { recursive: true })
            after(at)
          })
          assert.deepStrictEqual(yield* becomes, lists[to], `${from} to ${to}`)
        }
      }
    })
  )

  it.effect("are one whiteout for a directory with all that was in it", () =>
    yields(
      layer(put({ "a/b/c/d": "1", "a/b/e": "2", "a/f": "3", g: "4" }), (at) => {
        Fs.rmSync(at("a/b"), { recursive: true })
        Fs.rmSync(at("g"))
      }),
      ".wh.g",
      "a",
      "a/.wh.b"
    )
  )

  it.effect("are whiteouts for what a directory lacks that was made again", () =>
    yields(
      layer(put({ "a/b": "1", "a/c": "2" }), (at) => {
        Fs.rmSync(at("a"), { recursive: true })
        put({ "a/c": "2", "a/d": "3" })(at)
      }),
      "a",
      "a/.wh.b",
      "a/d"
    )
  )

  it.effect("do not have a file that was written again as it was, where its time is later than all that count", () =>
    Effect.gen(function* () {
      const again: Script = (at) => {
        Fs.rmSync(at("a/b"))
        put({ "a/b": "1" })(at)
        for (const path of ["a/b", "a"]) Fs.utimesSync(at(path), THEN + 1000, THEN + 1000)
      }
      yield* yields(layer(put({ "a/b": "1" }), again, THEN - 10))
      yield* yields(layer(put({ "a/b": "1" }), again, THEN + 2000), "a", "a/b")
    })
  )

  it.effect("have names as long as there are, and of all letters, in whiteouts too", () => {
    const names = ["x".repeat(255), "日本語".repeat(28), "été\n☃", `${"long/".repeat(60)}name`, "\u{1f600}"]
    const all = Object.fromEntries(names.map((name) => [`d/${name}`, "1"]))
    return Effect.gen(function* () {
      yield* layer(nothing, put(all))
      const gone = yield* layer(put(all), (at) => {
        for (const name of names) Fs.rmSync(at(`d/${name}`))
      })
      for (const name of names) assert.include(gone, `d/${name.replace(/([^/]*)$/, ".wh.$1")}`)
    })
  })

  it.effect("are not sockets, and what one has replaced is gone", () =>
    yields(
      layer(
        (at) => {
          put({ "a/b": "1", "a/c": "1" })(at)
          makeNode(at("a/old"), Fs.constants.S_IFSOCK | 0o600, 0n)
        },
        (at) => {
          for (const name of ["b", "old"]) Fs.rmSync(at(`a/${name}`))
          for (const name of ["b", "new"]) makeNode(at(`a/${name}`), Fs.constants.S_IFSOCK | 0o600, 0n)
        }
      ),
      "a",
      "a/.wh.b"
    )
  )

  it.effect("are refused where a name would say that something is deleted", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(layer(nothing, put({ "a/.wh.b": "1" })))
      assert.match(
        String(error),
        /\/a\/\.wh\.b cannot be in an image: there, a name that begins with "\.wh\." says that something is deleted$/
      )
      const tree = `${scratch.path}/${++count}`
      make(tree, put({ "a/.wh..wh..opq": "1" }))
      assert.match(String(yield* Effect.flip(wholeTar(tree))), /cannot be in an image/)
    })
  )
})

describeWith(["root"], "the changes of hard links", () => {
  const linked: Script = (at) => {
    put({ "a/one": "1", "a/alone": "1" })(at)
    Fs.mkdirSync(at("b"))
    for (const name of ["a/two", "b/three"]) Fs.linkSync(at("a/one"), at(name))
  }
  /** A file of its own with the same in it. */
  const separate = (path: string): void => {
    execFileSync("cp", ["-p", path, `${path}.new`])
    Fs.renameSync(`${path}.new`, path)
  }

  it.effect("are all names of a file that has a new one", () =>
    yields(
      layer(linked, (at) => Fs.linkSync(at("a/one"), at("c"))),
      "a",
      "a/one",
      "a/two HardLink a/one",
      "b",
      "b/three HardLink a/one",
      "c HardLink a/one"
    )
  )

  it.effect("are all names of a file that was changed", () =>
    yields(
      layer(linked, (at) => Fs.writeFileSync(at("b/three"), "2")),
      "a",
      "a/one",
      "a/two HardLink a/one",
      "b",
      "b/three HardLink a/one"
    )
  )

  it.effect("are the whiteouts of names that are gone, and nothing of those that stay", () =>
    Effect.gen(function* () {
      yield* yields(
        layer(linked, (at) => Fs.rmSync(at("a/one"))),
        "a",
        "a/.wh.one"
      )
      yield* yields(
        layer(linked, (at) => {
          for (const name of ["a/one", "b/three"]) Fs.rmSync(at(name))
        }),
        "a",
        "a/.wh.one",
        "b",
        "b/.wh.three"
      )
    })
  )

  it.effect("are a link that became a file of its own, though it is as it was otherwise", () =>
    Effect.gen(function* () {
      yield* yields(
        layer(linked, (at) => separate(at("b/three"))),
        "b",
        "b/three"
      )
      yield* yields(
        layer(linked, (at) => separate(at("a/one"))),
        "a",
        "a/one"
      )
    })
  )

  it.effect("are files that were alike, and have become one", () =>
    yields(
      layer(put({ a: "1", b: "1" }), (at) => {
        Fs.rmSync(at("b"))
        Fs.linkSync(at("a"), at("b"))
      }),
      "a",
      "b HardLink a"
    )
  )

  it.effect("are a link in place of another file, and links of links", () =>
    yields(
      layer(
        (at) => {
          linked(at)
          Fs.symlinkSync("x", at("soft"))
        },
        (at) => {
          Fs.rmSync(at("b/three"))
          Fs.linkSync(at("a/alone"), at("b/three"))
          Fs.linkSync(at("soft"), at("b/soft"))
        }
      ),
      "a",
      "a/alone",
      "b",
      "b/soft Symlink x",
      "b/three HardLink a/alone",
      "soft HardLink b/soft"
    )
  )

  /** As overlayfs has it: what a step has written is in a directory above those of its parent. */
  const inLayers = (change: Script) =>
    Effect.gen(function* () {
      const [low, high] = [`${scratch.path}/${++count}/low`, `${scratch.path}/${count}/high`]
      make(low, linked)
      settle(low)
      make(high, change)
      settle(high)
      return listed(yield* tarOfChanges([low], [high, low], Number.POSITIVE_INFINITY))
    })

  it.effect("are nothing of a file of which one name is gone, and others are where nobody has looked", () =>
    yields(
      inLayers((at) => {
        Fs.mkdirSync(at("a"))
        makeNode(at("a/one"), Fs.constants.S_IFCHR, 0n)
      }),
      "a",
      "a/.wh.one"
    )
  )

  it.effect("are a file of its own though those that it was one with are where nobody has looked", () =>
    yields(
      inLayers((at) => put({ "b/three": "1" })(at)),
      "b",
      "b/three"
    )
  )
})

/** A tree on a file system of its own, as a snapshot's is, on which all was changed last at one time. */
class Snapshot extends LayeredTree {
  private readonly changed: number

  constructor(path: string, changed: number) {
    super([path])
    this.changed = changed
  }

  override child(...words: Parameters<LayeredTree["child"]>): Entry | undefined {
    const entry = super.child(...words)
    if (entry === undefined) return undefined
    const file = { dev: 1000 + count++, ino: 2, ctimeMs: this.changed, mtimeMs: this.changed }
    return { ...entry, stats: Object.assign(Object.create(entry.stats), file) as Fs.Stats }
  }
}

describe("the changes between snapshots of a file", () => {
  const SECOND = 1_500_000_000_000
  const lines = (changed: number, change: Script) =>
    Effect.gen(function* () {
      const [before, after] = ["before", "after"].map((name) => `${scratch.path}/${count++}/${name}`)
      if (before === undefined || after === undefined) return yield* Effect.die("no names")
      for (const path of [before, after]) make(path, put({ file: "1" }))
      make(after, change)
      const options = { latest: 0, onError }
      return listed(
        yield* collect((take) =>
          writeChanges(new Snapshot(before, changed), new Snapshot(after, changed), take, options)
        )
      )
    })

  it.effect.each([
    ["its content", (at) => Fs.writeFileSync(at("file"), "2")],
    ["its mode", (at) => Fs.chmodSync(at("file"), 0o600)]
  ] satisfies ReadonlyArray<[string, Script]>)("are seen where times are whole seconds: %s", ([, change]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* lines(SECOND, change), ["file"])
      assert.deepStrictEqual(yield* lines(SECOND, nothing), [])
      // Where they are finer, a file that has the same is not read.
      assert.deepStrictEqual(yield* lines(SECOND + 0.5, change), [])
    })
  )
})

describe("the changes of whatever is done", () => {
  const path = FastCheck.array(FastCheck.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 }).map((names) =>
    names.join("/")
  )
  const two = FastCheck.tuple(path, path)
  const command = FastCheck.oneof(
    { weight: 4, arbitrary: FastCheck.tuple(path, FastCheck.nat(2)).map(([at, n]) => `echo ${n} > ${at}`) },
    { weight: 3, arbitrary: path.map((at) => `mkdir -p ${at}`) },
    { weight: 3, arbitrary: path.map((at) => `rm -rf ${at}`) },
    { weight: 4, arbitrary: two.map(([from, to]) => `ln -fT ${from} ${to}`) },
    { weight: 2, arbitrary: two.map(([from, to]) => `cp -aT ${from} ${to}`) },
    { weight: 1, arbitrary: two.map(([from, to]) => `mv -T ${from} ${to}`) },
    { weight: 1, arbitrary: two.map(([from, to]) => `ln -sfT ${from} ${to}`) },
    { weight: 1, arbitrary: path.map((at) => `chmod 700 ${at}`) }
  )
  const script = FastCheck.array(command, { minLength: 1, maxLength: 8 })
  const run =
    (commands: ReadonlyArray<string>): Script =>
    (at) =>
      void execFileSync("sh", ["-c", commands.map((one) => `(${one}) 2>/dev/null`).join("\n")], {
        cwd: at("."),
        stdio: "ignore"
      })

  it.effect.skipIf(process.geteuid?.() !== 0)("put on the old tree are the new one", () =>
    Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(script, script, (before, change) =>
          Effect.runPromise(
            Effect.asVoid(layer(run(["mkdir -p a/b b c", ...before, "true"]), run([...change, "true"])))
          )
        ),
        { numRuns: 40 }
      )
    )
  )
})
