/** Text in columns. Pure. */

export interface Column {
  readonly title: string
  /** Numbers stand right. */
  readonly isNumber?: boolean
}

/** Lines, each with its end; the last column is as wide as it is. */
export const table = (columns: ReadonlyArray<Column>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const all = [columns.map(({ title }) => title), ...rows]
  const widths = columns.map((_, index) => Math.max(...all.map((row) => (row[index] ?? "").length)))
  return all
    .map(
      (row) =>
        `${row
          .map((cell, index) => aligned(cell, index))
          .join("  ")
          .trimEnd()}\n`
    )
    .join("")

  function aligned(cell: string, index: number): string {
    const width = widths[index] ?? 0
    return columns[index]?.isNumber === true ? cell.padStart(width) : cell.padEnd(width)
  }
}
