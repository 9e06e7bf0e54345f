/** COPY and ADD of a here-document: a shell of the image writes it. */
import type { CopyFlags } from "./CopyFlags.ts"
import type { Heredoc } from "./Dockerfile.ts"
import { into, parentOf, partsOf } from "./ImagePaths.ts"
import type { Target } from "./ImportCopy.ts"
import { makeDirectory, ROOT } from "./MakeDirectory.ts"
import { quoted } from "./ShellQuote.ts"
import type { StageImport } from "./StageImport.ts"
import { directoryOwner } from "./UserText.ts"

/**
 * How much of a text goes into one command, in UTF-16 code units. Linux takes
 * 128 KiB for a program's argument, and quoting makes a text up to four times as long.
 */
const MAX_PIECE = 25_000

export const writeDocument = (stage: StageImport, document: Heredoc, target: Target, flags: CopyFlags): void => {
  const owner = directoryOwner(flags.owner)
  const content = document.expand ? stage.document(document.content) : document.content
  if (content.includes("\0")) stage.refuse("a here-document cannot hold a NUL character", undefined, document.range)
  const name = fileName(stage, document)
  const file = [
    `f=${quoted(target.isDirectory ? into(target.path) + name : target.path)}`,
    // What is named may be a directory, into which it goes, or a link, which stays as it is.
    ...(target.isDirectory
      ? []
      : [`if [ -d "$f" ]; then f=$f/${quoted(name)}; elif [ -L "$f" ]; then f=$(readlink -f "$f") || exit; fi`])
  ]
  stage.note("the here-document is written by a shell of the image, which must have one")
  const pieces = piecesOf(content)
  for (const [index, piece] of pieces.entries()) {
    const isFirst = index === 0
    const isLast = index === pieces.length - 1
    stage.help(
      [
        ...(isFirst ? makeDirectory(target.isDirectory ? target.path : parentOf(target.path), owner) : []),
        ...file,
        // What else is there is not written to: it may be a link, or have other names.
        ...(isFirst ? ['rm -f "$f"'] : []),
        [
          `printf %s ${quoted(piece)} ${isFirst ? ">" : ">>"} "$f"`,
          ...(isLast && owner !== ROOT ? [`chown ${quoted(owner)} "$f"`] : []),
          // After the owner, whose change takes bits of the mode away.
          ...(isLast ? [`chmod ${flags.mode ?? "644"} "$f"`] : [])
        ].join(" && ")
      ].join("\n")
    )
  }
  if (target.isDirectory) stage.isDirectory(target.path)
}

/** What Docker calls the file. */
export const fileName = (stage: StageImport, { name, range }: Heredoc): string => {
  const [file, ...more] = partsOf(name)
  if (file !== undefined && more.length === 0) return file
  return stage.refuse(
    `the here-document's name ${JSON.stringify(name)} is no file's name`,
    "write a name without a slash, and the directory in the destination",
    range
  )
}

/** At least one; never within a character. */
const piecesOf = (text: string): ReadonlyArray<string> => {
  const pieces: Array<string> = []
  let at = 0
  do {
    let end = at + MAX_PIECE
    if (end < text.length && /[\uD800-\uDBFF]/.test(text.charAt(end - 1))) end--
    pieces.push(text.slice(at, end))
    at = end
  } while (at < text.length)
  return pieces
}
