/**
 * Writes pax extended headers with values of any bytes, POSIX.1-2017, pax.
 * tar-stream writes them too, for text only.
 */

export type PaxRecord = readonly [key: string, value: string | Uint8Array]

/** `LENGTH KEY=VALUE\n` each, the length counting itself. */
export const paxRecords = (records: ReadonlyArray<PaxRecord>): Uint8Array =>
  Buffer.concat(
    records.map(([key, value]) => {
      const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")])
      let length = body.length + 1
      while (String(length).length + body.length !== length) length = String(length).length + body.length
      return Buffer.concat([Buffer.from(String(length)), body])
    })
  )

const BLOCK = 512

/** The records as an entry of their own, for the entry that follows: a ustar header of type `x`, and the padded data. */
export const paxEntry = (records: ReadonlyArray<PaxRecord>): Uint8Array => {
  const data = paxRecords(records)
  const entry = Buffer.alloc(BLOCK + Math.ceil(data.length / BLOCK) * BLOCK)
  const octal = (value: number, at: number, size: number): void => {
    entry.write(`${value.toString(8).padStart(size - 1, "0")}\0`, at)
  }
  entry.write("PaxHeader", 0)
  octal(0o644, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(data.length, 124, 12)
  octal(0, 136, 12)
  entry.write("        x", 148)
  entry.write("ustar\x0000", 257)
  // The sum of the header's bytes, its own field counted as spaces: six digits, NUL, space.
  let sum = 0
  for (let index = 0; index < BLOCK; index++) sum += entry.readUInt8(index)
  entry.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148)
  entry.set(data, BLOCK)
  return entry
}
