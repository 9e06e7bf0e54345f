/** Texts that look like Dockerfiles, more or less. */
import * as FastCheck from "effect/FastCheck"

const keyword = FastCheck.constantFrom(
  ..."FROM RUN COPY ADD ENV ARG LABEL CMD ENTRYPOINT WORKDIR USER SHELL ONBUILD VOLUME EXPOSE HEALTHCHECK run Copy FORM".split(
    " "
  )
)

const piece = FastCheck.oneof(
  FastCheck.constantFrom(
    ...'a b /src EOF <<EOF <<-EOF <<\'EOF\' 3<<B << <<< --x --mount=type=cache,target=/a --y="a --  = a=b A="b\' $a ${a ${a:-b} ${a%*} } \' " # \\ ` [ ] ["a"] ["a",1] ! * ? && | é 😀'.split(
      " "
    ),
    "\t",
    "\u00a0",
    "\r",
    "\u0000",
    "\ud800",
    "\u2028"
  ),
  FastCheck.string({ maxLength: 3 })
)

const lineEnd = FastCheck.constantFrom("\n", "\n", "\n", "\r\n", "\\\n", " \\ \n", "`\n", "\n\n", "")

const line = FastCheck.oneof(
  {
    weight: 6,
    arbitrary: FastCheck.tuple(keyword, FastCheck.array(piece, { maxLength: 5 }), lineEnd).map(
      ([keyword, pieces, end]) => `${keyword} ${pieces.join(" ")}${end}`
    )
  },
  FastCheck.tuple(FastCheck.array(piece, { maxLength: 4 }), lineEnd).map(([pieces, end]) => `${pieces.join("")}${end}`),
  FastCheck.constantFrom("# comment\n", "  # comment \\\n", "\n", "EOF\n", "\tEOF\n", "B\n", "EOF")
)

const top = FastCheck.constantFrom(
  "",
  "",
  "",
  "\ufeff",
  "# escape=`\n",
  "# syntax=a\n# escape=\\\n",
  "# check=a\n#escape = `\r\n"
)

/** Mostly refused, often for something far into it. */
export const dockerfile: FastCheck.Arbitrary<string> = FastCheck.tuple(
  top,
  FastCheck.array(line, { maxLength: 8 })
).map(([top, lines]) => `${top}${lines.join("")}`)

/** One that somebody might have written. */
export const example = `# syntax=docker/dockerfile:1
# escape=\\
ARG VERSION=1.2
FROM --platform=linux/amd64 debian:\${VERSION:-12} AS build
ENV PATH="/opt/bin:$PATH" LANG=C.UTF-8 \\
    # a comment
    NAME='a b'

ENV old the rest
RUN --mount=type=cache,target=/var/cache/apt --network=none apt-get update \\
 && apt-get install -y make # and more
COPY --chown=1000:1000 --from=build ["a b", "/c/"]
RUN <<EOF
echo "\${NAME%% *}"
# FROM nothing
EOF
COPY <<-'A' <<B /etc/
\tone
\tA
two
B
ONBUILD RUN make
HEALTHCHECK --interval=5m CMD curl -f http://localhost/ || exit 1
CMD ["/bin/sh", "-c", "echo \\u0041"]
`

/** The example with some of its parts cut out, doubled or replaced. */
export const mutated: FastCheck.Arbitrary<string> = FastCheck.array(
  FastCheck.tuple(
    FastCheck.nat(example.length),
    FastCheck.nat(20),
    FastCheck.oneof(piece, lineEnd, FastCheck.constant("again"))
  ),
  { minLength: 1, maxLength: 6 }
).map((changes) => {
  let text = example
  for (const [at, length, what] of changes) {
    const cut = text.slice(at, at + length)
    text = `${text.slice(0, at)}${what === "again" ? cut + cut : what}${text.slice(at + length)}`
  }
  return text
})

export const anyText: FastCheck.Arbitrary<string> = FastCheck.oneof(
  { weight: 4, arbitrary: dockerfile },
  { weight: 4, arbitrary: mutated },
  { weight: 1, arbitrary: FastCheck.string({ unit: "binary", maxLength: 200 }) }
)
