#!/usr/bin/env bats
# Real containers: what is called healthy, what is not, what a person is told, and that nothing is left behind.
# CBUILD_RUNTIME says what runs them (podman, docker or containerd). One image for all services; they differ in what they do.

bats_require_minimum_version 1.5.0

checkout=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
lib=$checkout/tests/lib
. "$lib/containerd"

export CBUILD_RUNTIME=${CBUILD_RUNTIME:-podman}
export CBUILD_TEST_CACHE=${CBUILD_TEST_CACHE:-$checkout/.cache}
cbuild=${CBUILD:-$checkout/cbuild}

setup_file()
{
	export PROJECT=$BATS_FILE_TMPDIR/project
	mkdir -p "$PROJECT/web"
	cp -a "$("$lib/bases")" "$PROJECT/rootfs"
	private_storage
	[ "$CBUILD_RUNTIME" != docker ] || private_docker
	[ "$CBUILD_RUNTIME" != containerd ] || containerd_start "$BATS_FILE_TMPDIR/containerd"
	write_project
}

# Not the user's images: a storage of this file's own.
private_storage()
{
	local dir=$BATS_FILE_TMPDIR/containers
	mkdir -p "$dir"
	printf '[storage]\ndriver = "overlay"\ngraphroot = "%s/root"\nrunroot = "%s/run"\n' "$dir" "$dir" >"$dir/storage.conf"
	export CONTAINERS_STORAGE_CONF=$dir/storage.conf
}

# The docker that the caller has started, or one of this file's own.
private_docker()
{
	[ -z "${DOCKER_HOST:-}" ] || return 0
	export OWN_DOCKER=$CBUILD_TEST_CACHE/docker
	"$lib/docker" fetch "$OWN_DOCKER" >&2
	eval "$("$lib/docker" start "$OWN_DOCKER")"
	# buildah wants the file that DOCKER_CONFIG promises.
	[ -e "$DOCKER_CONFIG/config.json" ] || echo '{}' >"$DOCKER_CONFIG/config.json"
}

teardown_file()
{
	if [ -n "${OWN_DOCKER:-}" ]; then
		"$lib/docker" stop "$OWN_DOCKER"
	fi
	[ "$CBUILD_RUNTIME" != containerd ] || containerd_stop "$BATS_FILE_TMPDIR/containerd"
	[ ! -d "$BATS_FILE_TMPDIR/containers/root/overlay" ] || umount "$BATS_FILE_TMPDIR/containers/root/overlay" || true
}

setup()
{
	cd "$PROJECT"
}

teardown()
{
	assert_nothing_left
}

