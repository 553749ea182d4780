#!/usr/bin/env bats
# What a build is given besides its files: secrets, host names, a Dockerfile in the manifest.

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
	project options
	cat >services.yaml <<-'EOF'
		registry: localhost/options
		secrets:
		  token: {file: token.txt}
		  key: {environment: OPTIONS_KEY}
		services:
		  web:
		    build:
		      context: web
		      additional_contexts: {rootfs: rootfs}
		      dockerfile_inline: |
		        FROM scratch
		        ARG TARGETARCH
		        COPY --from=rootfs $${TARGETARCH}/ /
		        RUN --mount=type=secret,id=token --mount=type=secret,id=deploy \
		        	cat /run/secrets/token /run/secrets/deploy | wc -c >/count && cat /etc/hosts >/known && ulimit -n >/limit
		      secrets: [token, {source: key, target: deploy}]
		      extra_hosts: [database=10.1.2.3]
		      ulimits: {nofile: {soft: 512, hard: 600}}
		      no_cache: true
	EOF
	rm -rf .cbuild
	mkdir -p web
	echo file-hush-hush >token.txt
	export OPTIONS_KEY=variable-hush-hush
}

@test "a build reads its secrets, and nothing keeps them" {
	cb --no-load
	[ "$status" -eq 0 ]
	image_unpack localhost/options/web:latest "$host" unpacked
	equal "$(cat unpacked/count)" 33
	grep -q '10.1.2.3.*database' unpacked/known
	equal "$(cat unpacked/limit)" 512
	run ! grep -r hush-hush .cbuild
}

@test "a secret that is not there is told before anything is built" {
	unset OPTIONS_KEY
	cb --no-load
	[ "$status" -eq 2 ]
	grep -q 'the secret deploy of web: the variable OPTIONS_KEY is not set' "$err"
}

@test "rights of a build are refused by a builder that gives none, but for the machine's network" {
	sed -i 's/^      no_cache: true/      entitlements: [network.host, security.insecure]/' services.yaml
	cb --no-load
	equal "$status" 3
	grep -q 'no builder here can make builds with `entitlements`: there is buildah' "$err"
	sed -i 's/, security.insecure//; s/^      entitlements:.*/&\n      no_cache_filter: [final]/' services.yaml
	cb --no-load
	equal "$status" 0
}
