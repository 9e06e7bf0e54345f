/** What the program's exit status means. Documented in its help, and stable. */

export const SUCCESS = 0
export const STEP_FAILED = 1
/** What was to be checked is not as it should be. */
export const FOUND = 1
export const BAD_INPUT = 2
export const MACHINE_LACKS = 3
/** The program is wrong, not its user: `EX_SOFTWARE` of sysexits.h. */
export const INTERNAL_ERROR = 70
/** 128 and the signal's number, as shells say it. */
export const INTERRUPTED = 130
export const TERMINATED = 143
export const HUNG_UP = 129
/** A build was cut short because nobody reads its output any more. */
export const PIPE_CLOSED = 141

export const EXIT_CODES: ReadonlyArray<{ readonly code: number; readonly meaning: string }> = [
  { code: SUCCESS, meaning: "All went well." },
  {
    code: STEP_FAILED,
    meaning: "A step failed, an image could not be fetched or pushed, or check, fmt --check or diff found something."
  },
  { code: BAD_INPUT, meaning: "The command line, the spec or a file that they name is wrong." },
  { code: MACHINE_LACKS, meaning: "The machine lacks something: a program, a right, disk space." },
  { code: INTERNAL_ERROR, meaning: "obuilder itself is at fault." },
  {
    code: INTERRUPTED,
    meaning: "Interrupted (SIGINT); 143 by SIGTERM, 129 by SIGHUP, 141 when the output's reader left."
  }
]
