#!/usr/bin/env bats
# What every builder must do, looked at in the images themselves. CBUILD_BUILDER says which one it is
# (buildah, podman, docker, buildkit or nerdctl). All cases are services of one manifest, built once, side by side. BUILDKIT_TLS is a
# folder with what a buildkitd at a TCP address wants to see: ca.pem, cert.pem, key.pem.

bats_require_minimum_version 1.5.0

checkout=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
lib=$checkout/tests/lib
. "$lib/image"

builder=${CBUILD_BUILDER:-buildah}
export CBUILD_BUILDER=$builder
[ -z "${BUILDKIT_TLS:-}" ] || CBUILD_BUILDER=remote
export CBUILD_TEST_CACHE=${CBUILD_TEST_CACHE:-$checkout/.cache}
cbuild=${CBUILD:-$checkout/cbuild}

setup_file()
{
	# Told from the sleep of the same suite that runs with another builder beside.
	export NAP=307.$$
	export PROJECT=$BATS_FILE_TMPDIR/project
	mkdir -p "$PROJECT"
	cp -a "$("$lib/bases")" "$PROJECT/rootfs"
	case $builder in
	buildah | podman) private_storage ;;
	docker) private_docker ;;
	esac
	write_project
	build_all
}

# podman builds with buildah's engine.
is_buildah()
{
	[ "$builder" = buildah ] || [ "$builder" = podman ]
}

no_container()
{
	equal "$(podman ps --all --external --quiet)" ""
}

# Not the user's images: a storage of this file's own.
private_storage()
{
	local dir=$BATS_FILE_TMPDIR/containers
	mkdir -p "$dir"
	printf '[storage]\ndriver = "overlay"\ngraphroot = "%s/root"\nrunroot = "%s/run"\n' "$dir" "$dir" >"$dir/storage.conf"
	export CONTAINERS_STORAGE_CONF=$dir/storage.conf
}

# The docker that the caller has started, or one of this file's own.
private_docker()
{
	[ -z "${DOCKER_HOST:-}" ] || return 0
	export OWN_DOCKER=$CBUILD_TEST_CACHE/docker
	"$lib/docker" fetch "$OWN_DOCKER" >&2
	eval "$("$lib/docker" start "$OWN_DOCKER")"
}

teardown_file()
{
	if [ -n "${OWN_DOCKER:-}" ]; then
		"$lib/docker" stop "$OWN_DOCKER"
	fi
	[ ! -d "$BATS_FILE_TMPDIR/containers/root/overlay" ] || umount "$BATS_FILE_TMPDIR/containers/root/overlay" || true
}

# All was built in one run: what it said is what explains a failure.
teardown()
{
	[ -n "${BATS_TEST_COMPLETED:-}" ] || sed 's/^/# /' "$PROJECT/err"
}

build_all()
{
	local status=0
	eval "$(ssh-agent -s)" >/dev/null
	export SSH_AGENT_PID SSH_AUTH_SOCK
	"$cbuild" -k all --platforms=linux/amd64,linux/arm64 --no-verify --no-load >"$PROJECT/out" 2>"$PROJECT/err" || status=$?
	kill "$SSH_AGENT_PID"
	echo "$status" >"$PROJECT/status"
	sed 's/^/# /' "$PROJECT/err" >&2
}

# manifest FORMAT [ARGUMENT...]: writes services.yaml.
manifest()
{
	# shellcheck disable=SC2059 # that is what the first one is
	printf "$@" >services.yaml
	[ -z "${BUILDKIT_TLS:-}" ] || printf 'builders: {remote: {driver: buildkit, addr: "%s", emulate: true, tls: {ca: %s, cert: %s, key: %s}}}\n' \
		"$BUILDKIT_HOST" "$BUILDKIT_TLS/ca.pem" "$BUILDKIT_TLS/cert.pem" "$BUILDKIT_TLS/key.pem" >>services.yaml
}

