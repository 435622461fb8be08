#!/bin/sh
# Removes the scratch folders of a process that died before it gave them to a warden (warden.sh), and any that are left.
#   stdin: a pipe whose write end only that process holds: "+PATH" before a folder is made, "-PATH" once it is gone.
#          Its end means: remove what is still there, exit.
newline='
'
left=
while IFS= read -r line; do
    path=${line#?}$newline
    case $line in
    +*) left=$left$path ;;
    -*) left=${left%%"$path"*}${left#*"$path"} ;;
    esac
done

# Wardens are killing those who write there, for a moment yet.
IFS=$newline
rounds=0
while [ -n "$left" ] && [ "$rounds" -lt 40 ]; do
    again=
    # shellcheck disable=SC2086 # one path a line
    for path in $left; do
        case $path in
        */bw-*) rm -rf -- "$path" 2>/dev/null || again=$again$path$newline ;;
        esac
    done
    left=$again
    rounds=$((rounds + 1))
    [ -z "$left" ] || sleep 0.05
done
