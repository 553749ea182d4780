#!/usr/bin/env bats
# Every call that can fail does so once; and kills and power cuts at every call that changes .cbuild (tests/torture/run). Here a sample;
# `make torture` tries all.

. "$BATS_TEST_DIRNAME/../lib/release"

setup_file()
{
	release_begin
	registry_start plain
	export CBUILD=$cbuild TORTURE_LIBRARY=$BATS_FILE_TMPDIR/faults.so TORTURE_SAMPLE=${TORTURE_SAMPLE-25}
	"${CC:-cc}" -O1 -shared -fPIC -o "$TORTURE_LIBRARY" "$checkout/tests/torture/faults.c"
	project torture
	printf 'FROM scratch\nARG TARGETARCH\nCOPY --from=rootfs ${TARGETARCH}/ /\n' | dockerfile base
	printf 'FROM base\nCOPY file /file\nRUN sort /file >/sorted\n' | dockerfile one
	printf 'FROM base\nCOPY file /file\n' | dockerfile two
	echo one | tee one/file >two/file
	cat >services.yaml <<-EOF
		registry: $(registry_host plain)/torture
		source_date_epoch: 1700000000
		services:
		  base: {publish: false, build: {context: base, additional_contexts: {rootfs: rootfs}}}
		  one: {build: {context: one, additional_contexts: {base: "service:base"}}}
		  two: {build: {context: two, additional_contexts: {base: "service:base"}}}
	EOF
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	cb --no-load all
	[ "$status" -eq 0 ]
	cb --no-load all
	[ "$status" -eq 0 ]
	cp -a .cbuild ../built
	export BEFORE=built RIGHT= AFTER=
	export -f built bare images nothing_left equal
}

setup()
{
	cd "$ROOT/torture"
}

# The worlds that runs begin in: everything is built; or nothing, but for what the builder keeps.
built()
{
	rm -rf .cbuild
	cp -a ../built .cbuild
}

bare()
{
	rm -rf .cbuild
}

# What was made.
images()
{
	"$CBUILD" -n --no-load all && jq -c '.manifests | map([.annotations["org.opencontainers.image.ref.name"], .digest]) | sort' .cbuild/oci/index.json
}

torture()
{
	"$checkout/tests/torture/run" "$@"
}

# scenarios: 25
@test "nothing to do" {
	torture nothing --no-load all
}

# scenarios: 25
@test "a dry run" {
	torture dry -n --no-load all
}

# scenarios: 25
@test "list" {
	torture list list
}

# scenarios: 25
@test "why" {
	torture why why one
}

# scenarios: 25
@test "fsck" {
	torture fsck fsck
}

# scenarios: 25
@test "prune" {
	RIGHT=images torture prune prune
}

# scenarios: 25
@test "prune, killed or without power" {
	KINDS=change RIGHT=images torture prune prune
}

# scenarios: 10
@test "a build from nothing" {
	[ "$TORTURE_SAMPLE" -eq 0 ] || TORTURE_SAMPLE=10
	ALLOWED="1 3" BEFORE=bare RIGHT=images AFTER=nothing_left torture build --no-load all
}

# scenarios: 10
@test "a build from nothing, killed or without power" {
	[ "$TORTURE_SAMPLE" -eq 0 ] || TORTURE_SAMPLE=10
	KINDS=change BEFORE=bare RIGHT=images AFTER=nothing_left torture build --no-load all
}
