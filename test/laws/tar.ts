/** Reads a tar back, to compare it with what it should hold. */
import * as Effect from "effect/Effect"
import type { StepId } from "../../src/domain/Digest.ts"
import type { StoreError, StoreService, UnknownId } from "../../src/interpreters/Store.ts"
import { type Described, describeDirectory, describeFile, describeLink } from "./files.ts"

/** The bytes of a result's tar. */
export const exported = (store: StoreService, id: StepId): Effect.Effect<Buffer, StoreError | UnknownId> =>
  Effect.gen(function* () {
    const chunks: Array<Uint8Array> = []
    yield* store.tar(id, (chunk) => Effect.sync(() => void chunks.push(Uint8Array.from(chunk))))
    return Buffer.concat(chunks)
  })

/** A result's entries by absolute path, the root left out. */
export const contents = (store: StoreService, id: StepId): Effect.Effect<Contents, StoreError | UnknownId> =>
  Effect.flatMap(exported(store, id), (bytes) => Effect.promise(() => read(bytes)))

/** Entries by absolute path, the root left out. */
export type Contents = Readonly<Record<string, Described>>

export const read = async (bytes: Uint8Array): Promise<Contents> => {
  const { extract } = await import("tar-stream")
  const stream = extract()
  stream.end(bytes)
  const entries: Array<readonly [string, Described]> = []
  for await (const entry of stream) {
    const pieces: Array<Uint8Array> = []
    for await (const piece of entry) if (piece instanceof Uint8Array) pieces.push(piece)
    const { header } = entry
    const path = `/${header.name
      .split("/")
      .filter((name) => name !== "" && name !== ".")
      .join("/")}`
    if (path !== "/") entries.push([path, described(header, Buffer.concat(pieces).toString("utf8"))])
  }
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

const described = (
  header: {
    readonly type: string
    readonly mode: number
    readonly uid: number
    readonly gid: number
    readonly linkname: string
  },
  text: string
): Described => {
  switch (header.type) {
    case "file":
      return describeFile(header.mode, header, text)
    case "directory":
      return describeDirectory(header.mode, header)
    case "symlink":
      return describeLink(header, header.linkname)
    default:
      return header.type
  }
}
