/** Paths inside an image: always `/`-separated, whatever the host. Pure text, no links are followed. */

/** `path` seen from `directory`, joined as OBuilder joins them, not cleaned. */
export const join = (directory: string, path: string): string =>
  path.startsWith("/") ? path : directory.endsWith("/") ? `${directory}${path}` : `${directory}/${path}`

/** An absolute path without empty components and `.`; `..` stays, since what it means depends on links. */
export const clean = (path: string): string =>
  isClean(path)
    ? path
    : `/${path
        .split("/")
        .filter((part) => part !== "" && part !== ".")
        .join("/")}`

/** Most are, and finding that out takes a small part of the time. */
const isClean = (path: string): boolean => path.startsWith("/") && !/\/\.?(?:\/|$)/.test(path)
