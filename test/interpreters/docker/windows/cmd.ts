/**
 * As much of cmd as a stand-in for an engine of Windows needs: how it reads a
 * line, and the few commands that are given to it here.
 */
import { absolute, archive, type FileSystem, INHERITED, unpack } from "./files.ts"

export interface Io {
  /** All of it. */
  readonly input: () => Promise<Buffer>
  readonly output: (data: Buffer) => void
  readonly error: (data: Buffer) => void
}

export interface Machine {
  readonly fs: FileSystem
  readonly cwd: string
  readonly user: string
  readonly environment: Map<string, string>
  /** The container is removed. */
  readonly end: Promise<void>
}

type Node =
  | { readonly is: "command"; readonly words: ReadonlyArray<string>; readonly redirections: ReadonlyArray<Redirection> }
  | { readonly is: "if"; readonly negated: boolean; readonly path: string; readonly body: Node }
  | { readonly is: "&" | "&&" | "||" | "|"; readonly left: Node; readonly right: Node }

type Redirection = readonly [from: string, to: string]

/** What `cmd /S /C` makes of the rest of its line. */
export const stripped = (rest: string): string =>
  rest.startsWith('"') ? rest.slice(1).replace(/"(?=[^"]*$)/, "") : rest

/** Quotes keep operators from being any. */
const tokensOf = (line: string): Array<string> =>
  line.match(/2?>\s*[^\s&|()<>]+|<NUL|&&|\|\||[&|()]|(?:"[^"]*"?|[^\s&|()<>"])+/g) ?? []

class Parser {
  private readonly tokens: Array<string>

  constructor(line: string) {
    this.tokens = tokensOf(line)
  }

  whole(): Node {
    const node = this.sequence()
    if (this.tokens.length > 0) throw new Error(`cmd: ${this.tokens[0]} was unexpected at this time.`)
    return node
  }

  private sequence(): Node {
    return this.binary("&", () => this.binary("||", () => this.binary("&&", () => this.binary("|", () => this.one()))))
  }

  private binary(operator: "&" | "&&" | "||" | "|", next: () => Node): Node {
    let left = next()
    while (this.tokens[0] === operator) {
      this.tokens.shift()
      left = { is: operator, left, right: next() }
    }
    return left
  }

  private one(): Node {
    if (this.tokens[0] === "(") {
      this.tokens.shift()
      const node = this.sequence()
      if (this.tokens.shift() !== ")") throw new Error("cmd: a bracket is missing")
      return node
    }
    if (this.tokens[0]?.toLowerCase() === "if") {
      this.tokens.shift()
      const negated = this.tokens[0]?.toLowerCase() === "not"
      if (negated) this.tokens.shift()
      if (this.tokens.shift()?.toLowerCase() !== "exist") throw new Error("cmd: only `if exist` is known")
      const path = plain(this.tokens.shift() ?? "")
      return { is: "if", negated, path, body: this.sequence() }
    }
    const words: Array<string> = []
    const redirections: Array<Redirection> = []
    while (this.tokens.length > 0 && !["&", "&&", "||", "|", ")", "("].includes(this.tokens[0] ?? "")) {
      const token = this.tokens.shift() ?? ""
      const [, from, to] = /^(2?>|<)\s*(.+)$/.exec(token) ?? []
      if (from === undefined || to === undefined) words.push(token)
      else redirections.push([from, to])
    }
    if (words.length === 0) throw new Error("cmd: a command is missing")
    return { is: "command", words, redirections }
  }
}

const plain = (word: string): string => word.replaceAll('"', "")

class Ended extends Error {
  readonly status: number

  constructor(status: number) {
    super("exit")
    this.status = status
  }
}

export const run = async (machine: Machine, line: string, io: Io): Promise<number> => {
  try {
    const expanded = line.replace(
      /%([^%]+)%/g,
      (all, name: string) => machine.environment.get(name.toUpperCase()) ?? all
    )
    return await execute(machine, new Parser(expanded).whole(), io)
  } catch (error) {
    if (error instanceof Ended) return error.status
    io.error(Buffer.from(`${(error as Error).message}\r\n`))
    return 255
  }
}

const execute = async (machine: Machine, node: Node, io: Io): Promise<number> => {
  switch (node.is) {
    case "&":
      await execute(machine, node.left, io)
      return execute(machine, node.right, io)
    case "&&": {
      const status = await execute(machine, node.left, io)
      return status === 0 ? execute(machine, node.right, io) : status
    }
    case "||": {
      const status = await execute(machine, node.left, io)
      return status === 0 ? 0 : execute(machine, node.right, io)
    }
    case "|": {
      const chunks: Array<Buffer> = []
      await execute(machine, node.left, { ...io, output: (data) => void chunks.push(data) })
      return execute(machine, node.right, { ...io, input: async () => Buffer.concat(chunks) })
    }
    case "if":
      return exists(machine, node.path) === node.negated ? 0 : execute(machine, node.body, io)
    case "command":
      return redirected(machine, node.words, node.redirections, io)
  }
}

const exists = ({ cwd, fs }: Machine, path: string): boolean =>
  path.endsWith("\\*")
    ? fs.get(absolute(path.slice(0, -2), cwd))?.kind === "directory"
    : fs.get(absolute(path, cwd)) !== undefined

