/** Variables whose names say that nobody is to see their values. Pure. */
import type { Change } from "./Change.ts"

/** `KEY` counts at the end of a word only: `API_KEY`, but not `KEYBOARD`. */
const SECRET = /TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|KEYS?(?![A-Z0-9])/i

/** Whether a variable of this name is likely to hold a secret. */
export const isSecretName = (name: string): boolean => SECRET.test(name)

/** What stands for a value that is not shown. */
const HIDDEN = "(not shown)"

/** A change without the values of such a variable: whether there was one, and is one, remains. */
export const withoutSecrets = (change: Change): Change =>
  change._tag === "Variable" && isSecretName(change.name)
    ? { ...change, before: hidden(change.before), after: hidden(change.after) }
    : change

const hidden = (value: string | null): string | null => (value === null ? null : HIDDEN)
