#!/bin/sh
# Before nginx: fills /etc/nginx/templates/*.template in from the environment, runs what lies in /docker-entrypoint.d.
set -e
if [ "$1" = nginx ]; then
  names="$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/${\1} /p' | tr -d '\n')"
  for file in /etc/nginx/templates/*.template; do
    [ -e "$file" ] || continue
    envsubst "$names" <"$file" >"/etc/nginx/conf.d/$(basename "$file" .template)"
  done
  for file in /docker-entrypoint.d/*.sh; do
    if [ -x "$file" ]; then "$file"; elif [ -e "$file" ]; then . "$file"; fi
  done
fi
exec "$@"
