/** The records of a pax header: `LENGTH KEYWORD=VALUE\n`, as POSIX.1-2001's pax(1) defines them. */
import { problem } from "./ImageProblem.ts"

/** By keyword. Values are bytes: an extended attribute's need not be text. An empty one deletes a global record. */
export type PaxRecords = ReadonlyMap<string, Uint8Array>

const SPACE = 0x20
const EQUALS = 0x3d
const NEWLINE = 0x0a

const malformed = () => problem("the tar has a malformed pax header", "make the archive again")

/** Reads the data of a pax header. Throws an `ImageProblem` on what is not one. */
export const parse = (data: Buffer): PaxRecords => {
  const records = new Map<string, Uint8Array>()
  let at = 0
  while (at < data.length) {
    const space = data.indexOf(SPACE, at)
    const digits = space < 0 ? "" : data.toString("latin1", at, space)
    if (!/^[0-9]{1,10}$/.test(digits)) throw malformed()
    const end = at + Number(digits)
    const equals = data.indexOf(EQUALS, space + 1)
    if (end > data.length || equals < 0 || equals >= end - 1 || data[end - 1] !== NEWLINE) throw malformed()
    // A copy, because the data may be a window on a buffer that is used again.
    records.set(data.toString("utf8", space + 1, equals), Uint8Array.prototype.slice.call(data, equals + 1, end - 1))
    at = end
  }
  return records
}
