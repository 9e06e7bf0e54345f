/**
 * `obuilder`: a spec becomes a plan of content-addressed steps, and layers
 * interpret the plan.
 *
 * - {@link SpecText} reads and prints specs, {@link Diagnostic} shows what is
 *   wrong in one; {@link Spec} is the data.
 * - {@link DockerfileWriter} writes a spec as a Dockerfile; {@link DockerfileLosses} says what that says otherwise.
 * - {@link Observe} gathers the {@link Inputs} that a plan depends on, through
 *   {@link BaseImages} and a {@link SourceTree} such as {@link SourceDirectory}.
 * - {@link Planner} makes the {@link Plan}; {@link PlanText}, {@link PlanJson}
 *   and {@link PlanMermaid} show it, {@link CacheLookup} says what of it is done.
 * - {@link Engine} builds it with a {@link Store}, a {@link Sandbox} and
 *   {@link BaseImages}; their layers follow below.
 * - {@link LifeCycle} makes room in a store, as {@link Retention} orders its {@link Inventory}.
 */
export * as Diagnostic from "./domain/Diagnostic.ts"
export * as Digest from "./domain/Digest.ts"
export * as DockerfileImport from "./interpreters/DockerfileImport.ts"
export * as DockerfileLosses from "./domain/dockerfile/DockerfileLosses.ts"
export * as DockerfileParser from "./domain/dockerfile/DockerfileParser.ts"
export * as DockerfileWriter from "./domain/dockerfile/DockerfileWriter.ts"
export * as Inputs from "./domain/Inputs.ts"
export * as Manifest from "./domain/Manifest.ts"
export * as Spec from "./domain/Spec.ts"
export * as SpecText from "./domain/SpecText.ts"
export * as ImportedPlan from "./plan/ImportedPlan.ts"
export * as Plan from "./plan/Plan.ts"
export * as PlanJson from "./plan/PlanJson.ts"
export * as PlanMermaid from "./plan/PlanMermaid.ts"
export * as PlanReport from "./plan/PlanReport.ts"
export * as Planner from "./plan/Planner.ts"
export * as PlanText from "./plan/PlanText.ts"
export * as BaseImages from "./interpreters/BaseImages.ts"
export * as CacheLookup from "./interpreters/CacheLookup.ts"
export * as Engine from "./interpreters/Engine.ts"
export * as Events from "./interpreters/Events.ts"
export * as Inventory from "./interpreters/Inventory.ts"
export * as LifeCycle from "./interpreters/LifeCycle.ts"
export * as Observe from "./interpreters/Observe.ts"
export * as Retention from "./interpreters/Retention.ts"
export * as Rootfs from "./interpreters/Rootfs.ts"
export * as Sandbox from "./interpreters/Sandbox.ts"
export * as SourceTree from "./interpreters/SourceTree.ts"
export * as Store from "./interpreters/Store.ts"

export * as HashMemo from "./interpreters/host/HashMemo.ts"
export * as LocalBaseImages from "./interpreters/base/LocalBaseImages.ts"
export * as OciRuntimeSandbox from "./interpreters/sandbox/OciRuntimeSandbox.ts"
export * as BtrfsStore from "./interpreters/store/BtrfsStore.ts"
export * as RsyncStore from "./interpreters/store/RsyncStore.ts"
export * as XfsStore from "./interpreters/store/XfsStore.ts"
export * as ZfsStore from "./interpreters/store/ZfsStore.ts"
export * as OverlayfsStore from "./interpreters/store/OverlayfsStore.ts"
export * as SourceDirectory from "./interpreters/host/SourceDirectory.ts"
export * as ImageOptions from "./interpreters/image/ImageOptions.ts"
export * as ImageExport from "./interpreters/image/Export.ts"
export * as ImagePush from "./interpreters/image/Push.ts"
export * as Notes from "./interpreters/Notes.ts"
export * as Registries from "./interpreters/registry/Registries.ts"
