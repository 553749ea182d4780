#!/usr/bin/env bats
# What is wrong in a Dockerfile, and what is likely to be, with its place: `cbuild check`, and before a build.

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
	grep -E '^[^ ].*: (error|warning): ' "$err" | sort
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
		"services.yaml:8:28: warning: the Dockerfile of web never declares ARG VERSOIN" \
		"web/Dockerfile:2:6: warning: the base golang is not pinned and can change at any time" \
		"web/Dockerfile:3:5: warning: ARG API_TOKEN: a secret given this way stays in the image's history for everyone to read" \
		"web/Dockerfile:4:5: warning: ENV DB_PASSWORD: a secret given this way stays in the image's history for everyone to read" \
		"web/Dockerfile:5:11: error: the ignore file leaves \"docs\" out of the context" \
		"web/Dockerfile:6:6: error: the ignore file leaves \"notes.txt\" out of the context" \
		"web/Dockerfile:7:6: error: there is no web/missing.d" \
		"web/Dockerfile:8:5: warning: https://example.org/x is not pinned and can change at any time; only --pull notices" \
		"web/Dockerfile:9:6: warning: the base debian:latest is not pinned and can change at any time")"
	grep -A2 -F 'Dockerfile:5:11' "$err" | grep -F '           ^~~~'
	grep -F 'help: give it as a secret' "$err"
	[ ! -e .cbuild/state.db ]
}

@test "what is in order, or is another service's business, is left alone" {
	touch web/keep.txt
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
	[ "$status" -eq 0 ]
	equal "$(complaints)" "web/Dockerfile:1:6: warning: no USER is set, so it runs as root"
	# What a base from elsewhere sets is not known.
	sed -i 's/FROM scratch AS rooted/FROM debian:12 AS rooted/' web/Dockerfile
	cb check web
	equal "$(complaints)" ""
}

@test "what no build gets past is told by -n and before a build, with what may have been meant" {
	touch web/notes.md
	dockerfile web <<-'EOF'
		FROM base AS build
		ARG VERSION VERSOIN
		COPY --from=biuld file /
		COPY notes.dm file /
		RUN --mount=type=bind,source=notes.txt,target=/x true
	EOF
	for command in '-n' '--builder=buildah'; do
		rm -rf .cbuild
		cb $command --no-load --no-verify web
		equal "$status" 2
		equal "$(complaints)" "$(lines \
			"web/Dockerfile:3:13: warning: there is no stage \"biuld\", so this names an image of a registry" \
			"web/Dockerfile:4:6: error: there is no web/notes.dm" \
			"web/Dockerfile:5:1: error: the ignore file leaves \"notes.txt\" out of the context")"
		grep -qF 'help: did you mean "build"?' "$err"
		grep -qF 'help: did you mean "notes.md"?' "$err"
		equal "$(find .cbuild -name '*.log' 2>/dev/null)" ""
	done
	# The plan is printed all the same, and with -k what does not need it is built.
	cb -n --no-load --no-verify --format=json web
	equal "$status" 2
	equal "$(jq -r '.nodes[0].id' "$out")" "build:base:$host"
	sed -i 's/^FROM .*/FROM scratch/' base/Dockerfile
	sed -i '/biuld/d' web/Dockerfile
	cb -k --no-load --no-verify base web
	equal "$status" 1
	grep -q "^ok   build base" "$err"
	grep -q "^FAIL build web" "$err"
	# A step that has yet to run may make it; and what another stage copies does not matter.
	sed -i 's/^  web:/  web:\n    prepare: {run: [touch, web\/notes.dm], inputs: [services.yaml], outputs: [web\/notes.dm]}/' services.yaml
	sed -i '/biuld/d; /bind/d; s/^FROM base AS build/FROM base AS other\nCOPY nowhere \/\nFROM base/' web/Dockerfile
	cb -n --no-load --no-verify web
	equal "$status" 0
	equal "$(complaints)" ""
}

