#!/usr/bin/env bats
# A machine with containerd and a builder, and neither docker nor podman: everything through ctr. With Debian's containerd, and
# buildah.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/containerd"

setup_file()
{
	project_begin
	unset CBUILD_RUNTIME CBUILD_BUILDER CONTAINERD_NAMESPACE
	containerd_start "$BATS_FILE_TMPDIR/containerd"
	# What such a machine has.
	mkdir "$BATS_FILE_TMPDIR/bin"
	local tool
	for tool in buildah ctr runc crun ip iptables tail git sh env; do
		! command -v $tool >/dev/null || ln -s "$(command -v $tool)" "$BATS_FILE_TMPDIR/bin/$tool"
	done
	printf '#!/bin/sh\nPATH=${FIRST:+$FIRST:}%s exec %s "$@"\n' "$BATS_FILE_TMPDIR/bin" "$(realpath "$cbuild")" >"$BATS_FILE_TMPDIR/cbuild"
	chmod +x "$BATS_FILE_TMPDIR/cbuild"
}

teardown_file()
{
	containerd_stop "$BATS_FILE_TMPDIR/containerd"
	project_end
}

setup()
{
	project ctr
	rm -rf .cbuild web
	dockerfile web <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY --from=rootfs ${TARGETARCH}/ /
		COPY www /www
		EXPOSE 8000
		CMD ["/bin/httpd", "-f", "-p", "8000", "-h", "/www"]
	EOF
	mkdir -p web/www
	echo "$BATS_TEST_NAME" >web/www/health
	cat >services.yaml <<-'EOF'
		project: ctr
		services:
		  db:
		    build: &web {context: web, additional_contexts: {rootfs: rootfs}}
		    command: [sh, -c, "sleep 1; exec httpd -f -p 5432 -h /www"]
		    verify: {http: {path: /health, port: 5432}}
		  web:
		    build: *web
		    ports: ["8000"]
		    depends_on: {db: {condition: service_healthy}}
		    environment: {GREETING: 'say "hello" $$all'}
		    command: [sh, -c, 'test "$$GREETING" = "say \"hello\" \$$all" && wget -q -O - http://db:5432/health && exec httpd -f -p 8000 -h /www']
		    verify: {http: /health}
	EOF
}

# cbuild on that machine.
alone()
{
	cbuild=$BATS_FILE_TMPDIR/cbuild cb "$@"
}

teardown()
{
	local space name
	for space in $(ctr namespaces list --quiet); do
		for name in $(ctr --namespace="$space" images list --quiet); do
			ctr --namespace="$space" images remove "$name" >/dev/null
		done
	done
	equal "$(containerd_left)" ""
	[ -z "$(ip -brief link show type bridge | grep '^cb')" ]
	[ -z "$(ip netns list | grep '^cbuild-web\|^cbuild-db')" ]
}

target_of()
{
	ctr --namespace="${2:-default}" images list "name==$1" | awk 'NR == 2 { print $3 }'
}

@test "builds, loads and verifies, and says with what; nothing is done twice" {
	alone
	equal "$status" 0
	head -n 3 "$err" | grep -E '^cbuild: building with buildah [0-9.]+, loading into containerd$'
	equal "$(ctr images list --quiet | sort)" "$(lines docker.io/library/ctr-db:latest docker.io/library/ctr-web:latest)"
	grep -Eq 'ctr-web:latest .*verified' "$err"
	equal "$(containerd_left)" ""
	alone -n --exit-code
	equal "$status" 0
	alone doctor --format=json
	equal "$(jq -r '.runtimes[] | select(.name == "containerd") | .found' "$out")" true
	equal "$(jq -r '.runtimes[] | select(.chosen) | .name' "$out")" containerd
}

