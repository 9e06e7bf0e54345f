/** What an engine says of the room that its images and volumes take: `GET /system/df` of its API. */

/** Bytes, by the names of images and of volumes. */
export interface Usage {
  readonly images: ReadonlyMap<string, { readonly unique: number; readonly shared: number }>
  readonly volumes: ReadonlyMap<string, number>
}

/** From version 1.52 of the API on in lists of their own, before in one. */
export interface Said {
  readonly Images?: ReadonlyArray<Image> | null
  readonly Volumes?: ReadonlyArray<Volume> | null
  readonly ImageUsage?: { readonly Items?: ReadonlyArray<Image> | null } | null
  readonly VolumeUsage?: { readonly Items?: ReadonlyArray<Volume> | null } | null
}

interface Image {
  readonly RepoTags?: ReadonlyArray<string> | null
  readonly Size: number
  /** -1 where it is not known. */
  readonly SharedSize: number
}

interface Volume {
  readonly Name: string
  readonly UsageData?: { readonly Size: number } | null
}

export const read = ({ ImageUsage, Images, VolumeUsage, Volumes }: Said): Usage => {
  const images = (ImageUsage?.Items ?? Images ?? []).flatMap(({ RepoTags, SharedSize, Size }) => {
    const shared = Math.max(0, SharedSize)
    return (RepoTags ?? []).map((name) => [name, { unique: Size - shared, shared }] as const)
  })
  const volumes = (VolumeUsage?.Items ?? Volumes ?? []).map(
    ({ Name, UsageData }) => [Name, Math.max(0, UsageData?.Size ?? 0)] as const
  )
  return { images: new Map(images), volumes: new Map(volumes) }
}
