/** Exports that are refused, fail, or are killed: what they say, and what they leave. */
import * as Fs from "node:fs"
import { beforeAll, beforeEach, describe, expect, it } from "vitest"
import { describeWith } from "../../requirements.ts"
import { type PrivateMount, privateMount } from "../../robustness/privateMount.ts"
import { until } from "../../until.ts"
import { filesIn } from "./layouts.ts"
import { Specimen } from "./specimen.ts"

const specimen = new Specimen("failures")
const { program } = specimen
const out = specimen.at("out")
const tmp = specimen.at("tmp")

const WRONG = 2
const MACHINE_LACKS = 3

/** Bytes, all zero: they take no space until they are read. */
const LARGE = 100_000_000

const words = (format: string, output: string, ...more: ReadonlyArray<string>) => [
  "export",
  ...specimen.store,
  `--format=${format}`,
  ...(output === "" ? [] : ["-o", `${out}/${output}`]),
  ...more,
  specimen.id
]

describeWith(["root", "runc", "overlay", "busybox"], "an export", () => {
  beforeAll(() => specimen.build())
  beforeEach(() => {
    for (const path of [out, tmp]) {
      Fs.rmSync(path, { recursive: true, force: true })
      Fs.mkdirSync(path)
    }
  })

  describe("is refused, and changes nothing,", () => {
    it.each(["oci", "dir"])("as %s without a name for it", async (format) => {
      expect(await program.fails(WRONG, words(format, ""))).toMatchSnapshot()
    })

    it.each(["oci", "dir"])(
      "as %s into a directory with something else in it, and in place of a file",
      async (format) => {
        program.write("out/there/mine", "mine")
        program.write("out/file", "mine")
        for (const name of ["there", "file"]) expect(await program.fails(WRONG, words(format, name))).toMatchSnapshot()
        expect(filesIn(out)).toEqual({ "there/mine": "mine", file: "mine" })
      }
    )

    it.each(["oci", "dir", "tar", "oci-archive", "docker-archive", "provenance"])(
      "as %s where there is no directory for it",
      async (format) => {
        expect(await program.fails(WRONG, words(format, "none/it"))).toMatchSnapshot()
      }
    )
  })

  it("of an image needs its base, unless it is in one layer", async () => {
    Fs.renameSync(specimen.at("source/base"), specimen.at("moved"))
    try {
      for (const format of ["oci", "oci-archive", "docker-archive"]) {
        expect(await program.fails(WRONG, words(format, "it"))).toMatchSnapshot()
        expect(Fs.readdirSync(out)).toEqual([])
        expect(await program.run(words(format, `squashed-${format}`, "--squash"))).toMatchObject({ status: 0 })
        Fs.rmSync(`${out}/squashed-${format}`, { recursive: true })
      }
      expect(await program.run(words("dir", "tree"))).toMatchObject({ status: 0 })
    } finally {
      Fs.renameSync(specimen.at("moved"), specimen.at("source/base"))
    }
  })

  describe("to a full disk", () => {
    const small = specimen.at("small")
    let mount: PrivateMount

    beforeAll(async () => {
      Fs.mkdirSync(small)
      mount = await privateMount("true")
    })
    beforeEach(() => mount.sh(`mountpoint -q ${small} && umount ${small}; mount -t tmpfs -o size=400k tmpfs ${small}`))

    const kinds = ["oci", "dir", "oci-archive", "docker-archive"]

    it.each(kinds)("says so, and leaves nothing, as %s", async (format) => {
      const full = ["export", ...specimen.store, `--format=${format}`, "-o", `${small}/it`, specimen.id]
      expect(await program.fails(MACHINE_LACKS, full, mount)).toMatchSnapshot()
      expect(Fs.readdirSync(mount.seen(small))).toEqual([])
    })

    it.each(kinds.filter((kind) => kind.endsWith("archive")))("of temporary files says so, as %s", async (format) => {
      const options = { ...mount, environment: { TMPDIR: small } }
      expect(await program.fails(MACHINE_LACKS, words(format, "it"), options)).toMatchSnapshot()
      expect(Fs.readdirSync(mount.seen(small))).toEqual([])
      expect(Fs.readdirSync(out)).toEqual([])
    })

    it("leaves a layout as it was", async () => {
      const size = (kib: string) => mount.sh(`mount -o remount,size=${kib}k ${small}`)
      await size("10000")
      await mount.sh(`cp -r ${specimen.at("source/base")} ${small}/it`)
      const before = filesIn(mount.seen(`${small}/it`))
      await size(`$(($(du -sk ${small} | cut -f 1) + 300))`)
      const full = ["export", ...specimen.store, "--format=oci", "-o", `${small}/it`, "--tag=new", specimen.id]
      await program.fails(MACHINE_LACKS, full, mount)
      const after = filesIn(mount.seen(`${small}/it`))
      expect(after["index.json"]).toBe(before["index.json"])
      expect(Object.keys(after).filter((name) => name.endsWith(".tmp"))).toEqual([])
    })
  })

  describe("of what takes a while", () => {
    const formats = ["oci", "dir", "oci-archive", "docker-archive", "tar"]
    let large: string

    beforeAll(async () => {
      const spec = `((from oci:base) (shell /bin/sh -c) (run (shell "truncate -s ${LARGE} /large")))`
      large = await program.builds([...specimen.store, "-f", program.write("large", spec), specimen.at("source")])
    })

    const exporting = (format: string): ReadonlyArray<string> => [...words(format, "it").slice(0, -1), large]

    /** Starts one, and ends it when there is something of it beside its output. */
    const ended = async (format: string, signal: NodeJS.Signals) => {
      const running = program.start(exporting(format), { environment: { TMPDIR: tmp } })
      await until("some of it is there", () => running.isOver() || Fs.readdirSync(out).length > 0)
      running.kill(signal)
      return running.ended
    }

    it.each(formats)("that is told to end leaves nothing, as %s", async (format) => {
      expect(await ended(format, "SIGTERM")).toMatchObject({ status: 143 })
      expect([Fs.readdirSync(out), Fs.readdirSync(tmp)]).toEqual([[], []])
    })

    it.each(formats)("that is killed leaves nothing but what is hidden beside its output, as %s", async (format) => {
      expect(await ended(format, "SIGKILL")).toMatchObject({ signal: "SIGKILL" })
      expect(Fs.readdirSync(tmp)).toEqual([])
      expect(Fs.readdirSync(out)).toEqual([expect.stringMatching(/^\.it\./)])
      expect(await program.run(exporting(format))).toMatchObject({ status: 0 })
    })
  })
})
