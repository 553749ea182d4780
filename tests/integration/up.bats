#!/usr/bin/env bats
# Services that run: those without `build:` beside a verification, and `cbuild up`. With podman, and with docker.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/registry"
. "$BATS_TEST_DIRNAME/../lib/image"

setup_file()
{
	project_begin
	own_docker
	registry_start images
	registry_start private htpasswd
	make_images
}

teardown_file()
{
	local CBUILD_RUNTIME=docker
	# Of a test that failed. The daemon has other tests' too.
	containers | xargs -r docker rm --force --volumes >/dev/null || true
	networks | xargs -r docker network rm >/dev/null || true
	docker image ls --format '{{.Repository}}:{{.Tag}}' | grep -E "^(localhost/up/|$(registry_host images)/)" |
		xargs -r docker rmi --force >/dev/null || true
	"$checkout/tests/lib/docker" stop "$OWN_DOCKER"
	registries_end
	project_end
}

# What a registry has: a database that takes a while, with a check of its own; and one that only its service checks.
make_images()
{
	project images
	cat >Dockerfile <<-EOF
		FROM scratch
		COPY rootfs/$host_arch/ /
		RUN ["/bin/mkdir", "/www"]
		EXPOSE 5432
		HEALTHCHECK CMD ["/bin/wget", "-q", "-O", "/dev/null", "http://127.0.0.1:5432/ready"]
		CMD ["/bin/sh", "-c", "(sleep 1; echo yes >/www/ready) & exec httpd -f -p 5432 -h /www"]
	EOF
	buildah build --quiet --format=docker --isolation=chroot --tag=db . >/dev/null
	buildah push --quiet --tls-verify=false db "docker://$(registry_host images)/db:1"
	buildah push --quiet --tls-verify=false --creds tester:secret db "docker://$(registry_host private)/db:1"
	buildah rmi --force db >/dev/null
}

setup()
{
	project up
	rm -rf .cbuild
	mkdir -p web
	cat >web/Dockerfile <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY --from=rootfs ${TARGETARCH}/ /
		COPY www /www
		EXPOSE 8000
		CMD ["/bin/httpd", "-f", "-p", "8000", "-h", "/www"]
	EOF
	mkdir -p web/www
	echo fine >web/www/health
	cat >services.yaml <<-EOF
		project: up
		registry: localhost/up
		services:
		  db:
		    image: $(registry_host images)/db:1
		  web:
		    build: {context: web, additional_contexts: {rootfs: rootfs}}
		    ports: ["8000"]
		    depends_on: {db: {condition: service_healthy}}
		    command: [sh, -c, "wget -q -O - http://db:5432/ready && exec httpd -f -p 8000 -h /www"]
		    verify: {http: /health}
	EOF
}

# Containers and networks that are ours, in the runtime of this test: other tests have theirs there, too.
containers()
{
	"$CBUILD_RUNTIME" ps -a --filter label=dev.cbuild.owner --format '{{.Names}} {{.Labels}}' 2>/dev/null |
		grep -F "$ROOT/" | cut -d ' ' -f 1
}

networks()
{
	"$CBUILD_RUNTIME" network ls --filter label=dev.cbuild.owner --format '{{.Name}} {{.Labels}}' 2>/dev/null |
		grep -F "$ROOT/" | cut -d ' ' -f 1
}

ours()
{
	containers || true
	networks || true
}

# Also with docker's daemon alone, where its command cannot be found.
each_runtime()
{
	local CBUILD_RUNTIME way cbuild=$cbuild
	for way in podman docker bare; do
		export CBUILD_RUNTIME=${way/bare/docker}
		[ "$way" != bare ] || bare
		echo "--- with $way"
		rm -rf .cbuild
		"$@" || return
		equal "$(ours)" "" || return
	done
}

# cbuild is started where docker's command cannot be found.
bare()
{
	printf '#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin exec "%s" "$@"\n' "$cbuild" >"$BATS_TEST_TMPDIR/bare"
	chmod +x "$BATS_TEST_TMPDIR/bare"
	cbuild=$BATS_TEST_TMPDIR/bare
	! PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v docker
}

