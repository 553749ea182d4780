#!/usr/bin/env bats
# Which builder and runtime a run takes, and what `cbuild doctor` says of them. docker is where its context says: nowhere, or a script.

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
	project choose
	rm -rf .cbuild web plugins
	unset CBUILD_BUILDER CBUILD_RUNTIME DOCKER_HOST BUILDX_BUILDER BUILDKIT_HOST CONTAINERD_NAMESPACE DOCKER_CONTEXT
	cat >services.yaml <<-'EOF'
		registry: localhost/choose
		services: {web: {build: web}}
	EOF
	dockerfile web <<-'EOF'
		FROM scratch
		COPY Dockerfile /
	EOF
	export DOCKER_CONFIG=$PWD/plugins
	mkdir -p "$DOCKER_CONFIG"
	echo '{}' >"$DOCKER_CONFIG/config.json"
}

# docker_at SOCKET: docker's command would look for its daemon there.
docker_at()
{
	local meta
	meta=$DOCKER_CONFIG/contexts/meta/$(printf elsewhere | sha256sum | cut -d' ' -f1)
	mkdir -p "$meta"
	printf '{"Name": "elsewhere", "Endpoints": {"docker": {"Host": "unix://%s"}}}\n' "$1" >"$meta/meta.json"
	echo '{"currentContext": "elsewhere"}' >"$DOCKER_CONFIG/config.json"
}

daemon_down()
{
	docker_at "$PWD/nowhere.sock"
}

teardown()
{
	[ -z "${server:-}" ] || kill "$server"
}

# A docker without the containerd image store.
classic_docker()
{
	mkfifo "$BATS_TEST_TMPDIR/ready"
	python3 - "$BATS_TEST_TMPDIR/d.sock" >"$BATS_TEST_TMPDIR/ready" 3>&- <<-'EOF' &
		import socket, sys
		listener = socket.socket(socket.AF_UNIX)
		listener.bind(sys.argv[1])
		listener.listen()
		print("ready", flush=True)
		while True:
		    end, _ = listener.accept()
		    end.recv(65536)
		    body = b'{"ServerVersion": "28.5.2", "Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "extfs"]]}'
		    end.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
		    end.close()
	EOF
	server=$!
	grep -q ready "$BATS_TEST_TMPDIR/ready"
	docker_at "$BATS_TEST_TMPDIR/d.sock"
}

doctor()
{
	cb doctor --format=json "$@"
}

of_builder()
{
	jq -c --arg name "$1" ".builders[] | select(.name == \$name) | $2" "$out"
}

@test "the best builder found is used, said in one line, and remembered" {
	cb --no-load
	[ "$status" -eq 0 ]
	equal "$(grep -c 'building with buildah [0-9.]*' "$err")" 1
	equal "$(sqlite3 .cbuild/state.db "select value from fact where name = 'builder'")" buildah
}

# what_ran: the commands of buildah and podman in the trace, one a line.
what_ran()
{
	jq -r 'select(.event == "child_start") | .argv[:2] | join(" ")' trace | sed 's|^.*/||' | sort -u
}

@test "what is found out about a tool is known in every checkout, and asked again when it may do less" {
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
	touch web/file
	printf 'FROM scratch\nCOPY file /\n' >web/Dockerfile
	CBUILD_TRACE=$PWD/trace cb --no-load
	equal "$status" 0
	what_ran | grep -qx 'buildah info'
	rm -rf .cbuild trace
	CBUILD_TRACE=$PWD/trace cb --no-load
	equal "$status" 0
	what_ran | grep 'buildah build'
	run ! grep -E 'buildah (info|--version)' <(what_ran)
	rm -rf .cbuild trace
	(ulimit -n 4096 && CBUILD_TRACE=$PWD/trace "$cbuild" --no-load 3>&-)
	what_ran | grep -qx 'buildah info'
}

