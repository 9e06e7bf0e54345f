/** Other programs build a directory's Dockerfile where none is named; here it has to be, and is pointed at. */
import * as Effect from "effect/Effect"
import { quoted } from "../domain/dockerfile/ShellQuote.ts"
import { visible } from "../domain/DisplayText.ts"
import { Host } from "./Host.ts"
import { type UsageError, usageError } from "./UsageError.ts"

/** The error, with what to write where no file was named and the source directory has a Dockerfile. */
export const withDockerfile = (error: UsageError): Effect.Effect<UsageError, never, Host> =>
  Effect.gen(function* () {
    if (error.withoutFile === undefined || error.withoutFile.directory === "") return error
    const { command, directory = "." } = error.withoutFile
    const host = yield* Host
    const file = directory === "." ? "Dockerfile" : `${directory.replace(/\/+$/, "")}/Dockerfile`
    if (!(yield* host.isFile(file))) return error
    return usageError(error.message, `Write "obuilder ${command} -f ${word(file)} ${word(directory)}".`)
  })

const word = (text: string): string => visible(quoted(text))
