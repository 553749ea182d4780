#!/usr/bin/env bats
# Every call that can fail does so once; and kills and power cuts at every call that changes .cbuild (tests/torture/run). Here a sample;
# `make torture` tries all.

. "$BATS_TEST_DIRNAME/../lib/release"

setup_file()
{
	release_begin
	registry_start plain
	registry_start bases
	export CBUILD=$cbuild TORTURE_LIBRARY=$BATS_FILE_TMPDIR/faults.so TORTURE_SAMPLE=${TORTURE_SAMPLE-10}
	"${CC:-cc}" -O1 -shared -fPIC -o "$TORTURE_LIBRARY" "$checkout/tests/torture/faults.c"
	project torture
	printf 'FROM scratch\nARG TARGETARCH\nCOPY --from=rootfs ${TARGETARCH}/ /\n' | dockerfile base
	printf 'FROM base\nCOPY file /file\nRUN sort /file >/sorted\n' | dockerfile one
	printf 'FROM base\nCOPY file /file\nCMD ["/bin/httpd", "-f", "-p", "8000", "-h", "/"]\n' | dockerfile two
	echo one | tee one/file >two/file
	cat >services.yaml <<-EOF
		registry: $(registry_host plain)/torture
		source_date_epoch: 1700000000
		services:
		  base: {publish: false, build: {context: base, additional_contexts: {rootfs: rootfs}}}
		  one: {build: {context: one, additional_contexts: {base: "service:base"}}}
		  two: {build: {context: two, additional_contexts: {base: "service:base"}}}
	EOF
	sed 's/^services:/formats: {oci: {}, zstd: {}, estargz: {suffix: -esgz}}\n&/' services.yaml >formats.yaml
	sed '$s/.*/  two:\n    build: {context: two, additional_contexts: {base: "service:base"}}\n    ports: ["8000"]\n    verify: {http: {path: \/file, port: 8000, timeout: 20s}}/' services.yaml >verify.yaml
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	cb --no-load all
	[ "$status" -eq 0 ]
	cb --no-load all
	[ "$status" -eq 0 ]
	cp -a .cbuild ../built
	skopeo copy --quiet --dest-tls-verify=false "oci:.cbuild/oci:$(registry_host plain)/torture/two:latest" "docker://$(registry_host bases)/base:1"
	echo "FROM $(registry_host bases)/base:1" | dockerfile three
	echo 'services: {three: {build: three}}' >lock.yaml
	export BEFORE=built RIGHT= AFTER= ALWAYS= registry=$registries/plain host
	host=$(registry_host plain)
	export -f built bare unpushed unlocked down up beside images tagged locked containers whole beside_ended ended nothing_left equal
}

setup()
{
	cd "$ROOT/torture"
}

# The worlds that runs begin in: everything is built; or nothing, but for what the builder keeps.
built()
{
	rm -rf .cbuild
	cp -a ../built .cbuild
}

bare()
{
	rm -rf .cbuild
}

unpushed()
{
	built
	rm -rf "$registry/data/docker"
}

unlocked()
{
	built
	rm -f services.lock
}

down()
{
	"$CBUILD" -f verify.yaml down
	built
}

up()
{
	down
	"$CBUILD" -f verify.yaml up --detach two
}

# From nothing, while another cbuild does the same.
beside()
{
	bare
	rm -f beside.status
	{ "$CBUILD" --no-load all >beside.out 2>&1; echo $? >beside.status; } >/dev/null 2>&1 &
}

beside_ended()
{
	timeout 60 tail --follow=name --retry beside.status 2>/dev/null | grep -q -m 1 . && equal "$(cat beside.status)" 0
}

# What was made.
images()
{
	"$CBUILD" -n --no-load all && jq -c '.manifests | map([.annotations["org.opencontainers.image.ref.name"], .digest]) | sort' .cbuild/oci/index.json
}

locked()
{
	cat services.lock
}

containers()
{
	podman ps --format='{{.Names}}'
}

# Nothing is left of what was up.
ended()
{
	"$CBUILD" -f verify.yaml down && nothing_left
}

# What the tags of the registry stand for.
tagged()
{
	for name in one two; do
		skopeo inspect --raw --tls-verify=false "docker://$host/torture/$name:latest"
	done
}

