/** The files of an image layout: in a directory, or in a tar that is never unpacked. */
import { statSync } from "node:fs"
import { join, posix } from "node:path"
import * as ByteSource from "./ByteSource.ts"
import * as Decompress from "./Decompress.ts"
import { problem } from "./ImageProblem.ts"
import { TarReader } from "./TarReader.ts"

export interface ImageFiles {
  /** Where they are, for messages: the path on the host, or words. */
  readonly location: string
  readonly has: (name: string) => boolean
  /** The content of a file, by its path in the layout. Reading one that is not there fails. */
  readonly read: (name: string) => ByteSource.ByteSource
}

/** The files below a directory. */
export const directory = (location: string): ImageFiles => ({
  location,
  has: (name) => statSync(join(location, name), { throwIfNoEntry: false })?.isFile() === true,
  read: (name) => ByteSource.read(join(location, name))
})

/** What an archive's index knows of a name. */
type Indexed =
  | { readonly _tag: "File"; readonly extent: ByteSource.Extent; readonly content: Buffer | undefined }
  | { readonly _tag: "Link"; readonly target: string }

const MAX_NAMES = 1_000_000
const MAX_LINKS = 16
/** Short files of a compressed archive are kept, for want of a way back to them. */
const MAX_KEPT_FILE = 256 * 1024
const MAX_KEPT = 8 * 1024 * 1024
const INDEX_CHUNK = 64 * 1024

/**
 * The files in a tar. One pass over the headers finds where each one begins; in
 * a plain archive the data is passed over, in a compressed one everything has
 * to be decompressed, here and again for each long file that is read. `location`
 * is what messages say, where the path says nothing to anybody.
 */
export const archive = async (path: string, location = path): Promise<ImageFiles> => {
  const start = await ByteSource.collect(firstBytes(path), Decompress.MAGIC_SIZE, location)
  const isPlain = Decompress.detect(start) === "none"
  const whole = () => Decompress.decompressed(ByteSource.read(path), location)
  const index = isPlain ? await indexPlain(path, location) : await indexStream(whole())
  const find = (name: string) => {
    let found = index.get(name)
    for (let links = 0; found?._tag === "Link" && links < MAX_LINKS; links++) found = index.get(found.target)
    return found?._tag === "File" ? found : undefined
  }
  async function* read(name: string): ByteSource.ByteSource {
    const found = find(name)
    if (found === undefined) throw problem(`there is no file ${name} in ${location}`)
    if (found.content !== undefined) yield found.content
    else if (isPlain) yield* ByteSource.read(path, found.extent)
    else yield* part(whole(), found.extent)
  }
  return { location, has: (name) => find(name) !== undefined, read }
}

async function* firstBytes(path: string): ByteSource.ByteSource {
  const handle = await ByteSource.open(path)
  try {
    const buffer = Buffer.alloc(Decompress.MAGIC_SIZE)
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0)
    yield buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

async function* part(source: ByteSource.ByteSource, extent: ByteSource.Extent): ByteSource.ByteSource {
  let before = extent.offset
  let left = extent.size
  for await (const chunk of source) {
    const wanted = chunk.subarray(Math.min(before, chunk.length)).subarray(0, left)
    before -= Math.min(before, chunk.length)
    left -= wanted.length
    if (wanted.length > 0) yield wanted
    if (left === 0) return
  }
}

/** Collects the index; `keep` says whether short files are to be kept. */
const indexer = (keep: boolean): { readonly reader: TarReader; readonly index: Map<string, Indexed> } => {
  const index = new Map<string, Indexed>()
  let kept = 0
  let keeping: Buffer | undefined
  let filled = 0
  const reader: TarReader = new TarReader({
    entry: (entry) => {
      if (index.size >= MAX_NAMES) throw problem(`the archive holds more than ${MAX_NAMES} names`)
      const name = inside(entry.path)
      keeping = undefined
      if (entry.type === "File") {
        if (keep && entry.size <= MAX_KEPT_FILE && kept + entry.size <= MAX_KEPT) {
          keeping = Buffer.alloc(entry.size)
          filled = 0
          kept += entry.size
        }
        index.set(name, { _tag: "File", extent: { offset: reader.position, size: entry.size }, content: keeping })
      } else if (entry.type === "HardLink") {
        index.set(name, { _tag: "Link", target: inside(entry.target) })
      } else if (entry.type === "Symlink") {
        index.set(name, { _tag: "Link", target: inside(posix.join(posix.dirname(name), entry.target)) })
      }
    },
    data: (chunk) => {
      keeping?.set(chunk, filled)
      filled += chunk.length
    },
    end: () => {}
  })
  return { reader, index }
}

const inside = (name: string): string => posix.join("/", name).replace(/\/$/, "").slice(1)

const indexPlain = async (path: string, location: string): Promise<ReadonlyMap<string, Indexed>> => {
  const { reader, index } = indexer(false)
  const handle = await ByteSource.open(path)
  try {
    const { size } = await handle.stat()
    const buffer = Buffer.alloc(INDEX_CHUNK)
    let position = 0
    while (position < size) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position)
      if (bytesRead === 0) break
      reader.write(buffer.subarray(0, bytesRead))
      position += bytesRead + reader.skip()
    }
    if (position > size) throw problem(`${location} is cut off`, "make or copy it again")
    reader.end()
    return index
  } finally {
    await handle.close()
  }
}

const indexStream = async (source: ByteSource.ByteSource): Promise<ReadonlyMap<string, Indexed>> => {
  const { reader, index } = indexer(true)
  for await (const chunk of source) reader.write(chunk)
  reader.end()
  return index
}

/** What a path of the host is, for the message where it is the wrong thing. */
export const kindOf = (path: string): "directory" | "other" | "missing" => {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats === undefined ? "missing" : stats.isDirectory() ? "directory" : "other"
}
