#!/usr/bin/env bats
# The image of examples/container.yaml at work, with podman and with docker, as people call it: a workspace that is read-only, a login that is
# mounted, one word for what is to be made. The cbuild in it is the one that is tested; the rest is what the example installs.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/image"
. "$BATS_TEST_DIRNAME/../lib/registry"

setup_file()
{
	project_begin
	own_docker
	registry_start closed htpasswd
	make_image
	make_workspace
}

teardown_file()
{
	docker rmi --force localhost/cbuild/cbuild >/dev/null 2>&1 || true
	docker volume rm --force cbuild-test-state >/dev/null 2>&1 || true
	"$checkout/tests/lib/docker" stop "$OWN_DOCKER"
	podman volume rm --force cbuild-test-state >/dev/null 2>&1 || true
	registries_end
	project_end
}

make_image()
{
	local root
	root=$("$checkout/tests/lib/runtime-root")
	project image
	ln -f "$root" root.tar 2>/dev/null || cp "$root" root.tar
	cp "$cbuild" cbuild
	cp "$checkout"/examples/container/{build-workspace,containers.conf,storage.conf,gitconfig} .
	{
		printf 'FROM scratch\nADD root.tar /\nCOPY cbuild /usr/local/bin/cbuild\n'
		# As the example has it, from its last stage.
		sed -n '/^FROM runtime/,$ { /^FROM/d; /--from=compile/d; s|examples/container/||; p }' "$checkout/examples/container/Dockerfile"
	} >Dockerfile
	env -u DOCKER_CONFIG buildah build --quiet --format=docker --isolation=chroot --tag=localhost/cbuild/cbuild . >/dev/null
	env -u DOCKER_CONFIG buildah push --quiet localhost/cbuild/cbuild "docker-archive:$PWD/image.tar:localhost/cbuild/cbuild" >/dev/null
	docker load --quiet --input image.tar >/dev/null
	rm image.tar root.tar
}

make_workspace()
{
	project my-app
	cp "rootfs/$host_arch/bin/busybox" .
	cat >Dockerfile <<-'EOF'
		FROM scratch
		COPY busybox /bin/busybox
		RUN ["/bin/busybox", "sh", "-c", "/bin/busybox echo made >/made"]
	EOF
	sed 's/echo made/echo other/' Dockerfile >Dockerfile.custom
	rm -r rootfs
	mkdir -p "$ROOT/login"
	printf '{"auths": {"%s": {"auth": "%s"}}}' "$(registry_host closed)" "$(printf tester:secret | base64 -w0)" >"$ROOT/login/config.json"
}

setup()
{
	cd "$ROOT/my-app"
	name=$(registry_host closed)/my-app
}

# works COMMAND...: it ends well; what it printed is shown when the test fails.
works()
{
	run "$@"
	echo "$output"
	equal "$status" 0
}

# engine podman|docker ARGUMENT...: a run of the image, on the network of the tests' registry.
engine()
{
	local engine=$1 options=(--rm --network=host)
	shift
	if [ "$engine" = docker ]; then
		docker run "${options[@]}" "$@"
		return
	fi
	# Where no more than the own limits may be asked for, podman's defaults do not work.
	env -u DOCKER_CONFIG podman --cgroup-manager=cgroupfs --runtime="$(command -v runc)" run "${options[@]}" --pull=never \
		--ulimit=nofile=1024:1024 --ulimit=nproc=1024:1024 "$@"
}

pushed()
{
	skopeo inspect --tls-verify=false --creds=tester:secret --raw "docker://$1"
}

made()
{
	rm -rf "$BATS_TEST_TMPDIR/pulled"
	skopeo copy -q --src-tls-verify=false --src-creds=tester:secret "docker://$1" "oci:$BATS_TEST_TMPDIR/pulled:it"
	store=$BATS_TEST_TMPDIR/pulled
	for layer in $(jq -r '.layers[].digest' "$(blob "$(jq -r '.manifests[0].digest' "$store/index.json")")"); do
		tar -xOf "$(blob "$layer")" made 2>/dev/null || true
	done
}

one_word()
{
	local engine=$1 common=(--privileged -v "$PWD:/workspace:ro" -v "$ROOT/login/config.json:/root/.docker/config.json:ro" localhost/cbuild/cbuild)
	local kept=(-v cbuild-test-state:/var/lib/containers)
	works engine "$engine" "${kept[@]}" "${common[@]}" "$name:$engine"
	equal "$(made "$name:$engine")" made
	pushed "$name:$engine-fastpull" | jq -r '.manifests[0].digest' >"$BATS_TEST_TMPDIR/digest"
	pushed "$name@$(cat "$BATS_TEST_TMPDIR/digest")" | jq -e '.layers[0].mediaType == "application/vnd.oci.image.layer.nydus.blob.v1"'
	# The second time there is nothing to push.
	: >"$registries/closed/log"
	works engine "$engine" "${kept[@]}" "${common[@]}" "$name:$engine"
	[[ $output == *"nothing to do"* ]]
	equal "$(grep -cE '"(PUT|POST|PATCH) ' "$registries/closed/log")" 0
	# Another Dockerfile, no further form, no tag, nothing kept.
	works engine "$engine" -e DOCKERFILE=Dockerfile.custom -e FORMATS=none "${common[@]}" "$name"
	equal "$(made "$name:latest")" other
	run -1 pushed "$name:latest-fastpull"
}

@test "one word builds, packs and pushes: podman" {
	one_word podman
}

@test "one word builds, packs and pushes: docker" {
	one_word docker
}

@test "with docker's socket it builds there, without privileges" {
	works engine docker -v "${DOCKER_HOST#unix://}:/var/run/docker.sock" -v "$PWD:/workspace:ro" \
		-v "$ROOT/login/config.json:/root/.docker/config.json:ro" localhost/cbuild/cbuild "$name:socket"
	[[ $output == *"building with docker"* ]]
	equal "$(made "$name:socket")" made
	pushed "$name:socket-fastpull" >/dev/null
}

@test "what is missing is said with what to do about it" {
	local image=localhost/cbuild/cbuild workspace=(-v "$PWD:/workspace:ro")
	run -2 engine podman --privileged $image "$name"
	[[ $output == *"/workspace is empty"*"-v \"\$PWD:/workspace:ro\""* ]]
	run -3 engine podman "${workspace[@]}" $image "$name"
	[[ $output == *"not privileged"*"--privileged"*BUILDKIT_HOST* ]]
	run -2 engine podman --privileged -e DOCKERFILE=Dockerfile.none "${workspace[@]}" $image "$name"
	[[ $output == *"there is no /workspace/Dockerfile.none"*"Dockerfile Dockerfile.custom"* ]]
	run -2 engine podman --privileged -e CONTEXT=nowhere "${workspace[@]}" $image "$name"
	[[ $output == *"there is no folder /workspace/nowhere"* ]]
	run -4 engine podman --privileged "${workspace[@]}" -v cbuild-test-state:/var/lib/containers $image "$name:secret"
	[[ $output == *"there is no login for ${name%%/*}"*"docker login ${name%%/*}"*"-v ~/.docker/config.json:/root/.docker/config.json:ro"* ]]
	run -1 pushed "$name:secret"
}