# service NAME: its folder and its Dockerfile from standard input.
service()
{
	mkdir -p "$PROJECT/$1"
	cat >"$PROJECT/$1/Dockerfile"
}

write_project()
{
	cd "$PROJECT"
	manifest '%s\n' "$(cat <<-'EOF'
		project: conformance
		registry: localhost/conformance
		secrets:
		  token: {file: token.txt}
		  key: {environment: CONFORMANCE_KEY}
		services:
		  base:
		    publish: false
		    build: {context: rootfs, dockerfile: ../base/Dockerfile}
		  scratch: {build: scratch}
		  stages:
		    build: {context: stages, additional_contexts: {base: "service:base"}}
		  platforms:
		    build: {context: platforms, additional_contexts: {base: "service:base"}}
		  cross:
		    build: {context: cross, additional_contexts: {base: "service:base"}}
		  args:
		    build:
		      context: args
		      additional_contexts: {base: "service:base"}
		      args: {GREETING: "two words, 'a' \"b\" $$c", GOFLAGS: -trimpath, EMPTY: ""}
		      labels: {org.example.label: "x = y"}
		  target:
		    build: {context: target, target: small, additional_contexts: {base: "service:base"}}
		  ignore: {build: ignore}
		  derived:
		    build: {context: derived}
		  health:
		    build: {context: health, additional_contexts: {parent: "service:stages"}}
		  secrets:
		    build:
		      context: secrets
		      additional_contexts: {base: "service:base"}
		      secrets: [token, key]
		      ssh: [default]
		  noise:
		    build: {context: noise, additional_contexts: {base: "service:base"}}
		  trigger:
		    publish: false
		    build: {context: trigger, additional_contexts: {base: "service:base"}}
		  triggered:
		    build: {context: triggered, additional_contexts: {trigger: "service:trigger"}}
		  inline:
		    build:
		      context: inline
		      additional_contexts: {base: "service:base"}
		      dockerfile_inline: |
		        FROM base
		        COPY file /
		        RUN ln /file /other && chmod 4711 /other && mkdir -m 1777 /sticky && ln -s /nowhere /dangling
		  attributes:
		    build: {context: attributes, additional_contexts: {base: "service:base"}}
		  failing:
		    build: {context: failing, additional_contexts: {base: "service:base"}}
	EOF
	)"
	service base <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY ${TARGETARCH}/ /
		CMD ["/bin/sh"]
	EOF
	service scratch <<-'EOF'
		FROM scratch
		COPY file /file
	EOF
	echo "the same for every platform" >"$PROJECT/scratch/file"
	service stages <<-'EOF'
		FROM base AS one
		RUN echo one > /one
		FROM base AS two
		COPY --from=one /one /first
		RUN cat /first > /second && echo two >> /second
		FROM base
		COPY --from=two /second /result
		COPY --from=0 /one /by-number
		RUN --mount=type=bind,from=two,target=/two cat /two/second > /by-mount
		USER 1000:1000
		WORKDIR /work
		ENTRYPOINT ["/bin/cat"]
		CMD ["/result"]
		EXPOSE 8000
		ENV KEY="some value"
		HEALTHCHECK --interval=5s --retries=2 CMD ["/bin/true", "stages"]
	EOF
	service platforms <<-'EOF'
		FROM base
		ARG TARGETPLATFORM
		ARG TARGETARCH
		ARG BUILDPLATFORM
		RUN uname -m > /machine && echo $TARGETPLATFORM $TARGETARCH $BUILDPLATFORM > /arguments
	EOF
	service cross <<-'EOF'
		FROM --platform=$BUILDPLATFORM base AS build
		ARG TARGETARCH
		RUN cat /arch > /built-on && echo $TARGETARCH > /built-for
		FROM base
		COPY --from=build /built-on /built-for /
		COPY --from=build /bin/busybox /build/busybox
		COPY --from=base /bin/busybox /target/busybox
	EOF
	service args <<-'EOF'
		FROM base
		ARG GREETING=none
		ARG GOFLAGS
		ARG EMPTY=full
		ARG DEFAULT=default
		LABEL org.example.greeting=$GREETING
		RUN ["/bin/sh", "-c", "/bin/env > /environment"]
	EOF
	service target <<-'EOF'
		FROM base AS small
		RUN echo small > /stage
		FROM base AS other
		RUN echo other > /stage; exit 1
	EOF
	service ignore <<-'EOF'
		FROM scratch
		COPY . /all/
	EOF
	write_ignored_files
	service derived <<-'EOF'
		FROM localhost/conformance/stages
		COPY file /derived
	EOF
	echo derived >"$PROJECT/derived/file"
	service health <<-'EOF'
		FROM parent
		COPY file /health
	EOF
	echo health >"$PROJECT/health/file"
	service secrets <<-'EOF'
		FROM base
		RUN --mount=type=secret,id=token --mount=type=secret,id=key --mount=type=ssh \
			cat /run/secrets/token /run/secrets/key | wc -c >/count; test -S "$SSH_AUTH_SOCK" && echo agent >/agent
	EOF
	echo token-hush-hush >"$PROJECT/token.txt"
	export CONFORMANCE_KEY=key-hush-hush
	service noise <<-'EOF'
		FROM base
		COPY file /
		RUN printf '\033[31mred\033[0m \377\376 end\n'; printf 'no newline'; echo done >/noise
	EOF
	date +%N >"$PROJECT/noise/file" # a docker that the caller has started may have done the step before
	service trigger <<-'EOF'
		FROM base
		ONBUILD COPY file /from-trigger
		ONBUILD RUN cat /from-trigger > /run-trigger
	EOF
	service triggered <<-'EOF'
		FROM trigger
	EOF
	echo triggered >"$PROJECT/triggered/file"
	mkdir -p "$PROJECT/inline"
	echo inline >"$PROJECT/inline/file"
	service attributes <<-'EOF'
		FROM base AS first
		ADD files.tar /
		COPY from-context /
		FROM base
		COPY --from=first /with-capability /from-context /
	EOF
	write_attributes
	service failing <<-'EOF'
		FROM base
		RUN echo before the failure; exit 7
	EOF
}

