#!/usr/bin/env bats
# Changed files reach running services (develop.watch). With podman, and with docker; docker compose is the judge.

. "$BATS_TEST_DIRNAME/../lib/project"

setup_file()
{
	project_begin
	own_docker
}

teardown_file()
{
	own_docker_end '^develop-'
	project_end
}

setup()
{
	watcher=
	project develop
	rm -rf .cbuild web
	mkdir -p web/src/inner web/conf web/tmp
	dockerfile web <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY --from=rootfs ${TARGETARCH}/ /
		COPY src /app/src
		COPY conf /app/conf
		COPY recipe /app/
		CMD ["/bin/sh", "-c", "trap 'exit 0' TERM; echo started with $(cat /app/conf/level) and $(cat /app/recipe); while :; do sleep 0.1; done"]
	EOF
	printf 'ignored\n' >web/.dockerignore
	echo one >web/src/page
	echo one >web/src/inner/part
	echo low >web/conf/level
	echo plain >web/recipe
}

teardown()
{
	[ ! -e "$BATS_TEST_TMPDIR/compose" ] || cat "$BATS_TEST_TMPDIR/compose"
	[ -z "$watcher" ] || cat "$out"
	[ -z "$watcher" ] || kill -KILL "$watcher" 2>/dev/null || true
}

# rules RULE...: a compose file with these rules of the service.
rules()
{
	cat >compose.yaml <<-EOF
		name: develop
		services:
		  web:
		    build: {context: web, additional_contexts: {rootfs: rootfs}}
		    develop:
		      watch:
		$(printf '        - %s\n' "$@")
	EOF
}

each_runtime()
{
	local CBUILD_RUNTIME
	for CBUILD_RUNTIME in podman docker; do
		export CBUILD_RUNTIME
		echo "--- with $CBUILD_RUNTIME"
		rm -rf .cbuild
		setup
		"$@" || return
	done
}

says()
{
	grep -q -- "$1" "$out"
}

says_times()
{
	[ "$(grep -c -- "$1" "$out")" -eq "$2" ]
}

inside()
{
	"$CBUILD_RUNTIME" exec develop-web-1 "$@"
}

# holds PATH TEXT: the file in the container says so.
holds()
{
	[ "$(inside cat "$1" 2>/dev/null)" = "$2" ]
}

lacks()
{
	! inside test -e "$1"
}

process()
{
	"$CBUILD_RUNTIME" container inspect --format '{{.Id}} {{.State.Pid}}' develop-web-1
}