pulls_for_a_check()
{
	local image digest
	image=$(registry_host images)/db
	digest=$(docker-digest "$image")
	"$CBUILD_RUNTIME" rmi --force "$image:1" >/dev/null 2>&1 || true
	cb --no-load || return
	equal "$status" 0 || return
	# What was started is recorded by its digest, with the result.
	[ -n "$digest" ]
	grep -aqF "db runs $image@$digest" .cbuild/state.db || return
	log_clear images
	cb verify --no-load || return
	equal "$status" 0 || return
	equal "$(log_count images '"(GET|HEAD) /v2/')" 0 || return
	# Kept, as a pull by hand is.
	"$CBUILD_RUNTIME" image inspect "$image:1" >/dev/null
}

docker-digest()
{
	curl -fsSI -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' \
		"http://${1%%/*}/v2/${1#*/}/manifests/1" | tr -d '\r' | sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest: //p'
}

@test "a service without build is pulled and started for a check, until healthy" {
	each_runtime pulls_for_a_check
}

# Each value is in a file of the image, too.
compares_environment()
{
	local name
	rm -rf web/want
	mkdir -p web/want
	printf 'a "b" c' >web/want/QUOTED
	printf "it's \\\\n \`x\`" >web/want/OTHERS
	printf '$x ${Y} $$' >web/want/DOLLARS
	printf '# not a comment' >web/want/HASH
	printf '  two  ' >web/want/BLANKS
	printf 'one\ntwo=2\n\nfour' >web/want/LINES
	printf 'a=b=c' >web/want/EQUALS
	printf 'gr\303\274n' >web/want/LETTERS
	printf '/a "b":/bin' >web/want/PATH
	printf 'tcp://$x' >web/want/DOCKER_HOST
	printf 'p$4"#x' >web/want/SECRET
	echo "SECRET='p\$4\"#x'" >web.env
	echo 'COPY want /want' >>web/Dockerfile
	python3 - <<-'EOF' >compare.yaml
		import json, os
		names = sorted(set(os.listdir("web/want")) - {"SECRET"})
		values = {n: open("web/want/" + n).read().replace("$", "$$") for n in names}
		check = "cd /want; for n in *; do eval \"v=\\$$n; \"; test \"$$v\" = \"$$(/bin/cat $$n)\" || { echo $$n differs; exit 1; }; done; exec /bin/httpd -f -p 8000 -h /www"
		check = check.replace("\\$$n", "\\$$$$n")
		print(json.dumps({"services": {"web": {"environment": values, "env_file": "web.env", "depends_on": {},
			"command": ["/bin/sh", "-c", check]}}}))
	EOF
	cb -f services.yaml -f compare.yaml --no-load || return
	equal "$status" 0
}

@test "the environment arrives as it is written" {
	each_runtime compares_environment
}

pulls_as_asked()
{
	local image
	image=$(registry_host images)/db:1
	"$CBUILD_RUNTIME" rmi --force "$image" >/dev/null 2>&1 || true
	sed 's/^  db:/&\n    pull_policy: never/' -i services.yaml
	cb --no-load || return
	equal "$status" 4 || return
	grep -q 'pull_policy is "never"' "$err" || return
	sed 's/never/always/' -i services.yaml
	cb --no-load || return
	equal "$status" 0 || return
	log_clear images
	cb verify --no-load || return
	equal "$status" 0 || return
	[ "$(log_count images '/v2/db/manifests/1')" -gt 0 ] || return
	sed "s|image: .*/db:1|image: $(registry_host images)/none:1|" -i services.yaml
	cb --no-load || return
	equal "$status" 4 || return
	grep -q 'none:1' "$err" || return
	sed 's/^    pull_policy.*//; s/none:1/db:1/' -i services.yaml
}

