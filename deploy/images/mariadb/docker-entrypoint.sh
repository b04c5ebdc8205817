#!/bin/bash
# Makes the database when its folder is empty, then becomes the server. As root it first gives the folder to the user mysql.
# Every variable may be MARIADB_… or MYSQL_…, and may end in _FILE.
set -Eeo pipefail # not -u: init scripts are read in here, which may ask for what is not set

DATA=/var/lib/mysql

# The variable MARIADB_$1, MYSQL_$1 or the file that one of them with _FILE names; also as DB_$1.
take() {
  local name
  for name in "MARIADB_$1" "MYSQL_$1"; do
    local file="${name}_FILE"
    if [ -n "${!file:-}" ]; then printf -v "DB_$1" %s "$(<"${!file}")"; return; fi
    if [ -n "${!name:-}" ]; then printf -v "DB_$1" %s "${!name}"; return; fi
  done
  printf -v "DB_$1" %s ""
}

quoted() { printf "'%s'" "$(sed -e 's/\\/\\\\/g' -e "s/'/\\\\'/g" <<<"$1")"; }

named() { printf '`%s`' "${1//\`/\`\`}"; }

initialise() {
  for one in ROOT_PASSWORD ROOT_HOST ALLOW_EMPTY_ROOT_PASSWORD ALLOW_EMPTY_PASSWORD RANDOM_ROOT_PASSWORD DATABASE USER PASSWORD; do take $one; done
  if [ -z "$DB_ROOT_PASSWORD$DB_ALLOW_EMPTY_ROOT_PASSWORD$DB_ALLOW_EMPTY_PASSWORD$DB_RANDOM_ROOT_PASSWORD" ]; then
    echo >&2 "Database is uninitialized and password option is not specified."
    echo >&2 "You need to specify one of MARIADB_ROOT_PASSWORD, MARIADB_ALLOW_EMPTY_ROOT_PASSWORD and MARIADB_RANDOM_ROOT_PASSWORD"
    exit 1
  fi
  if [ -n "$DB_RANDOM_ROOT_PASSWORD" ]; then
    DB_ROOT_PASSWORD="$(head -c 24 /dev/urandom | base64)"
    echo "GENERATED ROOT PASSWORD: $DB_ROOT_PASSWORD"
  fi
  mariadb-install-db --datadir="$DATA" --skip-test-db --auth-root-authentication-method=normal --cross-bootstrap >/dev/null

  # Nobody reaches it over the network before it is whole.
  mariadbd --skip-networking --socket=/run/mysqld/init.sock &
  local server=$! ask=(mariadb --protocol=socket --socket=/run/mysqld/init.sock -uroot)
  until "${ask[@]}" -e 'SELECT 1' >/dev/null 2>&1; do
    kill -0 "$server" || exit 1
    sleep 0.2
  done
  {
    echo "DELETE FROM mysql.global_priv WHERE User='' OR (User='root' AND Host NOT IN ('localhost')); FLUSH PRIVILEGES;"
    if [ "${DB_ROOT_HOST:=%}" != localhost ]; then
      echo "CREATE USER root@$(quoted "$DB_ROOT_HOST") IDENTIFIED BY $(quoted "$DB_ROOT_PASSWORD");"
      echo "GRANT ALL ON *.* TO root@$(quoted "$DB_ROOT_HOST") WITH GRANT OPTION;"
    fi
    [ -z "$DB_DATABASE" ] || echo "CREATE DATABASE IF NOT EXISTS $(named "$DB_DATABASE");"
    if [ -n "$DB_USER" ] && [ -n "$DB_PASSWORD" ]; then
      echo "CREATE USER $(quoted "$DB_USER")@'%' IDENTIFIED BY $(quoted "$DB_PASSWORD");"
      # an underscore in the name of a database would be a wildcard here
      [ -z "$DB_DATABASE" ] || echo "GRANT ALL ON $(named "${DB_DATABASE//_/\\_}").* TO $(quoted "$DB_USER")@'%';"
    fi
    local word="$(head -c 24 /dev/urandom | base64)"
    printf '[client]\nuser=healthcheck\npassword=%s\n' "$word" >"$DATA/.my-healthcheck.cnf"
    echo "CREATE USER healthcheck@'127.0.0.1' IDENTIFIED BY $(quoted "$word");"
    echo "SET PASSWORD FOR root@localhost = PASSWORD($(quoted "$DB_ROOT_PASSWORD"));"
  } | "${ask[@]}"
  export MYSQL_PWD="$DB_ROOT_PASSWORD"
  [ -z "$DB_DATABASE" ] || ask+=("$DB_DATABASE")
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    case "$file" in
      *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
      *.sql) echo "$0: running $file"; "${ask[@]}" <"$file" ;;
      *.sql.gz) echo "$0: running $file"; gunzip -c "$file" | "${ask[@]}" ;;
      *.sql.xz) echo "$0: running $file"; xzcat "$file" | "${ask[@]}" ;;
      */'*') ;;
      *) echo "$0: ignoring $file" ;;
    esac
  done
  kill "$server"
  wait "$server"
  unset MYSQL_PWD
}

[ "${1:0:1}" != - ] || set -- mariadbd "$@"
[ "$1" != mysqld ] || set -- mariadbd "${@:2}"
if [ "$1" = mariadbd ]; then
  if [ "$(id -u)" = 0 ]; then
    find "$DATA" /run/mysqld \! -user mysql -exec chown mysql:mysql '{}' +
    exec setpriv --reuid=mysql --regid=mysql --init-groups "$0" "$@"
  fi
  [ -d "$DATA/mysql" ] || initialise
fi
exec "$@"
