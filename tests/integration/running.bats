#!/usr/bin/env bats
# What runs under `cbuild up`: how it is stopped, named, shown, entered and changed. With podman, and with docker.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/registry"

setup_file()
{
	project_begin
	own_docker
}

teardown_file()
{
	own_docker_end '^localhost/running/'
	project_end
}

setup()
{
	project running
	rm -rf .cbuild shared
	mkdir -p web shared
	cat >web/Dockerfile <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY --from=rootfs ${TARGETARCH}/ /
		COPY www /www
		EXPOSE 8000
		CMD ["/bin/httpd", "-f", "-p", "8000", "-h", "/www"]
	EOF
	mkdir -p web/www
	echo fine >web/www/health
	manifest <<-'EOF'
		  web:
		    ports: ["8000"]
	EOF
}

# manifest: services of one image, each with what standard input has.
manifest()
{
	local line
	{
		printf 'project: running\nregistry: localhost/running\nservices:\n'
		while IFS= read -r line; do
			printf '%s\n' "$line"
			case $line in
			'  '[a-z]*:) printf '    build: {context: web, additional_contexts: {rootfs: rootfs}}\n    volumes: ["./shared:/shared"]\n' ;;
			esac
		done
	} >services.yaml
}

ours()
{
	"$CBUILD_RUNTIME" ps -a --filter label=dev.cbuild.owner --format '{{.Names}}' 2>/dev/null
}

each_runtime()
{
	local CBUILD_RUNTIME
	for CBUILD_RUNTIME in podman docker; do
		export CBUILD_RUNTIME
		echo "--- with $CBUILD_RUNTIME"
		rm -rf .cbuild
		"$@" || return
		equal "$(ours)" "" || return
	done
}

says()
{
	grep -q -- "$1" "$out"
}

# saver SIGNAL: what a database does: it needs four seconds to save.
saver()
{
	cat <<-EOF
		    command: [sh, -c, "trap 'sleep 4; echo saved >/shared/saved; exit 0' $1; echo ready; while :; do sleep 0.1; done"]
	EOF
}

# saves up|down...: whether it could save, when it ends.
saves()
{
	rm -f shared/saved
	cb up -d || return
	equal "$status" 0 || return
	cb "$@" || return
	equal "$status" 0 || return
	[ -e shared/saved ]
}