@test "docker pulls with the registry's login, with its command and without" {
	local way image
	image=$(registry_host private)/db:1
	export CBUILD_RUNTIME=docker DOCKER_CONFIG=$BATS_TEST_TMPDIR/config
	mkdir "$DOCKER_CONFIG"
	sed "s|image: .*/db:1|image: $image|; s|^  db:|&\n    pull_policy: always|" -i services.yaml
	for way in docker bare; do
		[ "$way" != bare ] || bare
		rm -rf .cbuild
		docker rmi --force "$image" >/dev/null 2>&1 || true
		rm -f "$DOCKER_CONFIG/config.json"
		cb --no-load
		equal "$status" 4
		grep -F "$image" "$err"
		login_file private tester secret
		cb --no-load
		equal "$status" 0
		docker image inspect "$image" >/dev/null
		equal "$(ours)" ""
	done
}

@test "docker's containers have the proxies of docker's configuration" {
	export CBUILD_RUNTIME=docker DOCKER_CONFIG=$BATS_TEST_TMPDIR/config
	mkdir "$DOCKER_CONFIG"
	echo '{"proxies": {"default": {"httpProxy": "http://proxy:1", "noProxy": "local"}}}' >"$DOCKER_CONFIG/config.json"
	cat >services.yaml <<-'EOF'
		project: up
		registry: localhost/up
		services:
		  web:
		    build: {context: web, additional_contexts: {rootfs: rootfs}}
		    environment: {no_proxy: mine}
		    command: [sleep, "1000"]
	EOF
	cb up -d
	equal "$status" 0
	equal "$(docker exec "$(container_of web)" env | grep -i proxy= | sort)" \
		"$(printf '%s\n' HTTP_PROXY=http://proxy:1 NO_PROXY=local http_proxy=http://proxy:1 no_proxy=mine)"
	cb down
	equal "$status" 0
}

@test "the pull policy counts, and what a registry does not have is its class of failure" {
	each_runtime pulls_as_asked
}

# up_project: two services; the second one waits for the first.
up_project()
{
	mkdir -p shared
	echo shared >shared/word
	cat >services.yaml <<-EOF
		project: up
		registry: localhost/up
		services:
		  db:
		    image: $(registry_host images)/db:1
		    ports: ["5432"]
		    stop_grace_period: 0s
		  job:
		    build: {context: web, additional_contexts: {rootfs: rootfs}}
		    command: [sh, -c, 'echo "\$\$STEP"']
		    environment: {STEP: one}
		  web:
		    build: {context: web, additional_contexts: {rootfs: rootfs}}
		    ports: ["8000", "$port:8000", "8001/udp"]
		    volumes: ["./shared:/shared:ro", "kept:/kept", {type: tmpfs, target: /scratch}]
		    env_file: [{path: none.env, required: false}]
		    stop_grace_period: 0s
		    depends_on:
		      db: {condition: service_healthy}
		      job: {condition: service_completed_successfully}
		    command: [sh, -c, "printf 'red \\\\033[31m\\\\n'; wget -q -O - http://db:5432/ready && exec httpd -f -p 8000 -h /www"]
		    verify: {http: /health}
	EOF
}

# Of a test that failed, so that the next one does not meet it.
teardown()
{
	local left
	left=$(jobs -p)
	[ -n "$left" ] || return 0
	cat "$out"
	kill -INT $left
	wait
}

container_of()
{
	"$CBUILD_RUNTIME" ps -a --filter "label=dev.cbuild.service=$1" --format '{{.ID}}'
}

inside()
{
	"$CBUILD_RUNTIME" exec "$1" /bin/sh -c "$2"
}

# What is printed is what the runtime publishes.
prints_addresses()
{
	local free
	grep -q "^  web  http://127\.0\.0\.1:$port  ->  8000$" "$out" || return
	free=$(sed -nE 's/^  web  http:\/\/127\.0\.0\.1:([0-9]+)  ->  8000$/\1/p' "$out" | grep -vx "$port") || return
	"$CBUILD_RUNTIME" port "$(container_of web)" 8000/tcp | grep -qx "127.0.0.1:$free" || return
	grep -qE '^  web  127\.0\.0\.1:[0-9]+  ->  8001/udp$' "$out" || return
	grep -qE '^  db   127\.0\.0\.1:[0-9]+  ->  5432$' "$out" || return
	equal "$(curl -fsS "http://127.0.0.1:$free/health")" fine
}

