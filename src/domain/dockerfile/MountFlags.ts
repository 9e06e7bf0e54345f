/** Reads `--mount=type=…,…` of RUN. */
import { plain } from "./CopyFlags.ts"
import type { InstructionFlag } from "./Dockerfile.ts"
import type { StageImport } from "./StageImport.ts"

/** The fields of a mount by their names in lower case, with their short names written out. */
export interface Mount {
  readonly type: string
  readonly fields: ReadonlyMap<string, string>
  readonly flag: InstructionFlag
}

const LONG: Readonly<Record<string, string>> = {
  src: "source",
  dst: "target",
  destination: "target",
  ro: "readonly",
  rw: "readwrite"
}

/** What each type can have. */
const FIELDS: Readonly<Record<string, ReadonlyArray<string>>> = {
  bind: ["source", "target", "from", "readonly", "readwrite"],
  cache: ["id", "source", "target", "from", "readonly", "readwrite", "sharing", "mode", "uid", "gid"],
  secret: ["id", "source", "target", "required", "mode", "uid", "gid", "env"],
  tmpfs: ["target", "size"],
  ssh: []
}

export const mountOf = (stage: StageImport, flag: InstructionFlag): Mount => {
  const refuse = (message: string): never => stage.refuse(message, "write --mount=type=TYPE,target=PATH", flag.range)
  const fields = new Map<string, string>()
  for (const field of fieldsOf(flag.value ?? "") ?? refuse("this --mount ends within quotes")) {
    const at = field.indexOf("=")
    const written = (at < 0 ? field : field.slice(0, at)).toLowerCase()
    const name = Object.hasOwn(LONG, written) ? (LONG[written] ?? written) : written
    const value =
      at < 0
        ? undefined
        : name === "from"
          ? plain(stage, field.slice(at + 1), flag.range)
          : stage.expand(field.slice(at + 1))
    if (value === undefined && !["readonly", "readwrite", "required"].includes(name)) {
      return refuse(`${JSON.stringify(field)} is no field of a mount`)
    }
    fields.set(name, value ?? "true")
  }
  const type = fields.get("type") ?? "bind"
  fields.delete("type")
  if (!Object.hasOwn(FIELDS, type)) return refuse(`there are no mounts of the type ${JSON.stringify(type)}`)
  if (type === "ssh") {
    return stage.refuse("steps do not get an SSH agent", "give them a key as a secret: --mount=type=secret", flag.range)
  }
  const odd = [...fields.keys()].find((name) => FIELDS[type]?.includes(name) !== true)
  if (odd !== undefined) return refuse(`a mount of the type ${type} has no field ${JSON.stringify(odd)}`)
  return { type, fields, flag }
}

export const isTrue = (text: string | undefined): boolean => text !== undefined && /^(?:1|t|true)$/i.test(text)

/** As CSV has them: a field may stand in double quotes, in which two mean one. */
export const fieldsOf = (text: string): ReadonlyArray<string> | undefined => {
  const fields: Array<string> = []
  for (let at = 0; at <= text.length;) {
    if (text[at] !== '"') {
      const comma = text.indexOf(",", at)
      const end = comma < 0 ? text.length : comma
      fields.push(text.slice(at, end))
      at = end + 1
      continue
    }
    let field = ""
    for (at++; ;) {
      const quote = text.indexOf('"', at)
      if (quote < 0) return undefined
      field += text.slice(at, quote)
      at = quote + 1
      if (text[at] !== '"') break
      field += '"'
      at++
    }
    fields.push(field)
    at++
  }
  return fields.map((field) => field.trim())
}
