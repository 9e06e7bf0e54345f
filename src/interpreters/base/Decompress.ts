/**
 * Undoes the compression of a layer or an archive, which is known by its first
 * bytes: gzip through zlib, zstd through zlib where this Node has it, and the
 * rest through the program that Debian has for it.
 */
import type { ChildProcess, ChildProcessByStdio } from "node:child_process"
import type { Readable, Transform, Writable } from "node:stream"
import type { ByteSource } from "./ByteSource.ts"
import { isSystemError, problem } from "./ImageProblem.ts"

export type Compression = "none" | "gzip" | "zstd" | "xz" | "bzip2"

/** The first bytes of each format, from its own specification. */
const magics: ReadonlyArray<readonly [Compression, ReadonlyArray<number>]> = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["bzip2", [0x42, 0x5a, 0x68]]
]

/** How many bytes {@link detect} wants. */
export const MAGIC_SIZE = 6

export const detect = (start: Uint8Array): Compression =>
  magics.find(([, magic]) => magic.every((byte, index) => start[index] === byte))?.[0] ?? "none"

/** The programs, and the Debian packages that have them. */
const programs = {
  zstd: { command: "zstd", package: "zstd" },
  xz: { command: "xz", package: "xz-utils" },
  bzip2: { command: "bzip2", package: "bzip2" }
} as const

const CHUNK = 256 * 1024

/**
 * What a source holds once it is decompressed; the same bytes where it is not
 * compressed. Fails where bytes follow the compressed data, so that a source
 * that is verified at its end always gets there.
 */
export async function* decompressed(source: ByteSource, what: string): ByteSource {
  const { start, all } = await peek(source)
  const compression = detect(start)
  const watched = watch(all)
  switch (compression) {
    case "none":
      yield* all
      return
    case "gzip": {
      const { createGunzip } = await import("node:zlib")
      yield* through(watched.source, createGunzip({ chunkSize: CHUNK }))
      break
    }
    case "zstd": {
      const zlib: object = await import("node:zlib")
      const native = "createZstdDecompress" in zlib ? zlib.createZstdDecompress : undefined
      if (typeof native === "function") {
        const transform: Transform = native({ chunkSize: CHUNK })
        yield* through(watched.source, transform)
      } else {
        yield* program(watched.source, "zstd", what)
      }
      break
    }
    case "xz":
    case "bzip2":
      yield* program(watched.source, compression, what)
      break
  }
  if (!watched.ended()) throw problem(`${what} has bytes after its compressed data`, "make or copy it again")
}

/** Reads the first bytes without losing them. */
const peek = async (source: ByteSource): Promise<{ readonly start: Buffer; readonly all: ByteSource }> => {
  const iterator = source[Symbol.asyncIterator]()
  let start: Buffer = Buffer.alloc(0)
  let done = false
  while (!done && start.length < MAGIC_SIZE) {
    const next = await iterator.next()
    if (next.done === true) done = true
    else start = start.length === 0 ? next.value : Buffer.concat([start, next.value])
  }
  async function* all(): ByteSource {
    try {
      if (start.length > 0) yield start
      while (!done) {
        const next = await iterator.next()
        if (next.done === true) done = true
        else yield next.value
      }
    } finally {
      if (!done) await iterator.return?.()
    }
  }
  return { start, all: all() }
}

const watch = (source: ByteSource): { readonly source: ByteSource; readonly ended: () => boolean } => {
  let ended = false
  async function* pass(): ByteSource {
    yield* source
    ended = true
  }
  return { source: pass(), ended: () => ended }
}

async function* through(source: ByteSource, transform: Transform): ByteSource {
  const { pipeline, Readable } = await import("node:stream")
  const readable = Readable.from(source, { objectMode: false, highWaterMark: CHUNK })
  // Errors of either end destroy the other and come out of the loop below.
  pipeline(readable, transform, () => {})
  for await (const chunk of transform) yield chunk
}

async function* program(source: ByteSource, name: keyof typeof programs, what: string): ByteSource {
  const { spawn } = await import("node:child_process")
  const { Readable } = await import("node:stream")
  const { pipeline } = await import("node:stream/promises")
  const child = spawn(programs[name].command, ["-d", "-c", "-q"], { stdio: ["pipe", "pipe", "pipe"] })
  await started(child, name, what)
  const exit = exitOf(child)
  const feeding = pipeline(Readable.from(source, { objectMode: false, highWaterMark: CHUNK }), child.stdin).then(
    () => undefined,
    (cause: unknown) => cause
  )
  try {
    for await (const chunk of child.stdout) yield chunk
    const failure = await feeding
    const { status, errors } = await exit
    // The source's own failure explains the program's, but not the other way round.
    if (failure !== undefined && !(isSystemError(failure) && failure.code === "EPIPE")) throw failure
    if (status !== 0) {
      throw problem(`${what} cannot be decompressed: ${errors.trim()}`, "it is damaged: make or copy it again")
    }
  } finally {
    child.kill("SIGKILL")
    child.stdin.destroy()
    await feeding
    await exit
  }
}

const started = (child: ChildProcess, name: keyof typeof programs, what: string): Promise<void> =>
  new Promise((resolve, reject) => {
    child.once("spawn", resolve)
    child.once("error", (cause) => {
      reject(
        isSystemError(cause) && cause.code === "ENOENT"
          ? problem(
              `${what} is compressed with ${name}, and there is no program ${name} here`,
              `install it: apt-get install ${programs[name].package}`,
              cause
            )
          : cause
      )
    })
  })

const exitOf = (
  child: ChildProcessByStdio<Writable, Readable, Readable>
): Promise<{ readonly status: number | null; readonly errors: string }> =>
  new Promise((resolve) => {
    let errors = ""
    child.stderr.on("data", (chunk: Buffer) => {
      if (errors.length < 4096) errors += chunk.toString("utf8")
    })
    child.once("close", (status) => resolve({ status, errors }))
  })