capability=0100000200040000000000000000000000000000 # CAP_NET_BIND_SERVICE, as setcap writes it

# A file with an attribute, and one with a capability in a tar.
write_attributes()
{
	local dir=$PROJECT/attributes
	echo context >"$dir/from-context"
	python3 - "$dir" $capability <<-'EOF'
		import os, sys
		os.chdir(sys.argv[1])
		os.setxattr("from-context", "user.origin", b"context")
		open("with-capability", "w").write("program\n")
		os.setxattr("with-capability", "security.capability", bytes.fromhex(sys.argv[2]))
	EOF
	tar -C "$dir" --xattrs --xattrs-include='*' --remove-files -cf "$dir/files.tar" with-capability
}

# attribute SERVICE ARCH PATH NAME: its value in hexadecimal, out of the topmost layer that has the file.
attribute()
{
	local manifest layers
	manifest=$(image_manifest "localhost/conformance/$1:latest" "linux/$2")
	layers=$(jq -r '.layers[].digest' "$(blob "$manifest")" | while read -r layer; do blob "$layer"; done)
	# shellcheck disable=SC2086 # paths without blanks
	python3 - "$3" "$4" $layers <<-'EOF'
		import sys, tarfile
		path, name, value = sys.argv[1], "SCHILY.xattr." + sys.argv[2], None
		for layer in sys.argv[3:]:
		    for member in tarfile.open(layer):
		        if member.name.removeprefix("./") == path:
		            value = member.pax_headers.get(name)
		print("none" if value is None else value.encode("utf-8", "surrogateescape").hex())
	EOF
}

