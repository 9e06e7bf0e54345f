/** Rules about caches, and what else is mounted for a step. */
import { show } from "../../SpecFields.ts"
import type { Cache, User } from "../../Spec.ts"
import type { Match, Rule } from "../Rule.ts"
import { nested } from "../Nesting.ts"
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
        else if (first.name !== name && !isRoot(user)) {
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

/** Who may write to anything. */
const isRoot = (user: User): boolean => (user._tag === "Named" ? ["root", "0"].includes(user.name) : user.uid === 0)

const userName = (user: User): string => (user._tag === "Named" ? show(user.name) : `${user.uid}:${user.gid}`)

export const nestedMount: Rule = {
  name: "nested-mount",
  severity: "warning",
  summary: "a cache or a secret within a cache of the same step",
  why: "the outer cache keeps an empty directory or file in its place, and hides what an image has there",
  remedy: "give each a directory of its own",
  find: ({ stages }) => {
    let length = 0
    return stages.flatMap(runs).flatMap(({ op, workdir }): ReadonlyArray<Match> => {
      const count = op.cache.length + op.secrets.length
      if (count < 2) return []
      // Each target may be as long as the directory that it is seen from.
      length += count * workdir.length
      if (length > LONGEST) return []
      const mounts = [
        ...op.cache.map((mount) => ({ mount, isCache: true })),
        ...op.secrets.map((mount) => ({ mount, isCache: false }))
      ].map((one) => ({ ...one, path: resolve(workdir, one.mount.target) }))
      return nested(mounts).map(({ holder, within: { mount } }) => ({
        part: mount,
        message: `${show(mount.target)} is within the cache ${show(holder.mount.id)}`,
        hint: "mount it somewhere else"
      }))
    })
  }
}

/** How long the directories of all mounts may be together, in UTF-16 code units: what comes after is not looked at. */
const LONGEST = 10_000_000