const redirected = async (
  machine: Machine,
  words: ReadonlyArray<string>,
  redirections: ReadonlyArray<Redirection>,
  io: Io
): Promise<number> => {
  let own = io
  const file: Array<Buffer> = []
  for (const [from, to] of redirections) {
    if (from === "<") own = { ...own, input: async () => Buffer.alloc(0) }
    else if (from === "2>") own = { ...own, error: () => undefined }
    else own = { ...own, output: to === "NUL" ? () => undefined : (data) => void file.push(data) }
  }
  const status = await command(machine, words, own)
  const target = redirections.find(([from, to]) => from === ">" && to !== "NUL")?.[1]
  if (target !== undefined) {
    machine.fs.put(absolute(plain(target), machine.cwd), { content: Buffer.concat(file), owner: machine.user })
  }
  return status
}

const command = async (machine: Machine, words: ReadonlyArray<string>, io: Io): Promise<number> => {
  const { cwd, environment, fs } = machine
  const [name = "", ...args] = words.map(plain)
  const say = (text: string): void => io.output(Buffer.from(text))
  const fail = (text: string): number => {
    io.error(Buffer.from(`${text}\r\n`))
    return 1
  }
  const paths = args.filter((arg) => !arg.startsWith("/")).map((arg) => absolute(arg, cwd))
  const [first = "", second = ""] = paths
  const isTar = /\\tar\.exe$/i.test(name)
  if (isTar && fs.get(absolute(name, cwd)) === undefined) {
    return fail(`'${name}' is not recognized as an internal or external command`)
  }
  switch (isTar ? `tar ${args[0]}` : name.toLowerCase()) {
    case "tar -xpf":
      if (environment.get("CYGWIN") !== "winsymlinks:native") return fail("tar: links would be Cygwin's own")
      return unpack(fs, absolute(args[3] ?? "", cwd), await io.input(), (text) => io.error(Buffer.from(text)))
    case "tar -cf": {
      const made = await archive(fs, absolute(args[3] ?? "", cwd), args.slice(4), (text) => io.error(Buffer.from(text)))
      io.output(made.tar)
      return made.status
    }
    case "set": {
      const [key = "", value = ""] = (args[0] ?? "").split("=")
      environment.set(key.toUpperCase(), value)
      return 0
    }
    case "echo":
      // With its quotes, as it is.
      say(`${words.slice(1).join(" ")}\r\n`)
      return 0
    case "exit":
      throw new Ended(Number(args.at(-1)))
    case "pause":
      say("Press any key to continue . . . ")
      await machine.end
      return 1
    case "cd":
      say(`${cwd.replaceAll("/", "\\")}\r\n`)
      return 0
    case "whoami":
      say(`user manager\\${machine.user.toLowerCase()}\r\n`)
      return 0
    case "type": {
      const found = fs.get(first)
      const real = found?.kind === "link" ? fs.get(absolute(found.target, cwd)) : found
      if (real?.kind !== "file") return fail("The system cannot find the file specified.")
      io.output(real.content)
      return 0
    }
    case "mkdir":
      return fs.get(first) === undefined && fs.directory(first) ? 0 : fail("A subdirectory or file already exists.")
    case "mklink":
      if (fs.get(first) !== undefined) return fail("Cannot create a file when that file already exists.")
      fs.put(first, { kind: "link", target: args[1] ?? "" })
      return 0
    case "del":
      fs.remove(first)
      return 0
    case "rmdir":
      if (fs.get(first)?.kind !== "directory" || fs.inside(first).length > 0) return fail("The directory is not empty.")
      fs.remove(first)
      return 0
    case "dir":
      return fs.get(first)?.kind === "link" ? 0 : fail("File Not Found")
    case "move":
    case "copy": {
      const [, wild] = /^(.*\/)([^/]*\*[^/]*)$/.exec(first)?.slice(1) ?? []
      const pattern = wild === undefined ? undefined : new RegExp(`/${wild.replaceAll("*", ".*")}$`, "i")
      const sources =
        pattern === undefined
          ? [first]
          : fs.inside(first.slice(0, first.lastIndexOf("/"))).filter((one) => pattern.test(one))
      for (const source of sources) {
        const found = fs.get(source)
        if (found === undefined) return fail("The system cannot find the file specified.")
        const into = fs.get(second)?.kind === "directory" ? `${second}${source.slice(source.lastIndexOf("/"))}` : second
        fs.put(into, { content: found.content })
        if (name === "move") fs.remove(source)
      }
      return sources.length > 0 ? 0 : fail("The system cannot find the file specified.")
    }
    case "icacls": {
      const [, flag = "", file = ""] = args.slice(0, 3)
      const saved = absolute(file, cwd)
      if (flag === "/save") {
        const { path, permissions } = fs.get(first) ?? { path: "", permissions: INHERITED }
        fs.put(saved, { content: Buffer.from(JSON.stringify([path.slice(path.lastIndexOf("/") + 1), permissions])) })
        return 0
      }
      const [inner = "", permissions = ""] = JSON.parse(fs.get(saved)?.content.toString() ?? "[]") as Array<string>
      const place = absolute(`${first}/${inner}`, cwd)
      const found = fs.get(place)
      if (flag !== "/restore" || found === undefined) return fail("icacls: failed")
      fs.put(place, { ...found, permissions })
      return 0
    }
    default:
      return fail(`'${name}' is not recognized as an internal or external command`)
  }
}
