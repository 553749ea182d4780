#!/usr/bin/env bats
# What a person sees of cbuild, on a project of a base, two services and a plain one: what runs, what does not,
# and what is said about it. The tests of the first project follow one another, as its runs do.

. "$BATS_TEST_DIRNAME/../lib/project"

setup_file()
{
	project_begin
	make_spine
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	cb all --platforms=$both
	echo "$status" >"$ROOT/first.status"
	cp "$err" "$ROOT/first.err"
}

teardown_file()
{
	project_end
}

setup()
{
	project spine
}

make_spine()
{
	project spine
	cat >services.yaml <<-'EOF'
		project: spine
		registry: ${DOCKER_REGISTRY:-localhost/spine}
		source_date_epoch: 1700000000
		vars: {GREETING: hello}
		groups:
		  served: [web]
		services:
		  base:
		    publish: false
		    build: {context: base, additional_contexts: {rootfs: rootfs}}
		    prepare:
		      run: [base/make]
		      inputs: [base/list, base/make]
		      outputs: [base/made]
		  web:
		    build: {context: web, additional_contexts: {base: "service:base"}}
		    ports: ["8000"]
		    verify:
		      http: {path: /health, port: 8000, status: 200, body: '"ok"'}
		      user: "1000:1000"
		  other:
		    build: {context: other, args: {GREETING: "${GREETING}"}, additional_contexts: {base: "service:base"}}
		  plain:
		    build: plain
	EOF
	dockerfile base <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY --from=rootfs ${TARGETARCH}/ /
		COPY made /made
	EOF
	printf '#!/bin/sh\ngrep -v "^#" base/list >base/made\n' >base/make
	chmod +x base/make
	echo one >base/list
	dockerfile web <<-'EOF'
		FROM base
		COPY www /www
		USER 1000:1000
		EXPOSE 8000
		CMD ["/bin/httpd", "-f", "-p", "8000", "-h", "/www"]
	EOF
	mkdir web/www
	echo '{"status": "ok"}' >web/www/health
	dockerfile other <<-'EOF'
		FROM base
		ARG GREETING
		COPY file /file
		RUN cat /file > /copy && echo "$GREETING" >> /copy
	EOF
	echo other >other/file
	dockerfile plain <<-'EOF'
		FROM scratch
		COPY file /file
	EOF
	echo plain >plain/file
}

# The nodes of a service for both platforms.
builds()
{
	printf 'build %s %s\n' "$1" linux/amd64 "$1" linux/arm64
}

state_of()
{
	jq -r --arg id "$1" '.nodes[] | select(.id == $id) | .state' "$out"
}

stored_file()
{
	echo ".cbuild/oci/blobs/sha256/${1#sha256:}"
}

index_of()
{
	jq -r --arg ref "$1" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $ref) | .digest' .cbuild/oci/index.json
}

# ---- the no-op run ----

@test "the first run makes everything, each node once" {
	cat "$ROOT/first.err"
	equal "$(cat "$ROOT/first.status")" 0
	equal "$(started "$ROOT/first.err")" "$(lines 'prepare base' "$(builds base)" "$(builds web)" "$(builds other)" "$(builds plain)" \
		'index web' 'index other' 'index plain' 'load web' 'load other' 'load plain' 'verify web')"
	equal "$(finished "$ROOT/first.err")" "$(started "$ROOT/first.err")"
	[ ! -s "$BATS_FILE_TMPDIR/out" ]
	nothing_left
}

# Runs cbuild with nothing to do under strace; what it did is in the file `trace`.
traced()
{
	status=0
	# A sanitizer cannot look for leaks in a process that is traced.
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -o trace -e trace=%process,%network,%file,write,ftruncate "$cbuild" all --platforms=$both 2>"$BATS_TEST_TMPDIR/err" 3>&- || status=$?
	[ "$status" -eq 0 ] && grep 'nothing to do: 3 services are up to date' "$BATS_TEST_TMPDIR/err"
}

starts_and_connects()
{
	grep -E '(execve|execveat|clone|clone3|fork|vfork|socket|connect)\(' trace | grep -v 'execve("[^"]*cbuild", ' || true
}

writes()
{
	grep -E 'O_(WRONLY|RDWR|CREAT)| (creat|mkdir(at)?|rename(at2?)?|unlink(at)?|(sym)?link(at)?|f?truncate|f?chmod(at)?|f?chown(at)?|utimensat)\(' trace ||
		grep -E ' write\(' trace | grep -v ' write(2, ' || true
}

