FROM base
ARG NAME=world
RUN <<EOF
set -e
echo "hello $NAME" > /hello
for n in 1 2 3; do
  echo $n >> /numbers
done
EOF
RUN <<-"EOF" cat > /tabs
	one
		two $NAME
	EOF
RUN cat <<ONE > /one && cat <<TWO > /two
$NAME is expanded by the shell
ONE
second
TWO
COPY <<EOF /etc/app.conf
name = $NAME
home = ${HOME:-none}
quote = "it's"
price = \$5
EOF
COPY <<'EOF' <<other.txt /etc/conf.d/
literal $NAME
EOF
other
other.txt
RUN <<EOF
#!/bin/sh
echo "script $0" | cut -c1-6 > /script
EOF
