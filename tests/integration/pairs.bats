#!/usr/bin/env bats
# Builder and runtime belong together: what docker builds is loaded into docker, what buildah builds into podman, unless the user wants
# it otherwise. With the tests' own dockerd.

. "$BATS_TEST_DIRNAME/../lib/project"

image=localhost/pairs/web:latest

setup_file()
{
	project_begin
	own_docker
	export DOCKERD=$DOCKER_HOST
}

teardown_file()
{
	docker --host="$DOCKERD" rmi --force localhost/pairs/web:latest >/dev/null 2>&1 || true
	"$checkout/tests/lib/docker" stop "$OWN_DOCKER"
	project_end
}

setup()
{
	project pairs
	rm -rf .cbuild web config
	unset CBUILD_BUILDER CBUILD_RUNTIME DOCKER_HOST BUILDX_BUILDER BUILDKIT_HOST CONTAINERD_NAMESPACE
	# Where docker is, without a variable that hints at it.
	export DOCKER_CONFIG=$PWD/config DOCKER_CONTEXT=tests
	local meta
	meta=$DOCKER_CONFIG/contexts/meta/$(printf tests | sha256sum | cut -d' ' -f1)
	mkdir -p "$meta"
	printf '{"Name": "tests", "Endpoints": {"docker": {"Host": "%s"}}}\n' "$DOCKERD" >"$meta/meta.json"
	echo '{}' >"$DOCKER_CONFIG/config.json"
	cat >services.yaml <<-'EOF'
		registry: localhost/pairs
		services: {web: {build: web}}
	EOF
	dockerfile web <<-EOF
		FROM scratch
		COPY Dockerfile /$BATS_TEST_NUMBER
	EOF
	podman rmi --force "$image" >/dev/null 2>&1 || true
	docker rmi --force "$image" >/dev/null 2>&1 || true
}



# there: which engines have the image.
there()
{
	! podman image exists "$image" || printf 'podman '
	! docker image inspect "$image" >/dev/null 2>&1 || printf 'docker '
}

nothing_to_do()
{
	cb -n --exit-code "$@"
	[ "$status" -eq 0 ]
}

@test "what docker builds is loaded into docker, what buildah builds into podman, and the first line says so" {
	cb --builder=docker
	[ "$status" -eq 0 ]
	head -n 1 "$err" | grep -E '^cbuild: building with docker [0-9.]+, loading into docker$'
	equal "$(there)" "docker "
	nothing_to_do --builder=docker
	nothing_to_do
	# The same build, for another engine.
	cb --builder=buildah
	[ "$status" -eq 0 ]
	equal "$(there)" "podman docker "
	grep -E '^cbuild: loading into podman$' "$err"
	nothing_to_do --builder=buildah
	nothing_to_do
	cb -n --exit-code --builder=docker
	[ "$status" -eq 1 ]
	DOCKER_HOST=$DOCKERD cb
	[ "$status" -eq 0 ]
	grep -E '^cbuild: loading into docker$' "$err"
}

@test "a runtime that is asked for wins, and is remembered with the builder" {
	cb --builder=docker --runtime=podman
	[ "$status" -eq 0 ]
	head -n 1 "$err" | grep -E '^cbuild: building with docker [0-9.]+, loading into podman$'
	equal "$(there)" "podman "
	nothing_to_do
	echo '# more' >>web/Dockerfile
	cb
	[ "$status" -eq 0 ]
	grep -E 'building with docker [0-9.]+, loading into podman$' "$err"
	equal "$(there)" "podman "
	CBUILD_RUNTIME=docker cb --builder=buildah -B
	[ "$status" -eq 0 ]
	grep -E 'building with buildah [0-9.]+, loading into docker$' "$err"
	equal "$(there)" "podman docker "
}

@test "without a builder that is asked for, what is found brings its runtime" {
	cb
	[ "$status" -eq 0 ]
	grep -E 'building with buildah [0-9.]+, loading into podman$' "$err"
	# One that was used last and is gone takes its runtime along.
	sqlite3 .cbuild/state.db "update fact set value = 'docker' where name in ('builder', 'runtime')"
	echo '# more' >>web/Dockerfile
	DOCKER_CONTEXT=nowhere cb
	[ "$status" -eq 0 ]
	grep -E 'building with buildah [0-9.]+, loading into podman$' "$err"
	equal "$(there)" "podman "
}

@test "where nothing is loaded the first line says what checks, or what builds alone" {
	cb --builder=docker --no-load
	grep -E 'building with docker [0-9.]+$' "$err"
	sed -i 's/build: web/build: web, verify: {max_size: 10MB}/' services.yaml
	cb --builder=docker --no-load -B
	[ "$status" -eq 0 ]
	grep -E 'building with docker [0-9.]+, verifying with docker$' "$err"
	equal "$(there)" ""
}

@test "up runs them where they were loaded" {
	dockerfile web <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY --from=rootfs ${TARGETARCH}/ /
		CMD ["/bin/sh", "-c", "sleep 600"]
	EOF
	sed -i 's/build: web/build: {context: web, additional_contexts: {rootfs: rootfs}}/' services.yaml
	cb up --detach --builder=docker
	[ "$status" -eq 0 ]
	equal "$(docker ps --quiet --filter label=dev.cbuild.service=web | wc -l)" 1
	cb --builder=buildah
	[ "$status" -eq 0 ]
	# Nothing to do: it runs on in docker.
	cb up --detach --builder=docker
	[ "$status" -eq 0 ]
	equal "$(docker ps --quiet --filter label=dev.cbuild.service=web | wc -l)" 1
	equal "$(podman ps --quiet | wc -l)" 0
	cb down
}

@test "doctor marks the runtime that goes with the builder" {
	local pair
	for pair in buildah:podman docker:docker; do
		cb doctor --format=json --builder="${pair%:*}"
		equal "$(jq -r '.builders[] | select(.chosen) | .name' "$out")" "${pair%:*}"
		equal "$(jq -r '.runtimes[] | select(.chosen) | .name' "$out")" "${pair#*:}"
	done
	CBUILD_RUNTIME=podman cb doctor --format=json --builder=docker
	equal "$(jq -r '.runtimes[] | select(.chosen) | .name' "$out")" podman
}
