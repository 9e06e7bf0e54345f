/** COPY --from: of another stage, or an image. What is there is not known before it is built. */
import type { User } from "../Spec.ts"
import { isPattern } from "./ContextSources.ts"
import type { CopyFlags } from "./CopyFlags.ts"
import { nameEverywhere } from "./CopyExclude.ts"
import { absolute, into, nameOf, parentOf } from "./ImagePaths.ts"
import type { Target } from "./ImportCopy.ts"
import { quoted } from "./ShellQuote.ts"
import type { StageImport } from "./StageImport.ts"

export const copyFromBuild = (
  stage: StageImport,
  from: string,
  sources: ReadonlyArray<string>,
  target: Target,
  flags: CopyFlags
): void => {
  const name = stage.whole.buildFor(from, stage)
  const src = sources.map((source) => absolute("/", source))
  const pattern = sources.find(isPattern)
  if (pattern !== undefined) {
    stage.refuse(
      `what ${JSON.stringify(pattern)} matches in ${JSON.stringify(from)} is not known before that is built`,
      `gather it there in a directory, with a RUN, and copy that`,
      stage.current.argumentsRange
    )
  }
  const exclude = flags.exclude.map(
    (one) =>
      nameEverywhere(one) ??
      stage.refuse(
        `--exclude=${one}: what is left out of another stage must be a name, at any depth`,
        "write --exclude=**/NAME"
      )
  )
  const { mode, owner, preserve } = flags
  const build = { from: { _tag: "Build", name }, exclude } as const
  if (mode !== undefined) {
    // What is a directory is not known; aside from everything else, all of it can be given the mode.
    stage.copy(
      { ...build, src, dst: into(ASIDE), ...(target.isDirectory ? { contents: true } : {}), ...preserve },
      owner
    )
    stage.note(`--chmod=${mode} is done by find, chmod and cp of the image, which must have them`)
    const from = `${ASIDE}/${nameOf(src[0] ?? "")}`
    stage.help(
      [
        "set -e",
        // Of an empty directory's content nothing was made.
        `mkdir -p ${ASIDE}`,
        `find ${ASIDE} -mindepth 1 ! -type l -exec chmod ${mode} {} +`,
        ...(target.isDirectory ? emptied(ASIDE, target.path, owner) : placed(from, target.path, owner)),
        `rm -r ${ASIDE}`
      ].join("\n")
    )
    if (target.isDirectory) stage.isDirectory(target.path)
    return
  }
  const isOther = owner._tag === "Named" || owner.uid !== 0 || owner.gid !== 0
  if (isOther) stage.makeWorkdir()
  if (target.isDirectory) {
    stage.copy({ ...build, src, dst: into(target.path), contents: true, ...preserve }, owner)
    stage.isDirectory(target.path)
  } else {
    // A directory that is there stays as it is; whether it is one that is copied is not known.
    stage.copy({ ...build, src, dst: target.path, contents: true, ...preserve }, owner)
  }
}

/** Where something is until it has its modes. */
const ASIDE = "/.obuilder-copy"

/** Puts a file or a directory, whichever it is, where it belongs. */
const placed = (from: string, to: string, owner: User): ReadonlyArray<string> => [
  `if [ -d ${quoted(from)} ] && [ ! -L ${quoted(from)} ]; then`,
  ...emptied(from, to, owner),
  "else",
  ...made(parentOf(to), owner),
  `cp -a ${quoted(from)} ${quoted(to)}`,
  "fi"
]

/** Puts what a directory holds into another, which stays as it is, or is made: copied whole it would give that its owner and mode. */
const emptied = (from: string, to: string, owner: User): ReadonlyArray<string> => [
  ...made(to, owner),
  `for f in ${["*", ".[!.]*", "..?*"].map((names) => `${quoted(from)}/${names}`).join(" ")}; do`,
  `if [ -e "$f" ] || [ -L "$f" ]; then cp -a "$f" ${quoted(to)}; fi`,
  "done"
]

/** Makes a directory, and those on the way to it, for their owner. */
const made = (path: string, owner: User): ReadonlyArray<string> => {
  const name = owner._tag === "Named" ? `${owner.name}:` : `${owner.uid}:${owner.gid}`
  return [
    `t=${quoted(path)}; set --`,
    `while [ ! -e "$t" ]; do set -- "$t" "$@"; t=\${t%/*}; [ -n "$t" ] || t=/; done`,
    `for d in "$@"; do mkdir -m 755 "$d"; chown ${quoted(name)} "$d"; done`
  ]
}
