/**
 * Reads a plan as `build --dry-run --format=json` prints it. By hand, since a
 * schema would have to be made at every start of the program. Pure.
 */
import * as Either from "effect/Either"
import type { Plan, Settings, Step } from "./Plan.ts"

/** What is wrong with it, as a phrase, or the plan. Ids are not computed anew. */
export const read = (json: string): Either.Either<Plan, string> => {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return Either.left("it is not JSON")
  }
  if (!isRecord(value) || value["version"] !== 1) return Either.left('it has no "version" 1')
  const { stages, steps } = value
  if (!areStages(stages)) return Either.left('its "stages" are not those of a plan')
  if (!Array.isArray(steps)) return Either.left('it has no "steps"')
  const wrong = steps.findIndex((step) => !isStep(step))
  if (wrong >= 0) return Either.left(`number ${wrong + 1} of its "steps" is none`)
  const labels = new Set<unknown>(stages.map(({ label }) => label))
  if (labels.size < stages.length) return Either.left('two of its "stages" have the same label')
  const lost = steps.findIndex((step) => !isRecord(step) || !labels.has(step["stage"]))
  if (lost >= 0) return Either.left(`number ${lost + 1} of its "steps" is of none of its "stages"`)
  if (!isId(value["result"])) return Either.left('its "result" is no id')
  // All that the type says has been looked at.
  return Either.right(value as unknown as Plan)
}

type Check = (value: unknown) => boolean

type Fields = Readonly<Record<string, Check>>

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isText: Check = (value) => typeof value === "string"

const isNumber: Check = (value) => Number.isSafeInteger(value)

const isId: Check = (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value)

/** Of a field that need not be there. */
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)

const isNull: Check = (value) => value === null

const is =
  (...words: ReadonlyArray<string>): Check =>
  (value) =>
    words.some((word) => word === value)

const isList =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)

const either =
  (...checks: ReadonlyArray<Check>): Check =>
  (value) =>
    checks.some((check) => check(value))

const has =
  (fields: Fields): Check =>
  (value) =>
    isRecord(value) && Object.entries(fields).every(([name, check]) => check(value[name]))

const isVariable = has({ name: isText, value: isText })

const isUser = either(has({ _tag: is("Unix"), uid: isNumber, gid: isNumber }), has({ _tag: is("Named"), name: isText }))

const isImage = has({
  user: optional(isText),
  entrypoint: optional(isList(isText)),
  command: optional(isList(isText)),
  shell: optional(isList(isText)),
  labels: isList(isVariable),
  ports: isList(isText),
  volumes: isList(isText),
  stopSignal: optional(isText),
  healthcheck: optional(
    has({
      Test: isList(isText),
      Interval: optional(isNumber),
      Timeout: optional(isNumber),
      StartPeriod: optional(isNumber),
      StartInterval: optional(isNumber),
      Retries: optional(isNumber)
    })
  )
})

const areSettings = has({
  environment: isList(isVariable),
  user: either(isUser, isNull),
  workdir: either(isText, isNull),
  image: optional(isImage)
})

/** Whether a value has all that a stage's settings have, each in its shape. */
export const isSettings = (value: unknown): value is Settings => areSettings(value)

const isStage = has({
  label: isText,
  name: either(isText, isNull),
  result: isId,
  trailing: isList(isText),
  settings: areSettings
})

const areStages = (value: unknown): value is Plan["stages"] => isList(isStage)(value)

const common: Fields = { id: isId, stage: isText, preamble: isList(isText), heading: isText }

const isMount = has({ id: isText, target: isText })

const kinds: Readonly<Record<string, Check>> = {
  base: has({
    ...common,
    parent: isNull,
    reference: isText,
    format: is("oci", "docker", "tar", "directory", "zfs", "scratch"),
    digest: isId,
    platform: isText,
    environment: isList(isVariable)
  }),
  run: has({
    ...common,
    parent: isId,
    argv: isList(isText),
    cwd: isText,
    user: isUser,
    environment: isList(isVariable),
    network: is("none", "host"),
    caches: isList(isMount),
    secrets: isList(isMount)
  }),
  copy: has({
    ...common,
    parent: isId,
    source: either(has({ from: is("context"), digest: isId }), has({ from: is("build"), build: isText, step: isId })),
    src: isList(isText),
    exclude: isList(isText),
    contents: optional((value) => value === true),
    preserve: optional(isList(is("modes", "owners"))),
    destination: has({ form: is("Into", "As"), path: isText }),
    user: isUser
  })
}

/** Whether a value has all that a step of its kind has, each in its shape. */
export const isStep = (value: unknown): value is Step => {
  const kind = isRecord(value) ? value["kind"] : undefined
  return typeof kind === "string" && Object.hasOwn(kinds, kind) && kinds[kind]?.(value) === true
}
