/** The figures as text: `RESULTS.md`, and a line for whoever waits. */
import { median } from "./measure.mjs"

const digits = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2))

const spread = (values) => `${digits(Math.min(...values))} to ${digits(Math.max(...values))}`

const ofProcessors = ({ processor, unit }) =>
  processor === undefined ? "" : `${digits(processor)} ${unit.startsWith("×") ? "×" : unit}`

const verdict = ({ values, target }) => (target === undefined ? "" : median(values) <= target ? "met" : "**missed**")

export const line = (figure) => {
  const { name, target, unit, values } = figure
  const goal = target === undefined ? "" : `, at most ${digits(target)}: ${verdict(figure)}`
  const busy = ofProcessors(figure)
  const processors = busy === "" ? "" : `, ${busy} of processor time`
  return `${name}: ${digits(median(values))} ${unit} (${spread(values)}, ${values.length} runs${processors}${goal})`
}

const table = (head, rows) =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

export const document = ({ machine, figures }) => `# Measured

Written by \`npm run bench\`; \`README.md\` says how it measures. Figures with × are
ratios to what is named there, taken round by round on the same machine: they
carry over to other machines, bare times do not. The processor time is that of
all rounds together: it depends less on what else the machine does.

${table(["machine", ""], machine)}

## Figures

${table(
  ["what", "median", "min to max", "processor time", "runs", "at most", ""],
  figures.map((figure) => {
    const { name, target, unit, values } = figure
    return [
      name,
      `${digits(median(values))} ${unit}`,
      spread(values),
      ofProcessors(figure),
      values.length,
      target === undefined ? "" : digits(target),
      verdict(figure)
    ]
  })
)}

## The times behind the ratios

In milliseconds, on this machine, with whatever else it did.

${table(
  ["what", "", "median", "min to max"],
  figures.flatMap(({ name, times }) =>
    Object.entries(times).map(([variant, values]) => [name, variant, digits(median(values)), spread(values)])
  )
)}
`
