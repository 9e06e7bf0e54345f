/** `USER`, and a base's own user: `UID[:GID]`, or `NAME[:GROUP]`. Which group a number has is for the image to say. */
import type { User } from "../Spec.ts"
import { numberOf } from "./NumberText.ts"
import type { StageImport } from "./StageImport.ts"

/** Throws `ImportRefused`. */
export const userOf = (stage: StageImport, text: string): User => {
  const [name = "", group, more] = text.split(":")
  const uid = name === "root" ? 0 : numberOf(name)
  if (name === "" || more !== undefined) return stage.refuse(`${JSON.stringify(text)} names no user`)
  if (uid !== undefined) {
    if (group === undefined && uid !== 0) return { _tag: "Named", name }
    const gid = group === undefined || (group === "root" && uid === 0) ? 0 : numberOf(group)
    if (gid === undefined) {
      return stage.refuse(`${text}: groups are not looked up in the image's /etc/group`, "write the group's number")
    }
    return { _tag: "Unix", uid, gid }
  }
  if (group !== undefined && group !== name) {
    return stage.refuse(
      `${text}: groups are not looked up in the image's /etc/group`,
      "write the numbers of the user and the group"
    )
  }
  if (group !== undefined) stage.note(`the group is the one that /etc/passwd has for the user ${name}`)
  return { _tag: "Named", name }
}

/**
 * Whose the directories are that Docker makes for a user, as `chown` takes him.
 * Other than for steps, a number without a group is the group's number too.
 */
export const directoryOwner = (user: User): string => {
  if (user._tag === "Unix") return `${user.uid}:${user.gid}`
  const number = numberOf(user.name)
  return number === undefined ? `${user.name}:` : `${number}:${number}`
}
