#!/usr/bin/env bats
# Contexts, indexes and states that nobody wishes for: each has a clear outcome.

. "$BATS_TEST_DIRNAME/../lib/project"

setup_file()
{
	project_begin
}

teardown_file()
{
	project_end
}

# A project of its own for each test: "app" copies all of its folder.
setup()
{
	export DIR=$BATS_TEST_TMPDIR/project
	mkdir -p "$DIR/app"
	cd "$DIR"
	printf 'project: bad\nregistry: localhost/bad\nservices:\n  app: {build: app}\n' >services.yaml
	printf 'FROM scratch\nCOPY . /\n' >app/Dockerfile
	echo one >app/file
}

teardown()
{
	cd /
	if mountpoint -q "$DIR/.cbuild"; then
		umount "$DIR/.cbuild"
	fi
}

plan()
{
	cb -n all --platforms="$host"
}

build()
{
	cb all --platforms="$host" --no-verify --no-load
}

# refused STATUS TEXT...: the plan ends so, and says all of this; when the entry is ignored, it is no error.
refused()
{
	local text
	plan
	equal "$status" "$1"
	shift
	for text in "$@"; do
		grep -qF -- "$text" "$err"
	done
	echo bad >app/.dockerignore
	plan
	equal "$status" 0
}

@test "a file that cannot be read" {
	echo secret >app/bad
	chmod 0 app/bad
	if [ "$(id -u)" -eq 0 ]; then
		# Nothing is closed to root.
		chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR/.." "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR"
		chown -R 65534:65534 .
		cp "$cbuild" "$BATS_TEST_TMPDIR/cbuild"
		printf '#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups %s "$@"\n' "$BATS_TEST_TMPDIR/cbuild" \
			>"$BATS_TEST_TMPDIR/as-nobody"
		chmod 755 "$BATS_TEST_TMPDIR/as-nobody"
		cbuild=$BATS_TEST_TMPDIR/as-nobody
	fi
	refused 6 app/bad "Permission denied"
}

@test "a named pipe, a socket, a device" {
	mkfifo app/bad
	refused 2 app/bad "named pipe"
	rm app/bad app/.dockerignore
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("app/bad")'
	refused 2 app/bad socket
	rm app/bad app/.dockerignore
	if [ "$(id -u)" -eq 0 ]; then
		mknod app/bad c 1 3
		refused 2 app/bad device
	fi
}

@test "git's configuration in the checkout: planning does not wait for what it names" {
	git init -q .
	git add .
	git -c user.name=a -c user.email=a@example.org commit -qm 1
	printf 'services:\n  app: {build: {context: app, tags: ["${git.describe}"]}}\n' >services.yaml
	mkfifo pipe
	printf '[include]\n\tpath = ../pipe\n' >>.git/config
	for command in "-n" list graph "why app" "context app" "list @since:HEAD"; do
		echo "--- $command"
		cb $command
		equal "$status" 2
		grep -q "pipe: is a named pipe, which git would wait for" "$err"
	done
}

@test "git's configuration in the checkout: nothing that it names is run" {
	git init -q .
	git config protocol.ext.allow always
	git config 'url.ext::sh -c touch% ran;false% .insteadOf' http://
	git config credential.helper '!touch ran; false'
	printf 'services:\n  app: {build: "http://127.0.0.1:9/x.git#main"}\n' >services.yaml
	cb lock
	equal "$status" 4
	cb app
	equal "$status" 4
	[ ! -e ran ]
}

@test "links in a circle count by their text, and are not followed" {
	ln -s loop app/loop
	ln -s b app/a
	ln -s a app/b
	ln -s . app/self
	ln -s ../app app/up
	build
	equal "$status" 0
	build
	grep -q "nothing to do" "$err"
	printf 'FROM scratch\nCOPY loop a self/self/file up/up/file /\n' >app/Dockerfile
	plan
	equal "$status" 0
	grep -q "build:app:.* app/Dockerfile" "$out"
}

@test "a link out of the tree brings nothing from there" {
	echo outside >outside
	ln -s ../outside app/out
	ln -s / app/root
	build
	equal "$status" 0
	printf 'FROM scratch\nCOPY out root/etc/hostname /x/\n' >app/Dockerfile
	build
	[ "$status" -ne 0 ]
	grep -q "out\|hostname" "$err"
}

