/**
 * What the reader has read: a tree of atoms and lists that know where they
 * stand in the text.
 *
 * The tree is a table of numbers, and its nodes are views that are made when
 * asked for. A file of 50 MB may hold 25 million nodes: as objects they would
 * exhaust the heap.
 */
import * as Either from "effect/Either"
import { IntVector } from "./IntVector.ts"
import * as QuotedAtom from "./QuotedAtom.ts"
import type { Sexp } from "./Sexp.ts"

export type SexpNode = AtomNode | ListNode

/**
 * The nodes of a text in the order in which they begin. A list's descendants
 * follow it directly, and `next` is the first node after them.
 */
export class NodeTable {
  readonly text: string
  private readonly starts = new IntVector()
  private readonly ends = new IntVector()
  /** While a list is open, the list that holds it (-1 for none). */
  private readonly nexts = new IntVector()
  private current = -1

  constructor(text: string) {
    this.text = text
  }

  get length(): number {
    return this.starts.length
  }

  /** The innermost list that is still open; -1 when there is none. */
  get innermostOpen(): number {
    return this.current
  }

  atom(start: number, end: number): void {
    this.starts.push(start)
    this.ends.push(end)
    this.nexts.push(this.length)
  }

  openList(start: number): void {
    const index = this.length
    this.starts.push(start)
    this.ends.push(-1)
    this.nexts.push(this.current)
    this.current = index
  }

  /** Closes the innermost open list; `end` is after its parenthesis. */
  closeList(end: number): void {
    const index = this.current
    this.current = this.nexts.get(index)
    this.ends.set(index, end)
    this.nexts.set(index, this.length)
  }

  /** Forgets the nodes from `length` on. None of them may be an open list. */
  truncate(length: number): void {
    this.starts.truncate(length)
    this.ends.truncate(length)
    this.nexts.truncate(length)
  }

  start(index: number): number {
    return this.starts.get(index)
  }

  /** -1 for a list that is open. */
  end(index: number): number {
    return this.ends.get(index)
  }

  next(index: number): number {
    return this.nexts.get(index)
  }

  isList(index: number): boolean {
    return this.text.charCodeAt(this.start(index)) === 0x28
  }

  node(index: number): SexpNode {
    return this.isList(index) ? new ListNode(this, index) : new AtomNode(this, index)
  }
}

export class AtomNode {
  readonly _tag = "Atom"
  private readonly table: NodeTable
  private readonly index: number

  constructor(table: NodeTable, index: number) {
    this.table = table
    this.index = index
  }

  get start(): number {
    return this.table.start(this.index)
  }

  get end(): number {
    return this.table.end(this.index)
  }

  get quoted(): boolean {
    return this.table.text.charCodeAt(this.start) === 0x22
  }

  get value(): string {
    const { start, end } = this
    if (!this.quoted) return this.table.text.slice(start, end)
    // The reader has refused atoms whose escapes are wrong.
    return Either.getOrElse(QuotedAtom.unescape(this.table.text, start, end), () => "")
  }
}

export class ListNode {
  readonly _tag = "List"
  private readonly table: NodeTable
  private readonly index: number

  constructor(table: NodeTable, index: number) {
    this.table = table
    this.index = index
  }

  get start(): number {
    return this.table.start(this.index)
  }

  get end(): number {
    return this.table.end(this.index)
  }

  /** The list's items, made one by one. */
  *[Symbol.iterator](): Generator<SexpNode, void, undefined> {
    const after = this.table.next(this.index)
    for (let item = this.index + 1; item < after; item = this.table.next(item)) yield this.table.node(item)
  }
}

/** A node as plain data. Iterative: a tree may be as deep as its text is long. */
export const toSexp = (root: SexpNode): Sexp => {
  if (root._tag === "Atom") return { _tag: "Atom", value: root.value }
  const items: Array<Sexp> = []
  const open = [{ rest: root[Symbol.iterator](), items }]
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const { done, value } = top.rest.next()
    if (done === true) open.pop()
    else if (value._tag === "Atom") top.items.push({ _tag: "Atom", value: value.value })
    else {
      const inner: Array<Sexp> = []
      top.items.push({ _tag: "List", items: inner })
      open.push({ rest: value[Symbol.iterator](), items: inner })
    }
  }
  return { _tag: "List", items }
}
