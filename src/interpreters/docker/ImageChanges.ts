/**
 * How an image is run, as the instructions of a Dockerfile that `POST
 * /images/create` takes with a tar.
 */
import type { ImageConfig } from "./EngineCalls.ts"

/** Nothing is said of a variable whose value has several lines, for which there is no instruction. */
export const of = ({ Cmd, Entrypoint, Env, Labels, User, WorkingDir }: ImageConfig): ReadonlyArray<string> =>
  [
    ...Object.entries(Labels ?? {}).map(([name, value]) => `LABEL ${quoted(name)}=${quoted(value)}`),
    ...(Env ?? []).flatMap((entry) => {
      const at = entry.indexOf("=")
      return at <= 0 ? [] : [`ENV ${entry.slice(0, at)}=${quoted(entry.slice(at + 1))}`]
    }),
    ...(isSaid(User) ? [`USER ${escaped(User)}`] : []),
    ...(isSaid(WorkingDir) ? [`WORKDIR ${escaped(WorkingDir)}`] : []),
    ...(Entrypoint?.length ? [`ENTRYPOINT ${JSON.stringify(Entrypoint)}`] : []),
    ...(Cmd?.length ? [`CMD ${JSON.stringify(Cmd)}`] : [])
  ].filter((line) => !/[\n\r\0]/.test(line))

const isSaid = (text: string | null | undefined): text is string => typeof text === "string" && text !== ""

const escaped = (text: string): string => text.replaceAll(/[\\$"']/g, "\\$&")

const quoted = (text: string): string => `"${text.replaceAll(/[\\$"]/g, "\\$&")}"`
