/** What `(preserve …)` of a copy keeps as it is in what is copied, instead of giving it the step's. */

/** The permissions of files and directories, or the numbers of who everything belongs to. */
export type Aspect = "modes" | "owners"

/** As a spec has it: in any order. */
export type Preserve = ReadonlyArray<Aspect>

/** In the order in which plans have them. */
export const aspects = ["modes", "owners"] as const

/** Each once and in one order; nothing where nothing is kept. */
export const ordered = (preserve: Preserve | undefined): Preserve | undefined => {
  const kept = aspects.filter((aspect) => preserve?.includes(aspect) === true)
  return kept.length === 0 ? undefined : kept
}

/** Numbers, whoever has them in the image. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** The permission bits, set-user-id and the like: 12 bits. */
export const MODE_BITS = 0o7777

/** A mode in a text: four octal digits. */
export const modeText = (mode: number): string => mode.toString(8).padStart(4, "0")

export const ownerText = ({ gid, uid }: Owner): string => `${uid}:${gid}`
