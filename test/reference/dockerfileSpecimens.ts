/** Specs whose Dockerfiles say the same, and others whose Dockerfiles do not. */
import type { ContextEntry } from "./buildCases.ts"

export interface Specimen {
  /** `BASE` is the base image of the cases. A secret that it asks for is `s`. */
  readonly spec: string
  readonly context?: ReadonlyArray<ContextEntry>
}

/** Where a spec and its Dockerfile say the same, as they stand. Files are as in the cases. */
export const alike: Readonly<Record<string, Specimen>> = {
  "a program that is made in one build and copied to another": {
    spec: `((build dev
      ((from BASE) (shell /bin/sh -c) (workdir /src)
       (copy (src .) (dst /src/))
       (run (shell "mkdir -p out/bin &&\n cat main.txt lib/part.txt > out/bin/app &&\n chmod 755 out/bin/app"))))
     (from BASE) (shell /bin/sh -c)
     (copy (from (build dev)) (src /src/out/bin/app) (dst /usr/local/bin/))
     (copy (from (build dev)) (src /src/out) (dst /opt/out))
     (run (shell "cat /usr/local/bin/app > /said; ls -l /opt/out/bin | cut -c1-10 >> /said")))`,
    context: [
      { path: "main.txt", type: "file", mode: "0644", content: "main\n" },
      { path: "lib", type: "dir", mode: "0755" },
      { path: "lib/part.txt", type: "file", mode: "0644", content: "part\n" }
    ]
  },
  "builds within builds, which see what is before them": {
    spec: `((build one ((from BASE) (shell /bin/sh -c) (run (shell "echo 1 > /one"))))
     (build two
      ((build inner ((from BASE) (shell /bin/sh -c) (copy (from (build one)) (src /one) (dst /inner)) (run (shell "echo 2 >> /inner"))))
       (from BASE)
       (copy (from (build inner)) (src /inner) (dst /two))))
     (from BASE)
     (copy (from (build two)) (src /two) (dst /three))
     (copy (from (build one)) (src /one) (dst /)))`
  },
  "users, and what they copy and make": {
    spec: `((from BASE) (shell /bin/sh -c)
     (run (shell "mkdir /home && chown 1000:1000 /home"))
     (user (uid 1000) (gid 1000))
     (copy (src a.txt) (dst /home/b/c.txt))
     (run (shell "id -u > /home/id; id -g >> /home/id; umask >> /home/id; touch /home/made"))
     (user (uid 0) (gid 0))
     (copy (src a.txt) (dst /root/)))`,
    context: [{ path: "a.txt", type: "file", mode: "0755", content: "a" }]
  },
  "variables, whatever is in them": {
    spec: `((from BASE) (shell /bin/sh -c)
     (env QUOTES "say \\"hi\\" and \\\\ it's") (env EMPTY "") (env PATH "/bin") (env BLANKS "  two  words ")
     (env SEVERAL "=, [x] #y {z} é 日本")
     (run (shell "env | grep -v -e HOSTNAME -e SHLVL -e PWD | sort > /env")))`
  },
  "commands, with all that a shell makes of them": {
    spec: `((from BASE) (shell /bin/sh -c)
     (run (shell "for n in 1 2; do\n echo \\"$n $((n + 1))\\" >> /n;\n done; X='a  b'; echo \\"$X\\" \\\\\\"q\\\\\\" > /x; echo 'back\\\\slash' > /y"))
     (shell /bin/sh -e -c)
     (run (shell "false || echo still > /z")))`
  },
  "caches, which are no part of the result": {
    spec: `((from BASE) (shell /bin/sh -c)
     (run (shell "mkdir /var/cache-of-test"))
     (run (cache (c (target /var/cache-of-test))) (shell "echo kept > /var/cache-of-test/f"))
     (run (cache (c (target /var/cache-of-test))) (shell "cp /var/cache-of-test/f /f")))`
  },
  comments: { spec: '((from BASE) (shell /bin/sh -c) (comment "first, FROM nobody") (run (shell "echo # > /x")))' }
}

/** For each rule a spec whose Dockerfile says something else, until the rule changes it. */
export const unlike: Readonly<Record<string, Specimen>> = {
  "unused builds": { spec: '((build x ((from BASE) (shell /bin/sh -c) (run (shell "exit 1")))) (from BASE))' },
  blanks: {
    spec: '((from BASE) (copy (src "a b") (dst /x)))',
    context: [{ path: "a b", type: "file", mode: "0644", content: "" }]
  },
  refusals: {
    spec: "((from BASE) (copy (src a b) (dst /x)))",
    context: [
      { path: "a", type: "dir", mode: "0755" },
      { path: "b", type: "dir", mode: "0755" }
    ]
  },
  exclude: {
    spec: "((from BASE) (copy (src d) (dst /d) (exclude x)))",
    context: [
      { path: "d", type: "dir", mode: "0755" },
      { path: "d/x", type: "file", mode: "0644", content: "" },
      { path: "d/y", type: "file", mode: "0644", content: "" }
    ]
  },
  links: {
    spec: "((from BASE) (copy (src l f) (dst /d/)))",
    context: [
      { path: "f", type: "file", mode: "0644", content: "" },
      { path: "l", type: "symlink", target: "f" }
    ]
  },
  directories: {
    spec: "((from BASE) (copy (src d) (dst /to/)))",
    context: [
      { path: "d", type: "dir", mode: "0755" },
      { path: "d/x", type: "file", mode: "0644", content: "" }
    ]
  },
  "directories that are there": {
    spec: '((from BASE) (shell /bin/sh -c) (run (shell "mkdir -m 700 /d")) (copy (src d) (dst /d)))',
    context: [{ path: "d", type: "dir", mode: "0755" }]
  },
  modes: {
    spec: "((from BASE) (copy (src f) (dst /d/)))",
    context: [{ path: "f", type: "file", mode: "0600", content: "" }]
  },
  "mount points": {
    spec: '((from BASE) (shell /bin/sh -c) (run (cache (c (target /c/d))) (secrets (s (target /t/s))) (shell "cp /t/s /x")))'
  },
  WORKDIR: { spec: "((from BASE) (shell /bin/sh -c) (user (uid 5) (gid 6)) (workdir /d/e))" },
  capabilities: { spec: '((from BASE) (shell /bin/sh -c) (run (shell "grep Cap /proc/self/status > /caps")))' }
}