stands()
{
	local port web db job free
	port=$(free_port)
	up_project
	echo fine >web/www/health
	cb up --detach || return
	equal "$status" 0 || return
	prints_addresses || return
	web=$(container_of web) db=$(container_of db) job=$(container_of job)
	inside "$web" 'test "$(cat /shared/word)" = shared && ! touch /shared/x 2>/dev/null && touch /kept/x /scratch/x' || return
	# Nothing changed: nothing is replaced.
	cb up -d || return
	equal "$status" 0 || return
	equal "$(container_of web) $(container_of db) $(container_of job)" "$web $db $job" || return
	# What changed is, and finds the others; a free port stays the same.
	free=$("$CBUILD_RUNTIME" port "$web" 8000/tcp | sort)
	sed "s/^    command: .sh, -c, \"printf/    working_dir: \/www\n&/" -i services.yaml
	echo better >web/www/health
	cb up -d || return
	equal "$status" 0 || return
	equal "$(container_of db)" "$db" || return
	inside "$(container_of web)" 'test -e /kept/x && ! test -e /scratch/x' || return
	[ "$(container_of web)" != "$web" ] || return
	equal "$("$CBUILD_RUNTIME" port "$(container_of web)" 8000/tcp | sort)" "$free" || return
	equal "$(curl -fsS "http://127.0.0.1:$port/health")" better || return
	# One alone, then the rest.
	cb down web || return
	equal "$status $(container_of web) $(container_of db)" "0  $db" || return
	cb down || return
	equal "$status" 0 || return
	cb down
	"$CBUILD_RUNTIME" volume rm up_kept >/dev/null || return
	grep -q "nothing is up" "$err"
}

@test "services stand until they are taken down, and only what changed is replaced" {
	each_runtime stands
}

# Nothing but the one word says that `web` needs `db`.
starts_before()
{
	local peer
	sed -i '/^    command:/d' services.yaml
	for peer in 'links: [db]' 'volumes_from: ["db:ro"]' 'network_mode: "service:db"'; do
		sed -i "s|^    depends_on.*|    $peer|; s|^    [lvn][a-z_]*: .*db.*|    $peer|" services.yaml
		cb up -d web || return
		equal "$status" 0 || return
		[ -n "$(container_of db)" ] || return
		if [ "$peer" = 'links: [db]' ]; then
			run ! grep 'links' "$err" || return
		else
			grep -q "web: ${peer%%:*} .*not used by .up" "$err" || return
		fi
		cb down || return
	done
}

@test "what is named by links, volumes_from or network_mode is started first" {
	each_runtime starts_before
}

says()
{
	grep -q -- "$1" "$out"
}

# A child reads the output of the container.
followed()
{
	pgrep -f "logs .*$1" >/dev/null
}

follows()
{
	local port up started db
	port=$(free_port)
	out=$BATS_TEST_TMPDIR/followed
	up_project
	"$cbuild" up web >"$out" 2>&1 3>&- &
	up=$!
	until_true says "^web | red .x1b\[31m" || return
	until_true says "->  8001/udp" || return
	until_true says "^job | one" || return
	kill -INT "$up"
	status=0
	wait "$up" || status=$?
	cat "$out"
	equal "$status" 130 || return
	# Killed, it leaves what the next one, or `down`, finds.
	"$cbuild" up db >"$out" 2>&1 3>&- &
	up=$!
	until_true says "^  db  127" || return
	db=$(container_of db)
	[ "$way" != podman ] || until_true followed up-db-1 || return
	kill -KILL "$up"
	wait "$up" || true
	[ "$way" != podman ] || followed up-db-1 || return
	# The service goes on, who read its output does not.
	cb up -d db || return
	equal "$(container_of db)" "$db" || return
	! followed up-db-1 || return
	cb down || return
	equal "$status" 0
}

