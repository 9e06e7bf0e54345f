/**
 * A stand-in for a Docker engine of Windows, on a port of loopback. It answers
 * what the API's documentation (1.41) has of what is asked here, and keeps
 * images, containers and volumes; whatever else is asked is a fault of whoever
 * asks, and is remembered as such. Commands are run by a stand-in for cmd.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { buffer } from "node:stream/consumers"
import * as Cmd from "./cmd.ts"
import { absolute, archive, entry, type Files, FileSystem } from "./files.ts"

interface Config {
  readonly Entrypoint?: ReadonlyArray<string> | null
  readonly Cmd?: ReadonlyArray<string> | null
  readonly Env?: ReadonlyArray<string> | null
  readonly User?: string
  readonly WorkingDir?: string
  readonly ArgsEscaped?: boolean
  readonly [name: string]: unknown
}

export interface Image {
  readonly id: string
  readonly os: string
  readonly config: Config
  readonly files: Files
  readonly layers: number
}

interface Mount {
  readonly Type: string
  readonly Source: string
  readonly Target: string
  readonly ReadOnly?: boolean
}

interface Container {
  readonly id: string
  readonly name: string
  readonly image: Image
  readonly config: Config & { readonly OpenStdin?: boolean }
  readonly host: { readonly Mounts?: ReadonlyArray<Mount>; readonly Isolation?: string; readonly NetworkMode?: string }
  readonly files: Files
  status: "created" | "running" | "exited"
  exit: number
  attached: { readonly write: (frame: Buffer) => void; readonly end: () => void } | undefined
  input: Promise<Buffer>
  readonly ended: Promise<void>
  readonly end: () => void
}

export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: Config & { readonly HostConfig?: Container["host"] }
}

export interface WindowsEngine {
  /** What `DOCKER_HOST` is to say. */
  readonly host: string
  readonly asked: ReadonlyArray<Asked>
  /** What should not have been asked. */
  readonly faults: ReadonlyArray<string>
  /** By name, with what they are named by: a tag, or a digest. */
  readonly images: Map<string, Image>
  /** What registries have, by `REPOSITORY@DIGEST` or `REPOSITORY:TAG`. */
  readonly registry: Map<string, Image>
  readonly containers: Map<string, Container>
  readonly volumes: Map<string, Files>
  /** Programs besides cmd, by the name of their file: what they write. */
  readonly programs: Map<string, (argv: ReadonlyArray<string>) => string>
  /** Containers that write a tar keep their connection open. */
  lingers: boolean
  /** What `/info` says it is. */
  os: "windows" | "linux"
  /** Waits for what is not answered yet. */
  readonly commands: () => ReadonlyArray<string>
}

let count = 0
const newId = (): string => createHash("sha256").update(`${++count}`).digest("hex")

export const image = (files: Readonly<Record<string, string>>, config: Config = {}, os = "windows"): Image => {
  const found: Files = new Map()
  const put = (path: string, rest: Parameters<typeof entry>[1]) => found.set(path.toLowerCase(), entry(path, rest))
  for (const [path, content] of Object.entries(files)) {
    const names = path.split("/")
    for (let depth = 2; depth < names.length; depth++) put(names.slice(0, depth).join("/"), { kind: "directory" })
    if (content === "<directory>") put(path, { kind: "directory" })
    else put(path, { content: Buffer.from(content) })
  }
  return { id: `sha256:${newId()}`, os, config, files: found, layers: 1 }
}

/** What an image that has Cygwin has. */
export const withCygwin = (): Image =>
  image({
    "C:/cygwin64/bin/tar.exe": "tar",
    "C:/cygwin64/bin/cygwin1.dll": "1",
    "C:/cygwin64/bin/cygintl-8.dll": "2",
    "C:/cygwin64/bin/bash.exe": "no"
  })

class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const KNOWN = new Set([
  ...["Hostname", "User", "WorkingDir", "Env", "Entrypoint", "Cmd", "ArgsEscaped", "OpenStdin", "StdinOnce"],
  ...["AttachStdin", "AttachStdout", "AttachStderr", "Image", "HostConfig"]
])
const KNOWN_HOST = new Set(["Isolation", "LogConfig", "NetworkMode", "Mounts", "NanoCpus", "Memory"])
const USERS = ["containeradministrator", "containeruser"]

