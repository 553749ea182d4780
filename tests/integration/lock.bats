#!/usr/bin/env bats
# Base images from registries: digests, services.lock, --pull, mirrors.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/registry"
. "$BATS_TEST_DIRNAME/../lib/image"
. "$BATS_TEST_DIRNAME/../lib/base"

setup_file()
{
	project_begin
	registries_begin
	registry_start plain
	base_project
}

# The docker that the caller has started, or one of this file's own.
private_docker()
{
	[ -z "${DOCKER_HOST:-}" ] || return 0
	: >"$BATS_FILE_TMPDIR/own-docker"
	"$checkout/tests/lib/docker" fetch "$CBUILD_TEST_CACHE/docker" >&2
	eval "$("$checkout/tests/lib/docker" start "$CBUILD_TEST_CACHE/docker")"
}

teardown_file()
{
	[ ! -e "$BATS_FILE_TMPDIR/own-docker" ] || "$checkout/tests/lib/docker" stop "$CBUILD_TEST_CACHE/docker"
	registries_end
	project_end
}

# stale ARGUMENTS...: the builds that a dry run would do, with the reasons.
stale()
{
	cb -n --no-load "$@"
	sed -n 's/^stale  *\(build:[^ ]*\)  */\1 /p' "$out"
}

@test "a tag that moved makes nothing stale, --pull does" {
	app moved
	base one
	cb --no-load all
	equal "$status" 0
	equal "$(marks)" "one amd64 one arm64 "
	# Asked for once, whatever the platforms; the rest goes by digest.
	equal "$(log_count plain 'manifests/1 HTTP')" 1
	grep -q "@$(member arm64)" .cbuild/logs/*/build-web* || true
	base two
	cb --no-load all
	grep -q 'nothing to do' "$err"
	equal "$(log_count plain HTTP)" 0
	was=$(jq -r '.manifests[0].digest' "$(blob "$(jq -r '.manifests[0].digest' .cbuild/oci/index.json)")")
	cb -n --pull --no-load all
	grep -q 'asks no registries or servers' "$err"
	equal "$(log_count plain HTTP)" 0
	cb --pull --no-load all
	equal "$status" 0
	equal "$(finished | grep build)" "$(lines 'build web linux/amd64' 'build web linux/arm64')"
	equal "$(marks)" "two amd64 two arm64 "
	cb --pull --no-load all
	grep -q 'nothing to do' "$err"
}

@test "the lock says what is built from; lock --update takes what the tag stands for now" {
	app locked
	base three
	cb lock
	equal "$status" 0
	equal "$(cat "$out")" "$base  added  $index"
	equal "$(grep -v '^#' services.lock)" "$(printf 'version 4\n\n%s %s\n  linux/amd64 %s\n    onbuild none\n    env none\n  linux/arm64 %s\n    onbuild none\n    env none' "$base" "$index" "$(member amd64)" "$(member arm64)")"
	cp services.lock first
	base four
	cb lock
	equal "$status:$(cat "$out")" "0:"
	cmp services.lock first
	log_clear plain
	cb --no-load all
	equal "$status" 0
	equal "$(marks)" "three amd64 three arm64 "
	equal "$(log_count plain 'manifests/1 HTTP')" 0
	cb lock --update --check
	equal "$status" 1
	grep -q "^$base  sha256:[0-9a-f]* -> $index\$" "$out"
	cmp services.lock first
	cb lock --update --check --format=json
	equal "$status" 1
	equal "$(jq -c '[.version, .check, (.differences[] | [.name, .change[-71:]])]' "$out")" "[1,true,[\"$base\",\"$index\"]]"
	cb lock --check --format=json
	equal "$status:$(jq -c . "$out")" '0:{"version":1,"check":true,"differences":[]}'
	cb lock --update "$base"
	equal "$status" 0
	stale all >"$BATS_TEST_TMPDIR/stale"
	cat "$BATS_TEST_TMPDIR/stale"
	equal "$(grep -o '^build:[^ ]*' "$BATS_TEST_TMPDIR/stale")" "$(lines build:web:linux/amd64 build:web:linux/arm64)"
	grep -q "base $base (linux/arm64): sha256:[0-9a-f]\{12\} -> $(member arm64 | cut -c1-19)$" "$BATS_TEST_TMPDIR/stale"
	cb --no-load all
	equal "$(finished | grep build)" "$(lines 'build web linux/amd64' 'build web linux/arm64')"
	equal "$(marks)" "four amd64 four arm64 "
	# The lock of before: its image is still there.
	cp first services.lock
	cb --no-load all
	equal "$(finished | grep -c build)" 0
	equal "$(marks)" "three amd64 three arm64 "
}

@test "lock --check tells what does not fit, without asking anybody" {
	app check
	base five
	cb lock --check
	equal "$status" 1
	equal "$(cat "$out")" "$base  not locked (web)"
	equal "$(log_count plain HTTP)" 0
	[ ! -e services.lock ]
	cb lock
	log_clear plain
	cb lock --check
	equal "$status:$(cat "$out")" "0:"
	equal "$(log_count plain HTTP)" 0
	sed -i '/linux.arm64/,$d' services.lock
	cb lock --check
	equal "$status" 1
	equal "$(cat "$out")" "$base  not locked for linux/arm64 (web)"
	printf 'FROM scratch\nCOPY own /own\n' >web/Dockerfile
	cb lock --check
	equal "$(cat "$out")" "$base  locked, but no build is made from it"
	cb lock
	equal "$(cat "$out")" "$base  removed"
	cb lock --check
	equal "$status" 0
	cb lock web
	equal "$status" 2
	cb lock --update nothing:1
	equal "$status" 2
	grep -q 'no build is made from "nothing:1"' "$err"
}

@test "a lock that is none is refused with its line" {
	app refused
	printf 'version 1\ndocker.io/library/debian:12 sha256:12\n' >services.lock
	cb -n
	equal "$status" 2
	grep -q '^cbuild: error: services.lock:2: expected a name and a digest' "$err"
	printf 'version 5\n' >services.lock
	cb -n
	grep -q 'services.lock:1: this cbuild reads "version 1" to "version 4"' "$err"
	printf 'version 2\n    onbuild ARG Z\n' >services.lock
	cb -n
	grep -q 'services.lock:2: an instruction or a variable without a platform before it' "$err"
}

@test "a base that is not there, or not for the platform, is named" {
	app missing
	sed -i 's/base:1/base:none/' web/Dockerfile
	cb --no-load web
	equal "$status" 4
	grep -q 'bases/base:none is not in its registry' "$err"
	cb lock
	equal "$status" 4
	sed -i 's/base:none/base:1/' web/Dockerfile
	base six
	cb --no-load --platforms=linux/riscv64 web
	grep -q 'base:1 has no image for linux/riscv64, only for linux/amd64, linux/arm64' "$err"
}

@test "a mirror that has a manifest and not what it is made of is passed over" {
	app hollow
	base seven
	registry_start hollow
	registry_start full
	for name in hollow full; do
		skopeo copy -q --all --src-tls-verify=false --dest-tls-verify=false "docker://$base" "docker://$(registry_host $name)/hub/bases/base:1"
	done
	# Layers and configs of the first are gone.
	find "$registries/hollow/data/docker/registry/v2/repositories/hub/bases/base/_layers" -name link -delete
	printf 'registries: {"%s": {mirrors: ["%s/hub", "%s/hub"]}}\n' "$(registry_host plain)" "$(registry_host hollow)" "$(registry_host full)" >>services.yaml
	log_clear plain
	cb --no-load all
	equal "$status" 0
	equal "$(log_count plain HTTP)" 0
	[ "$(log_count full '"GET /v2/hub/bases/base/blobs')" -gt 0 ]
	# No mirror is left: the registry itself, also with a lock.
	find "$registries/full/data/docker/registry/v2/repositories/hub/bases/base/_layers" -name link -delete
	rm -rf .cbuild
	buildah rmi --all --force >/dev/null 2>&1 || true
	cb lock
	equal "$status" 0
	cb --no-load web
	equal "$status" 0
	[ "$(log_count plain '"GET /v2/bases/base/blobs')" -gt 0 ]
}

@test "a base without the exact variant is had as the next older one" {
	app variants
	base nine
	cb --no-load --platforms=linux/amd64/v3 web
	equal "$status" 0
	[ "$(log_count plain "GET /v2/bases/base/manifests/$(member amd64) ")" -gt 0 ]
	# The exact one first, then the nearest; with a lock as well.
	old=$(member amd64)
	base ten
	registry=http://$(registry_host plain)/v2/bases/base/manifests
	type=application/vnd.oci.image.index.v1+json
	curl -fs -H "Accept: $type" "$registry/1" |
		jq --arg old "$old" '.manifests += [.manifests[0] | .digest = $old | .platform = {os: "linux", architecture: "amd64", variant: "v2"}]' |
		curl -fs -X PUT -H "Content-Type: $type" --data-binary @- "$registry/1"
	cb lock
	equal "$status" 0
	for wanted in amd64/v3=amd64/v2 amd64/v2=amd64/v2 amd64=amd64; do
		digest=$(sed -n "s|^ *linux/${wanted#*=} ||p" services.lock)
		log_clear plain
		cb --no-load "--platforms=linux/${wanted%=*}" web
		equal "$status" 0
		[ "$(log_count plain "GET /v2/bases/base/manifests/$digest ")" -gt 0 ]
	done
	rm services.lock
	cb --no-load --platforms=linux/arm/v7 web
	equal "$status" 4
	grep -q 'no image for linux/arm/v7' "$err"
}

@test "mirrors come first, and one that fails is passed over" {
	app mirrored
	base seven
	registry_start mirror
	skopeo copy -q --all --src-tls-verify=false --dest-tls-verify=false "docker://$base" "docker://$(registry_host mirror)/hub/bases/base:1"
	printf 'registries: {"%s": {mirrors: ["localhost:1", "%s/hub"]}}\n' "$(registry_host plain)" "$(registry_host mirror)" >>services.yaml
	log_clear plain
	cb --no-load all
	equal "$status" 0
	equal "$(marks)" "seven amd64 seven arm64 "
	equal "$(log_count plain HTTP)" 0
	[ "$(log_count mirror '/hub/bases/base/blobs')" -gt 0 ]
	cb lock
	equal "$(sed -n 's/ sha.*//p' services.lock | head -1)" "$base"
	# With a lock, too; and when the mirror does not have it, the registry has.
	rm -rf .cbuild
	cb --no-load web
	equal "$status" 0
	equal "$(log_count plain HTTP)" 0
	base eight
	cb lock --update
	sed -n "s|^$base ||p" services.lock >"$BATS_TEST_TMPDIR/locked"
	equal "$(cat "$BATS_TEST_TMPDIR/locked")" "$(jq -r .digest <(skopeo inspect --tls-verify=false "docker://$(registry_host mirror)/hub/bases/base:1" | jq '{digest: .Digest}'))"
}

