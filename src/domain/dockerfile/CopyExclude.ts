/** `--exclude` of COPY and ADD: patterns as in `.dockerignore`, of paths below what is copied. */
import { type Ignore, isIgnored, parseIgnore } from "./Dockerignore.ts"

export const parseIgnored = (patterns: ReadonlyArray<string>): Ignore | undefined =>
  patterns.length === 0
    ? undefined
    : parseIgnore(patterns.map((pattern) => pattern.replaceAll(/[\r\n]/g, "")).join("\n"))

export const ignores = (ignore: Ignore | undefined, path: string): boolean =>
  ignore !== undefined && isIgnored(ignore, path)

/** The name that a pattern leaves out at any depth, if it does that. */
export const nameEverywhere = (pattern: string): string | undefined => {
  const [, name] = /^\*\*\/([^/*?[\]\\!#]+)$/.exec(pattern) ?? []
  return name
}