# Nothing in the registry, neither a tag nor a manifest, names what is not there.
whole()
{
	local link manifest digest blobs=$registry/data/docker/registry/v2/blobs/sha256
	for link in "$registry"/data/docker/registry/v2/repositories/torture/*/_manifests/tags/*/current/link; do
		[ -e "$link" ] || continue
		digest=$(cut -d: -f2 "$link")
		for digest in "$digest" $(grep -o 'sha256:[0-9a-f]*' "$blobs/${digest:0:2}/$digest/data" | cut -d: -f2); do
			manifest=$blobs/${digest:0:2}/$digest/data
			[ -e "$manifest" ] || { echo "$link: $digest is not there"; return 1; }
		done
	done
}

# torture NAME ARGUMENTS...: its figures are a line of the output.
torture()
{
	local status=0
	"$checkout/tests/torture/run" "$@" >"$BATS_TEST_TMPDIR/points" || status=$?
	cat "$BATS_TEST_TMPDIR/points"
	sed -n 's/^.* points survived/# &/p' "$BATS_TEST_TMPDIR/points" >&3
	return "$status"
}

# Of what takes long.
torture_few()
{
	TORTURE_SAMPLE=$((TORTURE_SAMPLE / 5)) torture "$@"
}

# scenarios: 10
@test "nothing to do" {
	torture nothing --no-load all
}

# scenarios: 10
@test "a dry run" {
	torture dry -n --no-load all
}

# scenarios: 10
@test "list" {
	torture list list
}

# scenarios: 10
@test "why" {
	torture why why one
}

# scenarios: 10
@test "fsck" {
	torture fsck fsck
}

# scenarios: 10
@test "prune" {
	RIGHT=images torture prune prune
}

# scenarios: 10
@test "prune, killed or without power" {
	KINDS=change RIGHT=images torture prune prune
}

# scenarios: 2
@test "a build from nothing" {
	ALLOWED="1 3" BEFORE=bare RIGHT=images AFTER=nothing_left torture_few build --no-load all
}

# scenarios: 2
@test "a build from nothing, killed or without power" {
	KINDS=change BEFORE=bare RIGHT=images AFTER=nothing_left torture_few build --no-load all
}

# scenarios: 2
@test "a build beside another one" {
	ALLOWED="1 3" BEFORE=beside ALWAYS=beside_ended RIGHT=images AFTER=nothing_left torture_few beside --no-load all
}

# scenarios: 2
@test "a push" {
	ALLOWED="1 3 4" BEFORE=unpushed ALWAYS=whole RIGHT=tagged torture_few push --no-load --push all
}

# scenarios: 2
@test "a push, killed or without power" {
	KINDS=change,talk BEFORE=unpushed ALWAYS=whole RIGHT=tagged torture_few push --no-load --push all
}

# scenarios: 2
@test "a conversion" {
	ALLOWED="1 3" RIGHT=images torture_few convert -f formats.yaml --no-load all
}

# scenarios: 2
@test "a conversion, killed or without power" {
	KINDS=change RIGHT=images torture_few convert -f formats.yaml --no-load all
}

# scenarios: 2
@test "a check of a container" {
	ALLOWED="1 3 5" RIGHT=images AFTER=nothing_left torture_few verify -f verify.yaml two
}

# scenarios: 2
@test "a check of a container, killed or without power" {
	KINDS=change RIGHT=images AFTER=nothing_left torture_few verify -f verify.yaml two
}

# scenarios: 2
@test "lock" {
	ALLOWED=4 BEFORE=unlocked RIGHT=locked torture_few lock -f lock.yaml lock
}

# scenarios: 2
@test "up" {
	ALLOWED="1 3 5" BEFORE=down RIGHT=containers AFTER=ended torture_few up -f verify.yaml up --detach two
}

# scenarios: 2
@test "up, killed or without power" {
	KINDS=change BEFORE=down RIGHT=containers AFTER=ended torture_few up -f verify.yaml up --detach two
}

# scenarios: 2
@test "down" {
	ALLOWED="1 3" BEFORE=up RIGHT=containers AFTER=ended torture_few down -f verify.yaml down
}

@test "of a run, a power cut may have left any part" {
	local part
	for part in 7.lock 7.children 7/file; do
		built
		mkdir -p "$(dirname ".cbuild/run/$part")"
		: >".cbuild/run/$part"
		cb --no-load all
		equal "$status" 0
		equal "$(find .cbuild/run -mindepth 1)" ""
	done
}
