/** Images in registries, for who plans and builds. Nothing is loaded, read or asked for before the first image. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { setTimeout } from "node:timers/promises"
import type { Digest } from "../../domain/Digest.ts"
import { visible } from "../../domain/DisplayText.ts"
import { fullName, type RegistryReference } from "../../domain/ImageReference.ts"
import type { ReadLayer } from "../BaseImages.ts"
import { attempt, type ImageProblem, problem } from "../base/ImageProblem.ts"
import type { LocalImage } from "../base/LocalImage.ts"
import type * as Platform from "../base/Platform.ts"
import { unpackLayers, type UnpackLimits } from "../base/UnpackLayers.ts"
import * as Shared from "../Shared.ts"
import { Client } from "./Client.ts"
import * as Connection from "./Connection.ts"
import * as Credentials from "./Credentials.ts"
import type * as Endpoint from "./Endpoint.ts"
import * as Conf from "./RegistriesConf.ts"
import * as Pushing from "./Pushing.ts"
import { RepositoryWriter } from "./RepositoryWriter.ts"
import { type Findings, RegistryImages, type RegistryImagesOptions } from "./RegistryImages.ts"
import type { Environment } from "./UserDirectories.ts"

export interface RegistriesOptions {
  /** Where blobs, and what tags mean, are kept, as soon as there is such a place. */
  readonly directory: () => string | undefined
  /** Whether what is found out about names is kept there: not while one only plans. */
  readonly remembers: boolean
  /** Whether tags are asked for again whose meaning is known. */
  readonly pulls: boolean
  /** For proxies, and for where configuration and passwords are. */
  readonly environment: Environment
  /** Called often while layers come. */
  readonly progress?: (progress: Progress) => void
  /** Waits so many milliseconds before another try, or until the signal is aborted, with which it then rejects. */
  readonly pause?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** How far an image's layers have come. */
export interface Progress {
  /** In full. */
  readonly image: string
  /** Bytes that have come, and that come altogether; what is in the store already is not among them. */
  readonly bytes: number
  readonly of: number
}

export interface Registries {
  /** What a name means today, or meant when it was last asked for. */
  readonly resolve: (image: RegistryReference, wanted: Platform.Platform) => Effect.Effect<LocalImage, ImageProblem>
  /** The digest of what a name means today: of a manifest, or of an index of several. */
  readonly digestOf: (image: RegistryReference) => Effect.Effect<Digest, ImageProblem>
  /** Unpacks the image with a manifest into an empty directory; layers are unpacked while they arrive. */
  readonly unpack: (
    image: RegistryReference,
    digest: Digest,
    wanted: Platform.Platform,
    root: string,
    limits: UnpackLimits
  ) => Effect.Effect<LocalImage, ImageProblem>
  /** For bringing an image to its repository, for as long as the scope is open. */
  readonly push: (image: RegistryReference) => Effect.Effect<Pushing.Pushing, ImageProblem, Scope.Scope>
  /** For reading layers of an image, which are fetched as far as they are not here, for as long as the scope is open. */
  readonly layers: (image: RegistryReference) => Effect.Effect<ReadLayer, ImageProblem, Scope.Scope>
}

/** What they have in common is opened for the first image, once, and closed with the scope. */
export const make = (options: RegistriesOptions): Effect.Effect<Registries, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    const findings: Findings = { documents: new Map(), tags: new Map() }
    const access = Shared.make(open(options.environment), scope)
    const imagesWith = (opened: Access, writes: boolean, signal: AbortSignal): RegistryImages =>
      new RegistryImages(settings(options, opened.registries, { findings, writes }), opened.connection, signal)
    const turns = new Map<string, Effect.Semaphore>()
    /** Who comes second waits, and finds what the first has found out; or asks himself, if that was given up. */
    const oneAtATime = (name: string): Effect.Semaphore => {
      const turn = turns.get(name) ?? Effect.unsafeMakeSemaphore(1)
      turns.set(name, turn)
      return turn
    }
    const asking = <A>(image: RegistryReference, ask: (images: RegistryImages) => Promise<A>) =>
      Effect.flatMap(access, (opened) =>
        attempt(`cannot fetch ${fullName(image)}`, async (signal) => ask(imagesWith(opened, options.remembers, signal)))
      ).pipe(oneAtATime(fullName(image)).withPermits(1), Effect.mapError(shown))
    /** What fetches layers, until the scope closes. */
    const fetching = (image: RegistryReference) =>
      Effect.flatMap(access, (opened) =>
        Effect.acquireRelease(
          attempt(`cannot fetch ${fullName(image)}`, async () => {
            const abort = new AbortController()
            const images = imagesWith(opened, true, abort.signal)
            images.keepFindings()
            let of = 0
            const tell = (bytes: number) => options.progress?.({ image: fullName(image), bytes, of })
            const begun = (bytes: number) => {
              of += bytes
              if (bytes > 0) tell(0)
            }
            return { abort, begun, images, downloads: images.downloads(tell) }
          }),
          ({ abort, downloads }) =>
            Effect.promise(() => {
              abort.abort()
              return downloads.settled()
            })
        )
      )
    return {
      resolve: (image, wanted) => asking(image, (images) => images.resolve(image, wanted)),
      digestOf: (image) => asking(image, (images) => images.top(image)),
      unpack: (image, digest, wanted, root, limits) =>
        Effect.flatMap(fetching(image), ({ abort, begun, downloads, images }) =>
          attempt(`cannot fetch ${fullName(image)}`, async (signal) => {
            signal.addEventListener("abort", () => abort.abort())
            return await images.load(image, digest, wanted, { downloads, begun, maxBytes: limits.maxBytes })
          }).pipe(Effect.flatMap((found) => Effect.as(unpackLayers(found.layers, "layers", root, limits), found)))
        ).pipe(Effect.scoped, Effect.mapError(shown)),
      push: (image) =>
        Effect.flatMap(access, (opened) => pushing(options, opened, image)).pipe(
          Effect.map(shownPushing),
          Effect.mapError(shown)
        ),
      layers: (image) =>
        Effect.map(
          fetching(image),
          ({ begun, downloads, images }): ReadLayer =>
            (layer, signal) =>
              images.layer(image, layer, { downloads, begun }, signal)
        ).pipe(Effect.mapError(shown))
    }
  })

