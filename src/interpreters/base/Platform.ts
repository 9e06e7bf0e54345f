/** Platforms as OCI writes them: `os/architecture[/variant]`, in Go's names. */
import * as Option from "effect/Option"

export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant: Option.Option<string>
}

const architectures: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  loong64: "loong64",
  mipsel: "mipsle",
  ppc64: "ppc64le"
}

/** The platform of this process. */
export const host = (): Platform => ({
  os: process.platform === "win32" ? "windows" : process.platform,
  architecture: architectures[process.arch] ?? process.arch,
  variant: Option.none()
})

export const parse = (text: string): Platform => {
  const [os = "", architecture = "", variant] = text.split("/")
  return { os, architecture, variant: Option.fromNullable(variant) }
}

export const format = (platform: Platform): string =>
  [platform.os, platform.architecture, ...Option.toArray(platform.variant)].join("/")

/** From the best on: what a machine without a stated variant can run. */
const variants: Readonly<Record<string, ReadonlyArray<string>>> = {
  amd64: ["", "v1"],
  arm64: ["v8", ""],
  arm: ["v7", "", "v6", "v5"]
}

/**
 * How well an image's platform suits the wanted one: 0 is best, `None` is not
 * at all. Where the wanted one has no variant, the usual one of its
 * architecture is preferred and older ones will do.
 */
export const suitability = (wanted: Platform, offered: Platform): Option.Option<number> => {
  if (wanted.os !== offered.os || wanted.architecture !== offered.architecture) return Option.none()
  const variant = Option.getOrElse(offered.variant, () => "")
  const order = Option.match(wanted.variant, {
    onNone: () => variants[wanted.architecture] ?? [""],
    onSome: (name) => [name, ...(wanted.architecture === "arm" ? ["v7", "v6", "v5"].filter((v) => v < name) : []), ""]
  })
  const at = order.indexOf(variant)
  return at < 0 ? Option.none() : Option.some(at)
}
