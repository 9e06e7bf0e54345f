/** What a Dockerfile says of its image: how it is run, and what it is called. No step comes of it. */
import type { Healthcheck } from "../ImageSettings.ts"
import { pairsOf } from "./ImportPairs.ts"
import type { StageImport } from "./StageImport.ts"

/** What an instruction runs: by the shell, unless it is written as a list. */
const commandOf = (stage: StageImport): ReadonlyArray<string> => {
  const { heredocs, json, text } = stage.current
  if (heredocs.length > 0)
    stage.refuse(`${stage.current.keyword} takes no here-document`, "COPY a script, and name that")
  if (json !== undefined) return json
  return text.trim() === "" ? [] : [...stage.now.shell, text]
}

const entrypoint = (stage: StageImport): void => {
  const { command, ...others } = stage.now.settings
  // A new entry point takes away the command that it was not meant for.
  const kept = stage.now.hasCommand && command !== undefined ? { command } : {}
  stage.now.settings = { ...others, ...kept, entrypoint: commandOf(stage) }
}

const cmd = (stage: StageImport): void => {
  stage.now.settings = { ...stage.now.settings, command: commandOf(stage) }
  stage.now.hasCommand = true
}

/** More labels or volumes than this are no person's. */
const MAX_TEXTS = 10_000

const addLabel = (stage: StageImport, name: string, value: string): void => {
  const { labels } = stage.now
  if (labels.size >= MAX_TEXTS && !labels.has(name)) stage.refuse(`these are more than ${MAX_TEXTS} labels`)
  // What is said last stands last.
  labels.delete(name)
  labels.set(name, value)
}

const label = (stage: StageImport): void => {
  const { expand } = stage
  for (const { name, value = "" } of pairsOf(stage.current, stage.whole.dockerfile.escape)) {
    const known = expand(name)
    if (known.startsWith("obuilder."))
      stage.refuse(`${JSON.stringify(known)} is for obuilder to say`, "call it otherwise")
    addLabel(stage, known, expand(value))
  }
}

const maintainer = (stage: StageImport): void => {
  stage.note("MAINTAINER becomes the label maintainer", `write LABEL maintainer=…`)
  addLabel(stage, "maintainer", stage.current.text.trim())
}

/** As a stage and those that it is built on name them: one that is named twice counts twice. */
const MAX_PORTS = 10_000

/** `80`, `80/udp`, `8000-8010`: each port by itself. */
const expose = (stage: StageImport): void => {
  const { now } = stage
  const ports = stage.current.text.split(/\s+/).flatMap((word) => (word === "" ? [] : stage.words(word)))
  if (ports.length === 0) stage.refuse("EXPOSE needs a port", "write EXPOSE 80, or 53/udp")
  for (const port of ports) {
    const [, first = "", last = first, protocol = "tcp"] =
      /^(?:[0-9.]+:)?([0-9]{1,5})(?:-([0-9]{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(port) ?? []
    const [from, to] = [Number(first), Number(last)]
    if (first === "" || from > to || to > 65_535) {
      stage.refuse(`${JSON.stringify(port)} is no port`, "write EXPOSE 80, or 53/udp")
    }
    now.portsNamed += to - from + 1
    if (now.portsNamed > MAX_PORTS) stage.refuse(`these are more than ${MAX_PORTS} ports`)
    for (let number = from; number <= to; number++) now.ports.add(`${number}/${protocol.toLowerCase()}`)
  }
}

const volume = (stage: StageImport): void => {
  const { json, text } = stage.current
  const volumes = (json ?? text.split(/\s+/)).map((word) => stage.expand(word)).filter((path) => path !== "")
  if (volumes.length === 0) stage.refuse("VOLUME needs a path", "write VOLUME /PATH")
  for (const path of volumes) stage.now.volumes.add(path)
  if (stage.now.volumes.size > MAX_TEXTS) stage.refuse(`these are more than ${MAX_TEXTS} volumes`)
}

const stopSignal = (stage: StageImport): void => {
  const signal = stage.expand(stage.current.text.trim())
  if (!/^(?:SIG[A-Z0-9+-]+|[0-9]{1,3}|[A-Z][A-Z0-9+-]*)$/.test(signal))
    stage.refuse(`${JSON.stringify(signal)} is no signal`, "write STOPSIGNAL SIGTERM")
  stage.now.settings = { ...stage.now.settings, stopSignal: signal }
}

const UNITS: Readonly<Record<string, number>> = { h: 3.6e12, m: 6e10, s: 1e9, ms: 1e6, us: 1e3, "\u00b5s": 1e3, ns: 1 }

/** Nanoseconds of a duration as Go writes them: `1m30s`. */
const duration = (stage: StageImport, text: string): number => {
  if (text === "0") return 0
  const parts = [...text.matchAll(/([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|\u00b5s|ms|s|m|h)/g)]
  const sum = parts.reduce((total, [, number, unit]) => total + Number(number) * (UNITS[unit ?? ""] ?? 0), 0)
  if (parts.map(([part]) => part).join("") !== text || text === "" || !Number.isSafeInteger(Math.round(sum))) {
    return stage.refuse(`${JSON.stringify(text)} is no time`, "write 30s, or 1m30s")
  }
  return Math.round(sum)
}

const healthcheck = (stage: StageImport): void => {
  const { flags, json, text } = stage.current
  const [, kind = "", rest = ""] = /^\s*(\S+)\s*(.*)$/s.exec(json === undefined ? text : "") ?? []
  if (kind.toUpperCase() === "NONE") {
    stage.now.settings = { ...stage.now.settings, healthcheck: { Test: ["NONE"] } }
    return
  }
  if (kind.toUpperCase() !== "CMD" || rest.trim() === "") {
    stage.refuse("this HEALTHCHECK cannot be read", "write HEALTHCHECK CMD COMMAND, or HEALTHCHECK NONE")
  }
  const list = listOf(rest)
  let check: Healthcheck = { Test: list === undefined ? ["CMD-SHELL", rest] : ["CMD", ...list] }
  for (const { name, range, value = "" } of flags) {
    const said = stage.expand(value)
    if (name === "interval") check = { ...check, Interval: duration(stage, said) }
    else if (name === "timeout") check = { ...check, Timeout: duration(stage, said) }
    else if (name === "start-period") check = { ...check, StartPeriod: duration(stage, said) }
    else if (name === "start-interval") check = { ...check, StartInterval: duration(stage, said) }
    else if (name === "retries" && /^[0-9]{1,6}$/.test(said)) check = { ...check, Retries: Number(said) }
    else stage.refuse(`HEALTHCHECK cannot have --${name}=${said}`, undefined, range)
  }
  stage.now.settings = { ...stage.now.settings, healthcheck: check }
}

const listOf = (text: string): ReadonlyArray<string> | undefined => {
  try {
    const read: unknown = JSON.parse(text)
    return Array.isArray(read) && read.every((one) => typeof one === "string") ? read : undefined
  } catch {
    return undefined
  }
}

/** By keyword. */
export const metadata: ReadonlyMap<string, (stage: StageImport) => void> = new Map([
  ["ENTRYPOINT", entrypoint],
  ["CMD", cmd],
  ["LABEL", label],
  ["MAINTAINER", maintainer],
  ["EXPOSE", expose],
  ["VOLUME", volume],
  ["STOPSIGNAL", stopSignal],
  ["HEALTHCHECK", healthcheck]
])
