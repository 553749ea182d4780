#!/usr/bin/env bats
# BuildKit at an address, in all the ways that it is reached: a Unix socket, TCP with certificates, a child's stdin and stdout, nerdctl's
# places. It is the BuildKit of the tests' own dockerd (tests/lib/buildkitd).

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/image"

setup_file()
{
	project_begin
	own_docker
	export DOCKERD=$DOCKER_HOST
}

teardown_file()
{
	"$checkout/tests/lib/docker" stop "$OWN_DOCKER"
	project_end
}

setup()
{
	project clients
	rm -rf .cbuild base web
	unset CBUILD_BUILDER DOCKER_HOST BUILDX_BUILDER BUILDKIT_HOST CONTAINERD_NAMESPACE
	cat >services.yaml <<-'EOF'
		registry: localhost/clients
		services:
		  base: {publish: false, build: base}
		  web: {build: {context: web, additional_contexts: {base: "service:base"}, args: {WORD: "a b"}}}
	EOF
	dockerfile base <<-'EOF'
		FROM scratch
		COPY file /base
	EOF
	dockerfile web <<-'EOF'
		FROM base
		ARG WORD
		COPY file /
	EOF
	echo "base $BATS_TEST_TMPDIR" >base/file
	echo "web $BATS_TEST_TMPDIR" >web/file
}

teardown()
{
	[ -z "${server:-}" ] || kill "$server"
}

build()
{
	cb all --no-load --no-verify --platforms="$both" "$@"
}

# serve ARGUMENT...: BuildKit is there when this returns.
serve()
{
	mkfifo "$BATS_TEST_TMPDIR/ready"
	DOCKER_HOST=$DOCKERD "$checkout/tests/lib/buildkitd" "$@" >"$BATS_TEST_TMPDIR/ready" 3>&- &
	server=$!
	grep -q listening "$BATS_TEST_TMPDIR/ready"
}

