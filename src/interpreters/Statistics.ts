/** What an engine has counted since it began. */
export interface Statistics {
  /** Steps that builds took from the store. */
  readonly hits: number
  /** Steps that the store did not have when a build came to them: each counts once for a build. */
  readonly misses: number
  /** Steps that were executed here, whatever became of them. */
  readonly executed: number
  /** How often a build joined another one of this engine in a step that was being executed. */
  readonly attached: number
  /** How often a step was followed that another process was executing. */
  readonly followed: number
}

/** The same while it changes. */
export type Counters = { -readonly [Name in keyof Statistics]: number }

export const make = (): Counters => ({ hits: 0, misses: 0, executed: 0, attached: 0, followed: 0 })
