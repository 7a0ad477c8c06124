# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What quickstart and check have in common: calm output, a log for the details, building as whom the tree belongs to.
# They set $source (the tree) before they read this, and $log (where details go) before they call any of it.
# shellcheck disable=SC2154

say() {
        printf '%s\n' "$*"
}

die() {
        printf '%s: %s\n' "$(basename "$0")" "$*" >&2
        exit 1
}

need_root() {
        ((EUID == 0)) || die "run me as root: sudo ./$(basename "$0")"
}

# step TEXT COMMAND...: one line on the terminal; what the command prints goes to the log. Fails as the command does.
step() {
        local text=$1 began=$SECONDS status
        shift
        printf '%-45s' "$text"
        printf '\n## %s: %s\n' "$text" "$*" >>"$log"
        # Not in a condition, where the shell would go on after an error within the command.
        set +e
        (set -e; "$@") </dev/null >>"$log" 2>&1
        status=$?
        set -e
        if ((status == 0)); then
                printf '%4d s\n' $((SECONDS - began))
        else
                printf 'failed\n\n'
                tail -n "${log_lines:-25}" "$log" | sed 's/^/    /'
                printf '\nAll of it is in %s\n' "$log"
                return 1
        fi
}

# What comes before a command that shall run as the owner of the source tree, so that sudo leaves nothing of root's in it.
as_owner=()
tree_owner=$(stat --format=%U "$source")
if ((EUID == 0)) && [[ $tree_owner != root && $tree_owner != UNKNOWN ]]; then
        as_owner=(runuser --user "$tree_owner" --)
fi

# build DIRECTORY CONFIGURE-ARGUMENT...: what has not changed since the last time is not built again.
build() {
        local directory=$1
        shift
        [[ -x $source/configure ]] || "${as_owner[@]}" autoreconf --force --install "$source" || return 1
        "${as_owner[@]}" mkdir -p "$directory" || return 1
        if [[ ! -e $directory/config.status || $(cat "$directory/arguments" 2>/dev/null) != "$*" ]]; then
                (cd "$directory" && "${as_owner[@]}" "$source/configure" --quiet "$@") || return 1
                printf '%s\n' "$*" >"$directory/arguments"
        fi
        "${as_owner[@]}" make --directory="$directory" --jobs="$(nproc)" --silent
}