wrote_nothing()
{
	traced >/dev/null && [ -z "$(writes)" ]
}

@test "the second run starts no process, opens no socket, needs no library of the network" {
	traced
	equal "$(starts_and_connects)" ""
	run ! grep -E 'lib(curl|git2|ssl|nghttp2|protobuf)' trace
	[ "$(wc -l <trace)" -gt 50 ]
	# What was too young to be trusted is hashed again, and its hash kept: nothing else is written, and that once.
	equal "$(writes | grep -v '/\.cbuild/statindex')" ""
	until_true wrote_nothing
	equal "$(starts_and_connects)" ""
}

@test "a run with nothing to do needs no right to write" {
	cp -a .cbuild/state.db "$BATS_TEST_TMPDIR/"
	traced
	cmp .cbuild/state.db "$BATS_TEST_TMPDIR/state.db"
	[ ! -e .cbuild/state.db-journal ]
	equal "$(ls .cbuild/run)" ""
	equal "$(ls .cbuild/logs | wc -l)" 1
}

@test "after touch of a source nothing runs" {
	touch web/www/health web/Dockerfile base/list
	traced
	equal "$(starts_and_connects)" ""
}

# ---- what changed, and only that ----

@test "an edit in one service: -n names the file, and its nodes run, no others" {
	echo '{"status": "ok", "edited": 1}' >web/www/health
	cb -n all --platforms=$both
	equal "$status" 0
	grep -F 'build:web:linux/amd64' "$out" | grep -F 'web/www/health changed'
	grep -F '2 to do, 3 decided while running, 11 up to date' "$out"
	cb -n all --platforms=$both --exit-code
	equal "$status" 1
	cb -n all --platforms=$both --format=json
	# What a node does not have is null: an index has no platform, what waits for another node no key.
	equal "$(jq -c '[.version, (.nodes | length), ([.nodes[] | keys] | unique)]' "$out")" \
		'[1,16,[["id","key","kind","needs","platform","reasons","service","state"]]]'
	equal "$(jq -r '.nodes[] | select(.platform == null) | .kind' "$out" | sort -u)" "$(lines index load prepare verify)"
	equal "$(jq -r '.nodes[] | select(.key == null) | .id' "$out" | sort)" "$(lines index:web load:web verify:web)"
	equal "$(jq -c '.nodes[] | select(.id == "build:web:linux/arm64") | [.kind, .service, .platform, .state, .reasons, .needs]' "$out")" \
		'["build","web","linux/arm64","stale",[{"kind":"file","what":"web/www/health","change":"content"}],["build:base:linux/arm64"]]'
	equal "$(jq -r '.nodes[] | select(.state != "fresh") | .id' "$out" | sort)" \
		"$(lines build:web:linux/amd64 build:web:linux/arm64 index:web load:web verify:web)"
	equal "$(jq -r '[.nodes[].key | select(. != null and (test("^[0-9a-f]{32}$") | not))] | length' "$out")" 0
	cb all --platforms=$both
	equal "$status" 0
	equal "$(started)" "$(lines "$(builds web)" 'index web' 'load web' 'verify web')"
	cb -n all --platforms=$both --exit-code
	equal "$status" 0
}

@test "a base's input changes, its output does not: what stands on it is not built" {
	printf '# a comment\none\n' >base/list
	cb all --platforms=$both
	equal "$status" 0
	equal "$(started)" 'prepare base'
	grep -F 'same build web linux/arm64' "$err"
}

@test "a base's input and output change: the base and its dependents, nothing else" {
	echo two >base/list
	cb -n all --platforms=$both
	grep -F 'prepare:base' "$out" | grep -F 'base/list changed'
	cb all --platforms=$both
	equal "$status" 0
	equal "$(started)" "$(lines 'prepare base' "$(builds base)" "$(builds web)" "$(builds other)" 'index web' 'index other' \
		'load web' 'load other' 'verify web')"
}

@test "an output changed or deleted by hand is made again" {
	cp base/made "$BATS_TEST_TMPDIR/made"
	echo three >base/made
	cb -n all --platforms=$both
	grep -F 'base/made was changed by hand' "$out"
	cb all --platforms=$both
	equal "$status" 0
	equal "$(started)" 'prepare base'
	rm base/made
	cb all --platforms=$both
	equal "$(started)" 'prepare base'
	cmp base/made "$BATS_TEST_TMPDIR/made"
}

