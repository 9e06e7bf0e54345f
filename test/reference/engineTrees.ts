/**
 * Builds by a real Docker engine and by this project's own, whose results are
 * compared file by file.
 *
 *     describeWith(["root", "docker", "dockerBuild", "busybox", "runc", "tar"], "…", () => {
 *       const docker = dockerBuilds(realEngine())
 *       const ours = ourBuilds(scratch.path)
 *       let base: string
 *       beforeAll(async () => { base = await docker.addBase("base", DIRECTORY) })
 *       it("…", async () => {
 *         const theirs = await docker.build({ dockerfile: "FROM base\n…", context, args: { A: "1" }, target: "dev" })
 *         const own = await ours.build({ spec, context, bases: { base } })
 *         expect(differences(theirs, own)).toEqual([])
 *       })
 *     })
 *
 * Both may fail, which is no difference either: look at `_tag` where it matters.
 * Nothing is fetched: whatever a Dockerfile is `FROM` must have been added, and
 * a `# syntax=` line is the caller's to leave out.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { type ChildProcess, spawn } from "node:child_process"
import * as Fs from "node:fs"
import { afterAll } from "vitest"
import type { Spec } from "../../src/domain/Spec.ts"
import * as LocalBaseImages from "../../src/interpreters/base/LocalBaseImages.ts"
import { Engine } from "../../src/interpreters/Engine.ts"
import * as SourceDirectory from "../../src/interpreters/host/SourceDirectory.ts"
import { observe } from "../../src/interpreters/Observe.ts"
import * as OciRuntimeSandbox from "../../src/interpreters/sandbox/OciRuntimeSandbox.ts"
import { Store } from "../../src/interpreters/Store.ts"
import * as OverlayfsStore from "../../src/interpreters/store/OverlayfsStore.ts"
import { plan } from "../../src/plan/Planner.ts"
import type { RealEngine } from "../interpreters/docker/engine.ts"
import { dockerClient } from "../requirements.ts"
import type { TreeEntry } from "./buildCases.ts"
import { readTar } from "./readTar.ts"

export type Outcome =
  | { readonly _tag: "Built"; readonly tree: ReadonlyArray<TreeEntry> }
  /** `said`: what the user is told. */
  | { readonly _tag: "Failed"; readonly said: string }

export interface DockerBuild {
  /** The Dockerfile's text. */
  readonly dockerfile: string
  /** The path of the directory to copy from; `.dockerignore` counts. */
  readonly context: string
  /** `--build-arg`. */
  readonly args?: Readonly<Record<string, string>>
  /** The stage to build; the last one by default. */
  readonly target?: string
  /** Paths of files, by the ids that the Dockerfile has for them. */
  readonly secrets?: Readonly<Record<string, string>>
  /** What instructions can reach that do not say it themselves; `none` by default. */
  readonly network?: "none" | "host"
}

export interface DockerBuilds {
  /**
   * Makes an image of a directory, with these instructions of a Dockerfile for
   * its configuration. Gives the same image as a base for our own engine.
   */
  readonly addBase: (name: string, directory: string, changes?: ReadonlyArray<string>) => Promise<string>
  /** Builds with BuildKit. A few may run at the same time. */
  readonly build: (build: DockerBuild) => Promise<Outcome>
}

/** The environment of the cases' base. */
const PATH = "ENV PATH=/bin:/usr/bin:/sbin:/usr/sbin"

/** Builds of an engine that `realEngine` starts. */
export const dockerBuilds = (engine: RealEngine): DockerBuilds => {
  const client = async (words: ReadonlyArray<string>, input = ""): Promise<Said> => {
    const configuration = `${engine.directory}/client`
    Fs.mkdirSync(configuration, { recursive: true })
    return ended(
      spawn(dockerClient(), words, {
        env: {
          ...engine.environment(),
          DOCKER_CONFIG: configuration,
          DOCKER_BUILDKIT: "1",
          BUILDX_CONFIG: configuration,
          // Newer ones would describe the build in another file beside the tree.
          BUILDX_NO_DEFAULT_ATTESTATIONS: "1"
        }
      }),
      input
    )
  }
  return {
    addBase: async (name, directory, changes = [PATH]) => {
      const archive = `${engine.directory}/${name.replaceAll(/[^a-z0-9]/g, "-")}`
      const tar = ["--numeric-owner", "-C", directory, "-cf", `${archive}.tar`, "."]
      for (const said of [
        await ended(spawn("tar", tar), ""),
        await client(["import", ...changes.flatMap((one) => ["--change", one]), `${archive}.tar`, name]),
        await client(["save", "-o", `${archive}.image`, name])
      ]) {
        if (said.status !== 0) throw new Error(`no base ${name}: ${said.stderr}`)
      }
      Fs.rmSync(`${archive}.tar`)
      return `docker-archive:${archive}.image`
    },
    build: async ({ args = {}, context, dockerfile, network = "none", secrets = {}, target }) => {
      const words = [
        ...["build", `--network=${network}`, "--progress=plain", "--file=-", "--output=type=tar,dest=-"],
        ...Object.entries(args).map(([name, value]) => `--build-arg=${name}=${value}`),
        ...Object.entries(secrets).map(([id, path]) => `--secret=id=${id},src=${path}`),
        ...(target === undefined ? [] : [`--target=${target}`]),
        context
      ]
      const { status, stderr, stdout } = await client(words, dockerfile)
      return status === 0 ? { _tag: "Built", tree: await readTar(stdout) } : { _tag: "Failed", said: stderr }
    }
  }
}

