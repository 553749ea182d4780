#!/usr/bin/env bats
# cbuild watch: what makes it build again, and what does not.

. "$BATS_TEST_DIRNAME/../lib/project"

setup_file()
{
	project_begin
}

teardown_file()
{
	project_end
}

setup()
{
	project watch
	rm -rf .cbuild web gate log
	cat >services.yaml <<-'EOF'
		registry: localhost/watch
		services:
		  web:
		    build: {context: web, additional_contexts: {rootfs: rootfs}}
		    prepare: {run: [./prepare], inputs: [list], outputs: [web/made]}
	EOF
	printf '#!/bin/sh\nif [ -p gate ]; then read -r line <gate; fi\ncp list web/made\n' >prepare
	chmod +x prepare
	echo one >list
	printf 'FROM scratch\nARG TARGETARCH\nCOPY --from=rootfs ${TARGETARCH}/ /\nCOPY . /web\n' | dockerfile web
	echo ignored >web/.dockerignore
	log=$BATS_TEST_TMPDIR/log
	"$cbuild" watch --no-load >"$log" 2>&1 3>&- &
	watcher=$!
	until_true waits 1
}

teardown()
{
	if kill -0 "$watcher" 2>/dev/null; then kill -TERM "$watcher"; wait "$watcher" || true; fi
	cat "$log"
}

# It has come to wait N times.
waits()
{
	[ "$(grep -c 'waiting for a change' "$log")" -ge "$1" ]
}

builds()
{
	grep -c "^ok   build web" "$log" || true
}

# It has built N times, and waits.
says_built()
{
	[ "$(builds)" -ge "$1" ] && tail -n1 "$log" | grep -q 'waiting for a change'
}

# The kernel tells it of what is there now.
watched()
{
	grep -qs " ino:$(printf %x "$(stat -c %i "$1")") " "/proc/$watcher/fdinfo"/*
}

says()
{
	grep -q -- "$1" "$log"
}

@test "a change that counts builds again, another does not" {
	equal "$(builds)" 1
	echo x >web/ignored
	echo x >unrelated
	echo x >web/file
	until_true waits 2
	equal "$(builds)" 2
	says '^cbuild: web/file .*, building web$'
	# A folder that is new, and then a file in it.
	mkdir web/new
	echo x >web/new/file
	until_true waits 3
	equal "$(builds)" 3
	echo y >web/new/file
	until_true waits 4
	equal "$(builds)" 4
	# An input of prepare: both run, and what prepare writes ends nothing.
	echo two >list
	until_true waits 5
	equal "$(builds)" 5
	! says '^stop'
	says '^cbuild: list changed, building web$'
	kill -INT "$watcher"
	status=0
	wait "$watcher" || status=$?
	equal "$status" 130
	nothing_left
}

@test "a folder that takes the place of another one is watched" {
	local round
	mkdir -p web/sub/deep
	echo 1 >web/sub/deep/file
	until_true says_built 2
	# The same content: nothing is built, but from now on the new one counts.
	for round in 3 4; do
		cp -a web new
		mv web old
		mv new web
		until_true watched web/sub/deep
		rm -rf old
		echo "$round" >web/sub/deep/file
		until_true says_built "$round"
	done
	cp -a web/sub new
	mv web/sub old
	mv new web/sub
	until_true watched web/sub/deep
	echo 5 >web/sub/deep/file
	until_true says_built 5
	rm -rf old
}

@test "a folder that is removed and made again, with the inode number it had, is watched" {
	local round
	mkdir -p web/sub/deep
	echo 2 >web/sub/deep/file
	until_true says_built 2
	for round in 3 4 5; do
		rm -rf web/sub
		mkdir -p web/sub/deep
		echo "$((round - 1))" >web/sub/deep/file
		until_true watched web/sub/deep
		echo "$round" >web/sub/deep/file
		until_true says_built "$round"
	done
}

@test "a Dockerfile and an included manifest that are broken are waited for where they are" {
	mkdir sub
	echo 'services: {db: {image: "db:1"}}' >sub/more.yaml
	(echo 'include: [sub/more.yaml]' && cat services.yaml) >new
	mv new services.yaml
	until_true watched sub
	echo 'services: [' >sub/more.yaml
	until_true says '^sub/more.yaml:1:'
	until_true waits 2
	echo 'services: {db: {image: "db:2"}}' >sub/more.yaml
	until_true waits 3
	echo 'FRM scratch' >web/Dockerfile
	until_true says 'web/Dockerfile:1'
	until_true waits 4
	printf 'FROM scratch\nCOPY . /\n' >web/Dockerfile
	until_true says_built 2
}

@test "a burst of changes is one, in a thousand files" {
	local number
	mkdir web/many
	for number in $(seq 1000); do echo "$number" >"web/many/$number"; done
	until_true waits 2
	for number in $(seq 1000); do echo "again $number" >"web/many/$number"; done
	until_true waits 3
	[ "$(builds)" -le 6 ]
	equal "$("$cbuild" --no-load -n 2>/dev/null | tail -n1)" '0 to do, 3 up to date'
}

@test "a build that is outdated is ended" {
	mkfifo gate
	echo two >list
	until_true says '^\.\.\.  prepare web (list changed)'
	rm gate
	mkfifo gate.new
	echo three >list
	until_true says '^stop prepare web'
	until_true waits 2
	equal "$(cat web/made)" three
	equal "$(grep -c '^stop' "$log")" 1
}

@test "a broken manifest is complained about, and mended" {
	cp services.yaml good
	echo 'services: [' >services.yaml
	until_true says '^services.yaml:1:'
	until_true waits 2
	cp good services.yaml
	until_true waits 3
	equal "$(builds)" 1
	says 'nothing to do'
	kill -0 "$watcher"
}
