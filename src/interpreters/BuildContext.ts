/** The source directory of a build, as a service so that tests can do without a disk. */
import * as Context from "effect/Context"
import type { SourceTree } from "./SourceTree.ts"

export class BuildContext extends Context.Tag("obuilder/BuildContext")<BuildContext, SourceTree>() {}
