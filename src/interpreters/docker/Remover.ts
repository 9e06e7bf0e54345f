/**
 * Takes away the mount points that an engine made in an image, or in a volume,
 * for lack of any. Only a program can do that, and the image may have none: so
 * one of some fifty bytes is put into a container, which removes itself too.
 */
import { randomBytes } from "node:crypto"
import * as ElfProgram from "../host/ElfProgram.ts"
import * as PackedTar from "../host/PackedTar.ts"
import { problem } from "../base/ImageProblem.ts"
import type { DockerTree } from "./DockerTree.ts"
import type { EngineCalls } from "./EngineCalls.ts"
import type { Workshop } from "./Workshop.ts"

/**
 * Each argument is unlinked, or else removed as an empty directory; what cannot
 * be removed stays. The system calls are `unlink` and `rmdir`, or `unlinkat`.
 */
const CODE: Readonly<Record<string, string>> = {
  // lea rbx,[rsp+16]; 1: mov rdi,[rbx]; test rdi,rdi; jz 3f; mov eax,87; syscall; test eax,eax; jz 2f;
  // mov rdi,[rbx]; mov eax,84; syscall; 2: add rbx,8; jmp 1b; 3: xor edi,edi; mov eax,60; syscall
  x64: "488d5c2410488b3b4885ff741bb8570000000f0585c0740a488b3bb8540000000f054883c308ebdd31ffb83c0000000f05",
  // add x19,sp,#16; 1: ldr x1,[x19],#8; cbz x1,3f; mov x20,x1; mov x0,#-100; mov x2,#0; mov x8,#35; svc #0;
  // cbz x0,1b; mov x1,x20; mov x0,#-100; mov x2,#0x200; mov x8,#35; svc #0; b 1b; 3: mov x0,#0; mov x8,#93; svc #0
  arm64: [
    ...["f3430091", "618640f8", "a10100b4", "f40301aa", "600c8092", "020080d2", "680480d2", "010000d4", "20ffffb4"],
    ...["e10314aa", "600c8092", "024080d2", "680480d2", "010000d4", "f3ffff17", "000080d2", "a80b80d2", "010000d4"]
  ].join("")
}

/** As Node names processors, of what images say. */
const NODES: Readonly<Record<string, string>> = { amd64: "x64", arm64: "arm64" }

/** The program for an image's architecture. */
export const programFor = (architecture: string): Uint8Array | undefined => {
  const name = NODES[architecture] ?? ""
  const code = CODE[name]
  return code === undefined ? undefined : ElfProgram.make(name, Buffer.from(code, "hex"))
}

interface Removal {
  /** Absolute, in the container. */
  readonly paths: ReadonlyArray<string>
  /** As the engine's API has them. */
  readonly mounts: ReadonlyArray<object>
}

/** Removes paths in a tree. False for images whose processors are not known here. */
export const removeIn = async (tree: DockerTree, paths: ReadonlyArray<string>, signal: AbortSignal): Promise<boolean> =>
  run(tree.workshop, await tree.workshop.imageOf(tree, signal), tree.name, { paths, mounts: [] }, signal, (container) =>
    tree.workshop.keep(tree, container, signal)
  )

/** Removes paths in what is mounted. `name` is for the container. */
export const removeMounted = async (
  workshop: Workshop,
  name: string,
  removal: Removal,
  signal: AbortSignal
): Promise<boolean> => run(workshop, await workshop.emptyImage(signal), name, removal, signal, () => Promise.resolve())

const run = async (
  workshop: Workshop,
  image: string,
  name: string,
  { mounts, paths }: Removal,
  signal: AbortSignal,
  done: (container: string) => Promise<void>
): Promise<boolean> => {
  const { Architecture } = await workshop.factsOf(image, signal)
  const program = programFor(Architecture)
  if (program === undefined) return false
  const path = `.obuilder-${randomBytes(8).toString("hex")}`
  const config = {
    Entrypoint: [`/${path}`, ...paths, `/${path}`],
    Cmd: [],
    User: "0:0",
    WorkingDir: "/",
    HostConfig: { NetworkMode: "none", LogConfig: { Type: "none" }, Mounts: mounts }
  }
  await workshop.withContainer(image, name, config, signal, async (calls, container) => {
    await put(calls, container, path, program, signal)
    const refused = await calls.start(container, signal)
    if (refused !== undefined) throw refused.problem
    const status = await calls.wait(container, signal)
    if (status !== 0) throw problem(`what removes mount points from an image ended with ${status}`, "build again")
    await done(container)
  })
  return true
}

const put = async (
  calls: EngineCalls,
  container: string,
  path: string,
  program: Uint8Array,
  signal: AbortSignal
): Promise<void> => {
  const tar = PackedTar.chunks((stream) =>
    PackedTar.entry(stream, { name: path, mode: 0o755, size: program.length }, program)
  )
  const refused = await calls.putArchive(container, "/", tar, signal)
  if (refused !== undefined) throw refused.problem
}