write_ignored_files()
{
	local dir=$PROJECT/ignore
	mkdir -p "$dir/sub/deep" "$dir/secret" "$dir/empty"
	printf '# comment\n*.log\n!keep.log\n**/*.tmp\nsecret\n!secret/known\nsub/deep/\n' >"$dir/.dockerignore"
	touch "$dir/a.log" "$dir/keep.log" "$dir/x.tmp" "$dir/sub/x.tmp" "$dir/sub/a.log" "$dir/secret/key" \
		"$dir/secret/known" "$dir/sub/deep/file" "$dir/a name with blanks"
	echo program >"$dir/run.sh"
	chmod 0755 "$dir/run.sh"
	chmod 0640 "$dir/keep.log"
	chmod 0750 "$dir/sub"
	ln -s run.sh "$dir/link"
	ln -s /nowhere/at/all "$dir/dangling"
	ln -s ../.. "$dir/sub/out"
}

setup()
{
	cd "$PROJECT"
}

host_arch=$(dpkg --print-architecture)

for_both()
{
	local arch
	for arch in amd64 arm64; do
		"$1" $arch
	done
}

unpack()
{
	image_unpack "localhost/conformance/$1:latest" "linux/$2" "$BATS_TEST_TMPDIR/$2"
	cd "$BATS_TEST_TMPDIR/$2"
}

config()
{
	jq -c "$3" "$(store=$PROJECT/.cbuild/oci image_config "localhost/conformance/$1:latest" "linux/$2")"
}

equal()
{
	[ "$1" = "$2" ] && return
	printf 'got:    %s\nwanted: %s\n' "$1" "$2" >&2
	return 1
}

store=$PROJECT/.cbuild/oci

@test "1 scratch: for each platform, with the same content" {
	check()
	{
		unpack scratch "$1"
		equal "$(cat file)" "the same for every platform"
		equal "$(config scratch "$1" '[.os, .architecture]')" "[\"linux\",\"$1\"]"
		equal "$(config scratch "$1" '.rootfs.diff_ids | length')" 1
	}
	for_both check
}

@test "2 several stages" {
	check()
	{
		unpack stages "$1"
		equal "$(cat result)" "$(printf 'one\ntwo')"
		equal "$(cat by-number)" one
		equal "$(cat by-mount)" "$(printf 'one\ntwo')"
		[ ! -e first ] && [ ! -e second ]
		equal "$(config stages "$1" '[.config.User, .config.WorkingDir, .config.Entrypoint, .config.Cmd, .config.ExposedPorts]')" \
			'["1000:1000","/work",["/bin/cat"],["/result"],{"8000/tcp":{}}]'
		config stages "$1" .config.Env | grep -F 'KEY=some value'
	}
	for_both check
}

@test "3 both platforms: steps run on the platform they are for" {
	check()
	{
		local machine
		unpack platforms "$1"
		case $1 in
		amd64) machine=x86_64 ;;
		arm64) machine=aarch64 ;;
		esac
		equal "$(cat machine)" $machine
		equal "$(cat arguments)" "linux/$1 $1 linux/$host_arch"
		equal "$(elf_machine bin/busybox)" "$1"
	}
	for_both check
}

@test "4 one base for \$BUILDPLATFORM and for the target" {
	check()
	{
		unpack cross "$1"
		equal "$(cat built-on)" "$host_arch"
		equal "$(cat built-for)" "$1"
		equal "$(cat arch)" "$1"
		equal "$(elf_machine build/busybox)" "$host_arch"
		equal "$(elf_machine bin/busybox)" "$1"
		equal "$(elf_machine target/busybox)" "$1"
		equal "$(config cross "$1" .architecture)" "\"$1\""
	}
	for_both check
}

