/**
 * The caches of a local store.
 *
 * A cache is a stack of layers, of which `current` names the newest version. A
 * step gets a layer of its own on top; when the step ends, that layer becomes
 * the new version, without anything being copied, unless `current` has changed
 * since. A stack that has grown long is merged into one directory. In a store of
 * whole trees there is but one layer, of which a step gets a copy.
 *
 * Whoever has a copy holds a shared lock on `users`. Layers that the current
 * version does not name, and what a process left that was killed half-way, are
 * removed by the last one to give his copy back: others may have them mounted.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { createHash, randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { dirname } from "node:path"
import type { User } from "../../../domain/Spec.ts"
import { LATER, type Pause, toTheEnd, type Work } from "../../host/Cooperate.ts"
import { codeOf } from "../../host/IoError.ts"
import { tryLock } from "../../host/Libc.ts"
import { namesAt } from "../../host/Names.ts"
import { mergeLayers } from "../../host/MergeLayers.ts"
import { copyAttributes } from "../../host/Metadata.ts"
import type { StoredCache } from "../../Inventory.ts"
import type { Rootfs } from "../../Rootfs.ts"
import type { Durability } from "./Durability.ts"
import type { WholeTrees } from "./Trees.ts"
import { rootfsOf } from "./WholeTree.ts"

/** Names of directories below the cache's own, topmost first; and when this became the newest version, as `Stamp`. */
const makeCodec = () => {
  const json = Schema.parseJson(
    Schema.Struct({ layers: Schema.NonEmptyArray(Schema.String), boot: Schema.String, at: Schema.Int })
  )
  return {
    decode: Schema.decodeUnknownSync(json),
    decodeOption: Schema.decodeUnknownOption(json),
    encode: Schema.encodeSync(json)
  }
}

let codec: ReturnType<typeof makeCodec> | undefined

/** Made at the first use: a schema takes time to make, and most builds use no cache. */
const json = () => (codec ??= makeCodec())

const CURRENT = "current.json"
const LOCK = "lock"
const USERS = "users"
const MAX_LAYERS = 8

/** File names are limited to 255 bytes. */
const LONGEST = 200

/**
 * A cache's name as a file name: different names never give the same one, and
 * the result matches `/[-._A-Za-z0-9%]+/`. Very long names are hashed.
 */
export const escape = (name: string): string => {
  const bytes = [...Buffer.from(name, "utf8")]
  const escaped = `c-${bytes.map(escapeByte).join("")}`
  return escaped.length <= LONGEST ? escaped : `h-${createHash("sha256").update(name).digest("hex")}`
}

const escapeByte = (byte: number): string => {
  const character = String.fromCharCode(byte)
  return /[A-Za-z0-9._-]/.test(character) ? character : `%${byte.toString(16).padStart(2, "0")}`
}

/** A file name that {@link escape} makes. */
export const isKey = (name: string): boolean => /^(?:c-(?:[-._A-Za-z0-9]|%[0-9a-f]{2})+|h-[0-9a-f]{64})$/.test(name)

/** What {@link escape} made a file name of. */
const unescape = (key: string): string | undefined => {
  if (!key.startsWith("c-")) return undefined
  const bytes = [...key.slice(2).matchAll(/%([0-9a-f]{2})|(.)/gs)].map(([, hex, character]) =>
    hex === undefined ? (character ?? "").charCodeAt(0) : Number.parseInt(hex, 16)
  )
  return Buffer.from(bytes).toString("utf8")
}

/** The caches that have a version, or something left of one. */
export const list = (caches: string): ReadonlyArray<StoredCache> =>
  namesAt(caches).flatMap((key) => {
    if (!isKey(key)) return []
    const current = Fs.lstatSync(`${caches}/${key}/${CURRENT}`, { throwIfNoEntry: false })
    const [left] = current === undefined ? leftIn(`${caches}/${key}`) : [CURRENT]
    const stats =
      current ?? (left === undefined ? undefined : Fs.lstatSync(`${caches}/${key}/${left}`, { throwIfNoEntry: false }))
    return stats === undefined ? [] : [{ key, name: unescape(key), lastUsed: Math.trunc(stats.mtimeMs) }]
  })

/** What is in a cache's directory besides its locks. */
const leftIn = (directory: string): ReadonlyArray<string> =>
  namesAt(directory).filter((name) => name !== LOCK && name !== USERS)

