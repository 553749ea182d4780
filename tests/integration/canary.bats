#!/usr/bin/env bats
# Secrets are planted wherever people put some. Steps and checks use them, and print none.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/registry"

setup_file()
{
	project_begin
	registries_begin
	registry_start closed htpasswd
	login_file closed tester secret
	make_project
}

teardown_file()
{
	cd "$ROOT/canary" && "$cbuild" down >/dev/null 2>&1
	registries_end
	project_end
}

make_project()
{
	project canary
	printf 'canary-of-file\n' >secret.txt
	printf 'SETTING=canary-of-env-file\n' >web.env
	printf 'DOTTED_TOKEN=canary-of-dotenv\n' >.env
	cat >services.yaml <<-EOF
		project: canary
		registry: $(registry_host closed)/canary
		services:
		  base: {publish: false, build: {context: rootfs/$host_arch, dockerfile_inline: "FROM scratch\nCOPY . /\n"}}
		  web:
		    prepare: {run: [sh, -c, "echo made >made"], inputs: [services.yaml], outputs: [made]}
		    build:
		      context: .
		      dockerfile_inline: |
		        FROM base
		        ARG WEB_TOKEN
		        COPY made /made
		        RUN --mount=type=secret,id=a --mount=type=secret,id=b cat /run/secrets/a /run/secrets/b | wc -c >/count
		      additional_contexts: {base: "service:base"}
		      args: {WEB_TOKEN: canary-of-argument, OTHER_TOKEN: "\${DOTTED_TOKEN}"}
		      secrets: [a, b]
		    environment: {DB_PASSWORD: "\${DB_PASSWORD}", WEB_PASSWORD: canary-of-environment}
		    env_file: [web.env]
		    command: [httpd, -f, -p, "8000"]
		    verify: {http: {path: "/made?signature=canary-of-query", port: 8000}}
		secrets: {a: {environment: PLAIN}, b: {file: secret.txt}}
	EOF
	printf 'secret.txt\n' >.dockerignore
}

# watched ARGUMENTS...: runs cbuild, and records its children with their arguments and environments, those of containers too. The
# container of `up` stays, and strace with it.
watched()
{
	out=$ROOT/said/$1.out
	echo "--- $*"
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 CBUILD_TRACE=$ROOT/said/$1.trace strace -D -f -qq -v -s 20000 -e trace=execve -e signal=none \
		-o "$ROOT/children.$1" "$cbuild" "$@" >"$out" 2>"$ROOT/said/$1.err" </dev/null 3>&- || {
		cat "$out" "$ROOT/said/$1.err"
		return 1
	}
}

# strays arguments|environments: lines of "PROGRAM CANARY" of the children: in arguments, or in environments (but of what people exported themselves).
strays()
{
	python3 - "$1" "$ROOT"/children.* <<-'EOF'
		import re, sys
		for path in sys.argv[2:]:
		    for line in open(path, errors="replace"):
		        call = re.match(r'\d+\s+execve\("([^"]*)", \[(.*?)\], \[(.*)\]\)', line)
		        if call and not call[1].endswith("/cbuild"):
		            for canary in re.findall(r"canary-of-[a-z]+|dGVzdGVyOnNlY3JldA", call[2 if sys.argv[1] == "arguments" else 3]):
		                print(call[1], canary)
	EOF
}

@test "secrets are in no state, log, event, trace or report" {
	cd "$ROOT/canary"
	mkdir "$ROOT/said"
	export NPM_TOKEN=canary-of-token PLAIN=canary-of-secret DB_PASSWORD=canary-of-password
	export HTTPS_PROXY=http://me:canary-of-proxy@proxy.invalid:1 NO_PROXY=localhost
	watched web --push --set x=canary-of-set --progress=json -v
	watched up -d web --set x=canary-of-set
	watched run web true
	watched exec web true
	watched why web
	watched report "--output=$ROOT/said/report.html"
	watched doctor --report
	watched history
	watched ps
	watched logs web
	watched down
	# But the image has the argument in its history, as `cbuild check` says.
	! grep -raoE --exclude-dir=blobs "canary-of-[a-z]*|dGVzdGVyOnNlY3JldA" .cbuild "$ROOT/said" "$XDG_CACHE_HOME" || false
	equal "$(grep -raohE "canary-of-[a-z]*" .cbuild/oci/blobs | sort -u)" canary-of-argument
}

@test "secrets are in no child's arguments, and only in environments that need them" {
	grep -q '/bin/httpd.*canary-of-environment' "$ROOT"/children.up
	equal "$(strays arguments)" ""
	# Login, secret files and what only the manifest has: none. A build's arguments are for the builder, and what it runs; the environment of
	# a service is for its container.
	! strays environments | grep -E "canary-of-(file|query|set)|dGVzdGVyOnNlY3JldA" || false
	equal "$(strays environments | grep -E "canary-of-(env|environment)$" | cut -d' ' -f1 | sort -u | xargs)" "/bin/httpd /bin/true"
	equal "$(strays environments | grep -E "canary-of-(argument|dotenv)$" | cut -d' ' -f1 | grep -E "/(podman|conmon|skopeo|git|httpd)$")" ""
}
