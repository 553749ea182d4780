#!/usr/bin/env bats
# compose's keys about how a container runs: what `docker compose up` makes of them is the judge.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/containerd"

setup_file()
{
	project_begin
	own_docker
}

teardown_file()
{
	own_docker_end '^localhost/settings/'
	project_end
}

setup()
{
	project settings
	rm -rf .cbuild services.yaml
	dockerfile web <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY --from=rootfs ${TARGETARCH}/ /
		CMD ["/bin/sleep", "1000"]
	EOF
	cat >compose.yaml <<-'EOF'
		name: settings
		services:
		  web:
		    build: {context: web, additional_contexts: {rootfs: ./rootfs}}
		    image: localhost/settings/web:1
		    hostname: inside
		    read_only: true
		    tty: true
		    stdin_open: true
		    cap_add: [NET_ADMIN]
		    cap_drop: [MKNOD]
		    security_opt: ["no-new-privileges"]
		    group_add: ["4711"]
		    extra_hosts: ["far.test:192.0.2.1"]
		    dns: [192.0.2.53]
		    dns_search: [here.test]
		    ulimits: {nofile: {soft: 200, hard: 300}, core: 0}
		    sysctls: {net.ipv4.ip_unprivileged_port_start: 81}
		    shm_size: 32m
		    labels: {team: blue}
		    secrets: [token]
		    configs: [{source: motto, target: /etc/motto}]
		    networks: {front: {aliases: [www, shop]}}
		  plain:
		    build: {context: web, additional_contexts: {rootfs: ./rootfs}}
		    image: localhost/settings/web:1
		    networks: [front]
		    depends_on: [web]
		networks: {front: {}}
		secrets: {token: {file: token.txt}}
		configs: {motto: {file: motto.txt}}
	EOF
	echo secret >token.txt
	echo onwards >motto.txt
}

# The service's container that this test's cbuild has started.
container_of()
{
	"$CBUILD_RUNTIME" ps -aq --filter "label=dev.cbuild.service=$1" --filter "label=dev.cbuild.owner=$PWD/.cbuild/up"
}

inside()
{
	"$CBUILD_RUNTIME" exec "$(container_of "$1")" /bin/sh -c "$2"
}

# What docker knows about how a container runs, without names and addresses.
settings_of()
{
	docker inspect "$1" | python3 -c '
import json, sys
one = json.load(sys.stdin)[0]
config, host = one["Config"], one["HostConfig"]
out = {k: config.get(k) for k in ("Hostname", "Tty", "OpenStdin")}
if one["Id"].startswith(out["Hostname"]):
    out["Hostname"] = None
out["team"] = config["Labels"].get("team")
for k in ("ReadonlyRootfs", "CapAdd", "CapDrop", "Privileged", "SecurityOpt", "Init", "RestartPolicy", "Ulimits", "ShmSize",
          "Memory", "MemoryReservation", "MemorySwap", "NanoCpus", "CpuShares", "CpusetCpus", "PidsLimit", "Sysctls", "Dns",
          "DnsSearch", "DnsOptions", "Devices", "GroupAdd", "ExtraHosts", "LogConfig", "OomScoreAdj"):
    value = host.get(k)
    out[k] = sorted(value, key=str) if isinstance(value, list) else value
out["aliases"] = [a for n in one["NetworkSettings"]["Networks"].values() for a in sorted(n.get("Aliases") or []) if a in ("web", "www", "shop")]
for k, v in out.items():
    print(k, json.dumps(v or None, sort_keys=True))'
}

# compare LINE...: with these lines for `web`, cbuild and docker compose start the same container.
compare()
{
	local compose=$OWN_DOCKER/root/usr/libexec/docker/cli-plugins/docker-compose
	sed -i '/^    hostname/,/^    labels/d' compose.yaml
	sed -i "s|^    networks: {front: {aliases.*|&\n$(printf '    %s\\n' "$@")|" compose.yaml
	cb up -d web || return
	equal "$status" 0 || return
	! grep 'not used' "$err" || return
	settings_of "$(container_of web)" >ours || return
	cb down || return
	"$compose" -p judge up -d --no-build web || return
	settings_of "$(docker ps -aq --filter label=com.docker.compose.project=judge)" >theirs || return
	"$compose" -p judge down -t 0 || return
	diff -u theirs ours
}

@test "docker inspect says the same as after docker compose up" {
	export CBUILD_RUNTIME=docker
	mapfile -t keys < <(sed -n '/^    hostname/,/^    labels/s/^    //p' compose.yaml)
	compare "${keys[@]}" 'logging: {driver: local, options: {max-size: 2m}}' 'dns_opt: [ndots:2]' 'oom_score_adj: 100'
}

@test "so it does about limits, devices and restarts" {
	export CBUILD_RUNTIME=docker
	compare 'mem_limit: 64m' 'mem_reservation: 32m' 'memswap_limit: 96m' 'cpus: 0.5' 'cpu_shares: 512' 'cpuset: "0"' 'pids_limit: 50' \
		'devices: ["/dev/null:/dev/nothing:r"]' 'restart: "on-failure:3"' 'logging: {driver: json-file, options: {max-size: 2m}}'
}

@test "so it does about what deploy says of them" {
	export CBUILD_RUNTIME=docker
	compare 'deploy: {resources: {limits: {memory: 48m, cpus: "0.25", pids: 60}, reservations: {memory: 24m}}, restart_policy: {condition: on-failure, max_attempts: 4, delay: 1s}, replicas: 1}' \
		'logging: {driver: json-file, options: {max-size: 2m}}'
	grep -q '^Memory 50331648$' ours
	grep -q '^RestartPolicy.*"MaximumRetryCount": 4' ours
}

