#!/usr/bin/env bash
# Asks the gate, then runs a deployment with the decision that allows it; without one, nothing runs.
#
#   TENANT=acme ENVIRONMENT=production PURPOSE="score mortgage applications" \
#     gate.sh credit-risk:2@sha256:DIGEST -- ./deploy.sh
#
# The command finds MODEL_DIGEST and DECISION_ID in its environment: they belong into the
# annotations auditspine.io/model-digest and auditspine.io/decision-id, and DECISION_ID into the
# deployment.changed event. RISK_CLASS, DOMAIN (the model's business domain, where domains have
# topics of their own) and WAIT (seconds, 900 by default) are optional.
#
# Exit code: the command's own when it ran. Otherwise 1: refused, or not decided in time;
# 2: could not be asked.
set -euo pipefail

fail() {
  echo "gate: $1" >&2
  exit 2
}

if (($# < 3)) || [[ $2 != -- ]]; then
  fail "expected MODEL:VERSION@sha256:DIGEST -- COMMAND"
fi
for name in TENANT ENVIRONMENT PURPOSE; do
  [[ -n ${!name:-} ]] || fail "$name is not set"
done
model=$1
shift 2
[[ $model =~ @(sha256:[0-9a-f]{64})$ ]] || fail "expected a model with its digest, got a name alone"
digest=${BASH_REMATCH[1]}

options=(--tenant "$TENANT" --env "$ENVIRONMENT" --purpose "$PURPOSE" --wait --timeout "${WAIT:-900}" --json)
if [[ -n ${RISK_CLASS:-} ]]; then
  options+=(--risk-class "$RISK_CLASS")
fi
if [[ -n ${DOMAIN:-} ]]; then
  options+=(--domain "$DOMAIN")
fi

status=0
answer=$(auditspine gate "$model" "${options[@]}") || status=$?
if ((status == 1)); then
  printf '%s\n' "$answer" >&2
  exit 1
fi
((status == 0)) || fail "the gate could not be asked (exit code $status)"

read_decision='import json, sys; print(json.load(sys.stdin)["decision_id"] or "")'
decision=$(python3 -c "$read_decision" <<<"$answer" 2>/dev/null) || decision=
[[ $decision =~ ^[A-Za-z0-9_.-]+$ ]] || fail "the gate's answer names no decision"

export MODEL_DIGEST=$digest DECISION_ID=$decision
exec "$@"
