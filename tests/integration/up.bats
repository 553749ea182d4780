#!/usr/bin/env bats
# Services that run: those without `build:` beside a verification, and `cbuild up`. With podman, and with docker.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/registry"

setup_file()
{
	project_begin
	export OWN_DOCKER=$CBUILD_TEST_CACHE/docker
	"$checkout/tests/lib/docker" fetch "$OWN_DOCKER" >&2
	eval "$("$checkout/tests/lib/docker" start "$OWN_DOCKER")"
	[ -e "$DOCKER_CONFIG/config.json" ] || echo '{}' >"$DOCKER_CONFIG/config.json"
	registry_start images
	make_images
}

teardown_file()
{
	docker ps --all --quiet --filter "label=dev.cbuild.owner" | xargs -r docker rm --force --volumes >/dev/null || true
	docker network prune --force >/dev/null || true
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

# Containers and networks that are ours, in the runtime of this test.
ours()
{
	"$CBUILD_RUNTIME" ps -a --filter label=dev.cbuild.owner --format '{{.Names}}' 2>/dev/null
	"$CBUILD_RUNTIME" network ls --filter label=dev.cbuild.owner --format '{{.Name}} {{.Labels}}' 2>/dev/null |
		grep -F "$ROOT/" || true
}

each_runtime()
{
	local CBUILD_RUNTIME
	for CBUILD_RUNTIME in podman docker; do
		export CBUILD_RUNTIME
		echo "--- with $CBUILD_RUNTIME"
		rm -rf .cbuild
		"$@" || return
		equal "$(ours)" "" || return
	done
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

@test "the pull policy counts, and what a registry does not have is its class of failure" {
	each_runtime pulls_as_asked
}
