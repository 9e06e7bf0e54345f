/** RUN. */
import { fileName } from "./ImportDocument.ts"
import { mountsOf, putIn, takeOut } from "./ImportMounts.ts"
import { quoted } from "./ShellQuote.ts"
import type { StageImport } from "./StageImport.ts"

export const importRun = (stage: StageImport): void => {
  const { json, text } = stage.current
  const network = networkOf(stage)
  for (const { name, range, value } of stage.current.flags) {
    if (name === "security" && value !== "sandbox") {
      stage.refuse("no step can be without a sandbox", "leave --security out", range)
    }
    if (!["mount", "network", "security"].includes(name)) stage.refuse(`RUN has no flag --${name}`, undefined, range)
  }
  const mounts = mountsOf(stage)
  const { before, cache, secrets } = mounts
  if (json !== undefined) {
    const command = json.at(-1)
    if (command === undefined) stage.refuse("this RUN has no command", `write RUN ["PROGRAM", "ARGUMENT"]`)
    if (before.length > 0) stage.refuse("a secret can be a variable only for a shell", "write the command without [ ]")
    putIn(stage, mounts)
    stage.run({ cache, secrets, network, shell: command }, json.slice(0, -1))
    return takeOut(stage, mounts)
  }
  if (text.trim() === "") stage.refuse("this RUN has no command", "write RUN COMMAND")
  const command = commandOf(stage)
  const helps = before.length > 0 || command !== plainCommand(stage)
  if (helps && !isPosix(stage.now.shell)) {
    stage.refuse(
      "this needs a shell such as /bin/sh, and another one is set",
      'write SHELL ["/bin/sh", "-c"] before it'
    )
  }
  putIn(stage, mounts)
  stage.run({ cache, secrets, network, shell: [...before, command].join("\n") })
  takeOut(stage, mounts)
}

/** Docker's steps have the network. */
const networkOf = (stage: StageImport): ReadonlyArray<string> => {
  const flag = stage.current.flags.findLast(({ name }) => name === "network")
  const value = flag === undefined ? "default" : stage.expand(flag.value ?? "")
  if (value === "none") return []
  if (value === "default" || value === "host") return ["host"]
  return stage.refuse(`there is no network ${JSON.stringify(value)}`, "write default, host or none", flag?.range)
}

const isPosix = ([program = "", ...options]: ReadonlyArray<string>): boolean =>
  /(?:^|\/)(?:ba|da|a|k|z)?sh$/.test(program) && options.at(-1)?.endsWith("c") === true

/** What the shell gets: here-documents with the command before them, or alone. */
const plainCommand = (stage: StageImport): string => {
  const { heredocs, text } = stage.current
  const [only] = heredocs
  if (only === undefined) return text
  if (isAlone(stage)) return only.content
  return [text, ...heredocs.map(({ content, name }) => `${content}${name}`)].join("\n")
}

const isAlone = (stage: StageImport): boolean =>
  stage.current.heredocs.length === 1 && /^<<-?\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+)\s*$/.test(stage.current.text.trim())

/** Of a here-document that says by itself what runs it: a file, which is run and removed. */
const commandOf = (stage: StageImport): string => {
  const command = plainCommand(stage)
  const [document] = stage.current.heredocs
  if (document === undefined || !isAlone(stage) || !command.startsWith("#!")) return command
  const file = `/tmp/.obuilder-${fileName(stage, document)}`
  stage.note(`the script is written to ${file}, by a shell, and removed when it has run`)
  return [
    `printf %s ${quoted(command)} > ${quoted(file)} && chmod 755 ${quoted(file)} || exit`,
    `${quoted(file)}; s=$?`,
    `rm -f ${quoted(file)}; exit $s`
  ].join("\n")
}
