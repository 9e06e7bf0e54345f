/** `USER`, and a base's own user: `UID[:GID]`, or `NAME[:GROUP]`. */
import type { User } from "../Spec.ts"
import { numberOf } from "./NumberText.ts"
import type { StageImport } from "./StageImport.ts"

/** Throws `ImportRefused`. */
export const userOf = (stage: StageImport, text: string): User => {
  const [name = "", group, more] = text.split(":")
  const uid = name === "root" ? 0 : numberOf(name)
  if (name === "" || more !== undefined) return stage.refuse(`${JSON.stringify(text)} names no user`)
  if (uid !== undefined) {
    const gid = group === undefined || (group === "root" && uid === 0) ? 0 : numberOf(group)
    if (gid === undefined) {
      return stage.refuse(`${text}: groups are not looked up in the image's /etc/group`, "write the group's number")
    }
    if (group === undefined && uid !== 0) {
      stage.note(`the group is 0: which one /etc/passwd has for the user ${uid} is not looked up`, "write USER UID:GID")
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
