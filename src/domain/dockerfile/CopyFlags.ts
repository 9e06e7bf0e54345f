/** Reads the flags of COPY and ADD. */
import { ordered } from "../Preserve.ts"
import type { Copy, User } from "../Spec.ts"
import type { Range } from "./Dockerfile.ts"
import { numberOf } from "./NumberText.ts"
import type { StageImport } from "./StageImport.ts"

export interface CopyFlags {
  readonly from: string | undefined
  readonly owner: User
  /** What is said by no flag, and so is as it is in what is copied. */
  readonly preserve: Pick<Copy, "preserve">
  /** As it was written. */
  readonly mode: string | undefined
  /** Patterns of what is left out. */
  readonly exclude: ReadonlyArray<string>
}

/** What a flag without a value, or with `true`, says. */
const isTrue = (value: string | undefined): boolean => value === undefined || /^(?:1|t|true)$/i.test(value)

export const copyFlags = (stage: StageImport): CopyFlags => {
  const { flags, keyword } = stage.current
  let from: string | undefined
  let owner: User = { _tag: "Unix", uid: 0, gid: 0 }
  let mode: string | undefined
  const exclude: Array<string> = []
  for (const { name, range, value } of flags) {
    const text = (): string => stage.expand(value ?? "")
    if (name === "from" && keyword === "COPY") from = plain(stage, value, range)
    else if (name === "chown") owner = ownerOf(stage, text())
    else if (name === "chmod") mode = modeOf(stage, text())
    else if (name === "exclude") exclude.push(text())
    // How layers depend on each other is nobody's result.
    else if (name === "link") continue
    else if (name === "parents" && keyword === "COPY" && !isTrue(value)) continue
    else if (name === "parents" && keyword === "COPY") {
      stage.refuse(
        "what is copied with --parents keeps its directories, which no copy of a spec does",
        "write a COPY for each directory, with its name in the destination",
        range
      )
    } else if (keyword === "ADD" && ["checksum", "keep-git-dir", "unpack"].includes(name)) {
      stage.refuse(
        `ADD --${name} is about what is fetched, or unpacked, and is not done here`,
        "fetch it with a RUN, or put it into the source directory",
        range
      )
    } else stage.refuse(`${keyword} has no flag --${name}`, undefined, range)
  }
  const preserve = preserved(from !== undefined && !flags.some(({ name }) => name === "chown"), mode)
  return { from, owner, preserve, mode, exclude }
}

/** Octal digits say a whole mode, letters what is other than in the source. Of the source directory all is root's. */
const preserved = (owners: boolean, mode: string | undefined): Pick<Copy, "preserve"> => {
  const modes = mode === undefined || !/^[0-7]+$/.test(mode)
  const preserve = ordered([...(modes ? ["modes" as const] : []), ...(owners ? ["owners" as const] : [])])
  return preserve === undefined ? {} : { preserve }
}

/** What `from` names, in which variables are not replaced. */
export const plain = (stage: StageImport, value: string | undefined, range: Range): string => {
  if (value === undefined || value === "") return stage.refuse("this names no stage", "write from=STAGE", range)
  if (value.includes("$")) {
    stage.refuse("a variable cannot stand here", "name a stage, which can be FROM a variable", range)
  }
  return value
}

const modeOf = (stage: StageImport, text: string): string => {
  if (/^0?[0-7]{3,4}$/.test(text)) return text.replace(/^0(?=[0-7]{3,4}$)/, "")
  if (/^(?:[ugoa]*[-+=][rwxXstugo]*)(?:,[ugoa]*[-+=][rwxXstugo]*)*$/.test(text) && text !== "") return text
  return stage.refuse(`--chmod=${text} is no mode`, "write it in octal digits, such as 755")
}

/** `UID[:GID]`, `NAME[:GROUP]`: a group must be a number, or be called as the user. */
const ownerOf = (stage: StageImport, text: string): User => {
  const [user = "", group] = text.split(":")
  const id = numberOf(user)
  if (user === "" || text.split(":").length > 2) return stage.refuse(`--chown=${text} names no owner`)
  if (id !== undefined) {
    const gid = group === undefined ? id : numberOf(group)
    if (gid === undefined) {
      return group === "root"
        ? { _tag: "Unix", uid: id, gid: 0 }
        : stage.refuse(
            `--chown=${text}: groups are not looked up in the image's /etc/group`,
            "write the group's number"
          )
    }
    return { _tag: "Unix", uid: id, gid }
  }
  if (user === "root" && (group === undefined || group === "root" || group === "0")) {
    return { _tag: "Unix", uid: 0, gid: 0 }
  }
  if (group !== undefined && group !== user) {
    return stage.refuse(
      `--chown=${text}: groups are not looked up in the image's /etc/group`,
      "write the user's and the group's numbers"
    )
  }
  if (group !== undefined) {
    stage.note(`--chown=${text}: the group is the one that /etc/passwd has for the user ${user}`)
  }
  return { _tag: "Named", name: user }
}