@test "a variable from the command line: only what it reaches is built, and back again without a build" {
	cb -n all --platforms=$both --set GREETING=salut
	grep -F 'build:other:linux/amd64' "$out" | grep -F GREETING
	cb all --platforms=$both --set GREETING=salut
	equal "$status" 0
	equal "$(started)" "$(lines "$(builds other)" 'index other' 'load other')"
	equal "$(podman_run localhost/spine/other:latest cat /copy)" "$(printf 'other\nsalut')"
	cb all --platforms=$both
	equal "$status" 0
	equal "$(started | grep build || true)" ""
	equal "$(podman_run localhost/spine/other:latest cat /copy)" "$(printf 'other\nhello')"
	# What was given is nobody's business but the run's.
	cb all --platforms=$both --set=UNUSED=hunter2 --set UNUSED=hunter3
	cb other --platforms=$both --no-load --set GREETING=salut --set UNUSED=hunter4
	run ! grep -a hunter .cbuild/state.db
	cb all --platforms=$both
	equal "$status" 0
}

@test "what passed its checks and came back is still verified" {
	local digest
	digest=$(index_of localhost/spine/web:latest)
	cp web/Dockerfile "$BATS_TEST_TMPDIR/kept"
	echo 'LABEL again=1' >>web/Dockerfile
	cb web --platforms=$both
	equal "$status" 0
	cp "$BATS_TEST_TMPDIR/kept" web/Dockerfile
	cb web --platforms=$both
	equal "$status" 0
	equal "$(started | grep -E 'build|verify' || true)" ""
	cb images web
	grep -E "^localhost/spine/web:latest  $digest  verified$" "$out"
}

@test "a change that is built and taken back: tags, the engine, why and prune go by the earlier result again" {
	local stored engine
	stored=$(index_of localhost/spine/other:latest)
	engine=$(podman image inspect -f '{{.Id}}' localhost/spine/other:latest)
	echo changed >other/file
	cb all --platforms=$both
	equal "$status" 0
	[ "$(index_of localhost/spine/other:latest)" != "$stored" ]
	[ "$(podman image inspect -f '{{.Id}}' localhost/spine/other:latest)" != "$engine" ]
	echo other >other/file
	cb all --platforms=$both
	equal "$(started | grep build || true)" ""
	equal "$(index_of localhost/spine/other:latest)" "$stored"
	equal "$(podman image inspect -f '{{.Id}}' localhost/spine/other:latest)" "$engine"
	cb prune
	equal "$status" 0
	cb -n --exit-code all --platforms=$both
	equal "$status" 0
	# The newest run's result is what the next change is compared with.
	echo 'LABEL more=1' >>other/Dockerfile
	cb why build:other:$host
	grep -F 'dockerfile other/Dockerfile' "$out"
	run ! grep -F 'other/file' "$out"
	sed -i '$d' other/Dockerfile
	cb -n --exit-code all --platforms=$both
	equal "$status" 0
}

@test "-B makes everything anew, and with the date given the same" {
	before=$(index_of localhost/spine/web:latest)
	cb -n -B web --platforms=$host
	grep -F 'forced (-B)' "$out"
	cb -B plain --platforms=$both
	equal "$status" 0
	equal "$(started)" "$(lines "$(builds plain)" 'index plain' 'load plain')"
	equal "$(index_of localhost/spine/web:latest)" "$before"
}

# ---- what was done behind its back ----

@test "an image removed from podman is loaded again" {
	podman rmi --force localhost/spine/plain:latest
	cb -n all --platforms=$both
	grep -F 'load:plain' "$out" | grep -F 'gone'
	cb all --platforms=$both
	equal "$status" 0
	equal "$(started)" 'load plain'
	podman image exists localhost/spine/plain:latest
}

@test "an image that podman was ended in the middle of writing is loaded again" {
	local id index=$ROOT/containers/root/overlay-images/images.json
	id=$(podman image inspect --format '{{.Id}}' localhost/spine/plain:latest)
	# Its record is written before its manifest, and noted in it what of it is there.
	jq --arg id "$id" 'map(if .id == $id then .["big-data-names"] -= ["manifest"] | del(.["big-data-sizes"].manifest, .["big-data-digests"].manifest) else . end)' \
		"$index" >"$BATS_TEST_TMPDIR/index"
	cp "$BATS_TEST_TMPDIR/index" "$index"
	rm "${index%/*}/$id/manifest"
	run ! podman image inspect localhost/spine/plain:latest
	cb all --platforms=$both
	equal "$status" 0
	equal "$(started)" 'load plain'
	equal "$(podman image inspect --format '{{.Id}}' localhost/spine/plain:latest)" "$id"
}