@test "names with a newline, of no UTF-8, of escape sequences" {
	local name
	for name in $'new\nline' $'\377\376' $'\033[2J' ' ' '-rf' '*' '\' $'tab\t'; do
		echo "$name" >"app/$name"
	done
	plan
	equal "$status" 0
	build
	equal "$status" 0
	build
	grep -q "nothing to do" "$err"
	echo other >$'app/new\nline'
	echo other >$'app/\377\376'
	echo other >$'app/\033[2J'
	plan
	equal "$status" 0
	grep -qF 'app/new\x0aline' "$out" "$err"
	! grep -q $'\033' "$out" "$err"
	"$cbuild" -n --json all --platforms="$host" | jq -e '.nodes | length > 0' >/dev/null
	"$cbuild" context -0 app | tr '\0' '\n' | grep -qxF 'app/\'
}

@test "100,000 files in one folder" {
	mkdir app/many
	seq -f 'app/many/file-%06.0f' 100000 | xargs touch
	equal "$("$cbuild" context app | wc -l)" 100002
	echo other >app/many/file-050000
	rm app/many/file-070000
	touch app/many/last
	equal "$("$cbuild" context app | wc -l)" 100002
}

@test "a sparse file of 10 GB: not opened when it is ignored, told by its content when it counts" {
	local before
	truncate -s 10G app/bad
	echo bad >app/.dockerignore
	strace -f -qq -e trace=openat,open -o trace "$cbuild" -n all --platforms="$host" >/dev/null
	! grep -q app/bad trace
	rm app/.dockerignore
	before=$("$cbuild" hash app --platforms="$host")
	printf x | dd of=app/bad bs=1 seek=5000000000 conv=notrunc status=none
	[ "$("$cbuild" hash app --platforms="$host")" != "$before" ]
	printf '\0' | dd of=app/bad bs=1 seek=5000000000 conv=notrunc status=none
	equal "$("$cbuild" hash app --platforms="$host")" "$before"
}

# Plans, and stops at every second read of app/bad: it has grown when the plan goes on, and reads end all the same.
plan_while_it_grows()
{
	local pid what
	mkfifo "$BATS_TEST_TMPDIR/trace"
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -o "$BATS_TEST_TMPDIR/trace" -P "$DIR/app/bad" -e trace=read \
		-e inject=read:signal=SIGSTOP:when=1+2 "$cbuild" -n all --platforms="$host" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	while read -r pid what; do
		[ "$what" = "--- stopped by SIGSTOP ---" ] || continue
		echo more >>app/bad
		kill -CONT "$pid"
	done <"$BATS_TEST_TMPDIR/trace"
	status=0
	wait $! || status=$?
	cat "$BATS_TEST_TMPDIR/err"
}

@test "a file that grows while it is read" {
	echo one >app/bad
	plan_while_it_grows
	equal "$status" 2
	grep -F "app/bad: changes while it is read" "$BATS_TEST_TMPDIR/err"
	plan
	equal "$status" 0
}

# injected CALL ERROR: plans while the system gives that error for app/bad.
injected()
{
	status=0
	# A sanitizer cannot look for leaks in a process that is traced.
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -o "$BATS_TEST_TMPDIR/trace" -P "$DIR/app/bad" -e trace="$1" \
		-e inject="$1:error=$2" "$cbuild" -n all --platforms="$host" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- ||
		status=$?
	cat "$BATS_TEST_TMPDIR/err"
	grep -q INJECTED "$BATS_TEST_TMPDIR/trace"
}

@test "a file that vanishes before it is read, and one that the disk cannot read" {
	echo bad >app/bad
	injected openat ENOENT
	equal "$status" 2
	grep -F "app/bad: vanished while the context was read" "$BATS_TEST_TMPDIR/err"
	injected read EIO
	equal "$status" 6
	grep -F "app/bad: cannot be read: Input/output error" "$BATS_TEST_TMPDIR/err"
	plan
	equal "$status" 0
}

@test "times in the future" {
	touch -d '2099-01-01' app/file app services.yaml app/Dockerfile
	build
	equal "$status" 0
	build
	grep -q "nothing to do" "$err"
	printf two >app/file # one byte less than "one"
	touch -d '2099-01-01' app/file
	plan
	grep -qF "app/file changed" "$out"
}

@test "a stat index that is cut off, changed, of another version: only slower" {
	local size at
	touch -d @1000000000 app/file app/Dockerfile
	build
	# Times that the index may hold: it is written anew by a plan.
	until_true index_is_kept
	cp .cbuild/statindex good
	size=$(stat -c %s good)
	for at in 0 9 24 30 $((size / 3)) $((size / 2)) $((size - 2)); do
		cp good .cbuild/statindex
		printf '\377\001' | dd of=.cbuild/statindex bs=1 seek="$at" conv=notrunc status=none
		build
		grep -q "nothing to do" "$err"
		head -c "$at" good >.cbuild/statindex
		build
		grep -q "nothing to do" "$err"
	done
	rm .cbuild/statindex
	mkdir .cbuild/statindex
	plan
	equal "$status" 0
}

