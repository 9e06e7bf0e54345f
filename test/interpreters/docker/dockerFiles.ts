/** How laws fill and look into the root file systems of a Docker store. */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import type { Pack } from "tar-stream"
import { ContainerView } from "../../../src/interpreters/docker/ContainerView.ts"
import { type DockerTree, treeOf, volumeOf } from "../../../src/interpreters/docker/DockerTree.ts"
import type { EngineCalls } from "../../../src/interpreters/docker/EngineCalls.ts"
import * as Remover from "../../../src/interpreters/docker/Remover.ts"
import * as Specials from "../../../src/interpreters/docker/Specials.ts"
import { TarStream } from "../../../src/interpreters/docker/TarStream.ts"
import { volumeMount } from "../../../src/interpreters/docker/ContainerConfig.ts"
import * as PackedTar from "../../../src/interpreters/host/PackedTar.ts"
import * as FileTree from "../../../src/interpreters/memory/FileTree.ts"
import type { Rootfs } from "../../../src/interpreters/Rootfs.ts"
import {
  describeDirectory,
  describeFile,
  describeLink,
  type Described,
  type Entries,
  type Files
} from "../../laws/files.ts"

const PLACE = "/v"

/** A container to look into, and where in it the root file system is. */
const within = <A>(
  rootfs: Rootfs,
  use: (calls: EngineCalls, container: string, place: string, present: ReadonlySet<string>) => Promise<A>
): Effect.Effect<A> =>
  Effect.promise(async (signal) => {
    const volume = volumeOf(rootfs)
    const tree = treeOf(rootfs)
    if (volume !== undefined) {
      const { name, workshop } = volume
      const config = { HostConfig: { Mounts: [volumeMount(name, PLACE)] } }
      const all = new Set(Specials.SPECIALS)
      return workshop.withContainer(
        await workshop.emptyImage(signal),
        workshop.newName(),
        config,
        signal,
        (calls, container) => use(calls, container, PLACE, all)
      )
    }
    if (tree === undefined) throw new Error("not a root file system of a Docker store")
    const { workshop } = tree
    const present = await workshop.present(tree, signal)
    return workshop.withContainer(await workshop.imageOf(tree, signal), tree.name, {}, signal, (calls, container) =>
      use(calls, container, "", present)
    )
  })

const keep = async (rootfs: Rootfs, container: string): Promise<void> => {
  const tree = treeOf(rootfs)
  await tree?.workshop.keep(tree, container, new AbortController().signal)
}

export const dockerFiles: Files = {
  put: (rootfs, entries) =>
    within(rootfs, async (calls, container, place, present) => {
      const signal = new AbortController().signal
      const view = new ContainerView(calls, container, present, signal)
      // The engine answers nothing of a container that it is unpacking into.
      const missing = await missingAbove(entries, place, view)
      const tar = PackedTar.chunks((stream) => pack(stream, entries, place, missing))
      const refused = await calls.putArchive(container, "/", tar, signal)
      if (refused !== undefined) throw refused.problem
      await keep(rootfs, container)
    }),
  remove: (rootfs, path) =>
    Effect.promise(async (signal) => {
      const tree = treeOf(rootfs)
      const inside = (await Effect.runPromise(pathsBelow(rootfs, `/${path}`))).toReversed()
      if (tree !== undefined) return void (await Remover.removeIn(tree, inside, signal))
      const volume = volumeOf(rootfs)
      if (volume === undefined) throw new Error("not a root file system of a Docker store")
      const { name, workshop } = volume
      const removal = { paths: inside.map((one) => `${PLACE}${one}`), mounts: [volumeMount(name, PLACE)] }
      await Remover.removeMounted(workshop, workshop.newName(), removal, signal)
    }),
  describe: (rootfs, path) =>
    within(rootfs, async (calls, container, place, present): Promise<Described | undefined> => {
      const signal = new AbortController().signal
      const at = `${place}${path.startsWith("/") ? path : `/${path}`}`
      if ((await new ContainerView(calls, container, present, signal).look(at)) === undefined) return undefined
      for await (const { content, entry } of TarStream.read(calls.archive(container, at, signal))) {
        switch (entry.type) {
          case "Directory":
            return describeDirectory(entry.mode, entry)
          case "Symlink":
            return describeLink(entry, entry.target)
          case "File": {
            const pieces: Array<Uint8Array> = []
            for await (const piece of content) pieces.push(piece)
            return describeFile(entry.mode, entry, Buffer.concat(pieces).toString("utf8"))
          }
          default:
            return "special"
        }
      }
      return undefined
    })
}

