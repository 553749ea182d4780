#!/usr/bin/env bats
# Several builders that share the builds, as two dockerds of the tests' own: what goes where, and what happens when one of them
# is gone.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/image"
. "$BATS_TEST_DIRNAME/../lib/registry"

setup_file()
{
	project_begin
	unset CBUILD_BUILDER DOCKER_HOST BUILDX_BUILDER
	export FIRST=$CBUILD_TEST_CACHE/docker SECOND=$CBUILD_TEST_CACHE/docker-second
	"$checkout/tests/lib/docker" fetch "$FIRST" >&2
	if [ ! -e "$SECOND/fetched" ]; then
		mkdir -p "$SECOND/config"
		cp -al "$FIRST/root" "$SECOND/root"
		cp -a "$FIRST/fetched" "$SECOND/fetched"
	fi
	eval "$("$checkout/tests/lib/docker" start "$FIRST")"
	"$checkout/tests/lib/docker" start "$SECOND" >/dev/null
	unset DOCKER_HOST
}

teardown_file()
{
	"$checkout/tests/lib/docker" stop "$SECOND"
	"$checkout/tests/lib/docker" stop "$FIRST"
	project_end
}

setup()
{
	project fleet
	rm -rf .cbuild services
	for service in a b c d; do
		dockerfile services/$service <<-EOF
			FROM scratch
			COPY Dockerfile /$service
		EOF
	done
}

# manifest: the services, and the builders from standard input.
manifest()
{
	{
		printf 'registry: localhost/fleet\nservices:\n'
		printf '  %s: {build: services/%s}\n' a a b b c c d d
		printf 'builders:\n'
		cat
	} >services.yaml
}

build()
{
	cb all --no-load --no-verify "$@"
}

# Which builder made what, from the records.
built_by()
{
	sqlite3 .cbuild/state.db "select node || ' ' || builder from record where node like 'build:%' order by 1" |
		sed 's/ [0-9.]*$//'
}

@test "each platform goes to its builder" {
	manifest <<-EOF
		  here: {driver: docker, addr: "unix://$FIRST/docker.sock"}
		  arm: {driver: docker, addr: "unix://$SECOND/docker.sock", platforms: [linux/arm64]}
	EOF
	build --platforms="$both"
	[ "$status" -eq 0 ]
	equal "$(built_by | sed 's/^build:[a-d]://' | sort | uniq -c | tr -s ' ')" " 4 linux/amd64 here
 4 linux/arm64 arm"
	equal "$(jq -r .architecture "$(image_config localhost/fleet/a:latest linux/arm64)")" arm64
	build --platforms="$both"
	grep -F 'nothing to do' "$err" "$out"
}

@test "builders of one platform share the work by their weight" {
	manifest <<-EOF
		  one: {driver: docker, addr: "unix://$FIRST/docker.sock", platforms: [$host], weight: 3, jobs: 4}
		  two: {driver: docker, addr: "unix://$SECOND/docker.sock", platforms: [$host]}
	EOF
	build --platforms="$host"
	[ "$status" -eq 0 ]
	equal "$(built_by | sed 's/.* //' | sort | uniq -c | tr -s ' ')" " 3 one
 1 two"
}

