/** Images of Windows: the bases that an engine fetches itself, and what is kept of containers. */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ImageReference from "../../domain/ImageReference.ts"
import type { BaseInput } from "../../domain/Inputs.ts"
import { type ImageProblem, problem } from "../base/ImageProblem.ts"
import type { DockerTree } from "./DockerTree.ts"
import type { EngineCalls, ImageConfig } from "./EngineCalls.ts"
import { clearing, type Workshop } from "./Workshop.ts"

/** What a base is to the engine: something to fetch, or an image that it has; `undefined` for what is neither. */
export const sourceOf = (reference: string): ImageReference.ImageReference | undefined => {
  const parsed = Either.getOrUndefined(ImageReference.parse(reference))
  return parsed?._tag === "Registry" || parsed?._tag === "DockerDaemon" ? parsed : undefined
}

export const noSource = (): ImageProblem =>
  problem(
    "a base for Windows comes from a registry or from the Docker engine itself",
    "name it as docker pull does, or write (from docker-daemon:NAME:TAG)"
  )

/** Throws where an engine has no use for a base for Linux. */
export const mustRunLinux = async (workshop: Workshop, signal: AbortSignal): Promise<void> => {
  if (!(await workshop.isWindows(signal))) return
  throw problem(
    `${(await workshop.calls).name} runs containers of Windows, and the base is for Linux`,
    "take a base for Windows with --platform=windows/amd64"
  )
}

/** Makes a base what a tree is. */
export const fetch = async (
  tree: DockerTree,
  reference: string,
  { digest, platform }: Pick<BaseInput, "digest" | "platform">,
  signal: AbortSignal
): Promise<void> => {
  const { workshop } = tree
  const calls = await workshop.calls
  if (!(await workshop.isWindows(signal))) {
    throw problem(
      `${calls.name} runs containers of Linux, and the base is for ${platform}`,
      "name an engine of Windows in DOCKER_HOST, or have this one switch to Windows containers"
    )
  }
  const source = sourceOf(reference)
  if (source === undefined) throw noSource()
  if (source._tag !== "Registry") return take(tree, `sha256:${digest}`, signal)
  const { domain, repository } = source.image
  const name = `${domain}/${repository}`
  const version = `sha256:${digest}`
  const whole = `${name}@${version}`
  const isThere = (await calls.image(whole, signal)) !== undefined
  try {
    if (!isThere) await pull(calls, name, version, platform, signal)
    await take(tree, whole, signal)
  } finally {
    // What was not there before is not to stay under a name that nobody asked for.
    if (!isThere) await calls.untag(whole, clearing())
  }
}

const pull = async (
  calls: EngineCalls,
  name: string,
  version: string,
  platform: string,
  signal: AbortSignal
): Promise<void> => {
  try {
    await calls.pull(name, version, platform, signal)
  } catch (cause) {
    if (signal.aborted) throw cause
    throw problem(
      `${calls.name} cannot fetch ${name}@${version}: ${(cause as Error).message}`,
      `the engine fetches bases for Windows itself, without this machine's passwords: have it pull that image once`,
      cause
    )
  }
}

const take = async (tree: DockerTree, image: string, signal: AbortSignal): Promise<void> => {
  const { workshop } = tree
  const calls = await workshop.calls
  const { Id, Os } = await workshop.factsOf(image, signal)
  if (Os !== "windows") throw problem(`${image} is for ${Os} in ${calls.name}, and not for windows`)
  const tag = `${tree.name}-${++tree.versions}`
  await calls.tag(Id, workshop.temporary, tag, signal)
  become(tree, `${workshop.temporary}:${tag}`)
}

/**
 * Makes what a stopped container's file system is what the tree is. The image is
 * run as the one before it: with the entry point and the command of the base.
 */
export const keep = async (tree: DockerTree, container: string, signal: AbortSignal): Promise<void> => {
  const { workshop } = tree
  const calls = await workshop.calls
  const { Config } = await workshop.factsOf(await workshop.imageOf(tree, signal), signal)
  const tag = `${tree.name}-${++tree.versions}`
  await calls.commit(container, workshop.temporary, tag, restored(Config ?? {}), signal)
  become(tree, `${workshop.temporary}:${tag}`)
}

/**
 * Where a configuration says nothing the engine takes what the container has.
 * Empty lists say something, and ours have no command beside their entry point.
 */
const restored = (config: ImageConfig): ImageConfig => ({
  ...config,
  Entrypoint: config.Entrypoint ?? [],
  Cmd: config.Cmd ?? []
})

const become = (tree: DockerTree, image: string): void => {
  tree.image = image
  tree.temporary.push(image)
}

/** An image by a name, which the engine fetches if it does not have it. */
export const ensure = async (workshop: Workshop, image: string, signal: AbortSignal): Promise<string> => {
  const calls = await workshop.calls
  if ((await calls.image(image, signal)) !== undefined) return image
  const parsed = Either.getOrUndefined(ImageReference.parse(image))
  if (parsed?._tag !== "Registry") throw problem(`${JSON.stringify(image)} is no name of an image in a registry`)
  const { digest, domain, repository, tag } = parsed.image
  const version = Option.getOrElse(
    Option.orElse(digest, () => tag),
    () => "latest"
  )
  await pull(calls, `${domain}/${repository}`, version, "windows/amd64", signal)
  return image
}
