/**
 * A step's root file system, made ready for a jail: mount points that it lacks,
 * and files that are there for one run only, of which nothing stays.
 *
 * All paths of the image are resolved in it, and never through its links to the
 * host. Nobody else changes it before the jail is made, and after that is removed.
 */
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import type * as Passwd from "../../domain/Passwd.ts"
import { accountOf, NoSuchUser } from "../host/ImageUser.ts"
import { LayeredTree } from "../host/LayeredTree.ts"
import { writeAll } from "../host/WriteAll.ts"
import type { Rootfs } from "../Rootfs.ts"
import type { Command } from "../Sandbox.ts"
import { sandboxError, shellHint } from "./Failure.ts"
import { PROGRAMS } from "./JailCommand.ts"
import { BadTarget, byDepth, type MissingPoint, MountPoints, refuseNuls } from "./MountPoints.ts"
import * as Skeleton from "./Skeleton.ts"

/** A directory of the host that the jail sees. */
export interface NullMount {
  readonly source: string
  /** The host's path of where it is mounted. */
  readonly target: string
}

export interface JailRoot {
  readonly path: string
  readonly account: Passwd.Account
  readonly hasIfconfig: boolean
  /** The outermost first. */
  readonly mounts: ReadonlyArray<NullMount>
}

/** The step cannot be run in this image. */
export class Unfit extends Error {
  readonly hint: string | undefined

  constructor(message: string, hint?: string) {
    super(message)
    this.hint = hint
  }
}

/** A file system of the step's, by where it is in the image. */
interface Place {
  readonly at: string
  readonly path: string
  readonly missing: ReadonlyArray<MissingPoint>
}

/**
 * Makes it ready, and adds to `undo` what has to be done afterwards, the last
 * first. Throws `Unfit`, `BadTarget`, `NoSuchUser`, `SandboxError`, and errors of
 * the system.
 */
export const prepare = (command: Command, rootfs: Rootfs, undo: Array<() => void>): JailRoot => {
  refuseNuls(command)
  const path = directoryOf(rootfs)
  const tree = new LayeredTree([path])
  const account = checkedAccount(tree, command)
  checkProgram(tree, command)

  const points = new MountPoints(tree)
  points.system("/dev")
  const caches = byDepth(command.caches).map(({ rootfs: cache, target }): Place => {
    const source = directoryOf(cache)
    const point = points.mount(target, "directory", new LayeredTree([source]))
    checkFstab(point.target)
    return { at: point.target, path: source, missing: point.missing }
  })
  const own = { uid: account.uid, gid: account.gid, mode: SECRET_MODE }
  const files = [
    ...resolver(command, tree),
    ...byDepth(command.secrets).map((secret): TemporaryFile => ({ ...secret, ...own }))
  ].map((file) => ({ ...file, target: points.mount(file.target, "file").target }))
  const places: ReadonlyArray<Place> = [{ at: "/", path, missing: points.missing }, ...caches]
  for (const place of places) Skeleton.makeInPlace(place.path, place.missing, undo)
  for (const file of files) put(places, file, undo)
  return {
    path,
    account,
    hasIfconfig: isFile(tree, PROGRAMS.ifconfig),
    mounts: caches.map(({ at, path: source }) => ({ source, target: path + at }))
  }
}

/**
 * What jail(8) gives to a shell as it is, and what its fstab has no way to say.
 * Where stores are, root has said.
 */
const PLAIN = /^[\w./:@+,-]+$/

const directoryOf = (rootfs: Rootfs): string => {
  if (rootfs._tag !== "Directory")
    throw sandboxError("a jail's files have to be in a directory: use --store=zfs:POOL/DATASET")
  const path = Fs.realpathSync(rootfs.path)
  if (PLAIN.test(path)) return path
  throw sandboxError(
    `jail(8) cannot be given the path ${JSON.stringify(path)}`,
    undefined,
    "let the store be where names have only letters, digits and . _ - in them: zfs set mountpoint=/obuilder POOL/DATASET"
  )
}