@test "what has gone or means another image is loaded again, and a replaced image is not kept" {
	local first second
	alone db
	equal "$status" 0
	first=$(target_of docker.io/library/ctr-db:latest)
	ctr images remove docker.io/library/ctr-db:latest
	alone -n --exit-code db
	equal "$status" 1
	grep -qF "its image in the local engine is gone" "$out"
	alone db
	equal "$status" 0
	equal "$(started)" "load db"
	echo more >>web/www/health
	alone db
	equal "$status" 0
	second=$(target_of docker.io/library/ctr-db:latest)
	[ "$second" != "$first" ]
	ctr content get "$second" >/dev/null
	run ! ctr content get "$first"
	# Somebody gives its name to another image.
	alone web
	ctr images tag --force docker.io/library/ctr-web:latest docker.io/library/ctr-db:latest
	sed -i 's/^    command: .sh, -c, "sleep/    labels: {x: y}\n&/' services.yaml
	alone db
	equal "$status" 0
	alone -n --exit-code db
	equal "$status" 0
}

@test "an import that containerd disturbs by collecting a layer is tried again" {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	cat >"$BATS_TEST_TMPDIR/bin/ctr" <<-EOF
		#!/bin/sh
		case " \$* " in
		*" images import "*)
			[ -e "$BATS_TEST_TMPDIR/failed" ] || {
				: >"$BATS_TEST_TMPDIR/failed"
				echo 'ctr: failed to prepare extraction snapshot "extract-1 sha256:1": parent snapshot sha256:2 does not exist: not found' >&2
				exit 1
			}
			;;
		esac
		exec $(command -v ctr) "\$@"
	EOF
	chmod +x "$BATS_TEST_TMPDIR/bin/ctr"
	echo other >>web/www/health
	FIRST=$BATS_TEST_TMPDIR/bin alone db
	equal "$status" 0
	[ -e "$BATS_TEST_TMPDIR/failed" ]
}

@test "a namespace belongs to the runtime's name, and is kept for later runs" {
	alone --runtime=containerd:k8s.io db
	equal "$status" 0
	grep -qF "loading into containerd:k8s.io" "$err"
	equal "$(ctr --namespace=k8s.io images list --quiet)" docker.io/library/ctr-db:latest
	equal "$(ctr images list --quiet)" ""
	alone -n --exit-code db
	equal "$status" 0
	alone -n --exit-code --runtime=containerd:other db
	equal "$status" 1
	CONTAINERD_NAMESPACE=other alone --builder=buildah --runtime=containerd db
	equal "$status" 0
	equal "$(ctr --namespace=other images list --quiet)" docker.io/library/ctr-db:latest
	alone --runtime=podman:x -B db
	equal "$status" 2
	grep -qF "the runtimes are podman, docker, containerd[:NAMESPACE]" "$err"
}

@test "up, with names, addresses and output; down takes everything away" {
	local address
	alone up --detach
	equal "$status" 0
	# Where docker has the kernel drop what crosses bridges, the rule is what they reach each other by.
	iptables -S FORWARD | grep -qE '^-A FORWARD -i (cb[0-9a-f]+) -o \1 -j ACCEPT$'
	address=$(sed -n 's|^ *web  *http://\(10\.[0-9.]*:8000\) .*|\1|p' "$out")
	equal "$(curl -fsS "http://$address/health")" "$BATS_TEST_NAME"
	equal "$(ctr tasks list --quiet | sed 's/-[0-9a-f]*-[0-9a-f]*-[0-9]*$//' | sort)" "$(lines cbuild-db cbuild-web)"
	# What did not change stays, with its address; what did is replaced, and found by the others under its name.
	ctr tasks list --quiet | sort >"$BATS_TEST_TMPDIR/before"
	sed -i 's/say .*all.,/&/; s/sleep 1; exec/sleep 0.5; exec/' services.yaml
	alone up --detach
	equal "$status" 0
	ctr tasks list --quiet | sort >"$BATS_TEST_TMPDIR/after"
	equal "$(comm -12 "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" | grep -c cbuild-web)" 1
	equal "$(comm -12 "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" | grep -c cbuild-db)" 0
	curl -fsS "http://$address/health"
	alone down
	equal "$status" 0
	equal "$(containerd_left)" ""
	! iptables -S FORWARD | grep -q -- '-i cb' || false
}

