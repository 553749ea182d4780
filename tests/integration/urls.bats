#!/usr/bin/env bats
# What builds fetch themselves: ADD of a URL or a git repository. --pull, the lock, and what it holds builders to.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/image"
. "$BATS_TEST_DIRNAME/../lib/served"

# app NAME DOCKERFILE-LINES...: a project of one service.
app()
{
	mkdir -p "$ROOT/$1"
	cd "$ROOT/$1"
	printf '%s\n' 'FROM scratch' "${@:2}" | dockerfile web
	printf 'registry: localhost:1/none\nplatforms: [%s]\nservices: {web: {build: web}}\n' "$host" >services.yaml
}

# web FILE: what is in the image.
web()
{
	image_unpack localhost:1/none/web:latest "$host" "$BATS_TEST_TMPDIR/web" && cat "$BATS_TEST_TMPDIR/web/$1"
}

# pulled KIND BUILDER: a file that changes behind a server of that kind.
pulled()
{
	served "$1-$2" one
	app "pulled-$1-$2" "ADD $SERVER/$1/$1-$2 /f"
	cb --no-load --builder="$2"
	equal "$status" 0
	equal "$(web f)" one
	nothing_to_do --builder="$2"
	equal "$(asked)" ""
	nothing_to_do --builder="$2" --pull
	[ -n "$(asked)" ]
	served "$1-$2" two
	nothing_to_do --builder="$2"
	equal "$(asked)" ""
	cb --no-load --builder="$2" --pull
	equal "$status" 0
	equal "$(web f)" two
	nothing_to_do --builder="$2" --pull
}

@test "what has changed at a URL makes stale with --pull, whatever the server tells of it" {
	for kind in etag modified bare nohead moved; do
		for builder in buildah docker; do
			echo "--- $kind $builder"
			pulled $kind $builder
		done
	done
}

@test "the reason names the URL, without its login, and so does an error" {
	served secret one
	app reason "ADD http://user:secret@${SERVER#http://}/login/secret /f"
	cb --no-load --builder=docker
	equal "$status" 0
	served secret two
	cb --no-load --pull -v --progress=json --builder=docker
	equal "$status" 0
	grep -q "\"kind\":\"url\",\"what\":\"$SERVER/login/secret\"" "$out" "$err"
	# The builder's own lines are the Dockerfile's.
	! grep -v '"event":"node_\(line\|step\)"' "$out" "$err" | grep -q 'user:secret\|dXNlcjpzZWNyZXQ' || false
	! grep -aq 'user:secret\|dXNlcjpzZWNyZXQ' .cbuild/state.db || false
	cb lock
	equal "$status" 0
	grep -q "^url $SERVER/login/secret sha256:" services.lock
	! grep -q 'user:' services.lock || false
	rm services.lock
	rm "$ROOT/served/secret"
	cb --no-load --pull --builder=docker
	equal "$status" 4
	grep -q "Dockerfile:2 of web: $SERVER/login/secret: status 404" "$err"
	! grep -q 'user:' "$err" || false
	app reason-down "ADD $SERVER/down/x /f"
	cb lock
	equal "$status" 4
	grep -q "Dockerfile:2 of web: $SERVER/down/x: status 503" "$err"
}

@test "a server that is down is no matter without --pull" {
	served gone one
	app gone "ADD $SERVER/etag/gone /f"
	cb --no-load
	equal "$status" 0
	sed -i "s|$SERVER|http://127.0.0.1:1|" web/Dockerfile
	cb lock
	equal "$status" 4
	grep -q 'Dockerfile:2 of web: http://127.0.0.1:1/etag/gone: connection refused' "$err"
	cb -n --no-load
	equal "$status" 0
	sed -i "s|http://127.0.0.1:1|$SERVER|" web/Dockerfile
	nothing_to_do
}

@test "only stages that are reached count, with their variables; ONBUILD of a base counts" {
	served reached one
	served unreached one
	app stages "ADD $SERVER/etag/unreached /f" 'FROM scratch' 'ARG NAME=reached' "ADD $SERVER/etag/\$NAME /f"
	cb lock
	equal "$status" 0
	equal "$(grep ^url services.lock | cut -d' ' -f2)" "$SERVER/etag/reached"
	cat >services.yaml <<-EOF
		registry: localhost:1/none
		platforms: [$host]
		services: {web: {build: {context: web, additional_contexts: {base: "service:base"}}}, base: {publish: false, build: base}}
	EOF
	printf 'FROM scratch\nONBUILD ADD %s/etag/reached /f\n' "$SERVER" | dockerfile base
	printf 'FROM base\n' | dockerfile web
	rm services.lock
	cb --no-load
	equal "$status" 0
	equal "$(web f)" one
	# A BuildKit that has seen these bytes once takes them from its cache.
	two="two $BATS_FILE_TMPDIR $(date +%s%N)"
	served reached "$two"
	nothing_to_do
	cb --no-load --pull
	equal "$(web f)" "$two"
	cb lock
	equal "$(grep ^url services.lock | cut -d' ' -f2)" "$SERVER/etag/reached"
	# buildah runs what the base says, and cannot be held to anything there.
	served reached three
	cb --no-load
	equal "$status" 3
	grep -q "buildah cannot be held to the version locked for $SERVER/etag/reached" "$err"
	cb --no-load --builder=docker
	equal "$status" 1
	grep -q 'digest mismatch' "$err"
	grep -q 'cbuild lock --update' "$err"
	served reached "$two"
	cb --no-load --builder=docker
	equal "$status" 0
	equal "$(web f)" "$two"
}

