/** Programs of our own in containers of Windows: what they are given, what they write, and how they end. */
import { visible } from "../../domain/DisplayText.ts"
import { type ImageProblem, problem } from "../base/ImageProblem.ts"
import { TarReader } from "../base/TarReader.ts"
import type { EngineCalls } from "./EngineCalls.ts"
import * as OutputFrames from "./OutputFrames.ts"

/** Bytes of what a program says, for messages. */
const MAX_WORDS = 16 * 1024

/** Milliseconds that a program has for its end when all that is wanted of it has come. */
const END_TIME = 10_000

export interface Ended {
  readonly status: number
  /** What it wrote, of both streams. */
  readonly words: string
}

/** Runs a container's program to its end, with `input` if the container takes any. */
export const run = async (
  calls: EngineCalls,
  container: string,
  signal: AbortSignal,
  input?: AsyncIterable<Uint8Array>
): Promise<Ended> => {
  const talk = input === undefined ? await calls.attach(container, signal) : await calls.converse(container, signal)
  try {
    await start(calls, container, signal)
    const words = new Words()
    const listening = (async () => {
      for await (const { data } of OutputFrames.pieces(talk.body)) words.add(data)
    })()
    // Heard of below, if sending does not fail for another reason.
    listening.catch(() => undefined)
    if (input !== undefined && "write" in talk) {
      for await (const chunk of input) if (!(await talk.write(chunk))) break
      talk.end()
    }
    await listening
    await calls.wait(container, signal)
    const { State } = await calls.container(container, signal)
    return { status: State.ExitCode, words: words.text }
  } finally {
    talk.discard()
  }
}

/** As {@link run}, where everything but 0 is a failure. */
export const succeed = async (
  calls: EngineCalls,
  container: string,
  what: string,
  signal: AbortSignal,
  input?: AsyncIterable<Uint8Array>
): Promise<string> => {
  const { status, words } = await run(calls, container, signal, input)
  if (status === 0) return words
  throw failed(what, { status, words })
}

export const failed = (what: string, { status, words }: Ended, hint?: string): ImageProblem =>
  problem(`${what}: ${words === "" ? `it ended with status ${status}` : words}`, hint)

/**
 * The tar that a container's program writes, which is told by `input` what to put
 * into it. A tar says itself where it ends, and there it ends here: OBuilder has
 * seen such containers on Windows that do not end by themselves.
 */
export async function* tar(
  calls: EngineCalls,
  container: string,
  input: Uint8Array,
  signal: AbortSignal
): AsyncGenerator<Buffer, undefined> {
  const talk = await calls.converse(container, signal)
  const words = new Words()
  const reader = new TarReader({ entry: () => undefined, data: () => undefined, end: () => undefined })
  try {
    await start(calls, container, signal)
    await talk.write(input)
    talk.end()
    for await (const { data, isError } of OutputFrames.pieces(talk.body)) {
      if (isError) {
        words.add(data)
        continue
      }
      const chunk = Buffer.from(data)
      reader.write(chunk)
      yield chunk
      if (reader.isDone) break
    }
    const status = await ended(calls, container, signal)
    if (status !== 0 || words.text !== "") throw failed("tar", { status, words: words.text })
    reader.end()
  } finally {
    talk.discard()
  }
}

/** 0 as well where it does not end. */
const ended = async (calls: EngineCalls, container: string, signal: AbortSignal): Promise<number> => {
  const patience = AbortSignal.timeout(END_TIME)
  try {
    await calls.wait(container, AbortSignal.any([signal, patience]))
  } catch (error) {
    if (patience.aborted && !signal.aborted) return 0
    throw error
  }
  return (await calls.container(container, signal)).State.ExitCode
}

const start = async (calls: EngineCalls, container: string, signal: AbortSignal): Promise<void> => {
  const refused = await calls.start(container, signal)
  if (refused !== undefined) throw refused.problem
}

/** What a program says, as far as somebody will read it: the end of it. */
class Words {
  private bytes = Buffer.alloc(0)

  add(data: Uint8Array): void {
    this.bytes = Buffer.concat([this.bytes, data]).subarray(-MAX_WORDS)
  }

  get text(): string {
    return this.bytes
      .toString("utf8")
      .split(/\r?\n/)
      .map((line) => visible(line.trim()))
      .filter((line) => line !== "")
      .join("\n")
  }
}
