#!/bin/sh
# Fills templates of configuration in from the environment: with those variables that are set and whose names fit the filter.
set -e
from="${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}"
to="${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}"
suffix="${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}"
[ -d "$from" ] || exit 0
names="$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' | grep -E "${NGINX_ENVSUBST_FILTER:-}" | sed 's/.*/${&} /' | tr -d '\n')"
find "$from" -follow -type f -name "*$suffix" | while read -r file; do
  made="$to/${file#"$from/"}"
  mkdir -p "$(dirname "$made")"
  envsubst "$names" <"$file" >"${made%"$suffix"}"
done
