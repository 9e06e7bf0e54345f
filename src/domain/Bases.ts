/** The bases that a spec names, and other names for them. */
import * as Either from "effect/Either"
import * as SexpReader from "./SexpReader.ts"
import { atom } from "./SexpPrinter.ts"
import type { Spec } from "./Spec.ts"
import type { ParsedSpec } from "./SpecReader.ts"

/** A spec and all those nested in it, in the order in which they are built. Without recursion: nesting has no bound here. */
export const allSpecs = (spec: Spec): ReadonlyArray<Spec> => {
  const found: Array<Spec> = []
  const pending = [spec]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    found.push(next)
    // One by one: there may be more of them than a call takes arguments.
    for (const nested of next.builds) pending.push(nested.spec)
  }
  return found.reverse()
}

/** The spec's text with some bases named otherwise. Nothing else changes: comments, blanks and line ends stay. */
export const rename = ({ spec, spans, text }: ParsedSpec, names: ReadonlyMap<string, string>): string => {
  const edits = allSpecs(spec)
    .flatMap((part) => {
      const name = names.get(part.from)
      const span = spans.get(part)
      if (name === undefined || span === undefined) return []
      const { offset } = span.start
      const read = SexpReader.read(text.slice(offset, span.end.offset))
      const [, base] = Either.isRight(read) && read.right._tag === "List" ? read.right : []
      return base === undefined ? [] : [{ start: offset + base.start, end: offset + base.end, name: atom(name) }]
    })
    .sort((a, b) => a.start - b.start)
  let at = 0
  const pieces = edits.map(({ end, name, start }) => {
    const piece = text.slice(at, start) + name
    at = end
    return piece
  })
  return pieces.join("") + text.slice(at)
}
