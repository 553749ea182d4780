#!/usr/bin/env bats
# What goes on beside each other: an error in a thread ends what it serves, and nothing waits for ever.

. "$BATS_TEST_DIRNAME/../lib/project"

setup_file()
{
	project_begin
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
