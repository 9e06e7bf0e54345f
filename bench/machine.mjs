/** The machine that something was measured on, in a few lines. */
import { execFileSync } from "node:child_process"
import * as Os from "node:os"

const said = (program, ...args) => {
  try {
    return execFileSync(program, args, { encoding: "utf8" }).trim()
  } catch {
    return "not known"
  }
}

export const describe = (directory) => {
  const processors = Os.cpus()
  return [
    ["processor", `${processors[0]?.model ?? "not known"}, ${processors.length} cores`],
    ["memory", `${Math.round(Os.totalmem() / 2 ** 30)} GiB`],
    ["kernel", `${Os.type()} ${Os.release()}`],
    ["file system", said("stat", "-f", "-c", "%T", directory)],
    ["Node", process.version],
    [
      "runc",
      said("runc", "--version")
        .split("\n")[0]
        .replace(/^runc version /, "")
    ],
    ["tar", said("tar", "--version").split("\n")[0]],
    ["load when it began", Os.loadavg()[0].toFixed(1)]
  ]
}
