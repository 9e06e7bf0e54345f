/** Images of real engines: loaded into them by our own client, and taken as bases from there. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { Readable } from "node:stream"
import { attempt, type ImageProblem } from "../../../src/interpreters/base/ImageProblem.ts"
import * as LocalBaseImages from "../../../src/interpreters/base/LocalBaseImages.ts"
import * as DockerEngine from "../../../src/interpreters/docker/DockerEngine.ts"
import * as DockerImages from "../../../src/interpreters/docker/DockerImages.ts"
import { processesWith } from "../../processes.ts"
import { describeWith } from "../../requirements.ts"
import { dockerArchive, file } from "../base/images.ts"
import { everything, system } from "../base/specimens.ts"
import { describeTree, temporaryDirectory } from "../base/trees.ts"
import { said, unpackReference } from "../base/unpacking.ts"
import { debian, newerWithContainerd, start } from "./realDocker.ts"

/** Docker cannot load a hard link whose file its own layer does not have, and not save what has come through an absolute link. */
const layers = everything.map((entries) =>
  entries.filter(({ path }) => path !== "later" && path !== "abs/through-absolute-link")
)

const load = (host: string, archive: Buffer): Effect.Effect<void, ImageProblem> =>
  attempt("cannot load", async (signal) => {
    const engine = await DockerEngine.open({ DOCKER_HOST: host })
    try {
      await engine.load(Readable.from([archive]), signal)
    } finally {
      await engine.close()
    }
  })

for (const kind of [debian, newerWithContainerd])
  describeWith(["root", kind.needs, "busybox"], kind.name, () => {
    it.scopedLive("gives the same base, entry by entry, as the archive that it was given", () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const host = yield* start(`${directory}/engine`, kind)
        const archives = {
          "x:1": dockerArchive({ ...system(), name: "x:1" }),
          "localhost:5000/team/y:2": dockerArchive({ layers, name: "localhost:5000/team/y:2" })
        }
        Fs.mkdirSync(`${directory}/tmp`)
        const docker = DockerImages.make({ environment: { DOCKER_HOST: host, TMPDIR: `${directory}/tmp` } })
        const images = LocalBaseImages.make({ sourceDirectory: directory, docker })
        const treeOf = (reference: string) =>
          Effect.map(unpackReference(directory, reference, { docker }), (root) => {
            const tree = describeTree(root, { times: true })
            Fs.rmSync(root, { recursive: true })
            return tree
          })
        for (const [name, archive] of Object.entries(archives)) {
          Fs.writeFileSync(`${directory}/image.tar`, archive)
          yield* load(host, archive)
          const archived = yield* images.resolve("docker-archive:image.tar")
          const { digest } = yield* images.resolve(`docker-daemon:${name}`)
          // containerd names images by their manifests, which archives have none of.
          expect(digest === archived.digest).toBe(!kind.containerd)
          const expected = { ...archived, digest }
          const tree = yield* treeOf("docker-archive:image.tar")
          expect(tree.length).toBeGreaterThan(10)
          for (const reference of [`docker-daemon:${name}`, `docker-daemon:sha256:${expected.digest}`]) {
            expect(yield* images.resolve(reference)).toEqual(expected)
            expect(yield* treeOf(reference)).toEqual(tree)
          }
        }
        const missing = yield* Effect.flip(images.resolve("docker-daemon:x:2"))
        expect(said(missing)).toMatch(/ has no image docker\.io\/library\/x:2 \(pull it /)
        expect(Fs.readdirSync(`${directory}/tmp`)).toEqual([])
      })
    )

    it.scopedLive("says what is wrong with an archive", () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const host = yield* start(`${directory}/engine`, kind)
        const bad = dockerArchive({ layers: [[file("a")]], config: { rootfs: { type: "layers", diff_ids: [] } } })
        const error = yield* Effect.flip(load(host, bad))
        expect(error.message).toMatch(/cannot load the image: .*mismatch/)
      })
    )

    it.scopedLive("leaves nothing behind in tests", () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const key = () => Fs.existsSync("/etc/docker/key.json")
        const before = key()
        yield* Effect.scoped(start(`${directory}/engine`, kind))
        expect(processesWith((words) => words.includes(directory))).toEqual([])
        expect(Fs.readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(directory)
        expect(key()).toBe(before)
        Fs.rmSync(`${directory}/engine`, { recursive: true })
      })
    )
  })