/** What is wrong with a cache's newest version, as a phrase; `undefined` where it is whole, or there is none. */
export const faultOf = (caches: string, key: string): string | undefined => {
  const directory = `${caches}/${key}`
  let text: string
  try {
    text = Fs.readFileSync(`${directory}/${CURRENT}`, "utf8")
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined
    throw error
  }
  const current = json().decodeOption(text)
  if (Option.isNone(current)) return `its ${CURRENT} cannot be read`
  const lacking = current.value.layers.find((name) => !LAYER_NAME.test(name) || !isThere(`${directory}/${name}`))
  return lacking === undefined ? undefined : `its version lacks the directory ${JSON.stringify(lacking)}`
}

/** Forgets the newest versions of those that may not have reached the disk; what they were goes when they are used next. */
export const dropUnsafe = (caches: string, durability: Durability): void => {
  for (const key of namesAt(caches)) {
    const path = `${caches}/${key}/${CURRENT}`
    if (!Fs.existsSync(path)) continue
    const current = json().decodeOption(Fs.readFileSync(path, "utf8"))
    if (Option.isNone(current) || !durability.isSafe(current.value)) Fs.unlinkSync(path)
  }
}

/**
 * Forgets a cache: its files go into `rubbish`, an empty directory, unless a step
 * has a copy: then the last one to give it back removes them. False where there is none.
 */
export function* remove(caches: string, key: string, rubbish: string): Generator<Pause, boolean> {
  const directory = `${caches}/${key}`
  if (leftIn(directory).length === 0) return false
  const [lock, users] = [LOCK, USERS].map((name) => Fs.openSync(`${directory}/${name}`, "a", 0o600)) as [number, number]
  try {
    while (!tryLock(lock)) yield LATER
    Fs.rmSync(`${directory}/${CURRENT}`, { force: true })
    if (tryLock(users)) yield* tidy(directory, rubbish, [], undefined)
    return true
  } finally {
    Fs.closeSync(lock)
    Fs.closeSync(users)
  }
}

/** Moves what is not needed away; `layers` are the newest version's. Only for who has both locks for himself. */
function* tidy(directory: string, rubbish: string, layers: ReadonlyArray<string>, whole: WholeTrees | undefined): Work {
  const needed = new Set([LOCK, USERS, CURRENT, ...layers])
  const unneeded = () => Fs.readdirSync(directory).filter((name) => !needed.has(name))
  const [newest] = layers
  if (newest !== undefined) {
    const older = unneeded().filter((name) => LAYER_NAME.test(name))
    const paths = older.map((name) => `${directory}/${name}`)
    yield* toTheEnd(whole?.supersede?.(paths, `${directory}/${newest}`))
  }
  for (const name of unneeded()) Fs.renameSync(`${directory}/${name}`, `${rubbish}/${name}`)
}

/** A writable copy of a cache. */
export interface Copy {
  readonly rootfs: Rootfs
  /** What the step writes to. */
  readonly upper: string
  /** For what is made when the copy is given back, on the same file system. */
  readonly scratch: string
  /** The version it was made from, as `current` had it. */
  readonly from: string
  /** The open file with the lock that says that the copy is in use. */
  readonly users: number
}

/** One cache: a directory below `caches`. */
export class Cache {
  private readonly directory: string
  private readonly whole: WholeTrees | undefined
  private readonly durability: Durability

  constructor(caches: string, name: string, whole: WholeTrees | undefined, durability: Durability) {
    this.directory = `${caches}/${escape(name)}`
    this.whole = whole
    this.durability = durability
  }

  /** Makes a copy whose own layer is in `space`, an empty directory. It has to be given back with `release`. */
  *copy(space: string, owner: User): Generator<Pause, Copy, void> {
    Fs.mkdirSync(this.directory, { recursive: true, mode: 0o700 })
    const users = Fs.openSync(`${this.directory}/${USERS}`, "a", 0o600)
    try {
      while (!tryLock(users, "shared")) yield LATER
      const from = this.current() ?? (yield* this.create(owner))
      const layers = this.layers(from)
      const upper = `${space}/fs`
      const work = `${space}/work`
      const [top] = layers
      Fs.mkdirSync(work, { mode: 0o700 })
      if (this.whole !== undefined) {
        yield* toTheEnd(this.whole.clone(top, upper))
        const rootfs = this.whole.rootfs?.(upper) ?? rootfsOf(this.whole, upper)
        return { from, users, upper, scratch: work, rootfs }
      }
      Fs.mkdirSync(upper, { mode: 0o700 })
      copyAttributes(top, upper, Fs.lstatSync(top))
      const rootfs = { _tag: "Overlay", lower: layers, upper, work, scratch: dirname(space) } as const
      return { from, users, upper, scratch: work, rootfs }
    } catch (error) {
      Fs.closeSync(users)
      throw error
    }
  }