@test "docker, too, is given digests" {
	private_docker
	app docker
	base nine
	cb lock
	cb --builder=docker --no-load all
	equal "$status" 0
	equal "$(marks)" "nine amd64 nine arm64 "
	base ten
	cb --builder=docker --no-load all
	grep -q 'nothing to do' "$err"
	cb lock --update
	cb --builder=docker --no-load all
	equal "$(finished | grep build)" "$(lines 'build web linux/amd64' 'build web linux/arm64')"
	equal "$(marks)" "ten amd64 ten arm64 "
	# What only docker has is taken by its name.
	rm services.lock
	tar -c -C "$PROJECT_BASES/$host_arch" arch | docker import --change 'LABEL a=b' - localhost:1/only/here:1
	printf 'FROM localhost:1/only/here:1\nCOPY own /own\n' >web/Dockerfile
	printf 'registries: {"localhost:1": {timeout: 1s}}\n' >>services.yaml
	cb --builder=docker --no-load --platforms="$host" web
	docker rmi localhost:1/only/here:1
	equal "$status" 0
	grep -q "localhost:1/only/here:1 is taken as docker has it: --pull takes its registry's" "$err"
	cb lock
	equal "$status" 4
}

@test "what the lock says of a base affects what is built from it" {
	app affected
	base eleven
	cb lock
	git init -q .
	printf '.cbuild\n' >.gitignore
	git add -A
	git -c user.name=t -c user.email=t@example.com commit -q -m one
	base twelve
	cb lock --update
	cb affected --since=HEAD
	equal "$(cat "$out")" web
}

