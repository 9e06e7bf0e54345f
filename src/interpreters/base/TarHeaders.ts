/**
 * The headers of a tar: 512-byte blocks in the v7, ustar, GNU and star forms,
 * with pax records and GNU's long names applied. Pure; it sees no file data.
 *
 * tar-stream, which writes this project's tars, is not used to read other
 * people's: it turns extended attributes and names that are not UTF-8 into
 * other bytes, and reads sparse files as if they were whole.
 */
import { problem } from "./ImageProblem.ts"
import * as Pax from "./Pax.ts"

export const BLOCK = 512

export type TarType = "File" | "HardLink" | "Symlink" | "CharacterDevice" | "BlockDevice" | "Directory" | "Fifo"

export interface TarXattr {
  readonly name: string
  readonly value: Uint8Array
}

export interface TarEntry {
  readonly type: TarType
  /** As the archive has it. */
  readonly path: string
  /** The target of a link; empty for the rest. */
  readonly target: string
  /** The twelve permission bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Seconds since the epoch. */
  readonly mtime: number
  /** Bytes of data that follow; 0 for everything but files. */
  readonly size: number
  readonly major: number
  readonly minor: number
  readonly xattrs: ReadonlyArray<TarXattr>
}

/** What a block turned out to be. */
export type TarBlock =
  | { readonly _tag: "Zero" }
  /** The next `size` bytes, padded to a block, belong to {@link TarHeaders.extension}. */
  | { readonly _tag: "Extension"; readonly size: number }
  | { readonly _tag: "Entry"; readonly entry: TarEntry }

const MAX_EXTENSION = 4 * 1024 * 1024
/** The one above means "do not change" to chown. */
const MAX_ID = 0xffff_fffe
/** What a `Date` can hold. */
const MAX_SECONDS = 8_640_000_000_000

const types: Readonly<Record<string, TarType>> = {
  "\0": "File",
  "0": "File",
  "1": "HardLink",
  "2": "Symlink",
  "3": "CharacterDevice",
  "4": "BlockDevice",
  "5": "Directory",
  "6": "Fifo",
  "7": "File"
}

const XATTR = "SCHILY.xattr."

/** Global records that would say the same of every entry, which nobody can mean. */
const neverGlobal = ["path", "linkpath", "size"]

const notTar = () => problem("the data is not a tar archive, or a damaged one", "make the archive again")

/** Reads one archive's headers, in order; long names and pax records wait here for their entry. */
export class TarHeaders {
  #pending: "pax" | "global" | "name" | "target" | undefined
  #pax: Pax.PaxRecords | undefined
  #global: ReadonlyMap<string, Uint8Array> = new Map()
  #longName: Buffer | undefined
  #longTarget: Buffer | undefined

  /** Reads a header block, and throws an `ImageProblem` where it is not one. */
  block(block: Buffer): TarBlock {
    if (block.every((byte) => byte === 0)) return { _tag: "Zero" }
    checkSum(block)
    const flag = String.fromCharCode(block[156] ?? 0)
    this.#pending =
      flag === "x" ? "pax" : flag === "g" ? "global" : flag === "L" ? "name" : flag === "K" ? "target" : undefined
    if (this.#pending !== undefined) {
      const size = number(block, 124, 12)
      if (size > MAX_EXTENSION) throw problem("the tar has a header larger than 4 MiB", "make the archive again")
      return { _tag: "Extension", size }
    }
    const entry = this.#entry(block, flag)
    this.#pax = this.#longName = this.#longTarget = undefined
    return { _tag: "Entry", entry }
  }

  /** Takes the data that {@link block} asked for. */
  extension(data: Buffer): void {
    switch (this.#pending) {
      case "pax":
        this.#pax = Pax.parse(data)
        return
      case "global": {
        const records = Pax.parse(data)
        const wrong = [...records.keys()].find((key) => neverGlobal.includes(key) || key.startsWith("GNU.sparse."))
        if (wrong !== undefined) throw problem(`the tar has a global pax record "${wrong}"`, "make the archive again")
        this.#global = new Map([...this.#global, ...records])
        return
      }
      case "name":
        this.#longName = beforeNul(Buffer.from(data))
        return
      case "target":
        this.#longTarget = beforeNul(Buffer.from(data))
        return
    }
  }

