#!/usr/bin/env bats
# When a service counts as healthy: its own check with compose's times. With podman, and with docker.

. "$BATS_TEST_DIRNAME/../lib/project"

setup_file()
{
	project_begin
	own_docker
}

teardown_file()
{
	own_docker_end '^localhost/health/'
	project_end
}

setup()
{
	project health
	rm -rf .cbuild
	dockerfile web <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY --from=rootfs ${TARGETARCH}/ /
		COPY check /bin/check
		CMD ["/bin/sleep", "1000"]
	EOF
	# Every try leaves a byte in /tries.
	cat >web/check <<-'EOF'
		#!/bin/sh
		printf x >>/tries
		echo "try number $(wc -c </tries)"
		test -e /ready
	EOF
	chmod +x web/check
}

# manifest HEALTHCHECK [LINE...]: a service `web` with this check, that `app` waits for; more lines are more of `web`.
manifest()
{
	cat >services.yaml <<-EOF
		project: health
		registry: localhost/health
		services:
		  web:
		    build: {context: web, additional_contexts: {rootfs: rootfs}}
		    healthcheck: $1
		$(printf '    %s\n' "${@:2}")
		  app:
		    build: {context: web, additional_contexts: {rootfs: rootfs}}
		    depends_on: {web: {condition: service_healthy}}
	EOF
}

each_runtime()
{
	local CBUILD_RUNTIME
	for CBUILD_RUNTIME in podman docker; do
		export CBUILD_RUNTIME
		echo "--- with $CBUILD_RUNTIME"
		rm -rf .cbuild
		"$@" || return
	done
}

gives_up()
{
	manifest '{test: [CMD, /bin/check], interval: 1s, retries: 2, timeout: 20s}'
	cb up -d || return
	equal "$status" 5 || return
	grep -qE '^ *(cbuild: error: )?web: unhealthy after [0-9]+ ms: its health check failed 2 times in a row' "$err" || return
	grep -q "the check's last output:" "$err" || return
	grep -qE '^    try number [0-9]+$' "$err" || return
	! grep -q 'app is started' "$err"
}

@test "a service is unhealthy after the last retry, and what its check said is told" {
	each_runtime gives_up
}

waits()
{
	# One failed try would be enough, if the start period let it count.
	manifest '{test: [CMD, /bin/check], interval: 1s, retries: 1, start_period: 10m, start_interval: 100ms}' \
		"command: [sh, -c, 'until test \"\$\$(wc -c </tries)\" -ge 5; do sleep 0.1; done; touch /ready; exec sleep 1000']"
	cb up -d || return
	equal "$status" 0 || return
	grep -q 'web is healthy' "$err" || return
	cb down
	equal "$status" 0
}

@test "failed tries in the start period do not count" {
	each_runtime waits
}

hangs()
{
	manifest '{test: [CMD-SHELL, "sleep 300"], interval: 1s, retries: 1, timeout: 1s}'
	cb up -d || return
	equal "$status" 5 || return
	grep -q 'it did not end within 1000 ms' "$err"
}

@test "a try that takes too long has failed" {
	each_runtime hangs
}

has_none()
{
	manifest '{retries: 3}'
	cb up -d || return
	equal "$status" 2 || return
	grep -q 'services.yaml:10:18: app waits until web is healthy, but neither web nor its image has a health check' "$err"
}

@test "nobody waits for the health of a service without a check" {
	each_runtime has_none
	# Where the manifest alone tells, nothing is built.
	manifest '{disable: true}'
	cb -n
	equal "$status" 2
	grep -q 'services.yaml:10:18: error: "app" waits until "web" is healthy, which has no health check' "$err"
	manifest '{test: [NONE]}'
	cb -n
	equal "$status" 2
	# Its check by cbuild is one.
	manifest '{disable: true}' 'verify: {tcp: 80}'
	cb -n
	equal "$status" 0
}

hides()
{
	manifest '{disable: true}' 'verify: {http: {path: /, port: 8000, timeout: 3s}}' \
		'command: [httpd, -f, -p, "127.0.0.1:8000", -h, /]'
	cb up -d || return
	equal "$status" 5 || return
	grep -q 'web listens on 127.0.0.1:8000 only, which nobody outside its container reaches: let it listen on 0.0.0.0' "$err" || return
	sed -i 's/http: {path: \/, /tcp: {/' services.yaml
	cb up -d || return
	equal "$status" 5 || return
	grep -q 'web listens on 127.0.0.1:8000 only' "$err"
}