  /**
   * Gives a copy back, which becomes the new version unless another was faster.
   * What is needed no more is moved into `rubbish`, an empty directory. Takes
   * the cache's lock.
   */
  *release(copy: Copy, rubbish: string): Work {
    let lock: number | undefined
    try {
      // Somebody may have removed all of it.
      if (!Fs.existsSync(this.directory)) return
      lock = Fs.openSync(`${this.directory}/${LOCK}`, "a", 0o600)
      while (!tryLock(lock)) yield LATER
      yield* this.renew(copy)
      if (tryLock(copy.users)) yield* tidy(this.directory, rubbish, this.currentLayers(), this.whole)
    } finally {
      if (lock !== undefined) Fs.closeSync(lock)
      Fs.closeSync(copy.users)
    }
  }

  private *renew(copy: Copy): Work {
    if (this.current() !== copy.from) return
    const layer = fresh()
    const layers = this.layers(copy.from)
    if (this.whole !== undefined || layers.length < MAX_LAYERS) {
      yield* toTheEnd(this.whole?.seal?.(copy.upper))
      Fs.renameSync(copy.upper, `${this.directory}/${layer}`)
      this.setCurrent(this.whole === undefined ? [layer, ...json().decode(copy.from).layers] : [layer])
    } else {
      const merged = `${copy.scratch}/merged`
      Fs.mkdirSync(merged, { mode: 0o700 })
      yield* mergeLayers([copy.upper, ...layers], merged, { bottom: true })
      Fs.renameSync(merged, `${this.directory}/${layer}`)
      this.setCurrent([layer])
    }
  }

  /** What the newest version is; `undefined` where there is none, or none that could be used. */
  private current(): string | undefined {
    const path = `${this.directory}/${CURRENT}`
    try {
      const text = Fs.readFileSync(path, "utf8")
      if (this.isWhole(text)) return text
      // It did not reach the disk, or somebody damaged it: what is lost is time.
      Fs.unlinkSync(path)
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error
    }
    return undefined
  }

  private isWhole(text: string): boolean {
    const decoded = json().decodeOption(text)
    return (
      Option.isSome(decoded) &&
      this.durability.isSafe(decoded.value) &&
      decoded.value.layers.every((name) => LAYER_NAME.test(name) && isThere(`${this.directory}/${name}`))
    )
  }

  private currentLayers(): ReadonlyArray<string> {
    const current = this.current()
    return current === undefined ? [] : json().decode(current).layers
  }

  private layers(current: string): readonly [string, ...ReadonlyArray<string>] {
    const [top, ...others] = json().decode(current).layers
    return [`${this.directory}/${top}`, ...others.map((name) => `${this.directory}/${name}`)]
  }

  private *create(owner: User): Generator<Pause, string, void> {
    const layer = fresh()
    const path = `${this.directory}/${layer}`
    if (this.whole === undefined) Fs.mkdirSync(path)
    else yield* toTheEnd(this.whole.create(path))
    // Who a name is depends on the image: such a cache is everybody's, as /tmp is.
    const mode = owner._tag === "Unix" ? 0o755 : 0o1777
    const ids = owner._tag === "Unix" ? owner : { uid: 0, gid: 0 }
    if (this.whole?.adopt === undefined) {
      Fs.chmodSync(path, mode)
      Fs.chownSync(path, ids.uid, ids.gid)
    } else yield* toTheEnd(this.whole.adopt(path, ids, mode))
    yield* toTheEnd(this.whole?.seal?.(path))
    const text = json().encode({ layers: [layer], ...this.durability.stamp() })
    const temporary = `${this.directory}/${CURRENT}.${layer}`
    Fs.writeFileSync(temporary, text, { mode: 0o600 })
    try {
      // Unlike a rename, a link does not replace.
      Fs.linkSync(temporary, `${this.directory}/${CURRENT}`)
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error
    } finally {
      Fs.unlinkSync(temporary)
    }
    // Another process may have been faster: then its version counts.
    return this.current() ?? text
  }

  private setCurrent(layers: readonly [string, ...ReadonlyArray<string>]): void {
    const temporary = `${this.directory}/${CURRENT}.new`
    Fs.writeFileSync(temporary, json().encode({ layers, ...this.durability.stamp() }), { mode: 0o600 })
    Fs.renameSync(temporary, `${this.directory}/${CURRENT}`)
  }
}

/** What a link that is a version leads to need not be there at the moment. */
const isThere = (path: string): boolean => Fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined

const fresh = (): string => randomBytes(6).toString("hex")

/** What {@link fresh} makes. */
const LAYER_NAME = /^[0-9a-f]{12}$/