export const serve: Effect.Effect<WindowsEngine, never, Scope.Scope> = Effect.gen(function* () {
  const engine = new Engine()
  const server = createServer((request, response) => void engine.answer(request, response))
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) =>
    engine.upgrade(request, socket, head)
  )
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.on("error", () => undefined).once("close", () => sockets.delete(socket))
  })
  yield* Effect.acquireRelease(
    Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      })
  )
  engine.host = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
  return engine
})

class Engine implements WindowsEngine {
  host = ""
  readonly asked: Array<Asked> = []
  readonly faults: Array<string> = []
  readonly images = new Map<string, Image>()
  readonly registry = new Map<string, Image>()
  readonly containers = new Map<string, Container>()
  readonly volumes = new Map<string, Files>()
  readonly programs = new Map<string, (argv: ReadonlyArray<string>) => string>()
  lingers = false
  os: "windows" | "linux" = "windows"

  commands(): ReadonlyArray<string> {
    return this.asked
      .filter(({ path }) => path === "/containers/create")
      .map(({ body }) => [...(body.Entrypoint ?? []), ...(body.Cmd ?? [])].join(" "))
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://engine")
    const { method = "" } = request
    const path = decodeURIComponent(url.pathname)
    try {
      const bytes = await buffer(request)
      const isJson = request.headers["content-type"] === "application/json"
      const body = isJson ? (JSON.parse(bytes.toString()) as Asked["body"]) : {}
      this.asked.push({ method, path, query: url.searchParams, body })
      const answered = await this.route(`${method} ${path}`, url.searchParams, body, response)
      if (answered === undefined) throw new Error(`no such request is documented: ${method} ${path}`)
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 500
      if (!(error instanceof Refusal)) this.faults.push((error as Error).message)
      if (response.headersSent) return void response.destroy()
      send(response, status, { message: (error as Error).message })
    }
  }

  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const url = new URL(request.url ?? "", "http://engine")
    this.asked.push({ method: request.method ?? "", path: url.pathname, query: url.searchParams, body: {} })
    const [, id = ""] = /^\/containers\/([0-9a-f]+)\/attach$/.exec(url.pathname) ?? []
    const container = this.containers.get(id)
    const wanted = ["stream", "stdin", "stdout", "stderr"].every((name) => url.searchParams.get(name) === "1")
    if (request.method !== "POST" || request.headers.upgrade !== "tcp" || container === undefined || !wanted) {
      this.faults.push(`no connection can be made of ${request.url}`)
      return void socket.destroy()
    }
    if (container.config.OpenStdin !== true) this.faults.push("a container is written to that takes nothing")
    socket.write(
      "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    )
    socket.unshift(head)
    container.input = received(socket)
    container.attached = { write: (frame) => void socket.write(frame), end: () => void socket.end() }
  }

