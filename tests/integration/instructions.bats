#!/usr/bin/env bats
# How many instructions a run takes, counted by valgrind, against bounds: unlike times they do not depend on how busy the
# machine is. The processor counts a little (libraries choose their loops by it), so the bounds are a quarter above what was
# measured. Who makes a run cheaper lowers its bound; who must raise one says why in the commit. `bench/all` has the times.

bats_require_minimum_version 1.5.0

checkout=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
cbuild=${CBUILD:-$checkout/cbuild}

setup()
{
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
	cd "$BATS_TEST_TMPDIR"
}

# Runs cbuild with these arguments: what its own process and threads executed must be at most `bound`, in thousands.
at_most()
{
	local bound=$1 count
	shift
	if ! valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file=counted "$cbuild" "$@" >out 2>err 3>&-; then
		cat out err counted
		return 1
	fi
	count=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' counted)
	echo "$((count / 1000)) of $bound thousand instructions: cbuild $*"
	[ "$count" -gt 0 ]
	[ $((count / 1000)) -le "$bound" ]
}

# Until no file or folder is younger than two seconds: those are read each time.
settle()
{
	local end=$((SECONDS + 60)) quiet=
	while [ $SECONDS -lt $end ]; do
		ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -y -o trace -e trace=getdents64,write "$cbuild" "$@" >out 2>&1 3>&-
		if grep getdents64 trace | grep -F "<$PWD/tree/service" >/dev/null; then continue; fi
		quiet=${quiet:-$((SECONDS + 1))}
		if [ $SECONDS -gt "$quiet" ]; then return 0; fi
	done
	return 1
}

@test "nothing to do: 5 services of 100 files" {
	[ "$(id -u)" -eq 0 ] || skip "buildah is used as root here"
	"$checkout/bench/gen" tree 5 100
	"$cbuild" -C tree --builder=buildah --no-load --no-verify
	settle -C tree --builder=buildah --no-load --no-verify
	grep -q 'nothing to do' out
	at_most 5400 -C tree --builder=buildah --no-load --no-verify
}

@test "a plan: 1,000 services of which nothing is known" {
	"$checkout/bench/gen" tree 1000 0
	at_most 128000 -C tree -n
}

@test "the first hash: 10 MB in 1,000 files" {
	"$checkout/bench/gen" tree 10 100
	find tree -name '*.txt' -exec truncate -s 10240 {} +
	at_most 20500 -C tree -n
}
