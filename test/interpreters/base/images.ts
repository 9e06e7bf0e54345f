/**
 * Images for tests, made byte by byte: tars with every field as a test wants
 * it (right or wrong), OCI layouts and docker-archives.
 */
import { createHash } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"

export interface Entry {
  readonly path: string | Buffer
  /** The type flag; a regular file if it is left out. */
  readonly type?: string
  readonly content?: string | Buffer
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  /** Seconds. */
  readonly mtime?: number
  readonly target?: string | Buffer
  readonly device?: readonly [major: number, minor: number]
  /** Records of a pax header before the entry. */
  readonly pax?: Readonly<Record<string, string | Buffer>>
  /** What the header says the size is, if that is not the content's. */
  readonly size?: number
}

export const directory = (path: string, rest: Partial<Entry> = {}): Entry => ({ path, type: "5", mode: 0o755, ...rest })
export const file = (path: string, content: string | Buffer = "", rest: Partial<Entry> = {}): Entry => ({
  path,
  content,
  ...rest
})
export const link = (path: string, target: string, rest: Partial<Entry> = {}): Entry => ({
  path,
  type: "2",
  target,
  mode: 0o777,
  ...rest
})
export const hardLink = (path: string, target: string, rest: Partial<Entry> = {}): Entry => ({
  path,
  type: "1",
  target,
  ...rest
})

const BLOCK = 512

const padded = (data: Buffer): Buffer => Buffer.concat([data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)])

/** Octal text, or GNU's base 256 for what that cannot hold. */
const numeric = (value: number, length: number): Buffer => {
  if (value >= 0 && value < 8 ** (length - 1)) return Buffer.from(`${value.toString(8).padStart(length - 1, "0")}\0`)
  const field = Buffer.alloc(length)
  let rest = BigInt.asUintN(8 * length, BigInt(value))
  for (let at = length - 1; at >= 0; at--) {
    field[at] = Number(rest & 0xffn)
    rest >>= 8n
  }
  field[0] = value < 0 ? 0xff : 0x80
  return field
}

export const header = (entry: Entry): Buffer => {
  const block = Buffer.alloc(BLOCK)
  Buffer.from(entry.path).copy(block, 0, 0, 100)
  numeric(entry.mode ?? 0o644, 8).copy(block, 100)
  numeric(entry.uid ?? 0, 8).copy(block, 108)
  numeric(entry.gid ?? 0, 8).copy(block, 116)
  numeric(entry.size ?? Buffer.from(entry.content ?? "").length, 12).copy(block, 124)
  numeric(entry.mtime ?? 1_700_000_000, 12).copy(block, 136)
  block.write(entry.type ?? "0", 156, "latin1")
  Buffer.from(entry.target ?? "").copy(block, 157, 0, 100)
  block.write("ustar\x0000", 257, "latin1")
  numeric(entry.device?.[0] ?? 0, 8).copy(block, 329)
  numeric(entry.device?.[1] ?? 0, 8).copy(block, 337)
  return withChecksum(block)
}

