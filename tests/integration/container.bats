#!/usr/bin/env bats
# cbuild in an image: what its entry point makes of its words. The image itself takes minutes to build (docs/container.md);
# here only its plan is looked at.

bats_require_minimum_version 1.5.0

checkout=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
cbuild=${CBUILD:-$checkout/cbuild}
entry=$checkout/examples/container/build-workspace

setup()
{
	unset BUILD_PLATFORMS DOCKER_REGISTRY DOCKER_TAGS COMPOSE_PROFILES DOCKERFILE IMAGE CONTEXT
	cd "$BATS_TEST_TMPDIR"
	mkdir -p bin workspace/sub
	ln -s "$cbuild" bin/cbuild
	export PATH=$PWD/bin:$PATH WORKSPACE=$PWD/workspace CBUILD_STATE=$PWD/state DOCKER_CONFIG=$PWD/config
	printf 'FROM scratch\nCOPY file /\n' | tee workspace/Dockerfile workspace/sub/Dockerfile.web >/dev/null
	echo file | tee workspace/file workspace/sub/file >/dev/null
}

equal()
{
	[ "$1" = "$2" ] && return
	printf 'got:\n%s\nwanted:\n%s\n' "$1" "$2"
	return 1
}

@test "a Dockerfile and an image's name, as words and in the environment" {
	local host=linux/$(dpkg --print-architecture)
	equal "$("$entry" Dockerfile acme/web:1 list)" "image  acme/web:1  $host"
	equal "$("$entry" Dockerfile acme/web:1 context image)" workspace/file
	equal "$(DOCKERFILE=sub/Dockerfile.web IMAGE=acme/web CONTEXT=sub "$entry" context image)" sub/file
	"$entry" Dockerfile 'acme/web:1' -n | grep -q 'build:image:'
	run -2 "$entry" Dockerfile
	[[ $output == *'DOCKERFILE is given, but no IMAGE'* ]]
	# A name is text, whatever is in it.
	run -2 "$entry" Dockerfile 'a"b: ${HOME}' list
	[[ $output == *'a\"b: $${HOME}'* ]]
}

@test "without a Dockerfile's name the workspace's manifest, or compose file, counts" {
	echo 'services: {web: {build: sub/../, image: acme/own}}' >workspace/compose.yaml
	"$entry" list | grep -q 'acme/own:latest'
	"$entry" -n web | grep -q 'build:web:'
	equal "$("$entry" -n web | grep -cE '(load|verify):')" 0
	[ ! -e state ]
}

@test "the example manifest is one that cbuild takes" {
	cbuild -f "$checkout/examples/container.yaml" -n -v --platforms linux/amd64,linux/arm64 >plan
	grep -q 'build:cbuild:linux/arm64' plan
	# It is compiled on the machine's own platform, for both.
	equal "$(grep -c 'build:toolchain:' plan)" 1
	equal "$(grep -c 'build:runtime:' plan)" 2
}
