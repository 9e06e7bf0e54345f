/** Who one is to a registry that an image is pushed to, and who is not told. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import type { IncomingMessage } from "node:http"
import { describe } from "vitest"
import { describeWith } from "../../requirements.ts"
import { temporaryDirectory } from "../base/trees.ts"
import { refuse, serveEmpty, whole } from "./emptyRegistry.ts"
import { LARGE, missing, SMALL, world, worldWith } from "./pushes.ts"
import { first, listen, reply } from "./scriptedRegistry.ts"

const UPLOAD = /blobs\/uploads\/upload-/
const PASSWORD = "correct-horse"
const basic = (password: string): string => `Basic ${Buffer.from(`somebody:${password}`).toString("base64")}`

interface TokenOptions {
  /** What the registry asks for, if that is not what it needs. */
  readonly scope?: string
  /** Methods that anybody may use. */
  readonly free?: ReadonlyArray<string>
  /** Whether a token is given for scopes. */
  readonly gives?: (scopes: ReadonlyArray<string>) => boolean
}

/** A registry that wants a token for what it does, and who gives them to somebody with the password. */
const withTokens = ({ free = [], gives = () => true, scope }: TokenOptions = {}) =>
  Effect.gen(function* () {
    const made = yield* world
    const { registry } = made
    const granted = new Map<string, ReadonlyArray<string>>()
    const realm = yield* listen((request, response) => {
      const { searchParams } = new URL(request.url ?? "", "http://realm")
      const scopes = searchParams.getAll("scope")
      if (request.headers.authorization !== basic(PASSWORD) || !gives(scopes)) return refuse(response, 401, "DENIED")
      const token = `hidden-token-${granted.size}-of-${Math.random()}`
      granted.set(token, scopes)
      reply(response, 200, JSON.stringify({ token }))
    })
    /** Of those that a token is for, whether what is needed is one. */
    const allows = (token: string, needed: string): boolean => {
      const [name = "", actions = ""] = parts(needed)
      return (granted.get(token) ?? []).some((one) => {
        const [other, given = ""] = parts(one)
        return other === name && actions.split(",").every((action) => given.split(",").includes(action))
      })
    }
    registry.scripts.push((request, response) => {
      const { headers, method = "" } = request
      const needed = scopesFor(request)
      const token = headers.authorization?.replace(/^Bearer /, "") ?? ""
      if (free.includes(method) || needed.every((one) => allows(token, one))) return undefined
      const parameters = `realm="http://${realm.host}/token",scope="${scope ?? needed.join(" ")}"`
      whole(request, () => reply(response, 401, "", { "www-authenticate": `Bearer ${parameters}` }))
      return true
    })
    return { ...made, granted, realm }
  })

/** A name, and what may be done to it. */
const parts = (scope: string): ReadonlyArray<string> => [
  scope.slice(0, scope.lastIndexOf(":")),
  scope.slice(scope.lastIndexOf(":") + 1)
]

/** What a request needs a token for. */
const scopesFor = ({ method = "", url = "" }: IncomingMessage): ReadonlyArray<string> => {
  const repository = /^\/v2\/(.+?)\/(?:blobs|manifests)\//.exec(url)?.[1] ?? ""
  const from = new URL(url, "http://registry").searchParams.get("from")
  return [
    `repository:${repository}:${method === "GET" || method === "HEAD" ? "pull" : "pull,push"}`,
    ...(from === null ? [] : [`repository:${from}:pull`])
  ]
}

