/** A spec as somebody may have written it, and its layout. */
export const example = {
  written: `; head


; two
((build dev ((from debian:12) #;(run (network host) (shell "make"))
 ; own
 (run ; why
   (shell "a && \\
     b && \\
     \\032c") ) ; trail


 (workdir "/src")
 (copy (src a-directory-with-a-long-name another-directory-with-a-long-name a-third-one and-a-fourth one-more) (dst ./))
 )) (build #| x |# b ((from scratch)))
 (from x) (env A "b") (comment done)
 (run (cache (a (target /x))) (shell "set -e\\nif test -f configure; then\\n  ./configure --prefix=/usr --without-documentation\\nfi\\n"))
 (run (shell "
  raw
    text
 "))
 #| of two
    lines |# (shell /bin/sh -c) ; end
 ; last
 ) ; after
; really
`,
  formatted: `; head

; two
((build dev
  ((from debian:12)
   #;(run
      (network host)
      (shell "make"))
   ; own
   (run ; why
    (shell "a && \\
            b && \\
            \\032c")) ; trail

   (workdir /src)
   (copy
    (src a-directory-with-a-long-name another-directory-with-a-long-name a-third-one and-a-fourth
         one-more)
    (dst ./))))
 (build #| x |# b
  ((from scratch)))
 (from x)
 (env A b)
 (comment "done")
 (run
  (cache (a (target /x)))
  (shell "set -e\\
        \\nif test -f configure; then\\
        \\n  ./configure --prefix=/usr --without-documentation\\
        \\nfi\\n"))
 (run
  (shell "
  raw
    text
 "))
 #| of two
    lines |# (shell /bin/sh -c) ; end
 ; last
) ; after
; really
`
}
