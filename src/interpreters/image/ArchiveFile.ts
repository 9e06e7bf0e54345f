/** Archives of images: tars of files whose bytes depend on their content alone. */
import * as Effect from "effect/Effect"
import type { ByteSource } from "../base/ByteSource.ts"
import { explain, type ImageProblem } from "../base/ImageProblem.ts"
import * as PackedTar from "../host/PackedTar.ts"

/** A file of an archive. */
export interface ArchiveFile {
  readonly name: string
  /** Bytes. */
  readonly size: number
  readonly read: (signal: AbortSignal) => ByteSource
}

/** A short one. */
export const file = (name: string, content: string | Uint8Array): ArchiveFile => {
  const bytes = Buffer.from(content)
  return {
    name,
    size: bytes.length,
    read: async function* () {
      yield bytes
    }
  }
}

const EPOCH = new Date(0)

/** Writes files in this order, with the directories that they are in before them. */
export const write = <E>(
  files: ReadonlyArray<ArchiveFile>,
  write: (chunk: Uint8Array) => Effect.Effect<void, E>
): Effect.Effect<void, E | ImageProblem> =>
  Effect.acquireUseRelease(
    Effect.sync(() => new AbortController()),
    ({ signal }) =>
      PackedTar.write(
        async (stream) => {
          const made = new Set<string>()
          for (const { name, read, size } of files) {
            for (const directory of directoriesOf(name)) {
              if (made.has(directory)) continue
              made.add(directory)
              await PackedTar.entry(stream, { name: directory, type: "directory", mode: 0o755, mtime: EPOCH })
            }
            const header = { name, type: "file", mode: 0o644, mtime: EPOCH, size } as const
            await PackedTar.longEntry(stream, header, read(signal))
          }
        },
        write,
        (cause) => new Unread(cause)
      ).pipe(
        Effect.catchIf(
          (error) => error instanceof Unread,
          ({ cause }) => explain("cannot read what goes into the archive", cause)
        )
      ),
    (abort) => Effect.sync(() => abort.abort())
  )

/** Something that was to go into the archive could not be read. */
class Unread extends Error {
  constructor(cause: unknown) {
    super("unread", { cause })
  }
}

function* directoriesOf(name: string): Generator<string> {
  for (let at = name.indexOf("/"); at >= 0; at = name.indexOf("/", at + 1)) yield name.slice(0, at)
}
