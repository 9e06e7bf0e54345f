/** For tests that wait for what other processes do. */

/** More than anything needs, so that a hang is a failure that says where. */
export const LONGEST_MS = 50_000

/** The time between two looks. */
const LOOK_MS = 2

/** Waits for a condition; fails when it does not come true. */
export const until = async (what: string, condition: () => boolean): Promise<void> => {
  const deadline = Date.now() + LONGEST_MS
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`this did not happen: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}
