/** Work with files where there is no `/proc`, as on FreeBSD and macOS. */
import { execFileSync, spawnSync } from "node:child_process"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fs from "node:fs"
import { expect, it } from "vitest"
import * as NamelessFile from "../../../src/interpreters/host/NamelessFile.ts"
import { OpenTree } from "../../../src/interpreters/host/OpenTree.ts"
import * as PlainProcess from "../../../src/interpreters/host/PlainProcess.ts"
import { removeTree } from "../../../src/interpreters/host/RemoveTree.ts"
import * as SourceDirectory from "../../../src/interpreters/host/SourceDirectory.ts"
import { hasProcess } from "../../../src/interpreters/host/System.ts"
import { describeWith } from "../../requirements.ts"
import { pretend } from "../../standins/standIns.ts"
import { alive } from "../sandbox/busybox.ts"
import { scratchDirectory } from "./scratch.ts"

const scratch = scratchDirectory("elsewhere")

const remove = (path: string): void => {
  for (const step = removeTree(path); step.next().done !== true;);
}

describeWith(["root"], "without /proc", () => {
  pretend("freebsd")

  it("trees are removed whatever is in them, and nothing that links lead to", () => {
    const [tree, outside] = [`${scratch.path}/tree`, `${scratch.path}/outside`]
    Fs.mkdirSync(`${tree}/a/b`, { recursive: true })
    Fs.mkdirSync(outside)
    Fs.writeFileSync(`${outside}/kept`, "")
    Fs.symlinkSync(outside, `${tree}/a/link`)
    Fs.writeFileSync(Buffer.concat([Buffer.from(`${tree}/a/`), Buffer.of(0xff, 0xfe)]), "")
    const deep = `i=0; while [ $i -lt 60 ]; do mkdir ${"d".repeat(200)} && cd -P ${"d".repeat(200)} || exit 1; i=$((i+1)); done`
    execFileSync("sh", ["-c", deep], { cwd: tree })
    remove(tree)
    expect(Fs.readdirSync(scratch.path)).toEqual(["outside"])
    expect(Fs.readdirSync(outside)).toEqual(["kept"])
    Fs.symlinkSync(outside, tree)
    remove(tree)
    expect(Fs.readdirSync(outside)).toEqual(["kept"])
  })

  it("files are opened by directories, and not through links", () => {
    const root = `${scratch.path}/source`
    Fs.mkdirSync(`${root}/a/b`, { recursive: true })
    Fs.writeFileSync(`${root}/a/b/file`, "content")
    Fs.symlinkSync("a", `${root}/link`)
    Fs.symlinkSync("file", `${root}/a/b/alias`)
    const files = new OpenTree(root)
    const fd = files.file("a/b/file")
    expect(Fs.readFileSync(fd, "utf8")).toBe("content")
    Fs.closeSync(fd)
    for (const path of ["link/b/file", "a/b/alias"]) expect(() => files.file(path)).toThrow(/ELOOP|ENOTDIR/)
    files.close()
  })

  it("a source directory says what is in it", async () => {
    const root = `${scratch.path}/context`
    Fs.mkdirSync(`${root}/a`, { recursive: true })
    Fs.writeFileSync(`${root}/a/file`, "content")
    const source = await Effect.runPromise(SourceDirectory.make({ path: root }))
    const manifest = await Effect.runPromise(source.manifest("a", []))
    expect(manifest.root).toMatchObject({
      _tag: "Directory",
      name: "a",
      entries: [{ _tag: "File", name: "file", size: 7 }]
    })
    const missing = await Effect.runPromise(Effect.either(source.manifest("b", [])))
    expect(Either.isLeft(missing)).toBe(true)
  })

  it("a file loses its name, and can be read by its descriptor's", async () => {
    const directory = `${scratch.path}/nameless`
    Fs.mkdirSync(directory)
    const file = await NamelessFile.open(directory)
    try {
      await file.write("content", 0)
      expect(Fs.readdirSync(directory)).toEqual([])
      const fd = Fs.openSync(NamelessFile.pathOf(file.fd), "r")
      const bytes = Buffer.alloc(7)
      Fs.readSync(fd, bytes, 0, 7, 0)
      Fs.closeSync(fd)
      expect(bytes.toString()).toBe("content")
    } finally {
      await file.close()
    }
  })

  it("processes are known by their numbers", () => {
    expect(hasProcess(process.pid)).toBe(true)
    expect(hasProcess(spawnSync("true").pid)).toBe(false)
  })

  it("programs say how they ended, and what they wrote, in the order in which they wrote it", async () => {
    const options = { environment: { PATH: "/usr/bin:/bin" } }
    const sh = (script: string) => Effect.runPromise(PlainProcess.capture("/bin/sh", ["-c", script], options))
    const mixed = "for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done; exit 3"
    expect(await sh(mixed)).toEqual({
      status: { _tag: "Exited", status: 3 },
      text: [1, 2, 3, 4, 5].map((n) => `out ${n}\nerr ${n}`).join("\n")
    })
    expect((await sh("kill -TERM $$")).status).toEqual({ _tag: "Signaled", signal: 15 })
    expect((await sh("cat; echo $#; env")).text).toBe("0\nPATH=/usr/bin:/bin\nPWD=" + process.cwd())
    const long = await sh("head -c 3000000 /dev/zero | tr '\\0' x")
    expect(long.text).toHaveLength(3_000_000)
  })

  it("programs are killed when their output cannot be taken", async () => {
    const options = { environment: { PATH: "/usr/bin:/bin" } }
    const failed = await Effect.runPromise(
      Effect.flip(
        PlainProcess.run("/bin/sh", ["-c", "echo up; sh -c 'sleep 1000; true' plain-refused"], options, () =>
          Effect.fail("full")
        )
      )
    )
    expect(failed).toBe("full")
    expect(alive("plain-refused")).toBe(0)
  })
})
