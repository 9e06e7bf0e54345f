/** The mounts of a RUN: those that a spec has, and those that have to be put in for the step and taken away after it. */
import { type BuildkitOption, type Cache, root } from "../Spec.ts"
import { choose, copiesOf } from "./ContextCopies.ts"
import { find } from "./ContextSources.ts"
import type { InstructionFlag } from "./Dockerfile.ts"
import { absolute, isWithin, nameOf, parentOf } from "./ImagePaths.ts"
import { ImportRefused } from "./ImportRefused.ts"
import { isTrue, type Mount, mountOf } from "./MountFlags.ts"
import { quoted } from "./ShellQuote.ts"
import { hintOf } from "./ImportCopy.ts"
import type { StageImport } from "./StageImport.ts"

export interface Mounts {
  readonly cache: ReadonlyArray<Cache>
  readonly secrets: ReadonlyArray<Cache>
  /** Commands to run before the step's own, by its shell: one a line. */
  readonly before: ReadonlyArray<string>
  /** What has to be there for the step alone. */
  readonly passing: ReadonlyArray<Mount & { readonly target: string }>
}

const PASSING = new Set(["bind", "tmpfs"])

export const mountsOf = (stage: StageImport): Mounts => {
  const cache: Array<Cache> = []
  const secrets: Array<Cache> = []
  const before: Array<string> = []
  const passing: Array<Mount & { readonly target: string }> = []
  for (const flag of stage.current.flags.filter(({ name }) => name === "mount")) {
    const mount = mountOf(stage, flag)
    if (mount.type === "cache") cache.push(cacheOf(stage, mount))
    else if (mount.type === "secret") secrets.push(secretOf(stage, mount, before))
    else if (PASSING.has(mount.type)) passing.push({ ...mount, target: targetOf(stage, mount) })
  }
  return { cache, secrets, before, passing }
}

const targetOf = (stage: StageImport, { fields, flag }: Mount): string => {
  const target = fields.get("target")
  if (target === undefined || target === "") {
    return stage.refuse("this mount has no target", "write target=PATH", flag.range)
  }
  const path = absolute(stage.now.workdir, target)
  if (path === "/") stage.refuse("nothing can be mounted on the root directory", "write target=/PATH", flag.range)
  return path
}

/** What a spec cannot say, and `obuilder dockerfile --buildkit` writes again. */
const optionsOf = ({ fields }: Mount, names: ReadonlyArray<string>): ReadonlyArray<BuildkitOption> =>
  names.flatMap((name) => {
    const value = fields.get(name)
    return value === undefined ? [] : [{ name, value }]
  })

const cacheOf = (stage: StageImport, mount: Mount): Cache => {
  const { fields, flag } = mount
  const target = targetOf(stage, mount)
  if (fields.has("from") || fields.has("source")) {
    stage.refuse("a cache begins empty here, and not with files of an image", "copy them in the RUN", flag.range)
  }
  if (isTrue(fields.get("readonly"))) {
    stage.note("the cache is writable here: what the step changes in it is kept")
  }
  const owned = ["mode", "uid", "gid"].filter((name) => fields.has(name))
  if (owned.length > 0) {
    stage.note(`a new cache belongs to the step's user, with the mode 0755, whatever ${owned.join(", ")} says`)
  }
  const sharing = fields.get("sharing")
  if (sharing !== undefined && sharing !== "shared" && sharing !== "private" && sharing !== "locked") {
    stage.refuse(`${JSON.stringify(sharing)} is no way to share a cache`, "write shared, private or locked", flag.range)
  }
  if (sharing === "locked") {
    stage.note("the cache is not locked: steps that run at the same time have a copy each, of which one is kept")
  }
  const id = fields.get("id") ?? target
  return { id, target, buildkitOptions: optionsOf(mount, ["sharing", "mode", "uid", "gid"]) }
}

const secretOf = (stage: StageImport, mount: Mount, before: Array<string>): Cache => {
  const { fields, flag } = mount
  const named = fields.get("id") ?? fields.get("source")
  const wanted = fields.get("target")
  const variable = fields.get("env")
  const id = named ?? (wanted === undefined ? "" : nameOf(wanted))
  if (id === "") return stage.refuse("this secret has no name", "write id=NAME", flag.range)
  const target = absolute("/", wanted === undefined ? `/run/secrets/${id}` : absolute(stage.now.workdir, wanted))
  if (!isTrue(fields.get("required"))) {
    stage.note(`the secret ${JSON.stringify(id)} has to be given: a build without --secret ${id}:FILE is refused`)
  }
  const owned = ["mode", "uid", "gid"].filter((name) => fields.has(name))
  if (owned.length > 0) stage.note(`the secret is a file that the step can read, whatever ${owned.join(", ")} says`)
  if (variable !== undefined) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) {
      stage.refuse(`${JSON.stringify(variable)} cannot be a variable's name`, undefined, flag.range)
    }
    if (wanted === undefined) stage.note(`the secret is also a file, ${target}, from which the step's shell reads it`)
    // A shell takes line ends away from the end of what it reads; the x keeps them.
    before.push(`${variable}="$(cat ${quoted(target)}; echo x)"; export ${variable}="\${${variable}%x}"`)
  }
  return { id, target, buildkitOptions: optionsOf(mount, ["mode", "uid", "gid", "required"]) }
}

