/** What can be wrong with an S-expression. Places are offsets. */
import * as Problem from "./Problem.ts"
import type { SexpNode } from "./SexpNode.ts"

export const carriageReturn = (start: number): Problem.Problem =>
  Problem.make({ start, end: start + 1 }, "a carriage return without a line feed", {
    expected: "lines that end with a line feed, or with a carriage return and a line feed"
  })

/** Something begins after the end of `root`. */
export const trailing = (start: number, root: SexpNode): Problem.Problem => {
  const [first] = root._tag === "List" ? root : [root]
  return Problem.make({ start, end: start + 1 }, "more follows after the end of the spec", {
    expected: "the end of the file: a file holds one spec",
    hint:
      first?._tag === "Atom"
        ? "the whole spec is one list of lists: `((from BASE) (run (shell COMMAND)))`"
        : "if this belongs to the spec, a `)` before it is one too many"
  })
}

/** A closing parenthesis without an opening one; `ended` when the expression was complete before it. */
export const unopened = (start: number, ended: boolean): Problem.Problem =>
  Problem.make({ start, end: start + 1 }, "this `)` closes nothing", {
    expected: ended ? "the end of the file: the spec has ended" : "`(`, where a spec begins",
    hint: ended ? "take it away, or the `)` before it that closes too much" : undefined
  })

/** The datum comment at `start` has no datum. */
export const emptyDatumComment = (start: number): Problem.Problem =>
  Problem.make({ start, end: start + 2 }, "`#;` has nothing to comment out", {
    expected: "the atom or list that `#;` is to leave out",
    hint: "a comment up to the end of the line begins with `;` alone"
  })

/** The block comment at `start` has no end; `nesting` of them are open when the text ends. */
export const unclosedComment = (start: number, nesting: number): Problem.Problem =>
  Problem.make({ start, end: start + 2 }, "this comment is never closed", {
    expected: "`|#`",
    hint: nesting > 1 ? `block comments nest: ${nesting} of them are open at the end of the file` : undefined
  })

export const unclosedText = (start: number, hint: string): Problem.Problem =>
  Problem.make({ start, end: start + 1 }, "this quoted text is never closed", { expected: '`"`', hint })

/** `#|` or `|#` in an unquoted atom. */
export const commentInAtom = (text: string, start: number): Problem.Problem => {
  const token = text.slice(start, start + 2)
  return Problem.make({ start, end: start + 2 }, `\`${token}\` within an atom`, {
    expected: `a blank before \`${token}\`, or quotes around the atom`
  })
}

/** Sexplib sees the end of an unquoted atom in what follows it, and after the expression nothing need follow. */
export const openEndedAtom = (start: number, end: number): Problem.Problem =>
  Problem.make({ start, end }, "the file ends within the atom that `#;` is to leave out", {
    expected: "a line end after the atom"
  })

/** The text, which ends at `end`, holds nothing but blanks and comments. */
export const empty = (end: number): Problem.Problem =>
  Problem.make({ start: end, end }, "there is no spec in this file", {
    expected: "`((from BASE) OPERATION…)`",
    hint: "the smallest spec is `((from scratch))`"
  })
