/**
 * `obuilder`: a spec becomes a plan of content-addressed steps, and layers
 * interpret the plan. docs/api.md shows each of these in use.
 *
 * - {@link Spec} makes specs, in code or from a text; {@link Diagnostic} shows what is wrong with a text.
 *   {@link SpecFormat} lays a file out, {@link SpecCheck} looks for mistakes by {@link CheckRules}.
 * - {@link DockerfileWriter} writes a spec as a Dockerfile; {@link DockerfileLosses} says what that says otherwise.
 *   {@link DockerfileImport} makes a spec of a Dockerfile, and {@link ImportedPlan} what that says of its image.
 * - {@link Plan} is what a spec comes to, and {@link PlanText}, {@link PlanJson} and {@link PlanMermaid} show it.
 *   {@link PlanDiff} and {@link TreeDiff} compare plans and results; {@link Explaining} and {@link Against} say why steps
 *   would run, as {@link Change}s, in words by {@link ChangeText}.
 * - {@link Engine} plans, builds, and keeps its store small.
 * - {@link Backends} are all services that it needs, in one layer; the services
 *   {@link Store}, {@link Sandbox} and {@link BaseImages}, and the layers of each, follow below.
 */
export * as Spec from "./domain/SpecBuilder.ts"
export * as Plan from "./plan/Plans.ts"
export * as Engine from "./interpreters/Scheduling.ts"
export * as Backends from "./interpreters/Backends.ts"
export * as Against from "./interpreters/Against.ts"
export * as Explaining from "./interpreters/Explaining.ts"
export * as Diagnostic from "./domain/Diagnostic.ts"
export * as Events from "./interpreters/Events.ts"
export * as CheckJson from "./domain/check/CheckJson.ts"
export * as CheckReport from "./domain/check/CheckReport.ts"
export * as CheckRules from "./plan/PlanRule.ts"
export * as CheckSarif from "./domain/check/Sarif.ts"
export * as DockerfileImport from "./interpreters/DockerfileImport.ts"
export * as ImportedPlan from "./plan/ImportedPlan.ts"
export * as DockerfileLosses from "./domain/dockerfile/DockerfileLosses.ts"
export * as DockerfileParser from "./domain/dockerfile/DockerfileParser.ts"
export * as DockerfileWriter from "./domain/dockerfile/DockerfileWriter.ts"
export * as SpecCheck from "./domain/check/SpecCheck.ts"
export * as SpecFormat from "./domain/format/SpecFormat.ts"
export * as Change from "./plan/Change.ts"
export * as ChangeText from "./plan/ChangeText.ts"
export * as Explain from "./plan/Explain.ts"
export * as ExplainReport from "./plan/ExplainReport.ts"
export * as PlanDiff from "./plan/PlanDiff.ts"
export * as PlanJson from "./plan/PlanJson.ts"
export * as PlanMermaid from "./plan/PlanMermaid.ts"
export * as PlanReader from "./plan/PlanReader.ts"
export * as PlanReport from "./plan/PlanReport.ts"
export * as PlanText from "./plan/PlanText.ts"
export * as SecretNames from "./plan/SecretNames.ts"

// The parts that those above are made of, for who puts them together otherwise.
export * as CacheLookup from "./interpreters/CacheLookup.ts"
export * as Digest from "./domain/Digest.ts"
export * as Healthcheck from "./interpreters/Healthcheck.ts"
export * as Inputs from "./domain/Inputs.ts"
export * as Inventory from "./interpreters/Inventory.ts"
export * as LifeCycle from "./interpreters/LifeCycle.ts"
export * as Manifest from "./domain/Manifest.ts"
export * as Observe from "./interpreters/Observe.ts"
export * as Planner from "./plan/Planner.ts"
export * as Retention from "./interpreters/Retention.ts"
export * as SpecData from "./domain/Spec.ts"
export * as SpecText from "./domain/SpecText.ts"
export * as Usage from "./interpreters/Usage.ts"

// The services, and what they speak of.
export * as BaseImages from "./interpreters/BaseImages.ts"
export * as Rootfs from "./interpreters/Rootfs.ts"
export * as Sandbox from "./interpreters/Sandbox.ts"
export * as SourceTree from "./interpreters/SourceTree.ts"
export * as Store from "./interpreters/Store.ts"
export * as TreeDiff from "./interpreters/TreeDiff.ts"
export * as TreeDiffText from "./interpreters/TreeDiffText.ts"

// Their layers.
export * as BtrfsStore from "./interpreters/store/BtrfsStore.ts"
export * as DockerStore from "./interpreters/docker/DockerStore.ts"
export * as MacStore from "./interpreters/store/MacStore.ts"
export * as OverlayfsStore from "./interpreters/store/OverlayfsStore.ts"
export * as RsyncStore from "./interpreters/store/RsyncStore.ts"
export * as XfsStore from "./interpreters/store/XfsStore.ts"
export * as ZfsStore from "./interpreters/store/ZfsStore.ts"
export * as DockerSandbox from "./interpreters/docker/DockerSandbox.ts"
export * as JailSandbox from "./interpreters/sandbox/JailSandbox.ts"
export * as OciRuntimeSandbox from "./interpreters/sandbox/OciRuntimeSandbox.ts"
export * as UserSandbox from "./interpreters/sandbox/UserSandbox.ts"
export * as DockerBaseImages from "./interpreters/docker/DockerBaseImages.ts"
export * as DockerImages from "./interpreters/docker/DockerImages.ts"
export * as LocalBaseImages from "./interpreters/base/LocalBaseImages.ts"
export * as Registries from "./interpreters/registry/Registries.ts"
export * as HashMemo from "./interpreters/host/HashMemo.ts"
export * as SourceDirectory from "./interpreters/host/SourceDirectory.ts"

// Results as images.
export * as ImageExport from "./interpreters/image/Export.ts"
export * as ImageOptions from "./interpreters/image/ImageOptions.ts"
export * as ImagePush from "./interpreters/image/Push.ts"
export * as Notes from "./interpreters/Notes.ts"
