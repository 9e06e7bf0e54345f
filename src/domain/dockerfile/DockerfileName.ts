/** Tells a Dockerfile from a spec: by its name, or if that says nothing by what it begins with. */

/** Whether a file of this name and text is read as a Dockerfile. `name` is as the user wrote it. */
export const isDockerfile = (name: string, text: string): boolean => {
  const base = name.slice(name.lastIndexOf("/") + 1)
  if (/\.spec$/i.test(base)) return false
  if (/^(?:Dockerfile|Containerfile)(?:\.|$)|\.(?:Dockerfile|Containerfile)$/i.test(base)) return true
  return beginsAsOne(text)
}

/** As much of a text as is looked at. */
const BEGINNING = 10_000

/** The first instruction of a Dockerfile is FROM or ARG; directives and comments come before it. */
const beginsAsOne = (text: string): boolean => {
  const beginning = text.slice(0, BEGINNING).replace(/^\ufeff/, "")
  if (/^[ \t]*#[ \t]*(?:syntax|escape|check)[ \t]*=/i.test(beginning)) return true
  const first = beginning.split("\n").find((line) => line.trim() !== "" && !line.trimStart().startsWith("#"))
  return first !== undefined && /^\s*(?:FROM|ARG)\s/i.test(first)
}