@test "a working container that buildah was ended before it had noted anything of is removed" {
	local id dir=$ROOT/containers/root/overlay-containers
	buildah from --quiet scratch
	id=$(jq -r 'map(select(.names == ["working-container"]))[0].id' "$dir/containers.json")
	rm "$dir/$id/userdata/buildah.json"
	# Made when no buildah that runs now was there: others may be building on this machine.
	jq --arg id "$id" 'map(if .id == $id then .created = "2001-02-03T04:05:06Z" else . end)' "$dir/containers.json" >"$BATS_TEST_TMPDIR/index"
	cp "$BATS_TEST_TMPDIR/index" "$dir/containers.json"
	cb -B plain --platforms=$both
	equal "$status" 0
	equal "$(buildah containers --all --quiet)" ""
}

@test "a tag moved in podman is moved back" {
	podman tag localhost/spine/web:latest localhost/spine/plain:latest
	cb -n all --platforms=$both
	grep -qx "stale *load:plain *podman's localhost/spine/plain:latest is another image now" "$out"
	cb all --platforms=$both
	equal "$status" 0
	equal "$(started)" 'load plain'
	[ "$(podman image inspect --format '{{.Id}}' localhost/spine/plain:latest)" != \
		"$(podman image inspect --format '{{.Id}}' localhost/spine/web:latest)" ]
}

@test "a tag moved in the store is moved back" {
	local right
	right=$(index_of localhost/spine/plain:latest)
	skopeo copy --all -q oci:.cbuild/oci:localhost/spine/other:latest oci:.cbuild/oci:localhost/spine/plain:latest
	[ "$(index_of localhost/spine/plain:latest)" != "$right" ]
	cb all --platforms=$both
	equal "$status" 0
	equal "$(started)" 'index plain'
	equal "$(index_of localhost/spine/plain:latest)" "$right"
}

@test "a blob truncated or deleted in the store: its image is built again" {
	local manifest layer
	manifest=$(jq -r '.manifests[] | select(.platform.architecture == "arm64") | .digest' "$(stored_file "$(index_of localhost/spine/plain:latest)")")
	layer=$(jq -r '.layers[0].digest' "$(stored_file "$manifest")")
	: >"$(stored_file "$layer")"
	cb all --platforms=$both
	equal "$status" 0
	# The layer is the same for both platforms, so both were damaged.
	equal "$(started | grep build)" "$(builds plain)"
	[ -s "$(stored_file "$layer")" ]
	rm "$(stored_file "$manifest")"
	cb all --platforms=$both
	equal "$status" 0
	equal "$(started | grep build)" "build plain linux/arm64"
	skopeo copy --all -q oci:.cbuild/oci:localhost/spine/plain:latest "dir:$BATS_TEST_TMPDIR/copy"
}

# ---- commands and options ----

@test "images: text, json and env say what was made" {
	local digest
	digest=$(index_of localhost/spine/web:latest)
	cb images --format=json
	equal "$status" 0
	equal "$(jq -c '[.images[] | keys] | unique' "$out")" '[["digest","platforms","reference","service","tags","verified"]]'
	equal "$(jq -c '.images[] | select(.service == "web") | [.reference, .tags, .digest, .verified, [.platforms[].platform]]' "$out")" \
		"[\"localhost/spine/web:latest\",[\"latest\"],\"$digest\",true,[\"linux/amd64\",\"linux/arm64\"]]"
	equal "$(jq -r '.images[].service' "$out" | sort)" "$(lines web other plain)"
	equal "$(jq '[.images[].platforms[].size | select(. > 100)] | length' "$out")" 6
	cb images --format=env web
	equal "$(cat "$out")" "WEB_IMAGE=localhost/spine/web:latest"
	cb images --format=kustomize web
	equal "$(cat "$out")" $'images:\n  - name: web\n    newName: localhost/spine/web\n    newTag: "latest"'
	cb images --format=github web
	grep -qx "web=localhost/spine/web:latest" "$out"
	cb images served
	grep -E "^localhost/spine/web:latest  $digest  verified$" "$out"
	grep -F 'linux/arm64' "$out"
	cb images wbe
	equal "$status" 2
	skopeo inspect --raw "oci:.cbuild/oci:localhost/spine/web:latest" >/dev/null
}

@test "an image works in podman at once" {
	equal "$(podman_run localhost/spine/other:latest cat /copy)" "$(printf 'other\nhello')"
}