@test "a base that this machine alone has is used, and without a network nobody waits" {
	project own
	printf 'FROM scratch\nCOPY rootfs/%s/ /\nRUN echo base >/base\n' "$host_arch" >Dockerfile
	buildah build --quiet --isolation=chroot --tag=localhost/own/here . >/dev/null
	buildah build --quiet --isolation=chroot --tag=acme/own . >/dev/null
	printf 'FROM localhost/own/here\nRUN echo one >/one\n' | dockerfile one
	printf 'FROM acme/own\nRUN echo two >/two\n' | dockerfile two
	printf 'FROM acme/gone\n' | dockerfile gone
	printf 'services: {one: {build: one}, two: {build: two}, gone: {build: gone}}\n' >services.yaml
	cb --no-load one
	equal "$status" 0
	equal "$(grep -c 'is taken as' "$err")" 1
	grep -q 'localhost/own/here is taken as buildah has it: localhost/own/here:latest does not name a registry' "$err"
	out=$BATS_TEST_TMPDIR/out err=$BATS_TEST_TMPDIR/err
	unshare --net "$cbuild" --no-load two >"$out" 2>"$err" 3>&-
	grep -q 'acme/own is taken as buildah has it: ' "$err"
	run -4 unshare --net "$cbuild" --no-load gone 3>&-
	[[ $output == *"acme/gone is not in "*" either"* ]]
}

