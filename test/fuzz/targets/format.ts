/** The layout of specs: it changes neither what a text means nor its comments, and what it made it leaves as it is. */
import * as Either from "effect/Either"
import * as Diagnostic from "../../../src/domain/Diagnostic.ts"
import * as SpecFormat from "../../../src/domain/format/SpecFormat.ts"
import * as TokenTable from "../../../src/domain/format/TokenTable.ts"
import * as SpecText from "../../../src/domain/SpecText.ts"
import * as specText from "./specText.ts"
import { holds, textOf } from "./Target.ts"

export const seeds: ReadonlyArray<string> = [
  ...specText.seeds,
  `; first

#| a block
   of two |# ((build b ; the builder
   ((from a) (run (shell "one \\
     two\\n\\
     three")))) #;(env a b) #;#; x y
 (from c) ; the base

 ;; before
 (run (cache (a (target /a)) (b (target /b))) (shell "make \\
      all")) #| after |# (copy (src a b "c d") (dst /)) ; last
)
; end`
]

export const words: ReadonlyArray<string> = [
  ...specText.words,
  ...'; ;; #| |# #; "" " \\ \\n (run (comment a (secrets (s (target /s)))'.split(" "),
  "\n\n",
  "; a comment\n",
  "\n   #| b |#",
  "\t",
  "\f",
  "long".repeat(20)
]

const options = { file: "app.spec" }

/** Without the blanks at the end of a line, which nobody sees. */
const comments = (text: string): ReadonlyArray<string> => {
  const tokens = TokenTable.read(text)
  return Array.from({ length: tokens.length }, (_, index) => index)
    .filter((index) => tokens.kind(index) === TokenTable.DATUM_COMMENT || tokens.isComment(index))
    .map((index) => tokens.slice(index).trimEnd())
}

export const fuzz = (data: Uint8Array): void => {
  const text = textOf(data)
  const parsed = SpecText.parse(text, options)
  const formatted = SpecFormat.format(text, options)
  if (Either.isLeft(formatted)) {
    Diagnostic.render(formatted.left)
    holds(Either.isLeft(parsed), "what is a spec can be laid out")
    return
  }
  if (Either.isLeft(parsed)) throw new Error("what is no spec is not laid out")
  const again = SpecText.parse(formatted.right, options)
  holds(
    Either.isRight(again) && JSON.stringify(again.right.spec) === JSON.stringify(parsed.right.spec),
    "a layout does not change the spec"
  )
  holds(
    JSON.stringify(comments(formatted.right)) === JSON.stringify(comments(text)),
    "a layout has all comments, in their order"
  )
  const twice = SpecFormat.format(formatted.right, options)
  holds(Either.isRight(twice) && twice.right === formatted.right, "a layout of a layout is the same")
  holds(formatted.right.endsWith("\n"), "a layout ends with a line's end")
}
