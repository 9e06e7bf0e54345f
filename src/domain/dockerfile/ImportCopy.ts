/** COPY and ADD. */
import type { User } from "../Spec.ts"
import type { Archive } from "./ImportFacts.ts"
import { choose, copiesOf } from "./ContextCopies.ts"
import { find, isPattern, type Nothing, type Source } from "./ContextSources.ts"
import { type CopyFlags, copyFlags } from "./CopyFlags.ts"
import { ignores, parseIgnored } from "./CopyExclude.ts"
import { changeModes, chmodOf } from "./CopyModes.ts"
import type { Heredoc } from "./Dockerfile.ts"
import { into, isUsual, nameOf } from "./ImagePaths.ts"
import { copyFromBuild } from "./ImportCopyFrom.ts"
import { writeDocument } from "./ImportDocument.ts"
import { makeDirectory } from "./MakeDirectory.ts"
import { quoted } from "./ShellQuote.ts"
import type { StageImport } from "./StageImport.ts"
import { ofPattern } from "./TodaysFiles.ts"
import { directoryOwner } from "./UserText.ts"

export const importCopy = (stage: StageImport): void => {
  const { heredocs, json, keyword, text } = stage.current
  const flags = copyFlags(stage)
  const written = json ?? text.split(/[ \t\n]+/).filter((word) => word !== "")
  const words = written.map((word) => (isHeredoc(word, heredocs) ? word : stage.expand(word)))
  const dst = words.at(-1)
  const sources = words.slice(0, -1)
  if (dst === undefined || sources.length === 0) {
    stage.refuse(`${keyword} needs something to copy and where to`, `write ${keyword} SOURCE… DESTINATION`)
  }
  if (dst === "") stage.refuse(`the destination of this ${keyword} is empty`)
  const target = targetOf(stage, dst)
  if (sources.length > 1 && !target.isDirectory) {
    stage.refuse(`the destination of several sources must be a directory`, `end it with a slash: ${dst}/`)
  }
  const documents = [...heredocs]
  for (const source of sources) {
    if (keyword === "ADD") refuseRemote(stage, source)
  }
  if (flags.from !== undefined) {
    if (documents.length > 0) stage.refuse("a here-document comes from no other stage", "leave --from out")
    return copyFromBuild(stage, flags.from, sources, target, flags)
  }
  const exclude = parseIgnored(flags.exclude)
  const files: Array<Source> = []
  // Files that keep their names go together into one copy, as long as nothing else comes between them.
  const flush = (): void => {
    if (files.length === 0) return
    const src = files.map(({ path }) => path)
    stage.copy({ src, dst: into(target.path), ...flags.preserve }, flags.owner)
    changeModes(
      stage,
      files.map(({ entry, name }) => ({ entry, path: into(target.path) + name })),
      flags.mode
    )
    files.length = 0
  }
  for (const source of sources) {
    if (isHeredoc(source, documents)) {
      flush()
      const document = documents.shift()
      if (document !== undefined) writeDocument(stage, document, target, flags)
      continue
    }
    const found = find(stage.whole.book, source)
    if (found._tag === "Nothing") {
      return stage.refuse(found.message, hintOf(stage, found), stage.current.argumentsRange)
    }
    if (found.sources.length === 0) stage.note(`${JSON.stringify(source)} matches nothing in the source directory`)
    if (isPattern(source)) {
      const paths = found.sources.map(({ path }) => path)
      stage.noteToday(ofPattern(source, paths))
    }
    if (found.sources.length > 1 && !target.isDirectory) {
      stage.refuse(
        `${JSON.stringify(source)} matches several files, and the destination is no directory`,
        `end it with a slash: ${dst}/`
      )
    }
    for (const one of found.sources) {
      if (one.entry.kind === "other") {
        stage.refuse(
          `${JSON.stringify(one.path)} is neither a file, a directory nor a link`,
          "leave it out with .dockerignore"
        )
      }
      if (one.entry.kind === "directory") {
        flush()
        copyDirectory(stage, one, target, flags, (path) => {
          stage.whole.book.look()
          return ignores(exclude, path)
        })
      } else if (!ignores(exclude, one.name)) {
        const archive = keyword === "ADD" ? stage.whole.book.archive(one.path) : undefined
        if (archive !== undefined) {
          flush()
          unpack(stage, one, target.path, archive, flags.owner)
        } else if (target.isDirectory && one.name === nameOf(one.path)) {
          files.push(one)
        } else {
          flush()
          const path = target.isDirectory ? into(target.path) + one.name : target.path
          stage.copy({ src: [one.path], dst: path, ...flags.preserve }, flags.owner)
          changeModes(stage, [{ entry: one.entry, path }], flags.mode)
        }
      }
    }
  }
  flush()
}

