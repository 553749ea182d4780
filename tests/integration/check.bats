#!/usr/bin/env bats
# `cbuild check`: what is likely to be wrong in a Dockerfile, with its place. Nothing is built.

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
	project check
	rm -rf .cbuild web base
	cat >services.yaml <<-'EOF'
		registry: localhost/check
		services:
		  base: {publish: false, build: base}
		  web:
		    build:
		      context: web
		      additional_contexts: {base: "service:base"}
		      args: {VERSION: "1", VERSOIN: "2", HTTP_PROXY: "http://p"}
	EOF
	dockerfile base <<-'EOF'
		FROM debian:12
		USER 1000
	EOF
	mkdir -p web/docs
	touch web/file web/docs/page web/notes.txt
	printf 'docs\n*.txt\n!keep.txt\n' >web/.dockerignore
}

complaints()
{
	grep -E '^[^ ].*: error: ' "$err" | sort
}

@test "every kind of trouble, with line, column and caret" {
	dockerfile web <<-'EOF'
		ARG VERSION
		FROM golang AS build
		ARG API_TOKEN
		ENV DB_PASSWORD=x KEYBOARD=us PUBLIC_KEY=y
		COPY file docs /src/
		COPY notes.txt \
		     missing.d /src/
		ADD https://example.org/x /x
		FROM debian:latest
		COPY --from=build docs /docs
	EOF
	cb check web
	[ "$status" -eq 1 ]
	equal "$(complaints)" "$(lines \
		"services.yaml:8:28: error: the Dockerfile of web never declares ARG VERSOIN" \
		"web/Dockerfile:2:6: error: the base golang is not pinned and can change at any time" \
		"web/Dockerfile:3:5: error: ARG API_TOKEN: a secret given this way stays in the image's history for everyone to read" \
		"web/Dockerfile:4:5: error: ENV DB_PASSWORD: a secret given this way stays in the image's history for everyone to read" \
		"web/Dockerfile:5:11: error: COPY docs: the ignore file leaves it out of the context" \
		"web/Dockerfile:6:6: error: COPY notes.txt: the ignore file leaves it out of the context" \
		"web/Dockerfile:8:5: error: https://example.org/x is not pinned and can change at any time; only --pull notices" \
		"web/Dockerfile:9:6: error: the base debian:latest is not pinned and can change at any time" \
		"web/Dockerfile:9:6: error: no USER is set in its last stage nor in those below it, so it may run as root")"
	grep -A2 -F 'Dockerfile:5:11' "$err" | grep -F '           ^~~~'
	grep -F 'help: give it as a secret' "$err"
	[ ! -e .cbuild/state.db ]
}

@test "what is in order, or is another service's business, is left alone" {
	dockerfile web <<-'EOF'
		ARG VERSION VERSOIN
		ARG DISTRO=debian
		FROM ${DISTRO}:12 AS tools
		FROM scratch AS files
		COPY file /
		FROM base
		COPY . /all/
		COPY keep.txt *.md /
		COPY <<END docs
		text
		END
	EOF
	cb check web
	[ "$status" -eq 0 ]
	equal "$(complaints)" ""
	cb check
	[ "$status" -eq 0 ]
}

@test "USER counts in a stage that the last one stands on, and in the target alone" {
	dockerfile web <<-'EOF'
		FROM scratch AS rooted
		FROM scratch AS unrooted
		USER app
		FROM unrooted
		ARG VERSION VERSOIN
	EOF
	cb check web
	[ "$status" -eq 0 ]
	sed -i 's/context: web/context: web\n      target: rooted/' services.yaml
	cb check web
	[ "$status" -eq 1 ]
	equal "$(complaints)" "web/Dockerfile:1:6: error: no USER is set in its last stage nor in those below it, so it may run as root"
}

@test "what BuildKit's own checks find is told with the rest, once" {
	eval "$("$checkout/tests/lib/docker" fetch "$CBUILD_TEST_CACHE/docker" >&2; "$checkout/tests/lib/docker" start "$CBUILD_TEST_CACHE/docker")"
	dockerfile web <<-'EOF'
		FROM base AS Last
		ARG API_TOKEN VERSION VERSOIN
		MAINTAINER me
		COPY file notes.txt /
	EOF
	cb check web --builder=docker
	[ "$status" -eq 1 ]
	equal "$(complaints)" "$(lines \
		"web/Dockerfile:1:1: error: Stage name 'Last' should be lowercase (StageNameCasing)" \
		"web/Dockerfile:2:5: error: ARG API_TOKEN: a secret given this way stays in the image's history for everyone to read" \
		"web/Dockerfile:3:1: error: Maintainer instruction is deprecated in favor of using label (MaintainerDeprecated)" \
		"web/Dockerfile:4:11: error: COPY notes.txt: the ignore file leaves it out of the context")"
	grep -F 'help: https://docs.docker.com/go/dockerfile/rule/' "$err"
	echo 'FRUM base' >web/Dockerfile
	cb check web --builder=docker
	[ "$status" -ne 0 ]
	"$checkout/tests/lib/docker" stop "$CBUILD_TEST_CACHE/docker"
}

@test "a docker that gives no answer: what cbuild finds is told, and the status says so" {
	export DOCKER_HOST=unix://$PWD/nowhere.sock
	dockerfile web <<-'EOF'
		FROM base
		ARG VERSION VERSOIN
	EOF
	cb check web --builder=docker
	[ "$status" -eq 3 ]
	grep -F "cannot connect to $PWD/nowhere.sock" "$err"
	# One that is not asked for.
	printf 'FROM base\nARG API_TOKEN VERSION VERSOIN\n' >web/Dockerfile
	cb check web --builder=buildah
	[ "$status" -eq 1 ]
	run ! grep -F 'cannot connect' "$err"
}
