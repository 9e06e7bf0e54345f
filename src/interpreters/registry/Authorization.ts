/**
 * Who one is to a registry, when it asks: a password, or a token that somebody
 * gives for one whom the registry names.
 */
import * as ByteSource from "../base/ByteSource.ts"
import { problem } from "../base/ImageProblem.ts"
import * as Challenge from "./Challenge.ts"
import type { Reply, Request } from "./Connection.ts"
import type { Credentials } from "./Credentials.ts"
import * as Endpoint from "./Endpoint.ts"
import { denied, type Errand, refusal } from "./Refusals.ts"

export interface Asked extends Errand {
  /** Looked up when the registry asks for them. */
  readonly credentials: (signal: AbortSignal) => Promise<Credentials | undefined>
  /** Whether nobody may be asked who has this name. */
  readonly isBlocked: (host: string) => boolean
  /** Whether this may be talked to without TLS. */
  readonly isInsecure: (url: URL) => boolean
  readonly send: (request: TokenRequest) => Promise<Reply>
  readonly signal: AbortSignal
}

type TokenRequest = Pick<Request, "body" | "headers" | "method" | "url">

const MAX_TOKEN = 1024 * 1024

/** What a token is asked for. */
const SCOPES = { read: "pull", write: "pull,push" } as const

/** Does what the header `WWW-Authenticate` asks for; gives the header `Authorization` for the next request. */
export const authorize = async (header: string, asked: Asked): Promise<string> => {
  const challenges = Challenge.parse(header)
  const credentials = await asked.credentials(asked.signal)
  const bearer = challenges.find(({ scheme }) => scheme === "bearer")
  if (bearer !== undefined) return `Bearer ${await tokenFor(bearer, credentials, asked)}`
  if (!challenges.some(({ scheme }) => scheme === "basic")) {
    const name = Endpoint.nameOf(asked.endpoint)
    throw problem(`${name} asks for an authentication that is not known: ${header.slice(0, 200)}`)
  }
  if (credentials?._tag !== "Password") throw denied(asked)
  return basic(credentials)
}

/** Where the registry says, a token for this repository; with credentials if there are any. */
const tokenFor = async (
  { parameters }: Challenge.Challenge,
  credentials: Credentials | undefined,
  asked: Asked
): Promise<string> => {
  const name = Endpoint.nameOf(asked.endpoint)
  const realm = parameters.get("realm") ?? ""
  const url = URL.canParse(realm) ? new URL(realm) : undefined
  const isAllowed = url?.protocol === "https:" || (url?.protocol === "http:" && asked.isInsecure(url))
  if (url === undefined || !isAllowed || asked.isBlocked(url.host)) {
    throw problem(`${name} sends us to ${Endpoint.shown(realm)} for a token, which is no place for secrets`)
  }
  const service = parameters.get("service")
  const scopes = scopesFor(parameters.get("scope"), asked)
  const reply = await asked.send(
    credentials?._tag === "IdentityToken"
      ? exchangeToken(url, credentials.token, service, scopes)
      : fetchToken(url, credentials, service, scopes)
  )
  if (reply.status === 401 || reply.status === 403) {
    reply.discard()
    throw denied(asked)
  }
  if (reply.status !== 200) throw await refusal(reply, { method: "GET", path: `a token from ${url.host}` }, asked)
  const token = tokenIn(
    await ByteSource.collect(reply.body, MAX_TOKEN, `the token from ${url.host}`).finally(reply.discard)
  )
  if (token === undefined) throw problem(`${url.host} gives no token for ${name}`)
  return token
}

/** What a registry asks for, which may be several. Some speak of reading also where one has begun to write. */
const scopesFor = (asked: string | undefined, { endpoint, purpose }: Errand): ReadonlyArray<string> => {
  const scopeFor = (actions: string): string => `repository:${endpoint.repository}:${actions}`
  const own = scopeFor(SCOPES[purpose])
  return (asked ?? own).split(" ").map((one) => (one === scopeFor(SCOPES.read) ? own : one))
}

const basic = ({ password, user }: Extract<Credentials, { readonly _tag: "Password" }>): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`

const fetchToken = (
  realm: URL,
  credentials: Extract<Credentials, { readonly _tag: "Password" }> | undefined,
  service: string | undefined,
  scopes: ReadonlyArray<string>
): TokenRequest => {
  const url = new URL(realm)
  if (service !== undefined) url.searchParams.set("service", service)
  for (const one of scopes) url.searchParams.append("scope", one)
  return { method: "GET", url, headers: credentials === undefined ? {} : { authorization: basic(credentials) } }
}

/** OAuth 2, as distribution's documents describe it. */
const exchangeToken = (
  url: URL,
  token: string,
  service: string | undefined,
  scopes: ReadonlyArray<string>
): TokenRequest => ({
  method: "POST",
  url,
  headers: { "content-type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams({
    grant_type: "refresh_token",
    refresh_token: token,
    client_id: "obuilder",
    ...(service === undefined ? {} : { service }),
    scope: scopes.join(" ")
  }).toString()
})

const tokenIn = (bytes: Buffer): string | undefined => {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString("utf8"))
  } catch {
    return undefined
  }
  if (typeof value !== "object" || value === null) return undefined
  const { access_token, token }: { access_token?: unknown; token?: unknown } = value
  const found = [token, access_token].find((one) => typeof one === "string" && /^[\x21-\x7e]+$/.test(one))
  return typeof found === "string" ? found : undefined
}
