/**
 * The user that steps are run as, in the machine's directory service: dscl(1).
 *
 * It is made when it is missing, cannot log in, and is kept: making it again
 * for every step would take longer than many a step does.
 */
import * as Effect from "effect/Effect"
import type { SandboxError } from "../../Sandbox.ts"
import { sandboxError } from "../Failure.ts"
import { GID, homeOf, userName } from "../UserSandbox.ts"
import { run } from "./Programs.ts"

/** Sees to it that there is a user of this number and its own name. */
export const ensure = (uid: number): Effect.Effect<void, SandboxError> =>
  Effect.gen(function* () {
    const dscl = (...words: ReadonlyArray<string>) =>
      Effect.flatMap(run("dscl", ".", ...words), ({ status, text }) =>
        status === 0
          ? Effect.succeed(text)
          : Effect.fail(sandboxError(`dscl ${words[0] ?? ""} failed with status ${status}: ${text}`))
      )
    const name = userName(uid)
    const users = parse(yield* dscl("-list", "/Users", "UniqueID"))
    if (users.get(name) === String(uid)) return
    const other = [...users].find(([user, number]) => user === name || number === String(uid))
    if (other !== undefined) {
      return yield* sandboxError(
        `the user ${other[0]} has the number ${other[1]}, and steps need ${name} with ${uid}`,
        undefined,
        "name a number that nobody has with --uid: dscl . -list /Users UniqueID shows those that are taken"
      )
    }
    const record = `/Users/${name}`
    yield* dscl("-create", record)
    for (const [key, value] of attributes(uid)) yield* dscl("-create", record, key, value)
  })

/** The number comes last: a user that was not made to the end has none, and is made again. */
const attributes = (uid: number): ReadonlyArray<readonly [key: string, value: string]> => [
  ["RealName", "obuilder"],
  // No password is this.
  ["Password", "*"],
  // Not among those that the login window shows.
  ["IsHidden", "1"],
  ["UserShell", "/bin/bash"],
  ["NFSHomeDirectory", homeOf(uid)],
  ["PrimaryGroupID", String(GID)],
  ["UniqueID", String(uid)]
]

/** Numbers by name, as `dscl . -list /Users UniqueID` has them in two columns. */
const parse = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split("\n").flatMap((line) => {
      const [, name, number] = /^(\S+)\s+(-?\d+)$/.exec(line) ?? []
      return name === undefined || number === undefined ? [] : [[name, number] as const]
    })
  )
