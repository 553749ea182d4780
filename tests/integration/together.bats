#!/usr/bin/env bats
# Several cbuilds at once on one checkout: each node is made once, and all that was made is in the store.

. "$BATS_TEST_DIRNAME/../lib/project"

services=16

setup_file()
{
	project_begin
	export GATE=300.$$ # seconds, and told from every other sleep
}

teardown_file()
{
	project_end
}

# Sixteen services that have nothing in common, and whose builds are over about the same time.
make_together()
{
	local i
	project together
	{
		printf 'project: together\nregistry: localhost/together\nsource_date_epoch: 1700000000\nservices:\n'
		for i in $(seq $services); do
			printf '  s%d: {build: s%d}\n' "$i" "$i"
		done
	} >services.yaml
	for i in $(seq $services); do
		printf 'FROM scratch\nCOPY file /file\n' | dockerfile "s$i"
		echo "service $i" >"s$i/file"
	done
}

# start NAME ARGUMENTS...: a cbuild in the background, its output in the file NAME; its process in $pid.
start()
{
	local name=$1
	shift
	"$cbuild" "$@" >"$BATS_TEST_TMPDIR/$name.out" 2>"$BATS_TEST_TMPDIR/$name" 3>&- &
	pid=$!
}

# end PID: its status in $status.
end()
{
	status=0
	wait "$1" || status=$?
}

all_nodes()
{
	local i
	for i in $(seq $services); do
		printf 'build s%d %s\nindex s%d\n' "$i" "$host" "$i"
	done | sort
}

reused()
{
	sed -n 's/^ok   \(.*\) (made by another cbuild in the meantime)$/\1/p' "$1" | sort
}

@test "two cbuilds at the same time: every node is made once, all images are in the store, both end well" {
	local first second i
	make_together
	cd "$ROOT/together"
	start one -j 8 all --platforms=$host --no-load
	first=$pid
	start two -j 8 all --platforms=$host --no-load
	second=$pid
	end $first
	cat "$BATS_TEST_TMPDIR/one"
	equal "$status" 0
	end $second
	cat "$BATS_TEST_TMPDIR/two"
	equal "$status" 0
	# Each was made by one of them, and by one only; the other found it made, before it began or when it came to it.
	equal "$(cat <(finished "$BATS_TEST_TMPDIR/one") <(finished "$BATS_TEST_TMPDIR/two") | sort)" "$(all_nodes)"
	for i in one two; do
		equal "$(comm -12 <(finished "$BATS_TEST_TMPDIR/$i") <(reused "$BATS_TEST_TMPDIR/$i"))" ""
	done
	equal "$(cat <(reused "$BATS_TEST_TMPDIR/one") <(reused "$BATS_TEST_TMPDIR/two") | sort | uniq -d)" ""
	equal "$(jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' .cbuild/oci/index.json | sort)" \
		"$(for i in $(seq $services); do echo "localhost/together/s$i:latest"; done | sort)"
	for i in $(seq $services); do
		skopeo inspect "oci:.cbuild/oci:localhost/together/s$i:latest" >/dev/null
	done
	cb -n all --platforms=$host --no-load --exit-code
	equal "$status" 0
	nothing_left
}

# make_shared NAME: a project with a service whose build waits until the gate is opened.
make_shared()
{
	project "$1"
	cat >services.yaml <<-EOF
		project: $1
		registry: localhost/$1
		services:
		  base: {publish: false, build: {context: rootfs, dockerfile: ../base/Dockerfile}}
		  slow: {build: {context: slow, additional_contexts: {base: "service:base"}}}
		  quick: {build: quick}
	EOF
	printf 'FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH}/ /\n' | dockerfile base
	dockerfile slow <<-EOF
		FROM base
		COPY file /file
		RUN echo waiting; ! sleep $GATE && : $ROOT/gate-of-$1
	EOF
	printf 'FROM scratch\nCOPY file /file\n' | dockerfile quick
	echo "$1" | tee quick/file >slow/file
}

# The steps that wait, on this machine's processes, go on when what they wait for is ended.
open_gate()
{
	pkill -f "^sleep $GATE\$"
}

has_line()
{
	grep -q "$2" "$BATS_TEST_TMPDIR/$1"
}

waits_for_lock()
{
	has_line "$1" "^\.\.\.  build slow"
}

@test "two cbuilds on the same service: the second waits for the first and takes what it made" {
	local first second
	make_shared waiting
	start one -v slow --platforms=$host
	first=$pid
	until_true has_line one '| waiting$'
	start two -v slow --platforms=$host
	second=$pid
	until_true waits_for_lock two
	open_gate
	end $first
	cat "$BATS_TEST_TMPDIR/one"
	equal "$status" 0
	end $second
	cat "$BATS_TEST_TMPDIR/two"
	equal "$status" 0
	equal "$(grep -c "^ok   build slow $host (made by another cbuild in the meantime)" "$BATS_TEST_TMPDIR/two")" 1
	equal "$(grep -c '| waiting$' "$BATS_TEST_TMPDIR/two")" 0
	nothing_left
}

