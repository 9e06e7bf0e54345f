/** How an image is run, as instructions. What an engine makes of them is seen in `test/robustness/docker.test.ts`. */
import { expect, it } from "vitest"
import * as ImageChanges from "../../../src/interpreters/docker/ImageChanges.ts"

it("an image's configuration is instructions, in which nothing is replaced", () => {
  const config = {
    Labels: { "a b": 'c "$d" \\' },
    Env: ["A=1", "B= x=$A", "unset", "=none", "LINES=1\n2"],
    User: "$me",
    WorkingDir: "/w's",
    Entrypoint: ["/bin/sh", '"$x"'],
    Cmd: []
  }
  expect(ImageChanges.of(config)).toEqual([
    String.raw`LABEL "a b"="c \"\$d\" \\"`,
    'ENV A="1"',
    String.raw`ENV B=" x=\$A"`,
    String.raw`USER \$me`,
    String.raw`WORKDIR /w\'s`,
    String.raw`ENTRYPOINT ["/bin/sh","\"$x\""]`
  ])
  expect(ImageChanges.of({})).toEqual([])
})
