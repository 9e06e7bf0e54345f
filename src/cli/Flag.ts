/** A flag: what it is called, whether it takes a value, and what its values mean. */
import * as Either from "effect/Either"
import * as Option from "effect/Option"

/** What an occurrence of a flag gave, read into `A`, or why it cannot be: a phrase that follows the flag's name. */
export type Read<A> = (given: ReadonlyArray<string>) => Either.Either<A, string>

export interface Flag<out A> {
  /** Without dashes; one letter for a flag that is only written as `-f`. */
  readonly name: string
  /** The letter of its short form, if it has both. */
  readonly short: string | undefined
  /** What its value is called in help; `undefined` for a flag that takes none. */
  readonly metavar: string | undefined
  /** The values that it takes, where there are only a few. */
  readonly choices: ReadonlyArray<string>
  readonly repeatable: boolean
  readonly required: boolean
  /** One line for help. */
  readonly doc: string
  /** All occurrences in a row, `""` for each of a flag without a value. */
  readonly read: Read<A>
}

/** The values of a record of flags. */
export type Given<Flags> = { readonly [Name in keyof Flags]: Flags[Name] extends Flag<infer A> ? A : never }

/** What was given for each flag, by its name in the record. A flag that is not in `given` was not given. */
export const values = <Flags extends Readonly<Record<string, Flag<unknown>>>>(
  flags: Flags,
  given: Readonly<Record<string, ReadonlyArray<string>>>
): Either.Either<Given<Flags>, string> =>
  Either.map(
    Either.all(Object.entries(flags).map(([name, flag]) => flag.read(given[name] ?? []))),
    // Each name with the type of its own flag: the mapped type says it, `Object.entries` forgets it.
    (all) => Object.fromEntries(Object.keys(flags).map((name, index) => [name, all[index]])) as Given<Flags>
  )

interface Naming {
  readonly short?: string
  readonly doc: string
}

/** What reads one value. */
export type Decode<A> = (text: string) => Either.Either<A, string>

/** A flag that is there or not. */
export const toggle = (name: string, { short, doc }: Naming): Flag<boolean> => ({
  name,
  short,
  metavar: undefined,
  choices: [],
  repeatable: false,
  required: false,
  doc,
  read: (given) => Either.right(given.length > 0)
})

/** A flag without a value that counts how often it is given. */
export const count = (name: string, { short, doc }: Naming): Flag<number> => ({
  name,
  short,
  metavar: undefined,
  choices: [],
  repeatable: true,
  required: false,
  doc,
  read: (given) => Either.right(given.length)
})

interface Valued<A> extends Naming {
  readonly metavar: string
  readonly decode: Decode<A>
}

const valued = <A>(name: string, { short, doc, metavar }: Valued<unknown>, read: Read<A>): Flag<A> => ({
  name,
  short,
  metavar,
  choices: [],
  repeatable: false,
  required: false,
  doc,
  read
})

/** A flag with a value that may be left out. */
export const optional = <A>(name: string, options: Valued<A>): Flag<Option.Option<A>> =>
  valued(name, options, ([text]) =>
    text === undefined ? Either.right(Option.none()) : Either.map(options.decode(text), Option.some)
  )

/** A flag with a value that must be there. */
export const required = <A>(name: string, options: Valued<A>): Flag<A> => ({
  ...valued(name, options, ([text]) => (text === undefined ? Either.left("is missing") : options.decode(text))),
  required: true
})

/** A flag that may be given many times, each with a value. */
export const many = <A>(name: string, options: Valued<A>): Flag<ReadonlyArray<A>> => ({
  ...valued(name, options, (given) => Either.all(given.map(options.decode))),
  repeatable: true
})

/** A flag whose value is one of a few words. */
export const choice = <A extends string>(
  name: string,
  { choices, ...options }: Omit<Valued<A>, "decode"> & { readonly choices: ReadonlyArray<A> }
): Flag<Option.Option<A>> => {
  const decode: Decode<A> = (text) => {
    const found = choices.find((one) => one === text)
    return found === undefined
      ? Either.left(`must be ${alternatives(choices)}, not ${JSON.stringify(text)}`)
      : Either.right(found)
  }
  return { ...optional(name, { ...options, decode }), choices }
}

/** As the user writes it: `--store`, `-f`. */
export const written = (flag: Pick<Flag<unknown>, "name">): string =>
  flag.name.length === 1 ? `-${flag.name}` : `--${flag.name}`

const alternatives = (words: ReadonlyArray<string>): string => {
  const last = words.at(-1) ?? ""
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} or ${last}`
}