@test "context lists the files that count" {
	echo ignored >other/unused
	cb context other
	equal "$(cat "$out")" other/file
	cb context -0 other
	equal "$(tr '\0' '\n' <"$out")" other/file
	cb context -l other
	grep -E '^f 0[0-7]{3} +6 [0-9a-f]{32} other/file$' "$out"
	cb context nothing
	equal "$status" 2
	cb -n all --platforms=$both --exit-code
	equal "$status" 0
	rm other/unused
}

@test "list, version, help, log" {
	cb list
	grep -E '^web +localhost/spine/web:latest' "$out"
	grep -E '^base +\(a base, not published\)' "$out"
	grep -F 'group served: web' "$out"
	cb list --format=json
	equal "$(jq -c '[.services[].service]' "$out")" '["base","web","other","plain"]'
	cb version
	grep -E '^cbuild [0-9]' "$out"
	cb --version
	equal "$status" 0
	cb help
	grep -F 'Usage: cbuild' "$out"
	cb log build:other:linux/amd64
	grep -F 'RUN cat /file' "$out"
	# Raw in a file, safe on a terminal.
	printf 'red: \033[31m\n' >>"$(ls -t .cbuild/logs/*/build-other-linux-amd64.log | head -n 1)"
	cb log build:other:linux/amd64
	grep -q "$(printf 'red: \033')" "$out"
	script -qec "$cbuild log build:other:linux/amd64" /dev/null </dev/null >"$out"
	grep -F 'red: \x1b' "$out"
	cb log nothing
	equal "$status" 2
}

@test "verify alone checks again; --no-verify and --no-load leave it out" {
	cb verify web --platforms=$both
	equal "$status" 0
	equal "$(started)" 'verify web'
	echo again >>web/www/health
	cb web --platforms=$both --no-verify --no-load
	equal "$status" 0
	equal "$(started)" "$(lines "$(builds web)" 'index web')"
	cb images --format=json web
	equal "$(jq -c '.images[0].verified' "$out")" false
	cb served --platforms=$both
	equal "$(started)" "$(lines 'load web' 'verify web')"
	cb images --format=json web
	equal "$(jq -c '.images[0].verified' "$out")" true
	nothing_left
}

@test "-C and -f; platforms, tags and registry from the command line and the environment" {
	cd /
	cb -C "$ROOT/spine" -f services.yaml -n all --platforms=$both --exit-code
	equal "$status" 0
	cb -f "$ROOT/spine/services.yaml" plain --platforms=$host
	equal "$status" 0
	cd "$ROOT/spine"
	equal "$(started)" "index plain"
	cb images --format=json plain
	equal "$(jq -c '[.images[0].platforms[].platform]' "$out")" "[\"$host\"]"
	status=0
	BUILD_PLATFORMS=$both DOCKER_REGISTRY=localhost/elsewhere DOCKER_TAGS=1.0,1 "$cbuild" plain 2>err 3>&- || status=$?
	cat err
	equal "$status" 0
	equal "$(started err)" "$(lines 'index plain' 'load plain')"
	DOCKER_REGISTRY=localhost/elsewhere cb images --format=json plain
	equal "$(jq -c '.images[0] | [.reference, .tags, [.platforms[].platform]]' "$out")" \
		'["localhost/elsewhere/plain:1.0",["1.0","1"],["linux/amd64","linux/arm64"]]'
	podman image exists localhost/elsewhere/plain:1
	cb -t 2.0 plain --platforms=$both
	equal "$status" 0
	podman image exists localhost/spine/plain:2.0
}

@test "clean of one service, and of everything" {
	cb clean plain --platforms=$both
	equal "$status" 0
	cb -n all --platforms=$both
	equal "$(grep -c '^stale *build:' "$out")" 2
	cb clean
	equal "$status" 0
	[ ! -e .cbuild ]
	cb images
	equal "$status" 0
	equal "$(cat "$out")" ""
	[ ! -e .cbuild ]
}

# ---- failures ----

make_failing()
{
	project failing
	cat >services.yaml <<-'EOF'
		project: failing
		registry: localhost/failing
		services:
		  base: {publish: false, build: {context: rootfs, dockerfile: ../base/Dockerfile}}
		  bad: {build: {context: bad, additional_contexts: {base: "service:base"}}}
		  after: {build: {context: after, additional_contexts: {bad: "service:bad"}}}
		  good: {build: good}
		  better: {build: better}
	EOF
	printf 'FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH}/ /\n' | dockerfile base
	printf 'FROM base\nCOPY file /file\nRUN echo the last words; exit 3\n' | dockerfile bad
	printf 'FROM bad\n' | dockerfile after
	printf 'FROM scratch\nCOPY file /file\n' | tee >(dockerfile better) | dockerfile good
	echo file | tee bad/file good/file >better/file
}

