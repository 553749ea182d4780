#!/usr/bin/env bats
# Is an image still in docker? A run with nothing to do asks for docker's events, and for the images only when these do not tell. docker is
# reached through a socket that keeps what it is asked.

. "$BATS_TEST_DIRNAME/../lib/project"

one=localhost/held/one:latest
two=localhost/held/two:latest

setup_file()
{
	project_begin
	own_docker
	export DOCKERD=$DOCKER_HOST CBUILD_BUILDER=docker CBUILD_RUNTIME=docker
	project held
	cat >services.yaml <<-'EOF'
		registry: localhost/held
		services: {one: {build: one}, two: {build: two}}
	EOF
	for name in one two; do
		printf 'FROM scratch\nCOPY file /\n' | dockerfile $name
	done
}

teardown_file()
{
	DOCKER_HOST=$DOCKERD docker rmi --force "$one" "$two" localhost/held/other:1 >/dev/null 2>&1 || true
	"$checkout/tests/lib/docker" stop "$OWN_DOCKER"
	project_end
}

between()
{
	[ -z "$server" ] || kill "$server"
	rm -f "$BATS_TEST_TMPDIR/d.sock"
	"$checkout/tests/lib/between" "$BATS_TEST_TMPDIR/d.sock" "${DOCKERD#unix://}" "$BATS_TEST_TMPDIR/asked" 3>&- &
	server=$!
	until_true test -S "$BATS_TEST_TMPDIR/d.sock"
	export DOCKER_HOST=unix://$BATS_TEST_TMPDIR/d.sock
}

# Both are built and loaded, through the socket that looks on.
setup()
{
	cd "$ROOT/held"
	between
	rm -rf .cbuild
	echo "one $BATS_TEST_NUMBER $BATS_ROOT_PID" >one/file
	echo "two $BATS_TEST_NUMBER $BATS_ROOT_PID" >two/file
	# One after the other: a load that docker tells of after that of an image, and that is no newest one, makes it be looked at.
	cb one
	[ "$status" -eq 0 ]
	cb two
	[ "$status" -eq 0 ]
}

teardown()
{
	kill "$server"
}

on_docker()
{
	DOCKER_HOST=$DOCKERD docker "$@"
}

# look: what there is to do, and what docker was asked for it.
look()
{
	: >"$BATS_TEST_TMPDIR/asked"
	cb -n --exit-code
	asked=$(sed -n 's,^GET /\([a-z]*\).*,\1,p' "$BATS_TEST_TMPDIR/asked" | xargs)
}

nothing_to_do_after()
{
	look
	equal "$status" 0
	equal "$asked" "$1"
}

# Only `one` is loaded again.
one_is_gone()
{
	look
	equal "$status" 1
	equal "$(grep -c '^stale' "$out")" 1
	grep -E '^stale +load:one' "$out"
	cb
	[ "$status" -eq 0 ]
	equal "$(on_docker image inspect --format '{{.Id}}' "$one")" "$id"
	nothing_to_do_after "$1"
}

@test "nothing happened: the events alone are asked for" {
	nothing_to_do_after events
	on_docker tag "$one" localhost/held/other:1
	on_docker rmi localhost/held/other:1
	nothing_to_do_after events
}

@test "one was removed: only that one is looked at, and loaded" {
	id=$(on_docker image inspect --format '{{.Id}}' "$one")
	on_docker rmi "$one"
	one_is_gone events
}

@test "its name was given to another image" {
	id=$(on_docker image inspect --format '{{.Id}}' "$one")
	on_docker tag "$two" "$one"
	# The image was there without a name: it gets it back, and no event tells which names a load gave.
	one_is_gone events
}

@test "others removed it and loaded it again: it is looked at, and there is nothing to do" {
	on_docker save -o "$BATS_TEST_TMPDIR/one.tar" "$one"
	on_docker rmi "$one"
	on_docker load -i "$BATS_TEST_TMPDIR/one.tar"
	nothing_to_do_after "events images"
	# From then on the events tell again.
	nothing_to_do_after events
	on_docker load -i "$BATS_TEST_TMPDIR/one.tar"
	nothing_to_do_after "events images"
	nothing_to_do_after events
}

@test "somebody loads another image under its name: no event says so" {
	id=$(on_docker image inspect --format '{{.Id}}' "$one")
	on_docker tag "$two" localhost/held/kept:1
	on_docker rmi "$one"
	printf 'FROM scratch\nCOPY two/file /else\n' | on_docker build -q -t "$one" -f - .
	on_docker save -o "$BATS_TEST_TMPDIR/else.tar" "$one"
	cb
	on_docker load -i "$BATS_TEST_TMPDIR/else.tar"
	on_docker rmi localhost/held/kept:1
	look
	equal "$status" 1
	grep -E '^stale +load:one' "$out"
}