describe("a token for pushing an image", () => {
  it.scopedLive("is asked for when the registry wants it, and does for all that follows", () =>
    Effect.gen(function* () {
      const { granted, login, pushed, registry } = yield* withTokens({ free: ["HEAD"] })
      login(`somebody:${PASSWORD}`)
      expect(missing(registry, "team/app:1", yield* pushed("team/app:1", [SMALL]))).toEqual([])
      expect([...granted.values()]).toEqual([["repository:team/app:pull,push"]])
      // Nobody has asked before.
      expect(registry.asked[0]).toMatchObject({ method: "HEAD", authorization: undefined })
    })
  )

  it.scopedLive("is for writing too, though the registry speaks of reading only", () =>
    Effect.gen(function* () {
      const { granted, login, pushed, registry } = yield* withTokens({ scope: "repository:team/app:pull" })
      login(`somebody:${PASSWORD}`)
      expect(missing(registry, "team/app:1", yield* pushed("team/app:1", [SMALL]))).toEqual([])
      expect(granted.size).toBe(1)
    })
  )

  it.scopedLive("is asked for again when it is worth nothing any more, in the middle of it", () =>
    Effect.gen(function* () {
      for (const path of [/blobs\/uploads\/$/, UPLOAD, /manifests/]) {
        const { granted, login, pauses, pushed, registry } = yield* withTokens()
        login(`somebody:${PASSWORD}`)
        registry.scripts.unshift((request) => {
          const isFirst = registry.asked.filter((one) => one.method !== "HEAD" && path.test(one.path)).length === 1
          if (isFirst && request.method !== "HEAD" && path.test(request.url ?? "")) granted.clear()
          return undefined
        })
        expect(missing(registry, "app:1", yield* pushed("app:1", [LARGE])), String(path)).toEqual([])
        expect(pauses).toEqual([])
      }
    })
  )

  it.scopedLive("is asked for again where the registry does not even listen to the end", () =>
    Effect.gen(function* () {
      const { login, pushed, realm, registry } = yield* withTokens()
      login(`somebody:${PASSWORD}`)
      const impatient = first(
        1,
        UPLOAD,
        (request, response) => {
          const challenge = `Bearer realm="http://${realm.host}/token",scope="repository:app:pull,push"`
          request.once("data", () => {
            response.on("finish", () => request.socket.destroySoon())
            reply(response, 401, "", { "www-authenticate": challenge, connection: "close" })
          })
        },
        "PUT"
      )
      registry.scripts.unshift(impatient)
      expect(missing(registry, "app:1", yield* pushed("app:1", [LARGE]))).toEqual([])
    })
  )

  it.scopedLive("is also for the repository that a layer is taken from", () =>
    Effect.gen(function* () {
      const { login, pushed, registry } = yield* withTokens()
      login(`somebody:${PASSWORD}`)
      yield* pushed("base:1", [LARGE])
      const layer = { ...LARGE, origin: `${registry.host}/base:1` }
      expect(missing(registry, "app:1", yield* pushed("app:1", [layer]))).toEqual([])
      // The configuration's.
      expect(registry.asked.filter(({ path }) => /app\/blobs\/uploads\/upload-/.test(path))).toHaveLength(1)
    })
  )

  it.scopedLive("need not be for the repository that a layer could be taken from", () =>
    Effect.gen(function* () {
      const { login, pushed, registry } = yield* withTokens({ gives: (scopes) => scopes.length === 1 })
      login(`somebody:${PASSWORD}`)
      const layer = { ...LARGE, origin: `${registry.host}/base:1` }
      expect(missing(registry, "app:1", yield* pushed("app:1", [layer]))).toEqual([])
    })
  )

  it.scopedLive.each([
    ["no password", undefined],
    ["a wrong password", "somebody:battery-staple"]
  ] as const)("is not to be had with %s, which is said, and nothing secret", ([, login]) =>
    Effect.gen(function* () {
      const made = yield* withTokens()
      const { pauses, pushed, registry } = made
      if (login !== undefined) made.login(login)
      const message = yield* Effect.flip(pushed("team/app:1", [SMALL]))
      expect(message).toBe(
        `${registry.host}/team/app may not be written to by us ` +
          `(log in (docker login ${registry.host}, or podman login ${registry.host}), or look at the name)`
      )
      expect(pauses).toEqual([])
    })
  )

  it.scopedLive("is a page for people, which is said", () =>
    Effect.gen(function* () {
      const { login, pushed, realm, registry } = yield* withTokens()
      login(`somebody:${PASSWORD}`)
      realm.scripts.push(first(1, /./, (_, response) => reply(response, 200, "<html>hidden</html>")))
      const message = yield* Effect.flip(pushed("app:1", [SMALL]))
      expect(message).toBe(`${realm.host} gives no token for ${registry.host}/app`)
    })
  )
})

describe("who takes uploads for a registry", () => {
  it.scopedLive.each([201, 401, 403, 500])("is told no secrets, and may answer %d", (status) =>
    Effect.gen(function* () {
      const { login, pushed, realm, registry } = yield* withTokens()
      login(`somebody:${PASSWORD}`)
      const other = yield* serveEmpty()
      registry.locate = (path) => `http://${other.host}${path}&signature=hidden`
      other.scripts.push((request, response) => {
        whole(request, (content) => {
          if (status === 201) registry.blobs.set(`app ${digestIn(request)}`, content)
          const challenge = `Bearer realm="http://${realm.host}/token"`
          reply(response, status, "hidden", status === 401 ? { "www-authenticate": challenge } : {})
        })
        return true
      })
      const outcome = yield* Effect.either(pushed("app:1", [SMALL]))
      expect(JSON.stringify(outcome)).not.toMatch(/hidden/)
      expect(outcome._tag).toBe(status === 201 ? "Right" : "Left")
      expect(other.asked.length).toBeGreaterThan(0)
      expect(other.asked.filter(({ authorization }) => authorization !== undefined)).toEqual([])
    })
  )
})

describeWith(["openssl"], "a registry that speaks TLS", () => {
  it.scopedLive("may not have uploads go on without it", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [key, cert] = [`${directory}/key.pem`, `${directory}/cert.pem`]
      const subject = ["-subj", "/CN=test", "-days", "1", "-nodes", "-newkey", "rsa:2048"]
      execFileSync("openssl", ["req", "-x509", ...subject, "-keyout", key, "-out", cert], { stdio: "pipe" })
      const { pushed, registry } = yield* worldWith({
        key: Fs.readFileSync(key, "utf8"),
        cert: Fs.readFileSync(cert, "utf8")
      })
      expect(missing(registry, "app:1", yield* pushed("app:1"))).toEqual([])
      const plain = yield* serveEmpty()
      registry.locate = (path) => `http://${plain.host}${path}`
      expect(yield* Effect.flip(pushed("other:1"))).toMatch(/ redirects to "http:.*", which is not followed$/)
      expect(plain.asked).toEqual([])
    })
  )
})

const digestIn = ({ url = "" }: IncomingMessage): string =>
  new URL(url, "http://other").searchParams.get("digest") ?? ""
