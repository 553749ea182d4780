#!/usr/bin/env bats
# What finding out that there is nothing to do costs: each file is looked at once, no folder is read that has not
# changed. Needs no builder: -n decides as a run does.

bats_require_minimum_version 1.5.0

checkout=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
cbuild=${CBUILD:-$checkout/cbuild}

setup()
{
	# -n makes no state, but keeps what it hashed where there is one
	mkdir -p "$BATS_TEST_TMPDIR/project/.cbuild"
	cd "$BATS_TEST_TMPDIR/project"
}

# Runs cbuild -n under strace: the calls that look at files or read folders are in the file `trace` beside the project.
traced()
{
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -y -s 4096 -o ../trace -e trace=%file,fstat,getdents64,write \
		"$cbuild" -n "$@" >../out 3>&-
}

# The paths that were looked at, as often as they were: "newfstatat(5</dir>, "name", ..." and "lstat("/dir/name", ...".
looked_at()
{
	sed -nE \
		-e 's/^[0-9]+ +(newfstatat|statx)\([^<]*<[^>]*>, "(\/[^"]*)".*/\2/p;t' \
		-e 's/^[0-9]+ +(newfstatat|statx)\([^<]*<([^>]*)>, "".*/\2/p;t' \
		-e 's/^[0-9]+ +(newfstatat|statx)\([^<]*<([^>]*)>, "([^"]*)".*/\2\/\3/p;t' \
		-e 's/^[0-9]+ +l?stat\("([^"]*)".*/\1/p;t' \
		-e 's/^[0-9]+ +fstat\([0-9]+<([^>]*)>.*/\1/p' ../trace
}

folders_read()
{
	sed -nE 's/^[0-9]+ +getdents64\([0-9]+<([^>]*)>.*/\1/p' ../trace | grep -F "$PWD" | grep -vF "$PWD/.cbuild" | sort -u
}

# A run in which no folder was read, after those that had to be: folders younger than two seconds are read each time. Not
# the first such run, but one a second later: a file may be a little younger than its folder.
settle()
{
	local end=$((SECONDS + 60)) quiet=
	while [ $SECONDS -lt $end ]; do
		traced "$@"
		if [ -n "$(folders_read)" ]; then continue; fi
		quiet=${quiet:-$((SECONDS + 1))}
		if [ $SECONDS -gt "$quiet" ]; then return 0; fi
	done
	folders_read
	return 1
}

# What of the files below these folders was not looked at exactly once.
not_once()
{
	local path
	looked_at | sort | uniq -c >../counts
	find "$@" -mindepth 1 -not -path '*/.cbuild*' | while read -r path; do
		[ "$(awk -v path="$PWD/$path" '$2 == path { print $1 }' ../counts)" = 1 ] || echo "$path"
	done
}

@test "each file of a context that services, platforms and other contexts share is looked at once" {
	mkdir -p app/src/deep app/lib common
	touch app/src/one app/src/deep/two app/lib/three common/four
	ln -s one app/src/link
	printf 'FROM scratch\nCOPY . /\n' | tee app/Dockerfile app/lib/Dockerfile >common/Dockerfile
	printf 'FROM scratch\nCOPY src /\nCOPY --from=common four /\n' >app/Other
	cat >services.yaml <<-'END'
		project: free
		registry: localhost/free
		platforms: [linux/amd64, linux/arm64]
		services:
		  whole: {build: app}
		  again: {build: app}
		  part: {build: {context: app, dockerfile: Other, additional_contexts: {common: common}}}
		  nested: {build: app/lib}
		  common: {build: common}
	END
	settle
	# what is read is opened by its name and looked at by its descriptor as well
	[ "$(not_once app/src common/four app/lib/three)" = "" ]
	[ "$(looked_at | grep -cFx "$PWD/app/Dockerfile")" -le 4 ]
}

@test "nothing but the index of the files is written, and that once" {
	mkdir app
	touch app/one
	printf 'FROM scratch\nCOPY . /\n' >app/Dockerfile
	echo 'services: {app: {build: app}}' >services.yaml
	settle
	traced
	run ! grep -E 'O_(WRONLY|RDWR|CREAT)' ../trace
	run ! grep -E 'lib(curl|git2|ssl|nghttp2|protobuf)' ../trace
}

@test "a folder that has not changed is not read; what is new in one that has is found" {
	mkdir -p app/a/b app/c
	touch app/a/b/one app/c/two
	printf 'FROM scratch\nCOPY . /\n' >app/Dockerfile
	echo 'services: {app: {build: app}}' >services.yaml
	settle
	"$cbuild" context app >../before
	touch app/a/b/new
	traced
	[ "$(folders_read)" = "$PWD/app/a/b" ]
	"$cbuild" context app >../after
	[ "$(diff ../before ../after | grep '^[<>]')" = "> app/a/b/new" ]
	settle
	rm app/c/two
	traced
	[ "$(folders_read)" = "$PWD/app/c" ]
	"$cbuild" context app >../now
	run ! grep two ../now
}

@test "a folder on a file system that may not date its folders is read each time" {
	[ "$(id -u)" -eq 0 ] || skip "mounting needs root"
	mkdir -p app/here app/there
	touch app/here/one
	printf 'FROM scratch\nCOPY . /\n' >app/Dockerfile
	echo 'services: {app: {build: app}}' >services.yaml
	cat >../inside <<-'END'
		set -eu
		mount -t ramfs none app/there
		mkdir app/there/below
		touch app/there/below/two
		# as long as it takes until the others are not read any more
		end=$((SECONDS + 60))
		while [ $SECONDS -lt $end ]; do
			strace -f -y -o ../trace -e trace=getdents64 "$1" -n >../out
			grep -q 'app/here>' ../trace || break
		done
		! grep -q 'app/here>' ../trace
		grep -q 'app/there>' ../trace
		grep -q 'app/there/below>' ../trace
	END
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 unshare -m --propagation private bash ../inside "$cbuild"
}