@test "up follows the output until Ctrl-C, and tells how one ended" {
	local up
	cat >>services.yaml <<-'EOF'
		  job: {build: *web, command: [sh, -c, "echo one; sleep 0.2; echo two; exit 3"]}
	EOF
	alone up job
	equal "$status" 5
	grep -qF "job ended with status 3" "$err"
	grep -Eq '^job +\| two' "$out"
	"$BATS_FILE_TMPDIR/cbuild" up web >"$BATS_TEST_TMPDIR/up" 2>&1 3>&- &
	up=$!
	until_true grep -Eq '^ *web  *http://10\.' "$BATS_TEST_TMPDIR/up"
	kill -INT "$up"
	status=0
	wait "$up" || status=$?
	equal "$status" 130
	equal "$(containerd_left)" ""
}

@test "what runs is shown, entered, stopped with its signal, and started again" {
	local address saver
	saver="trap 'echo stopping; exit 0' USR1; echo ready; while :; do sleep 0.1; done"
	cat >>services.yaml <<-EOF
		  saver: {build: *web, stop_signal: SIGUSR1, command: [sh, -c, "$saver"]}
	EOF
	sed -i 's/^    ports: .*/&\n    stop_grace_period: 0s/' services.yaml
	alone up --detach web saver
	equal "$status" 0
	alone ps --format=json
	equal "$(jq -r '.containers[] | .service + " " + .runtime + " " + .state' "$out" | sort)" \
		"$(lines "db containerd running" "saver containerd running" "web containerd running")"
	alone exec web sh -c 'echo "$0"; exit 7' -l
	equal "$status $(cat "$out")" "7 -l"
	address=$("$BATS_FILE_TMPDIR/cbuild" port web 8000)
	equal "$(curl -fsS "http://$address/health")" "$BATS_TEST_NAME"
	alone restart web saver
	equal "$status" 0
	until_true curl -fsS "http://$address/health"
	alone logs saver
	equal "$(cat "$out")" "$(printf 'saver | ready\nsaver | stopping\nsaver | ready')"
	alone stop saver
	equal "$status" 0
	alone ps saver
	grep -qE '^saver +ended 0 ' "$out"
	alone run web
	equal "$status" 3
	alone down
	equal "$status" 0
	equal "$(containerd_left)" ""
}

@test "what a killed one leaves is removed by the next one" {
	local up
	sed -i 's/sleep 1; exec/sleep 600; exec/' services.yaml
	alone --no-verify
	"$BATS_FILE_TMPDIR/cbuild" verify web >"$BATS_TEST_TMPDIR/up" 2>&1 3>&- &
	up=$!
	until_true running_db
	kill -KILL "$up"
	wait "$up" || true
	[ -n "$(containerd_left)" ]
	sed -i 's/sleep 600; exec/exec/' services.yaml
	alone
	equal "$status" 0
	equal "$(containerd_left)" ""
}

running_db()
{
	ctr tasks list | grep -q '^cbuild-db.*RUNNING'
}

@test "what ctr cannot do is refused before anything runs: volumes, line breaks; and a daemon that is not there" {
	sed -i 's/^    ports: .*/&\n    volumes: ["kept:\/kept"]/' services.yaml
	alone up --detach web
	equal "$status" 3
	grep -qF "ctr has no volumes: ctr_kept:/kept" "$err"
	CONTAINERD_ADDRESS=$PWD/nowhere alone --runtime=containerd web
	equal "$status" 3
	grep -qF "containerd does not answer on $PWD/nowhere" "$err"
	grep -qF "systemctl start containerd" "$err"
}

@test "a service's user, where ctr can set one" {
	sed -i 's/^    ports: .*/    user: "1000"\n&/' services.yaml
	alone web
	if ctr run --help | grep -q -- --user; then
		equal "$status" 0
	else
		equal "$status" 3
		grep -qF "this ctr cannot start a container as the user 1000" "$err"
	fi
}
