#!/usr/bin/env bats
# What cannot be read is said to be just that, with its path and status 6: never that it is not there, was never built or is
# wrong. And what a limit of the system, or of memory, is in the way of.

. "$BATS_TEST_DIRNAME/../lib/project"

setup_file()
{
	project_begin
	project faults
	dockerfile app <<-'EOT'
		FROM scratch
		COPY data /data/
	EOT
	mkdir -p app/data
	echo one >app/data/file
	echo unused >app/.dockerignore
	echo 'services: {db: {image: db:1}}' >more.yaml
	echo WORD=1 >app.env
	cat >services.yaml <<-'EOT'
		registry: localhost/faults
		include: [more.yaml]
		services:
		  app:
		    build: app
		    env_file: app.env
		    ports: ["80"]
		    verify: {tcp: 80, run: [[./check.sh]]}
	EOT
	printf '#!/bin/sh\n' >check.sh
	chmod +x check.sh
	cb --no-verify
	[ "$status" -eq 0 ]
	cp -a . ../fresh
}

teardown_file()
{
	project_end
}

setup()
{
	cd "$ROOT/faults"
	rm -rf .cbuild
	cp -a ../fresh/.cbuild .
}

# unreadable FAULT PATH ARGUMENTS...
unreadable()
{
	faulty "$1" "${@:3}"
	equal "$status" 6 || return
	grep -q "error: .*$2.*: Input/output error" "$err" || return
	equal "$(wc -l <"$out")" 0 || return
	[ -s "$BATS_TEST_TMPDIR/fault.log" ]
}

@test "a state that cannot be read is no state without records" {
	local command
	for command in -n "why app" history stats list images "hash app"; do
		unreadable "stat EIO 1+ /state.db" state.db $command
		unreadable "read EIO 1+ /state.db" state.db $command
		unreadable "stat EIO 1+ oci-layout" oci-layout $command
	done
}

@test "a page of the state that cannot be read once, or any more, is no damage" {
	local number expected
	cb -n
	expected=$(cat "$out")
	for number in $(seq 40); do
		for number in "$number" "$number+"; do
			faulty "read EIO $number /state.db" -n
			[ -s "$BATS_TEST_TMPDIR/fault.log" ] || break 2
			[ "$status" -eq 6 ] || equal "$(cat "$out")" "$expected"
		done
	done
	[ "${number%+}" -gt 5 ]
	faulty "read EIO 5+ /state.db" --no-verify
	equal "$status" 6
	[ ! -e .cbuild/state.db.damaged ]
}

@test "a store that cannot be read is not empty" {
	local command
	for command in -n "why app"; do
		unreadable "open EIO 1+ index.json" oci/index.json $command
		unreadable "read EIO 1+ index.json" oci/index.json $command
		unreadable "stat EIO 1+ blobs/sha256" oci/blobs/sha256 $command
		unreadable "read EIO 1+ blobs/sha256" oci/blobs/sha256 $command
		unreadable "read EIO 1+ images.json" containers/root/overlay-images/images.json $command
	done
	unreadable "stat EIO 1+ blobs/sha256" oci/blobs/sha256 images
	unreadable "stat EIO 1+ blobs/sha256" oci/blobs/sha256 load --to podman
}

@test "a blob that cannot be examined is not removed" {
	local command number blobs refused
	cb prune
	rm -rf ../pruned
	cp -a .cbuild ../pruned
	blobs=$(ls .cbuild/oci/blobs/sha256)
	for command in prune fsck; do
		refused=0
		for number in $(seq 40); do
			rm -rf .cbuild
			cp -a ../pruned .cbuild
			faulty "stat EIO $number $(head -c 30 <<<"$blobs")" $command
			[ -s "$BATS_TEST_TMPDIR/fault.log" ] || break
			[ "$status" -eq 0 ] || { equal "$status" 6 && refused=1; }
			equal "$(ls .cbuild/oci/blobs/sha256)" "$blobs"
		done
		equal "$refused" 1
	done
}

@test "a source that cannot be read is no mistake of its author's" {
	local name
	for name in services.yaml more.yaml app.env .env Dockerfile .dockerignore services.lock; do
		unreadable "open EIO 1+ $name" "$name" -n
	done
	unreadable "stat EIO 1+ services.yaml" services.yaml -n
	unreadable "read EIO 1+ Dockerfile" app/Dockerfile -n
	unreadable "stat EIO 1+ check.sh" check.sh -n
	rm -f .cbuild/statindex
	unreadable "stat EIO 1+ data" app/data -n
	unreadable "open EIO 1+ data" app/data -n
	unreadable "readdir EIO 1+ app/data" app/data -n
	unreadable "open EIO 1+ data/file" app/data/file -n
	unreadable "read EIO 1+ app/data/file" app/data/file -n
}

@test "memory that runs out in a library is that" {
	local library number
	# What libjansson and libcrypto allocate comes from cbuild itself.
	for library in libyaml libsqlite3 libjansson libcrypto /cbuild; do
		for number in 1 2 5 9 20 30 100 200 1000 2000 3000; do
			faulty "alloc ENOMEM $number $library" load --to podman
			[ -s "$BATS_TEST_TMPDIR/fault.log" ] || continue
			equal "$status" 70
			equal "$(cat "$err")" "cbuild: out of memory"
		done
	done
}

@test "without threads or descriptors it is said which limit to raise" {
	local limit
	faulty "thread EAGAIN 1+" -B --no-verify
	equal "$status" 6
	grep -q "cannot start a thread: Resource temporarily unavailable" "$err"
	grep -q "ulimit -u is" "$err"
	# Up to where the builder can be started, which then lacks some itself.
	for limit in $(seq 6 22); do
		out=$BATS_TEST_TMPDIR/out
		status=0
		sh -c "ulimit -n $limit && exec \"\$0\" -B --no-verify" "$cbuild" >/dev/null 2>"$out" 3>&- || status=$?
		cat "$out"
		equal "$status" 6
		grep -q "Too many open files" "$out"
		grep -q "ulimit -n is $limit" "$out"
	done
}