# held BUILDER: a build fetches what was locked, or fails.
held()
{
	served "held-$1" one
	app "held-$1" "ADD --chown=5:6 $SERVER/etag/held-$1 /d/" 'COPY own /own'
	echo own >web/own
	printf '*\n!own\n' >web/.dockerignore
	cb lock
	equal "$status" 0
	grep -q "^url $SERVER/etag/held-$1 sha256:$(sha256sum <"$ROOT/served/held-$1" | cut -d' ' -f1)$" services.lock
	cb lock --check
	equal "$status" 0
	cb --no-load --builder="$1"
	equal "$status" 0
	equal "$(web "d/held-$1")" one
	equal "$(stat -c '%a %u:%g' "$BATS_TEST_TMPDIR/web/d/held-$1")" '600 5:6'
	nothing_to_do --builder="$1"
	equal "$(asked)" ""
	# It is built again for another reason, and the server has something else now.
	served "held-$1" two
	echo more >>web/own
	cb --no-load --builder="$1"
	equal "$(web "d/held-$1")" one
	# BuildKit still has what was locked.
	if [ "$1" = buildah ]; then
		equal "$status" 4
		grep -q "differs from what services.lock says: it is sha256:$(sha256sum <"$ROOT/served/held-$1" | cut -d' ' -f1) now" "$err"
	else
		equal "$status" 0
	fi
	cb lock --update "$SERVER/etag/held-$1"
	equal "$status" 0
	cb -n --no-load --builder="$1"
	grep -q "url $SERVER/etag/held-$1: sha256:.* -> sha256:" "$out"
	cb --no-load --builder="$1"
	equal "$status" 0
	equal "$(web "d/held-$1")" two
	# --pull looks past the lock, as for bases.
	served "held-$1" three
	nothing_to_do --builder="$1"
	cb --no-load --builder="$1" --pull
	equal "$status" 0
	equal "$(web "d/held-$1")" three
}

@test "what is built is what was locked: buildah" {
	held buildah
}

@test "what is built is what was locked: docker" {
	held docker
}

# commit TEXT: what the branch main of the served repository has from now on.
commit()
{
	local work=$ROOT/work
	[ -d "$work" ] || {
		git init -q -b main "$work"
		git init -q --bare -b main "$ROOT/served/git/r.git"
	}
	mkdir -p "$work/sub"
	echo "$1" >"$work/sub/f"
	git -C "$work" add .
	git -C "$work" -c user.name=a -c user.email=a@example.org commit -qm "$1"
	git -C "$work" push -q "$ROOT/served/git/r.git" main
}

@test "a git repository is locked to a commit: ADD, docker" {
	app git-add "ADD $SERVER/git/r.git#main:sub /"
	commit one
	cb --no-load --builder=docker
	equal "$status" 0
	equal "$(web f)" one
	nothing_to_do --builder=docker
	equal "$(asked)" ""
	nothing_to_do --builder=docker --pull
	commit two
	cb --no-load --builder=docker --pull
	equal "$status" 0
	equal "$(web f)" two
	cb lock
	equal "$status" 0
	grep -q "^url $SERVER/git/r.git#main:sub commit:$(git -C "$ROOT/work" rev-parse main)$" services.lock
	commit three
	echo >>web/Dockerfile
	cb --no-load --builder=docker
	equal "$status" 0
	equal "$(web f)" two
	cb lock --update
	cb --no-load --builder=docker
	equal "$status" 0
	equal "$(web f)" three
	cb -q check
	! grep -q 'can change at any time' "$err" || false
}

@test "a repository's URL with a query is locked, too: ADD, docker" {
	for query in 'ref=main&subdir=sub' 'branch=main&subdir=sub' 'tag=v1&subdir=sub' 'subdir=sub' 'ref=main&subdir=sub&keep-git-dir=1'; do
		echo "--- $query"
		commit "one $query"
		case $query in
			tag=v1*)
				git -C "$ROOT/work" tag v1
				git -C "$ROOT/work" push -q "$ROOT/served/git/r.git" v1
				;;
		esac
		app git-query "ADD $SERVER/git/r.git?$query /"
		cb lock
		equal "$status" 0
		grep -qxF "url $SERVER/git/r.git?$query commit:$(git -C "$ROOT/work" rev-parse main)" services.lock
		commit "two $query"
		cb --no-load --builder=docker
		equal "$status" 0
		equal "$(web f)" "one $query"
	done
}

@test "check names what can change at any time" {
	served checked one
	sum=$(sha256sum <"$ROOT/served/checked" | cut -d' ' -f1)
	pinned=0123456789012345678901234567890123456789
	app check "ADD $SERVER/etag/checked /f" "ADD --checksum=sha256:$sum $SERVER/etag/pinned /g" \
		"ADD $SERVER/git/r.git#$pinned /h" "ADD $SERVER/git/r.git?tag=v1&commit=$pinned /h" "ADD $SERVER/git/r.git?future=1 /i" 'USER 1'
	cb check
	equal "$status" 0
	grep -q "web/Dockerfile:2:5: .*$SERVER/etag/checked is not pinned and can change at any time" "$err"
	grep -q "web/Dockerfile:6:5: .*$SERVER/git/r.git?future=1 is not pinned and can change at any time" "$err"
	equal "$(grep -c 'can change at any time' "$err")" 2
	cb lock
	equal "$status" 0
	equal "$(grep -c '^url' services.lock)" 1
	cb check
	equal "$(grep -c 'can change at any time' "$err")" 1
	cb lock --check
	equal "$status" 0
	echo "ADD $SERVER/etag/more /j" >>web/Dockerfile
	cb lock --check
	equal "$status" 1
	grep -q "^$SERVER/etag/more  not locked (web)" "$out"
}
