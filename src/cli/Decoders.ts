/** What the values of flags mean, and what is said of those that mean nothing. */
import * as Either from "effect/Either"
import type { Variable } from "../domain/Inputs.ts"
import type * as Flag from "./Flag.ts"

/** A secret's name in the spec, and the file that holds it. */
export interface SecretArgument {
  readonly id: string
  readonly file: string
}

export const text: Flag.Decode<string> = (value) =>
  value === "" ? Either.left("needs a value, and got an empty one") : Either.right(value)

export const count: Flag.Decode<number> = (value) => {
  const number = Number(value)
  return /^[0-9]+$/.test(value) && number >= 1 && Number.isSafeInteger(number)
    ? Either.right(number)
    : Either.left(`must be a whole number from 1 on, not ${JSON.stringify(value)}`)
}

/** A number above nothing, such as 1.5. */
export const positive: Flag.Decode<number> = (value) =>
  /^(?:\d+\.?\d*|\.\d+)$/.test(value) && Number(value) > 0 && Number(value) <= 1e6
    ? Either.right(Number(value))
    : Either.left(`must be a number above 0, such as 1.5, not ${JSON.stringify(value)}`)
/** A user's that is none of the system's own. */
export const userId: Flag.Decode<number> = (value) => {
  const number = Number(value)
  return /^[0-9]{1,10}$/.test(value) && number >= 500 && number < 2 ** 31 - 1
    ? Either.right(number)
    : Either.left(`must be a user's number from 500 on, not ${JSON.stringify(value)}`)
}

export const absolutePath: Flag.Decode<string> = (value) =>
  value.startsWith("/") && !value.includes("\0")
    ? Either.right(value.replace(/(?<=[^/])\/+$/, ""))
    : Either.left(`must be an absolute path, not ${JSON.stringify(value)}`)

export const secret: Flag.Decode<SecretArgument> = (value) => {
  const colon = value.indexOf(":")
  const [id, file] = [value.slice(0, colon), value.slice(colon + 1)]
  return colon > 0 && file !== ""
    ? Either.right({ id, file })
    : Either.left(`must be ID:FILE, not ${JSON.stringify(value)}`)
}

export const platform: Flag.Decode<string> = (value) =>
  /^[a-z0-9]+\/[a-z0-9]+(?:\/[a-z0-9]+)?$/.test(value)
    ? Either.right(value)
    : Either.left(`must be OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, not ${JSON.stringify(value)}`)

export const pair: Flag.Decode<Variable> = (value) => {
  const at = value.indexOf("=")
  return at > 0 && !value.includes("\0")
    ? Either.right({ name: value.slice(0, at), value: value.slice(at + 1) })
    : Either.left(`must be NAME=VALUE, not ${JSON.stringify(value)}`)
}

/** A build argument; without a value it has the environment's. */
export interface Argument {
  readonly name: string
  readonly value: string | undefined
}

export const argument: Flag.Decode<Argument> = (value) => {
  const [, name, given] = /^([^=\0]+)(?:=([^\0]*))?$/.exec(value) ?? []
  return name === undefined
    ? Either.left(`must be NAME or NAME=VALUE, not ${JSON.stringify(value)}`)
    : Either.right({ name, value: given })
}

/** A program with its arguments: a JSON array, or one word. */
export const words: Flag.Decode<ReadonlyArray<string>> = (value) => {
  if (!value.startsWith("[")) return value === "" ? Either.right([]) : Either.right([value])
  let read: unknown
  try {
    read = JSON.parse(value)
  } catch {
    read = undefined
  }
  return Array.isArray(read) && read.every((one) => typeof one === "string")
    ? Either.right(read)
    : Either.left(`must be a JSON array of texts such as '["make", "-j4"]', not ${JSON.stringify(value)}`)
}

export const port: Flag.Decode<string> = (value) => {
  const [, number = "", protocol = "tcp"] = /^([0-9]{1,5})(?:\/(tcp|udp|sctp))?$/.exec(value) ?? []
  return Number(number) >= 1 && Number(number) <= 65535
    ? Either.right(`${number}/${protocol}`)
    : Either.left(`must be a port such as 80 or 53/udp, not ${JSON.stringify(value)}`)
}
