/** Differences of two results' trees as text: a line each. Pure. */
import { clipped, visible } from "../domain/DisplayText.ts"
import { counted } from "../plan/ChangeText.ts"
import type { Aspect, TreeChange } from "./TreeDiff.ts"

/** Lines, each with its end; none for no changes. */
export const render = (changes: ReadonlyArray<TreeChange>): string =>
  changes.map((change) => `${line(change)}\n`).join("")

const line = (change: TreeChange): string => {
  const path = visible(change.path)
  switch (change._tag) {
    case "Changed":
      return `changed  ${path}: ${change.aspects.map(aspect).join("; ")}`
    case "Added":
    case "Removed": {
      const { _tag, entries, size, type } = change
      const what =
        type === "file"
          ? `a file of ${counted(size)} ${size === 1 ? "byte" : "bytes"}`
          : type === "directory"
            ? `a directory with ${counted(entries)} ${entries === 1 ? "entry" : "entries"}`
            : `a ${type}`
      return `${_tag === "Added" ? "new      " : "gone     "}${path}: ${what}`
    }
  }
}

/** Characters of a link's target, and of an attribute's name. */
const LONG = 400

const shown = (text: string): string => visible(clipped(text, LONG))

const aspect = (one: Aspect): string => {
  switch (one._tag) {
    case "Type":
      return `a ${one.after}, was a ${one.before}`
    case "Mode":
      return `mode ${octal(one.after)}, was ${octal(one.before)}`
    case "Owner":
      return `owner ${one.after}, was ${one.before}`
    case "Content":
      return one.before === one.after
        ? `other content, ${counted(one.after)} bytes as before`
        : `other content, ${counted(one.after)} bytes, was ${counted(one.before)}`
    case "Target":
      return `a link to ${shown(one.after)}, was to ${shown(one.before)}`
    case "Device":
      return `device ${one.after}, was ${one.before}`
    case "Attribute":
      return `attribute ${shown(one.name)} is ${one.is}`
    case "Time":
      return `changed at ${time(one.after)}, was at ${time(one.before)}`
  }
}

const octal = (mode: number): string => mode.toString(8).padStart(4, "0")

/** A time that no calendar here goes to is printed as the number that it is. */
const time = (seconds: number): string => {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString()
}