/** Remembers, for the step, what was made on the way to its mounts. */
const MADE = "/.obuilder-mount"

/** Makes room for what is there for the next step only. Fails where something is in its place. */
export const putIn = (stage: StageImport, { passing }: Mounts): void => {
  if (passing.length === 0) return
  stage.note(
    "what is mounted for the step is put into the image before it, and removed after it, by a shell of the image",
    "its places must be empty, or not there at all: else the build fails and says so"
  )
  if (passing.some(({ fields, type }) => type === "tmpfs" && fields.has("size"))) {
    stage.note("the tmpfs has no size of its own: what the step writes there is on the disk until it ends")
  }
  if (passing.some(({ type }) => type === "bind")) {
    stage.note(
      "what is bound for the step is in a layer of an image that is exported or pushed without --squash",
      "use --squash, or a secret: --mount=type=secret"
    )
  }
  const nested = passing.find((one, index) =>
    passing.some((other, at) => at !== index && isWithin(other.target, one.target))
  )
  if (nested !== undefined) {
    stage.refuse("one mount is in another", "copy what the step needs, with a COPY before it", nested.flag.range)
  }
  for (const [index, mount] of passing.entries()) {
    const at = quoted(mount.target)
    stage.help(
      [
        `t=${at}`,
        `if [ -e "$t" ] || [ -L "$t" ]; then [ -d "$t" ] && [ ! -L "$t" ] && [ -z "$(ls -A "$t")" ] || { echo "$t has something in it, and cannot be mounted on: COPY what the step needs" >&2; exit 1; }; fi`,
        `n=0; while [ ! -e "$t" ]; do n=$((n+1)); t=\${t%/*}; [ -n "$t" ] || t=/; done`,
        `echo "$n" > ${MADE}-${index}`,
        ...(mount.type === "tmpfs"
          ? [`mkdir -p ${at}`, `chmod 1777 ${at}`]
          : [`mkdir -p ${quoted(parentOf(mount.target))}`])
      ].join("\n")
    )
    if (mount.type === "bind") bind(stage, mount)
  }
}

const bind = (stage: StageImport, { fields, flag, target }: Mounts["passing"][number]): void => {
  const source = fields.get("source") ?? "/"
  const from = fields.get("from")
  if (from !== undefined) {
    const name = buildFor(stage, from, flag)
    stage.copy(
      { from: { _tag: "Build", name }, src: [absolute("/", source)], dst: target, preserve: ["modes", "owners"] },
      root
    )
    return
  }
  const found = find(stage.whole.book, source)
  const [one] = found._tag === "Found" ? found.sources : []
  if (stage.whole.book.isAsking) return
  if (one === undefined || found._tag === "Nothing") {
    return stage.refuse(
      found._tag === "Nothing" ? found.message : "there is nothing to mount",
      found._tag === "Nothing" ? hintOf(stage, found) : undefined,
      flag.range
    )
  }
  if (one.entry.kind !== "directory") {
    stage.copy({ src: [one.path], dst: target, preserve: ["modes"] }, root)
    return
  }
  const chosen = choose(one.entry, () => {
    stage.whole.book.look()
    return false
  })
  const copies = copiesOf(chosen, one.path, target, false)
  stage.noteDirectory(one.path, copies)
  for (const copy of copies) stage.copy({ ...copy, preserve: ["modes"] }, root)
}

/** What is wrong with `from` is wrong with this mount, and not with all of the step. */
const buildFor = (stage: StageImport, from: string, flag: InstructionFlag): string => {
  try {
    return stage.whole.buildFor(from, stage)
  } catch (error) {
    throw error instanceof ImportRefused ? new ImportRefused(flag.range, error.message, error.hint) : error
  }
}

/** Takes it away again. */
export const takeOut = (stage: StageImport, { passing }: Mounts): void => {
  for (const [index, { target }] of [...passing.entries()].reverse()) {
    stage.help(
      [
        `t=${quoted(target)}`,
        `n=$(cat ${MADE}-${index})`,
        `rm -f ${MADE}-${index}`,
        `if [ "$n" = 0 ]; then`,
        `  for f in "$t"/* "$t"/.[!.]* "$t"/..?*; do if [ -e "$f" ] || [ -L "$f" ]; then rm -rf "$f"; fi; done`,
        `else`,
        `  rm -rf "$t"`,
        `  while [ "$n" -gt 1 ]; do n=$((n-1)); t=\${t%/*}; rmdir "$t" 2>/dev/null || break; done`,
        `fi`
      ].join("\n")
    )
  }
}
