#!/usr/bin/env bats
# Which manifest is read. Needs no builder.

checkout=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
cbuild=${CBUILD:-$checkout/cbuild}

setup()
{
	cd "$BATS_TEST_TMPDIR"
}

@test "the first of the known names is the manifest" {
	local name
	for name in docker-compose.yml docker-compose.yaml compose.yml compose.yaml services.yml services.yaml; do
		echo "services: {of-${name//[.]/-}: {build: .}}" >"$name"
		"$cbuild" list >out
		grep -q "of-${name//[.]/-}" out
	done
}

@test "compose files are read as they are" {
	local file
	for file in "$checkout"/tests/manifests/good/*-compose*.yaml; do
		cp "$file" compose.yaml
		"$cbuild" list >out
		[ -s out ]
	done
}

@test "further manifests are merged over the first" {
	echo 'services: {web: {build: .}, api: {build: api}}' >one.yaml
	echo 'services: {web: {image: example.org/over}}' >two.yaml
	echo 'services: {more: {build: more}}' >three.yaml
	"$cbuild" list -f one.yaml -f two.yaml --file=three.yaml >out
	grep -q 'example.org/over' out
	grep -q '^more' out
	run "$cbuild" list -f one.yaml -f gone.yaml
	[ "$status" -eq 2 ]
	[[ $output == *gone.yaml* ]]
}