const checkFstab = (target: string): void => {
  if (/[\s\\#"']/.test(target))
    throw new BadTarget(`${JSON.stringify(target)} has a character that fstab(5) cannot have in a path`)
}

const USER_HINT = "make the user in an earlier step (pw useradd), or name one that is there: (user root)"

const checkedAccount = (tree: LayeredTree, { user }: Command): Passwd.Account => {
  const account = accountOf(tree, user)
  if (account === undefined) {
    if (user._tag === "Named") throw new NoSuchUser(user.name)
    throw new Unfit(`the image's /etc/passwd has no user with the id ${user.uid}`, USER_HINT)
  }
  const { gid, home, name, shell } = account
  if (user._tag === "Unix" && user.gid !== gid) {
    throw new Unfit(
      `the image's user ${user.uid} is ${name} and in the group ${gid}, not ${user.gid}`,
      `write (user (uid ${user.uid}) (gid ${gid})), or make a user with those ids in an earlier step`
    )
  }
  if (!/^[A-Za-z0-9_.][A-Za-z0-9_.$-]*$/.test(name)) throw new Unfit(`${JSON.stringify(name)} is no login name`)
  for (const program of [PROGRAMS.shell, PROGRAMS.su, PROGRAMS.env]) {
    if (!isFile(tree, program))
      throw new Unfit(`the image has no program ${program}`, "start from a FreeBSD base system")
  }
  if (!isFile(tree, shell)) throw new Unfit(`the image has no program ${shell}, which is the shell of ${name}`)
  if (kindAt(tree, home) !== "directory")
    throw new Unfit(`the image has no directory ${home}, which is the home of ${name}`)
  return account
}

const checkProgram = (tree: LayeredTree, { argv: [program = ""], caches }: Command): void => {
  if (!program.startsWith("/") || kindAt(tree, program) !== "missing") return
  if (caches.some(({ target }) => program.startsWith(`${target}/`))) return
  throw new Unfit(`the image has no program ${program}`, shellHint(program))
}

const isFile = (tree: LayeredTree, path: string): boolean => kindAt(tree, path) === "file"

/** Nothing that could be reached is missing. */
const kindAt = (tree: LayeredTree, path: string): string => {
  try {
    return tree.resolve(path).kind
  } catch {
    return "missing"
  }
}

const RESOLVER = "/etc/resolv.conf"

/** With the host's network a step asks whom the host asks for names. */
const resolver = ({ network }: Command, tree: LayeredTree): ReadonlyArray<TemporaryFile> =>
  network === "host" &&
  Fs.existsSync(RESOLVER) &&
  kindAt(tree, "/etc") === "directory" &&
  kindAt(tree, RESOLVER) !== "directory"
    ? [{ target: RESOLVER, content: Fs.readFileSync(RESOLVER), uid: 0, gid: 0, mode: 0o444 }]
    : []

const { O_NOFOLLOW, O_TRUNC, O_WRONLY } = Fs.constants

/** Only its user can read it. */
const SECRET_MODE = 0o400

/** A file of one run's, at an absolute path of the image. */
interface TemporaryFile {
  readonly target: string
  readonly content: Uint8Array
  readonly uid: number
  readonly gid: number
  readonly mode: number
}

/** Puts a file where one is: an empty one that was just made, or one of the image's, which comes back afterwards. */
const put = (
  places: ReadonlyArray<Place>,
  { content, gid, mode, target, uid }: TemporaryFile,
  undo: Array<() => void>
): void => {
  const place = places.findLast(({ at }) => at === "/" || target.startsWith(`${at}/`))
  if (place === undefined) return
  const within = place.at === "/" ? target : target.slice(place.at.length)
  const path = place.path + within
  const parent = path.slice(0, path.lastIndexOf("/"))
  /** The step may have put a link in the place of a directory on the way. */
  const isThere = (): boolean => Skeleton.isReached(place.path, parent)
  if (!place.missing.some((point) => point.path === within)) {
    const kept = `${parent}/.obuilder-${randomBytes(8).toString("hex")}`
    const { atimeMs, mtimeMs } = Fs.lstatSync(parent)
    Fs.renameSync(path, kept)
    undo.push(() => {
      if (!isThere()) return
      Fs.renameSync(kept, path)
      Fs.utimesSync(parent, atimeMs / 1000, mtimeMs / 1000)
    })
    Fs.writeFileSync(path, "", { flag: "wx", mode: 0o600 })
    undo.push(() => isThere() && Fs.rmSync(path, { force: true }))
  }
  const fd = Fs.openSync(path, O_WRONLY | O_NOFOLLOW | O_TRUNC)
  const { ino } = Fs.fstatSync(fd)
  undo.push(() => {
    const now = isThere() ? Fs.lstatSync(path, { throwIfNoEntry: false }) : undefined
    // Emptied, it goes with the mount points; what the step has put there instead is the secret as well, as it left it.
    if (now?.isFile() === true && now.ino === ino) Fs.truncateSync(path)
    else if (now !== undefined && !now.isDirectory()) Fs.unlinkSync(path)
  })
  try {
    Fs.fchmodSync(fd, mode)
    Fs.fchownSync(fd, uid, gid)
    writeAll(fd, content)
  } finally {
    Fs.closeSync(fd)
  }
}
