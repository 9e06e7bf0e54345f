/** Results as images in registries, for a user at the command line. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile, execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import type { IncomingMessage, ServerResponse } from "node:http"
import { promisify } from "node:util"
import { expect } from "vitest"
import { directory, file, ociLayout } from "../interpreters/base/images.ts"
import { describeTree } from "../interpreters/base/trees.ts"
import { count, type Counted } from "../interpreters/registry/countingProxy.ts"
import { serveEmpty } from "../interpreters/registry/emptyRegistry.ts"
import { start } from "../interpreters/registry/realRegistry.ts"
import { first, listen, reply } from "../interpreters/registry/scriptedRegistry.ts"
import { describeWith } from "../requirements.ts"
import { until } from "../until.ts"
import { leftBy } from "./leftovers.ts"
import { Program } from "./program.ts"

const program = new Program("pushing")
const at = (name: string): string => program.path(name)

const FAILED = 1

/** The registry that it asks is served by this process. */
const skopeo = (...args: ReadonlyArray<string>): Effect.Effect<string> =>
  Effect.promise(async () => (await promisify(execFile)("skopeo", args)).stdout)

/** A registry with busybox as `team/base:1`, and a store of one's own. */
const world = (name: string, { asksForPassword = false } = {}) =>
  Effect.gen(function* () {
    const { host, taken } = yield* count(yield* start(at(`${name}/registry`), { asksForPassword }))
    const busybox = execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim()
    const layers = [
      [directory("bin"), file("bin/sh", Fs.readFileSync(busybox), { mode: 0o755 })],
      [directory("etc"), file("etc/motd", "hello\n")]
    ]
    ociLayout(at(`${name}/layout`), { layers, name: "1", env: ["PATH=/bin"] })
    const password = asksForPassword ? ["--dest-creds=somebody:secret"] : []
    /** Takes the base to a registry. */
    const putBase = (to: string) =>
      skopeo("copy", "-q", "--insecure-policy", "--dest-tls-verify=false", ...password, `oci:${at(name)}/layout:1`, to)
    yield* putBase(`docker://${host}/team/base:1`)
    for (const one of ["source", "home", "tmp"]) Fs.mkdirSync(at(`${name}/${one}`))
    const environment = {
      HOME: at(`${name}/home`),
      TMPDIR: at(`${name}/tmp`),
      XDG_CONFIG_HOME: "",
      XDG_RUNTIME_DIR: "",
      DOCKER_CONFIG: ""
    }
    const store = `--store=overlayfs:${at(`${name}/store`)}`
    const run = (...args: ReadonlyArray<string>) => Effect.promise(() => program.run(args, { environment }))
    const build = (spec: string, ...args: ReadonlyArray<string>) =>
      run("build", store, ...args, "-f", program.write(`${name}/spec`, spec), at(`${name}/source`))
    const built = (spec: string, ...args: ReadonlyArray<string>) =>
      Effect.map(build(spec, "-q", ...args), ({ status, stderr, stdout }) => {
        expect(status, stderr).toBe(0)
        return stdout.trim()
      })
    const push = (id: string, to: string, ...args: ReadonlyArray<string>) => run("push", store, ...args, id, to)
    /** Gives the digest that it says. */
    const pushed = (id: string, to: string, ...args: ReadonlyArray<string>) =>
      Effect.map(push(id, to, ...args), ({ status, stderr, stdout }) => {
        expect(status, stderr).toBe(0)
        expect(Fs.readdirSync(environment.TMPDIR)).toEqual([])
        return stdout.trim().replace(`${to}@`, "")
      })
    const treeOf = (id: string) =>
      Effect.map(run("export", store, "--format=dir", "-o", at(`${name}/tree`), id), ({ status, stderr }) => {
        expect(status, stderr).toBe(0)
        const tree = describeTree(at(`${name}/tree`), { times: true })
        Fs.rmSync(at(`${name}/tree`), { recursive: true })
        return tree
      })
    taken()
    return { host, taken, name, environment, store, run, build, built, push, pushed, putBase, treeOf }
  })

