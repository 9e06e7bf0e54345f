import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Diagnostic from "../../src/domain/Diagnostic.ts"
import type { SpecError } from "../../src/domain/SpecError.ts"
import * as SpecText from "../../src/domain/SpecText.ts"

const errorOf = (text: string): SpecError =>
  SpecText.parse(text, { file: "app.spec" }).pipe(Either.flip, Either.getOrThrow)

/** An operation on its own, in the smallest spec. */
const spec = (...lines: ReadonlyArray<string>): string => `((from busybox)\n ${lines.join("\n ")})\n`

describe("a mistake is shown with what to write instead", () => {
  it.each([
    ["a command without its field", spec('(run "echo hi")')],
    ["a command in words", spec("(run echo hi)")],
    ["a command without quotes", spec("(run (shell echo hi))")],
    ["a mistyped operation", spec('(rnu (shell "echo hi"))')],
    ["an operation in capitals", spec('(RUN (shell "echo hi"))')],
    ["an operation with a capital", spec('(Run (shell "echo hi"))')],
    ["a mistyped field", spec('(run (shel "echo hi"))')],
    ["a field twice", spec('(run (shell "make")', '     (shell "make install"))')],
    ["a run without a command", spec("(run (network host))")],
    ["fields in parentheses too many", spec("(run ((shell make)))")],
    ["an operation in parentheses too many", spec("((workdir /src))")],
    ["an operation without parentheses", spec("workdir /src")],
    ["a workdir without a path", spec("(workdir)")],
    ["a path with a blank", spec("(workdir /my src)")],
    ["a copy as Docker has it", spec("(copy . /src)")],
    ["a copy without a destination", spec("(copy (src .))")],
    ["a copy from a build that is only named", spec("(copy (from tools) (src a) (dst b))")],
    ["owners of the source directory", spec("(copy (src a) (dst b) (preserve modes owners))")],
    ["something that cannot be preserved", spec("(copy (src a) (dst b) (preserve times))")],
    ["a list that cannot be preserved", spec("(copy (src a) (dst b) (preserve (modes)))")],
    ["something that is preserved twice", spec("(copy (src a) (dst b) (preserve modes modes))")],
    ["nothing that is preserved", spec("(copy (src a) (dst b) (preserve))")],
    ["a variable as the shell has it", spec("(env CC=gcc)")],
    ["a value with blanks", spec("(env CFLAGS -O2 -g)")],
    ["a user by name", spec("(user nobody)")],
    ["a user by number", spec("(user 1000)")],
    ["a user without a group", spec("(user (uid 1000))")],
    ["a user the wrong way round", spec("(user (gid 1) (uid 2))")],
    ["a user with a name for a number", spec("(user (uid nobody) (gid nobody))")],
    ["a user out of range", spec("(user (uid 99999999999999999999) (gid 0))")],
    ["a cache without its target", spec("(run (cache npm) (shell make))")],
    ["a cache without its name", spec("(run (cache (target /root/.npm)) (shell make))")],
    [
      "a cache option without its parentheses",
      spec("(run (cache (npm (target /n) (buildkit_options (a b)))) (shell make))")
    ],
    ["a mistyped from", "((form busybox))\n"],
    ["no from", '((run (shell "echo hi")))\n'],
    ["an empty spec", "()\n"],
    ["a from without a base", "((from))\n"],
    ["a from that is not closed in time", "((from busybox (run (shell make))))\n"],
    ["a spec without its parentheses", "(from busybox)\n(run (shell make))\n"],
    ["a second from", spec("(from debian)")],
    ["a build after from", spec("(build tools ((from busybox)))")],
    ["a build without its spec's parentheses", "((build tools (from busybox)) (from busybox))\n"],
    ["a build without a name", "((build ((from busybox))) (from busybox))\n"],
    ["a mistyped build", "((build tools ((from a)))\n (from b)\n (copy (from (build tool)) (src /x) (dst /y)))\n"],
    [
      "a build within another",
      "((build a ((build b ((from x))) (from x)))\n (from x)\n (copy (from (build b)) (src /x) (dst /y)))\n"
    ],
    ["no build at all", spec("(copy (from (build tools)) (src a) (dst b))")],
    ["a list that is never closed", "((from busybox)\n (workdir /src)\n"],
    ["a list that is not closed in time", '((from busybox)\n (run (shell "make")\n (workdir /src))\n'],
    ["a list that is closed too early", "((from busybox))\n (workdir /src))\n"],
    ["a parenthesis too many", "((from busybox)))\n"],
    ["a quoted text that is never closed", '((from busybox)\n (run (shell "echo hi)))\n'],
    ["a comment that is never closed", "#| what this is for |\n((from busybox))\n"],
    ["a quote in a block comment", '#| 5" |#\n((from busybox))\n'],
    ["a datum comment with nothing to comment out", "((from busybox)\n #;)\n"],
    ["an escape that is no byte", spec('(run (shell "\\400"))')],
    ["escapes that are no text", spec('(run (shell "\\255"))')],
    ["an empty file", ""],
    ["nothing but comments", "; to be written\n"],
    ["a Dockerfile", "# my app\nFROM busybox\nRUN make\n"],
    ["a byte order mark", "\ufeff((from busybox))\n"]
  ])("%s", (_, text) => {
    expect(Diagnostic.render(errorOf(text))).toMatchSnapshot()
  })

  it("bytes that are no text", () => {
    const bytes = Uint8Array.from([...new TextEncoder().encode("((from busybox)\n (comment caf"), 0xe9, 0x29, 0x29])
    const error = SpecText.decodeUtf8(bytes, { file: "app.spec" }).pipe(Either.flip, Either.getOrThrow)
    expect(Diagnostic.render(error)).toMatchSnapshot()
  })
})

describe("a hint", () => {
  const hint = /write `(.*)`/

  it("that says what to write for an operation is right", () => {
    for (const op of [
      '(run "echo hi")',
      "(run make all)",
      "(copy a b)",
      "(copy a b /c/)",
      "(env A=B)",
      "(env A=B=C)",
      "(user root)",
      "(user 1000)"
    ]) {
      const written = hint.exec(Diagnostic.render(errorOf(spec(op))))?.[1]
      expect(Either.isRight(SpecText.parse(spec(written ?? ""), { file: "app.spec" })), `${op} -> ${written}`).toBe(
        true
      )
    }
  })
})

describe("an error", () => {
  it("can be shown whatever the text is", () => {
    const pieces = FastCheck.constantFrom(
      ...'() \n\r\t;"\\#|é日',
      "from",
      "run",
      "copy",
      "env",
      "user",
      "build",
      "(shell a)",
      "\u001b[2J",
      "\u202e",
      "\u{1f600}",
      "\ud800"
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: pieces, maxLength: 60 }), FastCheck.boolean(), (text, wrapped) => {
        const result = SpecText.parse(wrapped ? `((from a) ${text})` : text, { file: "app.spec" })
        if (Either.isRight(result)) return
        const shown = Diagnostic.render(result.left)
        expect(shown).toMatch(/^app\.spec:\d+:\d+: error: .+\n/)
        // Nothing acts on the terminal, or turns the order of the text.
        expect(shown.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u)
      }),
      { numRuns: 3000 }
    )
  })
})
