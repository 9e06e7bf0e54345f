/** The same spec gives the same image wherever it is built, if no time in it is later than one that is given. */
import * as Fs from "node:fs"
import { beforeAll, expect, it } from "vitest"
import { describeWith } from "../../requirements.ts"
import { realEngine } from "../docker/engine.ts"
import { placeFor, storeKinds } from "../../robustness/stores.ts"
import { sha256 } from "../../../src/domain/Digest.ts"
import { readTar } from "../../reference/readTar.ts"
import { named } from "./layouts.ts"
import { Specimen } from "./specimen.ts"

/** All that a step writes, and most of what its base has, is later. */
const EPOCH = { SOURCE_DATE_EPOCH: "1500000000" }

/** Of a tar: its first is that of the root directory. */
const BLOCK = 512

/** Where a file that is changed in place is changed in the results below as well. */
const unsafe = storeKinds
  .filter(({ name }) => name === "rsync")
  .map((kind) => ({
    ...kind,
    name: "rsync with unsafe hard links",
    words: (path: string) => [...kind.words(path), "--rsync-mode=hardlink_unsafe"]
  }))

describeWith(["root", "runc", "overlay", "busybox"], "an image whose times are limited", () => {
  const specimen = new Specimen("stores")
  /** Builds in a new store, and gives the image's digest. */
  const digestIn = async (words: ReadonlyArray<string>, name: string, inPlace = true): Promise<string> => {
    const id = await specimen.program.builds([...words, "-f", specimen.spec({ inPlace }), specimen.at("source")])
    const more = ["--format=oci", `--tag=${name}`, "-o", specimen.at("layout"), id]
    const store = words.filter((word) => word.startsWith("--store"))
    const { status, stderr } = await specimen.program.run(["export", ...store, ...more], { environment: EPOCH })
    expect(status, stderr).toBe(0)
    return named(specimen.at("layout"), name).digest
  }

  let digest: string
  let withoutChanges: string
  beforeAll(async () => {
    specimen.prepare({ attributes: false })
    const first = [`--store=overlayfs:${specimen.at("first")}`]
    digest = await digestIn(first, "first")
    withoutChanges = await digestIn(first, "without-changes", false)
    expect(withoutChanges).not.toBe(digest)
  })

  describeWith(["docker"], "built in another store, on Docker,", () => {
    const engine = realEngine()
    it("has the same ids and files: no engine keeps when the root directory changed", async () => {
      const environment = { ...EPOCH, DOCKER_HOST: engine.host }
      const inStore = async (store: string) => {
        const id = await specimen.program.builds([store, "-f", specimen.spec(), specimen.at("source")], { environment })
        const output = specimen.at("files.tar")
        const words = ["export", store, "-o", output, id]
        const { status, stderr } = await specimen.program.run(words, { environment })
        expect(status, stderr).toBe(0)
        const tar = Fs.readFileSync(output)
        expect(await readTar(tar.subarray(0, BLOCK))).toMatchObject([{ path: "/", type: "dir", mode: "0755" }])
        return { id, rest: sha256(tar.subarray(BLOCK)) }
      }
      expect(await inStore(`--store=docker:${specimen.at("docker")}`)).toEqual(
        await inStore(`--store=overlayfs:${specimen.at("first")}`)
      )
    })
  })

  for (const kind of [...storeKinds, ...unsafe]) {
    const inPlace = storeKinds.includes(kind)
    describeWith(kind.needs, `built in another store, on ${kind.name},`, () => {
      const place = placeFor(kind, specimen.at("other"))
      it("is the same", async () => {
        const words = kind.words(`${place.path}/${kind.name.replaceAll(" ", "-")}`)
        const name = [...kind.name.matchAll(/\w+/g)].join("-")
        expect(await digestIn(words, name, inPlace)).toBe(inPlace ? digest : withoutChanges)
      })
    })
  }
})
