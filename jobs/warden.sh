#!/bin/sh
# Runs one command and sees to it that nothing of it outlives its owner. Normally PID 1 of a PID namespace.
#   usage: warden.sh TOKEN SCRATCH COMMAND [ARGUMENT]...
#   stdin:  a pipe whose write end only the owner holds. Its end means: kill everything, remove SCRATCH, exit.
#   stdout: "started WATCHER COMMAND" (pids as seen here), later "exited STATUS". stderr: the command's output.
# A command that ends does not end the warden: what it left running stays to be looked at until the owner lets go.
token=$1
scratch=$2
shift 2
exec 3<&0 4>&1 </dev/null >&2

kill_everything() {
    # Only the init of a namespace may say "all": anywhere else -1 is every process of the machine's user.
    if [ "$$" = 1 ]; then
        kill -9 -1
        return
    fi
    # Without a namespace: all that are ours, until a look finds none. Pids in a foreign /proc would be others' pids.
    read -r watcher _ _ parent _ </proc/self/stat
    [ "$parent" = "$$" ] || return
    rounds=0
    while [ "$rounds" -lt 20 ]; do
        ours="$(marked) $(of_our_session)"
        [ "$ours" != " " ] || return
        # shellcheck disable=SC2086 # one argument a pid
        kill -9 $ours 2>/dev/null
        rounds=$((rounds + 1))
        sleep 0.05
    done
}

# Pids of the processes that carry our mark in their environment.
marked() {
    grep -l -s "$token" /proc/[0-9]*/environ | sed 's|/proc/\([0-9]*\)/environ|\1|'
}

# Pids of the session that this shell leads: some programs write their title over their environment. Not the two shells
# of ours, nor what the inner one has just started to look.
of_our_session() {
    for stat in /proc/[0-9]*/stat; do
        read -r line 2>/dev/null <"$stat" || continue
        pid=${line%% *}
        # shellcheck disable=SC2086 # after the name, in parentheses: state, parent, group, session
        set -- ${line##*) }
        case "$1 $4" in
        "Z $$") ;;
        *" $$") [ "$pid" = $$ ] || [ "$pid" = "$watcher" ] || [ "$2" = "$watcher" ] || echo "$pid" ;;
        esac
    done
}

remove_scratch() {
    # The dying may still finish a system call that makes a file: hence more than one try.
    rounds=0
    case $scratch in
    */bw-*)
        while [ -e "$scratch" ] && [ "$rounds" -lt 40 ]; do
            rm -rf -- "$scratch" 2>/dev/null && return
            rounds=$((rounds + 1))
            sleep 0.05
        done
        ;;
    esac
}

# A child of PID 1 watches, so that PID 1 is always in `wait` and reaps every orphan of the namespace.
{
    while read -r _; do :; done
    kill_everything
    remove_scratch
} <&3 4>&- &
watcher=$!
exec 3<&-

BREAKWATER_OWNER="${BREAKWATER_OWNER:+$BREAKWATER_OWNER:}$token" TMPDIR="$scratch" "$@" 4>&- &
command=$!
echo "started $watcher $command" >&4
wait "$command"
echo "exited $?" >&4
exec 4>&-
wait "$watcher"
