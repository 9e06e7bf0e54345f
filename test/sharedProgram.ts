/** Where the built program is that test files share: made for a run of the tests, and gone with it. */
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"

/** Names the directory to the processes that run tests. */
export const SHARED = "OBUILDER_TEST_PROGRAM"

/** Vitest's: what it returns is done at the end. */
export default (): (() => void) => {
  const directory = Fs.mkdtempSync(Path.join(tmpdir(), "obuilder-program-"))
  // Tests run the program as somebody else than root too.
  Fs.chmodSync(directory, 0o755)
  process.env[SHARED] = directory
  return () => Fs.rmSync(directory, { recursive: true, force: true })
}
