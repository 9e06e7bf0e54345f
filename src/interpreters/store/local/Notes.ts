/** The notes beside a result: a file each, in the result's directory. */
import * as Fs from "node:fs"
import type { StepId } from "../../../domain/Digest.ts"
import { codeOf } from "../../host/IoError.ts"
import { readText } from "../../host/Names.ts"
import type { NoteName } from "../../Store.ts"
import type { Layout } from "./Layout.ts"

/** Reads one; `undefined` where there is none. */
export const read = (layout: Layout, id: StepId, name: NoteName): string | undefined => readText(layout.note(id, name))

/** Puts one beside a result that is being made in a directory. */
export const put = (directory: string, name: NoteName, text: string): void =>
  Fs.writeFileSync(`${directory}/${name}`, text, { mode: 0o600 })

/** Puts one beside a result, instead of what was there. `temporary` is a path on the same file system. */
export const replace = (layout: Layout, id: StepId, name: NoteName, text: string, temporary: string): void => {
  try {
    Fs.writeFileSync(temporary, text, { mode: 0o600 })
    Fs.renameSync(temporary, layout.note(id, name))
  } catch (error) {
    Fs.rmSync(temporary, { force: true })
    // The result is gone, and so would be its note.
    if (codeOf(error) !== "ENOENT") throw error
  }
}
