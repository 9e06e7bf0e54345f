/** How an image of a result is run, as far as no spec can say it: what a Dockerfile says besides. No id depends on it. */
import * as Schema from "effect/Schema"

/** As image-spec has it; times are in nanoseconds. */
export const Healthcheck = Schema.Struct({
  Test: Schema.Array(Schema.String),
  Interval: Schema.optionalWith(Schema.Int, { exact: true }),
  Timeout: Schema.optionalWith(Schema.Int, { exact: true }),
  StartPeriod: Schema.optionalWith(Schema.Int, { exact: true }),
  StartInterval: Schema.optionalWith(Schema.Int, { exact: true }),
  Retries: Schema.optionalWith(Schema.Int, { exact: true })
})
export type Healthcheck = typeof Healthcheck.Type

/** What is not there is the base's. */
export const ImageSettings = Schema.Struct({
  /** As it was written: a name or numbers. */
  user: Schema.optionalWith(Schema.String, { exact: true }),
  /** It takes the base's command away, unless there is a new one. */
  entrypoint: Schema.optionalWith(Schema.Array(Schema.String), { exact: true }),
  command: Schema.optionalWith(Schema.Array(Schema.String), { exact: true }),
  shell: Schema.optionalWith(Schema.Array(Schema.String), { exact: true }),
  labels: Schema.Array(Schema.Struct({ name: Schema.String, value: Schema.String })),
  /** Such as `80/tcp`. */
  ports: Schema.Array(Schema.String),
  volumes: Schema.Array(Schema.String),
  stopSignal: Schema.optionalWith(Schema.String, { exact: true }),
  healthcheck: Schema.optionalWith(Healthcheck, { exact: true })
})
export type ImageSettings = typeof ImageSettings.Type
