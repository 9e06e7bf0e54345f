/**
 * A step's secrets in a container of Windows, which can mount directories only,
 * and, if its engine is on another machine, none of this one: they are put into a
 * volume, which goes with the step, and the step's image gets links into it. The
 * links, and what was made to hold them, are taken away again after it.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { attempt, type ImageProblem } from "../base/ImageProblem.ts"
import * as PackedTar from "../host/PackedTar.ts"
import type { Command, SecretFile } from "../Sandbox.ts"
import type { DockerTree } from "./DockerTree.ts"
import * as WindowsCommand from "./WindowsCommand.ts"
import * as WindowsConfig from "./WindowsConfig.ts"
import * as WindowsImages from "./WindowsImages.ts"
import * as WindowsProgram from "./WindowsProgram.ts"
import * as WindowsTools from "./WindowsTools.ts"
import { clearing } from "./Workshop.ts"

/** As OBuilder has it. */
const PLACE = "C:\\ProgramData\\obuilder\\secrets"
const PARENT = "C:\\ProgramData\\obuilder"

/** A volume with the secrets, each named by its number, until the scope closes; its name. */
export const volume = (
  { name, workshop }: DockerTree,
  secrets: ReadonlyArray<SecretFile>
): Effect.Effect<string, ImageProblem, Scope.Scope> => {
  const called = `${workshop.objectOf(name)}-${workshop.newName()}`
  const remove = attempt("cannot remove a volume", async () => (await workshop.calls).removeVolume(called, clearing()))
  return Effect.zipRight(
    Effect.addFinalizer(() => Effect.ignore(remove)),
    attempt("cannot hand over secrets", async (signal) => {
      await (await workshop.calls).createVolume(called, signal)
      const tar = PackedTar.chunks(async (stream) => {
        for (const [index, { content }] of secrets.entries()) {
          await PackedTar.entry(stream, { name: `${index}`, mode: 0o444, mtime: new Date(0) }, content)
        }
      })
      await WindowsTools.fillVolume(workshop, { volume: called, name, tar }, signal)
      return called
    })
  )
}

export const mount = (volume: string): object => WindowsConfig.volumeMount(volume, PLACE, true)

/** What a link cannot be made at, or the directories that were made for links, the deepest first. */
export type Linked = { readonly fault: string } | { readonly made: ReadonlyArray<string> }

/** Makes the links in a tree. */
export const link = async (
  tree: DockerTree,
  { secrets }: Pick<Command, "secrets">,
  signal: AbortSignal
): Promise<Linked> => {
  const directories = [...new Set(secrets.flatMap(({ target }) => above(target)))]
  const steps: Array<string> = []
  for (const [index, directory] of directories.entries()) {
    const path = WindowsCommand.path(directory)
    if (path === undefined) return { fault: unwritable(directory) }
    steps.push(`(if not exist ${path} (mkdir ${path} && echo ${MADE}${index}))`)
  }
  for (const [index, { target }] of secrets.entries()) {
    const path = WindowsCommand.path(target)
    if (path === undefined) return { fault: unwritable(target) }
    steps.push(`mklink ${path} ${PLACE}\\${index} >NUL`)
  }
  const config = WindowsConfig.tool(WindowsCommand.cmd(steps.join(" && ")), [])
  return tree.workshop.withTree(tree, config, signal, async (calls, container) => {
    const { status, words } = await WindowsProgram.run(calls, container, signal)
    if (status !== 0) return { fault: `a link to a secret cannot be made: ${words}` }
    await WindowsImages.keep(tree, container, signal)
    const made = words.split("\n").filter((line) => line.startsWith(MADE))
    return { made: made.map((line) => directories[Number(line.slice(MADE.length))] ?? "").toReversed() }
  })
}

const MADE = "obuilder-made-"

const unwritable = (path: string): string => `${path} has a character in it that cmd cannot be given`

/** The directories that a path is in, from the top, without the drive's own. */
const above = (path: string): ReadonlyArray<string> => {
  const names = path.split("/").slice(0, -1)
  return names.slice(1).map((_, index) => names.slice(0, index + 2).join("/"))
}

/** Takes the links out of a tree, and those directories that were made for them, as far as they are empty. */
export const unlink = async (
  tree: DockerTree,
  { secrets }: Pick<Command, "secrets">,
  made: ReadonlyArray<string>,
  signal: AbortSignal
): Promise<void> => {
  // The step may have put something else where a link was: that is its own.
  const links = secrets.map(({ target }) => WindowsCommand.path(target) ?? "")
  const removals = [
    ...links.map((path) => `(dir /A:L /B ${path} >NUL 2>NUL && del /F /Q ${path})`),
    ...[...made.map((path) => WindowsCommand.path(path) ?? ""), PLACE, PARENT].map((path) => `rmdir ${path} 2>NUL`),
    "exit 0"
  ]
  const config = WindowsConfig.tool(WindowsCommand.cmd(removals.join(" & ")), [])
  await tree.workshop.withTree(tree, config, signal, async (calls, container) => {
    await WindowsProgram.succeed(calls, container, "cannot take away links to secrets", signal)
    await WindowsImages.keep(tree, container, signal)
  })
}
