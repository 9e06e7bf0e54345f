/** What engines say of room, in the words of versions that cannot all be run here. */
import { expect, it } from "vitest"
import * as DiskUsage from "../../../src/interpreters/docker/DiskUsage.ts"

const images = [
  { RepoTags: ["a:1", "a:2"], Size: 10, SharedSize: 4 },
  { RepoTags: ["b:1"], Size: 7, SharedSize: -1 },
  { RepoTags: null, Size: 5, SharedSize: 0 }
]
const volumes = [
  { Name: "v", UsageData: { Size: 3 } },
  { Name: "w", UsageData: { Size: -1 } },
  { Name: "x", UsageData: null }
]

it.each([
  ["in one list, as until version 1.51 of the API", { Images: images, Volumes: volumes }],
  ["in lists of their own, as from 1.52 on", { ImageUsage: { Items: images }, VolumeUsage: { Items: volumes } }]
])("images and volumes are known by name, %s", (_, said) => {
  const usage = DiskUsage.read(said)
  expect([...usage.images]).toEqual([
    ["a:1", { unique: 6, shared: 4 }],
    ["a:2", { unique: 6, shared: 4 }],
    ["b:1", { unique: 7, shared: 0 }]
  ])
  expect([...usage.volumes]).toEqual([
    ["v", 3],
    ["w", 0],
    ["x", 0]
  ])
})

it("an engine without any may leave them out", () => {
  for (const said of [{}, { Images: null, Volumes: null }, { ImageUsage: {}, VolumeUsage: { Items: null } }]) {
    const { images, volumes } = DiskUsage.read(said)
    expect([images.size, volumes.size]).toEqual([0, 0])
  }
})
