/**
 * How a program is started in a container of Windows, where a program gets one
 * line of text and takes that apart itself.
 *
 * An engine makes the line of arguments by the rules of Microsoft's C library: a
 * double quote becomes `\"`, which cmd does not know. So cmd gets its line as it
 * is to be: with `ArgsEscaped` an engine starts what the first word is, as a
 * whole (moby: daemon/oci_windows.go). This is how it runs the `RUN` of a
 * Dockerfile, too. After `/S /C` cmd takes away the first and the last quote,
 * and has what is between them run as it was written.
 */

/** Of `POST /containers/create`. */
export interface Start {
  readonly Entrypoint: ReadonlyArray<string>
  readonly Cmd: ReadonlyArray<string>
  readonly ArgsEscaped: boolean
}

/** Whatever the image's `PATH` says. */
export const CMD = "C:\\Windows\\System32\\cmd.exe"

/** What a program is started with; a text where that cannot be, as a phrase. */
export const of = (argv: ReadonlyArray<string>): Start | string => {
  const [program = "", ...rest] = argv
  const flags = rest.slice(0, -1)
  const command = rest.at(-1)
  const isCmd = /^(?:.*[\\/])?cmd(?:\.exe)?$/i.test(program)
  if (!isCmd || command === undefined || !flags.some(isFlag("C", "K"))) return plain(argv)
  const text = command.replace(/^[\r\n]+|[\r\n]+$/g, "")
  if (/[\r\n]/.test(text)) return "cmd runs the first line of a command only: join its lines with &&"
  const start = [program, ...flags].map(quoted).join(" ")
  return line(`${start} ${flags.some(isFlag("S")) ? `"${text}"` : text}`)
}

/** A command for cmd, whatever shell the image has. */
export const cmd = (command: string): Start => line(`${CMD} /S /C "${command}"`)

/** A program whose arguments the engine quotes. */
export const plain = (argv: ReadonlyArray<string>): Start => ({ Entrypoint: argv, Cmd: [], ArgsEscaped: false })

const line = (text: string): Start => ({ Entrypoint: [text], Cmd: [], ArgsEscaped: true })

const isFlag =
  (...names: ReadonlyArray<string>) =>
  (word: string): boolean =>
    names.some((name) => word.toUpperCase() === `/${name}`)

const quoted = (word: string): string => (/[\s"]/.test(word) ? `"${word.replaceAll('"', "")}"` : word)

/**
 * A path as a word of a command of our own, which is not to be anything else to
 * cmd; `undefined` for one with a percent sign: there is no way to write that.
 */
export const path = (text: string): string | undefined =>
  // eslint-disable-next-line no-control-regex
  /[%"\u0000-\u001f]/.test(text) ? undefined : `"${text.replaceAll("/", "\\").replace(/\\$/, "\\.")}"`
