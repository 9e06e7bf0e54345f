/**
 * `obuilder/testing`: builds without root, runc or a disk, for the tests of
 * specs and of programs that use the engine.
 *
 * - {@link MemoryWorld}: the disk, base images and gates that survive a session.
 * - {@link Memory}: `layer` and `run`, the services of a session on a world.
 * - {@link Faults}: failures, defects, interruptions and crashes at any point.
 * - {@link FileTree} and {@link TreeSource}: trees, and source directories made of them.
 * - {@link Scenario}: arbitraries of specs that can be built, for `effect/FastCheck`.
 *
 * The commands that `MemorySandbox` understands are listed in `Script`.
 */
export * as Faults from "./interpreters/memory/Faults.ts"
export * as FileTree from "./interpreters/memory/FileTree.ts"
export * as Gate from "./interpreters/memory/Gate.ts"
export * as Memory from "./interpreters/memory/Memory.ts"
export * as MemoryBaseImages from "./interpreters/memory/MemoryBaseImages.ts"
export * as MemorySandbox from "./interpreters/memory/MemorySandbox.ts"
export * as MemorySession from "./interpreters/memory/MemorySession.ts"
export * as MemoryStore from "./interpreters/memory/MemoryStore.ts"
export * as MemoryWorld from "./interpreters/memory/MemoryWorld.ts"
export * as Scenario from "./interpreters/memory/Scenario.ts"
export * as Script from "./interpreters/memory/Script.ts"
export * as TreeSource from "./interpreters/memory/TreeSource.ts"
