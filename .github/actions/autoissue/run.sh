#!/usr/bin/env bash
# What the action does between restoring and saving the state directory:
#
#   install ─► resume an interrupted session ─► exec LABEL ─► step summary, outputs, exit code
#
# Reads the inputs of `action.yml` from variables: `INPUT_LABEL` and so on. Works outside of GitHub Actions too: what it would write to
# the files of the runner goes to standard output. Needs bash, jq, timeout (GNU coreutils), and what `install.sh` needs.
set -euo pipefail

action=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
temporary=${RUNNER_TEMP:-$(mktemp -d)}
summary_file=${GITHUB_STEP_SUMMARY:-/dev/stdout}
output_file=${GITHUB_OUTPUT:-/dev/stdout}
label=${INPUT_LABEL:?the input \`label\` is empty}
ok_exit_codes=${INPUT_OK_EXIT_CODES:-0 3 130}
state_directory=${INPUT_STATE_DIRECTORY:-\~/.local/state/autoissue}
# A variable is not expanded where it is set in a workflow.
export AUTOISSUE_STATE_DIR=${state_directory/#\~\//$HOME/}

budget=${INPUT_BUDGET:-}
case $budget in *[!0-9.]*) echo "::error title=autoissue::the input \`budget\` is not an amount of US dollars, such as 25 or 7.50" && exit 2 ;; esac

# Seconds since the start at which the session is interrupted; 0 for never.
minutes=${INPUT_MINUTES:-0}
deadline=$((minutes * 60))

flags=()
[ -z "${INPUT_MAX_PARALLEL:-}" ] || flags+=(--max-parallel "$INPUT_MAX_PARALLEL")
while read -r arg; do [ -z "$arg" ] || flags+=("$arg"); done <<<"${INPUT_COMMON_ARGS:-}"
exec_flags=()
[ -z "${INPUT_UNTIL:-}" ] || exec_flags+=(--until "$INPUT_UNTIL")
while read -r arg; do [ -z "$arg" ] || exec_flags+=("$arg"); done <<<"${INPUT_ARGS:-}"

stopped=false
child=

# The runner signals this script alone. autoissue then stops the agents, saves their work and exits with 130.
# shellcheck disable=SC2329 # called by a trap
stop() {
  stopped=true
  [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true
}
trap stop INT TERM

# Runs autoissue until it ends or the time is up, and puts its exit code into `code`.
run() {
  local limit=0 token
  if [ "$deadline" -gt 0 ]; then
    limit=$((deadline - SECONDS))
    [ "$limit" -gt 0 ] || limit=1
  fi
  # Titles of issues and output of agents are not commands to the runner.
  token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  echo "::stop-commands::$token"
  # With job control the child does not ignore SIGINT, and neither do the agents.
  set -m
  timeout --foreground --preserve-status --signal=TERM "$limit" autoissue "$@" </dev/null &
  child=$!
  set +m
  # A signal ends the first `wait`.
  code=0
  wait "$child" || code=$?
  while kill -0 "$child" 2>/dev/null; do wait "$child" || true; done
  wait "$child" && code=0 || code=$?
  child=
  echo "::$token::"
}

# Prints the sessions of this repository, the newest first, one JSON object per line.
sessions() { autoissue status --output json | jq -c --arg path "$(pwd -P)" 'select(.type == "session" and .project_path == $path)'; }

newest() { sessions | jq -rs '.[0].session // empty'; }

# Prints the newest session of `exec` that can be resumed. A plan may wait for a person's approval, so it is left to them.
resumable() {
  sessions | jq -rs 'map(select((.status == "interrupted" or .status == "cut_off") and (.command | startswith("autoissue exec ")))) | .[0].session // empty'
}

summary_of() { autoissue status "$1" --output json | jq -c 'select(.type == "summary")'; }

# Adds the report of a session to the step summary.
report() { autoissue show "$1" --markdown - >>"$summary_file" || say "Session \`$1\` has no report; see the log."; }

say() { printf '%s\n' "$*" >>"$summary_file"; }

PATH=$temporary/autoissue/bin:$PATH
"$action/../../release/install.sh" --version "${INPUT_VERSION:?the input \`version\` is empty}" --prefix "$temporary/autoissue" \
  --from "${INPUT_RELEASES:-https://github.com/autoissue/autoissue/releases}"
autoissue --version

session='' spent=0 code=0 resumed_code=0

if [ "${INPUT_RESUME:-true}" = true ]; then session=$(resumable); fi
if [ -n "$session" ]; then
  before=$(summary_of "$session")
  resume_flags=()
  # The session keeps its own budget, of which this run spends at most what it was given.
  [ -z "$budget" ] || resume_flags+=(--budget "$(jq --argjson budget "$budget" '[.budget_usd, .spent_usd + $budget] | min' <<<"$before")")
  run resume "$session" "${resume_flags[@]}" "${flags[@]}"
  report "$session"
  resumed_code=$code
  spent=$(jq -s '.[1].spent_usd - .[0].spent_usd' <<<"$before$(summary_of "$session")")
  [ -z "$budget" ] || budget=$(jq -n --argjson budget "$budget" --argjson spent "$spent" '$budget - $spent | . * 1e6 | round / 1e6')
fi

# New issues, unless the resumed session could not run or was interrupted again, or has spent everything.
left=true
[ -z "$budget" ] || left=$(jq -n --argjson budget "$budget" '$budget > 0')
case $resumed_code in
  0 | 3 | 4)
    if [ "$stopped" = true ]; then
      code=130
    elif [ "$left" = true ]; then
      before=$(newest)
      [ -z "$budget" ] || exec_flags+=(--budget "$budget")
      run exec "$label" "${exec_flags[@]}" "${flags[@]}"
      after=$(newest)
      if [ "$after" != "$before" ]; then
        session=$after
        report "$session"
        spent=$(jq --argjson spent "$spent" '.spent_usd + $spent' <<<"$(summary_of "$session")")
      elif [ "$code" -eq 0 ] && [ -z "$session" ]; then
        say "No open issue with the label \`$label\` has anything to do."
      fi
      [ "$code" -ne 0 ] || code=$resumed_code
    else
      say "The budget of this run is spent, so no new issues were started."
    fi
    ;;
esac

done=0
[ -z "$session" ] || done=$(jq '.counts.done // 0' <<<"$(summary_of "$session")")
{
  echo "exit-code=$code"
  echo "session=$session"
  echo "spent-usd=$spent"
  echo "done=$done"
} >>"$output_file"

case $code in
  0) problem= ;;
  1) problem="autoissue could not run or had to stop; see the log" ;;
  2) problem="wrong usage or configuration; see the log" ;;
  3) problem="some task failed, was skipped or needs you; see the report in the summary" ;;
  4) problem="the budget did not allow all of it; see the report in the summary" ;;
  130) problem="interrupted; the next run resumes the session" ;;
  *) problem="autoissue ended with exit code $code" ;;
esac
case " $ok_exit_codes " in
  *" $code "*)
    [ -z "$problem" ] || echo "::warning title=autoissue::$problem"
    exit 0
    ;;
esac
echo "::error title=autoissue::$problem"
[ -n "$session" ] || say "autoissue ended with exit code $code: $problem."
exit "$code"