@test "a Dockerfile fails: status 1, its last words; -k finishes the others; the next run builds what is missing" {
	make_failing
	cb -k all --platforms=$host
	equal "$status" 1
	grep -F "build bad $host failed" "$err"
	grep -F 'the last words' "$err"
	grep -F "step 'RUN echo the last words; exit 3' failed with status 3" "$err"
	grep -E 'log: +\.cbuild/logs/.*build-bad-' "$err"
	grep -F "skip build after $host" "$err"
	equal "$(finished)" "$(lines "build base $host" "build good $host" "build better $host" 'index good' 'index better' 'load good' 'load better')"
	grep -F '1 failed, 5 skipped' "$err"
	cb log bad
	grep -F 'the last words' "$out"
	printf 'FROM base\nCOPY file /file\nRUN echo better words\n' >bad/Dockerfile
	cb all --platforms=$host
	equal "$status" 0
	equal "$(finished)" "$(lines "build bad $host" "build after $host" 'index bad' 'index after' 'load bad' 'load after')"
	nothing_left
}

# A base that comes out different each time, and two services on it.
make_kept()
{
	project kept
	cat >services.yaml <<-'EOF'
		project: kept
		registry: localhost/kept
		services:
		  base: {publish: false, build: {context: rootfs, dockerfile: ../base/Dockerfile}}
		  one: {build: {context: one, additional_contexts: {base: "service:base"}}}
		  two: {build: {context: two, additional_contexts: {base: "service:base"}}}
	EOF
	printf 'FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH}/ /\nRUN head -c 16 /dev/urandom >/random\n' | dockerfile base
	printf 'FROM base\nCOPY file /file\n' | tee >(dockerfile two) | dockerfile one
	echo file | tee one/file >two/file
}

@test "a base kept where the builder cannot read it is made again, and all that stands on it" {
	local dir=$BATS_TEST_TMPDIR/elsewhere
	make_kept
	cb all --platforms=$host --no-load
	equal "$status" 0
	mkdir "$dir"
	printf '[storage]\ndriver = "overlay"\ngraphroot = "%s/root"\nrunroot = "%s/run"\n' "$dir" "$dir" >"$dir/storage.conf"
	echo more >>one/file
	CONTAINERS_STORAGE_CONF=$dir/storage.conf cb all --platforms=$host --no-load
	umount "$dir/root/overlay" || true
	equal "$status" 0
	equal "$(finished)" "$(lines "build base $host" "build one $host" "build two $host" 'index one' 'index two')"
}

@test "a base that was removed where it was kept is made again when something is to be made of it" {
	project kept
	cb -B all --platforms=$host --no-load
	equal "$status" 0
	buildah rmi --all --force >/dev/null
	cb all --platforms=$host --no-load
	equal "$status" 0
	equal "$(started)" ""
	cb -n -v all --platforms=$host --no-load
	grep -E "^fresh +build:base:$host  its image is gone$" "$out"
	cb -n base --platforms=$host
	grep -E "^stale +build:base:$host  its image is gone$" "$out"
	cb why base --platforms=$host
	grep -F "its image is gone" "$out"
	echo even more >>one/file
	cb -n all --platforms=$host --no-load
	grep -E "^stale +build:base:$host  its image is gone$" "$out"
	cb all --platforms=$host --no-load
	equal "$status" 0
	# It comes out different each time.
	equal "$(finished)" "$(lines "build base $host" "build one $host" "build two $host" 'index one' 'index two')"
}

@test "without -k nothing new begins after a failure, and -q shows the failure alone" {
	project failing
	printf 'FROM base\nCOPY file /file\nRUN exit 4\n' >bad/Dockerfile
	echo more >>good/file
	cb -j1 bad good --platforms=$host -q
	equal "$status" 1
	equal "$(started)" ""
	grep -F "step 'RUN exit 4' failed with status 4" "$err"
}