index_is_kept()
{
	plan >/dev/null
	[ -s .cbuild/statindex ] && grep -aq file .cbuild/statindex
}

# leaks_nothing STATUS ARGUMENTS...: the run says nothing of what is in the stranger's target.
leaks_nothing()
{
	cb "${@:2}"
	equal "$status" "$1" || return
	! grep -q hunter2 "$out" "$err"
}

@test "what a manifest names outside of the project, through links too, is refused unless that is allowed" {
	local outside=$BATS_TEST_TMPDIR/outside name
	mkdir -p "$outside"
	printf 'hunter2 is no manifest\nTOKEN hunter2\n' >"$outside/text"
	printf 'services: {db: {image: "db:1"}}\ntemplates: {t: {publish: false}}\n' >"$outside/more.yaml"
	echo 'WORD=one' >"$outside/good.env"
	ln -s "$outside/text" link
	for name in "$outside/text" link; do
		echo "include: [$name]" >services.yaml
		leaks_nothing 2 -n
		grep -q "is outside of the project" "$err"
		grep -q -- "--allow-outside" "$err"
		leaks_nothing 2 -n --allow-outside
		printf 'services:\n  a: {image: "a:1", extends: {file: %s, service: a}}\n' "$name" >services.yaml
		leaks_nothing 2 -n
		grep -q "is outside of the project" "$err"
		printf 'services:\n  a: {build: app, env_file: %s, verify: {tcp: 80}}\n' "$name" >services.yaml
		leaks_nothing 2 -n
		grep -q "is outside of the project" "$err"
		leaks_nothing 2 -n --allow-outside
		printf 'include: [{path: app/more.yaml, env_file: %s}]\n' "$name" >services.yaml
		echo 'services: {}' >app/more.yaml
		leaks_nothing 2 -n
		grep -q "is outside of the project" "$err"
	done
	printf 'hunter2:x:1::\n' >"$outside/passwd"
	printf 'services:\n  a: {image: a, build: {context: app, dockerfile: %s}}\n' "$outside/passwd" >services.yaml
	leaks_nothing 2 -n
	echo "include: [$outside/passwd]" >services.yaml
	leaks_nothing 2 -n --allow-outside
	ln -sf "$outside/text" .env
	echo 'services: {}' >services.yaml
	leaks_nothing 2 -n
	grep -q "is outside of the project" "$err"
	rm .env
	ln -sf "$outside/text" services.yaml
	leaks_nothing 2 -n
	grep -q "is outside of the project" "$err"
	rm services.yaml
	# What is there is none of the project's business, either.
	echo "include: [$outside/none]" >services.yaml
	leaks_nothing 2 -n
	grep -q "is outside of the project" "$err"
	# A file inside that is no manifest is not shown.
	mkdir -p .git
	printf '[http]\n\textraheader = AUTHORIZATION: basic hunter2\n' >.git/config
	echo "include: [.git/config]" >services.yaml
	leaks_nothing 2 -n
	# In a checkout all of it is the project; on the command line everything may be named.
	mkdir -p sub
	echo 'services: {db: {image: "db:1"}}' >more.yaml
	echo 'include: [../more.yaml]' >sub/services.yaml
	cb -C sub list
	equal "$status" 0
	rm -r .git
	leaks_nothing 2 -C sub list
	cb -C sub --allow-outside list
	equal "$status" 0
	cb -f "$outside/more.yaml" --env-file "$outside/good.env" list
	equal "$status" 0
}

@test "a tree that the kernel makes up is no context" {
	local context
	ln -s /proc link
	for context in /proc /sys link; do
		printf 'services:\n  a: {image: a, build: {context: %s, dockerfile_inline: "FROM scratch\\nCOPY . /"}}\n' "$context" >services.yaml
		cb -n
		equal "$status" 2
		grep -q "this folder is made by the kernel" "$err"
	done
	# Found before anything beside it is walked: a/pipe would be complained about, too, and before it.
	mkdir -p tree/a tree/z
	mkfifo tree/a/pipe
	printf 'services:\n  a: {image: a, build: {context: tree, dockerfile_inline: "FROM scratch\\nCOPY . /"}}\n' >services.yaml
	cb -n
	grep -q 'tree/a/pipe: ' "$err"
	unshare --mount sh -c 'mount --bind /proc tree/z && exec "$@"' sh "$cbuild" -n >"$out" 2>"$err" || status=$?
	equal "$status" 2
	grep -q 'tree/z: this folder is made by the kernel' "$err"
}

