/** What an image of an imported Dockerfile would say of itself, as the flags of `export` and `push`. */
import { visible } from "../DisplayText.ts"
import type { Imported, ImportedImage } from "./Imported.ts"
import { quoted } from "./ShellQuote.ts"

/** One flag a line, as a shell takes it. */
export const flags = ({ settings }: ImportedImage): ReadonlyArray<string> => [
  ...(settings.entrypoint === undefined ? [] : [`--entrypoint=${quoted(JSON.stringify(settings.entrypoint))}`]),
  ...(settings.command === undefined ? [] : [`--cmd=${quoted(JSON.stringify(settings.command))}`]),
  ...settings.ports.map((port) => `--expose=${quoted(port)}`),
  ...settings.labels.map(({ name, value }) => `--label=${quoted(`${name}=${value}`)}`)
]

/** What no flag says, in words. */
export const others = ({ settings }: ImportedImage): ReadonlyArray<string> => [
  ...(settings.volumes.length === 0 ? [] : ["VOLUME"]),
  ...(settings.stopSignal === undefined ? [] : ["STOPSIGNAL"]),
  ...(settings.healthcheck === undefined ? [] : ["HEALTHCHECK"])
]

/**
 * Names of build arguments that steps are given: those of a spec are variables of an image of it as well, which a build
 * of the Dockerfile itself leaves out.
 */
export const argumentNames = ({ image, spec }: Pick<Imported, "image" | "spec">): ReadonlyArray<string> => {
  const variables = new Map(image.environment.map(({ name, value }) => [name, value]))
  const said = new Map(spec.ops.flatMap((op) => (op._tag === "Env" ? [[op.name, op.value] as const] : [])))
  return [...said].filter(([name, value]) => variables.get(name) !== value).map(([name]) => name)
}

/** Comment lines for the top of a spec, each with its line end; nothing where there is nothing to say. */
export const comments = (imported: Pick<Imported, "image" | "spec">): string => {
  const said = flags(imported.image)
  const names = argumentNames(imported)
  // A flag may hold any character; a comment ends with its line, and is read on a terminal.
  const line = (text: string): string => `;   ${visible(text)}\n`
  return [
    ...(said.length === 0 ? [] : ["; An image of this is exported, or pushed, with\n", ...said.map(line)]),
    ...(names.length === 0
      ? []
      : ["; An image of this has these build arguments as variables, which one of the Dockerfile itself has not:\n"]),
    ...names.map(line)
  ].join("")
}