@test "5 arguments and labels" {
	check()
	{
		unpack args "$1"
		grep -Fx "GREETING=two words, 'a' \"b\" \$c" environment
		grep -Fx "EMPTY=" environment
		grep -Fx "DEFAULT=default" environment
		grep -Fx "GOFLAGS=-trimpath" environment
		equal "$(config args "$1" '.config.Labels["org.example.greeting"]')" "\"two words, 'a' \\\"b\\\" \$c\""
		equal "$(config args "$1" '.config.Labels["org.example.label"]')" '"x = y"'
	}
	for_both check
}

@test "6 a target that is not the last stage" {
	check()
	{
		unpack target "$1"
		equal "$(cat stage)" small
	}
	for_both check
}

@test "7 .dockerignore, links and modes" {
	check()
	{
		unpack ignore "$1"
		equal "$(cd all && find . | sort)" "$(printf '%s\n' . './.dockerignore' './Dockerfile' './a name with blanks' ./dangling \
			./empty ./keep.log ./link ./run.sh ./secret ./secret/known ./sub ./sub/a.log ./sub/out | sort)"
		equal "$(readlink all/link)" run.sh
		equal "$(readlink all/dangling)" /nowhere/at/all
		equal "$(readlink all/sub/out)" ../..
		equal "$(stat -c '%a %u:%g' all/run.sh all/keep.log all/sub)" "$(printf '755 0:0\n640 0:0\n750 0:0')"
	}
	for_both check
}

@test "8 another service as the base" {
	check()
	{
		local parent
		unpack derived "$1"
		equal "$(cat derived)" derived
		equal "$(cat result)" "$(printf 'one\ntwo')"
		equal "$(config derived "$1" '[.config.User, .config.Cmd]')" '["1000:1000",["/result"]]'
		parent=$(config stages "$1" .rootfs.diff_ids)
		equal "$(config derived "$1" ".rootfs.diff_ids[:$(jq length <<<"$parent")]")" "$parent"
	}
	for_both check
}

@test "9 HEALTHCHECK is kept, and handed on" {
	check()
	{
		local wanted='{"Test":["CMD","/bin/true","stages"],"Interval":5000000000,"Retries":2}'
		equal "$(config stages "$1" '.config.Healthcheck | {Test, Interval, Retries}')" "$wanted"
		equal "$(config health "$1" '.config.Healthcheck | {Test, Interval, Retries}')" "$wanted"
	}
	for_both check
}

@test "10 a failing step: its line, its last words, its status" {
	equal "$(cat status)" 1
	grep -F "step 'RUN echo before the failure; exit 7' failed with status 7" err
	grep -F "before the failure" err
	run ! image_manifest localhost/conformance/failing:latest linux/amd64
	run "$cbuild" failing --no-verify --no-load --platforms=linux/amd64
	[ "$status" -eq 1 ]
}

@test "11 secrets and ssh reach the steps, and are kept nowhere" {
	check()
	{
		unpack secrets "$1"
		equal "$(cat count)" 29
		equal "$(cat agent)" agent
		run ! grep -r hush-hush .
	}
	for_both check
	cd "$PROJECT"
	run ! grep -r hush-hush .cbuild
	run ! grep hush-hush out err
}

@test "12 what a step prints is in its log as it is, and safe where it is shown" {
	local log
	log=$(echo "$PROJECT"/.cbuild/logs/1/build-noise-linux-"$host_arch".log)
	LC_ALL=C grep -aq "$(printf '\033\\[31mred')" "$log"
	LC_ALL=C grep -aq "$(printf '\377\376 end')" "$log"
	grep -aq 'no newline' "$log"
	mkdir -p "$PROJECT/shown"
	cd "$PROJECT/shown"
	cp -a "$PROJECT/rootfs/$host_arch" rootfs
	manifest 'registry: localhost/shown\nservices: {noise: {build: .}}\n'
	date +%N >file
	sed 's/FROM base/FROM scratch\nCOPY rootfs \//' "$PROJECT/noise/Dockerfile" >Dockerfile
	run "$cbuild" -v all --no-verify --no-load --platforms="linux/$host_arch"
	[ "$status" -eq 0 ]
	grep -F '\x1b[31mred' <<<"$output"
	grep -F '\xff\xfe end' <<<"$output"
	run ! grep -q "$(printf '\033')" <<<"$output"
}

