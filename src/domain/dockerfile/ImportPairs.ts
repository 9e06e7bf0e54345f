/** The `NAME=VALUE` of ARG, ENV and LABEL, or why there are none. */
import * as Either from "effect/Either"
import type { Instruction } from "./Dockerfile.ts"
import { ImportRefused } from "./ImportRefused.ts"
import * as Pairs from "./Pairs.ts"

export interface Pair {
  readonly name: string
  readonly value: string | undefined
}

/** Before variables are replaced. */
export const pairsOf = (instruction: Instruction, escape: string): ReadonlyArray<Pair> => {
  const read = Pairs.pairs(instruction.text, { escape, keyword: keywordOf(instruction) })
  if (Either.isLeft(read)) throw refusedBy(instruction, read.left)
  return read.right
}

const keywordOf = ({ keyword }: Instruction): "ENV" | "LABEL" | "ARG" =>
  keyword === "ARG" || keyword === "LABEL" ? keyword : "ENV"

interface Wrong {
  readonly message: string
}

export const refusedBy = (instruction: Instruction, { message }: Wrong): ImportRefused =>
  new ImportRefused(instruction.argumentsRange, message)
