/** The file system of a container of Windows, as far as a stand-in needs one: names in any case, and volumes. */
import { Readable } from "node:stream"
import { buffer } from "node:stream/consumers"
import { extract, pack } from "tar-stream"

export interface Entry {
  /** As it was named: `C:/a/b`, or `/a/b` in a volume. */
  readonly path: string
  readonly kind: "directory" | "file" | "link"
  readonly content: Buffer
  /** Of a link. */
  readonly target: string
  readonly owner: string
  /** Who may write: what unpacking a directory spoils. */
  readonly permissions: string
}

/** By path in small letters. */
export type Files = Map<string, Entry>

export const INHERITED = "inherited"

export const entry = (path: string, rest: Partial<Entry>): Entry => ({
  path,
  kind: "file",
  content: Buffer.alloc(0),
  target: "",
  owner: "",
  permissions: INHERITED,
  ...rest
})

export interface Mounted {
  /** `C:/cache`. */
  readonly target: string
  readonly files: Files
  readonly readOnly: boolean
}

const below = (path: string, directory: string): boolean => path.startsWith(directory.replace(/\/?$/, "/"))

/** A path with a drive and slashes; what Cygwin says, too. */
export const absolute = (path: string, cwd: string): string => {
  const slashed = path.replaceAll("\\", "/").replace(/^\/cygdrive\/([a-z])(?=\/|$)/, "$1:")
  const whole = /^[A-Za-z]:/.test(slashed) ? slashed : slashed.startsWith("/") ? `C:${slashed}` : `${cwd}/${slashed}`
  const names = whole
    .slice(2)
    .split("/")
    .filter((name) => name !== "" && name !== ".")
  return `${whole.slice(0, 1).toUpperCase()}:/${names.join("/")}`
}

export class FileSystem {
  readonly own: Files
  readonly mounts: ReadonlyArray<Mounted>

  constructor(own: Files, mounts: ReadonlyArray<Mounted>) {
    this.own = own
    this.mounts = mounts
  }

  /** Where a path is: in the container's own files, or in a volume. */
  private locate(path: string): { readonly files: Files; readonly key: string; readonly readOnly: boolean } {
    const mount = this.mounts.find(({ target }) => `${path}/`.toLowerCase().startsWith(`${target}/`.toLowerCase()))
    return mount === undefined
      ? { files: this.own, key: path, readOnly: false }
      : { files: mount.files, key: path.slice(mount.target.length) || "/", readOnly: mount.readOnly }
  }

  get(path: string): Entry | undefined {
    const { files, key } = this.locate(path)
    const found = files.get(key.toLowerCase())
    return found ?? (/^(?:.:)?\/$/.test(key) ? entry(key, { kind: "directory" }) : undefined)
  }

  put(path: string, rest: Partial<Entry>): void {
    const { files, key, readOnly } = this.locate(path)
    if (readOnly) throw new Error(`${path} is on a volume that is mounted to be read`)
    files.set(key.toLowerCase(), entry(key, rest))
  }

  remove(path: string): void {
    const { files, key } = this.locate(path)
    files.delete(key.toLowerCase())
  }

  /** Paths of all that is in a directory, at any depth; mount points are nowhere. */
  inside(path: string): ReadonlyArray<string> {
    const { files, key } = this.locate(path)
    const prefix = path.slice(0, path.length - (key === "/" ? 0 : key.length))
    return [...files.values()]
      .filter((one) => below(one.path.toLowerCase(), key.toLowerCase()))
      .map((one) => `${prefix}${one.path}`)
  }

  /** Makes a directory and those on the way to it. */
  directory(path: string): boolean {
    const there = this.get(path)
    if (there !== undefined) return there.kind !== "file"
    if (!this.directory(path.slice(0, path.lastIndexOf("/")).replace(/:$/, ":/"))) return false
    this.put(path, { kind: "directory" })
    return true
  }
}

/** As Cygwin's tar: gives its status. */
export const unpack = async (
  fs: FileSystem,
  directory: string,
  tar: Buffer,
  say: (text: string) => void
): Promise<number> => {
  let status = 0
  const reading = extract()
  const written = new Promise<void>((resolve, reject) => {
    Readable.from([tar]).pipe(reading).on("error", reject).on("finish", resolve)
  })
  for await (const file of reading) {
    const { header } = file
    const path = absolute(header.name, directory)
    const content = await buffer(file)
    const fail = (what: string): void => {
      say(`tar: ${header.name}: ${what}: File exists\n`)
      status = 2
    }
    if (!fs.directory(path.slice(0, path.lastIndexOf("/")).replace(/:$/, ":/"))) {
      fail("Cannot open")
      continue
    }
    const there = fs.get(path)
    const { uid: owner = String(header.uid) }: { readonly uid?: string } = header.pax ?? {}
    if (header.type === "directory") {
      if (there !== undefined && there.kind !== "directory") fail("Cannot mkdir")
      else fs.put(path, { kind: "directory", owner, permissions: `mode ${header.mode?.toString(8)}` })
    } else if (there?.kind === "directory") fail("Cannot open")
    else if (header.type === "symlink") fs.put(path, { kind: "link", owner, target: header.linkname ?? "" })
    else fs.put(path, { owner, content, permissions: `mode ${header.mode?.toString(8)}` })
  }
  await written
  return status
}

/** A file of this name cannot be read. */
const LOCKED = "/locked"

/** The same, of names as they are below a directory. */
export const archive = async (
  fs: FileSystem,
  directory: string,
  names: ReadonlyArray<string>,
  say: (text: string) => void
): Promise<{ readonly tar: Buffer; readonly status: number }> => {
  const stream = pack()
  let status = 0
  for (const name of names) {
    const top = absolute(name, directory)
    if (fs.get(top) === undefined) {
      say(`tar: ${name}: Cannot stat: No such file or directory\n`)
      status = 2
      continue
    }
    for (const path of [top, ...fs.inside(top)].filter((one) => fs.get(one) !== undefined)) {
      const found = fs.get(path)
      const inner = `${name}${path.slice(top.length) === "" ? "" : `/${path.slice(top.length).replace(/^\//, "")}`}`
      if (path.endsWith(LOCKED)) {
        say(`tar: ${inner}: Cannot open: Permission denied\n`)
        status = 2
      } else if (found?.kind === "directory") stream.entry({ name: `${inner}/`, type: "directory", mode: 0o755 })
      else if (found?.kind === "link") stream.entry({ name: inner, type: "symlink", linkname: found.target })
      else stream.entry({ name: inner, mode: 0o755 }, found?.content ?? Buffer.alloc(0))
    }
  }
  stream.finalize()
  return { tar: await buffer(stream), status }
}