@test "13 ONBUILD of another service is done for each platform" {
	check()
	{
		unpack triggered "$1"
		equal "$(cat from-trigger run-trigger)" "$(printf 'triggered\ntriggered')"
		equal "$(cat arch)" "$1"
	}
	for_both check
}

@test "14 an inline Dockerfile; hard links, modes and links of a step" {
	check()
	{
		unpack inline "$1"
		equal "$(cat file other)" "$(printf 'inline\ninline')"
		equal "$(stat -c %i file)" "$(stat -c %i other)"
		equal "$(stat -c '%a' other sticky)" "$(printf '4711\n1777')"
		equal "$(readlink dangling)" /nowhere
	}
	for_both check
}

@test "15 a layer of 1 GB" {
	mkdir -p "$PROJECT/large"
	cd "$PROJECT/large"
	cp -a "$PROJECT/rootfs/$host_arch" rootfs
	manifest 'registry: localhost/large\nservices: {large: {build: .}}\n'
	printf 'FROM scratch\nCOPY rootfs /\nRUN dd if=/dev/zero of=/large bs=1M count=1024\n' >Dockerfile
	run "$cbuild" all --platforms="linux/$host_arch" --no-verify --no-load
	[ "$status" -eq 0 ]
	store=.cbuild/oci
	manifest=$(image_manifest localhost/large/large:latest "linux/$host_arch")
	equal "$(tar -tvf "$(blob "$(jq -r '.layers[-1].digest' "$(blob "$manifest")")")" | awk '$NF == "large" { print $3 }')" 1073741824
	rm -rf "$PROJECT/large"
}

# What a stage's file has, ADD and COPY --from keep. Of what a context's file has BuildKit's clients send nothing.
@test "16 extended attributes" {
	check()
	{
		local origin=none
		! is_buildah || origin=$(printf context | od -An -tx1 | tr -d ' ')
		equal "$(attribute attributes "$1" with-capability security.capability)" "$capability"
		equal "$(attribute attributes "$1" from-context user.origin)" "$origin"
	}
	for_both check
}

# Forgets what the builder has done.
forget_steps()
{
	case $builder in
	docker) docker buildx prune --all --force >/dev/null ;;
	*) buildctl_by_hand prune --all >/dev/null ;;
	esac
}

buildctl_by_hand()
{
	[ -z "${BUILDKIT_TLS:-}" ] || set -- --tlscacert="$BUILDKIT_TLS/ca.pem" --tlscert="$BUILDKIT_TLS/cert.pem" --tlskey="$BUILDKIT_TLS/key.pem" "$@"
	buildctl "$@"
}

@test "BuildKit: steps come out of a cache elsewhere" {
	! is_buildah || return 0
	mkdir -p "$PROJECT/cached"
	cd "$PROJECT/cached"
	cp -a "$PROJECT/rootfs/$host_arch" rootfs
	date +%N >rootfs/unique
	manifest 'registry: localhost/cached\nservices: {cached: {build: {context: ., cache_to: ["type=local,dest=%s,mode=max"]}}}\n' \
		"$BATS_TEST_TMPDIR/cache"
	printf 'FROM scratch\nCOPY rootfs /\nRUN cat /proc/sys/kernel/random/uuid >/random\n' >Dockerfile
	echo cache >.dockerignore
	"$cbuild" all --platforms="linux/$host_arch" --no-verify --no-load
	store=.cbuild/oci image_unpack localhost/cached/cached:latest "linux/$host_arch" "$BATS_TEST_TMPDIR/first"
	forget_steps
	sed -i 's/cache_to: \["type=local,dest=\([^,]*\),mode=max"\]/cache_from: ["type=local,src=\1"]/' services.yaml
	rm -rf .cbuild
	"$cbuild" all --platforms="linux/$host_arch" --no-verify --no-load
	store=.cbuild/oci image_unpack localhost/cached/cached:latest "linux/$host_arch" "$BATS_TEST_TMPDIR/second"
	equal "$(cat "$BATS_TEST_TMPDIR/second/random")" "$(cat "$BATS_TEST_TMPDIR/first/random")"
}

