/** Reads what `(run …)` holds. */
import * as Either from "effect/Either"
import { mount } from "./MountReader.ts"
import type { OpContext } from "./OpContext.ts"
import type { ListNode, SexpNode } from "./SexpNode.ts"
import type { Cache, Run } from "./Spec.ts"
import * as SpecFields from "./SpecFields.ts"
import { type Read, quoted, rest, words } from "./SpecFields.ts"

export const usage = "`(run (shell COMMAND))`"

const shape: SpecFields.RecordShape = {
  name: "run",
  usage,
  instead: (_, place) => `write \`(run (shell ${quoted(words(rest(place)))}))\``,
  fields: {
    shell: "`(shell COMMAND)`",
    cache: "`(cache (NAME (target PATH))…)`",
    network: "`(network host)`",
    secrets: "`(secrets (NAME (target PATH))…)`"
  }
}

/** `list` is the operation, `items` are its fields. */
export const run = (list: ListNode, items: Iterable<SexpNode>, context: OpContext): Read<Run> => {
  const fields = SpecFields.record(list, items, shape)
  if (Either.isLeft(fields)) return Either.left(fields.left)
  const shell = Either.flatMap(SpecFields.required(fields.right, "shell", shape, list), (field) =>
    SpecFields.text(field, "shell", "`(shell COMMAND)`")
  )
  if (Either.isLeft(shell)) return Either.left(shell.left)
  const cache = mounts("cache", fields.right.get("cache"), context)
  if (Either.isLeft(cache)) return Either.left(cache.left)
  const network = SpecFields.optionalTexts(fields.right.get("network"), "`(network host)`")
  if (Either.isLeft(network)) return Either.left(network.left)
  return Either.map(mounts("secret", fields.right.get("secrets"), context), (secrets) => ({
    _tag: "Run",
    cache: cache.right,
    network: network.right,
    secrets,
    shell: shell.right
  }))
}

const mounts = (
  kind: "cache" | "secret",
  field: ListNode | undefined,
  context: OpContext
): Read<ReadonlyArray<Cache>> =>
  SpecFields.each(field === undefined ? [] : rest(field), (node) =>
    Either.map(mount(kind, node), (value) => {
      context.located(value, node)
      return value
    })
  )
