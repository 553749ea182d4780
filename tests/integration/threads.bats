#!/usr/bin/env bats
# What goes on beside each other: an error in a thread ends what it serves, and nothing waits for ever.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/registry"

setup_file()
{
	project_begin
	registries_begin
	export BATS_TEST_TIMEOUT=120 # what waits for ever fails
	# The docker that the caller has started, or one of this file's own.
	if [ -z "${DOCKER_HOST:-}" ]; then
		own_docker
	fi
}

teardown_file()
{
	if [ -n "${OWN_DOCKER:-}" ]; then
		"$checkout/tests/lib/docker" stop "$OWN_DOCKER"
	fi
	registries_end
	project_end
}

setup()
{
	project threads
	rm -rf .cbuild a b kept
	printf 'project: threads\nregistry: localhost/threads\nservices: {a: {build: a}, b: {build: b}}\n' >services.yaml
	for service in a b; do
		printf 'FROM scratch\nCOPY large /%s\n' $service | dockerfile $service
		head -c 1000000 /dev/urandom >$service/large # more than a pipe takes
	done
}

build()
{
	"${@}" all --builder=docker --platforms="$host" --no-verify --no-load -k
}

load()
{
	"${@}" load a --to=podman
}

# fails FAULT PATH TEXT [COMMAND]: the build, or that, with this fault is an error of this machine's, said with the path.
fails()
{
	rm -rf .cbuild
	[ ! -d kept ] || cp -a kept .cbuild
	"${4:-build}" faulty "$1"
	[ -s "$BATS_TEST_TMPDIR/fault.log" ] || return
	equal "$status" 6 || return
	grep -q "^  .*$2.*: $3" "$err" || grep -q "error: .*$2.*: $3" "$err"
}

# The first two calls find what a killed run left, and make a folder.
@test "an image that cannot be stored as it arrives is an error, and hangs nothing" {
	fails "open EMFILE 3+ oci/tmp" oci/tmp "Too many open files"
	fails "write ENOSPC 1+ oci/tmp" oci/tmp "No space left on device"
	fails "fsync EIO 1 oci/tmp" oci/tmp "Input/output error"
	fails "rename EIO 1 blobs/sha256" blobs/sha256 "Input/output error"
	build cb
	equal "$status" 0
}

# Of the calls for that path the first ones hash it, and the others send it to the daemon.
@test "what cannot be read as it is sent is an error, and hangs nothing" {
	local number call
	for call in open read; do
		number=1
		while fails "$call EIO $number a/large" a/large "Input/output error"; do
			number=$((number + 1))
		done
		[ ! -s "$BATS_TEST_TMPDIR/fault.log" ] # that was the last one
		equal "$status" 0
		[ "$number" -gt 2 ]
	done
}

@test "a base that cannot be read as it is sent is an error, and hangs nothing" {
	local layer
	sed -i 's|{build: b}|{build: {context: b, additional_contexts: {base: "service:a"}}}|' services.yaml
	printf 'FROM base\nCOPY large /b\n' | dockerfile b
	cb a --builder=buildah --platforms="$host" --no-verify --no-load
	equal "$status" 0
	cp -a .cbuild kept
	layer=$(ls -S .cbuild/oci/blobs/sha256 | head -n 1)
	fails "open EIO 1+ $layer" "$layer" "Input/output error"
	fails "read EIO 1+ $layer" "$layer" "Input/output error"
	build cb
	equal "$status" 0
}

@test "an image that cannot be packed for an engine is an error, and hangs nothing" {
	local layer
	cb a --builder=buildah --platforms="$host" --no-verify --no-load
	equal "$status" 0
	cp -a .cbuild kept
	layer=$(ls -S .cbuild/oci/blobs/sha256 | head -n 1)
	fails "open EMFILE 1 image.tar" image.tar "Too many open files" load
	fails "write ENOSPC 1+ image.tar" image.tar "No space left on device" load
	fails "open EIO 1+ $layer" "$layer" "Input/output error" load
	fails "read EIO 1+ $layer" "$layer" "Input/output error" load
	load cb
	equal "$status" 0
}