make_sick()
{
	project sick
	cat >services.yaml <<-'EOF'
		project: sick
		registry: localhost/sick
		vars: {TIMEOUT: 2s}
		services:
		  base: {publish: false, build: {context: rootfs, dockerfile: ../base/Dockerfile}}
		  helper: {build: {context: helper, additional_contexts: {base: "service:base"}}}
		  sick:
		    build: {context: sick, additional_contexts: {base: "service:base"}}
		    depends_on: [helper]
		    ports: ["8000"]
		    verify:
		      http: {path: /health, port: 8000, status: 200, body: healthy, timeout: "${TIMEOUT}"}
	EOF
	printf 'FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH}/ /\n' | dockerfile base
	printf 'FROM base\nCMD ["/bin/sleep", "1000"]\n' | dockerfile helper
	mkdir -p sick/www
	echo 'I am ill' >sick/www/health
	printf 'FROM base\nCOPY www /www\nCMD echo groaning; exec httpd -f -p 8000 -h /www\n' | dockerfile sick
}

@test "a health check fails: status 5, the last answer, the container's last lines; nothing is left" {
	make_sick
	cb all --platforms=$host
	equal "$status" 5
	grep -F 'verify sick failed' "$err"
	grep -F 'I am ill' "$err"
	grep -F 'groaning' "$err"
	nothing_left
	cb images --format=json sick
	equal "$(jq -c '.images[0].verified' "$out")" false
	cb all --platforms=$host --set TIMEOUT=1s
	equal "$status" 5
	equal "$(started)" 'verify sick'
	echo 'I am healthy' >sick/www/health
	cb all --platforms=$host
	equal "$status" 0
	equal "$(started)" "$(lines "build sick $host" 'index sick' 'load sick' 'verify sick')"
	nothing_left
}

# start_cb ARGUMENTS...: cbuild in the background as $pid, its standard error in $err.
start_cb()
{
	err=$BATS_TEST_TMPDIR/err
	: >"$err"
	"$cbuild" "$@" >/dev/null 2>"$err" 3>&- &
	pid=$!
}

end_cb()
{
	status=0
	kill -"$1" "$pid"
	wait "$pid" || status=$?
	cat "$err"
}

has_line()
{
	grep -q "$1" "$err"
}

# A service whose build waits for a word in a file of its context.
make_gate()
{
	project "$1"
	cat >services.yaml <<-EOF
		project: $1
		registry: localhost/$1
		services:
		  base: {publish: false, build: {context: rootfs, dockerfile: ../base/Dockerfile}}
		  quick: {build: {context: quick, additional_contexts: {base: "service:base"}}}
		  gate: {build: {context: gate, additional_contexts: {base: "service:base"}}, needs: [quick]}
	EOF
	printf 'FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH}/ /\n' | dockerfile base
	printf 'FROM base\nRUN echo quick > /quick\n' | dockerfile quick
	dockerfile gate <<-EOF
		FROM base
		COPY file /file
		RUN --mount=type=bind,target=/context echo waiting; i=0; until grep -q open /context/file; do i=\$((i + 1)); [ \$i -lt 300 ] || exit 1; sleep 0.1; done; : $ROOT/gate-of-$1
	EOF
	echo closed >gate/file
}

interrupt_build()
{
	make_gate "$1"
	start_cb -v all --platforms=$host
	until_true has_line '| waiting$'
	end_cb "$2"
	equal "$status" "$3"
	grep -F "stop build gate $host (interrupted)" "$err"
	grep -F 'skip index gate (skipped: build gate was interrupted)' "$err"
	# By cbuild: what the builder says of its own end is its own.
	! grep -v ' | ' "$err" | grep -iqw failed || return
	grep -qE '^cbuild: stopping 1 node(; a second Ctrl-C does not wait)?$' "$err"
	nothing_left
	cb -n all --platforms=$host
	grep -E "^stale +build:gate:$host" "$out"
	equal "$(grep -c 'build:base\|build:quick' "$out")" 0
	echo open >gate/file
	cb all --platforms=$host
	equal "$status" 0
	equal "$(started | grep gate)" "$(lines "build gate $host" 'index gate' 'load gate')"
	equal "$(started | grep 'build [bq]')" ""
	nothing_left
}

@test "Ctrl-C in a build: status 130, nothing left running, the next run goes on" {
	interrupt_build gate INT 130
}

@test "SIGTERM in a build: status 143" {
	interrupt_build terminated TERM 143
}

@test "SIGHUP in a build: status 143" {
	interrupt_build hung HUP 143
}

