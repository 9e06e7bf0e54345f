/**
 * Reads the one S-expression that a text holds, accepting what Sexplib 0.14 to
 * 0.17 accept in a file (`Sexp.load_sexp`, that is parsexp's automaton).
 *
 * Total, iterative and linear in the text's length. Differs from Sexplib in one
 * thing: escapes must form UTF-8 text.
 */
import * as Either from "effect/Either"
import { IntVector } from "./IntVector.ts"
import type * as Problem from "./Problem.ts"
import * as QuotedAtom from "./QuotedAtom.ts"
import { NodeTable, type SexpNode } from "./SexpNode.ts"
import * as SexpProblem from "./SexpProblem.ts"
import { unclosedList } from "./UnclosedList.ts"

const tab = 0x09
const lineFeed = 0x0a
const formFeed = 0x0c
const carriageReturn = 0x0d
const space = 0x20
const quote = 0x22
const hash = 0x23
const open = 0x28
const close = 0x29
const semicolon = 0x3b
const pipe = 0x7c

export const read = (text: string): Either.Either<SexpNode, Problem.Problem> => new Reader(text).read()

class Reader {
  private readonly text: string
  private readonly nodes: NodeTable
  /**
   * The datum comments (`#;`) whose datum has not ended, innermost last: where
   * they stand, at which depth, and how many nodes there were before them.
   */
  private readonly dropped = new IntVector()
  private readonly droppedDepths = new IntVector()
  private readonly droppedNodes = new IntVector()
  private at = 0
  private depth = 0
  /** The offset after the expression, once it has ended. */
  private ended: number | undefined

  constructor(text: string) {
    this.text = text
    this.nodes = new NodeTable(text)
  }

  read(): Either.Either<SexpNode, Problem.Problem> {
    while (this.at < this.text.length) {
      const problem = this.token()
      if (problem !== undefined) return Either.left(problem)
    }
    const problem = this.incomplete()
    return problem === undefined ? Either.right(this.nodes.node(0)) : Either.left(problem)
  }

  /** Reads one token. */
  private token(): Problem.Problem | undefined {
    const at = this.at
    switch (this.text.charCodeAt(at)) {
      case space:
      case tab:
      case lineFeed:
      case formFeed:
        this.at++
        return undefined
      case carriageReturn:
        return this.carriageReturn()
      case semicolon:
        return this.lineComment()
      case open:
        return this.openList()
      case close:
        return this.closeList()
      case quote:
        return this.quotedAtom()
      case hash: {
        const next = this.text.charCodeAt(at + 1)
        if (next === pipe) return this.blockComment()
        return next === semicolon ? this.datumComment() : this.unquotedAtom()
      }
      default:
        return this.unquotedAtom()
    }
  }

  /** Outside of atoms a carriage return is read only as part of a line end. */
  private carriageReturn(): Problem.Problem | undefined {
    const at = this.at
    if (this.text.charCodeAt(at + 1) !== lineFeed) return SexpProblem.carriageReturn(at)
    this.at += 2
    return undefined
  }

  private lineComment(): undefined {
    const text = this.text
    let at = this.at
    while (at < text.length && text.charCodeAt(at) !== lineFeed && text.charCodeAt(at) !== carriageReturn) at++
    this.at = at
  }

  private datumComment(): undefined {
    this.dropped.push(this.at)
    this.droppedDepths.push(this.depth)
    this.droppedNodes.push(this.nodes.length)
    this.at += 2
  }

  private blockComment(): Problem.Problem | undefined {
    const end = blockCommentEnd(this.text, this.at)
    if (typeof end === "object") return end
    this.at = end
    return undefined
  }

  private openList(): Problem.Problem | undefined {
    const at = this.at
    const trailing = this.trailing(at)
    if (trailing !== undefined) return trailing
    this.nodes.openList(at)
    this.depth++
    this.at++
    return undefined
  }

