/** Rules about copies. */
import type { Copy } from "../../Spec.ts"
import { show } from "../../SpecFields.ts"
import type { Match, Rule } from "../Rule.ts"
import type { Subject } from "../Subject.ts"

const eachCopy = ({ stages }: Subject, find: (op: Copy) => Omit<Match, "part"> | undefined): ReadonlyArray<Match> =>
  stages.flatMap(({ spec }) =>
    spec.ops.flatMap((op): ReadonlyArray<Match> => {
      const match = op._tag === "Copy" ? find(op) : undefined
      return match === undefined ? [] : [{ part: op, ...match }]
    })
  )

export const excludePath: Rule = {
  name: "exclude-path",
  severity: "warning",
  summary: "an `exclude` of a path or a pattern",
  why: "it knows names alone, such as `.git`, and this is none",
  remedy: "write the name that the files have, in whatever directory they are",
  find: (subject) =>
    eachCopy(subject, ({ exclude }) => {
      const wrong = exclude.find((name) => /[/*?]/.test(name))
      return wrong === undefined
        ? undefined
        : {
            message: `${show(wrong)} excludes nothing: it is no file's name`,
            hint: "`exclude` knows neither paths nor patterns"
          }
    })
}

export const sourcePattern: Rule = {
  name: "source-pattern",
  severity: "warning",
  summary: "a `src` with `*` or `?` in it",
  why: "it is the name of one file, and there is hardly one that is called so",
  remedy: "name each file, or the directory that they are in",
  find: (subject) =>
    eachCopy(subject, ({ src }) => {
      const wrong = src.find((path) => /[*?]/.test(path))
      return wrong === undefined
        ? undefined
        : {
            message: `${show(wrong)} is taken as it is written`,
            hint: "`src` knows no patterns: name the files, or a directory"
          }
    })
}