@test "when all have ended up ends: with 5 when one of them did badly, Ctrl-C with 130 all the same" {
	up_project
	cat >>services.yaml <<-'EOF'
	  one:
	    extends: job
	    volumes: ["./shared:/shared"]
	    command: [sh, -c, "while ! test -e /shared/go; do sleep 0.1; done; exit 3"]
	EOF
	rm -f shared/go
	cb up job
	equal "$status" 0
	out=$BATS_TEST_TMPDIR/one
	"$cbuild" up one >"$out" 2>&1 3>&- &
	until_true says "no service has published ports"
	touch shared/go
	status=0
	wait $! || status=$?
	equal "$status" 5
	grep -q "one ended with status 3" "$out"
	rm shared/go
	out=$BATS_TEST_TMPDIR/both
	"$cbuild" up one db >"$out" 2>&1 3>&- &
	until_true says "^  db  *127"
	touch shared/go
	until_true says "one ended with status 3"
	kill -INT $!
	status=0
	wait $! || status=$?
	equal "$status" 130
	equal "$(ours)" ""
}

@test "services are followed until Ctrl-C, and nothing is left" {
	each_runtime follows
}

fails()
{
	local port
	port=$(free_port)
	up_project
	sed 's/verify: .*/verify: {http: {path: \/nowhere, timeout: 1s}}/' -i services.yaml
	cb up || return
	equal "$status" 5 || return
	grep -q "web: http /nowhere on port 8000 was not healthy" "$err" || return
	grep -q "the container's last lines" "$err" || return
	sed 's/echo "/exit 7; &/' -i services.yaml
	cb up -d || return
	equal "$status" 5 || return
	grep -q "job: it ended with status 7" "$err"
}

@test "what does not get healthy is told, and all is ended" {
	each_runtime fails
}

# `slow` gets healthy once `second` runs, which waits for `first` alone.
side_by_side()
{
	cat >services.yaml <<-EOF
		project: up
		registry: localhost/up
		templates:
		  web:
		    build: {context: web, additional_contexts: {rootfs: rootfs}}
		    stop_grace_period: 0s
		    volumes: ["beside:/shared"]
		    verify: {http: {path: /health, port: 8000, timeout: 60s}}
		services:
		  slow:
		    extends: web
		    command: [sh, -c, "until test -e /shared/second; do sleep 0.1; done; exec httpd -f -p 8000 -h /www"]
		  first: {extends: web}
		  second:
		    extends: web
		    depends_on: {first: {condition: service_healthy}}
		    command: [sh, -c, "touch /shared/second; exec httpd -f -p 8000 -h /www"]
		  last:
		    extends: web
		    depends_on: {slow: {condition: service_healthy}}
	EOF
	cb up -d || return
	equal "$status" 0 || return
	cb down || return
	"$CBUILD_RUNTIME" volume rm up_beside >/dev/null || return
	# One that fails is not waited for by the others, which have ten minutes.
	sed 's/timeout: 60s/timeout: 10m/; s/touch .*;/exit 7;/' -i services.yaml
	timeout 120 "$cbuild" up >"$out" 2>"$err" && return 1
	equal "$?" 5 || return
	grep -q 'second: .*the container ended .*with status 7' "$err" || return
	! grep -q 'slow: ' "$err" || return
	"$CBUILD_RUNTIME" volume rm up_beside >/dev/null
}

@test "services start as soon as what they depend on allows, whatever others wait for" {
	each_runtime side_by_side
}

