/** Says in a user's words what the system refused, and what to do about it. */
import * as Option from "effect/Option"
import { dirname } from "node:path"
import { StoreError } from "../Store.ts"

interface Advice {
  readonly message: string
  readonly hint?: string
}

const ADVICE: ReadonlyMap<string, Advice> = new Map([
  ["ENOSPC", { message: "the disk is full", hint: "free some space there, or name another directory with --store" }],
  ["EDQUOT", { message: "the disk quota is used up", hint: "free some space, or name another directory with --store" }],
  ["EROFS", { message: "the file system is read-only", hint: "name a directory that can be written to with --store" }],
  ["EACCES", { message: "permission denied", hint: "run as root, e.g. with sudo" }],
  ["EPERM", { message: "operation not permitted", hint: "run as root, e.g. with sudo" }],
  ["ENOENT", { message: "there is no such file or directory" }],
  ["ENOTDIR", { message: "a part of its path is not a directory" }],
  ["EISDIR", { message: "it is a directory" }],
  ["ELOOP", { message: "too many symbolic links lead to it" }],
  ["ENAMETOOLONG", { message: "the path is too long" }],
  ["EMFILE", { message: "too many files are open", hint: "raise the limit with ulimit -n" }],
  ["EILSEQ", { message: "a file name is not valid UTF-8" }]
])

/** What a code of the system's means, if that is known. */
export const wordsFor = (code: string): string | undefined => ADVICE.get(code)?.message

/** A failure of the store's own doing, from an error of Node's or of `Libc.ts`. `what` is what was being done. */
export const storeError = (what: string, error: unknown): StoreError => {
  if (error instanceof StoreError) return error
  const { code, path, message } = error as NodeJS.ErrnoException
  const advice = code === undefined ? undefined : ADVICE.get(code)
  const at = path === undefined || what.includes(path) || what.includes(dirname(path)) ? "" : ` (${path})`
  return new StoreError({
    message: `${what}: ${advice?.message ?? message}${advice === undefined ? "" : at}`,
    hint: Option.fromNullable(advice?.hint),
    cause: error
  })
}

export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code