built()
{
	[ "$status" -eq 0 ]
	for platform in linux/amd64 linux/arm64; do
		image_unpack localhost/clients/web:latest $platform "$BATS_TEST_TMPDIR/image-${platform#*/}"
		equal "$(cat "$BATS_TEST_TMPDIR/image-${platform#*/}/base" "$BATS_TEST_TMPDIR/image-${platform#*/}/file")" \
			"$(cat base/file web/file)"
	done
}

@test "a Unix socket: the address is that of the environment or of the name" {
	serve unix "$BATS_TEST_TMPDIR/d.sock"
	BUILDKIT_HOST=unix://$BATS_TEST_TMPDIR/d.sock build --builder=buildkit
	built
	grep -F 'building with buildkit' "$err"
	BUILDKIT_HOST=unix://$BATS_TEST_TMPDIR/d.sock build
	grep -F 'nothing to do' "$out" "$err"
	echo "web again $BATS_TEST_TMPDIR" >web/file
	BUILDKIT_HOST=unix:///nowhere build --builder="buildkit:unix://$BATS_TEST_TMPDIR/d.sock"
	built
	echo "web once more $BATS_TEST_TMPDIR" >web/file
	build --builder="buildctl:unix://$BATS_TEST_TMPDIR/d.sock"
	built
}

# traced: which libraries of the client a run opens, and whether it connects to the daemon.
traced()
{
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -o trace -e trace=openat,connect "$cbuild" all --no-load --no-verify \
		--platforms="$both" --builder="buildkit:unix://$BATS_TEST_TMPDIR/d.sock" 3>&-
	sed -nE 's/.*openat\(.*\/(libnghttp2|libprotobuf-c)\.so.* = [0-9].*/\1/p; s/.*connect\(.*\/(d\.sock)".*/\1/p' trace | sort -u
}

@test "with nothing to do the daemon is not asked, and no library of the client is opened" {
	serve unix "$BATS_TEST_TMPDIR/d.sock"
	build --builder="buildkit:unix://$BATS_TEST_TMPDIR/d.sock"
	built
	equal "$(traced)" ""
	echo "web again $BATS_TEST_TMPDIR" >web/file
	equal "$(traced)" "$(lines d.sock libnghttp2 libprotobuf-c)"
}

@test "TCP with certificates, which both sides must have" {
	local port
	cd "$BATS_TEST_TMPDIR"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=authority -days 2
	for name in server client; do
		openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name
		openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out $name.pem \
			-extfile <(echo "subjectAltName=IP:127.0.0.1")
	done
	openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -subj /CN=other -days 2
	cd "$OLDPWD"
	port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
	serve tls "$port" "$BATS_TEST_TMPDIR"/ca.pem "$BATS_TEST_TMPDIR"/server.pem "$BATS_TEST_TMPDIR"/server.key
	printf 'builders: {remote: {driver: buildkit, addr: "tcp://127.0.0.1:%s", emulate: true, tls: {ca: %s, cert: %s, key: %s}}}\n' \
		"$port" "$BATS_TEST_TMPDIR"/{ca.pem,client.pem,client.key} >>services.yaml
	build --builder=remote
	built
	echo "web again $BATS_TEST_TMPDIR" >web/file
	sed -i "s|ca: [^,]*/ca.pem|ca: $BATS_TEST_TMPDIR/other.pem|" services.yaml
	build --builder=remote
	[ "$status" -eq 3 ]
	grep -F 'certificate is not trusted' "$err"
	sed -i "s|ca: [^,]*/other.pem|ca: $BATS_TEST_TMPDIR/ca.pem|; s|, cert: .*}}}|}}}|" services.yaml
	build --builder=remote
	[ "$status" -eq 3 ]
}

# A docker of which only "exec" is there.
@test "a container's stdin and stdout; and a container that is not there" {
	mkdir "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/config"
	printf '#!/bin/sh\n[ "$*" = "%s" ] || { echo "No such container: $4" >&2; exit 1; }\nDOCKER_HOST=%s exec %s stdio\n' \
		"exec -i -- bk buildctl dial-stdio" "$DOCKERD" "$checkout/tests/lib/buildkitd" >"$BATS_TEST_TMPDIR/bin/docker"
	chmod +x "$BATS_TEST_TMPDIR/bin/docker"
	export PATH=$BATS_TEST_TMPDIR/bin:$PATH
	build --builder=buildkit:docker-container://bk
	built
	run ! pgrep -f "$checkout/tests/lib/buildkitd stdio"
	echo "web again $BATS_TEST_TMPDIR" >web/file
	build --builder=buildkit:docker-container://other
	[ "$status" -eq 3 ]
	grep -F 'No such container: other' "$err"
	# One of buildx's builders.
	mkdir -p "$BATS_TEST_TMPDIR/config/buildx/instances"
	echo '{"Driver": "docker-container", "Nodes": [{"Name": "mine0"}]}' >"$BATS_TEST_TMPDIR/config/buildx/instances/mine"
	sed -i 's/-- bk build/-- buildx_buildkit_mine0 build/' "$BATS_TEST_TMPDIR/bin/docker"
	DOCKER_CONFIG=$BATS_TEST_TMPDIR/config build --builder=docker:mine
	built
	grep -F 'building with docker:mine' "$err"
}

@test "nerdctl: its daemon is where nerdctl looks for it" {
	build --builder=nerdctl:cbuild-test-space
	[ "$status" -eq 3 ]
	grep -F '/buildkit-cbuild-test-space/buildkitd.sock' "$err"
	mkdir -p /run/buildkit-cbuild-test-space
	rm -f /run/buildkit-cbuild-test-space/buildkitd.sock
	serve unix /run/buildkit-cbuild-test-space/buildkitd.sock
	build --builder=nerdctl:cbuild-test-space
	rm -r /run/buildkit-cbuild-test-space
	built
}

@test "a failed step is told with its place, its last words and its status" {
	serve unix "$BATS_TEST_TMPDIR/d.sock"
	cp -a rootfs/"$host_arch" web/rootfs
	printf 'FROM scratch\nCOPY rootfs /\nRUN echo some words; exit 4\nCOPY file /\n' >web/Dockerfile
	cb all --no-load --no-verify --platforms="$host" --builder="buildkit:unix://$BATS_TEST_TMPDIR/d.sock"
	[ "$status" -eq 1 ]
	grep -F "step 'RUN echo some words; exit 4' failed with status 4" "$err"
	grep -F "some words" "$err"
	grep -F "Dockerfile:3:" "$err"
	grep -F "3 >>> RUN echo some words; exit 4" "$err"
}

@test "a failed step of a Dockerfile of which the daemon cannot tell all is told" {
	serve unix "$BATS_TEST_TMPDIR/d.sock"
	cp -a rootfs/"$host_arch" web/rootfs
	{
		printf 'FROM scratch\nCOPY rootfs /\n'
		for line in $(seq 3000); do
			echo "# a comment that makes the file long, line $line"
		done
		printf 'RUN echo some words; exit 4\n'
	} >web/Dockerfile
	cb all --no-load --no-verify --platforms="$host" --builder="buildkit:unix://$BATS_TEST_TMPDIR/d.sock"
	[ "$status" -eq 1 ]
	grep -F "RUN echo some words; exit 4" "$err"
	grep -F "some words" "$err"
}

@test "an ssh key has an agent while it is built, and none afterwards" {
	serve unix "$BATS_TEST_TMPDIR/d.sock"
	ssh-keygen -q -t ed25519 -N '' -C of-the-test -f "$BATS_TEST_TMPDIR/key"
	cp -a rootfs/"$host_arch" web/rootfs
	printf 'FROM scratch\nCOPY rootfs /\nRUN --mount=type=ssh test -S "$SSH_AUTH_SOCK"\n' >web/Dockerfile
	sed -i "s|  web: {build: {|  web: {build: {ssh: [\"default=$BATS_TEST_TMPDIR/key\"], |" services.yaml
	cb all --no-load --no-verify --platforms="$host" --builder="buildkit:unix://$BATS_TEST_TMPDIR/d.sock"
	[ "$status" -eq 0 ]
	run ! pgrep -f "ssh-agent -D -a .*cbuild-agent"
	run ! grep -r "PRIVATE KEY" .cbuild
	ssh-keygen -q -t ed25519 -N secret -f "$BATS_TEST_TMPDIR/locked"
	sed -i "s|/key\"|/locked\"|" services.yaml
	cb all --no-load --no-verify -B --platforms="$host" --builder="buildkit:unix://$BATS_TEST_TMPDIR/d.sock"
	[ "$status" -eq 3 ]
	grep -F 'ssh default' "$err"
}

@test "doctor shows it, and what to do without it" {
	serve unix "$BATS_TEST_TMPDIR/d.sock"
	export BUILDKIT_HOST=unix://$BATS_TEST_TMPDIR/d.sock
	cb doctor --format=json
	equal "$(jq -c '.builders[] | select(.name == "buildkit") | [.found, .native]' "$out")" "[true,[\"$host\"]]"
	equal "$(jq -c '.builders[] | select(.name == "buildkit") | .abilities' "$out")" \
		'["here-documents","checks","attestations","ADD of git repositories","locked URLs","entitlements"]'
	BUILDKIT_HOST=unix:///nowhere cb doctor --format=json
	jq -r '.builders[] | select(.name == "buildkit") | .remedy' "$out" | grep -F 'start the daemon'
}

connections_ended()
{
	[ "$(grep -c '^moved' "$BATS_TEST_TMPDIR/asked")" -eq "$(grep -vc '^moved' "$BATS_TEST_TMPDIR/asked")" ]
}

# The base's layer is in the store and in the daemon: neither sends it to the other.
@test "an edit on a base of 600 MB moves the new layer, and less than 100 KB beside it" {
	local edited=300000
	unset CBUILD_RUNTIME
	head -c 600M /dev/urandom >base/file
	"$checkout/tests/lib/between" "$BATS_TEST_TMPDIR/d.sock" "${DOCKERD#unix://}" "$BATS_TEST_TMPDIR/asked" 3>&- &
	server=$!
	until_true test -S "$BATS_TEST_TMPDIR/d.sock"
	export DOCKER_HOST=unix://$BATS_TEST_TMPDIR/d.sock
	cb all --builder=docker --no-load --no-verify --platforms="$host"
	[ "$status" -eq 0 ]
	head -c $edited /dev/urandom >web/file
	: >"$BATS_TEST_TMPDIR/asked"
	cb all --builder=docker --no-load --no-verify --platforms="$host"
	[ "$status" -eq 0 ]
	equal "$(finished | grep -c '^build')" 1
	until_true connections_ended
	# The file goes there, and comes back as a layer.
	moved=$(awk '/^moved/ { sum += $2 } END { print sum }' "$BATS_TEST_TMPDIR/asked")
	echo "moved: $moved"
	[ "$moved" -gt $((2 * edited)) ]
	[ "$moved" -lt $((2 * edited + 100000)) ]
	image_unpack localhost/clients/web:latest "$host" "$BATS_TEST_TMPDIR/image"
	cmp web/file "$BATS_TEST_TMPDIR/image/file"
	cmp base/file "$BATS_TEST_TMPDIR/image/base"
	rm -rf base/file "$BATS_TEST_TMPDIR/image"
}
