#!/bin/bash
# `healthcheck.sh --connect --innodb_initialized`: whether the server answers over TCP, as a user that may do nothing else.
exec mariadb-admin --defaults-file=/var/lib/mysql/.my-healthcheck.cnf --protocol=tcp --host=127.0.0.1 --connect-timeout=5 ping
