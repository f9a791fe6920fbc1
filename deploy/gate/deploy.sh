#!/usr/bin/env bash
# A deployment that carries its decision: what gate.sh runs once the gate allows it.
#
#   NAMESPACE=credit DEPLOYMENT=scorer gate.sh credit-risk:2@sha256:DIGEST -- ./deploy.sh
set -euo pipefail

: "${MODEL_DIGEST:?run by gate.sh}" "${DECISION_ID:?run by gate.sh}"
: "${NAMESPACE:?}" "${DEPLOYMENT:?}"

patch=$(printf '{"spec":{"template":{"metadata":{"annotations":{%s,%s}}}}}' \
  "\"auditspine.io/model-digest\":\"$MODEL_DIGEST\"" \
  "\"auditspine.io/decision-id\":\"$DECISION_ID\"")
kubectl --namespace "$NAMESPACE" patch deployment "$DEPLOYMENT" --type merge --patch "$patch"
kubectl --namespace "$NAMESPACE" rollout status deployment "$DEPLOYMENT" --timeout 10m