@test "a secret that cannot be read as it is sent is an error, and hangs nothing" {
	echo hidden >secret
	sed -i 's|{build: a}|{build: {context: a, secrets: [word]}}|; $a secrets: {word: {file: secret}}' services.yaml
	cp -a rootfs/"$host_arch" a/rootfs
	printf 'FROM scratch\nCOPY rootfs /\nRUN --mount=type=secret,id=word cat /run/secrets/word\n' | dockerfile a
	fails "open EIO 1+ threads/secret" threads/secret "Input/output error"
}

@test "a thread that cannot be started is an error or done without, and hangs nothing" {
	local number
	for number in 1 2 3 4 5 6 7 8; do
		rm -rf .cbuild
		build faulty "thread EAGAIN $number"
		[ "$status" -eq 0 ] || { [ "$status" -eq 6 ] && grep -q 'cannot start a thread' "$err"; }
		build cb
		equal "$status" 0
	done
}

# played TOOL: a script of that name in front of the PATH, from standard input; the real one is in $real.
played()
{
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	{
		printf '#!/bin/bash\nreal=%q\ncd %q\n' "$(command -v "$1")" "$BATS_TEST_TMPDIR"
		cat
		printf 'exec "$real" "$@"\n'
	} >"$BATS_TEST_TMPDIR/bin/$1"
	chmod +x "$BATS_TEST_TMPDIR/bin/$1"
}

@test "a build whose base is here does not wait for the base of another" {
	local far
	registry_start plain
	far=$(registry_host plain)/far:1
	cat >services.yaml <<-EOF
		project: threads
		registry: localhost/threads
		services:
		  near: {build: near, publish: false}
		  a: {build: a}
		  b:
		    build: {context: b, additional_contexts: {base: "service:near"}}
		    prepare: {run: [cat, $BATS_TEST_TMPDIR/pulling], outputs: []}
	EOF
	printf 'FROM scratch\nCOPY Dockerfile /near\n' | dockerfile near
	printf 'FROM base\nCOPY Dockerfile /b\n' | dockerfile b
	cb a near --builder=buildah --platforms="$host" --no-verify --no-load
	equal "$status" 0
	skopeo copy -q --dest-tls-verify=false "oci:$PWD/.cbuild/oci:localhost/threads/a:latest" "docker://$far"
	printf 'FROM %s\nCOPY Dockerfile /a\n' "$far" | dockerfile a

	# The base of a comes when b is being built, and b is built when it is on its way.
	mkfifo "$BATS_TEST_TMPDIR/pulling" "$BATS_TEST_TMPDIR/building"
	played buildah <<-'EOF'
		case "$1 ${!#}" in
		"pull docker:"*) echo >pulling && cat building ;;
		"build "*/b) echo >building ;;
		esac >&2
	EOF
	PATH=$BATS_TEST_TMPDIR/bin:$PATH cb a b -j2 --builder=buildah --platforms="$host" --no-verify --no-load
	equal "$status" 0
}

@test "an image is loaded while another one is" {
	mkfifo "$BATS_TEST_TMPDIR/second"
	# The first is loaded when the second comes.
	played podman <<-'EOF'
		if [ "$1" = load ] && mkdir first 2>/dev/null; then
			cat second
		elif [ "$1" = load ]; then
			echo >second
		fi >&2
	EOF
	PATH=$BATS_TEST_TMPDIR/bin:$PATH cb all -j2 --builder=buildah --runtime=podman --platforms="$host" --no-verify
	equal "$status" 0
	[ -d "$BATS_TEST_TMPDIR/first" ]
}

@test "the loop does not read contexts for the keys of the registry cache" {
	local far
	registry_start cache
	far=$(registry_host cache)/threads
	cat >services.yaml <<-EOF
		project: threads
		registry: $far
		cache: {registry: true}
		services:
		  near: {build: near, publish: false}
		  b: {build: {context: b, additional_contexts: {base: "service:near"}}}
	EOF
	printf 'FROM scratch\nCOPY Dockerfile /near\n' | dockerfile near
	printf 'FROM base\nCOPY large /b\n' | dockerfile b
	truncate -s 1G b/large # some seconds to read
	played buildah <<-'EOF'
		case "$1 ${!#}" in
		"build "*/b) exit 1 ;;
		esac
	EOF
	PATH=$BATS_TEST_TMPDIR/bin:$PATH cb b --builder=buildah --platforms="$host" --no-verify --no-load
	equal "$status" 1
	turns_short
}
