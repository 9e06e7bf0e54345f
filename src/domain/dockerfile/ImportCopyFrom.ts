/** COPY --from: of another stage, or an image. What is there is not known before it is built. */
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
  const { mode, owner } = flags
  const build = { from: { _tag: "Build", name }, exclude } as const
  if (mode !== undefined) {
    // What is a directory is not known; aside from everything else, all of it can be given the mode.
    stage.copy({ ...build, src, dst: into(ASIDE), ...(target.isDirectory ? { contents: true } : {}) }, owner)
    stage.note(`--chmod=${mode} is done by chmod and cp of the image, which must have them`)
    stage.help(
      [
        `chmod -R ${mode} ${ASIDE}/*`,
        target.isDirectory
          ? `mkdir -p ${quoted(target.path)}`
          : placed(`${ASIDE}/${nameOf(src[0] ?? "")}`, target.path),
        ...(target.isDirectory ? [`cp -a ${ASIDE}/. ${quoted(target.path)}`] : []),
        `rm -r ${ASIDE}`
      ].join(" && ")
    )
    if (target.isDirectory) stage.isDirectory(target.path)
    return
  }
  const isOther = owner._tag === "Named" || owner.uid !== 0 || owner.gid !== 0
  if (isOther) stage.makeWorkdir()
  if (target.isDirectory) {
    stage.copy({ ...build, src, dst: into(target.path), contents: true }, owner)
    stage.isDirectory(target.path)
  } else {
    stage.copy({ ...build, src, dst: target.path }, owner)
  }
}

/** Where something is until it has its modes. */
const ASIDE = "/.obuilder-copy"

/** Puts a file or a directory, whichever it is, where it belongs. */
const placed = (from: string, to: string): string =>
  `mkdir -p ${quoted(parentOf(to))} && if [ -d ${quoted(from)} ]; then mkdir -p ${quoted(to)} && cp -a ${quoted(`${from}/.`)} ${quoted(to)}; else cp -a ${quoted(from)} ${quoted(to)}; fi`
