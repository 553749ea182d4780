#!/usr/bin/env bats
# The GitHub action and the GitLab template: their structure, and their scripts as they stand there, run in a container that has
# what a pipeline's machine has, and no cbuild. The release that they install is made here.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/registry"

files=("$checkout/action.yml" "$checkout"/examples/ci/*.y*ml "$checkout"/.github/workflows/*.yaml)

setup_file()
{
	project_begin
	registries_begin
	registry_start closed htpasswd
	make_release
	CI_ROOT=$("$checkout/tests/lib/ci-root")
	export CI_ROOT
}

teardown_file()
{
	kill "$(cat "$ROOT/server.pid")" 2>/dev/null || true
	registries_end
	project_end
}

make_release()
{
	local version name port
	unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR
	version=$("$cbuild" version | cut -d ' ' -f 2)
	name=cbuild-$version-linux-$host_arch
	mkdir -p "$ROOT/releases/v$version"
	make -s -C "$(dirname "$cbuild")" relocatable RELOCATABLE="$ROOT/$name" >/dev/null
	cd "$ROOT"
	tar -cf - "$name" | xz -0 >"releases/v$version/$name.tar.xz"
	rm -r "${ROOT:?}/$name"
	cp -r "releases/v$version" releases/v0.0.1
	mv "releases/v0.0.1/$name.tar.xz" "releases/v0.0.1/cbuild-0.0.1-linux-$host_arch.tar.xz"
	(cd "releases/v$version" && sha256sum -- *.xz >SHA256SUMS)
	# One that is not what its sums say.
	(cd releases/v0.0.1 && sha256sum -- *.xz >SHA256SUMS && echo x >>"cbuild-0.0.1-linux-$host_arch.tar.xz")
	port=$(free_port)
	python3 -m http.server --bind 127.0.0.1 --directory releases "$port" >/dev/null 2>&1 3>&- &
	echo $! >server.pid
	echo "http://localhost:$port" >url
	echo "$version" >version
	until_true curl -fs "http://localhost:$port/" -o /dev/null
}

# workspace NAME: a checkout with two services, in the folder NAME, which is empty but for what a run has left there.
workspace()
{
	mkdir -p "$ROOT/$1/web" "$ROOT/$1/api"
	cd "$ROOT/$1"
	cat >services.yaml <<-'EOF2'
		registry: ${DOCKER_REGISTRY:-localhost/tests}
		tags: ["${DOCKER_TAGS:-latest}"]
		services:
		  web: {build: web}
		  api: {build: api}
	EOF2
	printf 'FROM scratch\nCOPY file /\n' | tee web/Dockerfile >api/Dockerfile
	echo web >web/file
	echo api >api/file
	printf '.cbuild/\nimages.env\n' >.gitignore
	[ -d .git ] || { git init -q . && git add . && git -c user.name=t -c user.email=t@example.org commit -qm one; }
}

# in_container SHELL SCRIPT [--env=NAME=VALUE...]: as a job's step in the workspace; its folders besides are in $ROOT/runner.
in_container()
{
	local shell=$1 script=$2
	shift 2
	mkdir -p "$ROOT/runner"
	cp "$script" "$ROOT/runner/script"
	# The container's own file system is an overlay, on which buildah can have no other; the machines of GitHub have a disk.
	printf '[storage]\ndriver = "vfs"\ngraphroot = "/var/lib/containers/storage"\nrunroot = "/run/containers/storage"\n' >"$ROOT/runner/storage.conf"
	env -u DOCKER_CONFIG podman run --rm --privileged --network=host --ulimit=nofile=1024:1024 --ulimit=nproc=1024:1024 --volume="$PWD:$PWD" --workdir="$PWD" --volume="$ROOT/runner:/runner" \
		--env=HOME=/root --env=CI=true "$@" \
		--rootfs "$CI_ROOT:O" $shell -e /runner/script
}

github_step()
{
	local step=$1
	shift
	"$checkout/tests/lib/ci-check" --script "$checkout/action.yml" "$step" >"$BATS_TEST_TMPDIR/script"
	in_container "bash --noprofile --norc -o pipefail" "$BATS_TEST_TMPDIR/script" --env=RUNNER_TOOL_CACHE=/runner/tools \
		--env=RUNNER_TEMP=/tmp --env=GITHUB_PATH=/runner/path --env=GITHUB_OUTPUT=/runner/output \
		--env=GITHUB_STEP_SUMMARY=/runner/summary --env=GITHUB_ACTIONS=true --env=BUILDAH_ISOLATION=chroot \
		--env=CONTAINERS_STORAGE_CONF=/runner/storage.conf --env=RELEASES="$(cat "$ROOT/url")" "$@"
}

github_run()
{
	github_step run --env=PATH="$(tail -n 1 "$ROOT/runner/path"):/usr/sbin:/usr/bin:/sbin:/bin" --env=TARGETS="web api" \
		--env=MANIFEST= --env=PLATFORMS="linux/$host_arch" --env=TAGS=v7 --env=BUILDER=buildah --env=PUSH=true \
		--env=OPTIONS="--no-load --no-verify" --env=KEEP_STORAGE=1GB --env=DOCKER_REGISTRY="$(registry_host closed)/github" \
		--volume="$DOCKER_CONFIG:/login:ro" --env=DOCKER_CONFIG=/login
}

@test "the files are what they should be, and a file that is not is found" {
	"$checkout/tests/lib/ci-check" "${files[@]}"
	yamllint --strict -d '{extends: default, rules: {line-length: {max: 170}, document-start: disable, truthy: {check-keys: false}}}' "${files[@]}"
	cd "$BATS_TEST_TMPDIR"
	local break
	for break in 's/using: composite/using: docker/' 's/shell: bash/shel: bash/' 's/inputs\.push/inputs.pushes/' \
		's/steps\.run\.outputs/steps.build.outputs/' 's|actions/cache@v4|actions/cache|' 's/cbuild prune/cbuild ${{ inputs.file }} prune/'; do
		sed "$break" "$checkout/action.yml" >action.yml
		! cmp -s action.yml "$checkout/action.yml"
		run -1 "$checkout/tests/lib/ci-check" action.yml
		[[ $output == action.yml:* ]]
	done
	sed 's/  script:/  scripts:/' "$checkout/examples/ci/cbuild.gitlab-ci.yml" >gitlab.yml
	run -1 "$checkout/tests/lib/ci-check" gitlab.yml
}

@test "GitHub: the release is installed, its sum is checked" {
	workspace github
	github_step install --env=VERSION="v$(cat "$ROOT/version")" | tee "$BATS_TEST_TMPDIR/out"
	equal "$(tail -n 1 "$BATS_TEST_TMPDIR/out")" "cbuild $(cat "$ROOT/version")"
	equal "$(cat "$ROOT/runner/path")" "/runner/tools/cbuild/$(cat "$ROOT/version")/$([ "$host_arch" = arm64 ] && echo arm64 || echo amd64)/bin"
	# It is there already: nothing is downloaded.
	RELEASES=http://localhost:1 github_step install --env=VERSION="$(cat "$ROOT/version")" --env=RELEASES=http://localhost:1
	run -1 github_step install --env=VERSION=0.0.1
	[[ $output == *"FAILED"* ]]
	[ ! -e "$ROOT/runner/tools/cbuild/0.0.1" ]
	run -2 github_step install --env=VERSION=main
	[[ $output == *'::error::cbuild: "main" is not a version'* ]]
	run -22 github_step install --env=VERSION=7.7.7
}

@test "GitHub: everything is built and pushed; with the cache of the first run nothing is" {
	workspace github
	github_step install --env=VERSION="$(cat "$ROOT/version")" >/dev/null
	login_file closed tester secret
	github_run >"$BATS_TEST_TMPDIR/out" 2>&1 || { cat "$BATS_TEST_TMPDIR/out"; false; }
	grep -q '2 built' "$BATS_TEST_TMPDIR/out"
	equal "$(sed -n 's/^images=//p' "$ROOT/runner/output" | jq -r '.images[].reference' | sort)" \
		"$(lines "$(registry_host closed)/github/api:v7" "$(registry_host closed)/github/web:v7")"
	grep -q '^| image | digest |' "$ROOT/runner/summary"
	skopeo inspect --tls-verify=false --creds=tester:secret "docker://$(registry_host closed)/github/web:v7" | jq -e '.Layers | length == 1'
	github_run >"$BATS_TEST_TMPDIR/out" 2>&1
	! grep -q 'built' "$BATS_TEST_TMPDIR/out"
}

gitlab_run()
{
	"$checkout/tests/lib/ci-check" --script "$checkout/examples/ci/cbuild.gitlab-ci.yml" .cbuild >"$BATS_TEST_TMPDIR/script"
	in_container sh "$BATS_TEST_TMPDIR/script" --env=CI_PROJECT_DIR="$PWD" --env=CI_REGISTRY="$(registry_host closed)" \
		--env=CI_REGISTRY_IMAGE="$(registry_host closed)/gitlab" --env=CI_REGISTRY_USER=tester --env=CI_REGISTRY_PASSWORD=secret \
		--env=CI_COMMIT_SHORT_SHA=abc1234 --env=CI_JOB_NAME_SLUG=images --env=CBUILD_VERSION="$(cat "$ROOT/version")" \
		--env=CBUILD_RELEASES="$(cat "$ROOT/url")" --env=CBUILD_OPTIONS="--no-load --no-verify --push" "$@"
}

@test "GitLab: the job installs it, logs in, builds and pushes; with the cache of the first one nothing is built" {
	workspace gitlab
	gitlab_run >"$BATS_TEST_TMPDIR/out" 2>&1 || { cat "$BATS_TEST_TMPDIR/out"; false; }
	grep -q '2 built' "$BATS_TEST_TMPDIR/out"
	grep -q "$(registry_host closed)/gitlab/web@sha256:" images.env
	skopeo inspect --tls-verify=false --creds=tester:secret "docker://$(registry_host closed)/gitlab/web:abc1234" >/dev/null
	gitlab_run >"$BATS_TEST_TMPDIR/out" 2>&1
	! grep -q 'built' "$BATS_TEST_TMPDIR/out"
	run ! gitlab_run --env=CBUILD_VERSION=0.0.1
	[[ $output == *"FAILED"* ]]
}
