/** Numbers of users and groups. */
const MAX_ID = 0xffff_fffe

/** A user's or group's number; `undefined` for a name. */
export const numberOf = (text: string): number | undefined =>
  /^[0-9]{1,10}$/.test(text) && Number(text) <= MAX_ID ? Number(text) : undefined
