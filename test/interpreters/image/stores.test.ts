/** The same spec gives the same image wherever it is built, if no time in it is later than one that is given. */
import { afterAll, beforeAll, expect, it } from "vitest"
import { describeWith } from "../../requirements.ts"
import { realEngine } from "../docker/engine.ts"
import { placeFor, storeKinds } from "../../robustness/stores.ts"
import { named } from "./layouts.ts"
import { Specimen } from "./specimen.ts"

/** All that a step writes, and most of what its base has, is later. */
const EPOCH = { SOURCE_DATE_EPOCH: "1500000000" }

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
    afterAll(() => void delete process.env["DOCKER_HOST"])
    it("is the same", async () => {
      process.env["DOCKER_HOST"] = engine.host
      expect(await digestIn([`--store=docker:${specimen.at("docker")}`], "docker")).toBe(digest)
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