@test "too much happened since: docker has forgotten the load, and the images are looked at" {
	python3 - "${DOCKERD#unix://}" <<-'EOF'
		import socket, sys
		for number in range(300):
		    end = socket.socket(socket.AF_UNIX)
		    end.connect(sys.argv[1])
		    end.sendall(b"POST /images/localhost/held/two:latest/tag?repo=localhost/held/other&tag=1 HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
		    while end.recv(4096):
		        pass
	EOF
	nothing_to_do_after "events images"
	nothing_to_do_after events
	on_docker rmi localhost/held/other:1
	nothing_to_do_after events
	# What is remembered of that look is worth nothing, if it is lost, of another place, or not to be understood.
	cp .cbuild/seen "$BATS_TEST_TMPDIR/seen"
	rm .cbuild/seen
	nothing_to_do_after "events images"
	sed -i '1s/docker:/other:/' .cbuild/seen
	nothing_to_do_after "events images"
	echo nothing >.cbuild/seen
	nothing_to_do_after "events images"
	cp "$BATS_TEST_TMPDIR/seen" .cbuild/seen
	nothing_to_do_after events
	id=$(on_docker image inspect --format '{{.Id}}' "$one")
	on_docker rmi "$one"
	look
	equal "$status" 1
	grep -E '^stale +load:one' "$out"
}

connections_ended()
{
	[ "$(grep -c '^moved' "$BATS_TEST_TMPDIR/asked")" -eq "$(grep -vc '^moved' "$BATS_TEST_TMPDIR/asked")" ]
}

# The bytes that went to docker and came back since the file was emptied.
moved()
{
	until_true connections_ended
	awk '/^moved/ { sum += $2 } END { print sum }' "$BATS_TEST_TMPDIR/asked"
}

# in_docker: the file of the image `one`, as docker hands it out.
in_docker()
{
	local layer
	on_docker save -o "$BATS_TEST_TMPDIR/one.tar" "$one"
	mkdir -p "$BATS_TEST_TMPDIR/saved"
	tar -C "$BATS_TEST_TMPDIR/saved" -xf "$BATS_TEST_TMPDIR/one.tar"
	layer=$(jq -r '.[0].Layers[0]' "$BATS_TEST_TMPDIR/saved/manifest.json")
	tar -xzOf "$BATS_TEST_TMPDIR/saved/$layer" file
}

# rebuild: `one` with a layer of 3 MB, in the store and with its layer in docker.
rebuild()
{
	head -c 3000000 /dev/urandom >one/file
	cb one --no-load
	[ "$status" -eq 0 ]
	until_true connections_ended
	: >"$BATS_TEST_TMPDIR/asked"
}

@test "what docker built is loaded without its layers, which are there" {
	rebuild
	cb one
	[ "$status" -eq 0 ]
	[ "$(moved)" -lt 100000 ]
	in_docker | cmp - one/file
	nothing_to_do_after events
}

@test "docker has thrown the layers away: they are sent" {
	rebuild
	layer=$(jq -r '.layers[0].digest' ".cbuild/oci/blobs/sha256/$("$cbuild" images --format=json | jq -r '.images[] | select(.service == "one") | .platforms[0].digest' | cut -d: -f2)")
	"$OWN_DOCKER/root/usr/bin/ctr" --address="$OWN_DOCKER/exec/containerd/containerd.sock" --namespace=moby content rm "$layer"
	cb one
	[ "$status" -eq 0 ]
	[ "$(moved)" -gt 3000000 ]
	in_docker | cmp - one/file
	look
	equal "$status" 0
}

# bare ARGUMENT...: cbuild where neither docker's command nor its plugins can be found.
bare()
{
	local PATH=/usr/sbin:/usr/bin:/sbin:/bin
	! command -v docker
	DOCKER_CONFIG=$BATS_TEST_TMPDIR/nothing cb "$@"
}

@test "without docker's command: it is built, loaded and given another name, and it is seen when it is gone" {
	echo "one without a command $BATS_ROOT_PID" >one/file
	sed -i 's/^registry.*/&\ntags: [first, second]/' services.yaml
	bare one
	equal "$status" 0
	grep -F 'loading into docker' "$err"
	for tag in first second; do
		equal "$(on_docker image inspect --format '{{.Id}}' localhost/held/one:$tag)" "$("$cbuild" images --format=json | jq -r '.images[] | select(.service == "one") | .platforms[0].digest')"
	done
	bare one -n --exit-code
	equal "$status" 0
	sed -i 's/second/third/' services.yaml
	bare one
	equal "$status" 0
	equal "$(on_docker image inspect --format '{{.Id}}' localhost/held/one:third)" "$(on_docker image inspect --format '{{.Id}}' localhost/held/one:first)"
	on_docker rmi --force localhost/held/one:{first,second,third}
	bare one -n --exit-code
	equal "$status" 1
	sed -i '/^tags/d' services.yaml
}

@test "images are loaded one after the other, and together what has to wait: docker makes loads wait for each other" {
	local number loads
	mkdir many
	cd many
	printf 'registry: localhost/many\nservices:\n' >services.yaml
	for number in 1 2 3 4 5 6; do
		echo "  m$number: {build: m$number}" >>services.yaml
		printf 'FROM scratch\nCOPY file /\n' | dockerfile m$number
		echo "$number $BATS_ROOT_PID" >m$number/file
	done
	rm -f "$BATS_TEST_TMPDIR/asked.loads"
	# The first load begins when docker has been asked for all six images.
	BETWEEN_HOLDS=6 between
	cb -j 6
	[ "$status" -eq 0 ]
	loads=$(grep -c begin "$BATS_TEST_TMPDIR/asked.loads")
	equal "$(cat "$BATS_TEST_TMPDIR/asked.loads")" "$(for ((number = 0; number < loads; number++)); do printf 'begin\nanswer\n'; done)"
	((loads < 6))
	for number in 1 2 3 4 5 6; do
		equal "$(on_docker image inspect --format '{{.Id}}' localhost/many/m$number)" "$("$cbuild" images --format=json | jq -r ".images[] | select(.service == \"m$number\") | .platforms[0].digest")"
	done
	cb -n --exit-code
	equal "$status" 0
	on_docker rmi --force localhost/many/m1 localhost/many/m2 localhost/many/m3 localhost/many/m4 localhost/many/m5 localhost/many/m6
}