@test "nothing is left behind: no container, no mount" {
	is_buildah || return 0
	no_container
	equal "$(grep -c "$BATS_FILE_TMPDIR/containers/root/overlay/.*/merged" /proc/self/mounts)" 0
}

# A project of its own whose build is running when this returns, as process $pid.
start_slow_build()
{
	local waited=0
	mkdir -p "$PROJECT/slow"
	cd "$PROJECT/slow"
	cp -a "$PROJECT/rootfs/$host_arch" rootfs 2>/dev/null || true
	manifest 'project: slow\nregistry: localhost/slow\nservices: {slow: {build: .}}\n'
	printf 'FROM scratch\nCOPY rootfs /\nRUN echo started; sleep '$NAP'\n' >Dockerfile
	"$cbuild" -v all --platforms="linux/$host_arch" --no-verify --no-load >out 2>&1 3>&- &
	pid=$!
	until grep -q '^build.*started$' out; do
		waited=$((waited + 1))
		[ $waited -lt 300 ]
		sleep 0.1
	done
}

no_child_left()
{
	local waited=0
	while pgrep -f "^sleep $NAP\$" >/dev/null; do
		waited=$((waited + 1))
		[ $waited -lt 50 ] || return 1
		sleep 0.1
	done
}

@test "docker: images are in its own store under their names, and come back when they were removed" {
	[ "$builder" = docker ] || return 0
	local manifest name=localhost/loaded/loaded:latest
	mkdir -p "$PROJECT/loaded"
	cd "$PROJECT/loaded"
	manifest 'registry: localhost/loaded\nservices: {loaded: {build: .}}\n'
	printf 'FROM scratch\nCOPY services.yaml /\n' >Dockerfile
	export CBUILD_RUNTIME=docker
	"$cbuild" all --platforms="linux/$host_arch" --no-verify
	manifest=$(store=.cbuild/oci image_manifest $name "linux/$host_arch")
	equal "$(docker image inspect --format='{{.Id}}' $name)" "$manifest"
	docker image rm $name >/dev/null
	run "$cbuild" all --platforms="linux/$host_arch" --no-verify
	[ "$status" -eq 0 ]
	grep -F 'load loaded' <<<"$output"
	equal "$(docker image inspect --format='{{.Id}}' $name)" "$manifest"
	docker image rm $name >/dev/null
	"$cbuild" load --to=docker
	equal "$(docker image inspect --format='{{.Id}}' $name)" "$manifest"
	docker image rm $name >/dev/null
}

@test "docker: neither its client nor buildx is needed" {
	[ "$builder" = docker ] || return 0
	local tool
	mkdir -p "$PROJECT/alone/bin"
	cd "$PROJECT/alone"
	for tool in cat mkdir; do
		ln -sf "$(command -v $tool)" bin/
	done
	manifest 'registry: localhost/alone\nservices: {alone: {build: .}}\n'
	printf 'FROM scratch\nCOPY file /\n' >Dockerfile
	echo "alone $BATS_TEST_TMPDIR" >file
	PATH=$PWD/bin DOCKER_CONFIG=$PWD/none run "$cbuild" all --platforms="linux/$host_arch" --no-verify --no-load
	echo "$output"
	[ "$status" -eq 0 ]
	store=.cbuild/oci image_unpack localhost/alone/alone:latest "linux/$host_arch" "$BATS_TEST_TMPDIR/alone"
	equal "$(cat "$BATS_TEST_TMPDIR/alone/file")" "alone $BATS_TEST_TMPDIR"
}