@test "what another cbuild made after this one had looked is taken, not made again" {
	local first
	make_shared later
	# Of nodes that never ran, one on the longest path comes first: the base, and then what stands on it.
	start one -j1 -v slow quick --platforms=$host
	first=$pid
	until_true has_line one '| waiting$'
	cb quick --platforms=$host
	equal "$status" 0
	equal "$(started)" "$(lines "build quick $host" 'index quick' 'load quick')"
	open_gate
	end $first
	cat "$BATS_TEST_TMPDIR/one"
	equal "$status" 0
	equal "$(reused "$BATS_TEST_TMPDIR/one")" "$(lines "build quick $host" 'index quick' 'load quick')"
	equal "$(finished "$BATS_TEST_TMPDIR/one")" "$(lines "build base $host" "build slow $host" 'index slow' 'load slow')"
}

@test "a killed holder's lock is free at once: the one that waits makes the node itself" {
	local first second
	make_shared killed
	start one -v slow --platforms=$host
	first=$pid
	until_true has_line one '| waiting$'
	start two -v slow --platforms=$host
	second=$pid
	until_true waits_for_lock two
	kill -KILL $first
	end $first
	until_true has_line two '| waiting$'
	open_gate
	end $second
	cat "$BATS_TEST_TMPDIR/two"
	equal "$status" 0
	grep -E "^ok   build slow $host [0-9.]+s" "$BATS_TEST_TMPDIR/two"
	cb slow --platforms=$host
	equal "$status" 0
	nothing_left
}

# The runs that the state knows of.
runs()
{
	python3 -c 'import sqlite3; print(*sqlite3.connect(".cbuild/state.db").execute("SELECT count(*), max(id) FROM run").fetchone())'
}

runs_are()
{
	[ "$(runs)" = "$1" ]
}

@test "a sweep that looks at a new run's lock is waited for" {
	local count last holder
	make_shared swept
	cb quick --platforms=$host --no-load
	equal "$status" 0
	read -r count last <<<"$(runs)"
	# As a sweep does: it holds the lock of a run that it takes for a dead one as long as it looks.
	mkfifo "$BATS_TEST_TMPDIR/looked"
	flock ".cbuild/run/$((last + 1)).lock" cat "$BATS_TEST_TMPDIR/looked" 3>&- &
	holder=$!
	until_true bash -c "! flock -n .cbuild/run/$((last + 1)).lock true"
	echo more >>quick/file
	start one quick --platforms=$host --no-load
	until_true runs_are "$((count + 1)) $((last + 1))"
	: >"$BATS_TEST_TMPDIR/looked"
	wait $holder
	end $pid
	cat "$BATS_TEST_TMPDIR/one"
	equal "$status" 0
	nothing_left
}

make_five()
{
	local i
	project "$1"
	{
		printf 'project: %s\nregistry: localhost/%s\nservices:\n' "$1" "$1"
		for i in 1 2 3 4 5; do
			printf '  s%d: {build: {context: rootfs, dockerfile: ../Dockerfile, args: {N: "%d"}}}\n' "$i" "$i"
		done
	} >services.yaml
	printf 'FROM scratch\nARG TARGETARCH\nARG N\nCOPY ${TARGETARCH}/ /\nRUN echo "$N" >/n\n' >Dockerfile
	printf 'all:\n\t+%s all --platforms=%s --no-load\nplain:\n\t%s all -B --platforms=%s --no-load\n' "$cbuild" "$host" "$cbuild" "$host" >Makefile
}

# The most nodes that ran at the same time, from plain progress.
most_at_once()
{
	awk '/^\.\.\.  build/ { if (++n > most) most = n } /^ok   build/ { n-- } END { print most + 0 }' "$1"
}

@test "under make, its job slots count: as many builds at once as it gives, all given back" {
	make_five slots
	make -j3 2>"$BATS_TEST_TMPDIR/err" 3>&- 4>&-
	cat "$BATS_TEST_TMPDIR/err"
	equal "$(most_at_once "$BATS_TEST_TMPDIR/err")" 3
	run ! grep -i 'jobserver\|job slots' "$BATS_TEST_TMPDIR/err"
	# No slot but the one that a command has anyway.
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	exec 7<>"$BATS_TEST_TMPDIR/fifo"
	MAKEFLAGS="-j1 --jobserver-auth=fifo:$BATS_TEST_TMPDIR/fifo" cb all -B --platforms=$host --no-load
	equal "$status" 0
	equal "$(most_at_once "$err")" 1
	MAKEFLAGS="-j1 --jobserver-auth=fifo:$BATS_TEST_TMPDIR/fifo" cb all -j2 -B --platforms=$host --no-load
	equal "$status" 0
	equal "$(most_at_once "$err")" 2
	exec 7>&-
	# A rule without "+" does not get them.
	make -j3 plain 2>"$BATS_TEST_TMPDIR/err" 3>&- 4>&-
	grep -F 'its rule needs a "+"' "$BATS_TEST_TMPDIR/err"
	nothing_left
}
