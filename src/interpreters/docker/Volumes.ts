/** Looking into volumes: each is mounted at {@link PLACE} of a container without files that never runs. */
import { volumeMount } from "./ContainerConfig.ts"
import type { EngineCalls } from "./EngineCalls.ts"
import type { Workshop } from "./Workshop.ts"

export const PLACE = "/v"

/** As the engine's API has mounts. */
export const mountOf = (volume: string): object => volumeMount(volume, PLACE)

/** Runs `use` with a container that has the volume; `name` is the tree's that the container is called by. */
export const withVolume = async <A>(
  workshop: Workshop,
  { name, volume }: { readonly name: string; readonly volume: string },
  signal: AbortSignal,
  use: (calls: EngineCalls, container: string) => Promise<A>
): Promise<A> =>
  workshop.withContainer(
    await workshop.emptyImage(signal),
    name,
    { HostConfig: { Mounts: [mountOf(volume)] } },
    signal,
    use
  )