# What a tool builds by itself from what is in its engine and in the registry: the content of /mark.
docker_takes()
{
	docker buildx build --quiet "$@" --output=type=local,dest=plainly web >/dev/null
	cat plainly/mark
	rm -r plainly
}

# The same of cbuild's image.
mark()
{
	image_unpack localhost:1/none/web:latest "$host" "$BATS_TEST_TMPDIR/mine"
	cat "$BATS_TEST_TMPDIR/mine/mark"
}

# takes TOOL [FLAG...]: by itself, buildah or podman.
takes()
{
	local id tool=$1
	shift
	unset DOCKER_CONFIG
	id=$("$tool" build --quiet --isolation=chroot --tls-verify=false "$@" web)
	id=$(buildah from "$id")
	cat "$(buildah mount "$id")/mark"
	buildah rm "$id" >/dev/null
}

@test "docker's own image of the same name comes before the registry's, as in docker build" {
	private_docker
	app engine
	printf 'FROM %s\nCOPY own /own\n' "$base" >web/Dockerfile
	base remote
	# Nothing of that name is here.
	cb --builder=docker --no-load --platforms="$host" web
	equal "$(mark)" "remote"
	tar -c -C "$ROOT/bases" mark | docker import --change 'ENV a=b' - "$base"
	# What is called fresh is what a build from nothing would give.
	cb -n --builder=docker --no-load --platforms="$host" web
	grep -q "base $base" "$out"
	log_clear plain
	cb --builder=docker --no-load --platforms="$host" web
	equal "$(log_count plain HTTP)" 0
	grep -q "$base is taken as docker has it: --pull takes its registry's" "$err"
	equal "$(mark)" "$(docker_takes)"
	cb --builder=docker --no-load --platforms="$host" web
	grep -q 'nothing to do' "$err"
	# Another one, then what the registry has, then none here.
	echo local >"$ROOT/bases/mark"
	tar -c -C "$ROOT/bases" mark | docker import --change 'ENV a=b' --change 'ONBUILD COPY own /more' - "$base"
	cb --builder=docker --no-load --platforms="$host" web
	equal "$(mark)" "local"
	equal "$(docker_takes)" local
	cb --builder=docker --no-load --platforms="$host" web
	grep -q 'nothing to do' "$err"
	cb --builder=docker --no-load --platforms="$host" --pull web
	equal "$(mark)" "$(docker_takes --pull)"
	equal "$(mark)" "remote"
	# The lock says which one is meant, whatever is here.
	cb lock
	cb --builder=docker --no-load --platforms="$host" web
	equal "$(mark)" "remote"
	docker rmi --force "$base"
}