const specOn = (base: string, last = "two"): string =>
  `((from ${base}) (shell /bin/sh -c) (run (shell "echo one > /one; rm /etc/motd")) (run (shell "echo ${last} > /two")))`

interface Descriptor {
  readonly mediaType: string
  readonly artifactType?: string
  readonly digest: string
  readonly size: number
}

interface Manifest {
  readonly config: Descriptor
  readonly layers: ReadonlyArray<Descriptor>
  readonly manifests: ReadonlyArray<Descriptor>
}

const inspected = (name: string, ...args: ReadonlyArray<string>) =>
  Effect.map(skopeo("inspect", "--tls-verify=false", ...args, `docker://${name}`), (text) => JSON.parse(text))

const manifestOf = (name: string): Effect.Effect<Manifest> => inspected(name, "--raw")

/** The uploads' digests, and how many bytes each had. */
const uploads = (counted: ReadonlyArray<Counted>): Readonly<Record<string, number>> =>
  Object.fromEntries(
    counted
      .filter(({ method, path }) => method === "PUT" && path.includes("/blobs/uploads/"))
      .map(({ bytes, path }) => [new URL(path, "http://x").searchParams.get("digest") ?? "", bytes])
  )

const sizes = (descriptors: ReadonlyArray<Descriptor>): Readonly<Record<string, number>> =>
  Object.fromEntries(descriptors.map(({ digest, size }) => [digest, size]))