write_project()
{
	cat >"$PROJECT/web/Dockerfile" <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY ${TARGETARCH}/ /
		COPY www /www
		USER 1000:1000
		EXPOSE 8000
		LABEL org.example.team=web
		HEALTHCHECK CMD ["/bin/wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8000/health"]
		ENTRYPOINT ["/bin/busybox"]
		CMD ["httpd", "-f", "-v", "-p", "8000", "-h", "/www"]
	EOF
	mkdir -p "$PROJECT/rootfs/www"
	echo '{"status": "ok", "checks": [{"name": "db"}]}' >"$PROJECT/rootfs/www/health"
	printf 'one\ntwo "x" $y\n' >"$PROJECT/rootfs/www/lines"
	echo 'FROM_FILE="yes-hush"' >"$PROJECT/waits.env"
	cat >"$PROJECT/services.yaml" <<-'EOF'
		project: verify
		registry: localhost/verify
		templates:
		  web:
		    build: {context: rootfs, dockerfile: ../web/Dockerfile}
		    ports: ["8000"]
		services:
		  healthy:
		    extends: web
		    verify:
		      http: {path: /health, status: 200, body: '"status":\s*"ok"', json: {checks.0.name: db}}
		      tcp: 8000
		      user: nonroot
		      max_size: 10MB
		      entrypoint: [/bin/busybox]
		      ports: ["8000"]
		      labels: {org.example.team: web}
		  wrong-status:
		    extends: web
		    verify: {http: {path: /nowhere, timeout: 1s}}
		  wrong-body:
		    extends: web
		    verify: {http: {path: /health, body: '"status":\s*"fine"', timeout: 1s}}
		  dies:
		    extends: web
		    command: [sh, -c, "echo no database; exit 7"]
		    verify: {http: /health}
		  deaf:
		    extends: web
		    command: [sleep, "100"]
		    verify: {http: {path: /health, timeout: 1s}}
		  deaf-tcp:
		    extends: web
		    command: [sleep, "100"]
		    verify: {tcp: {port: 8000, timeout: 1s}}
		  not-there:
		    extends: web
		    entrypoint: [/bin/no-such-program]
		    verify: {http: /health}
		  environment:
		    extends: web
		    environment:
		      PLAIN: "a b"
		      LINES: "one\ntwo \"x\" $$y"
		      PATH: /bin:/own
		    command: [sh, -c, 'test "$$PLAIN" = "a b" && test "$$LINES" = "$$(cat /www/lines)" && test $$PATH = /bin:/own && exec httpd -f -p 8000 -h /www']
		    verify: {http: /health}
		  db:
		    extends: web
		    command: [sh, -c, "sleep 1; exec httpd -f -p 8000 -h /www"]
		    verify: {http: /health}
		  own-check:
		    extends: web
		    command: [sh, -c, "sleep 1; exec httpd -f -p 8000 -h /www"]
		  migration:
		    extends: web
		    command: ["true"]
		  broken-migration:
		    extends: web
		    command: [sh, -c, "echo no such table; exit 3"]
		  app:
		    extends: web
		    depends_on:
		      db: {condition: service_healthy}
		      own-check: {condition: service_healthy}
		      migration: {condition: service_completed_successfully}
		    command: [sh, -c, "wget -q -O - http://db:8000/health && wget -q -O - http://own-check:8000/health && exec httpd -f -p 8000 -h /www"]
		    verify: {http: /health}
		  stuck:
		    extends: web
		    depends_on:
		      broken-migration: {condition: service_completed_successfully}
		    verify: {http: /health}
		  told-check:
		    extends: web
		    command: [sh, -c, "sleep 1; touch /tmp/ready; exec sleep 100"]
		    healthcheck: {test: "test -e /tmp/ready", timeout: 5s}
		  waits:
		    extends: web
		    depends_on: {told-check: {condition: service_healthy}}
		    env_file: waits.env
		    working_dir: /www
		    command: [sh, -c, 'test "$${FROM_FILE%%-*}" = yes && test "$$PWD" = /www && exec httpd -f -p 8000 -h .']
		    verify: {http: /health}
		  policy:
		    extends: web
		    verify:
		      http: {path: /nowhere, timeout: 1s}
		      user: 2000
		      max_size: 1kB
		      entrypoint: [/app]
		      ports: ["9000"]
		      labels: {org.example.team: other, org.example.none: x}
		      platforms: [linux/s390x]
		      run: [["false"]]
		  policy-only:
		    extends: web
		    verify: {user: root}
		  checker:
		    extends: web
		    verify:
		      run:
		        - [sh, -c, 'test -s "$$1/index.json" && test -d "$$1/blobs/sha256" && echo "$$2 $$3" >checker.out', sh, "${image.oci}", "${image.reference}", "${image.digest}"]
		  bad-checker:
		    extends: web
		    verify:
		      run:
		        - [sh, -c, "echo CVE-1; exit 4"]
		        - [no-such-scanner]
		  never:
		    extends: web
		    command: [sleep, "1000"]
		    verify: {tcp: {port: 9, timeout: 10m}}
		  hurried:
		    extends: web
		    depends_on:
		      never: {condition: service_healthy}
		      broken-migration: {condition: service_completed_successfully}
		    verify: {http: /health}
		  endless:
		    extends: web
		    depends_on: [db]
		    verify: {http: {path: /nowhere, timeout: 60s}}
	EOF
}

# Containers and networks that are ours: those of other tests are there too.
ours()
{
	if [ "$CBUILD_RUNTIME" = containerd ]; then
		containerd_left
		return
	fi
	"$CBUILD_RUNTIME" ps -a --filter label=dev.cbuild.owner --format '{{.Names}} {{.Labels}}' 2>/dev/null |
		grep -F "$BATS_FILE_TMPDIR/" || true
	"$CBUILD_RUNTIME" network ls --filter label=dev.cbuild.owner --format '{{.Name}} {{.Labels}}' 2>/dev/null |
		grep -F "$BATS_FILE_TMPDIR/" || true
}

assert_nothing_left()
{
	local left
	left=$(ours)
	[ -z "$left" ] || {
		echo "left: $left" >&2
		return 1
	}
}

# assert_run STATUS ARGUMENT...: cbuild ends with that status; what it says is in $output.
assert_run()
{
	local wanted=$1
	shift
	run "$cbuild" --no-load "$@"
	echo "$output" | sed 's/^/# /'
	[ "$status" -eq "$wanted" ] || {
		echo "status $status instead of $wanted" >&2
		return 1
	}
}

assert_said()
{
	[[ $output == *"$1"* ]] || {
		echo "not said: $1" >&2
		return 1
	}
}

@test "a healthy service passes all checks, and they are not run again" {
	assert_run 0 healthy
	assert_run 0 -n --exit-code healthy
	[ "$("$cbuild" images --format=json | jq -r '.images[] | select(.service == "healthy").verified')" = true ]
}

@test "a wrong status is told with the answer and the container's last lines" {
	assert_run 5 wrong-status
	assert_said "status 404 instead of 2xx"
	assert_said "404 Not Found"
	assert_said "response:404"
}

@test "a body that does not match is told" {
	assert_run 5 wrong-body
	assert_said "the body does not match"
	assert_said '"name": "db"'
}

@test "a container that dies at once is told with its status and last lines" {
	assert_run 5 dies
	assert_said "with status 7"
	assert_said "no database"
}

@test "a port that is never opened is told" {
	assert_run 5 deaf
	assert_said "/health on port 8000 was not healthy after"
	assert_run 5 deaf-tcp
	assert_said "tcp port 8000 was not healthy after"
}

