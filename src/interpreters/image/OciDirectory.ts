/**
 * Images into an OCI image layout in a directory. A new one appears when it is
 * complete; to one that is there images are added, and its index is replaced at
 * the very end.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { dirname } from "node:path"
import { setTimeout } from "node:timers/promises"
import * as ByteSource from "../base/ByteSource.ts"
import { attempt, type ImageProblem, problem } from "../base/ImageProblem.ts"
import { tryLock } from "../host/Libc.ts"
import { writeAll } from "../host/WriteAll.ts"
import { MAX_DOCUMENT } from "../base/OciLayout.ts"
import type { Document } from "./ImageDocuments.ts"
import * as NewDirectory from "./NewDirectory.ts"
import * as Layout from "./OciLayoutFiles.ts"
import type { OpenLayer } from "./ResultImage.ts"

export interface OciDirectory {
  /** Where files without names can be while layers are made: on the same disk as the layout. */
  readonly scratch: string
  readonly has: (blob: { readonly digest: string; readonly size: number }) => boolean
  readonly put: (layer: OpenLayer) => Effect.Effect<void, ImageProblem>
  readonly putDocument: (document: Document) => Effect.Effect<void, ImageProblem>
  /** Lists images, when all that they need has been put. Nothing may be put after that. */
  readonly list: (images: ReadonlyArray<Layout.Listed>) => Effect.Effect<void, ImageProblem>
}

/** Opens a layout to add to, or makes one. When the scope closes without `list`, nothing has changed. */
export const open = (path: string): Effect.Effect<OciDirectory, ImageProblem, Scope.Scope> =>
  Effect.gen(function* () {
    const before = yield* writing(path, () => look(path))
    const made = Option.isSome(before) ? undefined : yield* NewDirectory.make(path, false)
    const directory = made?.path ?? path
    const file = (name: string): string => `${directory}/${name}`
    const has: OciDirectory["has"] = ({ digest, size }) => {
      const stats = Fs.lstatSync(file(Layout.blobPath(digest)), { throwIfNoEntry: false })
      return stats?.isFile() === true && stats.size === size
    }
    const put = (
      blob: { readonly digest: string; readonly size: number },
      write: (fd: number, signal: AbortSignal) => Promise<void>
    ) =>
      writing(path, async (signal) => {
        if (has(blob)) return
        const target = file(Layout.blobPath(blob.digest))
        Fs.mkdirSync(dirname(target), { recursive: true })
        await replace(target, (fd) => write(fd, signal))
      })
    return {
      scratch: directory,
      has,
      put: ({ descriptor, read }) =>
        put(descriptor, async (fd, signal) => {
          for await (const chunk of read(signal)) writeAll(fd, chunk)
        }),
      putDocument: ({ bytes, digest }) => put({ digest, size: bytes.length }, async (fd) => writeAll(fd, bytes)),
      list: (images) =>
        writing(path, (signal) =>
          alone(directory, signal, async () => {
            if (made !== undefined)
              await replace(file("oci-layout"), async (fd) => writeAll(fd, Buffer.from(Layout.LAYOUT)))
            // Somebody may have added to it meanwhile.
            const old = made === undefined ? await look(path) : Option.none()
            const index = Layout.index(
              Option.getOrElse(old, () => Layout.newIndex),
              images
            )
            await replace(file("index.json"), async (fd) => writeAll(fd, Buffer.from(index)))
          })
        ).pipe(Effect.zipRight(made?.keep ?? Effect.void))
    }
  })

const writing = <A>(path: string, body: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, ImageProblem> =>
  attempt(`cannot write ${path}`, async (signal) => {
    try {
      return await body(signal)
    } catch (cause) {
      throw NewDirectory.inWords(path, cause)
    }
  })

/** Milliseconds between two looks at a layout that somebody else changes. */
const LOOK_MS = 20

/** Does something while nobody else does it with the same directory. */
const alone = async <A>(directory: string, signal: AbortSignal, work: () => Promise<A>): Promise<A> => {
  const fd = Fs.openSync(directory, Fs.constants.O_RDONLY | Fs.constants.O_DIRECTORY)
  try {
    while (!tryLock(fd)) await setTimeout(LOOK_MS, undefined, { signal })
    return await work()
  } finally {
    Fs.closeSync(fd)
  }
}

/** The index of a layout that is there; none where there is nothing yet. Throws an `ImageProblem` where there is something else. */
const look = async (path: string): Promise<Option.Option<Layout.IndexDocument>> => {
  if (NewDirectory.isFree(path)) return Option.none()
  const name = `${path}/index.json`
  if (!Fs.existsSync(name)) {
    throw problem(`${path} is there already, and is no image layout`, "name another directory with -o, or an empty one")
  }
  const bytes = await ByteSource.collect(ByteSource.read(name), MAX_DOCUMENT, name)
  return Option.some(Layout.indexIn(bytes, name))
}

/** Writes a file beside where it is to be, and moves it there. */
const replace = async (path: string, write: (fd: number) => Promise<void>): Promise<void> => {
  const temporary = `${path}.${randomBytes(8).toString("hex")}.tmp`
  try {
    const fd = Fs.openSync(temporary, "wx")
    try {
      await write(fd)
    } finally {
      Fs.closeSync(fd)
    }
    Fs.renameSync(temporary, path)
  } catch (error) {
    Fs.rmSync(temporary, { force: true })
    throw error
  }
}
