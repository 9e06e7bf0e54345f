/** Results of ZFS and steps as a user: what a store `zfs:` is on macOS. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { SandboxError, type SandboxService } from "../Sandbox.ts"
import * as UserSandbox from "../sandbox/UserSandbox.ts"
import type { StoreError, StoreService } from "../Store.ts"
import type { OptionNames, SandboxOptions, UserFlags } from "./Backend.ts"

/** Who only looks into the store has no user. */
export const store = (
  dataset: string,
  user: UserFlags | undefined
): Effect.Effect<StoreService, StoreError, Scope.Scope> =>
  Effect.flatMap(
    Effect.promise(() => import("../store/MacStore.ts")),
    ({ make }) => make({ dataset, user: user === undefined ? undefined : Option.getOrUndefined(userOf(user)) })
  )

export const sandbox = (
  names: OptionNames,
  options: SandboxOptions
): Effect.Effect<SandboxService, SandboxError, Scope.Scope> => {
  const unknown = [
    ...(options.fastSync ? [names.fastSync] : []),
    ...(Option.isSome(options.memory) ? [names.memory] : []),
    ...(Option.isSome(options.runtime) ? [names.runtime] : [])
  ]
  if (unknown.length > 0) return refused(`${unknown.join(", ")}: steps on macOS have no such thing`, "leave it out")
  return Option.match(userOf(options), {
    onNone: () =>
      refused(
        "steps on macOS are run as a user of their own, and none is named",
        `add ${names.uid} with a number that nobody has: dscl . -list /Users UniqueID shows those that are taken`
      ),
    onSome: UserSandbox.make
  })
}

const refused = (message: string, hint: string) =>
  Effect.fail(new SandboxError({ message, hint: Option.some(hint), cause: undefined }))

const userOf = ({ brewPath = Option.none(), uid = Option.none() }: UserFlags): Option.Option<UserSandbox.UserOptions> =>
  Option.map(uid, (uid) => ({ uid, brewPath: Option.getOrElse(brewPath, defaultBrewPath) }))

/** Where Homebrew's own installer puts it. */
const defaultBrewPath = (): string => (process.arch === "arm64" ? "/opt/homebrew" : "/usr/local")