/** What may help where a source is missing. */
export const hintOf = (stage: StageImport, { hint, isMissing }: Nothing): string | undefined =>
  isMissing === true ? (stage.whole.options.contextHint ?? hint) : hint

/** Where something is copied to. */
export interface Target {
  /** Absolute and clean. */
  readonly path: string
  /** What is copied goes into it; else it takes its place, as a directory that is there already does not let a file. */
  readonly isDirectory: boolean
}

const targetOf = (stage: StageImport, dst: string): Target => {
  const path = stage.absolute(dst)
  if (/(?:^|\/)\.{0,2}$/.test(dst) || stage.now.made.has(path)) return { path, isDirectory: true }
  return { path, isDirectory: stage.base !== "scratch" && isUsual(path) }
}

const refuseRemote = (stage: StageImport, source: string): void => {
  if (/^(?:https?|ftp):\/\//i.test(source) || /^(?:git@|git:\/\/|ssh:\/\/)/i.test(source)) {
    stage.refuse(
      `${JSON.stringify(source)} would be fetched, and not every time the same`,
      "fetch it with a RUN and check its digest, or put it into the source directory",
      stage.current.argumentsRange
    )
  }
}

/** Docker copies what a directory holds. */
const copyDirectory = (
  stage: StageImport,
  { entry, path }: Source,
  target: Target,
  flags: CopyFlags,
  leaves: (path: string) => boolean
): void => {
  const chosen = choose(entry, leaves)
  stage.keepWorkdir(into(target.path), flags.owner)
  const isMade = stage.now.made.has(target.path) && stage.now.unmade !== target.path
  const isThere = isMade || (stage.base !== "scratch" && isUsual(target.path))
  const copies = copiesOf(chosen, path, target.path, isThere)
  stage.noteDirectory(path, copies, flags.exclude)
  for (const copy of copies) stage.copy({ ...copy, ...flags.preserve }, flags.owner)
  if (copies.length > 0) stage.isDirectory(target.path)
  if (flags.mode !== undefined) chmodOf(stage, chosen, entry, target.path, flags.mode)
}

const isHeredoc = (word: string, documents: ReadonlyArray<Heredoc>): boolean =>
  documents.length > 0 && word.startsWith("<<")

/** Where an archive is until it is unpacked. */
const ASIDE = "/.obuilder-add"

/** The letter by which tars of all kinds know a compression. */
const LETTERS = { plain: "", gzip: "z", bzip2: "j", xz: "J" } as const

const unpack = (stage: StageImport, { name, path }: Source, directory: string, archive: Archive, owner: User): void => {
  if (archive === "zstd") {
    stage.refuse(`${JSON.stringify(path)} would be unpacked, and few tars can read zstd`, "compress it with gzip or xz")
  }
  stage.note(
    "the archive is unpacked by tar of the image, which must have one",
    "unpack it before, and COPY what was in it"
  )
  stage.copy({ src: [path], dst: `${ASIDE}/${name}` }, { _tag: "Unix", uid: 0, gid: 0 })
  const file = quoted(`${ASIDE}/${name}`)
  const into = quoted(directory)
  stage.help(
    [
      ...makeDirectory(directory, directoryOwner(owner)),
      // The directory is none of what is unpacked, even if the archive has an entry for it.
      `o=$(stat -Lc %u:%g ${into}) && m=$(stat -Lc %a ${into}) || exit`,
      `tar -xp${LETTERS[archive]}f ${file} --numeric-owner -C ${into} && chown "$o" ${into} && chmod "$m" ${into} && rm -r ${ASIDE}`
    ].join("\n")
  )
  stage.isDirectory(directory)
}