stops_gently()
{
	{ printf '  web:\n'; saver TERM; } | manifest
	saves down || return
	# Also when it is replaced.
	rm -f shared/saved
	cb up -d || return
	sed 's/echo ready/echo again/' -i services.yaml
	cb up -d || return
	equal "$status" 0 || return
	[ -e shared/saved ] || return
	cb down || return
	# As long as it is given, and no longer.
	{ printf '  web:\n    stop_grace_period: 1s\n'; saver TERM; } | manifest
	! saves down || return
	{ printf '  web:\n    stop_grace_period: 0s\n'; saver TERM; } | manifest
	! saves down || return
	# With its own signal.
	{ printf '  web:\n    stop_signal: SIGUSR1\n'; saver USR1; } | manifest
	saves down || return
	# Each of the two waits for the other one's end.
	manifest <<-'EOF'
		  a:
		    command: [sh, -c, "trap 'echo >/shared/a; while ! test -e /shared/b; do sleep 0.1; done; echo >/shared/a-saw; exit 0' TERM; while :; do sleep 0.1; done"]
		  b:
		    command: [sh, -c, "trap 'echo >/shared/b; while ! test -e /shared/a; do sleep 0.1; done; echo >/shared/b-saw; exit 0' TERM; while :; do sleep 0.1; done"]
	EOF
	rm -f shared/*
	cb up -d || return
	cb down || return
	[ -e shared/a-saw ] && [ -e shared/b-saw ]
}

@test "what is stopped has the time it needs to save, and all of it at once" {
	each_runtime stops_gently
}

# What runs has no handler for the signal, and as the first process of its container does not notice it: nobody waits.
stops_deaf()
{
	manifest <<-'EOF'
		  web:
		    stop_grace_period: 3600s
		    command: [sleep, "3600"]
	EOF
	cb up -d || return
	cb restart web || return
	equal "$status" 0 || return
	sed 's/"3600"/"3601"/' -i services.yaml
	cb up -d || return
	equal "$status" 0 || return
	cb down || return
	equal "$status" 0
}

@test "a program that cannot notice that it is to stop is not waited for" {
	each_runtime stops_deaf
}

stops_at_once()
{
	local up
	{ printf '  web:\n    stop_grace_period: 600s\n'; saver TERM; } | manifest
	out=$BATS_TEST_TMPDIR/followed
	rm -f shared/saved
	"$cbuild" up >"$out" 2>&1 3>&- &
	up=$!
	until_true says "^web | ready" || return
	kill -INT "$up"
	until_true says "ending; Ctrl-C again" || return
	kill -INT "$up"
	status=0
	wait "$up" || status=$?
	cat "$out"
	equal "$status" 130 || return
	[ ! -e shared/saved ] || return
	# Nor does the first one, when they are ended only.
	manifest <<-'EOF'
		  web:
		    stop_grace_period: 600s
		    command: [sh, -c, "trap 'echo >/shared/asked' TERM; while :; do sleep 0.1; done"]
	EOF
	rm -f shared/asked
	cb up -d || return
	"$cbuild" down 3>&- &
	up=$!
	until_true test -e shared/asked || return
	kill -INT "$up"
	wait "$up"
}

@test "a second Ctrl-C does not wait, and with down the first one" {
	each_runtime stops_at_once
}

container_of()
{
	"$CBUILD_RUNTIME" ps -a --filter "label=dev.cbuild.service=$1" --format '{{.Names}} {{.Image}}'
}

is_named()
{
	manifest <<-'EOF'
		  web:
		  own:
		    container_name: its-own
	EOF
	cb up -d || return
	equal "$status" 0 || return
	equal "$(container_of web)" "running-web-1 localhost/running/web:latest" || return
	equal "$(container_of own)" "its-own localhost/running/own:latest" || return
	# What has the name is whose it is, and stays.
	cb down || return
	"$CBUILD_RUNTIME" create --name=running-web-1 --label="$1" localhost/running/web:latest >/dev/null || return
	cb up -d web || return
	equal "$status" 5 || return
	grep -q "has a container called running-web-1, of $2" "$err" || return
	"$CBUILD_RUNTIME" container inspect running-web-1 >/dev/null || return
	equal "$(container_of web)" "" || return
	"$CBUILD_RUNTIME" rm running-web-1 >/dev/null
}

is_named_for_each()
{
	is_named some=label "another program, with the image localhost/running/web:latest" || return
	is_named com.docker.compose.project=shop "compose's project shop"
}

@test "containers have compose's names, and images theirs; what has such a name already is left alone" {
	each_runtime is_named_for_each
	# Of another checkout.
	cb up -d web
	rm -rf ../elsewhere
	cp -a . ../elsewhere
	rm -rf ../elsewhere/.cbuild
	cb -C ../elsewhere up -d web
	equal "$status" 5
	grep -q "called running-web-1, of the checkout that has $ROOT/running/.cbuild/up" "$err"
	cb down
	equal "$(ours)" ""
}

port_is_taken()
{
	local port=$1
	printf '  web:\n    ports: ["%s:8000"]\n' "$port" | manifest
	cb up -d || return
	equal "$status" 5 || return
	grep -q "port $port is used by another program: python3 (process $holder)" "$err" || return
	grep -q "ports: \[\"$((port + 1)):8000\"\]" "$err"
}

port_is_anothers()
{
	local port
	port=$(free_port)
	printf '  web:\n    ports: ["%s:8000"]\n' "$port" | manifest
	rm -rf ../elsewhere
	cp -a . ../elsewhere
	cb -C ../elsewhere -p elsewhere up -d || return
	equal "$status" 0 || return
	cb up -d || return
	equal "$status" 5 || return
	grep -q "port $port is used by another container" "$err" || return
	cb -C ../elsewhere -p elsewhere down
}

@test "a port that is taken is said to be, and by whom" {
	local port
	port=$(free_port)
	python3 -c "import socket, time; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', $port)); s.listen(); open('listens', 'w'); time.sleep(600)" 3>&- &
	holder=$!
	until_true test -e listens
	each_runtime port_is_taken "$port"
	kill "$holder"
	each_runtime port_is_anothers
}

# on_terminal COMMAND...: runs it with a terminal of its own.
on_terminal()
{
	python3 -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' "$@" </dev/null 3>&-
}

lives()
{
	local free web
	manifest <<-'EOF'
		  web:
		    ports: ["8000", "53/udp"]
		    depends_on: [db]
		    command: [sh, -c, "echo first; echo second; exec httpd -f -p 8000 -h /www"]
		  db:
		    stop_grace_period: 0s
	EOF
	cb ps || return
	equal "$status" 0 || return
	grep -q "nothing is up" "$err" || return
	cb exec web true || return
	equal "$status" 5 || return
	grep -q "web is not up" "$err" || return
	cb up -d || return
	equal "$status" 0 || return
	# Where it is.
	cb port web 8000 || return
	free=$(cat "$out")
	equal "$(curl -fsS "http://$free/health")" fine || return
	cb port web 53/udp --format=json || return
	equal "$(jq -r '.ports[] | "\(.target)/\(.protocol) \(.host)"' "$out")" "53/udp 127.0.0.1" || return
	cb port web 8001 || return
	equal "$status" 5 || return
	cb ps --format=json || return
	equal "$(jq -c '.containers | sort_by(.service)[] | [.service, .container, .image, .runtime, .state, (.ports | length)]' "$out")" \
		"[\"db\",\"running-db-1\",\"localhost/running/db:latest\",\"$CBUILD_RUNTIME\",\"running\",0]
[\"web\",\"running-web-1\",\"localhost/running/web:latest\",\"$CBUILD_RUNTIME\",\"running\",2]" || return
	cb ps web || return
	grep -qE "^web  running +running-web-1  .*$free->8000" "$out" || return
	# A command in it: its input, output, words and status are as they are.
	status=0
	[ "$(echo in | "$cbuild" exec web sh -c 'cat; echo "$0 $1"; exit 7' -l --help)" = "in
-l --help" ] || status=$?
	equal "$status" 0 || return
	cb exec web sh -c 'exit 7' || return
	equal "$status" 7 || return
	equal "$(on_terminal "$cbuild" exec web sh -c 'test -t 0 && test -t 1 && echo terminal' | tr -d '\r')" terminal || return
	# What it has printed.
	cb logs || return
	equal "$(grep '^web' "$out")" "web | first
web | second" || return
	cb logs web --tail=1 --format=json || return
	equal "$(jq -r '.service + " " + .text' "$out")" "web second" || return
	# The same container once more, with the address that others know.
	web=$("$CBUILD_RUNTIME" inspect --format '{{.Id}}' running-web-1) || return
	cb restart || return
	equal "$status" 0 || return
	equal "$("$CBUILD_RUNTIME" inspect --format '{{.Id}}' running-web-1)" "$web" || return
	cb exec web wget -q -O - http://db:8000/health || return
	equal "$(cat "$out")" fine || return
	cb logs web || return
	equal "$(grep -c first "$out")" 2 || return
	cb stop db || return
	cb ps || return
	grep -qE '^db +ended 137 ' "$out" || return
	grep -qE '^web +running ' "$out" || return
	cb exec db true || return
	equal "$status" 5 || return
	cb down || return
	equal "$status" 0
}

@test "what runs is shown, entered, stopped and started again" {
	each_runtime lives
}

follows_logs()
{
	local logs
	manifest <<-'EOF'
		  web:
		    command: [sh, -c, "echo first; while ! test -e /shared/go; do sleep 0.1; done; echo second; sleep 600"]
	EOF
	rm -f shared/go
	cb up -d || return
	out=$BATS_TEST_TMPDIR/followed
	"$cbuild" logs -f web >"$out" 2>&1 3>&- &
	logs=$!
	until_true says "^web | first" || return
	touch shared/go
	until_true says "^web | second" || return
	kill -INT "$logs"
	status=0
	wait "$logs" || status=$?
	equal "$status" 130 || return
	cb down || return
	equal "$status" 0
}

@test "logs goes on with -f" {
	each_runtime follows_logs
}

runs_once()
{
	manifest <<-'EOF'
		  web:
		    ports: ["8000"]
		    environment: {WORD: given}
		    depends_on: {db: {condition: service_healthy}}
		    command: [sh, -c, "echo its own; exit 4"]
		  db:
		    healthcheck: {test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1:8000/health"], interval: 1s}
		    stop_grace_period: 0s
	EOF
	status=0
	echo in | "$cbuild" run web sh -c 'cat; echo "$WORD $0"; wget -q -O - http://db:8000/health; echo >/shared/here; exit 9' -l \
		>"$BATS_TEST_TMPDIR/ran" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	cat "$BATS_TEST_TMPDIR/ran" "$BATS_TEST_TMPDIR/err"
	equal "$status" 9 || return
	equal "$(cat "$BATS_TEST_TMPDIR/ran")" "in
given -l
fine" || return
	[ -e shared/here ] || return
	# What it needs stays, and itself does not.
	equal "$(ours)" running-db-1 || return
	cb run web || return
	equal "$status" 4 || return
	equal "$(cat "$out")" "its own" || return
	equal "$(on_terminal "$cbuild" run -q web sh -c 'test -t 0 && test -t 1 && echo terminal' | tr -d '\r')" terminal || return
	cb down || return
	equal "$status" 0
}

@test "a service is run once, in the foreground, with what it needs" {
	each_runtime runs_once
}

# in_file FILE PATTERN TIMES
in_file()
{
	[ "$(grep -c -- "$2" "$1")" -eq "$3" ]
}

goes_on()
{
	local one=$BATS_TEST_TMPDIR/one two=$BATS_TEST_TMPDIR/two first second
	manifest <<-'EOF'
		  web:
		    stop_grace_period: 0s
		    command: [sh, -c, "echo old; exec httpd -f -p 8000 -h /www"]
		  db:
		    stop_grace_period: 0s
	EOF
	rm -f "$one" "$two"
	"$cbuild" up >"$one" 2>&1 3>&- &
	first=$!
	until_true in_file "$one" "web | old" 1 || return
	# Replaced beside it, and started again: its output goes on, once.
	sed 's/echo old/echo new/' -i services.yaml
	cb up -d || return
	equal "$status" 0 || return
	grep -q "db runs already" "$err" || return
	until_true in_file "$one" "web | new" 1 || return
	cb restart web || return
	equal "$status" 0 || return
	until_true in_file "$one" "web | new" 2 || return
	# A second one shows them, too; what the first one ends is over for it.
	"$cbuild" up >"$two" 2>&1 3>&- &
	second=$!
	until_true in_file "$two" "no service has published ports" 1 || return
	grep -q "web runs already" "$two" || return
	kill -INT "$first"
	status=0
	wait "$first" || status=$?
	cat "$one"
	equal "$status" 130 || return
	status=0
	wait "$second" || status=$?
	cat "$two"
	equal "$status" 0 || return
	grep -q "web was removed" "$two" || return
	in_file "$one" "web | new" 2
}

@test "one up goes on with what another one replaces, and both show it" {
	each_runtime goes_on
}

# types COMMAND... -- PATTERN KEYS ...: runs it on a terminal, types the keys once it has printed what the pattern means behind what
# the last one meant, and has its status.
types()
{
	python3 - "$@" 3>&- <<-'EOF'
		import os, pty, re, sys
		split = sys.argv.index("--")
		command, steps = sys.argv[1:split], sys.argv[split + 1:]
		pid, fd = pty.fork()
		if pid == 0:
		    os.execvp(command[0], command)
		seen, at = "", 0
		while True:
		    try:
		        piece = os.read(fd, 4096)
		    except OSError:
		        break
		    if not piece:
		        break
		    seen += piece.decode(errors="replace")
		    print(piece.decode(errors="replace"), end="", flush=True)
		    found = re.compile(steps[0]).search(seen, at) if steps else None
		    if found:
		        at = found.end()
		        os.write(fd, steps[1].encode())
		        del steps[:2]
		if steps:
		    sys.exit("never came: " + steps[0])
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	EOF
}

reads_keys()
{
	manifest <<-'EOF'
		  web:
		    ports: ["8000"]
		    stop_grace_period: 0s
	EOF
	types "$cbuild" up -- "q ends" o "127.0.0.1:[0-9]* +-> +8000(.|\r|\n)*q ends" d || return
	equal "$(ours)" running-web-1 || return
	types "$cbuild" up -- "runs already(.|\r|\n)*q ends" w "waiting for a change" $'\003' && return 1
	equal "$(ours)" "" || return
	types "$cbuild" up -- "q ends" q || return
	equal "$(ours)" ""
}

@test "keys: detach, addresses, watch and the end" {
	each_runtime reads_keys
}

tells_events()
{
	printf '  web:\n    ports: ["8000"]\n    verify: {http: /health}\n    stop_grace_period: 0s\n' | manifest
	cb up -d --progress=json || return
	equal "$status" 0 || return
	grep '^{' "$err" >"$BATS_TEST_TMPDIR/events" || return
	equal "$(jq -c 'select(.event | startswith("service")) | [.event, .service, .kept, .target, .protocol]' "$BATS_TEST_TMPDIR/events")" \
		'["service_start","web",false,null,null]
["service_healthy","web",null,null,null]
["service_address","web",null,8000,"tcp"]
["services_ready",null,null,null,null]' || return
	equal "$(cat "$out")" "" || return
	cb down || return
	equal "$status" 0
}

@test "events of services" {
	each_runtime tells_events
}
