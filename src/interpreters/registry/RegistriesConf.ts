/**
 * Which registries stand for others, containers-registries.conf(5), version 2:
 * mirrors, other locations, insecure and blocked ones. Short names are Docker's
 * here, whatever the file says of them.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { parse as parseToml } from "smol-toml"
import type { RegistryReference } from "../../domain/ImageReference.ts"
import { problem } from "../base/ImageProblem.ts"
import * as Endpoint from "./Endpoint.ts"

const Mirror = Schema.Struct({
  location: Schema.String,
  insecure: Schema.optionalWith(Schema.Boolean, { default: () => false }),
  "pull-from-mirror": Schema.optionalWith(Schema.Literal("all", "digest-only", "tag-only"), {
    default: () => "all" as const
  })
})

const Registry = Schema.Struct({
  prefix: Schema.optional(Schema.String),
  location: Schema.optional(Schema.String),
  insecure: Schema.optionalWith(Schema.Boolean, { default: () => false }),
  blocked: Schema.optionalWith(Schema.Boolean, { default: () => false }),
  "mirror-by-digest-only": Schema.optionalWith(Schema.Boolean, { default: () => false }),
  mirror: Schema.optionalWith(Schema.Array(Mirror), { default: () => [] })
})
export type Registry = typeof Registry.Type

const Conf = Schema.Struct({
  registry: Schema.optionalWith(Schema.Array(Registry), { default: () => [] })
})

/** Reads a file's text. Throws an `ImageProblem` that names the file. */
export const parse = (text: string, file: string): ReadonlyArray<Registry> => {
  let value: unknown
  try {
    value = parseToml(text)
  } catch (cause) {
    const [first = ""] = String(cause instanceof Error ? cause.message : cause).split("\n")
    throw problem(`${file} cannot be read: ${first}`, "see containers-registries.conf(5)", cause)
  }
  const decoded = Schema.decodeUnknownEither(Conf)(value)
  if (Either.isRight(decoded)) return decoded.right.registry
  throw problem(`${file} is not what it should be`, "see containers-registries.conf(5)", decoded.left)
}

/** Where to look for an image, in this order. Throws an `ImageProblem` where its registry is blocked. */
export const endpoints = (
  registries: ReadonlyArray<Registry>,
  image: RegistryReference
): ReadonlyArray<Endpoint.Endpoint> => {
  // Hosts have no capital letters.
  const name = `${image.domain.toLowerCase()}/${image.repository}`
  const best = ruleFor(registries, name)
  if (best === undefined) return [Endpoint.make(image.domain.toLowerCase(), image.repository, false)]
  const { matched, registry } = best
  if (registry.blocked) {
    throw problem(`${name} is in a registry that registries.conf blocks`, "take it from another registry")
  }
  const isPinned = Option.isSome(image.digest)
  const rest = name.slice(matched)
  const mirrors = registry.mirror.filter(
    (mirror) =>
      (isPinned || !registry["mirror-by-digest-only"]) &&
      mirror["pull-from-mirror"] !== (isPinned ? "tag-only" : "digest-only")
  )
  // A wildcard names many registries: there is no other location for them.
  const own =
    registry.location === undefined || registry.prefix?.startsWith("*.") === true ? name : registry.location + rest
  return [...mirrors.map(({ insecure, location }) => at(location + rest, insecure)), at(own, registry.insecure)]
}

/** Whether no image of a host may be asked for. */
export const isBlocked = (registries: ReadonlyArray<Registry>, host: string): boolean =>
  ruleFor(registries, host.toLowerCase())?.registry.blocked === true

const ruleFor = (registries: ReadonlyArray<Registry>, name: string) =>
  registries
    .flatMap((registry) => {
      const matched = matching((registry.prefix ?? registry.location ?? "").toLowerCase(), name)
      return matched === undefined ? [] : [{ registry, matched }]
    })
    .sort((a, b) => b.matched - a.matched)[0]

/** How much of a name a prefix stands for; `undefined` where it does not match. */
const matching = (prefix: string, name: string): number | undefined => {
  if (prefix === "") return undefined
  if (prefix.startsWith("*.")) {
    const end = (/[/:]/.exec(name) ?? { index: name.length }).index
    return name.slice(0, end).endsWith(prefix.slice(1)) ? end : undefined
  }
  // A host's rule is for all its ports.
  return name === prefix || (name.startsWith(prefix) && /[/:]/.test(name.charAt(prefix.length)))
    ? prefix.length
    : undefined
}

const at = (name: string, insecure: boolean): Endpoint.Endpoint => {
  const slash = name.indexOf("/")
  return Endpoint.make(slash < 0 ? name : name.slice(0, slash), slash < 0 ? "" : name.slice(slash + 1), insecure)
}
