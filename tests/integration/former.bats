#!/usr/bin/env bats
# What earlier results leave in an engine: nothing, but for what somebody uses; and what prune finds there.

. "$BATS_TEST_DIRNAME/../lib/project"

docker_dir=$CBUILD_TEST_CACHE/docker

setup_file()
{
	local environment
	project_begin
	if [ "$(id -u)" -eq 0 ]; then
		environment=$("$checkout/tests/lib/docker" start "$docker_dir")
		eval "$environment"
	fi
}

teardown_file()
{
	[ "$(id -u)" -ne 0 ] || "$checkout/tests/lib/docker" stop "$docker_dir"
	project_end
}

# sources NAME: a service whose image has that name, and a step that no edit changes.
sources()
{
	project "$1"
	printf 'services: {web: {build: ., image: %s}}\n' "$1" >services.yaml
	printf '/rootfs\n' >.dockerignore
	cat >Dockerfile <<-EOF
		FROM scratch
		LABEL of=$1
		COPY Dockerfile /
		COPY a /a
		CMD ["/a"]
	EOF
}

# edit TEXT: builds and loads the service with it.
edit()
{
	echo "$1" >a
	cb --no-verify
	equal "$status" 0
}

# images ENGINE: how many of them the engine lists, with those without a name.
images()
{
	"$1" images --all --quiet --no-trunc | sort -u | wc -l
}

image_id()
{
	"$1" image inspect --format='{{.Id}}' "$2"
}

# there ENGINE IMAGE
there()
{
	"$1" image inspect "$2" >/dev/null 2>&1
}

# used_images_stay ENGINE NAME: neither what a stopped container uses nor what has another name leaves it; then prune frees it.
used_images_stay()
{
	local contained named container
	edit contained
	contained=$(image_id "$1" "$2")
	container=$("$1" create "$2" 2>/dev/null)
	edit named
	named=$(image_id "$1" "$2")
	"$1" tag "$2" "$2:mine"
	edit other
	there "$1" "$contained"
	there "$1" "$named"
	cb prune
	equal "$status" 0
	there "$1" "$contained"
	there "$1" "$named"
	! grep images "$out"
	"$1" rm "$container" >/dev/null
	cb prune --dry-run --format=json
	there "$1" "$contained"
	[ "$(jq .freed.images.count "$out")" -ge 1 ]
	[ "$(jq .freed.images.bytes "$out")" -gt 0 ]
	cb prune
	equal "$status" 0
	grep -E '^images +[1-9]' "$out"
	! there "$1" "$contained"
	there "$1" "$named"
	there "$1" "$2"
	"$1" rmi "$2:mine" >/dev/null 2>&1
}

@test "ten edits leave one image in podman, and the steps of the last build" {
	local n
	sources ten
	edit 0
	n=$(images podman)
	for edit in 1 2 3 4 5 6 7 8 9 10; do
		edit $edit
	done
	equal "$(images podman)" "$n"
	equal "$(podman images --quiet --filter=dangling=false | wc -l)" 1
	# buildah's cache is as it was: the step that no edit changes was not done again.
	grep -F 'Using cache' .cbuild/logs/11/build-web-*.log
	# and what an edit replaced is built and loaded again
	echo 3 >a
	cb --no-verify
	equal "$status" 0
	[ "$(images podman)" -le "$n" ]
	there podman ten
}

@test "podman keeps what a container uses and what has a name" {
	sources kept
	used_images_stay podman kept
}

@test "podman keeps what another image was built on, and earlier bases, until prune" {
	local parent base n
	sources child
	edit 1
	parent=$(image_id podman child)
	printf 'FROM %s\nLABEL of=mine\n' "$parent" | buildah build --quiet --tag=grown - >/dev/null
	edit 2
	there podman grown
	there podman "$parent"
	podman rmi grown >/dev/null
	project based
	cat >services.yaml <<-'EOF'
		services:
		  base: {build: base, publish: false}
		  web: {build: {context: web, additional_contexts: {base: "service:base"}}}
	EOF
	printf 'FROM scratch\nCOPY b /b\n' | dockerfile base
	printf 'FROM base\nCOPY a /a\n' | dockerfile web
	echo 1 >base/b
	echo 1 >web/a
	cb --no-verify
	equal "$status" 0
	base=$(podman images --all --quiet --no-trunc | sort)
	echo 2 >base/b
	cb --no-verify
	echo 1 >base/b
	cb -n
	equal "$status" 0
	! grep -E '^ *build +base' "$out"
	cb --no-verify
	equal "$status" 0
	grep -F '1 loaded' "$err"
	! grep -F ' built' "$err"
	echo 3 >base/b
	cb --no-verify
	n=$(images podman)
	cb prune
	equal "$status" 0
	[ "$(images podman)" -lt "$n" ]
	cb
	equal "$status" 0
	grep -F 'nothing to do' "$err"
}

@test "ten edits leave one image in docker" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	local CBUILD_BUILDER=docker CBUILD_RUNTIME=docker
	sources garbage-docker
	edit 0
	for edit in 1 2 3 4 5 6 7 8 9 10; do
		edit $edit
	done
	# Other tests use this docker, too.
	equal "$(docker images --all --quiet --no-trunc --filter=label=of=garbage-docker | wc -l)" 1
	docker rmi garbage-docker >/dev/null
}

@test "docker keeps what a container uses and what has a name" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	local CBUILD_BUILDER=docker CBUILD_RUNTIME=docker
	sources kept-docker
	used_images_stay docker kept-docker
	docker rmi kept-docker >/dev/null
}
