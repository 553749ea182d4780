#!/usr/bin/env bats
# Compose files of many shapes, each read as it is: what cbuild lists and would do, or why it refuses, is beside each in
# tests/compose/NAME.expected. CBUILD_UPDATE=1 writes these anew. Nothing is built here.

checkout=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
cbuild=${CBUILD:-$checkout/cbuild}
host=linux/$(dpkg --print-architecture)

# The folders that the files build, and the Dockerfiles they name.
setup()
{
	local folder
	mkdir "$BATS_TEST_TMPDIR/shop"
	cd "$BATS_TEST_TMPDIR/shop"
	unset BUILD_PLATFORMS COMPOSE_PROFILES COMPOSE_PROJECT_NAME COMPOSE_FILE DOCKER_TAGS SOURCE_DATE_EPOCH REGISTRY TAG TEAM
	cp -R "$checkout"/tests/compose/*.yaml "$checkout"/tests/compose/parts .
	mkdir docker
	for folder in . api app jobs parts/db proxy web worker; do
		mkdir -p "$folder"
		printf 'FROM scratch AS dev\nFROM scratch AS prod\n' >"$folder/Dockerfile"
	done
	cp Dockerfile docker/
	cp Dockerfile web/Dockerfile.dev
	cp Dockerfile Dockerfile.dev
	printf 'FROM parent\n' >web/Dockerfile.from
	printf 'FROM shared-base\n' >web/Dockerfile.shared
}

# One command's output and status.
say()
{
	local status=0
	printf '$ cbuild %s\n' "$*"
	"$cbuild" "$@" 2>&1 || status=$?
	[ "$status" -eq 0 ] || echo "status $status"
}

# The machine's own platform is all that differs between machines.
@test "compose files of every shape are read as they are, or refused with the reason" {
	local file name wrong=0
	for file in [0-9]*.yaml; do
		name=${file%.yaml}
		{
			say list -f "$file"
			"$cbuild" list -f "$file" >/dev/null 2>&1 && say -n --no-load -f "$file"
		} >got || true
		grep -q linux/ "$file" || sed -i "s|$host\\b|HOST|g" got
		if [ -n "${CBUILD_UPDATE:-}" ]; then
			cp got "$checkout/tests/compose/$name.expected"
		fi
		diff -u "$checkout/tests/compose/$name.expected" got || wrong=$((wrong + 1))
	done
	[ "$(ls [0-9]*.yaml | wc -l)" -ge 40 ]
	[ "$wrong" -eq 0 ]
}

# docker compose of the tests' own; it needs no daemon for this.
compose_environment()
{
	local docker=${CBUILD_TEST_CACHE:-$checkout/.cache}/docker
	"$checkout/tests/lib/docker" fetch "$docker"
	export DOCKER_CONFIG=$docker/config PATH=$docker/root/usr/bin:$PATH
	compose=$docker/root/usr/libexec/docker/cli-plugins/docker-compose
}

# What differs on purpose is listed, with the reason.
@test "docker compose makes the same of these files, and of what export writes for them" {
	local file files=()
	compose_environment
	for file in [0-9]*.yaml; do
		"$cbuild" list -f "$file" >/dev/null 2>&1 && files+=("$file")
	done
	[ "${#files[@]}" -ge 40 ]
	python3 "$checkout/tests/compose-random.py" "$cbuild" "$compose" "${files[@]}" >found || true
	sed '/^#/d' "$checkout/tests/compose/differences" | diff -u - found
}

@test "docker compose makes the same of 300 random projects" {
	compose_environment
	python3 "$checkout/tests/compose-random.py" "$cbuild" "$compose" 300
}