@test "where steps cannot run in the best way, the first failure finds another, and that is remembered" {
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
	printf '#!/bin/sh\ncase " $* " in *" create "*) echo no containers here >&2; exit 1 ;; esac\nexec %s "$@"\n' "$(command -v runc)" >bad-runc
	chmod +x bad-runc
	printf '[engine.runtimes]\nrunc = ["%s"]\n' "$PWD/bad-runc" >containers.conf
	export CONTAINERS_CONF=$PWD/containers.conf
	printf 'FROM scratch\nCOPY --from=rootfs %s/ /\nRUN echo made >/made\n' "$host_arch" >web/Dockerfile
	sed -i 's/build: web/build: {context: web, additional_contexts: {rootfs: rootfs}}/' services.yaml
	cb --no-load
	equal "$status" 0
	grep -q 'no containers here' .cbuild/logs/1/build-web*.log
	equal "$(grep -c '^cbuild: trying out buildah, once' "$err")" 1
	rm -rf .cbuild trace
	sed -i 's/made/made again/' web/Dockerfile
	CBUILD_TRACE=$PWD/trace cb --no-load
	equal "$status" 0
	run ! grep 'no containers here' .cbuild/logs/1/build-web*.log
	run ! grep 'trying out' "$err"
	equal "$(what_ran | grep -c 'buildah info')" 0
	# An event says so, and the live display.
	rm -rf "$XDG_CACHE_HOME" .cbuild
	sed -i 's/made again/made for an event/' web/Dockerfile
	cb --no-load --progress=json
	equal "$(jq -r 'select(.event == "note") | .text' "$err" | grep -c '^trying out buildah, once')" 1
	rm -rf "$XDG_CACHE_HOME" .cbuild
	sed -i 's/for an event/for a display/' web/Dockerfile
	script -qec "'$cbuild' --no-load --progress=tty" /dev/null >"$out" </dev/null 3>&-
	equal "$(grep -c 'cbuild: trying out buildah, once' "$out")" 1
	# A step that fails by itself is not tried again.
	printf 'RUN exit 3\n' >>web/Dockerfile
	rm -rf "$XDG_CACHE_HOME" .cbuild trace
	unset CONTAINERS_CONF
	CBUILD_TRACE=$PWD/trace cb --no-load
	equal "$status" 1
	equal "$(jq -r 'select(.event == "child_start") | .argv | join(" ")' trace | grep -c 'services_web\|--file=.*web\|iidfile=.*out/iid')" 1
}

