/** Paths in an image as Docker reads them: text alone, no links are followed. */

/** `path` seen from `directory`, without `.`, `..` and empty parts. */
export const absolute = (directory: string, path: string): string =>
  `/${partsOf(path.startsWith("/") ? path : `${directory}/${path}`).join("/")}`

/** Without `.` and empty parts; `..` takes away the part before it, if there is one. */
export const partsOf = (path: string): ReadonlyArray<string> => {
  const parts: Array<string> = []
  for (const part of path.split("/")) {
    if (part === "..") parts.pop()
    else if (part !== "" && part !== ".") parts.push(part)
  }
  return parts
}

/** Whether a clean path is another, or is in it. */
export const isWithin = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`)

export const parentOf = (path: string): string => {
  const at = path.lastIndexOf("/")
  return at <= 0 ? "/" : path.slice(0, at)
}

export const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1)

/** As the destination of what is copied into it. */
export const into = (directory: string): string => (directory === "/" ? "/" : `${directory}/`)

/** What bases hold as directories, whichever they are. */
const USUAL: ReadonlySet<string> = new Set(
  [
    "/",
    ..."bin boot dev etc home lib lib64 media mnt opt proc root run sbin srv sys tmp usr var"
      .split(" ")
      .map((name) => `/${name}`),
    ..."bin include lib libexec local sbin share src".split(" ").map((name) => `/usr/${name}`),
    ..."bin etc include lib sbin share src".split(" ").map((name) => `/usr/local/${name}`),
    ..."cache lib log run spool tmp www".split(" ").map((name) => `/var/${name}`)
  ].values()
)

export const isUsual = (path: string): boolean => USUAL.has(path)