  private async route(
    what: string,
    query: URLSearchParams,
    body: Asked["body"],
    response: ServerResponse
  ): Promise<true | undefined> {
    const [, first = "", last = ""] =
      /^[A-Z]+ \/(?:images|containers|volumes)\/(.+?)(?:\/(json|tag|attach|start|wait))?$/.exec(what) ?? []
    const filters = JSON.parse(query.get("filters") ?? "{}") as Record<string, ReadonlyArray<string>>
    switch (what) {
      case "GET /info":
        return send(response, 200, {
          ID: "windows",
          OSType: this.os,
          OSVersion: "10.0.20348",
          DriverStatus: [["Windows", ""]]
        })
      case "GET /images/json": {
        const [repository = ""] = filters["reference"] ?? []
        const tags = [...this.images.keys()].filter((name) => name.startsWith(`${repository}:`))
        return send(
          response,
          200,
          tags.map((name) => ({ RepoTags: [name] }))
        )
      }
      case "GET /containers/json": {
        const [name = ""] = filters["name"] ?? []
        const names = [...this.containers.values()]
          .map((one) => `/${one.name}`)
          .filter((one) => new RegExp(name).test(one))
        return send(
          response,
          200,
          names.map((one) => ({ Names: [one] }))
        )
      }
      case "GET /volumes": {
        const [name = ""] = filters["name"] ?? []
        const names = [...this.volumes.keys()].filter((one) => one.includes(name))
        return send(response, 200, { Volumes: names.map((Name) => ({ Name })) })
      }
      case "POST /volumes/create":
        if (!this.volumes.has(String(body["Name"]))) this.volumes.set(String(body["Name"]), new Map())
        return send(response, 201, body)
      case "POST /images/create":
        return this.pull(query, response)
      case "POST /commit":
        return this.commit(query, body, response)
      case "POST /containers/create":
        return this.create(query, body, response)
    }
    switch (`${what.split("/", 2).join("/")} ${last}`) {
      case "GET /images json": {
        const found = this.imageOf(first)
        return send(response, 200, factsOf(found))
      }
      case "POST /images tag":
        this.images.set(`${query.get("repo")}:${query.get("tag")}`, this.imageOf(first))
        return send(response, 201)
      case "DELETE /images ":
        this.imageOf(first)
        this.images.delete(first)
        return send(response, 200, [])
      case "GET /volumes ":
        if (!this.volumes.has(first)) throw new Refusal(404, `get ${first}: no such volume`)
        return send(response, 200, { Name: first })
      case "DELETE /volumes ":
        for (const { host } of this.containers.values()) {
          if (host.Mounts?.some(({ Source }) => Source === first)) throw new Refusal(409, `volume is in use: ${first}`)
        }
        if (!this.volumes.delete(first)) throw new Refusal(404, "no such volume")
        return send(response, 204)
      case "GET /containers json": {
        const { exit, status } = this.containerOf(first)
        return send(response, 200, {
          Created: "2024-01-01T00:00:00Z",
          State: { Status: status, ExitCode: exit, OOMKilled: false, Error: "" }
        })
      }
      case "POST /containers attach": {
        const container = this.containerOf(first)
        response.writeHead(200, { "content-type": "application/vnd.docker.raw-stream" })
        response.flushHeaders()
        container.attached = { write: (frame) => void response.write(frame), end: () => void response.end() }
        return true
      }
      case "POST /containers start":
        return this.start(this.containerOf(first), response)
      case "POST /containers wait": {
        const container = this.containerOf(first)
        await container.ended
        return send(response, 200, { StatusCode: container.exit })
      }
      case "DELETE /containers ": {
        const container = this.containerOf(first)
        container.end()
        container.attached?.end()
        this.containers.delete(container.id)
        return send(response, 204)
      }
    }
    return undefined
  }

  private imageOf(name: string): Image {
    const found = this.images.get(name) ?? [...this.images.values()].find(({ id }) => id === name)
    if (found === undefined) throw new Refusal(404, `No such image: ${name}`)
    return found
  }

  private containerOf(name: string): Container {
    const found = this.containers.get(name) ?? [...this.containers.values()].find((one) => one.name === name)
    if (found === undefined) throw new Refusal(404, `No such container: ${name}`)
    return found
  }

  private pull(query: URLSearchParams, response: ServerResponse): true {
    const version = query.get("tag") ?? ""
    const name = `${query.get("fromImage")}${version.includes(":") ? "@" : ":"}${version}`
    // An engine for Linux is asked to make the store's image without files, before it is asked for a base.
    if (this.os === "linux" && query.get("fromSrc") === "-") {
      response.writeHead(200).end('{"status":"sha256:0"}')
      return true
    }
    if (query.get("platform") !== "windows/amd64") throw new Error("a pull without a platform")
    const found = this.registry.get(name)
    // Some of it is told before it is known that there is no such thing.
    const last = found === undefined ? { error: `pull access denied for ${name}` } : { status: "Pull complete" }
    if (found !== undefined) this.images.set(name, found)
    response.writeHead(200, { "content-type": "application/json" })
    response.end(`${JSON.stringify({ status: "Pulling" })}\r\n${JSON.stringify(last)}\r\n`)
    return true
  }