@test "who only listens on 127.0.0.1 inside is told so" {
	each_runtime hides
}

# An image with nginx, a certificate for the name app.test, and behind it containerd, which speaks gRPC's health protocol.
front_image()
{
	local file libraries
	mkdir -p front/root
	[ ! -e front/root/nginx ] || return 0
	cp "$("$checkout/tests/lib/nginx")" front/root/nginx
	cp "$OWN_DOCKER/root/usr/bin/containerd" front/root/containerd
	libraries=$(ldd front/root/nginx front/root/containerd | grep -oE '/[^ :]+\.so[^ ]*' | sort -u)
	for file in $libraries; do
		cp --parents -L "$file" front/root/
	done
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=app.test -addext subjectAltName=DNS:app.test \
		-keyout front/root/key.pem -out front/root/cert.pem 2>/dev/null
	cp front/root/cert.pem ca.pem
	cat >front/root/nginx.conf <<-'EOF'
		daemon off;
		user root;
		pid /pid;
		error_log stderr;
		events {}
		http {
			access_log off;
			client_body_temp_path /body; proxy_temp_path /p; fastcgi_temp_path /f; uwsgi_temp_path /u; scgi_temp_path /s;
			server {
				listen 8000;
				listen 8443 ssl;
				ssl_certificate /cert.pem;
				ssl_certificate_key /key.pem;
				if ($host != app.test) { return 403 "which host?"; }
				location /moved { return 302 $scheme://app.test/here; }
				location /here { return 200 "here\n"; }
				location /posted { if ($request_method != POST) { return 405; } return 200 "$http_x_token\n"; }
			}
			server {
				listen 9000 http2;
				listen 9443 ssl http2;
				ssl_certificate /cert.pem;
				ssl_certificate_key /key.pem;
				location / { grpc_pass grpc://unix:/run/containerd/containerd.sock; }
			}
		}
	EOF
	printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >front/root/containerd.toml
	cat >front/Dockerfile <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY --from=rootfs ${TARGETARCH}/ /
		COPY root /
		CMD ["/bin/sh", "-c", "/containerd -c /containerd.toml & exec /nginx -e stderr -c /nginx.conf"]
	EOF
}

# asked VERIFY: a service `front` with these checks, each a line of a map.
asked()
{
	cat >services.yaml <<-EOF
		project: health
		registry: localhost/health
		services:
		  front:
		    build: {context: front, additional_contexts: {rootfs: rootfs}}
		    verify:
		$(printf '      %s\n' "$@")
	EOF
}

asks_as_told()
{
	# What passed is not asked again; what the check asks with counts.
	asked 'http: {path: /moved, port: 8000, host: app.test, body: ^here}' 'grpc: 9000' 'exec: [test, -e, /nginx.conf]'
	cb || return
	equal "$status" 0 || return
	grep -q 'verify front' "$err" || return
	cb -n || return
	grep -q 'nothing to do\|up to date' "$out" "$err" || return
	asked 'http: {path: /here, port: 8443, host: app.test, scheme: https, ca: ca.pem}' 'exec: test -e /nginx.conf'
	cb || return
	equal "$status" 0 || return
	asked 'grpc: {port: 9443, tls: true, host: app.test, ca: ca.pem}'
	cb || return
	equal "$status" 0 || return
	asked 'grpc: {port: 9443, tls: true, insecure: true}'
	cb || return
	equal "$status" 0 || return
	asked 'http: {path: /here, port: 8443, host: "app.test:8443", scheme: https, insecure: true}'
	cb || return
	equal "$status" 0 || return
	asked 'http: {path: /posted, port: 8000, host: app.test, method: POST, send: x, headers: {X-Token: "a b"}, body: "^a b$"}'
	cb || return
	equal "$status" 0
}

@test "a service is asked with the host, scheme, method and headers that its check gives, by gRPC, and by a command" {
	front_image
	each_runtime asks_as_told
}

says_why()
{
	asked 'http: {path: /here, port: 8000, timeout: 3s}'
	cb || return
	equal "$status" 5 || return
	grep -qE 'status 403 instead of 2xx \(it was asked as the host [0-9.]+:[0-9]+; `host` sets another\)' "$err" || return
	asked 'http: {path: /moved, port: 8000, host: app.test, redirects: 0, timeout: 2s}'
	cb || return
	equal "$status" 5 || return
	grep -q 'status 302 instead of 2xx' "$err" || return
	asked 'http: {path: /here, port: 8443, scheme: https, ca: ca.pem, timeout: 2s}'
	cb || return
	equal "$status" 5 || return
	grep -qi 'certificate' "$err" || return
	asked 'grpc: {port: 9443, tls: true, ca: ca.pem, timeout: 2s}'
	cb || return
	equal "$status" 5 || return
	grep -qi 'grpc.*certificate\|certificate' "$err" || return
	asked 'grpc: {port: 9443, timeout: 2s}'
	cb || return
	equal "$status" 5 || return
	asked 'grpc: {port: 9000, service: nobody.knows, timeout: 3s}' 'exec: {command: [sh, -c, "echo so it is; exit 3"], timeout: 1s}'
	cb || return
	equal "$status" 5 || return
	grep -q 'the server does not know the service "nobody.knows"' "$err" || return
	grep -q 'exec sh was not healthy after' "$err" || return
	grep -q '    so it is' "$err"
}

@test "why a check fails is told: the host that was sent, a certificate, what gRPC or the command said" {
	front_image
	each_runtime says_why
}

# `slow` is healthy once `free` runs, for which nobody has to wait.
begins_side_by_side()
{
	rm -rf shared
	mkdir shared
	cat >services.yaml <<-'EOF'
		project: health
		registry: localhost/health
		services:
		  slow:
		    build: &build {context: web, additional_contexts: {rootfs: rootfs}}
		    volumes: ["./shared:/shared"]
		    healthcheck: {test: [CMD, test, -e, /shared/free], interval: 1s, retries: 20}
		  app:
		    build: *build
		    depends_on: {slow: {condition: service_healthy}}
		  free:
		    build: *build
		    volumes: ["./shared:/shared"]
		    command: [sh, -c, "touch /shared/free; exec sleep 1000"]
	EOF
	cb up -d || return
	equal "$status" 0 || return
	# Who of the first two is started first does not matter.
	local said
	said=$(sed -nE 's/^cbuild: ([a-z]+ is (started|healthy)).*/\1/p' "$err")
	equal "$(sort <<<"$said")" "$(printf '%s\n' 'app is started' 'free is started' 'slow is healthy' 'slow is started')" || return
	equal "$(tail -n 1 <<<"$said")" 'app is started' || return
	equal "$(grep slow <<<"$said")" "$(printf '%s\n' 'slow is started' 'slow is healthy')" || return
	cb down || return
	equal "$status" 0
}

@test "a service is started as soon as what it depends on allows, whoever else is waited for" {
	each_runtime begins_side_by_side
}

# A bridge with podman's own subnet, as older versions of podman leave it, takes what is sent to the containers.
blocks_the_way()
{
	local subnet
	subnet=$(podman network inspect podman | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["subnets"][0]["subnet"])')
	ip link add cni-podman0 type bridge || return
	ip addr add "${subnet%.*}.1/${subnet#*/}" dev cni-podman0 || return
	ip link set cni-podman0 up
}

@test "who cannot be reached from here is asked from inside, and it is said why" {
	export CBUILD_RUNTIME=podman
	cat >services.yaml <<-'EOF'
		project: health
		registry: localhost/health
		services:
		  web:
		    build: {context: web, additional_contexts: {rootfs: rootfs}}
		    command: [httpd, -f, -p, "8000", -h, /bin]
		    verify: {http: {path: /check, port: 8000, timeout: 60s}, tcp: {port: 8000, timeout: 60s}}
	EOF
	podman network inspect podman >/dev/null
	# Others' containers must not lose theirs: a namespace of this test's own.
	export -f blocks_the_way
	unshare --net --mount bash -c 'set -e; ip link set lo up; blocks_the_way; "$0" >"$1" 2>&1' "$cbuild" "$BATS_TEST_TMPDIR/said" || {
		cat "$BATS_TEST_TMPDIR/said"
		return 1
	}
	cat "$BATS_TEST_TMPDIR/said"
	"$cbuild" report 2>/dev/null | cat
	grep -aqE 'web: asked from inside its network, because [0-9.]+ cannot be reached from here: 2 routes lead there: .* by cni-podman0' .cbuild/state.db
}
