/** Rules about caches, and what else is mounted for a step. */
import { show } from "../../SpecFields.ts"
import type { Cache, User } from "../../Spec.ts"
import type { Match, Rule } from "../Rule.ts"
import { resolve, runs } from "../Subject.ts"

export const cacheOwner: Rule = {
  name: "cache-owner",
  severity: "warning",
  summary: "a cache that steps of different users share",
  why: "it belongs to the user whose step is the first, and the others may not write to it",
  remedy: "give the steps of each user a cache with a name of its own",
  find: ({ parsed, stages }) => {
    const owners = new Map<string, { readonly name: string; readonly cache: Cache }>()
    const matches: Array<Match> = []
    for (const { op, user } of stages.flatMap(runs)) {
      for (const cache of op.cache) {
        const name = userName(user)
        const first = owners.get(cache.id)
        if (first === undefined) owners.set(cache.id, { name, cache })
        else if (first.name !== name) {
          const line = parsed.spans.get(first.cache)?.start.line
          matches.push({
            part: cache,
            message: `the cache ${show(cache.id)} is used by ${name} here, and by ${first.name}${line === undefined ? "" : ` in line ${line}`}`,
            hint: "a new cache belongs to the user whose step is the first: give each user one with a name of its own"
          })
        }
      }
    }
    return matches
  }
}

const userName = (user: User): string => (user._tag === "Named" ? show(user.name) : `${user.uid}:${user.gid}`)

export const nestedMount: Rule = {
  name: "nested-mount",
  severity: "warning",
  summary: "a cache or a secret within a cache of the same step",
  why: "the outer cache keeps an empty directory or file in its place, and hides what an image has there",
  remedy: "give each a directory of its own",
  find: ({ stages }) =>
    stages.flatMap(runs).flatMap(({ op, workdir }) => {
      const at = (target: string): string => resolve(workdir, target)
      const outer = new Map(op.cache.map((cache) => [at(cache.target), cache]))
      return [...op.cache, ...op.secrets].flatMap((mount): ReadonlyArray<Match> => {
        const holder = ancestors(at(mount.target)).find((path) => outer.has(path))
        const name = holder === undefined ? undefined : outer.get(holder)?.id
        if (name === undefined) return []
        return [
          {
            part: mount,
            message: `${show(mount.target)} is within the cache ${show(name)}`,
            hint: "mount it somewhere else"
          }
        ]
      })
    })
}

/** The directories that a path is in, without the root. Paths of caches are short; what is deep is not looked at. */
const ancestors = (path: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let at = path.indexOf("/", 1); at > 0 && found.length < 99; at = path.indexOf("/", at + 1)) {
    found.push(path.slice(0, at))
  }
  return found
}