@test "nobody else can write what is in .cbuild, whatever the umask" {
	umask 0
	build
	umask 022
	equal "$status" 0
	[ -e .cbuild/gate.lock ]
	equal "$(find .cbuild -type f -perm /022)" ""
}

@test "a state that is cut off or changed: told, and made anew" {
	local size
	build
	cp .cbuild/state.db good
	size=$(stat -c %s good)
	head -c $((size / 2)) good >.cbuild/state.db
	build
	equal "$status" 0
	build
	grep -q "nothing to do" "$err"
	cp good .cbuild/state.db
	head -c 3000 /dev/urandom | dd of=.cbuild/state.db bs=1 seek=4096 conv=notrunc status=none
	build
	equal "$status" 0
	build
	grep -q "nothing to do" "$err"
	[ -e .cbuild/state.db.damaged ]
}

@test ".cbuild on a full disk, then on a larger one" {
	[ "$(id -u)" -eq 0 ]
	mkdir .cbuild
	mount -t tmpfs -o size=256k tmpfs .cbuild
	head -c 300000 /dev/urandom >app/large
	build
	equal "$status" 6
	grep -qi "no space\|disk\|full" "$err"
	mount -o remount,size=64m .cbuild
	build
	equal "$status" 0
	build
	grep -q "nothing to do" "$err"
}

@test ".cbuild that cannot be written" {
	[ "$(id -u)" -eq 0 ]
	mkdir .cbuild
	mount -t tmpfs -o size=64m tmpfs .cbuild
	build
	equal "$status" 0
	mount -o remount,ro .cbuild
	build
	equal "$status" 0
	grep -q "nothing to do" "$err"
	plan
	equal "$status" 0
	echo two >app/file
	plan
	equal "$status" 0
	build
	equal "$status" 6
	grep -qi "read-\?only" "$err"
	grep -q "\.cbuild" "$err"
}

# planted NAME: a run that writes refuses the link at .cbuild/NAME (.cbuild itself: "."), as prune does, and nothing comes
# or goes behind it.
planted()
{
	local path=.cbuild/$1 before
	rm -rf .cbuild
	cp -a built .cbuild
	[ "$1" != . ] || path=.cbuild
	rm -rf "$path"
	ln -s "$DIR/behind" "$path"
	before=$(find behind -printf '%p %T@\n')
	build
	equal "$status" 6
	grep -F "/$path is a symbolic link: nothing is written through it" "$err"
	cb prune
	equal "$status" 6
	# What was hashed is not kept.
	plan
	equal "$status" 0
	if [ "$1" = . ]; then
		cb report
		[ "$status" -ne 0 ]
	fi
	equal "$(find behind -printf '%p %T@\n')" "$before"
}

@test "links that somebody has put into .cbuild: nothing is written or removed behind them" {
	local name
	build
	equal "$status" 0
	mv .cbuild built
	mkdir -p behind/7/old
	touch behind/file
	echo two >app/file
	for name in . oci oci/blobs oci/blobs/sha256 oci/tmp locks logs run; do
		planted "$name"
	done
	rm -rf .cbuild
	mkdir .cbuild
	echo precious >behind/state.db
	ln -s "$DIR/behind/state.db" .cbuild/state.db
	build
	equal "$status" 6
	grep -F "state.db is a symbolic link" "$err"
	equal "$(cat behind/state.db)" precious
}

@test "links where a run is going to write its logs, notes and files" {
	local name
	mkdir behind
	build
	echo two >app/file
	ln -s "$DIR/behind" .cbuild/logs/2
	build
	equal "$status" 6
	grep -F "logs/2 is a symbolic link" "$err"
	ln -s "$DIR/behind" .cbuild/run/3
	build # it counts as what a killed run left
	equal "$status" 0
	[ ! -e .cbuild/run/3 ] && [ -d behind ]
	echo three >app/file
	mkdir .cbuild/logs/4
	ln -s "$DIR/behind/log" ".cbuild/logs/4/build-app-${host//\//-}.log"
	build
	equal "$status" 6
	grep -F ".log is a symbolic link" "$err"
	mkdir .cbuild/logs/5
	mkfifo ".cbuild/logs/5/build-app-${host//\//-}.log"
	build
	equal "$status" 6
	ln -s "$DIR/behind/children" .cbuild/run/6.children
	build
	equal "$status" 6
	for name in .cbuild/locks/*; do
		ln -sf "$DIR/behind/lock" "$name"
	done
	build
	equal "$status" 6
	equal "$(ls behind)" ""
	rm .cbuild/locks/*
	build
	equal "$status" 0
}
