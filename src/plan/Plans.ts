/** Plans: what they are, and how they are made. `Plan` of the package. */
export * from "./Plan.ts"
export { PlanError } from "./PlanError.ts"
export { make, type WrongSpec } from "./Planning.ts"
