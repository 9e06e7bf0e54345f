/** `obuilder export`: a result as an image, or its files. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Export from "../interpreters/image/Export.ts"
import * as TreeDirectory from "../interpreters/image/TreeDirectory.ts"
import { Store } from "../interpreters/Store.ts"
import type { Backends, Chosen } from "./Backend.ts"
import type { CliError } from "./ErrorText.ts"
import type { Given } from "./Flag.ts"
import type { flags } from "./Flags.ts"
import { Host } from "./Host.ts"
import { firstGiven, imageName, imageOptions, layoutName } from "./ImageFlags.ts"
import { imageServices } from "./ImageServices.ts"
import { CutShort, Output, type Sink } from "./Output.ts"
import { withStore } from "./Services.ts"
import { chosenStore } from "./StoreFlag.ts"
import { usageError } from "./UsageError.ts"

type ExportFlags = Given<typeof flags.export> & { readonly id: string }

type Format = Option.Option.Value<ExportFlags["format"]>

export const exportResult = (given: ExportFlags): Effect.Effect<void, CliError, Host | Output | Backends> =>
  Effect.gen(function* () {
    const chosen = yield* chosenStore(given.store)
    const format = Option.getOrElse(given.format, () => "tar" as const)
    const output = Option.filter(given.output, (path) => path !== "-")
    const said = firstGiven(given)
    if ((format === "tar" || format === "dir") && Option.isSome(said)) {
      return yield* usageError(
        `${said.value} is for an image, and ${format} is none`,
        "Write --format=oci, for example."
      )
    }
    if (format === "docker-archive" && (given.provenance || given.annotation.length > 0)) {
      const what = given.provenance ? "a provenance" : "annotations"
      return yield* usageError(`a docker-archive cannot hold ${what}`, "Write --format=oci-archive.")
    }
    if (Option.isNone(output) && (format === "oci" || format === "dir")) {
      return yield* usageError(`${format} is a directory, and needs a name`, "Write -o DIR.")
    }
    if (Option.isNone(output) && format !== "provenance" && (yield* Output).stdout.isTerminal) {
      return yield* usageError("a tar is no text for a terminal", "Write it to a file with -o FILE, or pipe it on.")
    }
    yield* withStore(chosen)(write(given, format, output, chosen)).pipe(
      // What is cut off is no image: it must not look like one.
      Effect.catchTag("PipeClosed", () => new CutShort())
    )
  })

const write = (
  given: ExportFlags,
  format: Format,
  output: Option.Option<string>,
  chosen: Chosen
): Effect.Effect<void, CliError, Store | Output | Host> =>
  Effect.gen(function* () {
    const store = yield* Store
    const host = yield* Host
    const { stdout } = yield* Output
    const options = yield* imageOptions(given)
    if (format.startsWith("oci")) yield* Effect.transposeMapOption(given.tag, layoutName)
    const dockerName =
      format === "docker-archive" ? yield* Effect.transposeMapOption(given.tag, imageName) : Option.none()
    const { id } = yield* store.find(given.id)
    const services = { store, ...(yield* imageServices(chosen, given)) }
    const wanted = { id, options, name: given.tag, attests: given.provenance }
    const path = host.absolute(Option.getOrElse(output, () => ""))
    const toSink = <E>(fill: (sink: Sink) => Effect.Effect<void, E>) =>
      Option.isSome(output) ? host.write(output.value, fill) : fill(stdout)
    switch (format) {
      case "tar":
        return yield* toSink((sink) => store.tar(id, sink.write, options.epoch))
      case "dir":
        return yield* TreeDirectory.write(store, id, options.epoch, path)
      case "oci":
        return void (yield* Export.ociDirectory(services, wanted, path))
      case "oci-archive":
        return yield* toSink((sink) => Export.ociArchive(services, wanted, sink.write))
      case "docker-archive":
        return yield* toSink((sink) => Export.dockerArchive(services, { ...wanted, name: dockerName }, sink.write))
      case "provenance": {
        const statement = yield* Export.provenance(services, wanted)
        return yield* toSink((sink) => sink.write(`${statement}\n`))
      }
    }
  }).pipe(Effect.scoped)
