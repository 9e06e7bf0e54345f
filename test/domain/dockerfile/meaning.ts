/** When a Dockerfile and a spec are equivalent. */
import { allSpecs } from "../../../src/domain/Bases.ts"
import { sha256 } from "../../../src/domain/Digest.ts"
import type { Spec } from "../../../src/domain/Spec.ts"

/**
 * What a spec's steps are given, nested builds by a digest of that. Not the
 * network, which Docker's steps always have, nor the lines of a command, nor
 * comments, nor BuildKit's options, nor `(contents)`, nor `(preserve …)`, since
 * COPY keeps modes whatever the spec says, nor steps that only make a working
 * directory; and of nested builds those that are used. All of them have names of
 * their own.
 */
export const meaning = (spec: Spec): unknown => {
  const builds = new Map(
    allSpecs(spec).flatMap(({ builds }) => builds.map(({ name, spec }): [string, Spec] => [name, spec]))
  )
  const digests = new Map<Spec, string>()
  /** Once for each: a build may be copied from by many, and these by many others. */
  const digestOf = (nested: Spec): string => {
    const digest = digests.get(nested) ?? sha256(JSON.stringify(steps(nested)))
    digests.set(nested, digest)
    return digest
  }
  const steps = ({ from, ops }: Spec): unknown => {
    const found: Array<unknown> = [from]
    let [cwd, shell, owner] = ["/", [] as ReadonlyArray<string>, "0:0"]
    const environment = new Map<string, string>()
    const at = (path: string): string => (path.startsWith("/") ? path : `${cwd === "/" ? "" : cwd}/${path}`)
    for (const op of ops) {
      if (op._tag === "Workdir") cwd = at(op.path)
      else if (op._tag === "Shell") shell = op.args
      else if (op._tag === "User") owner = op.user._tag === "Unix" ? `${op.user.uid}:${op.user.gid}` : op.user.name
      else if (op._tag === "Env") environment.set(op.name, op.value)
      else if (op._tag === "Run" && op.shell !== "true" && !op.shell.includes("set --")) {
        const mounts = [...op.cache, ...op.secrets].map(({ id, target }) => [id, at(target)])
        found.push([[...shell, oneLine(op.shell)], cwd, owner, [...environment].sort(), mounts])
      } else if (op._tag === "Copy") {
        const nested = op.from._tag === "Build" ? builds.get(op.from.name) : undefined
        const sources = op.src.map((path) => path.replace(/^\//, ""))
        // COPY names no user where owners are kept, and so none can come back.
        const theirs = op.preserve?.includes("owners") === true ? "0:0" : owner
        found.push([sources, at(op.dst), theirs, nested === undefined ? "context" : digestOf(nested)])
      }
    }
    return found
  }
  return steps(spec)
}

/** RUN makes one line of a command. */
const oneLine = (command: string): string => command.replaceAll(/\s+/g, " ").trim()