@test "a misspelt instruction is told at its place, wherever it is" {
	local line
	for line in 'CPY file /:COPY' 'RNU true:RUN' 'ONBUILD WORKDIRS /x:WORKDIR'; do
		printf 'FROM base\nARG VERSION VERSOIN\n%s\n' "${line%:*}" >web/Dockerfile
		cb -n web
		equal "$status" 2
		word=${line%:*} word=${word#ONBUILD } word=${word%% *}
		equal "$(complaints)" "web/Dockerfile:3:1: error: unknown instruction $word"
		grep -qF "help: did you mean ${line#*:}?" "$err"
		sed -i '1i # syntax=docker/dockerfile:1' web/Dockerfile
		cb -n web
		equal "$status" 2
	done
	# Nothing is shown of what is not a Dockerfile.
	printf 'password hunter2\n' >web/Dockerfile
	cb -n web
	equal "$status" 2
	equal "$(complaints)" "web/Dockerfile:1:1: error: unknown instruction PASSWORD"
	run ! grep hunter2 "$err"
	# Another frontend, and one of BuildKit's that may know more.
	printf '# syntax=example.org/mine:1\nCPY file /\n' >web/Dockerfile
	cb -n web
	equal "$status" 0
	printf '# syntax=docker/dockerfile:9\nFROM base\nINVENTED file\n' >web/Dockerfile
	cb -n web
	equal "$status" 0
}

@test "for other programs: JSON, and SARIF for code scanning" {
	dockerfile web <<-'EOF'
		FROM base
		ARG VERSION VERSOIN API_TOKEN
		COPY nowhere /
	EOF
	cb check web --format=json
	equal "$status" 1
	equal "$(jq -c '[.version, (.findings[] | [.severity, .rule, .file, .line, .column, has("help")])]' "$out")" \
		'[1,["warning","secret-in-image","web/Dockerfile",2,21,true],["error","missing-source","web/Dockerfile",3,6,false]]'
	equal "$(cat "$err")" ""
	cb check web --format=sarif
	equal "$status" 1
	equal "$(jq -c '[.version, .runs[0].tool.driver.name, (.runs[0].results[] | [.level, .ruleId, .locations[0].physicalLocation.artifactLocation.uri,
		.locations[0].physicalLocation.region.startLine])]' "$out")" \
		'["2.1.0","cbuild",["warning","secret-in-image","web/Dockerfile",2],["error","missing-source","web/Dockerfile",3]]'
	# The same before a build: as events, and as annotations, whose files count from the top of the checkout.
	cb -n web --progress=json
	equal "$status" 2
	equal "$(jq -c '[.event, .severity, .rule, .file, .line]' "$err")" '["diagnostic","error","missing-source","web/Dockerfile",3]'
	GITHUB_ACTIONS=true GITHUB_WORKSPACE=$(dirname "$PWD") cb check web
	equal "$(grep '^::' "$err" | cut -d: -f3 | sort)" "$(lines "warning file=$(basename "$PWD")/web/Dockerfile,line=2,col=21" "error file=$(basename "$PWD")/web/Dockerfile,line=3,col=6")"
	equal "$(grep -c '^::error .*::there is no web/nowhere$' "$err")" 1
	sed -i '/nowhere/d; s/ API_TOKEN//' web/Dockerfile
	cb check web --format=json
	equal "$status" 0
	equal "$(jq -c .findings "$out")" '[]'
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
		"web/Dockerfile:1:1: warning: Stage name 'Last' should be lowercase (StageNameCasing)" \
		"web/Dockerfile:2:5: warning: ARG API_TOKEN: a secret given this way stays in the image's history for everyone to read" \
		"web/Dockerfile:3:1: warning: Maintainer instruction is deprecated in favor of using label (MaintainerDeprecated)" \
		"web/Dockerfile:4:11: error: the ignore file leaves \"notes.txt\" out of the context")"
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
	[ "$status" -eq 0 ]
	equal "$(complaints | grep -c 'ARG API_TOKEN')" 1
	run ! grep -F 'cannot connect' "$err"
}

@test "a base that is here is asked what user it sets, and no other" {
	project users
	cat >services.yaml <<-'EOF'
		project: users
		services:
		  rooted: {build: rooted}
		  unrooted: {build: unrooted}
		  absent: {build: absent}
		  made: {build: made}
		  on-made: {build: {context: on-made, additional_contexts: {made: "service:made"}}}
	EOF
	for name in rooted:root:1 unrooted:app:1; do
		printf 'FROM scratch\nUSER %s\nCOPY Dockerfile /\n' "$(cut -d: -f2 <<<"$name")" | dockerfile "base-${name%%:*}"
		buildah build --quiet --tag="localhost/${name%%:*}:1" "base-${name%%:*}"
	done
	for name in rooted unrooted absent; do
		printf 'FROM localhost/%s:1\nCOPY Dockerfile /\n' "$name" | dockerfile "$name"
	done
	printf 'FROM scratch\nUSER 0:0\nCOPY Dockerfile /\n' | dockerfile made
	printf 'FROM made\nCOPY Dockerfile /\n' | dockerfile on-made
	cb check
	equal "$status" 0
	# The storage is known once a build has asked for it.
	run ! grep on-made "$err"
	cb --no-load made rooted
	equal "$status" 0
	cb check
	equal "$(complaints)" "$(lines \
		"on-made/Dockerfile:1:6: warning: no USER is set and the base made runs as root, so it does, too" \
		"rooted/Dockerfile:1:6: warning: no USER is set and the base localhost/rooted:1 runs as root, so it does, too")"
	printf 'FROM scratch\nUSER app:0\nCOPY Dockerfile /\n' | dockerfile made
	cb --no-load made
	cb check on-made
	equal "$(complaints)" ""
}