/** What all images are asked for with. */
interface Access {
  readonly registries: ReadonlyArray<Conf.Registry>
  readonly connection: Connection.Connection
}

const open = (environment: Environment): Effect.Effect<Access, ImageProblem, Scope.Scope> =>
  Effect.acquireRelease(
    attempt("cannot read registries.conf", async () => ({
      registries: await Conf.read(Conf.files(environment)),
      connection: await Connection.make(environment)
    })),
    ({ connection }) => Effect.promise(connection.close)
  )

/** How registries are spoken to, whatever is asked of them. */
const manners = (options: RegistriesOptions, registries: Access["registries"]) => ({
  credentials: (endpoint: Endpoint.Endpoint, signal: AbortSignal) =>
    Credentials.find(endpoint, { environment: options.environment, signal }),
  isBlocked: (host: string) => Conf.isBlocked(registries, host),
  pause: options.pause ?? pause
})

const settings = (
  options: RegistriesOptions,
  registries: Access["registries"],
  keeping: Pick<RegistryImagesOptions, "findings" | "writes">
): RegistryImagesOptions => ({
  ...keeping,
  ...manners(options, registries),
  pulls: options.pulls,
  directory: options.directory(),
  endpoints: (image) => Conf.endpoints(registries, image)
})

/** For bringing an image to its repository, until the scope closes. */
const pushing = (
  options: RegistriesOptions,
  { connection, registries }: Access,
  image: RegistryReference
): Effect.Effect<Pushing.Pushing, ImageProblem, Scope.Scope> =>
  Effect.gen(function* () {
    const name = fullName(image)
    const endpoint = yield* attempt(`cannot push ${name}`, async () => Conf.own(registries, image))
    const abort = yield* Effect.acquireRelease(
      Effect.sync(() => new AbortController()),
      (controller) => Effect.sync(() => controller.abort())
    )
    const { credentials, ...others } = manners(options, registries)
    const client = new Client({
      ...others,
      purpose: "write",
      connection,
      endpoint,
      credentials: (signal) => credentials(endpoint, signal),
      signal: abort.signal
    })
    let [bytes, of] = [0, 0]
    const tell = (): void => options.progress?.({ image: name, bytes, of })
    return Pushing.make({
      writer: new RepositoryWriter(client),
      tag: Option.getOrElse(image.tag, () => "latest"),
      name,
      neighbour: (other) => neighbourOf(registries, endpoint, other),
      giveUp: () => abort.abort(),
      tell: {
        gone: (more) => {
          bytes += more
          tell()
        },
        more: (size) => {
          of += size
          tell()
        }
      }
    })
  })

/** The repository that an image is in, if that is another one of the same registry. */
const neighbourOf = (
  registries: Access["registries"],
  { host, repository }: Endpoint.Endpoint,
  image: RegistryReference
): Option.Option<string> => {
  if (Conf.isBlocked(registries, `${image.domain}/${image.repository}`)) return Option.none()
  const other = Conf.own(registries, image)
  return other.host === host && other.repository !== repository ? Option.some(other.repository) : Option.none()
}

const shownPushing = ({ attach, finish, has, put }: Pushing.Pushing): Pushing.Pushing => ({
  has: (layer, origin) => Effect.mapError(has(layer, origin), shown),
  put: (layer) => Effect.mapError(put(layer), shown),
  finish: (documents) => Effect.mapError(finish(documents), shown),
  attach: (attestation, subject) => Effect.mapError(attach(attestation, subject), shown)
})

/** What registries say may be anything, and is shown on terminals. */
const shown = ({ cause, hint, message }: ImageProblem): ImageProblem =>
  problem(visible(message), Option.getOrUndefined(Option.map(hint, visible)), cause)

const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  setTimeout(milliseconds, undefined, { signal })
