/**
 * Who one is to a registry: what `docker login` and `podman login` have written
 * (containers-auth.json(5)), and the programs that they keep secrets in
 * (`docker-credential-NAME`).
 */
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { problem } from "../base/ImageProblem.ts"
import type { Endpoint } from "./Endpoint.ts"
import * as UserDirectories from "./UserDirectories.ts"

export type Credentials =
  | { readonly _tag: "Password"; readonly user: string; readonly password: string }
  /** To be exchanged for another token where the registry says. */
  | { readonly _tag: "IdentityToken"; readonly token: string }

export interface CredentialsOptions {
  readonly environment: UserDirectories.Environment
  /** Ends a program that is asked. */
  readonly signal: AbortSignal
}

/** One file's entries; what is not of the right kind is left out. */
interface AuthFile {
  readonly path: string
  readonly auths: Readonly<Record<string, unknown>>
  readonly credHelpers: Readonly<Record<string, unknown>>
  readonly credsStore: string | undefined
}

/** The key that Docker's own registry has in these files. */
const DOCKER_HUB = "https://index.docker.io/v1/"

/** Milliseconds that a program may take to say a password. */
const HELPER_TIME = 30_000

/** Looks them up in the usual files, in the order of podman; `undefined` where there are none. Throws an `ImageProblem`. */
export const find = async (endpoint: Endpoint, options: CredentialsOptions): Promise<Credentials | undefined> => {
  const keys = keysOf(endpoint)
  for (const path of paths(options.environment)) {
    const file = read(path)
    if (file === undefined) continue
    for (const key of keys) {
      const helper = file.credHelpers[key]
      const entry = typeof helper === "string" ? await ask(helper, key, options) : entryOf(file.auths[key], path)
      if (entry !== undefined) return entry
    }
    if (file.credsStore === undefined) continue
    // Docker's own registry is kept by its address, others by their names.
    for (const key of keys.slice(-2).toSorted((a, b) => Number(b === DOCKER_HUB) - Number(a === DOCKER_HUB))) {
      const kept = await ask(file.credsStore, key, options)
      if (kept !== undefined) return kept
    }
  }
  return undefined
}

/** From the narrowest to the host alone, as both programs write them. */
const keysOf = ({ host, repository }: Endpoint): ReadonlyArray<string> => {
  const isHub = host === "registry-1.docker.io"
  const name = isHub ? "docker.io" : host
  const parts = repository.split("/")
  const narrow = parts.map((_, index) => [name, ...parts.slice(0, parts.length - index)].join("/"))
  return [...narrow, name, ...(isHub ? [DOCKER_HUB] : [`https://${name}`])]
}

const paths = (environment: UserDirectories.Environment): ReadonlyArray<string> => {
  const { DOCKER_CONFIG, REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR } = environment
  if (UserDirectories.isSet(REGISTRY_AUTH_FILE)) return [REGISTRY_AUTH_FILE]
  return [
    ...(UserDirectories.isSet(XDG_RUNTIME_DIR) ? [join(XDG_RUNTIME_DIR, "containers/auth.json")] : []),
    join(UserDirectories.configuration(environment), "containers/auth.json"),
    join(
      UserDirectories.isSet(DOCKER_CONFIG) ? DOCKER_CONFIG : join(UserDirectories.home(environment), ".docker"),
      "config.json"
    )
  ]
}

const read = (path: string): AuthFile | undefined => {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch {
    return undefined
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw problem(`${path} is not JSON`, "log in again: it is what docker login and podman login write")
  }
  const { auths, credHelpers, credsStore } = record(value)
  return {
    path,
    auths: record(auths),
    credHelpers: record(credHelpers),
    credsStore: typeof credsStore === "string" && credsStore !== "" ? credsStore : undefined
  }
}

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? { ...value } : {}

const entryOf = (value: unknown, path: string): Credentials | undefined => {
  const { auth, identitytoken } = record(value)
  if (typeof identitytoken === "string" && identitytoken !== "") return { _tag: "IdentityToken", token: identitytoken }
  if (typeof auth !== "string" || auth === "") return undefined
  const text = Buffer.from(auth, "base64").toString("utf8")
  const colon = text.indexOf(":")
  if (colon < 0) throw problem(`a password in ${path} is not what it should be`, "log in again")
  return { _tag: "Password", user: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") }
}

/** Asks a credential helper; it says so where it knows of none. */
const ask = async (
  helper: string,
  server: string,
  { environment, signal }: CredentialsOptions
): Promise<Credentials | undefined> => {
  const program = `docker-credential-${helper}`
  // A name, and never a path that the file could lead elsewhere with.
  if (!/^[\w.-]+$/.test(helper)) throw problem(`${JSON.stringify(helper)} is no name of a credential helper`)
  const answer = await new Promise<string>((resolve, reject) => {
    const child = execFile(
      program,
      ["get"],
      { env: environment, timeout: HELPER_TIME, encoding: "utf8", signal },
      (error, stdout) => {
        if (error === null) resolve(stdout)
        else if (signal.aborted) reject(error)
        else if (/credentials not found/i.test(stdout)) resolve("")
        else reject(problem(`${program} failed: ${stdout.trim() || error.message}`, "log in again", error))
      }
    )
    child.stdin?.on("error", () => undefined)
    child.stdin?.end(`${server}\n`)
  })
  if (answer === "") return undefined
  let value: unknown
  try {
    value = JSON.parse(answer)
  } catch {
    throw problem(`what ${program} says is not JSON`, "log in again")
  }
  const { Secret, Username } = record(value)
  if (typeof Secret !== "string" || Secret === "") return undefined
  return Username === "<token>"
    ? { _tag: "IdentityToken", token: Secret }
    : { _tag: "Password", user: typeof Username === "string" ? Username : "", password: Secret }
}
