/** How a shell makes a directory as Docker does. */
import { quoted } from "./ShellQuote.ts"

/**
 * Lines that make it, and those on the way to it that are not there, for an
 * owner as `chown` takes him. What is there stays as it is.
 */
export const makeDirectory = (path: string, owner: string): ReadonlyArray<string> => {
  if (path === "/") return []
  if (owner === ROOT) return [`mkdir -p ${quoted(path)} || exit`]
  return [
    `t=${quoted(path)}; set --`,
    `while [ ! -e "$t" ]; do set -- "$t" "$@"; t=\${t%/*}; [ -n "$t" ] || t=/; done`,
    `for d in "$@"; do mkdir "$d" && chown ${quoted(owner)} "$d" || exit; done`
  ]
}

/** Whom the step belongs to that makes it. */
export const ROOT = "0:0"
