#!/bin/bash
# `healthcheck.sh --connect --innodb_initialized`: whether the server answers over TCP. A refused password is an answer.
said="$(mariadb-admin --protocol=tcp --host=127.0.0.1 --connect-timeout=5 --user=healthcheck ping 2>&1)" && exit 0
grep -q 'Access denied' <<<"$said" || { echo "$said"; exit 1; }