# begin [COMMAND...]: `watch --run`, or this.
begin()
{
	out=$BATS_TEST_TMPDIR/watched
	[ $# -gt 0 ] || set -- watch --run
	"$cbuild" "$@" >"$out" 2>&1 3>&- &
	watcher=$!
	until_true says "waiting for a change"
}

end()
{
	local status=0
	kill -INT "$watcher"
	wait "$watcher" || status=$?
	watcher=
	cat "$out"
	equal "$status" 130
}

copies()
{
	local before
	rules '{action: sync, path: web/src, target: /app/src, ignore: ["*.log", "deep/"]}'
	begin || return
	before=$(process)
	# Content, a new file in a new folder, a mode, a link, a name that is not plain.
	echo two >web/src/page
	until_true holds /app/src/page two || return
	mkdir -p web/src/new/more
	printf '#!/bin/sh\necho runs\n' >web/src/new/more/script
	chmod 755 web/src/new/more/script
	until_true holds /app/src/new/more/script "$(cat web/src/new/more/script)" || return
	equal "$(inside /app/src/new/more/script)" runs || return
	ln -s page web/src/link
	until_true holds /app/src/link two || return
	echo so >"web/src/a ü \$b"
	until_true holds "/app/src/a ü \$b" so || return
	# What was removed, and a folder that has become a file.
	rm web/src/link
	until_true lacks /app/src/link || return
	rm -r web/src/new
	echo file >web/src/new
	until_true holds /app/src/new file || return
	# What does not count, by the rule, by the ignore file, or because editors leave it.
	mkdir web/src/deep
	echo x | tee web/src/x.log web/src/deep/x web/src/page~ web/src/.page.swp >web/src/.#page
	echo three >web/src/page
	until_true holds /app/src/page three || return
	lacks /app/src/x.log && lacks /app/src/deep && lacks /app/src/page~ && lacks /app/src/.page.swp || return
	equal "$(process)" "$before" || return
	end || return
	# One build, and no other.
	equal "$(grep -c 'ok   build' "$out")" 1 || return
	grep -q 'web/src/page changed, copied into web' "$out"
}

@test "changed files are copied into the container that runs, and nothing is built" {
	each_runtime copies
}

# What no rule deals with is built, with all that was copied before.
rebuilds()
{
	local before
	rules '{action: sync, path: web/src, target: /app/src}' '{action: rebuild, path: web/src/inner}'
	begin || return
	before=$(process)
	echo two >web/src/page
	until_true holds /app/src/page two || return
	equal "$(process)" "$before" || return
	echo special >web/recipe
	until_true says "started with low and special" || return
	until_true says_times "waiting for a change" 2 || return
	holds /app/src/page two || return
	echo two >web/src/inner/part
	until_true says_times "waiting for a change" 3 || return
	holds /app/src/inner/part two || return
	# And back to what was built first: copied, as anything else.
	echo one >web/src/page
	until_true holds /app/src/page one || return
	end || return
	equal "$(grep -c 'ok   build' "$out")" 3 || return
	grep -q 'web/recipe changed, building web' "$out"
}

@test "a change that no rule deals with, or one for rebuild, is built" {
	each_runtime rebuilds
}

acts()
{
	local before
	rules '{action: sync+restart, path: web/conf, target: /app/conf}' \
		'{action: sync+exec, path: web/src, target: /app/src, include: ["*.txt"], exec: {command: [sh, -c, "cat /app/src/a.txt; echo done >>/app/count"]}}' \
		'{action: restart, path: web/tmp}' \
		'{action: sync, path: given, target: /given, initial_sync: true}'
	mkdir given
	echo first >given/file
	begin || return
	until_true holds /given/file first || return
	before=$(process)
	echo words >web/src/a.txt
	until_true says '^web | words' || return
	until_true holds /app/count done || return
	equal "$(process)" "$before" || return
	echo high >web/conf/level
	until_true says "started with high and plain" || return
	echo any >web/tmp/file
	until_true says_times "started with high and plain" 2 || return
	# It is the same container.
	holds /app/count done || return
	end || return
	rm -r given
	equal "$(grep -c 'ok   build' "$out")" 1 || return
	grep -q 'web/conf/level changed, restarting web' "$out"
}

@test "services are restarted, commands are run in them, and new containers get what is only given to them" {
	each_runtime acts
}

# What the Dockerfile only copies is copied, what a step uses is built.
reads()
{
	dockerfile web <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY --from=rootfs ${TARGETARCH}/ /
		WORKDIR /app
		COPY recipe .
		RUN cp recipe cooked
		COPY src src
		COPY conf/level conf/
		CMD ["/bin/sh", "-c", "trap 'exit 0' TERM; echo started with $(cat cooked); while :; do sleep 0.1; done"]
	EOF
	cat >services.yaml <<-'EOF'
		project: develop
		services:
		  web:
		    build: {context: web, additional_contexts: {rootfs: rootfs}}
		    develop: {sync: auto}
	EOF
	begin up --watch || return
	echo two >web/src/page
	until_true holds /app/src/page two || return
	echo high >web/conf/level
	until_true holds /app/conf/level high || return
	equal "$(grep -c 'ok   build' "$out")" 1 || return
	echo special >web/recipe
	until_true says "started with special" || return
	holds /app/src/page two || return
	end || return
	rm services.yaml
	equal "$(grep -c 'ok   build' "$out")" 2
}

@test "with sync: auto, what the Dockerfile only copies is copied into the container" {
	each_runtime reads
}

# An edit has broken it, and another one mends it.
ends()
{
	rules '{action: sync+restart, path: web/conf, target: /app/conf}'
	sed 's/^CMD .*/CMD ["\/bin\/sh", "\/app\/start"]/; s/^COPY recipe/COPY start \/app\/start\n&/' -i web/Dockerfile
	cat >web/start <<-'EOF'
		[ "$(cat /app/conf/level)" != bad ] || exit 3
		echo started with $(cat /app/conf/level)
		trap 'exit 0' TERM
		while :; do sleep 0.1; done
	EOF
	begin || return
	echo bad >web/conf/level
	until_true says "web ended with status 3" || return
	echo good >web/conf/level
	until_true says "started with good" || return
	end
}

@test "a service that has ended is started anew by the next change" {
	each_runtime ends
}

# A container whose own files cannot be changed.
refuses()
{
	rules '{action: sync, path: web/src, target: /app/src}' '{action: sync, path: given, target: /given}'
	echo '    read_only: true' >>compose.yaml
	rm -rf given
	mkdir given
	begin || return
	rm web/src/page
	until_true lacks /app/src/page || return
	until_true says_times "waiting for a change" 2 || return
	# More than is copied at once, of what no image is built from.
	truncate -s 1025M given/much
	until_true says_times "waiting for a change" 3 || return
	end || return
	rm -r given
	grep -q 'error: .*web' "$out" || return
	grep -q 'error: .*/given/much: too much to copy into a running container' "$out" || return
	equal "$(grep -c 'ok   build' "$out")" 2
}

@test "what cannot be brought into a container is built" {
	each_runtime refuses
}

# edited: all that may happen to files, and one at the end by which it is known that the rest has arrived.
edited()
{
	echo two >web/src/page
	touch -d @1000000000 web/src/page
	printf '#!/bin/sh\n' >web/src/script
	chmod 750 web/src/script
	mkdir -p web/src/fresh/deeper web/src/skipped
	echo x | tee web/src/fresh/deeper/file web/src/skipped/file web/src/page.log web/src/page~ \
		web/src/.page.swp web/src/fresh/other.log >web/src/ignored
	ln -s ../page web/src/fresh/link
	rm web/src/inner/part
	mv web/src/moved web/src/elsewhere
	echo high >web/conf/level
	echo only | tee web/some/a.js web/some/deep/b.js web/some/c.css >web/some/deep/d.txt
	echo single >web/recipe
	echo last >web/src/sentinel
}

# state COMMAND...: what is in the container, by the command that runs another one in it.
state()
{
	"$@" sh -c 'cd / && for f in $(find app some -type d -o -type l -o -type f | sort); do
		echo "$(stat -c "%n %F %a %u:%g" "$f") $([ -L "$f" ] && readlink "$f") $([ -f "$f" ] && cat "$f")"; done; stat -c %Y app/src/page'
}

judged()
{
	rules '{action: sync, path: web/src, target: /app/src, ignore: ["*.log", skipped/]}' \
		'{action: sync, path: web/recipe, target: /app/recipe}' \
		'{action: sync+restart, path: web/conf, target: /app/conf}' \
		'{action: sync, path: web/some, target: some, include: ["*.js", "**/d.txt"]}'
	mkdir -p web/some/deep
	echo moved >web/src/moved
}

@test "what is in the container after edits is what docker compose has put there" {
	local compose
	judged
	docker compose --progress plain up --build --watch >"$BATS_TEST_TMPDIR/compose" 2>&1 3>&- &
	compose=$!
	until_true grep -qi 'watch enabled' "$BATS_TEST_TMPDIR/compose"
	edited
	until_true docker compose exec -T web test -e /app/src/sentinel
	until_true docker compose exec -T web test -e /some/deep/d.txt
	until_true grep -q 'started with high' "$BATS_TEST_TMPDIR/compose"
	state docker compose exec -T web >"$BATS_TEST_TMPDIR/theirs"
	kill -INT "$compose"
	wait "$compose" || true
	cat "$BATS_TEST_TMPDIR/compose"
	docker compose down --timeout 1 >/dev/null 2>&1

	rm -rf web
	setup
	judged
	export CBUILD_RUNTIME=docker CBUILD_BUILDER=docker
	begin
	edited
	until_true holds /app/src/sentinel last
	until_true holds /some/deep/d.txt only
	until_true says 'started with high'
	state docker exec develop-web-1 >"$BATS_TEST_TMPDIR/ours"
	end
	cat "$BATS_TEST_TMPDIR/ours"
	diff "$BATS_TEST_TMPDIR/theirs" "$BATS_TEST_TMPDIR/ours"
}
