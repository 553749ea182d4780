#!/usr/bin/env bats
# What a base from a registry, or from docker, does when something is built on it counts, although no Dockerfile here says it.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/registry"
. "$BATS_TEST_DIRNAME/../lib/image"

setup_file()
{
	project_begin
	registries_begin
	registry_start plain
	project bases
	cat >services.yaml <<-EOF
		registry: $(registry_host plain)/bases
		platforms: [$host]
		services: {base: {build: {context: ., dockerfile: On}}}
	EOF
	if [ -z "${DOCKER_HOST:-}" ]; then
		: >"$BATS_FILE_TMPDIR/own-docker"
		"$checkout/tests/lib/docker" fetch "$CBUILD_TEST_CACHE/docker" >&2
		eval "$("$checkout/tests/lib/docker" start "$CBUILD_TEST_CACHE/docker")"
	fi
}

teardown_file()
{
	[ ! -e "$BATS_FILE_TMPDIR/own-docker" ] || "$checkout/tests/lib/docker" stop "$CBUILD_TEST_CACHE/docker"
	registries_end
	project_end
}

# base TAG: the base of the registry does on build what stands in standard input.
base()
{
	(
		cd "$ROOT/bases"
		printf 'FROM scratch\nLABEL tag=%s\nENV APP=one UP=../up\n' "$1" >On
		sed 's/^/ONBUILD /' >>On
		"$cbuild" -q --no-load --push --tag="$1" base
	) || return
	log_clear plain
}

# app NAME: a project whose web stands on base NAME of the registry.
app()
{
	project "$1"
	printf 'FROM %s/bases/base:%s\nCOPY own /own\n' "$(registry_host plain)" "$1" | dockerfile web
	printf 'FROM scratch\nCOPY t /t\n' | dockerfile tool
	for file in web/own web/payload web/other web/arg-one web/arg-two tool/t; do
		echo "$file" >"$file"
	done
	cat >services.yaml <<-EOF
		registry: localhost:1/none
		platforms: [$host]
		services:
		  web: {build: {context: web, args: {Z: one}, additional_contexts: {tool: "service:tool"}}}
		  tool: {publish: false, build: tool}
	EOF
}

# web FILE: what is in the image.
web()
{
	image_unpack localhost:1/none/web:latest "$host" "$BATS_TEST_TMPDIR/web" && cat "$BATS_TEST_TMPDIR/web/$1"
}

fresh()
{
	log_clear plain
	cb -n --exit-code --no-load "$@"
	equal "$status" 0
	cb --no-load "$@"
	grep -q 'nothing to do' "$err"
	equal "$(log_count plain HTTP)" 0
}

# all_count BUILDER: files, arguments and services that the base names are followed.
all_count()
{
	cb --no-load
	equal "$status" 0
	equal "$(web p) $(web arg) $(web t)" 'web/payload web/arg-one tool/t'
	fresh
	echo edited >web/other
	fresh
	echo two >web/payload
	cb -n --no-load
	grep -q '^stale  *build:web:[^ ]*  *web/payload changed$' "$out"
	cb --no-load
	equal "$(web p)" two
	sed -i 's/Z: one/Z: two/' services.yaml
	cb -n --no-load
	grep -q '^stale  *build:web:[^ ]* .*Z: one -> two' "$out"
	cb --no-load
	equal "$(web arg)" web/arg-two
	echo three >tool/t
	cb --no-load
	equal "$status" 0
	equal "$(web t)" three
	fresh
}

@test "buildah: what the base names is followed, and nothing else" {
	base all <<-'END'
		ARG Z
		COPY payload /p
		COPY arg-$Z /arg
		COPY --from=tool t /t
	END
	app all
	all_count
}

@test "docker: what the base names is followed, and nothing else" {
	base docker <<-'END'
		ARG Z
		COPY payload /p
		COPY arg-$Z /arg
		COPY --from=tool t /t
	END
	app docker
	CBUILD_BUILDER=docker all_count
}

@test "a tag that moved: what it does now counts from the next build on" {
	base moved </dev/null
	app moved
	cb --no-load
	equal "$status" 0
	base moved <<<'COPY other /o'
	fresh
	echo edited >web/own
	cb --no-load
	equal "$status" 0
	! grep -q 'not recorded' "$err"
	equal "$(web o)" web/other
	fresh
	echo edited >web/other
	cb --no-load
	equal "$(web o)" edited
	base moved <<<'COPY payload /p'
	cb --no-load --pull
	equal "$status" 0
	equal "$(web p)" web/payload
	fresh
	echo edited >web/payload
	cb --no-load
	equal "$(web p)" edited
}

