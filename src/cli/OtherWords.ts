/** What other programs that build images call things, and how that is done here: hints for who is used to them. */

const DELETE =
  'Steps run again when their results are deleted: "obuilder delete ID" does that, with all that is built on one.'
const LIST = 'Results are listed by "obuilder ls".'

/** Made when somebody has written something that is not known. */
const commands = () =>
  new Map([
    ["image", LIST],
    ["images", LIST],
    ["rm", 'It is called "obuilder delete".'],
    ["rmi", 'It is called "obuilder delete".'],
    ["remove", 'It is called "obuilder delete".'],
    ["gc", 'It is called "obuilder prune".'],
    ["system", 'See "obuilder df" and "obuilder prune".'],
    ["save", 'It is called "obuilder export".'],
    ["load", '"obuilder build --load" gives a result to Docker.'],
    ["run", 'Give a result to Docker to run it: "obuilder build --load -t NAME".'],
    ["pull", 'Bases are fetched when they are needed; "obuilder build --pull" asks anew what tags mean.'],
    ["history", 'See "obuilder inspect" and "obuilder log".'],
    ["show", 'See "obuilder inspect" and "obuilder log".'],
    ["lint", 'It is called "obuilder check".'],
    ["format", 'It is called "obuilder fmt".'],
    ["convert", 'See "obuilder import" and "obuilder dockerfile".'],
    ["version", 'Write "obuilder --version".']
  ])

const buildOptions = () =>
  new Map([
    ["--no-cache", DELETE],
    ["--progress", "A build says what it does line by line; with -q on standard error."],
    ["--network", "A spec says it of each step: (run (network host) …); of a Dockerfile, RUN --network=none does."],
    ["--cache-from", "What is cached is in the store, which --store names."],
    ["--cache-to", "What is cached is kept in the store, which --store names."],
    ["--iidfile", "-q prints the result's id alone."]
  ])

/** A sentence about a command that is not here. */
export const ofCommand = (name: string): string | undefined => commands().get(name)

/** A sentence about an option that `build` does not have. */
export const ofBuildOption = (writing: string): string | undefined => buildOptions().get(writing)

/** Every word that there is something to say of. */
export const all = (): { readonly commands: ReadonlyArray<string>; readonly buildOptions: ReadonlyArray<string> } => ({
  commands: [...commands().keys()],
  buildOptions: [...buildOptions().keys()]
})