/** Sets a header's checksum, after a test has changed some of it. */
export const withChecksum = (block: Buffer): Buffer => {
  block.fill(" ", 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1")
  return block
}

const paxRecord = (key: string, value: string | Buffer): Buffer => {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

export const paxData = (records: Readonly<Record<string, string | Buffer>>): Buffer =>
  Buffer.concat(Object.entries(records).map(([key, value]) => paxRecord(key, value)))

/** An entry's blocks. */
export const blocks = (entry: Entry): Buffer => {
  const pax = entry.pax === undefined ? undefined : paxData(entry.pax)
  return Buffer.concat([
    pax === undefined
      ? Buffer.alloc(0)
      : Buffer.concat([header({ path: "pax", type: "x", content: pax }), padded(pax)]),
    header(entry),
    padded(Buffer.from(entry.content ?? ""))
  ])
}

/** A tar of the entries (or of blocks that a test made itself), closed by two blocks of zeros. */
export const tarOf = (entries: ReadonlyArray<Entry | Buffer>): Buffer =>
  Buffer.concat([...entries.map((entry) => (Buffer.isBuffer(entry) ? entry : blocks(entry))), Buffer.alloc(2 * BLOCK)])

export const sha256 = (data: Buffer | string): string => createHash("sha256").update(data).digest("hex")

export interface Layer {
  readonly tar: Buffer
  /** Gzip, if it is left out. */
  readonly compress?: (tar: Buffer) => Buffer
  readonly mediaType?: string
}

export interface Image {
  readonly layers: ReadonlyArray<ReadonlyArray<Entry | Buffer> | Layer>
  readonly env?: ReadonlyArray<string>
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string }
  /** The name in the layout's index, or the tag in a docker-archive. */
  readonly name?: string
  /** Replaces parts of the configuration, to make it wrong. */
  readonly config?: object
  /** Replaces parts of the manifest, to make it wrong. */
  readonly manifest?: object
}

const amd64 = { os: "linux", architecture: "amd64" }

const layerOf = (layer: Image["layers"][number]): Layer => ("tar" in layer ? layer : { tar: tarOf(layer) })

const configOf = (image: Image): Buffer =>
  Buffer.from(
    JSON.stringify({
      ...(image.platform ?? amd64),
      config: { Env: image.env ?? ["PATH=/bin"] },
      rootfs: { type: "layers", diff_ids: image.layers.map((layer) => `sha256:${sha256(layerOf(layer).tar)}`) },
      ...image.config
    })
  )

export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly platform?: object
  readonly annotations?: Readonly<Record<string, string>>
}

/** Writes a blob of a layout. */
export const writeBlob = (layout: string, mediaType: string, data: Buffer): Descriptor => {
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true })
  writeFileSync(join(layout, "blobs/sha256", sha256(data)), data)
  return { mediaType, digest: `sha256:${sha256(data)}`, size: data.length }
}

/** Writes an image's blobs; the descriptor of its manifest is to be put into an index. */
export const writeImage = (layout: string, image: Image): Descriptor => {
  const layers = image.layers
    .map(layerOf)
    .map(({ compress = gzip, mediaType, tar }) =>
      writeBlob(layout, mediaType ?? "application/vnd.oci.image.layer.v1.tar+gzip", compress(tar))
    )
  const config = writeBlob(layout, "application/vnd.oci.image.config.v1+json", configOf(image))
  const mediaType = "application/vnd.oci.image.manifest.v1+json"
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config, layers, ...image.manifest }))
  return {
    ...writeBlob(layout, mediaType, manifest),
    ...(image.name === undefined ? {} : { annotations: { "org.opencontainers.image.ref.name": image.name } })
  }
}

/** The default compression of layers. */
export const gzip = (tar: Buffer): Buffer => gzipSync(tar)

/** Makes a nested index and writes it as a blob. */
export const writeIndex = (layout: string, manifests: ReadonlyArray<object>): Descriptor => {
  const mediaType = "application/vnd.oci.image.index.v1+json"
  return writeBlob(layout, mediaType, Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests })))
}

/** Writes `index.json` and `oci-layout`. */
export const writeLayout = (layout: string, manifests: ReadonlyArray<object>): void => {
  mkdirSync(layout, { recursive: true })
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }))
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }))
}

/** A whole layout of images; returns their manifests' digests, as 64 digits. */
export const ociLayout = (layout: string, ...images: ReadonlyArray<Image>): ReadonlyArray<string> => {
  const descriptors = images.map((image) => writeImage(layout, image))
  writeLayout(layout, descriptors)
  return descriptors.map(({ digest }) => digest.slice("sha256:".length))
}

/** What `docker save` would write of the images, without compression. */
export const dockerArchive = (...images: ReadonlyArray<Image>): Buffer => {
  const files = new Map<string, Buffer>()
  const list = images.map((image) => {
    const config = configOf(image)
    const layers = image.layers.map((layer) => layerOf(layer).tar)
    for (const tar of layers) files.set(`${sha256(tar)}.tar`, tar)
    files.set(`${sha256(config)}.json`, config)
    return {
      Config: `${sha256(config)}.json`,
      RepoTags: image.name === undefined ? null : [image.name],
      Layers: layers.map((tar) => `${sha256(tar)}.tar`)
    }
  })
  const manifest = file("manifest.json", JSON.stringify(list))
  return tarOf([...[...files].map(([path, content]) => file(path, content)), manifest])
}
