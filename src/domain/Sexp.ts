/** S-expressions as plain data, for printing. `SexpReader.ts` reads text into `SexpNode`s, which know where they stand. */

export type Sexp = Atom | List

export interface Atom {
  readonly _tag: "Atom"
  readonly value: string
}

export interface List {
  readonly _tag: "List"
  readonly items: ReadonlyArray<Sexp>
}

export const atom = (value: string): Atom => ({ _tag: "Atom", value })

export const list = (...items: ReadonlyArray<Sexp>): List => ({ _tag: "List", items })