describeWith(["root", "runc", "overlay", "busybox", "registry", "skopeo"], "a result in a real registry", () => {
  it.scopedLive("is what it was, for skopeo and as a base", () =>
    Effect.gen(function* () {
      const { built, host, name, pushed, treeOf } = yield* world("same")
      const id = yield* built(specOn(`${host}/team/base:1`))
      const digest = yield* pushed(id, `${host}/team/app:1`, "--entrypoint=/bin/sh", "--label=a=b")
      const manifest = yield* manifestOf(`${host}/team/app:1`)
      expect(manifest.layers).toHaveLength(4)
      const copy = at(`${name}/copy`)
      yield* skopeo(
        "copy",
        "-q",
        "--insecure-policy",
        "--src-tls-verify=false",
        `docker://${host}/team/app:1`,
        `oci:${copy}:1`
      )
      expect(JSON.parse(Fs.readFileSync(`${copy}/index.json`, "utf8")).manifests[0].digest).toBe(digest)
      const { config } = yield* inspected(`${host}/team/app:1`, "--config")
      expect(config).toMatchObject({ Entrypoint: ["/bin/sh"], Labels: { a: "b" }, Env: ["PATH=/bin"] })
      const tree = yield* treeOf(id)
      expect(tree.some((line) => line.includes(" one "))).toBe(true)
      for (const base of [`${host}/team/app:1`, `${host}/team/app@${digest}`, `oci:${copy}:1`]) {
        expect(yield* treeOf(yield* built(`((from ${base}))`)), base).toEqual(tree)
      }
    })
  )

  it.scopedLive("takes from the registry what that has, and is made once", () =>
    Effect.gen(function* () {
      const { built, environment, host, push, pushed, run, store, taken } = yield* world("once")
      const id = yield* built(specOn(`${host}/team/base:1`))
      taken()
      const digest = yield* pushed(id, `${host}/app:1`)
      const { config, layers } = yield* manifestOf(`${host}/app:1`)
      const base = yield* manifestOf(`${host}/team/base:1`)
      expect(layers.slice(0, 2).map((one) => one.digest)).toEqual(base.layers.map((one) => one.digest))
      expect(uploads(taken())).toEqual(sizes([...layers.slice(2), config]))
      // Nothing could be made without a place for that.
      const again = yield* Effect.promise(() =>
        program.run(["push", store, id, `${host}/app:1`], {
          environment: { ...environment, TMPDIR: `${environment.TMPDIR}/none` }
        })
      )
      expect(again).toMatchObject({ status: 0, stdout: `${host}/app:1@${digest}\n`, stderr: "" })
      expect(taken().map(({ method }) => method)).toEqual(["HEAD", "HEAD", "HEAD", "HEAD", "HEAD", "PUT"])
      const other = yield* built(specOn(`${host}/team/base:1`, "three"))
      expect(yield* push(other, `${host}/quiet:1`, "-q")).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(new RegExp(`^${host}/quiet:1@sha256:[0-9a-f]{64}\n$`)),
        stderr: ""
      })
      taken()
      yield* pushed(other, `${host}/app:2`)
      const changed = yield* manifestOf(`${host}/app:2`)
      expect(changed.layers.slice(0, 3)).toEqual(layers.slice(0, 3))
      expect(uploads(taken())).toEqual(sizes([...changed.layers.slice(3), changed.config]))
      expect((yield* run("fsck", store)).status).toBe(0)
    })
  )

  it.scopedLive("has the layers of a base from another registry", () =>
    Effect.gen(function* () {
      const { built, host, name, pushed, run, store, taken } = yield* world("elsewhere")
      const other = yield* count(yield* start(at(`${name}/other`)))
      const id = yield* built(specOn(`${host}/team/base:1`))
      const base = yield* manifestOf(`${host}/team/base:1`)
      const bring = (to: string) =>
        Effect.gen(function* () {
          yield* pushed(id, `${other.host}/${to}`)
          const { config, layers } = yield* manifestOf(`${other.host}/${to}`)
          expect(layers.slice(0, 2).map(({ digest, size }) => ({ digest, size }))).toEqual(
            base.layers.map(({ digest, size }) => ({ digest, size }))
          )
          expect(uploads(other.taken())).toEqual(sizes([...layers, config]))
        })
      taken()
      yield* bring("one/app:1")
      expect(taken().filter(({ path }) => path.includes("/blobs/sha256"))).toEqual([])
      // They are fetched again where they are not kept any more.
      expect((yield* run("prune", store, "--keep-storage=0", "--dry-run")).status).toBe(0)
      Fs.rmSync(at(`${name}/store/images/blobs/sha256`), { recursive: true })
      yield* bring("two/app:1")
      expect(taken().filter(({ method, path }) => method === "GET" && path.includes("/blobs/"))).toHaveLength(2)
    })
  )

  it.scopedLive("has a statement of what it was made of beside it, each once", () =>
    Effect.gen(function* () {
      const { built, host, pushed } = yield* world("provenance")
      const id = yield* built(specOn(`${host}/team/base:1`))
      const digest = yield* pushed(id, `${host}/app:1`, "--provenance")
      yield* pushed(id, `${host}/app:1`, "--provenance")
      const list = `${host}/app:${digest.replace(":", "-")}`
      const first = (yield* manifestOf(list)).manifests
      expect(first).toEqual([expect.objectContaining({ artifactType: "application/vnd.in-toto+json" })])
      // Another name, so another statement.
      expect(yield* pushed(id, `${host}/app:2`, "--provenance")).toBe(digest)
      const both = (yield* manifestOf(list)).manifests
      expect(both).toEqual([...first, expect.objectContaining({ artifactType: "application/vnd.in-toto+json" })])
      const { layers } = yield* manifestOf(`${host}/app@${both[0]?.digest}`)
      expect(layers).toEqual([expect.objectContaining({ mediaType: "application/vnd.in-toto+json" })])
    })
  )

  it.scopedLive("needs a password where the registry wants one, and no word of it is shown", () =>
    Effect.gen(function* () {
      const { built, environment, host, name, push, pushed } = yield* world("password", { asksForPassword: true })
      const id = yield* built(`((from oci:${at(`${name}/layout`)}))`)
      const login = (text: string) => {
        Fs.mkdirSync(`${environment.HOME}/.docker`, { recursive: true })
        const auths = { [host]: { auth: Buffer.from(text).toString("base64") } }
        Fs.writeFileSync(`${environment.HOME}/.docker/config.json`, JSON.stringify({ auths }))
      }
      const denied =
        `obuilder: ${host}/team/app may not be written to by us\n` +
        `  log in (docker login ${host}, or podman login ${host}), or look at the name\n`
      const isDenied = Effect.gen(function* () {
        expect(yield* push(id, `${host}/team/app:1`)).toMatchObject({ status: FAILED, stdout: "", stderr: denied })
        const { stderr } = yield* push(id, `${host}/team/app:1`, "-vv")
        expect(stderr).toContain(denied)
        expect(stderr).not.toMatch(/secret|c29tZWJvZ|authorization/i)
      })
      yield* isDenied
      login("somebody:not-the-secret")
      yield* isDenied
      login("somebody:secret")
      const { stderr, stdout } = yield* push(id, `${host}/team/app:1`, "-vv")
      expect(`${stdout}${stderr}`).not.toMatch(/secret|c29tZWJvZ|authorization/i)
      expect(yield* pushed(id, `${host}/team/app:1`)).toMatch(/^sha256:/)
    })
  )

  it.scopedLive("is there when it is built, and its name is said", () =>
    Effect.gen(function* () {
      const { build, host, name } = yield* world("built")
      const spec = specOn(`${host}/team/base:1`)
      const done = yield* build(spec, "--push", "-t", `${host}/app:1`, "--provenance")
      expect(done.status, done.stderr).toBe(0)
      const { Digest: digest } = yield* inspected(`${host}/app:1`)
      expect(done.stdout).toMatch(new RegExp(`\\nGot: "[0-9a-f]{64}"\\nPushed: ${host}/app:1@${digest}\\n$`))
      expect(done.stderr).toMatch(new RegExp(`^obuilder: fetching [^\n]*\nobuilder: pushing ${host}/app:1\n$`))
      expect(yield* build(spec, "--push", "-t", `${host}/app:1`, "-q")).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(new RegExp(`^[0-9a-f]{64}\n${host}/app:1@${digest}\n$`)),
        stderr: expect.not.stringContaining("obuilder:")
      })
      expect(Fs.readdirSync(at(`${name}/tmp`))).toEqual([])
    })
  )
})

