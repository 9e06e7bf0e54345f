/** Plans that are made of Dockerfiles. */
import type { ImportedImage } from "../domain/dockerfile/Imported.ts"
import { byName } from "../domain/Manifest.ts"
import type { Plan } from "./Plan.ts"

/** The plan with what a Dockerfile says of the image besides. No id depends on it. */
export const describe = (plan: Plan, { environment, settings, workdir }: ImportedImage): Plan => ({
  ...plan,
  stages: plan.stages.map((stage) =>
    stage.name !== null
      ? stage
      : {
          ...stage,
          settings: {
            ...stage.settings,
            environment: [...environment].sort(byName),
            workdir: workdir ?? null,
            // What copies and helping commands ran as is nobody's choice.
            user: settings.user === undefined ? null : stage.settings.user,
            image: settings
          }
        }
  )
})
