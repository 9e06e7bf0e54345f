/**
 * Paths inside an image of Windows: a drive's letter and `/`-separated names.
 * Pure text; both slashes are read, and `/` is written.
 */

/** What a path may be relative to: another drive's own directory is not known. */
const ABSOLUTE = /^[A-Za-z]:[\\/]/

/** Characters that no name of a file has; a colon may only follow the drive's letter. */
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u001f<>:"|?*]/

/** What is wrong with a path, as a phrase; `undefined` for a good one. */
export const fault = (path: string): string | undefined => {
  if (/^[\\/]{2}/.test(path)) return "a path cannot name another machine or a device"
  const rest = ABSOLUTE.test(path) ? path.slice(2) : path
  if (/^[A-Za-z]:/.test(rest)) return "a path with a drive needs a slash after it, as in C:/"
  return FORBIDDEN.test(rest) ? 'a path of Windows cannot hold a control character or one of <>:"|?*' : undefined
}

/** `path` seen from `directory`; what begins with a slash is on the directory's drive. */
export const join = (directory: string, path: string): string => {
  if (ABSOLUTE.test(path)) return path
  if (/^[\\/]/.test(path)) return `${directory.slice(0, 2)}${path}`
  return /[\\/]$/.test(directory) ? `${directory}${path}` : `${directory}/${path}`
}

/**
 * An absolute path with its drive in a capital letter, without empty components
 * and `.`; a drive's root keeps its slash. Windows takes `..` away before it
 * looks for anything, so that it is taken away here.
 */
export const clean = (path: string): string => {
  const names: Array<string> = []
  for (const name of path.slice(2).split(/[\\/]/)) {
    if (name === "..") names.pop()
    else if (name !== "" && name !== ".") names.push(name)
  }
  return `${path.slice(0, 1).toUpperCase()}:/${names.join("/")}`
}
