#!/bin/sh
# The conformance suite with BuildKit's own client and with nerdctl, where they are found and their daemon answers.
status=0
number=0
for builder in buildctl nerdctl; do
	number=$((number + 1))
	if "${CBUILD:-./cbuild}" doctor --builder=$builder --format=json 2>/dev/null |
		jq -e --arg name $builder '.builders[] | select(.name == $name) | .found' >/dev/null; then
		CBUILD_BUILDER=$builder bats "${CBUILD_SRCDIR:-.}/tests/integration/conformance.bats" >&2 || status=1
		[ $status = 0 ] && echo "ok $number - $builder" || echo "not ok $number - $builder"
	else
		echo "ok $number - $builder # SKIP it is not here"
	fi
done
echo 1..$number
exit $status
