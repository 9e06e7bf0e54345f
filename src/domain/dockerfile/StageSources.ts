/** What instructions take files from, besides the source directory: other stages, and images. */
import type { Instruction } from "./Dockerfile.ts"
import { fieldsOf } from "./MountFlags.ts"

/** As it is written. Variables are not replaced there. */
export const froms = ({ flags, keyword }: Instruction): ReadonlyArray<string> =>
  flags.flatMap(({ name, value = "" }) => {
    if (keyword === "COPY" && name === "from") return [value]
    if (keyword !== "RUN" || name !== "mount") return []
    return (fieldsOf(value) ?? []).flatMap((field) => (/^from=/i.test(field) ? [field.slice("from=".length)] : []))
  })