@test "an entry point that is not in the image is told" {
	assert_run 5 not-there
	assert_said "/bin/no-such-program"
}

@test "the environment arrives whole" {
	if [ "$CBUILD_RUNTIME" = containerd ]; then # ctr has no way for it but its arguments
		assert_run 3 environment
		assert_said "ctr cannot pass the value of LINES"
		return
	fi
	assert_run 0 environment
}

@test "dependencies are started first, until healthy or completed, and found by name" {
	assert_run 0 app
}

@test "a service's own health check, env file and working folder count" {
	assert_run 0 waits
	run ! grep -r yes-hush .cbuild
}

@test "a dependency that fails is named, with its last lines" {
	assert_run 5 stuck
	assert_said "depends_on broken-migration: it ended with status 3"
	assert_said "no such table"
	# Whatever the others wait for, which here is ten minutes.
	cbuild=$(timed "$cbuild") assert_run 5 hurried
	assert_said "depends_on broken-migration: it ended with status 3"
	[[ $output != *"depends_on never"* ]]
}

# timed COMMAND: a command that runs it for two minutes at most.
timed()
{
	printf '#!/bin/sh\nexec timeout 120 "%s" "$@"\n' "$1" >"$BATS_TEST_TMPDIR/timed"
	chmod +x "$BATS_TEST_TMPDIR/timed"
	echo "$BATS_TEST_TMPDIR/timed"
}

@test "everything that is wrong is told in one run" {
	assert_run 5 policy
	assert_said "user: the image runs as '1000:1000', expected 2000"
	assert_said "max_size: the image has"
	assert_said "entrypoint: the image has [/bin/busybox], expected [/app]"
	assert_said "ports: the image does not expose 9000"
	assert_said "labels: org.example.team is 'web', expected 'other'"
	assert_said "labels: the image has no label org.example.none"
	assert_said "platforms: there is no image for linux/s390x"
	assert_said "status 404 instead of 2xx"
	assert_said "run: false ended with status 1"
}

@test "a policy alone that is not kept is status 1" {
	assert_run 1 policy-only
	assert_said "user: the image runs as '1000:1000', expected root"
}

@test "a checker gets the image as a layout, its reference and its digest" {
	assert_run 0 checker
	grep -Eq '^localhost/verify/checker:latest sha256:[0-9a-f]{64}$' checker.out
}

@test "a checker that fails is told with what it said; one that is missing, too" {
	assert_run 3 bad-checker
	assert_said "CVE-1"
	assert_said "no-such-scanner"
}

@test "what failed is checked again, what passed is not" {
	assert_run 5 dies
	assert_run 5 dies
	assert_said "no database"
}

runtime_images()
{
	if [ "$CBUILD_RUNTIME" = containerd ]; then
		ctr images list --quiet
	else
		"$CBUILD_RUNTIME" images --format '{{.Repository}}'
	fi
}

@test "nothing is named in the runtime by a verification alone" {
	assert_run 0 healthy -B
	run -0 runtime_images
	[[ $output != *verify/healthy* ]]
}

# wait_for COMMAND...: until it succeeds, at most 30 s.
wait_for()
{
	local i
	for ((i = 0; i < 300; i++)); do
		if "$@"; then return; fi
		sleep 0.1
	done
	echo "waited in vain: $*" >&2
	return 1
}

verifying()
{
	[ "$(ours | grep -c endless)" -gt 0 ]
}

@test "Ctrl-C in mid-verify leaves no container and no network" {
	assert_run 0 --no-verify endless
	"$cbuild" --no-load endless >out 2>&1 3>&- &
	wait_for verifying
	kill -INT $!
	status=0
	wait $! || status=$?
	[ "$status" -eq 130 ]
	assert_nothing_left
}

# Containers' network namespaces on this machine: podman that is ended at the wrong moment leaves its own.
namespaces()
{
	find /run/netns -mindepth 1 2>/dev/null | wc -l
}

no_more_namespaces_than()
{
	[ "$(namespaces)" -le "$1" ]
}

@test "Ctrl-C at any moment leaves nothing" {
	local before delay
	assert_run 0 --no-verify endless
	before=$(namespaces)
	for delay in 0.05 0.1 0.15 0.2 0.25 0.3 0.35 0.4 0.5 0.6 0.8 1.0 1.2 1.4; do
		"$cbuild" --no-load endless >out 2>&1 3>&- &
		sleep "$delay"
		# When it ends by itself, what it says tells why.
		kill -INT $! || cat out
		status=0
		wait $! || status=$?
		[ "$status" -eq 130 ] || {
			cat out
			return 1
		}
		assert_nothing_left
	done
	wait_for no_more_namespaces_than "$before"
}

@test "what a killed cbuild leaves, the next run removes" {
	assert_run 0 --no-verify endless
	"$cbuild" --no-load endless >out 2>&1 3>&- &
	wait_for verifying
	kill -KILL $!
	wait $! || true
	[ -n "$(ours)" ]
	assert_run 0 --no-verify endless
	assert_nothing_left
}