@test "deploy counts over what the service itself says" {
	export CBUILD_RUNTIME=docker
	compare 'restart: "no"' 'mem_reservation: 24m' 'deploy: {resources: {limits: {cpus: "0.5"}}, restart_policy: {condition: any}}' \
		'logging: {driver: json-file, options: {max-size: 2m}}'
	sed -i 's/deploy: {/&replicas: 3, /; s/resources: {/&reservations: {devices: [{capabilities: [gpu]}]}, /' compose.yaml
	cb up -d web
	grep -q 'deploy.replicas' "$err"
	grep -q 'deploy.resources.reservations.devices' "$err"
	cb down
}

@test "without docker's command its daemon is asked for the same" {
	export CBUILD_RUNTIME=docker
	mapfile -t keys < <(sed -n '/^    hostname/,/^    labels/s/^    //p' compose.yaml)
	# Only cbuild does without.
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\nPATH=%s exec %s "$@"\n' "$BATS_TEST_TMPDIR/few" "$cbuild" >"$BATS_TEST_TMPDIR/bin/cbuild"
	chmod +x "$BATS_TEST_TMPDIR/bin/cbuild"
	mkdir -p "$BATS_TEST_TMPDIR/few"
	for file in /usr/bin/* /usr/sbin/*; do
		[ "${file##*/}" = docker ] || ln -sf "$file" "$BATS_TEST_TMPDIR/few/${file##*/}"
	done
	cbuild=$BATS_TEST_TMPDIR/bin/cbuild
	compare "${keys[@]}" 'logging: {driver: local, options: {max-size: 2m}}' 'mem_limit: 64m' 'memswap_limit: 96m' \
		'cpus: 0.5' 'devices: ["/dev/null:/dev/nothing:r"]' 'restart: "on-failure:3"'
}

looks_so_inside()
{
	cb up -d || return
	equal "$status" 0 || return
	equal "$(inside web hostname)" inside || return
	! inside web 'touch /x' 2>/dev/null || return
	inside web 'grep -qE "^Max open files +200 +300" /proc/1/limits' || return
	equal "$(inside web 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start')" 81 || return
	inside web 'grep -q "^192.0.2.1[[:space:]].*far.test" /etc/hosts' || return
	inside web 'grep -q "search here.test" /etc/resolv.conf' || return
	inside web 'id -G' | grep -qw 4711 || return
	inside web 'grep -q "^NoNewPrivs:.*1" /proc/1/status' || return
	inside web 'df -k /dev/shm | grep -qw 32768' || return
	equal "$(inside web 'cat /run/secrets/token /etc/motto; echo x 2>/dev/null >/etc/motto')" "$(printf 'secret\nonwards')" || return
	# CAP_NET_ADMIN is bit 12, CAP_MKNOD bit 27.
	caps=$((16#$(inside web 'sed -n "s/^CapBnd:[[:space:]]*//p" /proc/1/status'))) || return
	[ $((caps >> 12 & 1)) = 1 ] && [ $((caps >> 27 & 1)) = 0 ] || return
	# Others know it by its aliases, too.
	inside plain 'for name in www shop; do wget -O - http://$name:1/ 2>&1 | grep -q refused || exit 1; done' || return
	cb down || return
	equal "$status" 0
}

@test "what was asked for holds inside" {
	for CBUILD_RUNTIME in podman docker; do
		export CBUILD_RUNTIME
		echo "--- with $CBUILD_RUNTIME"
		looks_so_inside
	done
}

restarts()
{
	cat >services.yaml <<-'EOF'
		project: settings
		services:
		  web:
		    build: {context: web, additional_contexts: {rootfs: ./rootfs}}
		    restart: on-failure
		    volumes: ["./count:/count"]
		    command: [sh, -c, 'echo x >>/count/starts; test "$$(wc -l </count/starts)" -lt 3 && exit 1; touch /count/steady; exec sleep 1000']
	EOF
	rm -rf count
	mkdir count
	"$cbuild" up >"$BATS_TEST_TMPDIR/up" 2>&1 3>&- &
	until_true test -e count/steady || return
	kill -INT $!
	status=0
	wait $! || status=$?
	equal "$status" 130 || return
	! grep 'ended with' "$BATS_TEST_TMPDIR/up"
}

@test "who is started again by its restart policy has not ended" {
	rm compose.yaml
	for CBUILD_RUNTIME in podman docker; do
		export CBUILD_RUNTIME
		echo "--- with $CBUILD_RUNTIME"
		restarts
	done
}

@test "what containerd's ctr does not have is named once, and what it has holds inside" {
	local name
	export CBUILD_RUNTIME=containerd
	containerd_start "$BATS_FILE_TMPDIR/containerd"
	# A name of its own: network namespaces are the machine's, and another test looks for those of `web`.
	sed -i '/^    \(group_add\|security_opt\)/d; s/^  web:/  inside:/; s/\[web\]/[inside]/' compose.yaml
	cb up -d
	equal "$status" 0
	equal "$(grep 'not used by' "$err")" \
		"cbuild: inside: not used by containerd: dns, dns_search, hostname, shm_size, stdin_open, sysctls, tty, ulimits"
	name=$(ctr --namespace=default containers list --quiet | grep inside)
	ctr --namespace=default tasks exec --exec-id=look "$name" /bin/sh -c \
		'grep -q far.test /etc/hosts && grep -q www /etc/hosts && ! touch /x 2>/dev/null && cat /run/secrets/token && cat /proc/1/status' >seen
	cb down
	containerd_stop "$BATS_FILE_TMPDIR/containerd"
	grep -q '^secret$' seen
	caps=$((16#$(sed -n 's/^CapBnd:[[:space:]]*//p' seen)))
	[ $((caps >> 12 & 1)) = 1 ] && [ $((caps >> 27 & 1)) = 0 ]
}