@test "podman builds where buildah is missing" {
	local bin=$BATS_TEST_TMPDIR/bin
	mkdir "$bin"
	ln -s /usr/bin/* /usr/sbin/* "$bin" 2>/dev/null || true
	rm "$bin/buildah"
	daemon_down
	printf 'FROM scratch\nCOPY --from=rootfs %s/ /\nRUN echo made >/made\n' "$host_arch" >web/Dockerfile
	sed -i 's/build: web/build: {context: web, additional_contexts: {rootfs: rootfs}}/' services.yaml
	PATH=$bin cb
	[ "$status" -eq 0 ]
	grep -E 'building with podman [0-9.]+, loading into podman$' "$err"
	equal "$(podman_run --rm=false localhost/choose/web:latest /bin/cat /made)" made
	# buildah has the same storage, and goes on with what is there.
	cb -n --exit-code --builder=buildah
	[ "$status" -eq 0 ]
	PATH=$bin doctor
	equal "$(of_builder podman .chosen)" true
	of_builder buildah .remedy | grep -F 'apt-get install buildah'
}

@test "what was used last and is gone makes way for another, and it is said why" {
	daemon_down
	cb --no-load
	sqlite3 .cbuild/state.db "update fact set value = 'docker' where name = 'builder'"
	echo '# more' >>web/Dockerfile
	cb --no-load
	[ "$status" -eq 0 ]
	grep -F "docker cannot be used now: cannot connect to $PWD/nowhere.sock" "$err"
	grep -F 'building with buildah' "$err"
	equal "$(sqlite3 .cbuild/state.db "select value from fact where name = 'builder'")" buildah
}

@test "a runtime that was used last and is gone makes way for another" {
	cb
	[ "$status" -eq 0 ]
	sqlite3 .cbuild/state.db "update fact set value = 'docker' where name = 'runtime'"
	daemon_down
	cb
	[ "$status" -eq 0 ]
	grep -F 'docker cannot be used now' "$err"
	equal "$(podman image exists localhost/choose/web:latest && echo there)" there
}

@test "a builder that was asked for is used or it is an error" {
	daemon_down
	cb --no-load --builder=docker
	[ "$status" -eq 3 ]
	grep -F "cannot connect to $PWD/nowhere.sock" "$err"
	CBUILD_BUILDER=docker cb --no-load
	[ "$status" -eq 3 ]
	cb --no-load --builder=dockr
	[ "$status" -eq 2 ]
	grep -F 'did you mean "docker"?' "$err"
}

@test "DOCKER_HOST and BUILDX_BUILDER lead to docker, as far as it works" {
	daemon_down
	DOCKER_HOST=unix:///nowhere.sock cb --no-load
	[ "$status" -eq 0 ]
	grep -F 'docker cannot be used now' "$err"
	grep -F 'building with buildah' "$err"
	echo '# more' >>web/Dockerfile
	BUILDX_BUILDER=fleet cb --no-load
	[ "$status" -eq 0 ]
	grep -F 'buildx has no builder called "fleet"' "$err"
}

@test "every driver is known to the options, their help, completion, doctor and the manifest" {
	doctor
	builders=$(jq -r '.builders[].name' "$out" | xargs) runtimes=$(jq -r '.runtimes[].name' "$out" | xargs)
	equal "$("$cbuild" completion words -- --builder= | cut -f1 | sed "s,.*=,," | xargs)" "$builders"
	equal "$("$cbuild" completion words -- --runtime= | cut -f1 | sed "s,.*=,," | xargs)" "$runtimes"
	cb --builder=qqqqqq
	equal "$(grep -F 'the builders are' "$err" | sed 's/.* are //; s/\[[^]]*]//g; s/,//g')" "$builders"
	"$cbuild" help build | grep -F "$(sed 's/.* are //' <(grep -F 'the builders are' "$err"))"
	cb --runtime=qqqqqq
	equal "$(grep -F 'the runtimes are' "$err" | sed 's/.* are //; s/\[[^]]*]//g; s/,//g')" "$runtimes"
	echo 'builders: {x: {driver: qqqqqq}}' >>services.yaml
	cb -n
	equal "$(grep -F 'the drivers are' "$err" | sed 's/.* are //; s/,//g')" "$builders"
}

@test "an instance of buildx's is asked for by its name" {
	mkdir -p "$DOCKER_CONFIG/buildx/instances"
	echo '{"Driver": "remote", "Nodes": [{"Name": "fleet0", "Endpoint": "tcp://127.0.0.1:1"}]}' >"$DOCKER_CONFIG/buildx/instances/fleet"
	doctor --builder=docker:fleet
	equal "$(of_builder docker:fleet .found)" false
	of_builder docker:fleet .trouble | grep -F 'cannot connect to tcp://127.0.0.1:1'
	cb --no-load --builder=docker:fleet
	[ "$status" -eq 3 ]
	cb --no-load --builder=docker:nobody
	[ "$status" -eq 2 ]
	grep -F 'buildx has no builder called "nobody"' "$err"
}

@test "doctor: what is there, what is not, and the line that mends it" {
	daemon_down
	doctor
	[ "$status" -eq 0 ]
	equal "$(of_builder buildah '[.found, .chosen, .native[0]]')" "[true,true,\"$host\"]"
	equal "$(of_builder docker '[.found, .remedy]')" '[false,"start it: systemctl start docker; or use --builder=buildah"]'
	classic_docker
	doctor
	of_builder docker .remedy | grep -F containerd-snapshotter
	cb doctor
	grep -F -- '-- docker' "$out"
	grep -E "^  ok buildah [0-9.]+  \(used unless" "$out"
}

@test "doctor: no builder at all is status 3; a platform that nothing runs is named" {
	out=$BATS_TEST_TMPDIR/out status=0
	PATH=$DOCKER_CONFIG "$cbuild" doctor --format=json >"$out" || status=$?
	[ "$status" -eq 3 ]
	equal "$(jq -c '[.builders[] | .found] | unique' "$out")" '[false]'
	of_builder buildah .remedy | grep -F 'apt-get install buildah'
	doctor linux/mips64
	[ "$status" -eq 0 ]
	jq -r '.advice[].what' "$out" | grep -F 'no emulator for linux/mips64'
	jq -r '.advice[].remedy' "$out" | grep -F 'qemu-user-static'
	(ulimit -n 200 && doctor)
	jq -r '.advice[].what' "$out" | grep -F 'only 200 files can be open'
}
