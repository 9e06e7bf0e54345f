/** `obuilder export`: a result's root file system as a tar. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Store } from "../interpreters/Store.ts"
import type { Backends } from "./Backend.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import { Host } from "./Host.ts"
import { Output, type OutputError, type PipeClosed, type Sink } from "./Output.ts"
import { withStore } from "./Services.ts"
import { chosenStore } from "./StoreFlag.ts"
import { usageError } from "./UsageError.ts"

type ExportFlags = Given<typeof flags.export> & { readonly id: string }

export const exportResult = (given: ExportFlags): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    yield* withStore(yield* chosenStore(given.store))(write(given))
  })

const write = (given: ExportFlags): Effect.Effect<void, CliError, Store | Output | Host> =>
  Effect.gen(function* () {
    const store = yield* Store
    const host = yield* Host
    const { stdout } = yield* Output
    const output = Option.filter(given.output, (path) => path !== "-")
    if (Option.isNone(output) && stdout.isTerminal) {
      return yield* usageError("a tar is no text for a terminal", "Write it to a file with -o FILE, or pipe it on.")
    }
    const { id } = yield* store.find(given.id)
    const fill = (sink: Sink) => tar(id, sink)
    yield* Option.isSome(output) ? host.write(output.value, fill) : fill(stdout)
  })

/** The store's writer has no errors of its own: the first one of the sink ends it. */
const tar = (id: Parameters<typeof Store.Service.tar>[0], sink: Sink): Effect.Effect<void, CliError, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const broken = yield* Deferred.make<never, PipeClosed | OutputError>()
    const writeChunk = (chunk: Uint8Array): Effect.Effect<void> =>
      Effect.catchAll(sink.write(chunk), (error) => Effect.zipRight(Deferred.fail(broken, error), Effect.never))
    yield* Effect.raceFirst(store.tar(id, writeChunk), Deferred.await(broken))
  })
