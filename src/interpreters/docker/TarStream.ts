/** The entries of a tar as they come, each with its content, which is read before the next one. */
import type { ByteSource } from "../base/ByteSource.ts"
import type { TarEntry } from "../base/TarHeaders.ts"
import { TarReader } from "../base/TarReader.ts"

export interface Streamed {
  readonly entry: TarEntry
  readonly content: AsyncIterable<Uint8Array>
}

type Event = TarEntry | Buffer | "end"

/** What of an entry is not read is passed over. */
async function* read(tar: ByteSource): AsyncGenerator<Streamed> {
  const events = eventsOf(tar)
  let isOpen = false
  async function* content(): AsyncGenerator<Uint8Array> {
    while (isOpen) {
      const { done, value } = await events.next()
      if (done === true || !Buffer.isBuffer(value)) isOpen = false
      else yield value
    }
  }
  try {
    for (;;) {
      while (isOpen) for await (const _ of content());
      const { done, value } = await events.next()
      if (done === true) return
      if (Buffer.isBuffer(value) || value === "end") continue
      isOpen = true
      yield { entry: value, content: content() }
    }
  } finally {
    await events.return(undefined)
  }
}

/** The content of all files of a tar, one after the other: of the one, where it was made of one. */
async function* contents(tar: ByteSource): ByteSource {
  for await (const { content } of read(tar)) for await (const piece of content) yield Buffer.from(piece)
}

async function* eventsOf(tar: ByteSource): AsyncGenerator<Event, void> {
  let found: Array<Event> = []
  const reader = new TarReader({
    entry: (entry) => void found.push(entry),
    data: (chunk) => void found.push(Buffer.from(chunk)),
    end: () => void found.push("end")
  })
  for await (const chunk of tar) {
    reader.write(chunk)
    const events = found
    found = []
    yield* events
  }
  reader.end()
}

export const TarStream = { contents, read }
