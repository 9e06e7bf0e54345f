/** One instruction of a stage. */
import { importCopy } from "./ImportCopy.ts"
import { metadata } from "./ImportMetadata.ts"
import { pairsOf } from "./ImportPairs.ts"
import { importRun } from "./ImportRun.ts"
import { isSecretName } from "../SecretName.ts"
import type { StageImport } from "./StageImport.ts"
import { userOf } from "./UserText.ts"

/** Adds what the current instruction says to its stage. Throws `ImportRefused`. */
export const importInstruction = (stage: StageImport): void => {
  const { keyword } = stage.current
  const read = instructions.get(keyword)
  if (read !== undefined) return read(stage)
  if (keyword === "ONBUILD") {
    stage.refuse(
      "ONBUILD is not imported: an image keeps no triggers here",
      "write what it says in the Dockerfiles that begin with this image"
    )
  }
  stage.refuse(`${JSON.stringify(keyword)} is no instruction that is known`)
}

const arg = (stage: StageImport): void => {
  const { now, whole } = stage
  for (const { name, value } of pairsOf(stage.current, whole.dockerfile.escape)) {
    const given = whole.options.buildArguments.get(name)
    const known = given ?? (value === undefined ? stage.argument(name) : stage.expand(value))
    now.declared.add(name)
    if (known === undefined) continue
    if (known !== "" && isSecretName(name)) {
      stage.note(
        `the value of ${name} is in the plan, and can be in notes and logs: none of them keeps a secret`,
        "give it as a secret, with RUN --mount=type=secret"
      )
    }
    stage.arg(name, known)
  }
}

const env = (stage: StageImport): void => {
  const { expand } = stage
  // All of one instruction see what was set before it.
  const set = pairsOf(stage.current, stage.whole.dockerfile.escape).map(({ name, value = "" }) => ({
    name: expand(name),
    value: expand(value)
  }))
  for (const { name, value } of set) {
    if (name === "") stage.refuse("this ENV has an empty name")
    stage.now.environment.set(name, value)
    stage.env(name, value)
  }
}

const workdir = (stage: StageImport): void => {
  const path = stage.expand(stage.current.text.trim())
  if (path === "") stage.refuse("WORKDIR needs a path", "write WORKDIR /PATH")
  stage.workdir(path)
}

const user = (stage: StageImport): void => {
  const text = stage.expand(stage.current.text.trim())
  if (text === "") stage.refuse("USER needs a name or a number", "write USER NAME")
  stage.now.user = userOf(stage, text)
  stage.now.settings = { ...stage.now.settings, user: text }
}

const shell = (stage: StageImport): void => {
  const { json } = stage.current
  if (json === undefined || json.length === 0) stage.refuse("SHELL needs a list", `write SHELL ["/bin/bash", "-c"]`)
  stage.now.shell = json
  stage.now.settings = { ...stage.now.settings, shell: json }
}

const instructions: ReadonlyMap<string, (stage: StageImport) => void> = new Map([
  ["RUN", importRun],
  ["COPY", importCopy],
  ["ADD", importCopy],
  ["ARG", arg],
  ["ENV", env],
  ["WORKDIR", workdir],
  ["USER", user],
  ["SHELL", shell],
  ...metadata
])
