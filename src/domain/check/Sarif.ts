/** What was found, as SARIF 2.1.0 (an OASIS standard), which code hosts show beside the code. */
import * as Option from "effect/Option"
import * as Source from "../Source.ts"
import type { Span } from "../Span.ts"
import type { Finding, Fix } from "./Finding.ts"
import type { Rule } from "./Rule.ts"
import { type Checked, others } from "./SpecCheck.ts"

type Described = Pick<Rule, "name" | "severity" | "summary" | "why" | "remedy">

/** Indented, ending with a line end. `rules` are all that were looked for. */
export const render = (checked: ReadonlyArray<Checked>, rules: ReadonlyArray<Described>): string => {
  const all = [...rules, ...others]
  const places = new Map(all.map(({ name }, index) => [name, index]))
  const log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "obuilder", rules: all.map(describe) } },
        columnKind: "utf16CodeUnits",
        results: checked.flatMap((one) => {
          const source = Source.make(one.file, one.text)
          return one.findings.map((finding) => result(source, finding, places.get(finding.rule)))
        })
      }
    ]
  }
  return `${JSON.stringify(log, null, 2)}\n`
}

const describe = ({ name, remedy, severity, summary, why }: Described) => ({
  id: name,
  name: name.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase()),
  shortDescription: { text: sentence(summary) },
  fullDescription: { text: `${sentence(summary)} ${sentence(why)}` },
  help: { text: `${sentence(why)} ${sentence(remedy)}` },
  defaultConfiguration: { level: severity }
})

const sentence = (phrase: string): string => `${phrase.charAt(0).toUpperCase()}${phrase.slice(1)}.`

const result = (source: Source.Source, finding: Finding, place: number | undefined) => ({
  ruleId: finding.rule,
  ...(place === undefined ? {} : { ruleIndex: place }),
  level: finding.severity,
  message: { text: messageOf(finding) },
  locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(source.file) }, region: region(finding.span) } }],
  ...Option.match(finding.fix, { onNone: () => ({}), onSome: (fix) => ({ fixes: [fixOf(source, fix)] }) })
})

const messageOf = ({ expected, hint, message }: Finding): string =>
  [
    sentence(message),
    ...Option.toArray(Option.map(expected, (text) => `Expected: ${text}.`)),
    ...Option.toArray(Option.map(hint, sentence))
  ].join(" ")

const region = ({ end, start }: Span) => ({
  startLine: start.line,
  startColumn: start.column,
  endLine: end.line,
  endColumn: end.column
})

const fixOf = (source: Source.Source, { description, edit }: Fix) => ({
  description: { text: description },
  artifactChanges: [
    {
      artifactLocation: { uri: uriOf(source.file) },
      replacements: [{ deletedRegion: region(source.span(edit.start, edit.end)), insertedContent: { text: edit.text } }]
    }
  ]
})

/** A path as a reference to a URI: relative ones stay so. A lone half of a character cannot be in one. */
const uriOf = (file: string): string => {
  const path = file
    .replaceAll(/\p{Cs}/gu, "\ufffd")
    .split("/")
    .map(encodeURIComponent)
    .join("/")
  return file.startsWith("/") ? `file://${path}` : path.replace(/^\.\//, "")
}