@test "of the same name buildah takes the registry's image and podman its own, as their build commands do" {
	app storage
	printf 'FROM %s\nCOPY own /own\n' "$base" >web/Dockerfile
	base remote
	printf 'FROM scratch\nCOPY here /mark\n' >own.Dockerfile
	echo here >here
	buildah build --quiet --isolation=chroot --tag="$base" -f own.Dockerfile . >/dev/null
	cb --builder=buildah --no-load --platforms="$host" web
	equal "$(mark)" "$(takes buildah)"
	equal "$(mark)" "remote"
	buildah build --quiet --isolation=chroot --tag="$base" -f own.Dockerfile . >/dev/null
	cb -B --builder=podman --no-load --platforms="$host" web
	equal "$(mark)" "$(takes podman)"
	equal "$(mark)" here
	echo again >here
	buildah build --quiet --isolation=chroot --tag="$base" -f own.Dockerfile . >/dev/null
	cb -n --builder=podman --no-load --platforms="$host" web
	grep -q "base $base" "$out"
	cb --builder=podman --no-load --platforms="$host" --pull web
	equal "$(mark)" "$(takes podman --pull)"
	equal "$(mark)" "remote"
	buildah rmi --force "$base" >/dev/null
}

# Behind a firewall that drops what is sent: the interface is up, and nobody answers.
@test "nobody waits for a registry behind a firewall when its base is here, and one attempt is enough" {
	project firewall
	err=$BATS_TEST_TMPDIR/err
	printf 'FROM scratch\nCOPY base /base\n' >Dockerfile
	echo base >base
	buildah build --quiet --isolation=chroot --tag=192.0.2.1:5000/own/one --tag=192.0.2.1:5000/own/two . >/dev/null
	printf 'FROM 192.0.2.1:5000/own/one\nCOPY own /own\n' | dockerfile one
	printf 'FROM 192.0.2.1:5000/own/two\nCOPY own /own\n' | dockerfile two
	echo own | tee one/own >two/own
	printf 'services: {one: {build: one}, two: {build: two}}\n' >services.yaml
	cat >behind <<-'EOF'
		ip link set lo up
		ip link add up0 type veth peer name up1 && ip link set up1 up
		ip address add 198.51.100.1/24 dev up0 && ip link set up0 up
		ip route add default via 198.51.100.2 && ip neighbour add 198.51.100.2 lladdr 02:00:00:00:00:02 dev up0
		exec "$@"
	EOF
	CBUILD_BUILDER=buildah unshare --net sh behind strace -f -qq -e trace=connect -o calls "$cbuild" --no-load 2>"$err" 3>&-
	equal "$(grep -c 'is taken as buildah has it: 192.0.2.1:5000: ' "$err")" 2
	equal "$(grep -c 'connect(.*192\.0\.2\.1' calls)" 1
	buildah rmi --force 192.0.2.1:5000/own/one 192.0.2.1:5000/own/two >/dev/null
}