@test "a pipe closed by who read it: the run goes on to its end" {
	make_gate piped
	echo open >gate/file
	{
		code=0
		"$cbuild" -v all --platforms=$host 2>&1 3>&- || code=$?
		echo $code >code
	} | sed q
	equal "$(cat code)" 0
	cb -n all --platforms=$host
	equal "$(grep -c '^stale' "$out")" 0
	nothing_left
}

container_runs()
{
	[ "$(podman ps --quiet | wc -l)" -eq 2 ]
}

@test "Ctrl-C in a check: status 130, no container, no network; the next run goes on" {
	make_sick
	start_cb all --platforms=$host --set TIMEOUT=100s
	until_true container_runs
	end_cb INT
	equal "$status" 130
	grep -F 'stop verify sick' "$err"
	nothing_left
	echo 'I am healthy' >sick/www/health
	cb all --platforms=$host
	equal "$status" 0
	equal "$(started | grep 'base\|helper' || true)" ""
	nothing_left
}

@test "Ctrl-C while a builder is still being asked what it is: status 130, and it ends too" {
	project asked
	printf 'project: asked\nregistry: localhost/asked\nservices: {one: {build: one}}\n' >services.yaml
	printf 'FROM scratch\nCOPY file /\n' | dockerfile one
	echo one >one/file
	mkdir -p bin
	printf '#!/bin/sh\n: >"%s/asked"\nwhile :; do sleep 1; done\n' "$PWD" >bin/buildah
	chmod +x bin/buildah
	PATH=$PWD/bin:$PATH start_cb all --platforms=$host
	until_true [ -e asked ]
	end_cb INT
	equal "$status" 130
	equal "$(pgrep -f "$PWD/bin/buildah" || true)" ""
	equal "$(ls .cbuild/run)" ""
}

@test "a file that changes while it is built: the result is not recorded, and it says so" {
	make_gate late
	start_cb -v all --platforms=$host
	until_true has_line '| waiting$'
	echo open >gate/file
	status=0
	wait "$pid" || status=$?
	cat "$err"
	equal "$status" 0
	grep -F 'not recorded, the next run builds it again: gate/file changed while it was built' "$err"
	cb all --platforms=$host
	equal "$status" 0
	grep -F "ok   build gate $host" "$err"
	cb -n all --platforms=$host --exit-code
	equal "$status" 0
}

# ---- other ways to end ----

@test "a bad manifest, an unknown target, a wrong option: status 2" {
	project bad
	printf 'project: bad\nservices:\n  one:\n    buidl: .\n' >services.yaml
	cb all
	equal "$status" 2
	grep -F 'services.yaml:4:5' "$err"
	grep -F 'build' "$err"
	[ ! -e .cbuild ]
	project spine
	cb nonesuch
	equal "$status" 2
	cb --nonesuch
	equal "$status" 2
	cb -f nonesuch.yaml
	equal "$status" 2
	cb -C nonesuch
	equal "$status" 2
}

@test "no builder: status 3, and what to install" {
	project toolless
	printf 'project: toolless\nregistry: localhost/toolless\nservices: {one: {build: one}}\n' >services.yaml
	printf 'FROM scratch\nCOPY file /\n' | dockerfile one
	echo one >one/file
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	status=0
	err=$BATS_TEST_TMPDIR/err
	env -u CBUILD_BUILDER PATH="$BATS_TEST_TMPDIR/bin" DOCKER_HOST="unix://$BATS_TEST_TMPDIR/no.sock" \
		"$cbuild" all --platforms=$host 2>"$err" 3>&- || status=$?
	cat "$err"
	equal "$status" 3
	grep -F 'buildah' "$err"
	grep -F 'help:' "$err"
	equal "$(ls .cbuild/run)" ""
}

@test "no place for the state: status 6; a state of a newer version: status 6, untouched" {
	project stateless
	printf 'project: stateless\nregistry: localhost/stateless\nservices: {one: {build: one}}\n' >services.yaml
	printf 'FROM scratch\nCOPY file /\n' | dockerfile one
	echo one >one/file
	: >.cbuild
	cb all --platforms=$host
	equal "$status" 6
	grep -F '.cbuild' "$err"
	rm .cbuild
	cb all --platforms=$host
	equal "$status" 0
	head -c 1000 /dev/urandom >.cbuild/state.db
	cb -n all --platforms=$host
	equal "$status" 0
	cb all --platforms=$host
	equal "$status" 0
	grep -F 'renamed to state.db.damaged' "$err"
	equal "$(grep -c 'renamed to state.db.damaged' "$err")" 1
	cb -n all --platforms=$host --exit-code
	equal "$status" 0
}