@test "what is published stays as it is: all platforms, under its tags" {
	local port watcher
	port=$(free_port)
	up_project
	sed "s/^registry:.*/&\nplatforms: [linux\/amd64, linux\/arm64]\nformats: {zstd: {suffix: -z}}/" -i services.yaml
	cb all
	equal "$status" 0
	cp .cbuild/oci/index.json "$BATS_TEST_TMPDIR/before"
	cb up --detach
	equal "$status" 0
	cb -n --exit-code
	equal "$status" 0
	# Neither does an edit change what is published, until that is asked for.
	echo newer >web/www/health
	cb up --detach
	equal "$status" 0
	inside "$(container_of web)" 'grep newer /www/health'
	cmp .cbuild/oci/index.json "$BATS_TEST_TMPDIR/before"
	cb down
	out=$BATS_TEST_TMPDIR/watched
	"$cbuild" watch --run web >"$out" 2>&1 3>&- &
	watcher=$!
	until_true says "waiting for a change"
	kill -INT "$watcher"
	wait "$watcher" || true
	cmp .cbuild/oci/index.json "$BATS_TEST_TMPDIR/before"
	cb all
	equal "$status" 0
	equal "$(jq -r '.manifests[].platform | .os + "/" + .architecture' "$(blob "$(jq -r \
		'.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "localhost/up/web:latest") | .digest' \
		.cbuild/oci/index.json)")" | sort)" "$(lines linux/amd64 linux/arm64)"
	"$CBUILD_RUNTIME" volume rm up_kept >/dev/null
	equal "$(ours)" ""
}

serves()
{
	[ "$(curl -fsS "http://127.0.0.1:$1/health" 2>/dev/null)" = "$2" ]
}

says_times()
{
	[ "$(grep -c -- "$1" "$out")" -ge "$2" ]
}

@test "watch --run restarts what was built anew, and nothing else" {
	local port watcher db
	port=$(free_port)
	out=$BATS_TEST_TMPDIR/watched
	up_project
	sed 's/exec httpd/test -e \/www\/health \&\& &/' -i services.yaml
	"$cbuild" watch --run web >"$out" 2>&1 3>&- &
	watcher=$!
	until_true says "waiting for a change"
	serves "$port" fine
	db=$(container_of db)
	echo newer >web/www/health
	until_true says_times "waiting for a change" 2
	serves "$port" newer
	equal "$(container_of db)" "$db"
	# What does not stay is told, and mended by the next change.
	rm web/www/health
	until_true says "the container ended .* with status 1"
	echo newest >web/www/health
	until_true serves "$port" newest
	kill -INT "$watcher"
	status=0
	wait "$watcher" || status=$?
	cat "$out"
	# The container that runs is the one that was checked, and db was not asked again.
	! grep -q "verify web" "$out" || false
	equal "$(grep -c "db is healthy" "$out")" 1
	equal "$status" 130
	equal "$(ours)" ""
}

# Of what goes on running, too: each line once.
shows_output()
{
	local watcher
	out=$BATS_TEST_TMPDIR/watched
	cat >services.yaml <<-'EOF'
		project: up
		registry: localhost/up
		services:
		  side:
		    build: {context: side, additional_contexts: {rootfs: rootfs}}
		    command: [sh, -c, "echo began; while :; do if rm /go 2>/dev/null; then echo went; fi; sleep 0.1; done"]
		  web:
		    build: {context: web, additional_contexts: {rootfs: rootfs}}
		    command: [sh, -c, "cat /www/health; exec httpd -f -p 8000 -h /www"]
	EOF
	printf 'FROM scratch\nARG TARGETARCH\nCOPY --from=rootfs ${TARGETARCH}/ /\n' | dockerfile side
	echo fine >web/www/health
	"$cbuild" watch --run >"$out" 2>&1 3>&- &
	watcher=$!
	until_true says "^web  | fine" || return
	until_true says "^side | began" || return
	"$CBUILD_RUNTIME" exec up-side-1 touch /go || return
	until_true says "^side | went" || return
	echo newer >web/www/health
	until_true says "^web  | newer" || return
	"$CBUILD_RUNTIME" exec up-side-1 touch /go || return
	until_true says_times "^side | went" 2 || return
	kill -INT "$watcher"
	status=0
	wait "$watcher" || status=$?
	cat "$out"
	equal "$status" 130 || return
	equal "$(grep -c "^side | " "$out")" 3 || return
	equal "$(grep -c "^web  | " "$out")" 2
}

@test "watch --run shows what services print while it waits" {
	each_runtime shows_output
}
