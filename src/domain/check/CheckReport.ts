/** What `obuilder check --format=json` prints. Documented as `docs/check.schema.json`. */
import * as Schema from "effect/Schema"

const Position = Schema.Struct({
  line: Schema.Number.annotations({ description: "From 1." }),
  column: Schema.Number.annotations({ description: "From 1, in UTF-16 code units." }),
  offset: Schema.Number.annotations({ description: "From 0, in UTF-16 code units." })
})

export const CheckReport = Schema.Struct({
  version: Schema.Literal(1),
  files: Schema.Array(
    Schema.Struct({
      file: Schema.String.annotations({ description: "As on the command line; <stdin> for standard input." }),
      findings: Schema.Array(
        Schema.Struct({
          rule: Schema.String,
          severity: Schema.Literal("error", "warning", "note"),
          message: Schema.String,
          expected: Schema.NullOr(Schema.String),
          hint: Schema.NullOr(Schema.String),
          start: Position,
          end: Position.annotations({ description: "Exclusive." }),
          fix: Schema.NullOr(
            Schema.Struct({
              description: Schema.String,
              safe: Schema.Boolean.annotations({ description: "What is built stays the same." }),
              start: Schema.Number.annotations({ description: "An offset, as above." }),
              end: Schema.Number.annotations({ description: "Exclusive." }),
              text: Schema.String.annotations({ description: "What to put in the place of start to end." })
            })
          )
        })
      )
    })
  )
}).annotations({ identifier: "CheckReport" })
export type CheckReport = typeof CheckReport.Type