@test "docker: the same files and configs as from buildah" {
	[ "$builder" = docker ] || return 0
	mkdir -p "$PROJECT/same/tools"
	cd "$PROJECT/same"
	cp -a "$PROJECT/rootfs/$host_arch" rootfs
	manifest 'registry: localhost/same\nservices:\n  base: {publish: false, build: .}\n  %s\n' \
		'tools: {build: {context: tools, additional_contexts: {base: "service:base"}, args: {WORD: "a b"}, labels: {one: two}}}'
	printf 'FROM scratch\nCOPY rootfs /\n' >Dockerfile
	echo data >tools/data
	chmod 0600 tools/data
	ln -s data tools/link
	cat >tools/Dockerfile <<-'EOF'
		FROM base AS make
		ARG WORD
		RUN mkdir -p /made/deep && echo "$WORD" >/made/deep/file && ln /made/deep/file /made/hard && chmod 2755 /made/deep
		FROM base
		COPY --from=make --chown=1000:1000 /made /made
		COPY data link /srv/
		RUN rm /bin/wget && chmod 4711 /bin/busybox
		WORKDIR /srv
		USER 1000
		EXPOSE 80
		VOLUME /data
		STOPSIGNAL SIGINT
		HEALTHCHECK CMD ["/bin/true"]
		ENTRYPOINT ["/bin/sh", "-c"]
	EOF
	private_storage
	unset CBUILD_BUILDER
	CBUILD=$cbuild BUILD_PLATFORMS=linux/$host_arch run "$checkout/scripts/compare-builders" buildah docker "$PWD"
	echo "$output"
	[ "$status" -eq 0 ]
	grep -E '^1 services, [0-9]{2,} files: 0 differences' <<<"$output"
}

@test "a failure lets what is built beside it end, and stops the rest" {
	mkdir -p "$PROJECT/batch/bad" "$PROJECT/batch/good"
	cd "$PROJECT/batch"
	cp -a "$PROJECT/rootfs/$host_arch" bad/rootfs
	cp -a bad/rootfs good/
	manifest 'registry: localhost/batch\nservices: {bad: {build: bad}, good: {build: good}, later: {build: good, needs: [good]}}\n'
	printf 'FROM scratch\nCOPY rootfs /\nRUN echo here; exit 3\n' >bad/Dockerfile
	printf 'FROM scratch\nCOPY rootfs /\nRUN sleep 3; echo done >/done\n' >good/Dockerfile
	run "$cbuild" -j2 all --platforms="linux/$host_arch" --no-verify --no-load
	[ "$status" -eq 1 ]
	grep -F "step 'RUN echo here; exit 3' failed with status 3" <<<"$output"
	equal "$(grep -cE '^ok .*build good' <<<"$output")" 1
	equal "$(grep -cE '^(ok|FAIL) .*build later' <<<"$output")" 0
	grep -F "here" .cbuild/logs/1/build-bad-*.log
	run ! grep -F "here" .cbuild/logs/1/build-good-*.log
}

@test "Ctrl-C ends the build and leaves nothing" {
	start_slow_build
	kill -INT $pid
	status=0
	wait $pid || status=$?
	[ "$status" -eq 130 ]
	no_child_left
	! is_buildah || no_container
}

@test "what a killed cbuild left is gone after the next run" {
	start_slow_build
	kill -KILL $pid
	wait $pid || true
	printf 'FROM scratch\nCOPY rootfs /\n' >Dockerfile
	"$cbuild" all --platforms="linux/$host_arch" --no-verify --no-load
	no_child_left
	! is_buildah || no_container
}

@test "a second run repeats only the failed step, and finds the rest" {
	run --separate-stderr "$cbuild" -n all --format=json --platforms=linux/amd64,linux/arm64 --no-verify --no-load
	[ "$status" -eq 0 ]
	equal "$(jq -c '[.nodes[] | select(.kind == "build" and .state != "fresh") | .service] | unique' <<<"$output")" '["failing"]'
}
