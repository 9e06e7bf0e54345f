/** Who a user is by the text of an image's `/etc/passwd` and `/etc/group`, passwd(5) and group(5). */
import { numberOf } from "./dockerfile/NumberText.ts"
import type { NamedUser, User } from "./Spec.ts"

export interface Ids {
  readonly uid: number
  readonly gid: number
}

export interface Account extends Ids {
  readonly name: string
  readonly home: string
  readonly shell: string
}

/** What engines take for a user that `/etc/passwd` has not. */
const MAX_UNLISTED = 0x7fff_ffff

/**
 * The account that is meant: the first of a name, of a name that is a number as
 * user id, or of a user id; for ids the one with the group id too, if there is one.
 */
export const accountOf = (passwd: string, user: User): Account | undefined => {
  const accounts = accountsIn(passwd)
  if (user._tag === "Unix") {
    const those = accounts.filter(({ uid }) => uid === user.uid)
    return those.find(({ gid }) => gid === user.gid) ?? those[0]
  }
  const number = numberOf(user.name)
  return accounts.find(({ name, uid }) => (number === undefined ? name === user.name : uid === number))
}

/**
 * The ids of a name. One that is a number is always the user with that number,
 * as for Docker, and in the group 0 where `/etc/passwd` has none.
 */
export const idsOf = (passwd: string, user: NamedUser): Ids | undefined => {
  const account = accountOf(passwd, user)
  if (account !== undefined) return { uid: account.uid, gid: account.gid }
  const number = numberOf(user.name)
  return number === undefined || number > MAX_UNLISTED ? undefined : { uid: number, gid: 0 }
}

/** The groups that `/etc/group` lists a user in, by the login name. */
export const groupsOf = (group: string, name: string): ReadonlyArray<number> =>
  group.split("\n").flatMap((line) => {
    const [, , gid = "", members = ""] = line.split(":")
    // An account without a name is no member of groups without members.
    return name !== "" && /^\d{1,9}$/.test(gid) && members.split(",").includes(name) ? [Number(gid)] : []
  })

const accountsIn = (passwd: string): ReadonlyArray<Account> =>
  passwd.split("\n").flatMap((line) => {
    const [name = "", , uid, gid, , home = "", shell = ""] = line.split(":")
    return isId(uid) && isId(gid)
      ? [{ name, uid: Number(uid), gid: Number(gid), home: home || "/", shell: shell || "/bin/sh" }]
      : []
  })

const isId = (text: string | undefined): boolean => text !== undefined && /^\d{1,10}$/.test(text)
