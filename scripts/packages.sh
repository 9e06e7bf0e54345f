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
