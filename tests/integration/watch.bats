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
	kill -INT "$watcher"
	status=0
	wait "$watcher" || status=$?
	equal "$status" 130
	nothing_left
}

@test "a burst of changes is one, in a thousand files" {
	local number
	mkdir web/many
	for number in $(seq 1000); do echo "$number" >"web/many/$number"; done
	until_true waits 2
	for number in $(seq 1000); do echo "again $number" >"web/many/$number"; done
	until_true waits 3
	[ "$(builds)" -le 6 ]
	equal "$("$cbuild" --no-load -n 2>/dev/null | tail -n1)" '0 stale, 0 decided while running, 3 fresh'
}

@test "a build that is outdated is ended" {
	mkfifo gate
	echo two >list
	until_true says '^\.\.\.  prepare web  \[file list\]'
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