interface Said {
  readonly status: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

const ended = (child: ChildProcess, input: string): Promise<Said> =>
  new Promise((resolve, reject) => {
    const stdout: Array<Buffer> = []
    const stderr: Array<Buffer> = []
    child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk))
    child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk))
    child.once("error", reject)
    child.once("close", (status) =>
      resolve({ status, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString("utf8") })
    )
    // One that does not read it to the end says by its status why.
    child.stdin?.on("error", () => undefined)
    child.stdin?.end(input)
  })

export interface OurBuild {
  readonly spec: Spec
  /** The path of the directory to copy from. */
  readonly context: string
  /** Which bases of the spec are called otherwise here, such as those that `addBase` has made. */
  readonly bases?: Readonly<Record<string, string>>
  readonly secrets?: Readonly<Record<string, Uint8Array>>
}

export interface OurBuilds {
  /** A few may run at the same time. Rejects only where there is a bug. */
  readonly build: (build: OurBuild) => Promise<Outcome>
}

/** Builds on runc and overlayfs, of a store in this directory. */
export const ourBuilds = (directory: string): OurBuilds => {
  const makeRuntime = () =>
    ManagedRuntime.make(
      Layer.provideMerge(
        Engine.layer,
        Layer.mergeAll(
          OverlayfsStore.layer({ path: `${directory}/store` }),
          OciRuntimeSandbox.layer({ stateDirectory: `${directory}/state` }),
          LocalBaseImages.layer({ sourceDirectory: directory })
        )
      )
    )
  let runtime: ReturnType<typeof makeRuntime> | undefined
  afterAll(() => runtime?.dispose())
  return {
    build: async ({ bases = {}, context: path, secrets = {}, spec }) => {
      runtime ??= makeRuntime()
      const program = Effect.gen(function* () {
        const context = yield* SourceDirectory.make({ path })
        const inputs = yield* observe(rebased(spec, bases), context)
        const { build } = yield* Engine
        const { id } = yield* build({
          plan: yield* plan(rebased(spec, bases), inputs),
          inputs,
          context,
          secrets: new Map(Object.entries(secrets)),
          jobs: 2,
          onEvent: () => Effect.void
        })
        const store = yield* Store
        const chunks: Array<Uint8Array> = []
        yield* store.tar(id, (chunk) => Effect.sync(() => void chunks.push(chunk)))
        return Buffer.concat(chunks)
      })
      const exit = await runtime.runPromiseExit(Effect.either(program))
      if (Exit.isFailure(exit)) throw new Error(Cause.pretty(exit.cause))
      if (Either.isLeft(exit.value)) return { _tag: "Failed", said: wording(exit.value.left) }
      return { _tag: "Built", tree: await readTar(exit.value.right) }
    }
  }
}

const wording = (error: object): string => JSON.stringify(error) ?? String(error)

/** The spec with some of its bases called otherwise, at any depth. */
const rebased = (spec: Spec, bases: Readonly<Record<string, string>>): Spec => ({
  ...spec,
  from: bases[spec.from] ?? spec.from,
  builds: spec.builds.map((build) => ({ ...build, spec: rebased(build.spec, bases) }))
})

/** A path at which two trees differ, with what each of them has there. */
export interface Difference {
  readonly path: string
  readonly docker: string
  readonly ours: string
}

/** Where a container has file systems of the machine's: what is below them is nobody's result. */
const MACHINES = /^\/(dev|proc|sys)\//

/** Where two results differ, sorted; of two that failed nowhere. Times and hard links are not compared. */
export const differences = (docker: Outcome, ours: Outcome): ReadonlyArray<Difference> => {
  if (docker._tag === "Failed" && ours._tag === "Failed") return []
  const [theirs, own] = [docker, ours].map((outcome) =>
    outcome._tag === "Failed" ? new Map([["/", `failed: ${outcome.said}`]]) : rows(outcome.tree)
  ) as [ReadonlyMap<string, string>, ReadonlyMap<string, string>]
  const paths =
    docker._tag === "Built" && ours._tag === "Built" ? [...new Set([...theirs.keys(), ...own.keys()])] : ["/"]
  return paths
    .filter((path) => theirs.get(path) !== own.get(path))
    .sort()
    .map((path) => ({ path, docker: theirs.get(path) ?? "nothing", ours: own.get(path) ?? "nothing" }))
}

/** What there is at each path: `dir 0755 0:0`, `link 0:0 -> TARGET`, `file 0644 0:0 12 bytes SHA256`. */
const rows = (tree: ReadonlyArray<TreeEntry>): ReadonlyMap<string, string> =>
  new Map(
    tree
      .filter(({ path }) => path !== "/" && !MACHINES.test(path))
      .map(({ gid, mode, path, sha256, size, target, type, uid }): readonly [string, string] => {
        const owner = `${uid}:${gid}`
        if (type === "symlink") return [path, `link ${owner} -> ${target}`]
        return [path, type === "dir" ? `dir ${mode} ${owner}` : `file ${mode} ${owner} ${size} bytes ${sha256}`]
      })
  )