@test "the lock has what the base does: planning in another checkout needs no network" {
	base locked <<-'END'
		ARG Z
		COPY payload /p
		COPY --from=tool t /t
	END
	app locked
	cb lock
	equal "$status" 0
	equal "$(sed -n '/^  /p' services.lock | sed 's/sha256:.*//')" \
		"$(printf '  %s \n    onbuild ARG Z\n    onbuild COPY payload /p\n    onbuild COPY --from=tool t /t' "$host"
			printf '\n    env %s' APP=one UP=../up)"
	log_clear plain
	cb hash web
	cp "$out" "$BATS_TEST_TMPDIR/before"
	echo edited >web/payload
	cb hash web
	! cmp "$out" "$BATS_TEST_TMPDIR/before"
	cb lock --check
	equal "$status" 0
	equal "$(log_count plain HTTP)" 0
	# A lock of before.
	sed -i '/^    onbuild/d; /^    env/d; s/^version 4/version 1/' services.lock
	cb lock --check
	equal "$status" 1
	grep -q "locked without its ONBUILD or variables for $host (web)$" "$out"
	cb --no-load
	equal "$status" 0
	equal "$(web p)" edited
	fresh
	cb lock
	grep -q "its ONBUILD and variables for $host$" "$out"
	grep -q '^    onbuild ARG Z$' services.lock
	fresh
}

# variables BUILDER: those of the base, and of the base of a base of ours, name files.
variables()
{
	export CBUILD_BUILDER=$1
	# shellcheck disable=SC2016
	{
		printf 'FROM %s/bases/base:env-%s\nCOPY services/$APP /app\nCOPY x/$UP /up\nCOPY $NONE/own /own\n' "$(registry_host plain)" "$1"
		printf 'ARG APP=arg\nCOPY services/$APP /last\n'
	} | dockerfile web
	printf 'FROM %s/bases/base:env-%s\nENV MORE=more\n' "$(registry_host plain)" "$1" | dockerfile mid
	# shellcheck disable=SC2016
	printf 'FROM localhost:1/none/mid\nCOPY services/$APP-$MORE /app\n' | dockerfile top
	mkdir -p web/services/{one,arg} top/services/one-more
	for file in web/services/{one,arg,none}/f web/{up,other,own} top/services/one-more/f top/other; do
		mkdir -p "${file%/*}" && echo "$file" >"$file"
	done
	cat >services.yaml <<-EOF
		registry: localhost:1/none
		platforms: [$host]
		services: {web: {build: web}, mid: {build: mid}, top: {build: top}}
	EOF
	cb --no-load
	equal "$status" 0
	! grep -q 'not recorded' "$err"
	equal "$(web app/f) $(web up) $(web own)" 'web/services/one/f web/up web/own'
	fresh
}

# follows FILE IMAGE-FILE...: an edit is seen, and the image has it.
follows()
{
	local file
	echo "edited $1" >>"$1"
	cb -n --no-load
	grep -q "$1 changed" "$out"
	cb --no-load
	equal "$status" 0
	for file in "${@:2}"; do
		equal "$(web "$file")" "$(cat "$1")"
	done
	fresh
}

@test "buildah: a variable of the base says which files count; where ARG and ENV are not taken alike, all do" {
	base env-buildah </dev/null
	app env-buildah
	variables buildah
	follows web/services/one/f app/f last/f
	follows web/up up
	for file in top/other mid/none; do
		echo edited >"$file"
		fresh
	done
	echo edited >web/services/arg/f
	cb -n --no-load
	grep -q 'web/services/arg/f changed' "$out"
	echo edited >top/services/one-more/f
	cb -n --no-load
	grep -q 'top/services/one-more/f changed' "$out"
}

@test "docker: a variable of the base says which files count" {
	base env-docker </dev/null
	app env-docker
	variables docker
	follows web/services/one/f app/f
	follows web/up up
	follows web/services/arg/f last/f
	echo edited >top/other
	fresh
}

@test "an image of docker's own may read anything" {
	app own
	tar -c -C "$PROJECT_BASES/$host_arch" arch | docker import --change 'ONBUILD COPY payload /p' - localhost:1/own/on:1
	printf 'FROM localhost:1/own/on:1\nCOPY own /own\n' >web/Dockerfile
	printf 'registries: {"localhost:1": {timeout: 1s}}\n' >>services.yaml
	cb --builder=docker --no-load web
	equal "$status" 0
	! grep -q 'not recorded' "$err"
	fresh --builder=docker web
	echo edited >web/payload
	cb --builder=docker --no-load web
	docker rmi localhost:1/own/on:1
	equal "$(web p)" edited
}
