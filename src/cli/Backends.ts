/** The backends as the command line has them. */
import { table } from "../interpreters/backend/Table.ts"
import type { Backend } from "./Backend.ts"

/** The backends of this program, by kind. Their options are flags. */
export const backends: ReadonlyMap<string, Backend> = table({
  fastSync: "--fast-sync",
  memory: "--memory",
  runtime: "--runtime",
  uid: "--uid",
  brewPath: "--brew-path",
  dockerCpus: "--docker-cpus",
  dockerMemory: "--docker-memory",
  dockerIsolation: "--docker-isolation",
  dockerNetwork: "--docker-network",
  within: "--bases",
  dockerStore: "--store=docker:PATH"
})
