import { describe, expect, it } from "@effect/vitest"
import * as SpecCheck from "../../../src/domain/check/SpecCheck.ts"
import { allRules } from "../../../src/plan/PlanRule.ts"

const DIGEST = `sha256:${"0".repeat(64)}`

/** What one rule finds, by lines and what is said. */
const find = (rule: string, text: string): ReadonlyArray<string> =>
  SpecCheck.check(text, { file: "test.spec", rules: allRules }).findings.flatMap((one) =>
    one.rule === rule ? [`${one.span.start.line}: ${one.message}`] : []
  )

const within = (...ops: ReadonlyArray<string>): string => `((from scratch)\n${ops.join("\n")}\n)`
const run = (command: string, fields = ""): string => `(run ${fields} (shell ${JSON.stringify(command)}))`

/** Of each rule: specs in which it finds one thing, with its line and its message, and specs in which it finds nothing. */
const cases: Readonly<
  Record<string, { readonly finds: ReadonlyArray<readonly [string, string]>; readonly leaves: ReadonlyArray<string> }>
> = {
  syntax: {
    finds: [
      ["((from a)", "1: this list is never closed"],
      [
        "((build dev ((from a))) (from b)\n(copy (from (build dve)) (src a) (dst b)))",
        "2: no build `dve` can be seen from here"
      ]
    ],
    leaves: [within()]
  },
  plan: {
    finds: [
      [within("(copy (src a b) (dst /c))"), "2: when several items are copied, dst must be a directory and end with /"],
      [within(run("a", "(cache (a (target /x)) (b (target /x/)))")), '2: two mounts have the same target "/x"'],
      [
        within(run("a"), '(env "" x)'),
        '3: "" cannot be an environment variable: its name must not be empty or hold "="'
      ],
      [within(run("a", "(network default)")), '2: the network "default" is not known']
    ],
    leaves: [
      within("(copy (src a b) (dst /c/))"),
      within(run("a", "(cache (a (target /x)) (b (target /y)))")),
      within("(workdir C:/src)", "(user (name ContainerUser))", "(copy (src a b) (dst C:/src/))")
    ]
  },
  "bad-base": {
    finds: [["((from oci:))", '1: there is no path after "oci:"']],
    leaves: ["((from oci:path))", "((from debian:12))", within()]
  },
  "latest-base": {
    finds: [
      ["((from debian))", "1: the base `debian` is whatever its latest version is on the day of the build"],
      [
        "((from localhost:5000/a:latest))",
        "1: the base `localhost:5000/a:latest` is whatever its latest version is on the day of the build"
      ]
    ],
    leaves: [
      "((from debian:12))",
      `((from debian@${DIGEST}))`,
      `((from debian:latest@${DIGEST}))`,
      "((from rootfs:a))",
      within()
    ]
  },
  "unpinned-base": {
    finds: [
      ["((from debian:12))", "1: the base `debian:12` is not pinned by a digest"],
      [
        "((build dev\n((from debian:12))) (from scratch) (copy (from (build dev)) (src a) (dst b)))",
        "2: the base `debian:12` is not pinned by a digest"
      ]
    ],
    leaves: [
      `((from debian:12@${DIGEST}))`,
      "((from debian))",
      "((from rootfs:../bases/x))",
      "((from oci:a:12))",
      "((from docker-daemon:a:12))",
      within()
    ]
  },
  "unused-build": {
    finds: [
      ["((build dev ((from scratch))) (from scratch))", "1: nothing is copied from the build `dev`"],
      [
        "((build a ((from scratch)))\n(build a ((from scratch)))\n(from scratch) (copy (from (build a)) (src x) (dst y)))",
        "1: nothing is copied from the build `a`"
      ]
    ],
    leaves: [
      "((build a ((from scratch))) (from scratch) (copy (from (build a)) (src x) (dst y)))",
      "((build a ((from scratch))) (build b ((from scratch) (copy (from (build a)) (src x) (dst y)))) (from scratch) (copy (from (build b)) (src x) (dst y)))"
    ]
  },
  "shadowed-build": {
    finds: [
      [
        "((build a ((from scratch)))\n(build b ((build a ((from scratch))) (from scratch)))\n(from scratch))",
        "2: the build `a` hides the one of the same name in line 1"
      ]
    ],
    leaves: ["((build b ((build a ((from scratch))) (from scratch))) (build a ((from scratch))) (from scratch))"]
  },
  "cache-owner": {
    finds: [
      [
        within(
          run("a", "(cache (c (target /c)))"),
          "(user (uid 1000) (gid 1000))",
          run("b", "(cache (c (target /c)))")
        ),
        "4: the cache `c` is used by 1000:1000 here, and by 0:0 in line 2"
      ]
    ],
    leaves: [
      within(run("a", "(cache (c (target /c)))"), run("b", "(cache (c (target /d)))")),
      within(
        "(user (uid 1000) (gid 1000))",
        run("a", "(cache (c (target /c)))"),
        "(user (uid 0) (gid 0))",
        run("b", "(cache (c (target /c)))")
      ),
      within(run("a", "(cache (c (target /c)))"), "(user (name me))", run("b", "(cache (d (target /c)))"))
    ]
  },
  "nested-mount": {
    finds: [
      [
        within("(workdir /src)", run("a", "(cache (c (target /src/x)) (d (target ./x/y)))")),
        "3: `./x/y` is within the cache `c`"
      ],
      [within(run("a", "(cache (c (target /c))) (secrets (s (target /c/s)))")), "2: `/c/s` is within the cache `c`"]
    ],
    leaves: [within(run("a", "(cache (c (target /c)) (d (target /cd))) (secrets (s (target /s)))"))]
  },
  "broad-copy": {
    finds: [
      [
        within("(copy (src .) (dst ./))", run("apt-get update && apt-get install -y gcc")),
        "3: `apt-get install -y` runs again whenever a file changes, since the copy in line 2 takes them all"
      ],
      [
        within("(copy (src ./) (exclude .git) (dst ./))", run("make"), run("cd app; npm ci")),
        "4: `npm ci` runs again whenever a file changes, since the copy in line 2 takes them all"
      ],
      [
        within("(copy (src .) (dst ./))", run("cat <<EOF | tee x\na\nEOF\npip install .")),
        "3: `pip install .` runs again whenever a file changes, since the copy in line 2 takes them all"
      ],
      [
        within(run("apt-get install -y gcc"), "(copy (src .) (dst ./))", run("npm install @types/node")),
        "4: `npm install @types/node` runs again whenever a file changes, since the copy in line 3 takes them all"
      ]
    ],
    leaves: [
      within("(copy (src package.json) (dst ./))", run("npm ci"), "(copy (src .) (dst ./))", run("npm run build")),
      within("(copy (src .) (dst ./))", run("make install")),
      ...[
        "pip install --no-deps .",
        "cargo install --path .",
        "opam install . --working-dir",
        "npm install ./x.tgz",
        "gem install pkg/a.gem",
        "cat > x <<EOF\nnpm ci\nEOF\nmake"
      ].map((command) => within("(copy (src .) (dst ./))", run(command))),
      within(run("apt-get install -y gcc"), "(copy (src .) (dst ./))", run("apt-get install -y libx")),
      within("(copy (src .) (dst ./))", run("npm run install-things; echo apt-get install")),
      '((build a ((from scratch))) (from scratch) (copy (from (build a)) (src .) (dst /)) (run (shell "apk add x")))'
    ]
  },
  "no-network": {
    finds: [
      [
        within(run("curl -fsSL https://example.org/x | sh")),
        "2: `curl -fsSL https://example.org/x` needs a network, and this step has none"
      ],
      [
        within(run("sudo -u opam timeout -s KILL 30 nice -n 10 apt-get update")),
        "2: `apt-get update` needs a network, and this step has none"
      ],
      [within(run("opam update && opam repo add x .")), "2: `opam update` needs a network, and this step has none"],
      [within(run("npm install @types/node")), "2: `npm install @types/node` needs a network, and this step has none"],
      [within(run("echo $((1<<a))\napt-get update")), "2: `apt-get update` needs a network, and this step has none"],
      [within(run("set -e\napt-get update")), "2: `apt-get update` needs a network, and this step has none"],
      [
        within(run('sudo git clone "https://example.org/x.git"')),
        "2: `git clone https://example.org/x.git` needs a network, and this step has none"
      ],
      [within(run("python3 -m pip install flask")), "2: `python3 -m pip` needs a network, and this step has none"]
    ],
    leaves: [
      within(run("curl https://example.org", "(network host)")),
      within(run("opam repo add x ."), run("opam update")),
      within(run("pip install lib/x; gem install pkg/a.gem; npm install packages/a; cargo install --path a/b")),
      within(run("cat > x <<-'EOF'\n\tcurl https://example.org\n\tEOF\nmake")),
      within(run("curl http://localhost:8080; curl --version; echo curl https://example.org")),
      within(
        run("pip install --no-index x; apt-get install -y ./a.deb; npm ci --offline; git status; make # wget https://x")
      ),
      within("(shell python3 -c)", run("curl https://example.org"))
    ]
  },
  "apt-yes": {
    finds: [
      [
        within(run("apt-get update && apt-get install gcc")),
        "2: `apt-get install` asks before it installs, and nobody answers"
      ]
    ],
    leaves: [
      within(run("apt-get install -y gcc && apt-get -qq install make && apt install --yes x && apt-get -qy install y")),
      within(run("echo apt-get install; yes | apt-get install x")),
      within(run("echo y | apt-get install x")),
      within(run("echo 'APT::Get::Assume-Yes \"true\";' > /etc/apt/apt.conf.d/yes"), run("apt-get install x"))
    ]
  },
  "apt-update": {
    finds: [
      [
        within(run("apt-get update"), run("apt-get install -y gcc")),
        "3: the list of packages is the one that the step in line 2 once fetched"
      ]
    ],
    leaves: [
      within(run("apt-get update && apt-get install -y gcc"), run("make")),
      within(run("apt-get install -y gcc"))
    ]
  },
  "empty-command": {
    finds: [[within(run(" \n")), "2: this command is empty"]],
    leaves: [within(run("true"))]
  },
  "lost-setting": {
    finds: [
      [within(run("cd /src")), "2: what `cd /src` sets is gone when this step ends"],
      [within(run("umask 022; export A=b")), "2: what `export A=b` sets is gone when this step ends"]
    ],
    leaves: [
      within(run("cd /src && make")),
      within(run("make")),
      within(run("constructor")),
      within("(shell python -c)", run("cd x"))
    ]
  },
  "secret-in-env": {
    finds: [
      [
        within("(env GITHUB_TOKEN hush)"),
        "2: the value of `GITHUB_TOKEN` can be read by all who have the spec or the image"
      ],
      [
        within("(env db_password hush)"),
        "2: the value of `db_password` can be read by all who have the spec or the image"
      ]
    ],
    leaves: [
      within(
        "(env TOKEN_FILE /run/token)",
        "(env TOKEN /run/token)",
        '(env PASSWORD "")',
        "(env TOKENS 3)",
        "(env USE_TOKEN true)",
        "(env A_TOKEN yes)",
        "(env B_TOKEN No)",
        "(env C_TOKEN on)",
        "(env D_TOKEN off)"
      )
    ]
  },
  "literal-variable": {
    finds: [
      [within("(env PATH $PATH:/opt/bin)"), "2: `$PATH` in `PATH` is taken as it is written"],
      [within("(env A ${B:-c})"), "2: `${B:-c}` in `A` is taken as it is written"],
      [within("(env A $ORIGIN:$B)"), "2: `$B` in `A` is taken as it is written"]
    ],
    leaves: [
      within("(env A costs$)", "(env B $1)", "(env C a)"),
      within("(env LD_LIBRARY_PATH $ORIGIN/../lib:${ORIGIN}/$LIB/$PLATFORM)")
    ]
  },
  "lost-path": {
    finds: [
      ["((from debian)\n(env PATH /opt/bin:/usr/local/bin))", "2: this `PATH` has neither `/usr/bin` nor `/bin`"]
    ],
    leaves: [
      "((from debian) (env PATH /opt/bin:/usr/bin))",
      "((from debian) (env PATH /bin))",
      "((from debian) (env PATH /opt:$PATH))",
      "((from debian) (env PATHS /opt))",
      "((from nix) (env PATH /nix/var/nix/profiles/default/bin:/root/.nix-profile/bin))",
      within("(env PATH /opt)")
    ]
  },
  "no-effect": {
    finds: [
      [
        within("(env A 1)", "(workdir /x)", "(env A 2)", run("a")),
        "2: this `env` is replaced in line 4 before anything runs"
      ],
      [within("(user (name a))", "(user (name b))"), "2: this `user` is replaced in line 3 before anything runs"],
      [within("(workdir /x)", "(workdir /y)"), "2: this `workdir` is replaced in line 3 before anything runs"],
      [within("(workdir C:/x)", "(workdir D:/)"), "2: this `workdir` is replaced in line 3 before anything runs"]
    ],
    leaves: [
      within("(env A 1)", run("a"), "(env A 2)"),
      within("(user (name a))", "(copy (src x) (dst y))", "(user (name b))"),
      within("(workdir /x)", "(workdir y)"),
      within("(workdir /x)", "(workdir C:y)"),
      within("(workdir D:/x)", "(workdir /y)"),
      within("(env A 1)", "(env B 2)", "(user (name a))", "(shell sh -c)")
    ]
  },
  "relative-workdir": {
    finds: [[within("(workdir src)", "(workdir /x)"), "2: `src` is relative to `/`"]],
    leaves: [within("(workdir /src)", "(workdir x)"), within("(workdir C:/src)")]
  },
  "exclude-path": {
    finds: [
      [within("(copy (src x) (exclude .git src/a) (dst y))"), "2: `src/a` excludes nothing: it is no file's name"],
      [within("(copy (src x) (exclude *.o) (dst y))"), "2: `*.o` excludes nothing: it is no file's name"]
    ],
    leaves: [within("(copy (src x) (exclude .git a.o) (dst y))")]
  },
  "source-pattern": {
    finds: [[within("(copy (src a *.c) (dst ./))"), "2: `*.c` is taken as it is written"]],
    leaves: [within("(copy (src a.c b) (dst ./))")]
  },
  "unknown-rule": {
    finds: [
      [within("; check: ignore no-efect", "(env A 1)"), "2: there is no rule `no-efect`"],
      [within(";; check: ignore", "(env A 1)"), "2: this comment names no rule to ignore"],
      [
        within("(env A 1)", "; check: ignore no-effect"),
        "3: this comment ignores nothing: nothing follows it in its list"
      ]
    ],
    leaves: [
      within("; check: ignore no-effect, no-network", "(env A 1)"),
      within("(env A 1) ; check: ignore no-effect"),
      within("; check this: ignore x", "(env A 1)")
    ]
  }
}

describe("the rules", () => {
  it("all have cases", () => {
    const names = [...SpecCheck.others, ...allRules].map(({ name }) => name)
    expect(Object.keys(cases).toSorted()).toEqual(names.toSorted())
    expect(new Set(names).size).toBe(names.length)
  })

  for (const [rule, { finds, leaves }] of Object.entries(cases)) {
    it.each(finds)(`${rule} finds something in %s`, (text, finding) => {
      expect(find(rule, text)).toEqual([finding])
    })

    it.each(leaves)(`${rule} finds nothing in %s`, (text) => {
      expect(find(rule, text)).toEqual([])
    })
  }
})
