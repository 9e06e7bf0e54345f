/** Who a step's user is, from the image's own `/etc/passwd`. */
import * as Either from "effect/Either"
import * as Passwd from "../../domain/Passwd.ts"
import type { User } from "../../domain/Spec.ts"
import * as FileTree from "./FileTree.ts"

/** The ids of a user of the image, or a message. `root` needs no `/etc/passwd`. */
export const findUser = (tree: FileTree.Directory, user: User): Either.Either<FileTree.Owner, string> => {
  if (user._tag === "Unix") return Either.right({ uid: user.uid, gid: user.gid })
  const passwd = Either.getOrUndefined(FileTree.resolve(tree, "/etc/passwd"))?.node
  const text = passwd?._tag === "File" ? new TextDecoder().decode(passwd.content) : ""
  const ids = Passwd.idsOf(text, user)
  if (ids !== undefined) return Either.right(ids)
  return user.name === "root"
    ? Either.right(FileTree.rootOwner)
    : Either.left(`no user ${user.name} in the image's /etc/passwd`)
}
