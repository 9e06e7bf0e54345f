/** A directory for one test file, gone when its tests are done. */
import * as Fs from "node:fs"
import * as Os from "node:os"
import { afterAll } from "vitest"

export const scratchDirectory = (name: string): { readonly path: string } => {
  const path = Fs.realpathSync(Fs.mkdtempSync(`${Os.tmpdir()}/obuilder-test-${name}-`))
  afterAll(() => Fs.rmSync(path, { recursive: true, force: true }))
  return { path }
}
