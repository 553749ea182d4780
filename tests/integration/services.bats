#!/usr/bin/env bats
# The seven services of this repository, with their bases, for both platforms: what the README promises.
# network: the machine's (bases are made of Debian's packages)

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/image"
. "$BATS_TEST_DIRNAME/../lib/nydus-files"

services='agent connector-gateway control-plane execution-plane flow-manager indexer ml-controller'

setup_file()
{
	project_begin
	mkdir -p "$ROOT/checkout"
	cd "$ROOT/checkout"
	cp -a "$checkout/services.yaml" .
	mkdir examples
	cp -a "$checkout/examples/aic-sos" examples/
	find examples -name 'rootfs-*.tar*' -delete
	# What a run leaves in a checkout is there in the second one, too: all tests look at one build.
	local status=0
	"$cbuild" all --platforms "$both" >"$ROOT/out" 2>"$ROOT/err" || status=$?
	echo "$status" >"$ROOT/status"
	tail -n 60 "$ROOT/err" | sed 's/^/# /' >&2
}

teardown_file()
{
	project_end
}

setup()
{
	cd "$ROOT/checkout"
}

reference()
{
	"$cbuild" images --format=json | jq -r --arg service "$1" '.images[] | select(.service == $service) | .reference'
}

@test "all of them are built for both platforms, joined and verified" {
	equal "$(cat "$ROOT/status")" 0
	"$cbuild" images --format=json >"$BATS_TEST_TMPDIR/images"
	equal "$(jq -r '.images[] | select(.verified) | .service' "$BATS_TEST_TMPDIR/images" | sort | xargs)" "$services"
	equal "$(jq -r '.images[].platforms | map(.platform) | join(" ")' "$BATS_TEST_TMPDIR/images" | sort -u)" "linux/amd64 linux/arm64"
}

@test "a toolchain is built for the build platform only, Python for both" {
	equal "$(finished "$ROOT/err" | grep -E 'base linux' | xargs -n3)" "$(lines \
		"build go-base $host" "prepare go-base $host" "build rust-base $host" "prepare rust-base $host" \
		"build python-base linux/amd64" "prepare python-base linux/amd64" \
		"build python-base linux/arm64" "prepare python-base linux/arm64")"
}

@test "every binary is for its image's platform" {
	local service arch found file
	for service in $services; do
		for arch in amd64 arm64; do
			image_unpack "$(reference "$service")" "linux/$arch" "$BATS_TEST_TMPDIR/root"
			found=0
			while read -r file; do
				equal "$service $arch $(elf_machine "$file")" "$service $arch $arch"
				found=$((found + 1))
			done < <(find "$BATS_TEST_TMPDIR/root" -type f -perm -u+x -exec sh -c 'head -c4 "$1" | grep -q "ELF" && echo "$1"' - {} \;)
			[ "$found" -gt 0 ]
			rm -rf "$BATS_TEST_TMPDIR/root"
		done
	done
}

@test "they run as user 1000 and keep their entry points and health checks" {
	equal "$(jq -r .config.User "$(image_config "$(reference agent)" "$host")")" 1000:1000
	jq -e '.config.Entrypoint | index("/app/ml_controller.py")' "$(image_config "$(reference ml-controller)" "$host")"
	jq -e '.config.Entrypoint | index("/app/flow_manager.py")' "$(image_config "$(reference flow-manager)" "$host")"
	jq -e '.config.Healthcheck.Test[0] == "CMD"' "$(image_config "$(reference control-plane)" "$host")"
}

@test "the store is an image layout that skopeo reads, and podman has the same images" {
	local service ref id
	for service in $services; do
		ref=$(reference "$service")
		skopeo inspect --raw "oci:.cbuild/oci:$ref" | jq -e '.manifests | length == 2' >/dev/null
		id=$(podman image inspect --format '{{.Id}}' "$ref")
		equal "sha256:$id" "$(jq -r .config.digest "$(blob "$(image_manifest "$ref" "$host")")")"
	done
}

@test "a second run does nothing and starts no process" {
	strace -f -qq -e trace=execve,clone,clone3,fork,vfork,socket -o "$BATS_TEST_TMPDIR/trace" "$cbuild" all --platforms "$both" 2>"$BATS_TEST_TMPDIR/err"
	grep -q 'nothing to do: 7 services are up to date' "$BATS_TEST_TMPDIR/err"
	# One line: its own execve. Threads that look at files are no processes.
	equal "$(grep -v CLONE_THREAD "$BATS_TEST_TMPDIR/trace" | grep -c .)" 1
}

@test "as nydus images they have the same files" {
	local service platform
	FORMATS=nydus cb all --no-load --no-verify --platforms "$both"
	equal "$status" 0
	equal "$(finished | grep -c '^convert')" 14
	for service in $services; do
		for platform in linux/amd64 linux/arm64; do
			same_files "$(reference "$service")"{,-nydus} $platform
		done
	done
}

@test "an edit in one service is its two builds, index, load and verification" {
	echo '// a comment' >>examples/aic-sos/services/control-plane/main.go
	echo 'var edited = 1' >>examples/aic-sos/services/control-plane/main.go
	"$cbuild" -n --format=json all --platforms "$both" >"$BATS_TEST_TMPDIR/plan"
	equal "$(jq -r '.nodes[] | select(.state == "stale") | .id' "$BATS_TEST_TMPDIR/plan" | sort)" \
		"$(lines build:control-plane:linux/amd64 build:control-plane:linux/arm64)"
	equal "$(jq -r '.nodes[] | select(.id == "build:control-plane:linux/amd64") | .reasons[] | "\(.kind) \(.what) \(.change)"' "$BATS_TEST_TMPDIR/plan")" \
		"file examples/aic-sos/services/control-plane/main.go content"
	cb control-plane --platforms "$both"
	equal "$status" 0
	equal "$(finished)" "$(lines "build control-plane linux/amd64" "build control-plane linux/arm64" \
		"index control-plane" "load control-plane" "verify control-plane")"
}

@test "names follow DOCKER_REGISTRY and DOCKER_TAGS without a build" {
	DOCKER_REGISTRY=reg.example.org/team DOCKER_TAGS=v1,v2 "$cbuild" -n --format=json ml-controller --platforms "$both" >"$BATS_TEST_TMPDIR/plan"
	equal "$(jq -r '.nodes[] | select(.state == "stale") | .id' "$BATS_TEST_TMPDIR/plan" | sort)" "$(lines index:ml-controller load:ml-controller)"
	DOCKER_REGISTRY=reg.example.org/team DOCKER_TAGS=v1,v2 "$cbuild" ml-controller --platforms "$both"
	equal "$(DOCKER_REGISTRY=reg.example.org/team DOCKER_TAGS=v1,v2 reference ml-controller)" reg.example.org/team/fustli/ml-controller:v1
	podman image exists reg.example.org/team/fustli/ml-controller:v2
}
