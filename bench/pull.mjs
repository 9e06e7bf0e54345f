/**
 * A large image from a registry on this machine, fetched and unpacked: a build
 * that is nothing but `(from IMAGE)`, into a fresh store, beside
 * `skopeo copy` into a layout and `umoci raw unpack` of that, and beside
 * `buildah from` into a fresh storage; and the memory that it takes.
 */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { absolute, alternate, ratio } from "./measure.mjs"
import { OBUILDER, peakOf, run, settle, timeOf } from "./processes.mjs"
import { serveRegistry } from "./registry.mjs"

/** Megabytes of files, in as many layers as there are directories. */
const SIZE = 500
const SOURCES = ["/usr/bin", "/usr/share", "/usr/lib"]
const MEMORY = 200

export const measure = async ({ scratch, rounds }) => {
  const lacking = ["docker-registry", "skopeo", "umoci", "buildah"].filter(
    (name) => spawnSync("which", [name]).status !== 0
  )
  if (lacking.length > 0) throw new Error(`The benchmark "pull" needs ${lacking.join(", ")}.`)
  const directory = `${scratch}/pull`
  Fs.mkdirSync(`${directory}/source`, { recursive: true })
  const registry = await serveRegistry(directory)
  try {
    const image = `${registry.host}/image:1`
    makeImage(directory)
    run("skopeo", [...COPY, "--dest-tls-verify=false", `oci:${directory}/image:1`, `docker://${image}`])
    Fs.writeFileSync(`${directory}/spec`, `((from ${image}))`)
    const words = (store) => [
      "build",
      "-q",
      `--store=overlayfs:${store}`,
      "-f",
      `${directory}/spec`,
      `${directory}/source`
    ]
    const fresh = (name) => {
      const path = `${directory}/${name}`
      Fs.rmSync(path, { recursive: true, force: true })
      settle(directory)
      return path
    }
    const theirs = (place) =>
      `mkdir '${place}' && skopeo ${COPY.join(" ")} --src-tls-verify=false docker://${image} oci:'${place}/layout':1 &&
       umoci raw unpack --image '${place}/layout':1 '${place}/rootfs'`
    const buildah = (place) => [
      ...["--root", `${place}/root`, "--runroot", `${place}/run`, "--storage-driver", "overlay"],
      ...["from", "--quiet", "--tls-verify=false", `docker://${image}`]
    ]
    const times = await alternate(
      {
        buildah: () => timeOf("buildah", buildah(fresh("buildah"))),
        "skopeo and umoci": () => timeOf("sh", ["-c", theirs(fresh("theirs"))]),
        obuilder: () => timeOf(OBUILDER, words(fresh("store")))
      },
      { rounds: rounds(5) }
    )
    const peaks = Array.from({ length: rounds(3) }, () => peakOf(OBUILDER, words(fresh("store")), directory))
    return [
      ratio({
        name: `an image of ${SIZE} MB, fetched and unpacked`,
        times,
        of: "obuilder",
        to: "skopeo and umoci",
        target: 1
      }),
      ratio({ name: `the same, into buildah's storage`, times, of: "obuilder", to: "buildah", target: 1 }),
      absolute({ name: "peak memory: fetching and unpacking that", unit: "MB", values: peaks, target: MEMORY })
    ]
  } finally {
    await registry.stop()
  }
}

const COPY = ["copy", "--quiet", "--insecure-policy"]

/** Files of this machine: programs, texts, and whatever else a system has. */
const makeImage = (directory) => {
  const layout = `${directory}/image`
  run("umoci", ["init", "--layout", layout])
  run("umoci", ["new", "--image", `${layout}:1`])
  let left = SIZE
  for (const [index, source] of SOURCES.entries()) {
    const layer = `${directory}/layer.tar`
    const share = Math.round(left / (SOURCES.length - index))
    // As many whole files as fit.
    const list = `find ${source} -xdev -type f -size -20M -printf '%s %p\\n' | sort -k2 |
      awk '{ sum += $1; if (sum > ${share * 1e6}) exit; sub(/^[0-9]+ /, ""); print }'`
    run("sh", ["-c", `${list} | tar -c -f '${layer}' --hard-dereference -T - 2>/dev/null`])
    run("umoci", ["raw", "add-layer", "--image", `${layout}:1`, layer])
    left -= share
    Fs.rmSync(layer)
  }
}