describeWith(["root", "runc", "overlay", "busybox", "registry", "skopeo"], "a push", () => {
  it.scopedLive.each(["SIGINT", "SIGTERM"] as const)("ends at %s, and leaves nothing", (signal) =>
    Effect.gen(function* () {
      const { built, environment, host, store } = yield* world(`ended-${signal}`)
      const id = yield* built(specOn(`${host}/team/base:1`))
      const other = yield* serveEmpty()
      const stalled: Array<IncomingMessage> = []
      other.scripts.push(first(9, /blobs\/uploads\/upload-/, (request) => stalled.push(request), "PUT"))
      const running = program.start(["push", "-vv", store, id, `${other.host}/app:1`], { environment })
      // As many as are brought at a time.
      yield* Effect.promise(() => until("layers are being uploaded", () => stalled.length === 3))
      running.kill(signal)
      const ended = yield* Effect.promise(() => running.ended)
      expect(ended).toMatchObject({ status: signal === "SIGINT" ? 130 : 143, stdout: "" })
      for (const request of stalled) request.resume()
      yield* Effect.promise(() =>
        until("no connection is open", () => [...other.connections].every(({ destroyed }) => destroyed))
      )
      expect(leftBy(running.pid)).toEqual([])
      expect(Fs.readdirSync(environment.TMPDIR)).toEqual([])
      expect(other.manifests.size).toBe(0)
    })
  )

  it.scopedLive("ends also while it waits to try again", () =>
    Effect.gen(function* () {
      const { built, environment, host, store } = yield* world("waiting")
      const id = yield* built(specOn(`${host}/team/base:1`))
      const other = yield* serveEmpty()
      other.scripts.push((_, response) => {
        reply(response, 429, "", { "retry-after": "50000" })
        return true
      })
      const running = program.start(["push", store, id, `${other.host}/app:1`], { environment })
      yield* Effect.promise(() => until("all have been told to wait", () => other.asked.length === 3))
      running.kill("SIGINT")
      expect(yield* Effect.promise(() => running.ended)).toMatchObject({ status: 130, stdout: "" })
      expect(other.asked).toHaveLength(3)
    })
  )

  it.scopedLive("says that a layer of the base is damaged, and fetches it again the next time", () =>
    Effect.gen(function* () {
      const { built, host, name, push, pushed } = yield* world("damaged")
      const id = yield* built(specOn(`${host}/team/base:1`))
      const other = yield* serveEmpty()
      const [layer] = (yield* manifestOf(`${host}/team/base:1`)).layers
      const kept = at(`${name}/store/images/blobs/sha256/${layer?.digest.replace("sha256:", "")}`)
      const content = Fs.readFileSync(kept)
      content.writeUInt8(content.readUInt8(content.length >> 1) ^ 1, content.length >> 1)
      Fs.writeFileSync(kept, content)
      const { status, stderr, stdout } = yield* push(id, `${other.host}/app:1`)
      expect({ status, stdout }).toEqual({ status: FAILED, stdout: "" })
      expect(stderr).toContain(`the layer ${layer?.digest} of ${host}/team/base:1 has the digest sha256:`)
      expect(stderr).toMatch(/\n {2}it was damaged in the store; the next build fetches it again\n$/)
      expect(stderr.replace(/^obuilder: pushing .*\n/, "")).not.toContain(other.host)
      // Nothing was tried again.
      const begun = other.asked.filter(({ method }) => method === "POST")
      expect(begun.length).toBeLessThanOrEqual(4)
      expect(yield* pushed(id, `${other.host}/app:1`)).toMatch(/^sha256:/)
    })
  )

  it.scopedLive("shows no token, and nothing of it, whatever goes wrong", () =>
    Effect.gen(function* () {
      const { built, environment, host, push } = yield* world("hidden")
      const id = yield* built(specOn(`${host}/team/base:1`))
      const other = yield* serveEmpty()
      const realm = yield* listen((_, response) => reply(response, 200, JSON.stringify({ token: "hidden-token" })))
      const login = { [other.host]: { auth: Buffer.from("somebody:hidden").toString("base64") } }
      Fs.mkdirSync(`${environment.HOME}/.docker`)
      Fs.writeFileSync(`${environment.HOME}/.docker/config.json`, JSON.stringify({ auths: login }))
      const challenge = { "www-authenticate": `Bearer realm="http://${realm.host}/token"` }
      const breaks = [
        (response: ServerResponse) => reply(response, 418, ""),
        (response: ServerResponse) => reply(response, 401, "", challenge),
        (response: ServerResponse) => reply(response, 202, "", { location: "ftp://hidden:hidden@x/?hidden" })
      ]
      for (const broken of breaks) {
        other.scripts.splice(0, 9, (request, response) => {
          if (request.headers.authorization === undefined) reply(response, 401, "", challenge)
          else if (request.method === "POST") broken(response)
          else return undefined
          return true
        })
        const { status, stderr, stdout } = yield* push(id, `${other.host}/app:1`, "-vv")
        expect({ status, stdout }).toEqual({ status: FAILED, stdout: "" })
        expect(stderr).not.toMatch(/hidden|c29tZWJvZ/)
      }
      expect(realm.asked.length).toBeGreaterThan(0)
    })
  )
})
