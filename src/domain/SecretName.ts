/** Variables whose names say that nobody is to see their values. */

/** `KEY` and the like count at the end of a word only: `API_KEY`, but not `KEYBOARD`; `NPM_TOKEN`, but not `TOKENIZER`. */
const SECRET = /(?:TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|KEY)S?(?![A-Z0-9])/i

/** Whether a variable of this name is likely to hold a secret. */
export const isSecretName = (name: string): boolean => SECRET.test(name)
