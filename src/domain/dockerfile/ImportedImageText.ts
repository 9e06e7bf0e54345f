/** What an image of an imported Dockerfile would say of itself, as the flags of `export` and `push`. */
import { visible } from "../DisplayText.ts"
import type { ImportedImage } from "./Imported.ts"
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

/** Comment lines for the top of a spec, each with its line end; nothing where there is nothing to say. */
export const comments = (image: ImportedImage): string => {
  const said = flags(image)
  if (said.length === 0) return ""
  // A flag may hold any character; a comment ends with its line, and is read on a terminal.
  const line = (text: string): string => `;   ${visible(text)}\n`
  return `; An image of this is exported, or pushed, with\n${said.map(line).join("")}`
}
