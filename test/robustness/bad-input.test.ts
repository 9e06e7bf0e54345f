/** What users get wrong: specs, source directories, secrets. Each is refused with a message, and nothing is left. */
import * as Fs from "node:fs"
import { execFileSync } from "node:child_process"
import { createServer } from "node:net"
import { beforeAll, describe, expect, it } from "vitest"
import { describeWith } from "../requirements.ts"
import { makeBase } from "./busybox.ts"
import { Program } from "./program.ts"

const program = new Program("bad-input")
const at = (name: string): string => program.path(name)
const store = at("store")
const STORE = `--store=overlayfs:${store}`

/** A spec on the busybox base, in a file of its own. */
const spec = (operations: string): string =>
  program.write("spec", `((from rootfs:${at("base")})\n (shell /bin/sh -c)\n ${operations})`)

const build = (file: string, ...args: ReadonlyArray<string>): ReadonlyArray<string> => [
  "build",
  "-q",
  STORE,
  "-f",
  file,
  ...args
]

const fails = (status: number, file: string, ...args: ReadonlyArray<string>): Promise<string> =>
  program.fails(status, build(file, ...args), { store })

const BAD_INPUT = 2
const STEP_FAILED = 1

/** The spec is at fault, or one of the files that the command line names. */
const refused = (file: string, ...args: ReadonlyArray<string>) => fails(BAD_INPUT, file, ...args)

