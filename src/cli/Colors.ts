/** Colours on a terminal, and their absence elsewhere. */
import * as Option from "effect/Option"
import type { HostService } from "./Host.ts"
import type { Sink } from "./Output.ts"

export type When = "auto" | "always" | "never"

/**
 * Whether to colour what goes to a sink: `--color` decides; without it, a
 * terminal that is not dumb, unless `NO_COLOR` is set (https://no-color.org).
 */
export const enabled = (when: Option.Option<When>, sink: Sink, host: HostService): boolean => {
  switch (Option.getOrElse(when, () => "auto" as const)) {
    case "always":
      return true
    case "never":
      return false
    case "auto":
      return (
        sink.isTerminal &&
        Option.isNone(host.variable("NO_COLOR")) &&
        Option.getOrNull(host.variable("TERM")) !== "dumb"
      )
  }
}

/** ECMA-48 colours; those of OBuilder. */
const CODES = { heading: "94", note: "33", error: "31" } as const

export const paint = (on: boolean, what: keyof typeof CODES, text: string): string =>
  on ? `\u001b[${CODES[what]}m${text}\u001b[0m` : text
