/** Reads OCI layouts that were written, as any reader of JSON would. */
import * as Fs from "node:fs"

export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

export interface Manifest {
  readonly artifactType?: string
  readonly config: Descriptor
  readonly layers: ReadonlyArray<Descriptor>
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

const NAME = "org.opencontainers.image.ref.name"

/** What the index lists. */
export const listed = (layout: string): ReadonlyArray<Descriptor> =>
  JSON.parse(Fs.readFileSync(`${layout}/index.json`, "utf8")).manifests

export const blob = (layout: string, { digest }: Pick<Descriptor, "digest">): Buffer =>
  Fs.readFileSync(`${layout}/blobs/${digest.replace(":", "/")}`)

/** The one that the index names so. */
export const named = (layout: string, name: string): Descriptor => {
  const found = listed(layout).find(({ annotations }) => annotations?.[NAME] === name)
  if (found === undefined) throw new Error(`${layout} has no ${name}`)
  return found
}

export const manifestOf = (layout: string, name: string): Manifest =>
  JSON.parse(blob(layout, named(layout, name)).toString("utf8"))

/** All files below a directory by their names, with what is in them. */
export const filesIn = (directory: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Fs.readdirSync(directory, { recursive: true, encoding: "utf8" })
      .filter((name) => Fs.lstatSync(`${directory}/${name}`).isFile())
      .sort()
      .map((name) => [name, Fs.readFileSync(`${directory}/${name}`, "latin1")])
  )
