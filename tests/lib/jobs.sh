# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Commands that run at the same time, as many as there are processors. Who reads this sets $out (where their output is kept
# meanwhile), $stage_minutes (what each may take), $job_log (where the output goes in the end, of one command after the
# other) and $job_ended: a function that is called with a job's name and status, and fails if the job did.
# shellcheck disable=SC2154

declare -A running_jobs=()      # by process
failed_jobs=()

# start_job NAME COMMAND...: waits for another one to end where enough are running.
start_job() {
        local name=$1
        shift
        trap stop_jobs INT TERM
        ((${#running_jobs[@]} < $(nproc))) || finish_job
        timeout --kill-after=60 "${stage_minutes}m" "$@" </dev/null >"$out/$name.part" 2>&1 &
        running_jobs[$!]=$name
}

finish_job() {
        local process name status=0
        wait -n -p process "${!running_jobs[@]}" || status=$?
        name=${running_jobs[$process]}
        unset "running_jobs[$process]"
        if "$job_ended" "$name" "$status"; then
                cat "$out/$name.part" >>"$job_log"
                rm "$out/$name.part"
        else
                failed_jobs+=("$name")
        fi
}

# Waits for all. What the failed ones said comes last, where it is looked for.
finish_jobs() {
        local name
        while ((${#running_jobs[@]})); do
                finish_job
        done
        for name in "${failed_jobs[@]}"; do
                cat "$out/$name.part" >>"$job_log"
                rm "$out/$name.part"
        done
        failed_jobs=()
        trap - INT TERM
}

# Ctrl+C does not reach what runs in the background: it is told to end, and given the time to clean up.
stop_jobs() {
        trap - INT TERM
        ((${#running_jobs[@]} == 0)) || kill "${!running_jobs[@]}" 2>/dev/null || true
        wait
        exit 130
}
