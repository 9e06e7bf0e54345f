/**
 * What of a base's configuration goes on to images of what is built on it.
 * Bases are not trusted: what is not as image-spec has it is left out, since
 * programs that read the image would stumble over it.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { lazy } from "../base/ImageSchemas.ts"

type Read = (value: unknown) => Option.Option<unknown>

const reading =
  <A, I>(schema: () => Schema.Schema<A, I>): ((value: unknown) => Option.Option<A>) =>
  (value) =>
    value === undefined || value === null ? Option.none() : Schema.decodeUnknownOption(schema())(value)

const text = reading(lazy(() => Schema.String))
const texts = reading(lazy(() => Schema.Array(Schema.String)))
const whole = lazy(() => Schema.optional(Schema.Int))

/** Names, each with an empty object. */
const names: Read = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Option.some(Object.fromEntries(Object.keys(value).map((name) => [name, {}])))
    : Option.none()

/** What still holds, and how it is read. */
const INHERITED: Readonly<Record<string, Read>> = {
  User: text,
  ExposedPorts: names,
  Entrypoint: texts,
  Cmd: texts,
  Volumes: names,
  WorkingDir: text,
  Labels: reading(lazy(() => Schema.Record({ key: Schema.String, value: Schema.String }))),
  StopSignal: text,
  Shell: texts,
  Healthcheck: reading(
    lazy(() =>
      Schema.Struct({
        Test: Schema.optional(Schema.Array(Schema.String)),
        Interval: whole(),
        Timeout: whole(),
        StartPeriod: whole(),
        StartInterval: whole(),
        Retries: whole()
      })
    )
  )
}

const Entries = lazy(() =>
  Schema.Array(
    Schema.Struct({
      created: Schema.optional(Schema.String.pipe(Schema.pattern(TIME))),
      created_by: Schema.optional(Schema.String),
      author: Schema.optional(Schema.String),
      comment: Schema.optional(Schema.String),
      empty_layer: Schema.optional(Schema.Boolean)
    })
  )
)
export type Entry = ReturnType<typeof Entries>["Type"][number]

/** RFC 3339. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/

export interface BaseConfiguration {
  /** The fields of `config` that go on. */
  readonly config: Readonly<Record<string, unknown>>
  /** Empty where there is none that could be read. */
  readonly history: ReadonlyArray<Entry>
}

/** Reads a configuration's text; `null` is that of a base that is no image. */
export const read = (text: string | null): BaseConfiguration => {
  const all = parsed(text)
  const old = record(all["config"])
  const config = Object.fromEntries(
    Object.entries(INHERITED).flatMap(([name, read]) =>
      Option.toArray(read(old[name])).map((value) => [name, value] as const)
    )
  )
  return { config, history: Option.getOrElse(reading(Entries)(all["history"]), () => []) }
}

const parsed = (text: string | null): Readonly<Record<string, unknown>> => {
  try {
    return record(text === null ? undefined : JSON.parse(text, harmless))
  } catch {
    return {}
  }
}

/** No text that is no Unicode, and no number that is no JSON: neither has a canonical form. */
const harmless = (_key: string, value: unknown): unknown =>
  typeof value === "string"
    ? Buffer.from(value).toString("utf8")
    : value === Infinity || value === -Infinity
      ? null
      : value

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {}
