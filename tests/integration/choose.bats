#!/usr/bin/env bats
# Which builder and runtime a run takes, and what `cbuild doctor` says of them. docker's buildx is played by a script: how
# the real one answers is seen in conformance-docker.

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
	mkdir -p "$DOCKER_CONFIG/cli-plugins"
	echo '{}' >"$DOCKER_CONFIG/config.json"
}

# buildx INSPECT-STATUS: a buildx whose `inspect` prints standard input: as an answer, or as an error.
buildx()
{
	cat >"$DOCKER_CONFIG/inspect"
	cat >"$DOCKER_CONFIG/cli-plugins/docker-buildx" <<-EOF
		#!/bin/sh
		echo "\$*" >>"$DOCKER_CONFIG/asked"
		case \$1 in
		version) echo "github.com/docker/buildx v0.29.1 abc" ;;
		inspect)
			cat "$DOCKER_CONFIG/inspect" >&$(($1 + 1))
			exit $1
			;;
		*) exit 99 ;;
		esac
	EOF
	chmod +x "$DOCKER_CONFIG/cli-plugins/docker-buildx"
}

daemon_down()
{
	buildx 0 <<-'EOF'
		Name:   default
		Driver:
		Error:  Cannot connect to the Docker daemon at unix:///nowhere.sock. Is the docker daemon running?
	EOF
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

@test "what was used last and is gone makes way for another, and it is said why" {
	daemon_down
	cb --no-load
	sqlite3 .cbuild/state.db "update fact set value = 'docker' where name = 'builder'"
	echo '# more' >>web/Dockerfile
	cb --no-load
	[ "$status" -eq 0 ]
	grep -F 'docker cannot be used now: docker: Cannot connect to the Docker daemon' "$err"
	grep -F 'building with buildah' "$err"
	equal "$(sqlite3 .cbuild/state.db "select value from fact where name = 'builder'")" buildah
}

@test "a runtime that was used last and is gone makes way for another" {
	cb
	[ "$status" -eq 0 ]
	sqlite3 .cbuild/state.db "update fact set value = 'docker' where name = 'runtime'"
	DOCKER_HOST=unix://$PWD/nowhere.sock PATH=/usr/bin:/usr/sbin:/bin:/sbin cb --builder=buildah
	[ "$status" -eq 0 ]
	grep -F 'docker cannot be used now' "$err"
	equal "$(podman image exists localhost/choose/web:latest && echo there)" there
}

@test "a builder that was asked for is used or it is an error" {
	daemon_down
	cb --no-load --builder=docker
	[ "$status" -eq 3 ]
	grep -F 'Cannot connect to the Docker daemon' "$err"
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
	buildx 1 <<<'ERROR: no builder "fleet" found'
	BUILDX_BUILDER=fleet cb --no-load
	[ "$status" -eq 0 ]
	grep -F 'knows no builder called "fleet", which BUILDX_BUILDER names' "$err"
}

@test "an instance of buildx's is asked for by its name" {
	buildx 0 <<-'EOF'
		Name:   fleet
		Driver: kubernetes

		Nodes:
		Name:      fleet0
		Endpoint:  kubernetes:///fleet?deployment=a
		Platforms: linux/amd64, linux/arm64, linux/386
		Name:      fleet1
		Endpoint:  kubernetes:///fleet?deployment=b
		Platforms: linux/arm64
	EOF
	doctor --builder=docker:fleet
	[ "$status" -eq 0 ]
	grep -Fx 'inspect fleet' "$DOCKER_CONFIG/asked"
	equal "$(of_builder docker:fleet '[.found, .chosen, .native, .emulated, .detail]')" \
		'[true,true,["linux/amd64","linux/386","linux/arm64"],[],"driver kubernetes, 2 nodes"]'
	buildx 1 <<<'ERROR: no builder "fleet" found'
	cb --no-load --builder=docker:fleet
	[ "$status" -eq 2 ]
	grep -F 'docker buildx knows no builder called "fleet"' "$err"
}

@test "doctor: what is there, what is not, and the line that mends it" {
	daemon_down
	doctor
	[ "$status" -eq 0 ]
	equal "$(of_builder buildah '[.found, .chosen, .native[0]]')" "[true,true,\"$host\"]"
	equal "$(of_builder docker '[.found, .remedy]')" '[false,"start it: systemctl start docker; or use --builder=buildah"]'
	buildx 1 <<<'ERROR: permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock'
	doctor
	equal "$(of_builder docker .remedy)" '"add yourself to the group \"docker\" (and log in again), or use --builder=buildah"'
	buildx 0 <<-'EOF'
		Name:   default
		Driver: docker

		Nodes:
		Name:      default
		Platforms: linux/amd64
		Labels:
		 org.mobyproject.buildkit.worker.moby.host-gateway-ip: 172.17.0.1
	EOF
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
	jq -r '.advice[].what' "$out" | grep -F 'only 200 files may be open'
}
