/** Where a user's own configuration is: `~`, and the XDG base directory specification. */
import { userInfo } from "node:os"
import { isAbsolute, join } from "node:path"

export type Environment = Readonly<Record<string, string | undefined>>

/** `$HOME`; where that is not set, what this machine knows of the user. */
export const home = ({ HOME }: Environment): string => {
  if (isSet(HOME)) return HOME
  try {
    return userInfo().homedir
  } catch {
    // In a container a user may be only a number.
    return "/"
  }
}

/** `$XDG_CONFIG_HOME`, or `~/.config`. */
export const configuration = (environment: Environment): string => {
  const { XDG_CONFIG_HOME } = environment
  // A relative one is to be ignored.
  return isSet(XDG_CONFIG_HOME) && isAbsolute(XDG_CONFIG_HOME) ? XDG_CONFIG_HOME : join(home(environment), ".config")
}

/** An empty variable counts as none. */
export const isSet = (variable: string | undefined): variable is string => variable !== undefined && variable !== ""