  private create(query: URLSearchParams, body: Asked["body"], response: ServerResponse): true {
    const image = this.imageOf(String(body["Image"]))
    const { HostConfig: host = {} } = body
    const strange = [
      ...Object.keys(body).filter((name) => !KNOWN.has(name)),
      ...Object.keys(host).filter((name) => !KNOWN_HOST.has(name))
    ]
    if (strange.length > 0) throw new Error(`a container with ${strange.join(", ")}`)
    if (!["default", "hyperv", "process"].includes(host.Isolation ?? "")) throw new Error("no isolation is said")
    if (!/^(?:none|nat|[a-z-]+)$/.test(host.NetworkMode ?? "")) throw new Error("no network is said")
    for (const { Source, Target, Type } of host.Mounts ?? []) {
      if (Type !== "volume") throw new Refusal(400, `invalid mount config for type "${Type}": no such place here`)
      if (!this.volumes.has(Source)) throw new Error(`the volume ${Source} is mounted, and is not there`)
      if (!/^[A-Z]:(?:\\[^\\/:*?"<>|]+)+$/.test(Target)) throw new Refusal(400, `invalid mount path: '${Target}'`)
    }
    if (!/^[A-Z]:\\/.test(body.WorkingDir ?? "")) throw new Error(`a working directory ${body.WorkingDir}`)
    const id = newId()
    let end = (): void => undefined
    const ended = new Promise<void>((resolve) => (end = resolve))
    this.containers.set(id, {
      id,
      name: query.get("name") ?? "",
      image,
      host,
      config: { ...body, Env: mergedEnv(body.Env ?? [], image.config.Env ?? []) },
      files: new Map(image.files),
      status: "created",
      exit: 0,
      attached: undefined,
      input: Promise.resolve(Buffer.alloc(0)),
      ended,
      end
    })
    return send(response, 201, { Id: id, Warnings: [] })
  }

  private start(container: Container, response: ServerResponse): true {
    const { config, host } = container
    if (!USERS.includes((config.User ?? "").toLowerCase())) {
      throw new Refusal(500, "hcs::System::CreateProcess: The user name or password is incorrect. (0x52e)")
    }
    const mounts = (host.Mounts ?? []).map(({ ReadOnly = false, Source, Target }) => ({
      target: Target.replaceAll("\\", "/"),
      files: this.volumes.get(Source) ?? new Map(),
      readOnly: ReadOnly
    }))
    const fs = new FileSystem(container.files, mounts)
    for (const { target } of mounts) makePlace(container.files, target)
    const cwd = absolute(config.WorkingDir ?? "C:\\", "C:/")
    makePlace(container.files, cwd)
    const environment = new Map(
      (config.Env ?? []).map((one) => [one.slice(0, one.indexOf("=")).toUpperCase(), one.slice(one.indexOf("=") + 1)])
    )
    const machine: Cmd.Machine = { fs, cwd, user: config.User ?? "", environment, end: container.ended }
    const io: Cmd.Io = {
      input: () => container.input,
      output: (data) => container.attached?.write(frame(1, data)),
      error: (data) => container.attached?.write(frame(2, data))
    }
    const program = this.program(machine, io, config)
    if (program === undefined) {
      const what = "hcs::System::CreateProcess: The system cannot find the file specified. (0x2)"
      throw new Refusal(400, `container ${container.id} encountered an error during ${what}`)
    }
    container.status = "running"
    send(response, 204)
    void program()
      .catch((error: unknown) => {
        this.faults.push(String(error))
        return 255
      })
      .then((status) => {
        container.status = "exited"
        container.exit = status
        container.end()
        if (!this.lingers || config.ArgsEscaped === true) container.attached?.end()
        return status
      })
    return true
  }

  /** With `ArgsEscaped` the first argument is the line; without, quotes in arguments are given a backslash. */
  private program(machine: Cmd.Machine, io: Cmd.Io, config: Config): (() => Promise<number>) | undefined {
    const argv = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])]
    const [first = ""] = argv
    if (config.ArgsEscaped === true) {
      const [, program = "", rest = ""] = /^((?:"[^"]*"|\S)+) \/S \/C (.*)$/i.exec(first) ?? []
      if (argv.length > 1 || !/^(?:.*\\)?cmd(?:\.exe)?$/i.test(program.replaceAll('"', ""))) return undefined
      return () => Cmd.run(machine, Cmd.stripped(rest), io)
    }
    if (first.endsWith("\\tar.exe"))
      return machine.fs.get(absolute(first, "C:/")) && (() => this.tar(machine, argv, io))
    const known = this.programs.get(first)
    return known && (async () => (io.output(Buffer.from(known(argv))), 0))
  }

  /** Cygwin's tar, started without cmd: its names come by standard input. */
  private async tar(machine: Cmd.Machine, argv: ReadonlyArray<string>, io: Cmd.Io): Promise<number> {
    const expected = "-cf - --format=gnu -C /cygdrive/c --null --verbatim-files-from --files-from=-"
    if (argv.slice(1).join(" ") !== expected) throw new Error(`tar ${argv.join(" ")}`)
    const names = (await io.input()).toString().split("\0").slice(0, -1)
    const { status, tar } = await archive(machine.fs, "C:/", names, (text) => io.error(Buffer.from(text)))
    io.output(tar)
    return status
  }

  /** What is not said in the request is what the container has: moby's `merge`. */
  private commit(query: URLSearchParams, body: Config, response: ServerResponse): true {
    const container = this.containerOf(query.get("container") ?? "")
    if (container.status === "running") throw new Refusal(500, "windows does not support commit of a running container")
    const { config } = container
    const isEmpty = (list: ReadonlyArray<string> | null | undefined): boolean => (list ?? []).length === 0
    const merged: Config = {
      ...body,
      Env: mergedEnv(body.Env ?? [], config.Env ?? []),
      User: (body.User ?? "") === "" ? (config.User ?? "") : (body.User ?? ""),
      WorkingDir: (body.WorkingDir ?? "") === "" ? (config.WorkingDir ?? "") : (body.WorkingDir ?? ""),
      Cmd: isEmpty(body.Entrypoint) && isEmpty(body.Cmd) ? (config.Cmd ?? null) : (body.Cmd ?? null),
      Entrypoint: body.Entrypoint ?? config.Entrypoint ?? null
    }
    const id = `sha256:${newId()}`
    const made = { id, os: "windows", config: merged, files: container.files, layers: container.image.layers + 1 }
    this.images.set(`${query.get("repo")}:${query.get("tag")}`, made)
    return send(response, 201, { Id: id })
  }
}

/** All that comes, on a connection that is still written to then. */
const received = (socket: Socket): Promise<Buffer> =>
  new Promise((resolve) => {
    const chunks: Array<Buffer> = []
    const done = (): void => resolve(Buffer.concat(chunks))
    socket
      .on("data", (chunk: Buffer) => void chunks.push(chunk))
      .once("end", done)
      .once("close", done)
  })

const mergedEnv = (own: ReadonlyArray<string>, others: ReadonlyArray<string>): ReadonlyArray<string> => {
  const nameOf = (one: string): string => one.slice(0, one.indexOf("=")).toUpperCase()
  const names = new Set(own.map(nameOf))
  return [...own, ...others.filter((one) => !names.has(nameOf(one)))]
}

const makePlace = (files: Files, path: string): void => {
  const names = path.split("/")
  for (let depth = 2; depth <= names.length; depth++) {
    const one = names.slice(0, depth).join("/")
    if (one.length > 3 && !files.has(one.toLowerCase())) files.set(one.toLowerCase(), entry(one, { kind: "directory" }))
  }
}

const factsOf = ({ config, id, layers, os }: Image): object => ({
  Id: id,
  Os: os,
  Architecture: "amd64",
  Config: config,
  RootFS: { Layers: Array.from({ length: layers }, (_, index) => `sha256:${index}`) },
  Size: 1
})

const frame = (stream: 1 | 2, data: Buffer): Buffer => {
  const header = Buffer.alloc(8)
  header.writeUInt8(stream)
  header.writeUInt32BE(data.length, 4)
  return Buffer.concat([header, data])
}

const send = (response: ServerResponse, status: number, value?: unknown): true => {
  const text = value === undefined ? "" : JSON.stringify(value)
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
  response.end(text)
  return true
}
