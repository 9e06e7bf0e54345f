/** Modes of what is copied: those that copies of a spec do not keep, and `--chmod`. */
import type { Chosen } from "./ContextCopies.ts"
import type { ContextEntry } from "./ImportFacts.ts"
import { quoted } from "./ShellQuote.ts"
import type { StageImport } from "./StageImport.ts"

/** The mode that a copy gives. */
const copied = ({ kind, mode }: ContextEntry): number => (kind === "directory" || (mode & 0o111) !== 0 ? 0o755 : 0o644)

const octal = (mode: number): string => mode.toString(8).padStart(4, "0")

/** Says which of these will have another mode than Docker gives them. */
export const noteModes = (stage: StageImport, entries: ReadonlyArray<ContextEntry>, mode: string | undefined): void => {
  if (mode !== undefined) return
  const others: Array<string> = []
  let count = 0
  const pending = entries.map((entry) => ({ entry, path: entry.name === "" ? "." : entry.name }))
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { entry, path } = next
    // A tree's own root is where it goes to, which mostly is there already.
    if (entry.ignored || entry.kind === "link") continue
    if (path !== "." && entry.mode !== copied(entry) && ++count <= 3) {
      others.push(`${path} (${octal(entry.mode)})`)
    }
    pending.push(
      ...entry.entries.map((child) => ({ entry: child, path: path === "." ? child.name : `${path}/${child.name}` }))
    )
  }
  if (count === 0) return
  stage.note(
    `files become 0644 or 0755 and directories 0755; these have other modes: ${others.join(", ")}${count > 3 ? ` and ${count - 3} more` : ""}`,
    "give them other modes with a RUN chmod, or with --chmod"
  )
}

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
