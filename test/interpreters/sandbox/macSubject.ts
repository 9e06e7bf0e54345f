/**
 * The sandbox of macOS as the laws of `Sandbox` want it. They speak of a root
 * file system with paths from its root on, and of root, to whom it belongs; here
 * that is the user's home, and the user: so the paths and owners of one are said
 * as those of the other, both ways. Secrets are where the variable says.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import type { DirectoryRootfs, Rootfs } from "../../../src/interpreters/Rootfs.ts"
import { Sandbox, type SandboxService } from "../../../src/interpreters/Sandbox.ts"
import * as UserSandbox from "../../../src/interpreters/sandbox/UserSandbox.ts"
import { type Entries, type Files, hostFiles } from "../../laws/files.ts"
import type { Language, SandboxSubject } from "../../laws/sandboxSubject.ts"
import type { Mac } from "../../standins/mac.ts"
import { alive, pathsOf, shell } from "./busybox.ts"

const POOL = "tank"

/** A dataset of its own, with these datasets in it, until the machine goes. */
export const makeDataset = (mac: Mac, parts: ReadonlyArray<string>): Required<DirectoryRootfs> => {
  const dataset = `${POOL}/${Fs.readdirSync(`${mac.path}/${POOL}`).length}`
  for (const name of [dataset, ...parts.map((part) => `${dataset}/${part}`)]) {
    const { status, stderr } = mac.run("zfs", "create", name)
    if (status !== 0) throw new Error(stderr)
  }
  return { _tag: "Directory", path: `${mac.path}/${dataset}`, dataset }
}

/** The pool must be there. */
export const makeSubject = (mac: Mac): SandboxSubject => {
  const { uid } = mac.options
  const home = UserSandbox.homeOf(uid)
  const there = (path: string): string => (path === "/" ? home : `${home}${path}`)
  const files = filesAs({ uid, gid: UserSandbox.GID })
  const make = (parts: ReadonlyArray<string>) => (entries: Entries) =>
    Effect.gen(function* () {
      const rootfs = makeDataset(mac, parts)
      yield* files.put(rootfs, entries)
      return rootfs
    })
  return {
    layer: Layer.map(UserSandbox.layer(mac.options), (context) =>
      Context.make(Sandbox, inHome(Context.get(context, Sandbox), there))
    ),
    language: languageIn(home, there),
    user: { uid, gid: UserSandbox.GID, name: UserSandbox.userName(uid) },
    hostname: Os.hostname(),
    files,
    image: make(UserSandbox.PARTS),
    cache: make([]),
    paths: (rootfs) => Effect.sync(() => pathsOf(view(rootfs))),
    alive: (mark) => Effect.sync(() => alive(mark))
  }
}

const inHome = (sandbox: SandboxService, there: (path: string) => string): SandboxService => ({
  ...sandbox,
  run: ({ caches, cwd, ...command }, rootfs, output) =>
    sandbox.run(
      { ...command, cwd: there(cwd), caches: caches.map(({ rootfs, target }) => ({ rootfs, target: there(target) })) },
      rootfs,
      output
    )
})

const languageIn = (home: string, there: (path: string) => string): Language => ({
  ...shell,
  write: (path, text) => shell.write(there(path), text),
  cat: (path) => {
    const secret = `"$OBUILDER_SECRETS_DIR"/${path.split("/").at(-1)}`
    return `if [ -e ${secret} ]; then cat ${secret}; else ${shell.cat(there(path))}; fi`
  },
  pwd: `pwd | sed 's,^${home},,'`
})

/** What of an image the laws see: its home; of a cache all. */
const view = (rootfs: Rootfs): Rootfs => {
  if (rootfs._tag !== "Directory") return rootfs
  const home = `${rootfs.path}/${UserSandbox.HOME}`
  return Fs.existsSync(home) ? { ...rootfs, path: home } : rootfs
}

const filesAs = ({ gid, uid }: { readonly uid: number; readonly gid: number }): Files => ({
  put: (rootfs, entries) =>
    Effect.zipRight(
      hostFiles.put(view(rootfs), entries),
      Effect.sync(() => {
        const seen = view(rootfs)
        if (seen._tag === "Directory") execFileSync("chown", ["-Rh", "--from=0:0", `${uid}:${gid}`, seen.path])
      })
    ),
  remove: (rootfs, path) => hostFiles.remove(view(rootfs), path),
  describe: (rootfs, path) =>
    Effect.map(hostFiles.describe(view(rootfs), path), (text) => text?.replace(` ${uid}:${gid}`, " 0:0"))
})