# helper_asked BUILDER...: how often a credential helper is asked when builders of these names pull a base that none of them has.
helper_asked()
{
	local name base
	base=$(registry_host private)/base:$#
	printf 'FROM scratch\nCOPY Dockerfile /base\n# %s\n' "$# $BATS_TEST_TMPDIR" >Dockerfile
	buildah build --quiet --tag=fleetbase . >/dev/null
	buildah push --quiet --tls-verify=false --creds tester:secret fleetbase "docker://$base"
	buildah rmi --force fleetbase >/dev/null
	sed -i "s|^FROM.*|FROM $base|" services/*/Dockerfile
	for name; do
		printf '  %s: {driver: docker, addr: "unix://%s/docker.sock", platforms: [%s]}\n' "$name" "$FIRST" "$host"
	done | manifest
	: >"$BATS_TEST_TMPDIR/asked"
	build --platforms="$host" -B >&2
	equal "$status" 0 >&2
	equal "$(built_by | sed 's/.* //' | sort -u | wc -l)" "$#" >&2
	wc -l <"$BATS_TEST_TMPDIR/asked"
}

@test "a credential helper is asked once for all of them" {
	local one
	registries_begin
	registry_start private htpasswd
	mkdir "$BATS_TEST_TMPDIR/bin"
	cat >"$BATS_TEST_TMPDIR/bin/docker-credential-count" <<-EOF
		#!/bin/sh
		cat >/dev/null
		echo asked >>"$BATS_TEST_TMPDIR/asked"
		echo '{"ServerURL": "$(registry_host private)", "Username": "tester", "Secret": "secret"}'
	EOF
	chmod +x "$BATS_TEST_TMPDIR/bin/docker-credential-count"
	export PATH=$BATS_TEST_TMPDIR/bin:$PATH DOCKER_CONFIG=$BATS_TEST_TMPDIR/config
	mkdir "$DOCKER_CONFIG"
	printf '{"credHelpers": {"%s": "count"}}\n' "$(registry_host private)" >"$DOCKER_CONFIG/config.json"
	one=$(helper_asked one)
	equal "$one" 2 # by cbuild's own client, and for the builder
	equal "$(helper_asked one two)" "$one"
	registries_end
}

@test "no platform is emulated unless that is allowed, and it is said before anything is built" {
	manifest <<-EOF
		  here: {driver: docker, addr: "unix://$FIRST/docker.sock"}
	EOF
	build --platforms="$both"
	[ "$status" -eq 3 ]
	grep -F 'no builder of the manifest builds for linux/arm64: there are here' "$err"
	grep -F 'emulate: true' "$err"
	equal "$(started)" ""
	sed -i 's/docker.sock"}/docker.sock", emulate: true}/' services.yaml
	build --platforms="$both"
	[ "$status" -eq 0 ]
}

@test "one that is not there is left out; one that is asked for by its name is used alone" {
	manifest <<-EOF
		  gone: {driver: docker, addr: "unix://$PWD/nowhere.sock", platforms: [$host]}
		  here: {driver: docker, addr: "unix://$FIRST/docker.sock"}
	EOF
	build --platforms="$host"
	[ "$status" -eq 0 ]
	grep -F 'the builder gone is left out: cannot connect to' "$err"
	build --platforms="$host" --builder=gone -B
	[ "$status" -eq 3 ]
	build --platforms="$both" --builder=here
	[ "$status" -eq 0 ]
	sed -i '/ here:/d' services.yaml
	build --platforms="$host" -B
	[ "$status" -eq 3 ]
	grep -F "none of the manifest's builders can be used" "$err"
}

@test "one that stops answering: its builds go to the other, or fail with its name" {
	local pid waited=0
	for service in a b c d; do
		cp -a rootfs/"$host_arch" services/$service/rootfs
		printf 'FROM scratch\nCOPY rootfs /\nRUN echo begun; sleep 8; echo %s\n' "$service $BATS_TEST_TMPDIR" >services/$service/Dockerfile
	done
	manifest <<-EOF
		  one: {driver: docker, addr: "unix://$FIRST/docker.sock"}
		  two: {driver: docker, addr: "unix://$SECOND/docker.sock", platforms: [$host, linux/riscv64]}
	EOF
	out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err
	"$cbuild" -v all --no-load --no-verify --platforms="$host" >"$out" 2>"$err" 3>&- &
	pid=$!
	until [ "$(grep -c 'begun$' "$err")" -eq 4 ]; do
		waited=$((waited + 1))
		[ $waited -lt 300 ]
		sleep 0.1
	done
	"$checkout/tests/lib/docker" stop "$SECOND"
	status=0
	wait $pid || status=$?
	cat "$err"
	[ "$status" -eq 0 ]
	grep -F 'the builder two no longer answers and is left out' "$err"
	equal "$(built_by | sed 's/.* //' | sort -u)" one
}
