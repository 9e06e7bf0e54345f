/** Variables that are called as secrets are. */

const SECRET = /(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|PRIVATE_?KEY)S?(?:_|$)/i

/** Whether a variable's name says that its value is nobody else's business. */
export const isSecretName = (name: string): boolean => SECRET.test(name)
