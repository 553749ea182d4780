#!/usr/bin/env bats
# BuildKit at an address (buildctl) and nerdctl, played by stand-ins that refuse every argument which the tools' references do
# not have. What the tools themselves do with them is seen where they are installed: conformance-buildkit.sh.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/image"

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
	project clients
	rm -rf .cbuild base web
	unset CBUILD_BUILDER DOCKER_HOST BUILDX_BUILDER BUILDKIT_HOST CONTAINERD_NAMESPACE
	export PATH=$checkout/tests/lib/stand-ins:$PATH
	export STAND_IN_CALLS=$BATS_TEST_TMPDIR/calls
	unset STAND_IN_ADDR
	cat >services.yaml <<-'EOF'
		registry: localhost/clients
		source_date_epoch: 1700000000
		secrets: {token: {file: token.txt}, key: {environment: CLIENTS_KEY}}
		services:
		  base: {publish: false, build: base}
		  web:
		    build:
		      context: web
		      additional_contexts: {base: "service:base", more: base}
		      args: {VERSION: "1.2 b"}
		      labels: {org.example.label: "x = y"}
		      secrets: [token, key]
		      network: none
		      no_cache: true
		      cache_from: ["type=registry,ref=r.example.org/x:cache"]
	EOF
	echo hush >token.txt
	export CLIENTS_KEY=hush-hush
	dockerfile base <<-'EOF'
		FROM scratch
		COPY file /
	EOF
	dockerfile web <<-'EOF'
		FROM base
		ARG VERSION
		COPY file /
	EOF
	echo base >base/file
	echo web >web/file
}

build()
{
	cb all --no-load --no-verify --platforms="$both" "$@"
}

# What the stand-in was called with for web on arm64: it is in the image.
call()
{
	image_unpack localhost/clients/web:latest linux/arm64 "$BATS_TEST_TMPDIR/web"
	cat "$BATS_TEST_TMPDIR/web/call"
}

@test "buildctl: images of every platform come into the store, on their bases" {
	build --builder=buildctl
	[ "$status" -eq 0 ]
	grep -F 'building with buildctl 0.12.5' "$err"
	call | grep -F -- '--opt=platform=linux/arm64'
	call | grep -F -- '--opt=build-arg:VERSION=1.2 b'
	call | grep -F -- '--opt=build-arg:SOURCE_DATE_EPOCH=1700000000'
	call | grep -E -- ',rewrite-timestamp=true( |$)'
	call | grep -F -- '--local=folder0='
	run ! grep -F hush "$STAND_IN_CALLS"
	run ! grep -rF hush-hush .cbuild
	grep -Fx 'said by COPY file /' .cbuild/logs/1/build-web-linux-arm64.log
	equal "$(jq '.rootfs.diff_ids | length' "$(image_config localhost/clients/web:latest linux/arm64)")" 2
	build --builder=buildctl
	grep -F 'nothing to do' "$err" "$out"
}

@test "buildctl: the address is that of the environment or of the name" {
	export STAND_IN_ADDR=tcp://arm1:1234
	BUILDKIT_HOST=$STAND_IN_ADDR build
	[ "$status" -eq 0 ]
	grep -F 'building with buildctl' "$err"
	rm -rf .cbuild
	build --builder=buildctl:tcp://arm1:1234
	[ "$status" -eq 0 ]
	grep -F -- '--addr=tcp://arm1:1234 build' "$STAND_IN_CALLS"
	build --builder=buildctl:tcp://elsewhere:1 -B
	[ "$status" -eq 3 ]
	grep -F 'BuildKit does not answer at tcp://elsewhere:1' "$err"
	grep -F 'BUILDKIT_HOST=' "$err"
}

@test "buildctl: a failed step is told as the user's fault, with what it said" {
	echo 'RUN false' >>web/Dockerfile
	build --builder=buildctl
	[ "$status" -eq 1 ]
	grep -F "step 'RUN false' failed with status 1" "$err"
	grep -F 'said by RUN false' "$err"
}

@test "nerdctl: its namespace, and what it cannot be asked for" {
	CONTAINERD_NAMESPACE=k8s.io build
	[ "$status" -eq 0 ]
	grep -F 'building with nerdctl 1.7.7' "$err"
	call | grep -F -- '--platform=linux/arm64'
	call | grep -F -- '--build-context=base-0.cbuild=oci-layout:///'
	rm -rf .cbuild
	build --builder=nerdctl:k8s.io
	[ "$status" -eq 0 ]
	grep -F -- '--namespace=k8s.io build' "$STAND_IN_CALLS"
	sed -i 's/      network: none/      extra_hosts: [db=10.0.0.1]/' services.yaml
	build --builder=nerdctl
	[ "$status" -eq 3 ]
	grep -F 'nerdctl 1 cannot be asked for extra_hosts' "$err"
}

# BuildKit keeps one folder of each name for these two: in all that they were ever given, a path, a size and a time must be
# the same bytes.
bytes_are_told()
{
	local handed=$STAND_IN_CALLS.handed
	printf 'FROM scratch\nCOPY file /\nCOPY --from=more file /more\n' >base/Dockerfile
	sed -i 's|base: {publish: false, build: base}|base: {publish: false, build: {context: base, additional_contexts: {more: more}}}|' services.yaml
	mkdir -p more
	echo ab >base/file
	echo cd >web/file
	echo ef >more/file
	echo left >base/more
	find . -exec touch -h -d '2024-01-01 00:00:00.5' {} +
	build "$1"
	equal "$status" 0
	echo gh >base/file
	echo ij >more/file
	find . -exec touch -h -d '2024-01-01 00:00:00.5' {} +
	build "$1"
	equal "$status" 0
	cut -d' ' -f5 "$handed" | sort -u | tr '\n' ' ' | grep -Fx 'ab cd ef gh ij '
	equal "$(sort -u "$handed" | cut -d' ' -f1-4 | uniq -d)" ""
	# Images show whole seconds.
	run ! grep -v ' 1704[0-9]*\.' "$handed"
	nothing_left
}

@test "buildctl: no file can be taken for another one" {
	bytes_are_told --builder=buildctl
}

@test "nerdctl: no file can be taken for another one" {
	bytes_are_told --builder=nerdctl
}

@test "doctor shows both" {
	cb doctor --format=json
	equal "$(jq -c '.builders[] | select(.name == "buildctl") | [.found, .version, .native, .emulated]' "$out")" \
		'[true,"0.12.5",["linux/amd64"],["linux/arm64"]]'
	equal "$(jq -c '.builders[] | select(.name == "buildctl") | .abilities' "$out")" \
		'["here-documents","attestations","ADD of git repositories"]'
	STAND_IN_BUILDKIT=v0.11.6 cb doctor --format=json
	equal "$(jq -c '.builders[] | select(.name == "buildctl") | .abilities' "$out")" '["here-documents","attestations"]'
	STAND_IN_ADDR=unix:///elsewhere cb doctor --format=json
	jq -r '.builders[] | select(.name == "buildctl") | .remedy' "$out" | grep -F 'start it: buildkitd'
	CONTAINERD_NAMESPACE=k8s.io cb doctor --format=json
	equal "$(jq -c '.builders[] | select(.name == "nerdctl") | [.found, .chosen, .detail]' "$out")" '[true,true,"namespace k8s.io"]'
}