  #entry(block: Buffer, flag: string): TarEntry {
    const records = this.#global.size === 0 ? (this.#pax ?? none) : new Map([...this.#global, ...(this.#pax ?? none)])
    const record = (key: string): Uint8Array | undefined => {
      const value = records.get(key)
      return value === undefined || value.length === 0 ? undefined : value
    }
    const path = text(record("path") ?? this.#longName ?? headerPath(block), "name")
    const target = text(record("linkpath") ?? this.#longTarget ?? field(block, 157, 100), "link target")
    if (flag === "S" || [...records.keys()].some((key) => key.startsWith("GNU.sparse."))) {
      throw problem(`the tar holds a sparse file, ${quote(path)}`, "make the archive again without --sparse")
    }
    const known = types[flag]
    if (known === undefined) {
      throw problem(`the tar holds an entry of the unknown type ${JSON.stringify(flag)}, ${quote(path)}`)
    }
    // Before ustar a directory was told by its slash.
    const type = known === "File" && path.endsWith("/") ? "Directory" : known
    const size = decimal(record("size")) ?? number(block, 124, 12)
    if (!Number.isSafeInteger(size) || size < 0) throw notTar()
    if (type !== known && size > 0) throw problem(`the tar has data for a directory, ${quote(path)}`)
    const id = (key: "uid" | "gid", at: number): number => {
      const value = decimal(record(key)) ?? number(block, at, 8)
      if (!Number.isInteger(value) || value < 0 || value > MAX_ID)
        throw problem(`the ${key} of ${quote(path)} in the tar is out of range`)
      return value
    }
    const mtime = decimal(record("mtime")) ?? number(block, 136, 12)
    if (!(Math.abs(mtime) <= MAX_SECONDS)) throw problem(`the time of ${quote(path)} in the tar is out of range`)
    const isDevice = type === "CharacterDevice" || type === "BlockDevice"
    return {
      type,
      path,
      target: type === "HardLink" || type === "Symlink" ? target : "",
      mode: number(block, 100, 8) & 0o7777,
      uid: id("uid", 108),
      gid: id("gid", 116),
      mtime,
      // Only files have data, whatever other headers say: as in Go's archive/tar, which writes most images.
      size: type === "File" ? size : 0,
      major: isDevice ? number(block, 329, 8) : 0,
      minor: isDevice ? number(block, 337, 8) : 0,
      xattrs: [...records].flatMap(([key, value]) =>
        key.startsWith(XATTR) ? [{ name: key.slice(XATTR.length), value }] : []
      )
    }
  }
}

const none: Pax.PaxRecords = new Map()

/** For messages: a name with its control characters escaped. */
export const quote = (name: string): string => JSON.stringify(name)

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const text = (bytes: Uint8Array, what: string): string => {
  if (bytes.includes(0)) throw problem(`the tar has a ${what} with a NUL in it`)
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw problem(
      `the tar has a ${what} that is not UTF-8: ${quote(Buffer.from(bytes).toString("latin1"))}`,
      "rename the file, and make the archive again",
      cause
    )
  }
}

const beforeNul = (bytes: Buffer): Buffer => {
  const end = bytes.indexOf(0)
  return end < 0 ? bytes : bytes.subarray(0, end)
}

const field = (block: Buffer, at: number, length: number): Buffer => beforeNul(block.subarray(at, at + length))

/** The name with ustar's prefix, which star's own form keeps shorter to make room for times. */
const headerPath = (block: Buffer): Buffer => {
  const name = field(block, 0, 100)
  if (block.toString("latin1", 257, 263) !== "ustar\0") return name
  const prefix = field(block, 345, block.toString("latin1", 508, 512) === "tar\0" ? 131 : 155)
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from("/"), name])
}

/** A number in octal text, or in base 256 where the first bit is set (GNU's form for what does not fit). */
const number = (block: Buffer, at: number, length: number): number => {
  const first = block[at] ?? 0
  if ((first & 0x80) === 0) {
    const digits = block.toString("latin1", at, at + length).replace(/^[ \0]+|[ \0][^]*$/g, "")
    if (!/^[0-7]*$/.test(digits)) throw notTar()
    return digits === "" ? 0 : Number.parseInt(digits, 8)
  }
  let value = BigInt(first & 0x7f)
  for (let i = at + 1; i < at + length; i++) value = (value << 8n) | BigInt(block[i] ?? 0)
  const signed = Number(BigInt.asIntN(8 * length - 1, value))
  if (!Number.isSafeInteger(signed)) throw notTar()
  return signed
}

/** A pax number: decimal, perhaps negative, perhaps with a fraction. */
const decimal = (value: Uint8Array | undefined): number | undefined => {
  if (value === undefined) return undefined
  const digits = Buffer.from(value).toString("latin1")
  if (!/^-?[0-9]{1,20}(\.[0-9]*)?$/.test(digits)) throw notTar()
  return Number(digits)
}

/** The sum of a header's bytes, its own field counting as spaces; some old writers summed signed bytes. */
const checkSum = (block: Buffer): void => {
  const expected = number(block, 148, 8)
  let unsigned = 8 * 0x20
  let signed = unsigned
  for (let i = 0; i < BLOCK; i++) {
    if (i >= 148 && i < 156) continue
    const byte = block[i] ?? 0
    unsigned += byte
    signed += byte < 128 ? byte : byte - 256
  }
  if (expected !== unsigned && expected !== signed) throw notTar()
}
