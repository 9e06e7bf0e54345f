/** What commands do that matters to a build: install packages, fetch things. By the names of well-known programs. */
import type { Command } from "./ShellCommands.ts"

/** What an installing command installs. */
export type Install =
  /** Packages that it names: the source directory has no part in it. */
  | "packages"
  /** What files say that have been copied, such as `package.json`. */
  | "manifest"

/** The first word of a program's that is no option. */
const verb = (command: Command): string => command.slice(1).find((word) => !word.startsWith("-")) ?? ""

/** What follows that word, without options. */
const operands = (command: Command): ReadonlyArray<string> => {
  const at = command.indexOf(verb(command), 1)
  return at < 0 ? [] : command.slice(at + 1).filter((word) => !word.startsWith("-"))
}

const isPath = (word: string): boolean => /^\.{0,2}\/|^\.{1,2}$|\.(?:deb|apk|rpm|whl|gem|tgz|txt|tar\.gz)$/.test(word)

/** Programs whose packages have no `/` in their names, but for npm's scopes: `@types/node`. */
const withPaths = new Set(["pip", "gem", "npm", "cargo"])

const isPathFor = (program: string, word: string): boolean =>
  isPath(word) || (withPaths.has(program) && /^[^@].*\//.test(word) && !word.includes("://"))

/** Packages in files, which are what was built. */
const isBuilt = (word: string): boolean => /\.(?:whl|gem|tgz)$/.test(word) && !word.includes("://")

/** What an installing command of a language's installs is the project itself, and not what it depends on. */
const isOwn = (command: Command, named: ReadonlyArray<string>): boolean => {
  const [program = ""] = command
  const has = (option: string): boolean => command.includes(option)
  if (program === "cargo") return command.some((word) => /^--path(?:=|$)/.test(word))
  if (program === "opam") return has("--working-dir") && !has("--deps-only") && named.some(isPath)
  const files = named.filter((word) => isPathFor(program, word))
  if (files.length === 0 || files.length < named.length) return false
  return files.every(isBuilt) || (program === "pip" && has("--no-deps"))
}

/** `python3 -m pip install` is `pip install`. */
const plain = (command: Command): Command => {
  const [program = "", flag, module = "", ...rest] = command
  if (/^python[\d.]*$/.test(program) && flag === "-m") return [module, ...rest]
  return /^pip[\d.]+$/.test(program) ? ["pip", ...command.slice(1)] : command
}

const systems: Readonly<Record<string, ReadonlyArray<string>>> = {
  "apt-get": ["install", "upgrade", "dist-upgrade", "build-dep"],
  apt: ["install", "upgrade", "full-upgrade", "build-dep"],
  aptitude: ["install"],
  apk: ["add", "upgrade"],
  dnf: ["install", "upgrade"],
  microdnf: ["install"],
  yum: ["install"],
  zypper: ["install", "in"],
  brew: ["install"]
}

/** With what they install when they name nothing. */
const languages: Readonly<Record<string, ReadonlyArray<string>>> = {
  pip: ["install"],
  npm: ["ci", "install", "i"],
  pnpm: ["install", "i", "add"],
  yarn: ["install", "add"],
  opam: ["install"],
  gem: ["install"],
  go: ["mod", "get"],
  cargo: ["fetch", "install"],
  bundle: ["install"],
  composer: ["install", "require"],
  poetry: ["install"]
}

const has = (table: Readonly<Record<string, ReadonlyArray<string>>>, command: Command): boolean => {
  const [program = ""] = command
  return Object.hasOwn(table, program) && (table[program] ?? []).includes(verb(command))
}

/** What a command installs, if it does. */
export const installs = (given: Command): Install | undefined => {
  const command = plain(given)
  const named = operands(command)
  if (command[0] === "yarn" && command.length === 1) return "manifest"
  if (command[0] === "go" && verb(command) === "mod") return named[0] === "download" ? "manifest" : undefined
  if (has(systems, command)) return named.some(isPath) ? undefined : "packages"
  if (!has(languages, command) || isOwn(command, named)) return undefined
  return named.length > 0 && !named.some((word) => isPathFor(command[0] ?? "", word)) ? "packages" : "manifest"
}

const fetching = new Set(["curl", "wget"])

/** It needs a network. Only what can do nothing at all without one counts. */
export const fetches = (given: Command): boolean => {
  const command = plain(given)
  const [program = ""] = command
  const told = (pattern: RegExp): boolean => command.some((word) => pattern.test(word))
  if (told(/^--(?:offline|no-index|no-network|help|version|simulate|dry-run)$|^-[hV]$/)) return false
  if (fetching.has(program)) return told(/^(?:https?|ftp):\/\/(?!localhost|127\.)/)
  if (program === "git") return isRemoteGit(command)
  if (["apt-get", "apt", "apk", "opam"].includes(program) && verb(command) === "update") return true
  return installs(command) === "packages" && !told(/^--cache-dir|^file:/)
}

/** Which program a command runs, however it is called. */
export const program = (command: Command): string => plain(command)[0] ?? ""

/** After it, `opam update` may be about a directory. */
export const isOpamRepository = (command: Command): boolean =>
  command[0] === "opam" && ["repo", "repository", "remote"].includes(verb(command))

export const isOpamUpdate = (command: Command): boolean => command[0] === "opam" && verb(command) === "update"

const isRemoteGit = (command: Command): boolean =>
  verb(command) === "clone" && command.some((word) => /^(?:https?|git|ssh):\/\/|^git@/.test(word))
