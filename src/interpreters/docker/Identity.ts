/**
 * Which engine a store is in, and what all names begin with that the engine has
 * of it. Both are found out when the store is made, and kept in its directory:
 * no two stores have one prefix, wherever they are and however they are named.
 */
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { codeOf } from "../host/IoError.ts"
import { readText } from "../host/Names.ts"

export interface Identity {
  /** The engine's own id; empty for those that say none. */
  readonly engine: string
  /** Letters, digits and dashes. */
  readonly prefix: string
}

const PREFIX = /^obuilder-[0-9a-f]{12}$/
const DIGITS = 12

/** `undefined` where there is no store yet. */
export const read = (path: string): Identity | undefined => {
  const text = readText(path)
  if (text === undefined) return undefined
  try {
    const { engine, prefix } = JSON.parse(text) as Partial<Identity>
    return typeof engine === "string" && typeof prefix === "string" && PREFIX.test(prefix)
      ? { engine, prefix }
      : undefined
  } catch {
    return undefined
  }
}

/** Makes one, unless another process is faster; gives the one that counts. */
export const make = (path: string, engine: string): Identity | undefined => {
  const random = randomBytes(DIGITS / 2).toString("hex")
  const temporary = `${path}.${random}`
  Fs.writeFileSync(temporary, JSON.stringify({ engine, prefix: `obuilder-${random}` }), { mode: 0o600, flush: true })
  try {
    // Unlike a rename, a link does not replace.
    Fs.linkSync(temporary, path)
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error
  } finally {
    Fs.unlinkSync(temporary)
  }
  return read(path)
}
