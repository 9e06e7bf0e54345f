/** What a process of the program may not leave on the machine, whatever became of it. */
import * as Fs from "node:fs"

/** Where the program keeps its containers' state: the first one where that is in memory. */
const STATES = ["/run/obuilder", "/dev/shm/obuilder"]
const CGROUPS = "/sys/fs/cgroup"
/** A container's control group is at most so far below the root of its hierarchy. */
const CGROUP_DEPTH = 6

/**
 * What is left of the process that had this id: in its store, if that is named,
 * directories in the making; for its containers, directories, control groups,
 * mounts and processes. For a process that was killed, this is to be asked when
 * another one has run something on the same store.
 */
export const leftBy = (pid: number, store?: string): ReadonlyArray<string> => [
  ...(store === undefined ? [] : temporaryIn(store).filter((path) => path.startsWith(`${store}/tmp/${pid}-`))),
  ...STATES.flatMap((state) =>
    namesIn(state)
      .filter((name) => name.startsWith(`${pid}-`) || name.startsWith(`.${pid}-`))
      .map((name) => `the directory ${state}/${name}`)
  ),
  ...containers(pid)
]

/** Directories of the living and the dead where results are made. */
export const temporaryIn = (store: string): ReadonlyArray<string> =>
  namesIn(`${store}/tmp`).map((name) => `${store}/tmp/${name}`)

/** The containers that a process has started: their processes, mounts and control groups. */
export const containers = (pid: number): ReadonlyArray<string> => {
  const name = `obuilder-${pid}-`
  return [
    ...namesIn("/proc")
      .filter((one) => /^\d+$/.test(one) && read(`/proc/${one}/cgroup`).includes(name) && !isDead(one))
      .map((one) => `the process ${one}: ${read(`/proc/${one}/cmdline`).replaceAll("\0", " ")}`),
    ...read("/proc/self/mountinfo")
      .split("\n")
      .filter((line) => STATES.some((state) => line.includes(`${state}/${pid}-`)))
      .map((line) => `the mount ${line}`),
    ...cgroupsIn(CGROUPS, name, CGROUP_DEPTH)
  ]
}

/** Dead, and not yet asked for by its parent, which may be anybody where its own died before it: proc(5), `stat`. */
const isDead = (pid: string): boolean => /^\d+ \(.*\) [ZX]/s.test(read(`/proc/${pid}/stat`))

const cgroupsIn = (directory: string, name: string, depth: number): ReadonlyArray<string> =>
  depth === 0
    ? []
    : directoriesIn(directory).flatMap((one) =>
        one.startsWith(name)
          ? [`the control group ${directory}/${one}`]
          : cgroupsIn(`${directory}/${one}`, name, depth - 1)
      )

const directoriesIn = (directory: string): ReadonlyArray<string> => {
  try {
    return Fs.readdirSync(directory, { withFileTypes: true }).flatMap((one) => (one.isDirectory() ? [one.name] : []))
  } catch {
    return []
  }
}

const namesIn = (directory: string): ReadonlyArray<string> => {
  try {
    return Fs.readdirSync(directory)
  } catch {
    return []
  }
}

/** Empty where it is gone by now. */
const read = (path: string): string => {
  try {
    return Fs.readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
