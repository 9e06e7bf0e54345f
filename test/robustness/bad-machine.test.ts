/** Machines that lack what a build needs, and stores in odd places. */
import * as Fs from "node:fs"
import { dirname } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { describeWith } from "../requirements.ts"
import { makeBase } from "./busybox.ts"
import { Program } from "./program.ts"

const program = new Program("bad-machine")
const at = (name: string): string => program.path(name)
const inStore = (path: string): string => `--store=overlayfs:${path}`

const MACHINE_LACKS = 3

const spec = (name: string, operations: string): string =>
  program.write(`${name}.spec`, `((from rootfs:${at("base")})\n (shell /bin/sh -c)\n ${operations})`)

/** A step, a copy and a cache: what uses the store in different ways. */
const all = () =>
  spec("all", '(copy (src file) (dst /)) (run (cache (c (target /c))) (shell "cat /file; echo x > /c/x; echo y > /y"))')

/** What a change to a directory or a link would show in. */
const statusOf = (path: string) => {
  const { ctimeMs, ino, mode, mtimeMs, size } = Fs.lstatSync(path)
  return { ctimeMs, ino, mode, mtimeMs, size }
}

const NOBODY = { through: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] }

describeWith(["root", "runc", "overlay", "busybox"], "a machine", () => {
  beforeAll(() => {
    makeBase(at("base"))
    program.write("source/file", "content\n")
  })

  describe("without a working OCI runtime", () => {
    const build = (...args: ReadonlyArray<string>) => [
      "build",
      "-q",
      inStore(at("store")),
      "-f",
      all(),
      ...args,
      at("source")
    ]

    it("says how to get one, if there is none in the path", async () => {
      const nowhere = { environment: { PATH: at("nowhere") } }
      expect(await program.fails(MACHINE_LACKS, build(), { ...nowhere, store: at("store") })).toMatchSnapshot()
    })

    it.each([
      ["does not exist", "/nonexistent"],
      ["is not in the path", "no-such-runtime"],
      ["is no program", "/etc/passwd"],
      ["is a directory", "/etc"],
      ["fails and says nothing", "/bin/false"],
      ["does nothing", "/bin/true"]
    ])("says so, if the one that is named %s", async (_, runtime) => {
      const words = build(`--runtime=${runtime}`)
      expect(await program.fails(MACHINE_LACKS, words, { store: at("store") })).toMatchSnapshot()
    })

    it("says what happened, if the one that is named is killed", async () => {
      const script = program.write("killed", "#!/bin/sh\nkill -KILL $$\n")
      Fs.chmodSync(script, 0o755)
      expect(await program.fails(MACHINE_LACKS, build(`--runtime=${script}`), { store: at("store") })).toMatchSnapshot()
    })

    it("still plans, and builds what needs none", async () => {
      const nowhere = { environment: { PATH: at("nowhere") } }
      const dry = await program.run(["build", "--dry-run", inStore(at("unused")), "-f", all(), at("source")], nowhere)
      expect(dry).toMatchObject({ status: 0, stderr: "" })
      expect(Fs.existsSync(at("unused"))).toBe(false)
      const copying = spec("copying", "(copy (src file) (dst /))")
      await program.builds([inStore(at("store")), "-f", copying, at("source")], { ...nowhere, store: at("store") })
    })
  })

  describe("without the rights of root", () => {
    beforeAll(async () => {
      Fs.mkdirSync(at("roots"), { mode: 0o755 })
      await program.builds([inStore(at("roots/store")), "-f", all(), at("source")])
      Fs.mkdirSync(at("nobodys"))
      Fs.chownSync(at("nobodys"), 65534, 65534)
    })

    it.each([
      ["root's store", "roots/store"],
      ["a new store where only root may make one", "roots/new"],
      ["a store of one's own", "nobodys/store"]
    ])("says so for %s, and makes nothing", async (_, store) => {
      const words = ["build", "-q", inStore(at(store)), "-f", all(), at("source")]
      const before = Fs.existsSync(at(store))
      expect(await program.fails(MACHINE_LACKS, words, NOBODY)).toMatchSnapshot()
      expect(Fs.existsSync(at(store))).toBe(before)
    })

    it.each(["roots/store", "roots/new", "nobodys/new"])(
      "still plans with the store %s, and makes nothing",
      async (store) => {
        const words = ["build", "--dry-run", "--format=json", inStore(at(store)), "-f", all(), at("source")]
        const existed = Fs.existsSync(at(store))
        const { status, stderr, stdout } = await program.run(words, NOBODY)
        expect(status, stderr).toBe(0)
        expect(JSON.parse(stdout)).toMatchObject({ result: expect.stringMatching(/^[0-9a-f]{64}$/) })
        expect(program.message(stderr)).toMatchSnapshot()
        expect(Fs.existsSync(at(store))).toBe(existed)
      }
    )
  })

  describe("builds the same, twice, in a store whose path", () => {
    let expected = ""
    beforeAll(async () => {
      expected = await program.builds([inStore(at("plain")), "-f", all(), at("source")], { store: at("plain") })
    })

    it.each([
      ["has spaces", "two words/and more"],
      ["has commas", "a,b,upperdir=c"],
      ["has colons", "a:b:lowerdir=c"],
      ["has backslashes", "a\\b\\,c\\:d\\"],
      ["has quotes", `"a'b\`c$(d)`],
      ["has control characters", "tab\tnew\nline"],
      ["is not ASCII", "größe/日本語/🐪"],
      ["begins with -", "-rf"],
      ["has a very long name", "n".repeat(250)],
      ["is very long", "directory/".repeat(100)],
      ["is a link to a directory", "link"]
    ])("%s", async (name, path) => {
      const store = at(`${name}/${path}`)
      if (name === "is a link to a directory") {
        Fs.mkdirSync(at("real"))
        Fs.mkdirSync(dirname(store))
        Fs.symlinkSync("../real", store)
      }
      const first = await program.builds([inStore(store), "-f", all(), at("source")], { store })
      const again = await program.builds([inStore(store), "-f", all(), "--runtime=/nonexistent", at("source")], {
        store
      })
      expect([first, again]).toEqual([expected, expected])
    })

    it("is relative, from wherever", async () => {
      const relative = await program.builds([inStore("some/where"), "-f", all(), at("source")], {
        store: at("some/where")
      })
      expect(relative).toBe(expected)
    })

    it("has lost its empty directories", async () => {
      const store = at("tidied")
      await program.builds([inStore(store), "-f", spec("base", ""), at("source")], { store })
      for (const name of ["tmp", "caches", "squashed", "planned"]) Fs.rmdirSync(`${store}/${name}`)
      expect(await program.builds([inStore(store), "-f", all(), at("source")], { store })).toBe(expected)
    })
  })

  describe("refuses as a store", () => {
    const places: Readonly<Record<string, (path: string) => void>> = {
      "a file": (path) => Fs.writeFileSync(path, ""),
      "a link to nowhere": (path) => Fs.symlinkSync("nowhere", path),
      "a link to itself": (path) => Fs.symlinkSync(path, path),
      "another kind of store": (path) => {
        Fs.mkdirSync(path)
        Fs.writeFileSync(`${path}/format`, '{"kind":"rsync","version":1}\n')
      },
      "a store of a later version": (path) => {
        Fs.mkdirSync(path)
        Fs.writeFileSync(`${path}/format`, '{"kind":"overlayfs","version":9}\n')
      },
      "somebody's directory": (path) => {
        Fs.mkdirSync(path)
        Fs.writeFileSync(`${path}/thesis.tex`, "")
      }
    }

    it.each(Object.entries(places))("%s, and leaves it as it was", async (name, make) => {
      const path = at(name)
      make(path)
      const before = statusOf(path)
      const words = ["build", "-q", inStore(path), "-f", all(), at("source")]
      expect(await program.fails(MACHINE_LACKS, words)).toMatchSnapshot()
      expect(statusOf(path)).toEqual(before)
    })

    it.each([
      ["a place where no directory can be made", "/proc/nowhere"],
      ["a path below a device", "/dev/null/store"],
      ["a name that is too long", `/tmp/${"n".repeat(300)}`]
    ])("%s", async (_, path) => {
      const words = ["build", "-q", inStore(path), "-f", all(), at("source")]
      expect((await program.fails(MACHINE_LACKS, words)).replaceAll(/n{300}/g, "LONG")).toMatchSnapshot()
    })
  })
})
