/**
 * Where something stands in a text.
 *
 * Lines and columns count from 1, offsets from 0; columns and offsets count
 * UTF-16 code units, `end` is exclusive.
 */
export interface Span {
  readonly start: Position
  readonly end: Position
}

export interface Position {
  readonly offset: number
  readonly line: number
  readonly column: number
}
