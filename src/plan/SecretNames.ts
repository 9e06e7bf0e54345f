/** Changes without what nobody is to see. Pure. */
import { isSecretName } from "../domain/SecretName.ts"
import type { Change } from "./Change.ts"

/** What stands for a value that is not shown. */
const HIDDEN = "(not shown)"

/** A change without the values of such a variable: whether there was one, and is one, remains. */
export const withoutSecrets = (change: Change): Change =>
  change._tag === "Variable" && isSecretName(change.name)
    ? { ...change, before: hidden(change.before), after: hidden(change.after) }
    : change

const hidden = (value: string | null): string | null => (value === null ? null : HIDDEN)
