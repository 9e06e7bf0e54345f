# Sourced by the scripts that set a machine up: installs Debian packages that
# are missing, and says which. Needs root, or sudo.

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# need_packages PACKAGE...
need_packages() {
  missing=""
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
  done
  if [ -z "$missing" ]; then
    echo "Debian packages: all here"
    return 0
  fi
  echo "Debian packages: installing$missing"
  as_root apt-get update -q >/dev/null
  # Some packages are servers: nothing is to be started.
  policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then
    policy=""
  else
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  status=0
  # shellcheck disable=SC2086 # one word a package
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >/dev/null || status=$?
  if [ -n "$policy" ]; then as_root rm "$policy"; fi
  return "$status"
}

# Where this machine has Debian's packages from.
debian_mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 '/debian/*$' || true
}

# need_newer_docker DIRECTORY
# Debian 12 has Docker 20.10. So that tests have an engine of today as well, that
# of Debian 13 is unpacked into a directory, from where the machine has its own
# packages; nothing of it is installed.
need_newer_docker() {
  if dpkg --compare-versions "$(dpkg-query -W -f '${Version}' docker.io)" ge 23; then
    echo "a newer Docker: the machine's own"
    return 0
  fi
  if [ -x "$1/usr/sbin/dockerd" ]; then
    echo "a newer Docker: here"
    return 0
  fi
  echo "a newer Docker: unpacking Debian 13's"
  from=$(debian_mirror)
  if [ -z "$from" ]; then
    # It is not said before the lists are there.
    as_root apt-get update -q >/dev/null
    from=$(debian_mirror)
  fi
  if [ -z "$from" ]; then
    echo "where Debian's packages are is not known: install docker.io of version 23 or later" >&2
    return 1
  fi
  rm -rf "$1" "$1.new"
  mkdir -p "$1.new/lists/partial" "$1.new/cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $from trixie main" >"$1.new/sources.list"
  (
    cd "$1.new"
    apt() {
      apt-get -q -o Dir::Etc::sourcelist="$PWD/sources.list" -o Dir::Etc::sourceparts=/nonexistent \
        -o Dir::State::lists="$PWD/lists" -o Dir::Cache="$PWD/cache" -o APT::Sandbox::User="$(id -un)" "$@" >/dev/null
    }
    apt update
    apt download docker.io
    dpkg-deb -x docker.io_*.deb files
  )
  mv "$1.new/files" "$1"
  rm -r "$1.new"
}

# Installs the locked npm packages and builds, unless that is done already.
need_build() {
  if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    echo "npm packages: installing"
    npm ci --no-audit --no-fund --loglevel=error
    touch node_modules/.package-lock.json
  else
    echo "npm packages: all here"
  fi
  echo "building dist/"
  npm run --silent build
}
