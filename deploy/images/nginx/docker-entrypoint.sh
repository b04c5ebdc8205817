#!/bin/sh
# Before nginx: what lies in /docker-entrypoint.d and is executable, in the order of its names; *.envsh may set variables.
set -e
if [ "$1" = nginx ] || [ "$1" = nginx-debug ]; then
  for file in $(find /docker-entrypoint.d -follow -type f | sort -V); do
    if ! [ -x "$file" ]; then
      echo >&2 "$0: ignoring $file, which is not executable"
      continue
    fi
    case "$file" in
      *.envsh) . "$file" ;;
      *.sh) "$file" ;;
    esac
  done
fi
exec "$@"