  private closeList(): Problem.Problem | undefined {
    const at = this.at
    if (this.depth === 0) return SexpProblem.unopened(at, this.ended !== undefined)
    if (this.dropped.length > 0 && this.droppedDepths.last === this.depth)
      return SexpProblem.emptyDatumComment(this.dropped.last)
    this.at++
    this.depth--
    this.nodes.closeList(this.at)
    this.nodeEnded()
    return undefined
  }

  private quotedAtom(): Problem.Problem | undefined {
    const start = this.at
    const trailing = this.trailing(start)
    if (trailing !== undefined) return trailing
    const scanned = QuotedAtom.scan(this.text, start)
    if (scanned === undefined) return SexpProblem.unclosedText(start, 'a `"` within quoted text is written `\\"`')
    if (!("highBytes" in scanned)) return scanned
    if (scanned.highBytes && this.dropped.length === 0) {
      const value = QuotedAtom.unescape(this.text, start, scanned.end)
      if (Either.isLeft(value)) return value.left
    }
    this.atomEnded(start, scanned.end)
    return undefined
  }

  private unquotedAtom(): Problem.Problem | undefined {
    const text = this.text
    const start = this.at
    const trailing = this.trailing(start)
    if (trailing !== undefined) return trailing
    let previous = text.charCodeAt(start)
    // A hash that begins an atom was seen not to begin a comment.
    let at = start + 1
    while (at < text.length) {
      const code = text.charCodeAt(at)
      if (endsAtom(code)) break
      if ((previous === hash && code === pipe) || (previous === pipe && code === hash)) {
        return SexpProblem.commentInAtom(text, at - 1)
      }
      previous = code
      at++
    }
    if (at === text.length && this.ended !== undefined) return SexpProblem.openEndedAtom(start, at)
    this.atomEnded(start, at)
    return undefined
  }

  private atomEnded(start: number, end: number): void {
    this.nodes.atom(start, end)
    this.at = end
    this.nodeEnded()
  }

  private nodeEnded(): void {
    const dropped = this.dropped.length
    if (dropped > 0) {
      if (this.droppedDepths.last !== this.depth) return
      this.nodes.truncate(this.droppedNodes.last)
      this.dropped.truncate(dropped - 1)
      this.droppedDepths.truncate(dropped - 1)
      this.droppedNodes.truncate(dropped - 1)
    } else if (this.depth === 0) this.ended = this.at
  }

  /** Something that counts begins after the expression. */
  private trailing(start: number): Problem.Problem | undefined {
    if (this.ended === undefined || this.dropped.length > 0) return undefined
    return SexpProblem.trailing(start, this.nodes.node(0))
  }

  /** What is missing at the end of the text. */
  private incomplete(): Problem.Problem | undefined {
    if (this.depth > 0) return unclosedList(this.nodes)
    if (this.dropped.length > 0) return SexpProblem.emptyDatumComment(this.dropped.last)
    return this.ended === undefined ? SexpProblem.empty(this.text.length) : undefined
  }
}

/** The offset after the block comment at `start`. Block comments nest, and a quoted atom in one hides what it holds. */
export const blockCommentEnd = (text: string, start: number): number | Problem.Problem => {
  let nesting = 1
  let at = start + 2
  while (at < text.length) {
    const code = text.charCodeAt(at)
    const next = text.charCodeAt(at + 1)
    if (code === hash && next === pipe) {
      nesting++
      at += 2
    } else if (code === pipe && next === hash) {
      nesting--
      at += 2
      if (nesting === 0) return at
    } else if (code === quote) {
      const scanned = QuotedAtom.scan(text, at)
      if (scanned === undefined) return SexpProblem.unclosedText(at, "in a block comment, too, quotes come in pairs")
      if (!("highBytes" in scanned)) return scanned
      at = scanned.end
    } else {
      at++
    }
  }
  return SexpProblem.unclosedComment(start, nesting)
}

/** What an unquoted atom cannot hold, and so ends before. */
export const endsAtom = (code: number): boolean => {
  switch (code) {
    case space:
    case tab:
    case lineFeed:
    case formFeed:
    case carriageReturn:
    case quote:
    case open:
    case close:
    case semicolon:
      return true
    default:
      return false
  }
}
