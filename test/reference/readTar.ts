/** Reads an exported tar back, as the reference cases describe trees. */
import { createHash } from "node:crypto"
import { extract } from "tar-stream"
import type { TreeEntry } from "./buildCases.ts"

const TYPES: Readonly<Record<string, TreeEntry["type"]>> = { file: "file", directory: "dir", symlink: "symlink" }

export const readTar = async (tar: Uint8Array): Promise<ReadonlyArray<TreeEntry>> => {
  const entries: Array<TreeEntry> = []
  const stream = extract()
  stream.on("entry", (header, content, next) => {
    const hash = createHash("sha256")
    content.on("data", (chunk: unknown) => {
      if (chunk instanceof Uint8Array) hash.update(chunk)
    })
    content.on("end", () => {
      const name = header.name.replace(/^\.?\//, "").replace(/\/$/, "")
      const linked = header.type === "link" ? entries.find((entry) => entry.path === `/${header.linkname}`) : undefined
      entries.push(
        linked !== undefined
          ? { ...linked, path: `/${name}` }
          : {
              path: `/${name}`,
              type: TYPES[header.type] ?? "file",
              mode: (header.mode & 0o7777).toString(8).padStart(4, "0"),
              uid: header.uid,
              gid: header.gid,
              ...(header.type === "file" ? { sha256: hash.digest("hex"), size: header.size } : {}),
              ...(header.type === "symlink" ? { target: header.linkname } : {})
            }
      )
      next()
    })
  })
  await new Promise<void>((resolve, reject) => {
    stream.on("finish", () => resolve())
    stream.on("error", reject)
    stream.end(tar)
  })
  return entries
}
