/** Images in a real registry, put there by skopeo, and unpacked as umoci unpacks them. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as LocalBaseImages from "../../../src/interpreters/base/LocalBaseImages.ts"
import * as Registries from "../../../src/interpreters/registry/Registries.ts"
import { describeWith } from "../../requirements.ts"
import { file, ociLayout, writeImage, writeIndex, writeLayout } from "../base/images.ts"
import { everything, system } from "../base/specimens.ts"
import { describeTree, temporaryDirectory } from "../base/trees.ts"
import { said, unpackReference } from "../base/unpacking.ts"
import { start } from "./realRegistry.ts"

const run = (cwd: string, command: string, ...args: ReadonlyArray<string>): string =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })

const copy = (directory: string, from: string, to: string, ...options: ReadonlyArray<string>): string =>
  run(directory, "skopeo", "copy", "--quiet", "--insecure-policy", "--tmpdir", directory, ...options, from, to)

const put = (directory: string, from: string, to: string, ...options: ReadonlyArray<string>): string =>
  copy(directory, from, `docker://${to}`, "--dest-tls-verify=false", ...options)

const registriesIn = (directory: string) =>
  Registries.make({
    directory: () => `${directory}/kept`,
    remembers: true,
    pulls: false,
    environment: { HOME: `${directory}/home` }
  })

/** Takes what was unpacked away again. */
const treeOf = (directory: string, reference: string, options: { readonly platform?: string } = {}) =>
  Effect.gen(function* () {
    const root = yield* unpackReference(directory, reference, {
      registries: yield* registriesIn(directory),
      ...options
    })
    const tree = describeTree(root, { times: true })
    Fs.rmSync(root, { recursive: true })
    return tree
  }).pipe(Effect.scoped)

describeWith(["root", "registry", "skopeo"], "an image in a real registry", () => {
  it.scopedLive("is the same base as in a layout, however it is compressed", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const host = yield* start(`${directory}/registry`)
      const [digest] = ociLayout(`${directory}/image`, { ...system(), layers: everything })
      put(directory, "oci:image:latest", `${host}/team/image`)
      copy(directory, "oci:image:latest", "dir:plain", "--dest-decompress")
      copy(directory, "dir:plain", "oci:zstd:latest", "--dest-compress", "--dest-compress-format=zstd")
      put(directory, "oci:zstd:latest", `${host}/image:zstd`)
      put(directory, "oci:image:latest", `${host}/image:docker`, "--format=v2s2")
      const expected = yield* treeOf(directory, "oci:image")
      const images = LocalBaseImages.make({ sourceDirectory: directory, registries: yield* registriesIn(directory) })
      expect((yield* images.resolve(`${host}/team/image`)).digest).toBe(digest)
      for (const reference of [`${host}/team/image`, `docker://${host}/image:zstd`, `${host}/image:docker`]) {
        expect(yield* treeOf(directory, reference), reference).toEqual(expected)
      }
    })
  )

  it.scopedLive("is the variant for the platform that is wanted", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const host = yield* start(`${directory}/registry`)
      const variants = ["amd64", "arm64"].map((architecture) => {
        const platform = { os: "linux", architecture }
        return { ...writeImage(`${directory}/image`, { layers: [[file(architecture)]], platform }), platform }
      })
      const index = writeIndex(`${directory}/image`, variants)
      writeLayout(`${directory}/image`, [{ ...index, annotations: { "org.opencontainers.image.ref.name": "latest" } }])
      put(directory, "oci:image:latest", `${host}/image`, "--all")
      for (const name of ["amd64", "arm64"]) {
        for (const reference of [`${host}/image`, `${host}/image@${index.digest}`]) {
          const tree = yield* treeOf(directory, reference, { platform: `linux/${name}` })
          expect(tree.some((line) => line.includes(` ${name} `))).toBe(true)
        }
      }
      const error = yield* Effect.flip(treeOf(directory, `${host}/image`, { platform: "linux/riscv64" }))
      expect(said(error)).toMatch(/is not there for linux\/riscv64 \(it is there for linux\/amd64, linux\/arm64\)/)
    })
  )

  it.scopedLive("may need a password", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const host = yield* start(`${directory}/registry`, { asksForPassword: true })
      ociLayout(`${directory}/image`, { layers: [[file("a")]], name: "latest" })
      put(directory, "oci:image:latest", `${host}/image`, "--dest-creds=somebody:secret")
      const denied = yield* Effect.flip(treeOf(directory, `${host}/image`))
      expect(said(denied)).toMatch(/may not be read by us, or is not there \(log in/)
      Fs.mkdirSync(`${directory}/home/.config/containers`, { recursive: true })
      run(
        directory,
        ...(["skopeo", "login", "--tls-verify=false", "--username=somebody", "--password=secret"] as const),
        `--authfile=${directory}/home/.config/containers/auth.json`,
        host
      )
      expect(yield* treeOf(directory, `${host}/image`)).toHaveLength(2)
    })
  )
})

describeWith(["root", "registry", "skopeo", "umoci"], "an image in a real registry", () => {
  it.scopedLive("is unpacked as umoci unpacks it", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const host = yield* start(`${directory}/registry`)
      ociLayout(`${directory}/image`, { layers: everything, name: "latest" })
      put(directory, "oci:image:latest", `${host}/image`)
      copy(directory, `docker://${host}/image`, "oci:copy:latest", "--src-tls-verify=false")
      run(directory, "umoci", "raw", "unpack", "--image", "copy:latest", "umoci")
      // Directories that no entry is about have the time of unpacking there, and always the same one here.
      const comparable = (tree: ReadonlyArray<string>) =>
        tree.map((line, index) => (index === 0 || /^d.* @(?:0|\d{10})$/.test(line) ? line.replace(/ @\d+$/, "") : line))
      const theirs = comparable(describeTree(`${directory}/umoci`, { times: true }))
      expect(comparable(yield* treeOf(directory, `${host}/image`))).toEqual(theirs)
    })
  )
})
