/** The ids of a step's user. A name is looked up in the image's own `/etc/passwd`, passwd(5). */
import * as Fs from "node:fs"
import * as Passwd from "../../domain/Passwd.ts"
import type { NamedUser, User } from "../../domain/Spec.ts"
import type { LayeredTree } from "./LayeredTree.ts"

/** The image knows no such user. */
export class NoSuchUser extends Error {
  readonly user: string

  constructor(user: string) {
    super(`the image's /etc/passwd has no user "${user}"`)
    this.user = user
  }
}

/** Larger than any real one: what a hostile image has there must not fill the memory. */
export const MAX_BYTES = 1 << 20

/** Throws `NoSuchUser`. */
export const idsOf = (tree: LayeredTree, user: User): Passwd.Ids =>
  user._tag === "Unix" ? user : idsIn(readImageFile(tree, PASSWD), user)

export const PASSWD = "/etc/passwd"

/** Those of a name in the text of {@link PASSWD}. Throws `NoSuchUser`. */
export const idsIn = (passwd: string, user: NamedUser): Passwd.Ids => {
  const ids = Passwd.idsOf(passwd, user)
  if (ids === undefined) throw new NoSuchUser(user.name)
  return ids
}

/** Who somebody is, by the image's own `/etc/passwd`. */
export const accountOf = (tree: LayeredTree, user: User): Passwd.Account | undefined =>
  Passwd.accountOf(readImageFile(tree, PASSWD), user)

/** The groups that the image's `/etc/group` lists a user in who is named. */
export const groupsOf = (tree: LayeredTree, user: User): ReadonlyArray<number> => {
  const account = user._tag === "Named" ? accountOf(tree, user) : undefined
  return account === undefined ? [] : Passwd.groupsOf(readImageFile(tree, "/etc/group"), account.name)
}

/** A small text file of the image; empty where it is missing, too large or no file. */
export const readImageFile = (tree: LayeredTree, path: string): string => {
  const resolved = tree.resolve(path)
  const entry = resolved.kind === "file" ? tree.lookup(resolved.path) : undefined
  return entry === undefined || entry.stats.size > MAX_BYTES ? "" : Fs.readFileSync(entry.hostPath, "utf8")
}
