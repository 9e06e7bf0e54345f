/** What a file in this directory exports: `fuzz`, `seeds` and `words`. */
export interface Target {
  /** Must return, in a moment, for any bytes. */
  readonly fuzz: (data: Uint8Array) => void
  /** Inputs to begin with. */
  readonly seeds: ReadonlyArray<string>
  /** What inputs of this kind are made of, to be strewn in. */
  readonly words: ReadonlyArray<string>
}

/** Bytes as text, as lossy as a user's file could be. */
export const textOf = (data: Uint8Array): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(data)

/** Holds a law that an input may break. */
export const holds = (law: boolean, what: string): void => {
  if (!law) throw new Error(`broken: ${what}`)
}
