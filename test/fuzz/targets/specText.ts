/** The reader and the printer of specs: what is printed reads as the same spec. */
import * as Either from "effect/Either"
import * as Diagnostic from "../../../src/domain/Diagnostic.ts"
import * as SpecText from "../../../src/domain/SpecText.ts"
import { holds, textOf } from "./Target.ts"

export const seeds: ReadonlyArray<string> = [
  "((from busybox))",
  `; a comment
((build tools ((from alpine:3.19@sha256:00) (run (shell "make\\n\\tall"))))
 (from debian:12)
 (comment "a (b) #| c |# \\xe9\\065")
 (workdir /src) (user (uid 1000) (gid 1000)) (env PATH /bin) #;(ignored "x")
 (shell /bin/sh -c)
 (copy (src a b) (dst /c/) (exclude .git))
 (copy (from (build tools)) (src /x) (dst y))
 (run (cache (c (target /c) (buildkit_options (a b)))) (network host) (secrets (s (target /run/s))) (shell "echo hi")))`
]

export const words: ReadonlyArray<string> = [
  ...'( ) (( )) " \\ ; #| |# #; \\n \\065 \\xe9 \\x80 (from a) (build a ((from a))) (run (shell a)) (copy (src a) (dst b)) (from (build a)) (user (name a)) (uid 1) 0x10 0b1 1_0 (env a b) (comment a) (workdir /a) (cache (a (target /b)))'.split(
    " "
  ),
  "\r\n",
  "\r",
  "\\\n   ",
  "\u00e9",
  "\ufeff"
]

export const fuzz = (data: Uint8Array): void => {
  const decoded = SpecText.decodeUtf8(data, { file: "app.spec" })
  if (Either.isLeft(decoded)) Diagnostic.render(decoded.left)
  const parsed = SpecText.parse(textOf(data), { file: "app.spec" })
  if (Either.isLeft(parsed)) {
    Diagnostic.render(parsed.left)
    return
  }
  const { spec } = parsed.right
  const again = SpecText.parse(SpecText.print(spec), { file: "again" })
  holds(Either.isRight(again), "a spec that was printed can be read")
  if (Either.isRight(again)) {
    holds(JSON.stringify(again.right.spec) === JSON.stringify(spec), "a spec that was printed reads as the same spec")
  }
}