const pathsBelow = (rootfs: Rootfs, path: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(pathsOf(rootfs), (all) => all.filter((one) => `${one}/`.startsWith(`${path}/`)))

/** All paths of a root file system, sorted. */
export const pathsOf = (rootfs: Rootfs): Effect.Effect<ReadonlyArray<string>> =>
  within(rootfs, async (calls, container, place, present) => {
    const found: Array<string> = []
    for await (const { entry } of TarStream.read(
      calls.archive(container, place === "" ? "/" : place, new AbortController().signal)
    )) {
      const path = `/${entry.path.split("/").slice(1).join("/")}`.replace(/\/$/, "")
      if (path !== "" && !(place === "" && Specials.isEngines(present, path))) found.push(path)
    }
    return found.sort()
  })

/** The directories on the way to entries that are not there, from the top. */
const missingAbove = async (entries: Entries, place: string, view: ContainerView): Promise<ReadonlyArray<string>> => {
  const made = new Set<string>(Object.keys(entries).map((path) => `${place}/${path}`))
  const missing: Array<string> = []
  for (const path of Object.keys(entries)) {
    const names = FileTree.components(path)
    for (let depth = 1; depth < names.length; depth++) {
      const at = `${place}/${names.slice(0, depth).join("/")}`
      if (made.has(at) || (await view.look(at)) !== undefined) continue
      made.add(at)
      missing.push(at)
    }
  }
  return missing
}

const pack = async (stream: Pack, entries: Entries, place: string, missing: ReadonlyArray<string>): Promise<void> => {
  for (const at of missing) {
    await PackedTar.entry(stream, { name: `${at.slice(1)}/`, type: "directory", mode: 0o755, mtime: new Date() })
  }
  for (const [path, input] of Object.entries(entries)) {
    const names = FileTree.components(path)
    const node = FileTree.lookup(FileTree.make({ [path]: input }), names)
    if (node === undefined) continue
    const name = `${place}/${names.join("/")}`.slice(1)
    const { gid, uid } = node
    const header = { uid, gid, mtime: new Date() }
    switch (node._tag) {
      case "Directory":
        await PackedTar.entry(stream, { ...header, name: `${name}/`, type: "directory", mode: node.mode })
        break
      case "File":
        await PackedTar.entry(stream, { ...header, name, mode: node.mode, size: node.content.length }, node.content)
        break
      case "Link":
        await PackedTar.entry(stream, { ...header, name, type: "symlink", linkname: node.target })
        break
      case "Special":
        await PackedTar.entry(stream, { ...header, name, type: "fifo", mode: node.mode })
    }
  }
}

/** Puts a directory of the host into a root file system, as it is. */
export const putDirectory = (tree: DockerTree, path: string): Effect.Effect<void> =>
  Effect.promise(async () => {
    const entries: Record<string, FileTree.TreeInput> = {}
    for (const name of Fs.readdirSync(path, { recursive: true, encoding: "utf8" })) {
      const stats = Fs.lstatSync(`${path}/${name}`)
      if (stats.isSymbolicLink()) entries[name] = { link: Fs.readlinkSync(`${path}/${name}`) }
      else if (stats.isFile())
        entries[name] = { content: Fs.readFileSync(`${path}/${name}`), mode: stats.mode & 0o7777 }
    }
    await Effect.runPromise(dockerFiles.put({ _tag: "Opaque", backend: "docker", value: tree }, entries))
  })