describeWith(["root", "runc", "overlay", "busybox"], "bad input", () => {
  beforeAll(() => {
    makeBase(at("base"))
    program.write("source/file", "content\n")
    Fs.symlinkSync("loop", at("loop"))
  })

  describe("a spec", () => {
    it("that is missing", async () => {
      expect(await refused(at("nowhere.spec"), at("source"))).toMatchSnapshot()
    })

    it("that is a directory", async () => {
      expect(await refused(at("source"), at("source"))).toMatchSnapshot()
    })

    it("that is a link to itself", async () => {
      expect(await refused(at("loop"), at("source"))).toMatchSnapshot()
    })

    it("that is below a file", async () => {
      expect(await refused(at("source/file/spec"), at("source"))).toMatchSnapshot()
    })

    it("that may not be read", async () => {
      const file = program.write("secret.spec", "((from scratch))")
      Fs.chmodSync(file, 0o600)
      const through = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
      expect(await program.fails(BAD_INPUT, build(file, at("source")), { through })).toMatchSnapshot()
    })

    it("that is empty", async () => {
      expect(await refused(program.write("empty.spec", ""), at("source"))).toMatchSnapshot()
    })

    it("that is not UTF-8", async () => {
      const file = program.write("latin1.spec", Buffer.from('((from scratch)\n (run (shell "caf\xe9")))', "latin1"))
      expect(await refused(file, at("source"))).toMatchSnapshot()
    })

    it("that is no text at all", async () => {
      const file = program.write("picture.spec", Buffer.from("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "latin1"))
      expect(await refused(file, at("source"))).toMatchSnapshot()
    })

    it("that ends too early", async () => {
      expect(
        await refused(program.write("short.spec", "((from scratch)\n (run (shell true))"), at("source"))
      ).toMatchSnapshot()
    })
  })

  describe("a source directory", () => {
    it.each([
      ["missing", "nowhere"],
      ["a file", "source/file"],
      ["below a file", "source/file/x"],
      ["a link to itself", "loop"],
      ["below a link to itself", "loop/x"]
    ])("that is %s", async (_, name) => {
      expect(await refused(spec("(copy (src file) (dst /))"), at(name))).toMatchSnapshot()
    })

    it("that is a file, for a spec that copies nothing", async () => {
      expect(await refused(spec(""), at("source/file"))).toMatchSnapshot()
    })
  })

  describe("a source path", () => {
    beforeAll(() => {
      program.write("odd/file", "content\n")
      Fs.symlinkSync("../source", at("odd/link"))
      Fs.symlinkSync("circle", at("odd/circle"))
      execFileSync("mkfifo", [at("odd/fifo")])
    })

    it.each([
      ["missing", "nowhere"],
      ["through ..", "../source/file"],
      ["through .. and back", "link/../file"],
      ["through a link", "link/file"],
      ["through a link to itself", "circle/file"],
      ["below a file", "file/x"],
      ["a FIFO", "fifo"]
    ])("that is %s", async (_, src) => {
      expect(await refused(spec(`(copy (src ${src}) (dst /x))`), at("odd"))).toMatchSnapshot()
    })

    it("with a NUL in it", async () => {
      expect(await refused(spec('(copy (src "a\\000b") (dst /x))'), at("odd"))).toMatchSnapshot()
    })

    it("that is a link is copied as that, even if it leads to itself or out of the directory", async () => {
      const copy = spec(
        '(copy (src circle link) (dst /x/)) (run (shell "cd /x && ls -l; [ -L circle ] && [ -L link ]"))'
      )
      await program.builds([STORE, "-f", copy, at("odd")], { store })
    })
  })

  describe("something in the source directory that cannot be copied", () => {
    const make: Readonly<Record<string, (path: string) => void>> = {
      fifo: (path) => execFileSync("mkfifo", [path]),
      device: (path) => execFileSync("mknod", [path, "c", "1", "3"]),
      socket: (path) => {
        const server = createServer().listen(path)
        server.unref()
      }
    }

    it.each(Object.entries(make))("a %s is refused, and does no harm where it is excluded", async (name, makeIt) => {
      const source = at(`with-${name}`)
      program.write(`with-${name}/below/file`, "content\n")
      makeIt(`${source}/below/odd`)
      await new Promise(setImmediate)
      expect(await refused(spec("(copy (src .) (dst /x))"), source)).toMatchSnapshot()
      const excluding = spec(
        '(copy (src .) (dst /x) (exclude odd)) (run (shell "cat /x/below/file && [ ! -e /x/below/odd ]"))'
      )
      await program.builds([STORE, "-f", excluding, source], { store })
    })

    it("a file name that is not UTF-8", async () => {
      Fs.mkdirSync(at("latin1/below"), { recursive: true })
      Fs.writeFileSync(Buffer.from(`${at("latin1/below")}/caf\xe9`, "latin1"), "")
      expect(await refused(spec("(copy (src .) (dst /x))"), at("latin1"))).toMatchSnapshot()
    })
  })

  describe("a copy's destination in the image", () => {
    it.each([
      ["through links in a loop", "(run (shell 'ln -s a /b; ln -s b /a'))", "/a/file"],
      ["through a file", "", "/etc/passwd/file"],
      ["where a directory is", "", "/etc"],
      ["with a name that is too long", "", `/${"x".repeat(300)}`],
      ["with a path that is too long", "", `/${"directory/".repeat(500)}file`]
    ])("%s", async (_, before, dst) => {
      const operations = `${before.replaceAll("'", '"')} (copy (src file) (dst ${dst}))`
      const message = await fails(STEP_FAILED, spec(operations), at("source"))
      expect(message.replaceAll(/x{300}|(directory\/){500}/g, "LONG")).toMatchSnapshot()
    })

    it("that is a link in a loop is replaced", async () => {
      const operations = '(run (shell "ln -s c /d; ln -s d /c")) (copy (src file) (dst /c)) (run (shell "cat /c"))'
      await program.builds([STORE, "-f", spec(operations), at("source")], { store })
    })
  })

  describe("a secret", () => {
    const wanting = () => spec('(run (secrets (token (target /run/token))) (shell "cat /run/token"))')

    it("that is not given", async () => {
      expect(await refused(wanting(), at("source"))).toMatchSnapshot()
    })

    it.each([
      ["whose file is missing", () => `token:${at("nowhere")}`],
      ["whose file is a directory", () => `token:${at("source")}`],
      ["without a colon", () => "token"],
      ["without an id", () => `:${at("source/file")}`],
      ["without a file", () => "token:"]
    ])("%s", async (_, secret) => {
      expect(await refused(wanting(), `--secret=${secret()}`, at("source"))).toMatchSnapshot()
    })

    it("that is given twice", async () => {
      const secret = `--secret=token:${at("source/file")}`
      expect(await refused(wanting(), secret, secret, at("source"))).toMatchSnapshot()
    })

    it("for a place where a directory is", async () => {
      const onDirectory = spec("(run (secrets (token (target /etc))) (shell true))")
      expect(
        await fails(STEP_FAILED, onDirectory, `--secret=token:${at("source/file")}`, at("source"))
      ).toMatchSnapshot()
    })
  })
})
