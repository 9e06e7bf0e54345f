/** The ids of a step's user. A name is looked up in the image's own `/etc/passwd`, passwd(5). */
import * as Fs from "node:fs"
import type { User } from "../../domain/Spec.ts"
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
export const idsOf = (tree: LayeredTree, user: User): Ids =>
  user._tag === "Unix" ? user : idsIn(readImageFile(tree, PASSWD), user.name)

export interface Ids {
  readonly uid: number
  readonly gid: number
}

export const PASSWD = "/etc/passwd"

/** Those of a name in the text of {@link PASSWD}. Throws `NoSuchUser`. */
export const idsIn = (passwd: string, wanted: string): Ids => {
  for (const line of passwd.split("\n")) {
    const [name, , uid, gid] = line.split(":")
    if (name === wanted && isId(uid) && isId(gid)) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new NoSuchUser(wanted)
}

/** Who somebody is, by the image's own `/etc/passwd`. */
export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
  readonly shell: string
}

/** The first account of a name, or of a user id; with the group id too, if there is one with both. */
export const accountOf = (tree: LayeredTree, user: User): Account | undefined => {
  const accounts = readImageFile(tree, PASSWD)
    .split("\n")
    .flatMap((line) => {
      const [name = "", , uid, gid, , home = "", shell = ""] = line.split(":")
      return isId(uid) && isId(gid)
        ? [{ name, uid: Number(uid), gid: Number(gid), home: home || "/", shell: shell || "/bin/sh" }]
        : []
    })
  if (user._tag === "Named") return accounts.find(({ name }) => name === user.name)
  const those = accounts.filter(({ uid }) => uid === user.uid)
  return those.find(({ gid }) => gid === user.gid) ?? those[0]
}

const isId = (text: string | undefined): boolean => text !== undefined && /^\d{1,10}$/.test(text)

/** A small text file of the image; empty where it is missing, too large or no file. */
export const readImageFile = (tree: LayeredTree, path: string): string => {
  const resolved = tree.resolve(path)
  const entry = resolved.kind === "file" ? tree.lookup(resolved.path) : undefined
  return entry === undefined || entry.stats.size > MAX_BYTES ? "" : Fs.readFileSync(entry.hostPath, "utf8")
}
