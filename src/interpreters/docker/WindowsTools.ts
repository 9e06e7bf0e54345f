/**
 * A volume with a `tar` for containers of Windows: what Windows itself has of
 * that name knows no symbolic links. It is Cygwin's, with its libraries, taken
 * from an image that has Cygwin; made once for a store, and only where it is
 * needed: by copies, caches and secrets.
 */
import { type ImageProblem, problem } from "../base/ImageProblem.ts"
import type { EngineCalls } from "./EngineCalls.ts"
import * as WindowsCommand from "./WindowsCommand.ts"
import * as WindowsConfig from "./WindowsConfig.ts"
import * as WindowsImages from "./WindowsImages.ts"
import * as WindowsProgram from "./WindowsProgram.ts"
import { clearing, type Workshop } from "./Workshop.ts"

/** Where containers have it. */
export const DIRECTORY = "C:\\obuilder-libexec"
export const TAR = `${DIRECTORY}\\tar.exe`

/** Names an image that has Cygwin with its `tar` in `C:\cygwin64`: nothing is downloaded here that nobody named. */
export const IMAGE_VARIABLE = "OBUILDER_WINDOWS_TOOLS"

const making = new WeakMap<Workshop, Promise<void>>()

/** What mounts the tools, which are there then. `name` is a tree's: what is left of their making goes with that. */
export const mount = async (workshop: Workshop, name: string, signal: AbortSignal): Promise<object> => {
  for (let before = making.get(workshop); before !== undefined; before = making.get(workshop)) {
    // Who comes second tries it himself where the first one has given up.
    const isMade = await before.then(
      () => true,
      () => false
    )
    if (isMade) break
  }
  if (!making.has(workshop)) {
    const own = make(workshop, name, signal)
    making.set(workshop, own)
    await own.catch((error: unknown) => {
      making.delete(workshop)
      throw error
    })
  }
  return WindowsConfig.volumeMount(volumeOf(workshop), DIRECTORY, true)
}

const volumeOf = (workshop: Workshop): string => workshop.objectOf("libexec")

/** An image for containers that only have volumes. */
export const plainImage = async (workshop: Workshop, signal: AbortSignal): Promise<string> =>
  WindowsImages.ensure(workshop, imageOf(workshop), signal)

const imageOf = ({ environment }: Workshop): string => {
  const name = environment[IMAGE_VARIABLE] ?? ""
  if (name !== "") return name
  throw problem(
    "copies, caches and secrets in containers of Windows need a tar that knows symbolic links, which Windows' own does not",
    `name an image that has Cygwin with its tar in C:\\cygwin64: ${IMAGE_VARIABLE}=REGISTRY/IMAGE:TAG`
  )
}

const make = async (workshop: Workshop, name: string, signal: AbortSignal): Promise<void> => {
  const volume = volumeOf(workshop)
  if (await (await workshop.calls).hasVolume(volume, signal)) return
  const image = await plainImage(workshop, signal)
  await fill(workshop, { image, name, volume }, signal)
}

/** The program comes last, under a name of its own until it is whole: where it is, everything is. */
const FILL = [
  `copy /V /Y /B C:\\cygwin64\\bin\\cyg*.dll ${DIRECTORY}\\`,
  `copy /V /Y /B C:\\cygwin64\\bin\\tar.exe ${DIRECTORY}\\tar.new`,
  `move /Y ${DIRECTORY}\\tar.new ${TAR}`
].join(" && ")

const fill = async (
  workshop: Workshop,
  { image, name, volume }: { readonly image: string; readonly name: string; readonly volume: string },
  signal: AbortSignal
): Promise<void> => {
  const calls = await workshop.calls
  await calls.createVolume(volume, signal)
  try {
    const config = WindowsConfig.tool(WindowsCommand.cmd(FILL), [WindowsConfig.volumeMount(volume, DIRECTORY)])
    await workshop.withContainer(image, name, config, signal, (calls, container) =>
      WindowsProgram.succeed(calls, container, `cannot take Cygwin's tar from ${image}`, signal)
    )
  } catch (error) {
    await calls.removeVolume(volume, clearing())
    throw error
  }
}

/** What is said where the tools cannot be run: the volume may be of somebody who was killed while he filled it. */
export const damaged = (workshop: Workshop): string =>
  `if there is no tar in the volume ${volumeOf(workshop)}, remove that (docker volume rm), and build again`

/** Where volumes are mounted to be copied, and how Cygwin names that. */
const FROM = "C:\\obuilder-from"
const TO = "C:\\obuilder-to"
const cygwin = (path: string): string =>
  `/cygdrive/${path.slice(0, 1).toLowerCase()}${path.slice(2).replaceAll("\\", "/")}`

/** A drive, as Cygwin names it. */
export const drive = (path: string): string => `/cygdrive/${path.slice(0, 1).toLowerCase()}`

/** Unpacks what is on standard input. Links are to be those of Windows, not Cygwin's own. */
export const unpack = (directory: string): string => `set CYGWIN=winsymlinks:native&& ${TAR} -xpf - -C ${directory}`

/** Copies all of one volume into another one. `name` is for the container. */
export const copyVolume = async (
  workshop: Workshop,
  { from, name, to }: { readonly from: string; readonly to: string; readonly name: string },
  signal: AbortSignal
): Promise<void> => {
  const failed = `${TO}\\.obuilder-failed`
  const pack = `(${TAR} -cf - -C ${cygwin(FROM)} . || echo failed>${failed})`
  // A pipe tells how its last program has ended only.
  const command = `${pack} | (${unpack(cygwin(TO))}) && if exist ${failed} exit 1`
  await mounted(workshop, name, command, [volumeAt(from, FROM, true), volumeAt(to, TO)], "cannot copy a cache", signal)
}

/** Unpacks a tar into a volume. `name` is for the container. */
export const fillVolume = async (
  workshop: Workshop,
  { name, tar, volume }: { readonly volume: string; readonly name: string; readonly tar: AsyncIterable<Uint8Array> },
  signal: AbortSignal
): Promise<void> =>
  mounted(workshop, name, unpack(cygwin(TO)), [volumeAt(volume, TO)], "cannot fill a volume", signal, tar)

const volumeAt = WindowsConfig.volumeMount

const mounted = async (
  workshop: Workshop,
  name: string,
  command: string,
  mounts: ReadonlyArray<object>,
  what: string,
  signal: AbortSignal,
  input?: AsyncIterable<Uint8Array>
): Promise<void> => {
  const tools = await mount(workshop, name, signal)
  const image = await plainImage(workshop, signal)
  const config = WindowsConfig.tool(WindowsCommand.cmd(command), [tools, ...mounts], input !== undefined)
  await workshop.withContainer(image, name, config, signal, (calls, container) =>
    running(workshop, calls, container, what, signal, input)
  )
}

const running = async (
  workshop: Workshop,
  calls: EngineCalls,
  container: string,
  what: string,
  signal: AbortSignal,
  input?: AsyncIterable<Uint8Array>
): Promise<void> => {
  const ended = await WindowsProgram.run(calls, container, signal, input)
  if (ended.status !== 0) throw explained(workshop, what, ended)
}

/** Says what may be wrong with the tools. */
export const explained = (workshop: Workshop, what: string, ended: WindowsProgram.Ended): ImageProblem =>
  WindowsProgram.failed(what, ended, damaged(workshop))
