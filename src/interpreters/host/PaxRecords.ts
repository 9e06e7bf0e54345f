/** Writes pax records, POSIX.1-2017 pax: `LENGTH KEY=VALUE\n`, the length counting itself. */
export const paxRecords = (records: ReadonlyArray<readonly [key: string, value: string | Uint8Array]>): Uint8Array =>
  Buffer.concat(
    records.map(([key, value]) => {
      const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")])
      let length = body.length + 1
      while (String(length).length + body.length !== length) length = String(length).length + body.length
      return Buffer.concat([Buffer.from(String(length)), body])
    })
  )
