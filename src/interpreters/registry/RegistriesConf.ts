/**
 * Which registries stand for others, containers-registries.conf(5), version 2:
 * mirrors, other locations, insecure and blocked ones. Short names are Docker's
 * here, whatever the file says of them.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { RegistryReference } from "../../domain/ImageReference.ts"
import { problem } from "../base/ImageProblem.ts"
import * as Endpoint from "./Endpoint.ts"
import * as UserDirectories from "./UserDirectories.ts"

const CONF = "registries.conf"

/** Made at the first use: schemas take time to make, and most commands read no such file. */
const schema = () => {
  const no = { default: () => false }
  const Mirror = Schema.Struct({
    location: Schema.String,
    insecure: Schema.optionalWith(Schema.Boolean, no),
    "pull-from-mirror": Schema.optionalWith(Schema.Literal("all", "digest-only", "tag-only"), {
      default: () => "all" as const
    })
  })
  const Registry = Schema.Struct({
    prefix: Schema.optional(Schema.String),
    location: Schema.optional(Schema.String),
    insecure: Schema.optionalWith(Schema.Boolean, no),
    blocked: Schema.optionalWith(Schema.Boolean, no),
    "mirror-by-digest-only": Schema.optionalWith(Schema.Boolean, no),
    mirror: Schema.optionalWith(Schema.Array(Mirror), { default: () => [] })
  })
  return Schema.Struct({ registry: Schema.optionalWith(Schema.Array(Registry), { default: () => [] }) })
}

export type Registry = ReturnType<typeof schema>["Type"]["registry"][number]

/** Those of containers-registries.conf(5) that are there, the ones that count more first. */
export const files = (environment: UserDirectories.Environment): ReadonlyArray<string> => {
  const { CONTAINERS_REGISTRIES_CONF } = environment
  if (UserDirectories.isSet(CONTAINERS_REGISTRIES_CONF)) return [CONTAINERS_REGISTRIES_CONF]
  const own = join(UserDirectories.configuration(environment), "containers")
  const [directory] = [own, "/etc/containers"].filter((path) => existsSync(join(path, CONF)))
  const parts = ["/etc/containers", own].map((path) => join(path, `${CONF}.d`)).filter((path) => existsSync(path))
  return [
    ...parts
      .flatMap((path) =>
        readdirSync(path)
          .filter((name) => name.endsWith(".conf"))
          .sort()
          .map((name) => join(path, name))
      )
      .toReversed(),
    ...(directory === undefined ? [] : [join(directory, CONF)])
  ]
}

/** Reads files, those that count more first. Throws an `ImageProblem` that names the one that is wrong. */
export const read = async (files: ReadonlyArray<string>): Promise<ReadonlyArray<Registry>> => {
  if (files.length === 0) return []
  const { parse: parseToml } = await import("smol-toml")
  return files.flatMap((file) => parse(parseToml, readFileSync(file, "utf8"), file))
}

/** Reads a file's text. */
export const parse = (parseToml: (text: string) => unknown, text: string, file: string): ReadonlyArray<Registry> => {
  let value: unknown
  try {
    value = parseToml(text)
  } catch (cause) {
    const [first = ""] = String(cause instanceof Error ? cause.message : cause).split("\n")
    throw problem(`${file} cannot be read: ${first}`, "see containers-registries.conf(5)", cause)
  }
  const decoded = Schema.decodeUnknownEither(schema())(value)
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

/** The image's own place, which is no mirror. Throws an `ImageProblem` where its registry is blocked. */
export const own = (registries: ReadonlyArray<Registry>, image: RegistryReference): Endpoint.Endpoint => {
  const last = endpoints(registries, image).at(-1)
  if (last === undefined) throw problem(`there is no place for ${image.domain}/${image.repository}`)
  return last
}

/** Whether no image of a host, or of a repository there, may be asked for. */
export const isBlocked = (registries: ReadonlyArray<Registry>, name: string): boolean =>
  ruleFor(registries, name.toLowerCase())?.registry.blocked === true

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
