/** What a run has in its user's directory: the script, the file for its status, and secrets. */
import * as Fs from "node:fs"
import type { Variable } from "../../../domain/Inputs.ts"
import type { Command, SecretFile } from "../../Sandbox.ts"
import * as Script from "./Script.ts"

interface User {
  readonly uid: number
  readonly gid: number
}

/** What no command can be given. */
export class BadCommand extends Error {}

/** Tells the step where its secrets are, as OBuilder does. */
export const SECRETS_DIRECTORY = "OBUILDER_SECRETS_DIR"

const SCRIPT = "command"
const STATUS = "status"

/** Writes them into a directory, which is made; gives the path of the script. Throws {@link BadCommand} before it writes anything. */
export const write = (directory: string, command: Command, user: User): string => {
  check(command)
  const names = secretNames(command.secrets)
  Fs.mkdirSync(directory, { mode: 0o711 })
  Fs.chmodSync(directory, 0o711)
  const status = `${directory}/${STATUS}`
  give(status, "", 0o600, user)
  const environment = [...command.environment, ...putSecrets(`${directory}/secrets`, command.secrets, names, user)]
  const script = Script.make({ argv: command.argv, cwd: command.cwd, environment, status })
  give(`${directory}/${SCRIPT}`, script, 0o400, user)
  return `${directory}/${SCRIPT}`
}

/** What the script has written as its status, at most so long. The directory is root's: the file is what it was made as. */
export const readStatus = (directory: string): string => {
  const text = Buffer.alloc(MAX_STATUS)
  const file = Fs.openSync(`${directory}/${STATUS}`, "r")
  try {
    return text.toString("latin1", 0, Fs.readSync(file, text, 0, MAX_STATUS, 0))
  } finally {
    Fs.closeSync(file)
  }
}

const MAX_STATUS = 16

const check = ({ argv, cwd, environment }: Command): void => {
  if ([...argv, cwd, ...environment.flatMap(({ name, value }) => [name, value])].some((text) => text.includes("\0"))) {
    throw new BadCommand("the command, its environment or a path has a NUL character in it")
  }
}

/** Of the files in the directory of secrets, which lacks the ones that their targets name. */
const secretNames = (secrets: ReadonlyArray<SecretFile>): ReadonlyArray<string> => {
  const seen = new Map<string, string>()
  return secrets.map(({ target }) => {
    const name = target.split("/").findLast((part) => part !== "") ?? ""
    if (name === "" || name === "." || name === ".." || name.includes("\0")) {
      throw new BadCommand(`the secret's target ${JSON.stringify(target)} names no file`)
    }
    // As the file systems of macOS take names.
    const key = name.normalize("NFD").toLowerCase()
    const other = seen.get(key)
    if (other !== undefined) {
      throw new BadCommand(
        `the secrets for ${other} and ${target} would both be the file ${name} in the directory of secrets`
      )
    }
    seen.set(key, target)
    return name
  })
}

const putSecrets = (
  directory: string,
  secrets: ReadonlyArray<SecretFile>,
  names: ReadonlyArray<string>,
  user: User
): ReadonlyArray<Variable> => {
  if (secrets.length === 0) return []
  Fs.mkdirSync(directory, { mode: 0o700 })
  for (const [index, { content }] of secrets.entries()) give(`${directory}/${names[index]}`, content, 0o400, user)
  Fs.chownSync(directory, user.uid, user.gid)
  Fs.chmodSync(directory, 0o500)
  return [{ name: SECRETS_DIRECTORY, value: directory }]
}

/** Makes a file that only the user can open. */
const give = (path: string, content: string | Uint8Array, mode: number, { gid, uid }: User): void => {
  const file = Fs.openSync(path, "wx", 0o600)
  try {
    Fs.writeFileSync(file, content)
    Fs.fchownSync(file, uid, gid)
    Fs.fchmodSync(file, mode)
  } finally {
    Fs.closeSync(file)
  }
}
