/** Finds the parenthesis that somebody forgot to close. */
import { IntVector } from "./IntVector.ts"
import * as Problem from "./Problem.ts"
import type { NodeTable } from "./SexpNode.ts"

/**
 * Which list is at fault when the text ends too early.
 *
 * The text alone says only that the innermost open list has no end, and after a
 * forgotten `)` the others have closed the wrong lists. The indentation knows
 * better: a list that begins a line no further right than the list that holds
 * it was meant to stand beside it.
 */
export const unclosedList = (nodes: NodeTable): Problem.Problem => {
  const suspect = misindented(nodes)
  if (suspect === undefined) {
    const start = nodes.start(nodes.innermostOpen)
    return Problem.make({ start, end: start + 1 }, "this list is never closed", { expected: "`)`" })
  }
  const start = nodes.start(suspect.list)
  return Problem.make({ start, end: start + 1 }, "this list is never closed", {
    expected: "`)`",
    hint: `by its indentation, line ${suspect.line} begins what comes after this list`
  })
}

interface Suspect {
  readonly list: number
  /** The line of what was meant to stand beside it, from 1. */
  readonly line: number
}

const misindented = (nodes: NodeTable): Suspect | undefined => {
  const { text } = nodes
  const holders = new IntVector()
  const columns = new IntVector()
  let line = 1
  let lineStart = 0
  let scanned = 0
  for (let index = 0; index < nodes.length; index++) {
    while (holders.length > 0 && hasEnded(nodes, holders.last, index)) {
      holders.truncate(holders.length - 1)
      columns.truncate(holders.length)
    }
    if (!nodes.isList(index)) continue
    const start = nodes.start(index)
    for (; scanned < start; scanned++) {
      if (text.charCodeAt(scanned) !== 0x0a) continue
      line++
      lineStart = scanned + 1
    }
    const column = start - lineStart
    // Nothing stands beside the outermost list.
    if (holders.length > 1 && column <= columns.last && beginsLine(text, start)) return { list: holders.last, line }
    holders.push(index)
    columns.push(column)
  }
  return undefined
}

const hasEnded = (nodes: NodeTable, list: number, before: number): boolean =>
  nodes.end(list) >= 0 && nodes.next(list) <= before

const beginsLine = (text: string, start: number): boolean => {
  let at = start - 1
  while (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x09) at--
  return at < 0 || text.charCodeAt(at) === 0x0a
}
