#!/bin/sh
# The conformance suite with BuildKit's own client and with nerdctl, where they are found and their daemon answers.
# BUILDKIT_TLS: see conformance.bats.
status=0
number=0

answers()
{
	if [ -n "${BUILDKIT_TLS:-}" ]; then
		[ "$1" = buildctl ] && buildctl --tlscacert="$BUILDKIT_TLS/ca.pem" --tlscert="$BUILDKIT_TLS/cert.pem" \
			--tlskey="$BUILDKIT_TLS/key.pem" debug workers >/dev/null 2>&1
		return
	fi
	"${CBUILD:-./cbuild}" doctor --builder="$1" --format=json 2>/dev/null |
		jq -e --arg name "$1" '.builders[] | select(.name == $name) | .found' >/dev/null
}

for builder in buildctl nerdctl; do
	number=$((number + 1))
	if answers $builder; then
		result=ok
		CBUILD_BUILDER=$builder bats "${CBUILD_SRCDIR:-.}/tests/integration/conformance.bats" >&2 || result="not ok" status=1
		echo "$result $number - $builder"
	else
		echo "ok $number - $builder # SKIP it is not here"
	fi
done
echo 1..$number
exit $status
