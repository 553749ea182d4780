#!/usr/bin/env bats
# Which manifest is read. Needs no builder.

bats_require_minimum_version 1.5.0

checkout=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
cbuild=${CBUILD:-$checkout/cbuild}

setup()
{
	cd "$BATS_TEST_TMPDIR"
}

@test "the first of the known names is the manifest" {
	local name
	for name in docker-compose.yaml docker-compose.yml compose.yml compose.yaml services.yml services.yaml; do
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

@test "an override beside a compose file that nobody named is merged over it" {
	local name
	echo 'services: {web: {image: example.org/web, build: .}}' >compose.yml
	for name in docker-compose.override.yaml docker-compose.override.yml compose.override.yaml compose.override.yml; do
		echo "services: {web: {image: example.org/of-${name//[.]/-}}}" >"$name"
		"$cbuild" list >out
		grep -q "example.org/of-${name//[.]/-}:" out
	done
	"$cbuild" list -f compose.yml >out
	grep -q 'example.org/web:' out
	mv compose.yml services.yaml
	"$cbuild" list >out
	grep -q 'example.org/web:' out
}

@test "a service may be called like a command: a word that may mean both is the command" {
	local name
	echo 'FROM scratch' >Dockerfile
	for name in $(sed -n 's/^int cmd_\([a-z]*\)(.*/\1/p' "$checkout/cli/cmd/commands.h"); do
		echo "services: {$name: {build: .}}" >services.yaml
		"$cbuild" list >out
		grep -q "^$name " out
		"$cbuild" build -n --no-load "$name" >out
		grep -q "build:$name:" out
		"$cbuild" -n --no-load -- "$name" >out
		grep -q "build:$name:" out
	done
}
