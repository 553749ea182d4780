#!/usr/bin/env bats
# What people send with a bug report: CBUILD_TRACE and `cbuild doctor --report`. Secrets are planted wherever a run meets
# some, and stand in neither.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/registry"

setup_file()
{
	project_begin
	registries_begin
	registry_start closed htpasswd
	login_file closed tester secret
	export NPM_TOKEN=canary-of-token PLAIN=canary-of-secret HTTPS_PROXY=http://me:canary-of-proxy@proxy.invalid:1
	export NO_PROXY=localhost DB_PASSWORD=canary-of-password
	make_project
}

teardown_file()
{
	registries_end
	project_end
}

make_project()
{
	project traced
	printf 'canary-of-file\n' >secret.txt
	printf 'SETTING=canary-of-env-file\n' >web.env
	cat >services.yaml <<-EOF
		project: traced
		registry: $(registry_host closed)/traced
		services:
		  base: {publish: false, build: {context: rootfs/$host_arch, dockerfile_inline: "FROM scratch\nCOPY . /\n"}}
		  web:
		    prepare: {run: [sh, -c, "echo made >made", "--password", "\${NPM_TOKEN}"], inputs: [services.yaml], outputs: [made]}
		    build:
		      context: .
		      dockerfile_inline: |
		        FROM base
		        ARG WEB_TOKEN
		        COPY made /made
		        RUN --mount=type=secret,id=a --mount=type=secret,id=b cat /run/secrets/a /run/secrets/b; exit \$(cat /made | wc -c | sed s/5/0/)
		      additional_contexts: {base: "service:base"}
		      args: {WEB_TOKEN: canary-of-argument}
		      secrets: [a, b]
		    environment: {DB_PASSWORD: "\${DB_PASSWORD}"}
		    env_file: [web.env]
		    command: [httpd, -f, -p, "8000"]
		    verify: {http: {path: "/made?signature=canary-of-query", port: 8000}}
		secrets: {a: {environment: PLAIN}, b: {file: secret.txt}}
	EOF
	printf 'secret.txt\n' >.dockerignore
}

# no_canary FILE: none of what is planted stands there.
no_canary()
{
	! grep -n -e canary -e "$(printf tester:secret | base64)" "$1"
}

# traced EXPRESSION: what jq finds in the trace.
traced()
{
	jq -r "$1" "$trace"
}

setup()
{
	cd "$ROOT/traced"
	trace=$ROOT/trace
}

@test "a release: decisions, children and requests, each a line, and no secret" {
	CBUILD_TRACE=$trace cb web --push --set x=canary-of-set
	[ "$status" = 0 ]
	grep -q canary-of-file .cbuild/logs/*/build*web*
	no_canary "$trace"
	equal "$(traced '.event' | head -n 1)" start
	equal "$(traced '.event' | tail -n 1)" exit
	equal "$(traced 'select(.event == "start") | "\(.format) \(.command)"')" "1 web --push --set x=..."
	traced 'select(.event == "decision" and .state == "stale") | "\(.node) \(.reasons | join(", "))"' | grep "^build:base:$host "
	traced 'select(.event == "child_start") | .argv | join(" ")' | grep "buildah build .*--build-arg=WEB_TOKEN "
	traced 'select(.event == "child_start") | .argv | join(" ")' | grep '^sh -c echo made >made --password \*\*\*$'
	traced 'select(.event == "request") | "\(.method) \(.status) \(.url)"' | grep "^PUT 201 .*/v2/traced/web/manifests/latest$"
	traced 'select(.event == "request") | "\(.method) \(.status) \(.url)"' | grep '^GET 200 .*/made?signature=\*\*\*$'
	traced 'select(.event == "request" and .method == "PATCH" or .method == "PUT") | .sent' | grep -E '^[0-9]{4,}$'
	traced 'select(.event == "node_end") | "\(.node) \(.outcome)"' | grep "^build:web:$host done$"
	traced 'select(.event == "module") | .name' | grep '^libcurl'
	equal "$(traced 'select(.event == "exit") | .status')" 0
}

@test "every child that is started is said to have ended" {
	equal "$(traced 'select(.event == "child_end") | .pid' | sort)" "$(traced 'select(.event == "child_start") | .pid' | sort)"
	[ "$(traced 'select(.event == "child_end") | .pid' | wc -l)" -gt 5 ]
}

@test "a run with nothing to do has no child and no request; lines are added" {
	CBUILD_TRACE=$ROOT/second cb web
	[ "$status" = 0 ]
	no_canary "$ROOT/second"
	equal "$(jq -r 'select(.event != "decision") | .event' "$ROOT/second" | xargs)" "start exit"
	CBUILD_TRACE=$ROOT/second cb web
	equal "$(jq -r 'select(.event != "decision") | .event' "$ROOT/second" | xargs)" "start exit start exit"
}

@test "on standard error, and what cannot be written" {
	CBUILD_TRACE=1 cb version
	equal "$(jq -r .event "$err" | xargs)" "start exit"
	CBUILD_TRACE=no/such/folder cb version
	[ "$status" = 2 ]
	grep -q "CBUILD_TRACE: cannot write no/such/folder" "$err"
	CBUILD_TRACE=/dev/full cb version
	[ "$status" = 0 ]
	grep -q "CBUILD_TRACE: /dev/full is not complete" "$err"
}

@test "a report has what failed, the trace's end, tools and settings, and no secret" {
	sed -i 's/echo made/echo broken/' services.yaml
	CBUILD_TRACE=$trace cb web
	[ "$status" = 1 ]
	grep -q canary-of-secret .cbuild/logs/*/build*web*
	CBUILD_TRACE=$trace cb doctor --report
	[ "$status" = 0 ]
	no_canary "$out"
	no_canary "$trace"
	grep -E "^cbuild: [0-9]" "$out"
	grep -E "^libcurl.*: there$" "$out"
	grep -E "^  ok buildah " "$out"
	grep -x "CBUILD_BUILDER=buildah" "$out"
	grep -F 'HTTPS_PROXY=http://***@proxy.invalid:1' "$out"
	grep -x "command: web" "$out"
	grep -x "failed: build:web:$host" "$out"
	grep -F 'failed with status 7' "$out"
	grep '"event":"child_end"' "$out"
}

@test "a report without a manifest, and with one that is not valid" {
	mkdir -p "$ROOT/nothing"
	cd "$ROOT/nothing"
	cb doctor --report
	[ "$status" = 0 ]
	grep -q "there is no manifest here" "$out"
	printf 'services:\n  web: {password: canary-of-manifest}\n' >services.yaml
	cb doctor --report
	[ "$status" = 0 ]
	grep -q "the manifest is not valid" "$out"
	no_canary "$out"
	no_canary "$err"
}
