#!/bin/sh
# Tells whether the worker of this container lives: 0 it does (idle, busy, or waiting for Redis), 1 it hangs or is gone.
# Reads the file that the worker touches each second (jobs/health.py); starts no Python. Usage: health.sh [FILE]
#   BREAKWATER_HEALTH_FILE     the file, unless given as argument
#   BREAKWATER_HEALTH_SECONDS  silence after which a working worker hangs; 60 by default
set -eu
file=${1:-${BREAKWATER_HEALTH_FILE:-}}
[ -n "$file" ] || { echo "BREAKWATER_HEALTH_FILE is not set"; exit 1; }

read -r pid says 2>/dev/null <"$file" || { echo "no sign of life in $file"; exit 1; }
# After the name, in parentheses: the state. T and t: stopped, Z: dead.
read -r line 2>/dev/null <"/proc/$pid/stat" || { echo "the worker (pid $pid) is gone"; exit 1; }
state=${line##*) }
case "$state" in
[TtZX]*) echo "the worker (pid $pid) is stopped or dead"; exit 1 ;;
esac

[ "$says" = working ] || { echo "$says: Redis does not answer; the worker waits for it"; exit 0; }
silent=$(($(date +%s) - $(stat -c %Y "$file")))
[ "$silent" -le "${BREAKWATER_HEALTH_SECONDS:-60}" ] || { echo "silent for $silent s: it hangs, or one of its processes is stopped"; exit 1; }
echo "working"
