/** What an export writes: the same each time, the same when it is read again, and a statement of where it is from. */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { beforeAll, describe, expect, it } from "vitest"
import { sha256 } from "../../../src/domain/Digest.ts"
import * as LocalBaseImages from "../../../src/interpreters/base/LocalBaseImages.ts"
import { describeWith } from "../../requirements.ts"
import { describeTree } from "../base/trees.ts"
import { unpackReference } from "../base/unpacking.ts"
import { blob, filesIn, listed, type Manifest, manifestOf, named } from "./layouts.ts"
import { Specimen } from "./specimen.ts"

const specimen = new Specimen("export")

const squashed = { layered: [], squashed: ["--squash"] }

describeWith(["root", "runc", "overlay", "busybox"], "a result", () => {
  let expected: ReadonlyArray<string>

  beforeAll(async () => {
    await specimen.build()
    expected = describeTree(await specimen.exports("dir", "dir"), { times: true })
  })

  describe.each(Object.entries(squashed))("as an image, %s,", (name, more) => {
    const path = (file: string): string => specimen.at(`${name}/${file}`)

    beforeAll(async () => {
      Fs.mkdirSync(path("."))
      await specimen.exports("oci", `${name}/layout`, { more })
      await specimen.exports("oci-archive", `${name}/oci.tar`, { more })
      await specimen.exports("docker-archive", `${name}/docker.tar`, { more })
    })

    it.each(["oci:layout", "oci-archive:oci.tar", "docker-archive:docker.tar"])(
      "is the same as a base, from %s",
      (from) =>
        Effect.gen(function* () {
          const root = yield* unpackReference(path("."), from)
          const tree = describeTree(root, { times: true })
          Fs.rmSync(root, { recursive: true })
          expect(tree).toEqual(expected)
          const { environment } = yield* LocalBaseImages.make({ sourceDirectory: path(".") }).resolve(from)
          expect(environment).toContainEqual({ name: "CHANGED", value: "yes" })
        }).pipe(Effect.runPromise)
    )

    it("is the same, byte by byte, when it is written again, whatever is known from the last time", async () => {
      const again = async (): Promise<void> => {
        const files = filesIn(await specimen.exports("oci", `${name}/again`, { more }))
        expect(Object.keys(files)).toEqual(Object.keys(filesIn(path("layout"))))
        expect(files).toEqual(filesIn(path("layout")))
        Fs.rmSync(path("again"), { recursive: true })
        for (const kind of ["oci", "docker"]) {
          const archive = await specimen.exports(`${kind}-archive`, `${name}/again.tar`, { more })
          expect(Fs.readFileSync(archive).equals(Fs.readFileSync(path(`${kind}.tar`))), kind).toBe(true)
        }
      }
      await again()
      const results = specimen.at("store/results")
      const notes = Fs.readdirSync(results)
        .map((id) => `${results}/${id}/layers`)
        .filter((note) => Fs.existsSync(note))
      expect(notes).not.toEqual([])
      for (const note of notes) Fs.rmSync(note)
      await again()
    })
  })

  it("is added to a layout beside what is there, and takes the place of what has its name", async () => {
    const layout = specimen.at("added")
    Fs.cpSync(specimen.at("source/base"), layout, { recursive: true })
    await specimen.exports("oci", "added", { more: ["--tag=one"] })
    const first = named(layout, "one")
    await specimen.exports("oci", "added", { more: ["--tag=one", "--cmd=true"] })
    expect(listed(layout)).toEqual([...listed(specimen.at("source/base")), { ...named(layout, "one") }])
    expect(named(layout, "one").digest).not.toBe(first.digest)
  })

  it("has a statement of its provenance beside it that refers to it", async () => {
    const layout = await specimen.exports("oci", "attested", { more: ["--provenance", "--tag=it"] })
    const image = named(layout, "it")
    const { annotations, ...subject } = image
    expect(annotations).toEqual({ "org.opencontainers.image.ref.name": "it" })
    const other = listed(layout).find(({ digest }) => digest !== image.digest)
    expect(other).toMatchObject({ artifactType: "application/vnd.in-toto+json" })
    const manifest: Manifest = JSON.parse(blob(layout, { digest: other?.digest ?? "" }).toString("utf8"))
    expect(manifest).toMatchObject({ artifactType: "application/vnd.in-toto+json", subject })
    const [layer] = manifest.layers
    const text = blob(layout, { digest: layer?.digest ?? "" }).toString("utf8")
    expect(layer).toMatchObject({ mediaType: "application/vnd.in-toto+json", size: Buffer.byteLength(text) })
    const statement = JSON.parse(text)
    expect(statement.subject).toEqual([{ name: "it", digest: { sha256: image.digest.slice("sha256:".length) } }])
    const base = named(specimen.at("source/base"), "latest").digest.slice("sha256:".length)
    expect(statement.predicate.buildDefinition.resolvedDependencies).toMatchObject([
      { name: "oci:base", digest: { sha256: base } },
      { name: "source directory", digest: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) } }
    ])
    // Who reads the layout finds one image.
    const images = LocalBaseImages.make({ sourceDirectory: specimen.at(".") })
    const { digest } = await Effect.runPromise(images.resolve("oci:attested"))
    expect(`sha256:${digest}`).toBe(image.digest)
    // The same is written alone, and is in an archive too.
    const alone = await specimen.exports("provenance", "statement.json", { more: ["--tag=it"] })
    expect(Fs.readFileSync(alone, "utf8")).toBe(`${text}\n`)
    const archive = await specimen.exports("oci-archive", "attested.tar", { more: ["--provenance", "--tag=it"] })
    expect(Fs.readFileSync(archive, "latin1")).toContain(Buffer.from(text).toString("latin1"))
    for (const { digest } of [image, ...manifest.layers, manifest.config])
      expect(`sha256:${sha256(blob(layout, { digest }))}`).toBe(digest)
    expect(manifestOf(layout, "it").annotations?.["org.opencontainers.image.base.digest"]).toBe(`sha256:${base}`)
  })
})
