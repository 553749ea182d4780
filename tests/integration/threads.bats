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
		export OWN_DOCKER=$CBUILD_TEST_CACHE/docker
		"$checkout/tests/lib/docker" fetch "$OWN_DOCKER" >&2
		eval "$("$checkout/tests/lib/docker" start "$OWN_DOCKER")"
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
	rm -rf .cbuild a b
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

@test "a pipe for an image that cannot be opened is an error, and hangs nothing" {
	build faulty "open EMFILE 1 image.pipe"
	equal "$status" 6
	grep -q 'image.pipe: Too many open files' "$err"
	build cb
	equal "$status" 0
}

@test "what cannot be read of an image is an error, and hangs nothing" {
	build faulty "read EIO 1+ image.pipe"
	[ "$status" -ne 0 ]
	build cb
	equal "$status" 0
}

@test "a thread that cannot be started is an error or done without, and hangs nothing" {
	local number
	for number in 1 2 3 4 5 6 7 8; do
		rm -rf .cbuild
		build faulty "thread EAGAIN $number"
		[ "$status" -eq 0 ] || grep -q 'cannot start a thread' "$err"
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
