/**
 * What the user's login shell is told to do: a file of its own, so that neither
 * the command nor its environment has to pass through anybody's arguments, or is
 * to be seen in a list of processes before the command itself is.
 *
 * How the command ended is written to a file. macOS's su(1), like FreeBSD's,
 * ends with the status 0 when a signal ended the shell, so that a step whose
 * shell was killed would be taken for one that succeeded.
 */
import type { Variable } from "../../../domain/Inputs.ts"

export interface ScriptOptions {
  readonly argv: ReadonlyArray<string>
  readonly cwd: string
  readonly environment: ReadonlyArray<Variable>
  /** The file, which is there, that the status is written to. */
  readonly status: string
}

/** Written instead of a status where the working directory cannot be made, or not be entered. */
export const NO_DIRECTORY = "directory"

/** A word of the shell that means this text, whatever is in it but NUL. */
export const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/**
 * For bash 3.2, which is what macOS has. The profile may do as it likes: whatever
 * options, functions and PATH it leaves, the rest works, or ends without a status.
 */
export const make = ({ argv, cwd, environment, status }: ScriptOptions): string => {
  // The file is there already, which the profile may have told the shell to respect.
  const tell = (what: string) => `printf %s ${what} >| ${quote(status)}`
  const settings = environment.map(({ name, value }) => quote(`${name}=${value}`))
  // What has an equals sign would be taken for one more variable.
  const program = argv[0]?.includes("=") === true ? [`/bin/sh -c 'exec "$@"' sh`] : []
  const words = ["/usr/bin/env --", ...settings, ...program, ...argv.map(quote)]
  return [
    `if TMPDIR=$(/usr/bin/getconf DARWIN_USER_TEMP_DIR 2>/dev/null); then export TMPDIR; else unset TMPDIR; fi`,
    `if [ -e ~/${PROFILE} ]; then`,
    `  . ~/${PROFILE} || { ${tell('"$?"')}; exit 0; }`,
    `fi`,
    `set +euvx`,
    `{ /bin/mkdir -p ${quote(cwd)} && cd ${quote(cwd)}; } || { ${tell(NO_DIRECTORY)}; exit 0; }`,
    // What the shell says of a command that a signal ended shows all of its line; what the command itself says is kept.
    `exec 9>&2 2>/dev/null`,
    `( exec 2>&9 9>&-; exec ${words.join(" ")} )`,
    tell('"$?"'),
    ``
  ].join("\n")
}

/** In the home; OBuilder has it by this name. */
const PROFILE = ".obuilder_profile.sh"
