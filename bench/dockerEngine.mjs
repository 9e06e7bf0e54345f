/** Docker engines for what is measured: each with all that it has in a directory, and gone when it is stopped. */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { fileURLToPath } from "node:url"
import { serve } from "./server.mjs"

/** Where `scripts/test` unpacks Debian 13's. */
const UNPACKED = fileURLToPath(new URL("../node_modules/.cache/newer-docker/usr/sbin/dockerd", import.meta.url))

const versionOf = (dockerd) => {
  const { status, stdout } = spawnSync(dockerd, ["--version"], { encoding: "utf8" })
  return status === 0 ? /version ([\d.]+)/.exec(stdout)?.[1] : undefined
}

/** The engines that there are: this machine's, and the newer one, with Docker's own image store or containerd's. */
export const engines = () => {
  const known = ["dockerd", UNPACKED].map((dockerd) => ({ dockerd, version: versionOf(dockerd) }))
  return known
    .filter(({ version }) => version !== undefined)
    .flatMap(({ dockerd, version }) => [
      { dockerd, name: `Docker ${version}`, major: Number.parseInt(version, 10), containerd: false },
      ...(Number.parseInt(version, 10) < 24
        ? []
        : [{ dockerd, name: `Docker ${version}, containerd's image store`, major: 24, containerd: true }])
    ])
}

/** Of the engine's own, in its namespace. Short: names of sockets have 108 bytes at most. */
const EXEC = "/mnt"

/** Ends with this process: it reads until then, and in its namespace all end with it. The engine would leave a key in /etc. */
const FIRST = `mount -t tmpfs tmpfs /etc
mount -t tmpfs tmpfs ${EXEC}
exec 3<&0
"$@" </dev/null 3<&- &
cat <&3 >/dev/null`

/** The client that comes with Debian's engine: there may be others in PATH. */
export const CLIENT = Fs.existsSync("/usr/bin/docker") ? "/usr/bin/docker" : "docker"

/** Starts one; gives the environment in which clients find it. */
export const serveDocker = async (directory, { containerd, dockerd }) => {
  for (const path of ["tmp", "client"]) Fs.mkdirSync(`${directory}/${path}`, { recursive: true })
  const host = `unix://${directory}/socket`
  const configuration = `${directory}/daemon.json`
  Fs.writeFileSync(configuration, JSON.stringify({ features: { "containerd-snapshotter": containerd } }))
  const words = [
    ...["--config-file", configuration, "--data-root", `${directory}/data`, "--exec-root", EXEC],
    ...["--pidfile", `${directory}/pid`, "--host", host, "--bridge=none", "--iptables=false", "--ip-forward=false"]
  ]
  const namespaces = ["--mount", "--pid", "--mount-proc", "--fork", "--kill-child"]
  const server = await serve({
    program: "unshare",
    words: [...namespaces, "sh", "-e", "-c", FIRST, "sh", dockerd, ...words],
    log: `${directory}/log`,
    ready: /API listen on/,
    env: { TMPDIR: `${directory}/tmp` }
  })
  return {
    environment: {
      DOCKER_HOST: host,
      DOCKER_CONFIG: `${directory}/client`,
      DOCKER_BUILDKIT: "1",
      BUILDX_NO_DEFAULT_ATTESTATIONS: "1"
    },
    stop: server.stop
  }
}
