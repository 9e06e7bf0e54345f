/** `--chmod` of what is copied from the source directory. */
import type { Chosen } from "./ContextCopies.ts"
import type { ContextEntry } from "./ImportFacts.ts"
import { quoted } from "./ShellQuote.ts"
import type { StageImport } from "./StageImport.ts"

/** The mode that a copy gives if it does not keep them. */
const copied = ({ kind, mode }: ContextEntry): number => (kind === "directory" || (mode & 0o111) !== 0 ? 0o755 : 0o644)

/** More paths than this are no command that somebody would read. */
const MAX_PATHS = 200

/** `--chmod` of files that were copied to these paths. */
export const changeModes = (
  stage: StageImport,
  files: ReadonlyArray<{ readonly entry: ContextEntry; readonly path: string }>,
  mode: string | undefined
): void => {
  if (mode === undefined) return
  change(
    stage,
    mode,
    files.filter(({ entry }) => !isAlready(entry, mode)).map(({ path }) => path)
  )
}

const isAlready = (entry: ContextEntry, mode: string): boolean =>
  /^[0-7]+$/.test(mode) && Number.parseInt(mode, 8) === copied(entry)

/** The same of all that a directory holds. */
export const chmodOf = (stage: StageImport, chosen: Chosen, entry: ContextEntry, dst: string, mode: string): void => {
  const paths: Array<string> = []
  const pending = [{ chosen, entry, path: dst }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { chosen: at, entry: of, path } = next
    if (path !== dst && of.kind !== "link" && !isAlready(of, mode)) paths.push(path)
    for (const [index, child] of at.entries.entries()) {
      const known = of.entries[index]
      if (child.gives && known !== undefined)
        pending.push({ chosen: child, entry: known, path: `${path === "/" ? "" : path}/${child.name}` })
    }
  }
  change(stage, mode, paths.sort())
}

const change = (stage: StageImport, mode: string, paths: ReadonlyArray<string>): void => {
  if (paths.length === 0) return
  if (paths.length > MAX_PATHS) {
    stage.refuse(
      `--chmod=${mode} is of ${paths.length} files, and a copy of a spec gives modes of its own`,
      "write a RUN chmod after a COPY without --chmod"
    )
  }
  stage.note(`--chmod=${mode} is done by chmod of the image, which must have one`)
  stage.help(`chmod ${mode} ${paths.map(quoted).join(" ")}`)
}
