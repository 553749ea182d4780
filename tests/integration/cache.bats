#!/usr/bin/env bats
# Results that machines share over a registry.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/registry"
. "$BATS_TEST_DIRNAME/../lib/image"

setup_file()
{
	project_begin
	registries_begin
	registry_start plain
	hostile_start hostile
}

teardown_file()
{
	registries_end
	project_end
}

# shared NAME [REGISTRY]: web stands on base, which is not published; other is alone; a context, a link, a mode, an argument.
shared()
{
	project "$1"
	rm -rf rootfs .cbuild
	printf 'FROM scratch\nCOPY data /base\n' | dockerfile base
	printf 'FROM base\nARG WORD\nCOPY own link /\nLABEL word=$WORD\n' | dockerfile web
	printf 'FROM scratch\nCOPY own /own\n' | dockerfile other
	head -c 100000 /dev/urandom >base/data
	echo "$1" | tee web/own >other/own
	ln -sf own web/link
	cat >services.yaml <<-EOF
		registry: $(registry_host "${2:-plain}")/$1
		platforms: [linux/amd64, linux/arm64]
		cache: {registry: true}
		services:
		  base: {publish: false, build: base}
		  web: {build: {context: web, args: {WORD: a}, additional_contexts: {base: "service:base"}}}
		  other: {build: other}
	EOF
}

# elsewhere COMMAND...: the same project on a machine that has never built it and has no builder.
elsewhere()
{
	[ -d "$BATS_TEST_TMPDIR/elsewhere" ] || {
		cp -a . "$BATS_TEST_TMPDIR/elsewhere"
		rm -rf "$BATS_TEST_TMPDIR/elsewhere/.cbuild"
	}
	mkdir -p "$BATS_TEST_TMPDIR/nothing"
	(
		cd "$BATS_TEST_TMPDIR/elsewhere"
		unset CBUILD_BUILDER
		PATH=$BATS_TEST_TMPDIR/nothing "$cbuild" "$@"
	) >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- && status=0 || status=$?
	out=$BATS_TEST_TMPDIR/out
	err=$BATS_TEST_TMPDIR/err
	printf -- '--- elsewhere %s: status %s\n' "$*" "$status"
	cat "$out" "$err"
}

images()
{
	jq -r '.manifests[] | "\(.annotations["org.opencontainers.image.ref.name"]) \(.digest)"' "$1/.cbuild/oci/index.json" | sort
}

@test "a machine that never built it takes everything, without a builder" {
	shared first
	cb --no-load all
	equal "$status" 0
	elsewhere --no-load all
	equal "$status" 0
	grep -q '6 builds are taken from the registry cache' "$err"
	equal "$(images "$BATS_TEST_TMPDIR/elsewhere")" "$(images .)"
	store=$BATS_TEST_TMPDIR/elsewhere/.cbuild/oci image_unpack "$(registry_host plain)/first/web:latest" linux/arm64 "$BATS_TEST_TMPDIR/web"
	cmp "$BATS_TEST_TMPDIR/web/base" base/data
	elsewhere fsck
	equal "$status" 0
	# It is recorded: nothing is asked again.
	log_clear plain
	elsewhere --no-load all
	grep -q 'nothing to do' "$err"
	equal "$(log_count plain HTTP)" 0
	elsewhere why web
	equal "$status" 0
}

@test "each platform on its own, and only what others have made" {
	shared parts
	cb --no-load --platforms=linux/amd64 web
	elsewhere --no-load --platforms=linux/amd64 web
	equal "$status" 0
	elsewhere --no-load --platforms=linux/arm64 web
	equal "$status" 3
	rm -rf "$BATS_TEST_TMPDIR/elsewhere"
	# An input that differs is another key: content of the same size, a mode, where a link points to, an argument.
	for change in 'echo PARTS >web/own' 'chmod +x web/own' 'ln -sfn /own web/link' 'sed -i s/WORD:.a/WORD:\ b/ services.yaml' \
		'echo LABEL x=y >>web/Dockerfile' 'echo x >>base/data'; do
		rm -rf "$BATS_TEST_TMPDIR/elsewhere"
		cp -a . "$BATS_TEST_TMPDIR/elsewhere"
		rm -rf "$BATS_TEST_TMPDIR/elsewhere/.cbuild"
		(cd "$BATS_TEST_TMPDIR/elsewhere" && eval "$change")
		elsewhere --no-load --platforms=linux/amd64 web
		equal "$status" 3
	done
	rm -rf "$BATS_TEST_TMPDIR/elsewhere"
	cp -a . "$BATS_TEST_TMPDIR/elsewhere"
	rm -rf "$BATS_TEST_TMPDIR/elsewhere/.cbuild"
	touch "$BATS_TEST_TMPDIR/elsewhere/web/own"
	elsewhere --no-load --platforms=linux/amd64 web
	equal "$status" 0
}

@test "what a push needs only by name is not downloaded" {
	shared named
	cb --no-load all
	log_clear plain
	elsewhere --no-load --push --tag=v1 all
	equal "$status" 0
	equal "$(log_count plain '"GET /v2/named/[a-z]*/blobs/.* 200')" 6
	equal "$(log_count plain '"(POST|PATCH) ')" 0
	[ "$(du -sk "$BATS_TEST_TMPDIR/elsewhere/.cbuild/oci/blobs" | cut -f1)" -lt 90 ]
	skopeo copy -q --all --src-tls-verify=false "docker://$(registry_host plain)/named/web:v1" "oci:$BATS_TEST_TMPDIR/pulled"
	elsewhere fsck
	equal "$status" 0
	elsewhere --no-load --push --tag=v1 all
	equal "$status" 0
	# A load needs the layers, and brings them.
	elsewhere --no-load web
	equal "$status" 0
	equal "$(images "$BATS_TEST_TMPDIR/elsewhere" | grep -c web:latest)" 1
}

@test "reading and writing can be left out; an unlocked base cannot be shared" {
	shared options
	sed -i 's/cache: .*/cache: {registry: true, read_only: true}/' services.yaml
	log_clear plain
	cb --no-load other
	equal "$(log_count plain 'PUT|POST')" 0
	sed -i 's/cache: .*/cache: {registry: true}/' services.yaml
	cb --no-load -B other
	equal "$(log_count plain '"PUT /v2/options/other/manifests/cbuild-[0-9a-f]{64} ')" 2
	log_clear plain
	elsewhere --no-load --no-cache-read other
	equal "$status" 3
	equal "$(log_count plain HTTP)" 0
	elsewhere -n other
	equal "$(log_count plain HTTP)" 0
	printf 'FROM localhost:1/some/base:1\nCOPY own /\n' >other/Dockerfile
	rm -rf "$BATS_TEST_TMPDIR/elsewhere"
	elsewhere --no-load other
	equal "$status" 3
	grep -q 'not in the registry cache: its base localhost:1/some/base:1 is not locked: cbuild lock' "$err"
}

@test "a registry that is not there, and one that may not be written, are told and no failure" {
	shared away
	sed -i "s|registry: .*/away|registry: localhost:1/away|" services.yaml
	echo 'registries: {"localhost:1": {timeout: 2s}}' >>services.yaml
	cb --no-load all
	equal "$status" 0
	equal "$(grep -c 'not taken from the registry cache: localhost:1' "$err")" 1
	equal "$(grep -c 'not stored in the registry cache: localhost:1' "$err")" 1
}

@test "two pipelines at once are safe" {
	shared twice
	cp -a . "$BATS_TEST_TMPDIR/second"
	(cd "$BATS_TEST_TMPDIR/second" && "$cbuild" -q --no-load all) 3>&- &
	cb --no-load all
	equal "$status" 0
	wait $!
	elsewhere --no-load all
	equal "$status" 0
}

# tamper FILTER: every cached index of `other` in the registry is what jq makes of it.
tamper()
{
	local tag repository
	repository=http://$(registry_host plain)/v2/$1/other
	for tag in $(curl -fs "$repository/tags/list" | jq -r '.tags[] | select(startswith("cbuild-"))'); do
		curl -fs -H 'Accept: application/vnd.oci.image.index.v1+json' "$repository/manifests/$tag" | jq -c "$2" >"$BATS_TEST_TMPDIR/index"
		curl -fs -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary "@$BATS_TEST_TMPDIR/index" "$repository/manifests/$tag"
	done
}

@test "an object that is not what it should be is a miss, and told" {
	shared wrong
	cb --no-load other
	equal "$status" 0
	other=$(curl -fs -H 'Accept: application/vnd.oci.image.index.v1+json' "http://$(registry_host plain)/v2/wrong/other/tags/list" | jq -r '.tags[0]')
	for change in '.annotations["dev.cbuild.key"] = "sha256:'"$(printf '0%.0s' $(seq 64))"'":another key' \
		'.annotations["dev.cbuild.identity"] = "sha256:'"$(printf '1%.0s' $(seq 64))"'":it is another image' \
		'.annotations["dev.cbuild.identity"] = "x":does not say which image' \
		'del(.annotations):another key' \
		'.manifests[0].platform.architecture = "riscv64":not one image for the platform' \
		'.manifests += .manifests:not one image for the platform'; do
		cp -a .cbuild "$BATS_TEST_TMPDIR/kept"
		tamper wrong "${change%:*}"
		rm -rf "$BATS_TEST_TMPDIR/elsewhere"
		elsewhere --no-load other
		equal "$status" 3
		grep -q "not taken from the registry cache: .*${change##*:}" "$err"
		# The one who builds it anew puts it right.
		cb --no-load -B other
		equal "$status" 0
		rm -rf "$BATS_TEST_TMPDIR/elsewhere"
		elsewhere --no-load other
		equal "$status" 0
	done
	# A layer that is gone, and one with other bytes.
	layer=$(jq -r '.layers[0].digest' "$(blob "$(image_manifest "$(registry_host plain)/wrong/other:latest" linux/amd64)")")
	file=$registries/plain/data/docker/registry/v2/blobs/sha256/${layer:7:2}/${layer:7}/data
	cp "$file" "$BATS_TEST_TMPDIR/layer"
	tr a-z b-za <"$BATS_TEST_TMPDIR/layer" >"$file"
	rm -rf "$BATS_TEST_TMPDIR/elsewhere"
	elsewhere --no-load other
	equal "$status" 3
	grep -q 'not taken from the registry cache: .*unexpected digest' "$err"
	rm "$file"
	rm -rf "$BATS_TEST_TMPDIR/elsewhere"
	elsewhere --no-load other
	equal "$status" 3
	grep -q 'not taken from the registry cache' "$err"
}

@test "with a step before the build the key is known late, and the result is taken then" {
	shared step
	cat >>services.yaml <<-'EOF'
		  made:
		    build: made
		    prepare: {run: [cp, own.in, made/own], inputs: [own.in], outputs: [made/own]}
	EOF
	printf 'FROM scratch\nCOPY own /own\n' | dockerfile made
	echo made >own.in
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\necho "$*" >>%s\nexec %s "$@"\n' "$BATS_TEST_TMPDIR/asked" "$(command -v buildah)" \
		>"$BATS_TEST_TMPDIR/bin/buildah"
	chmod +x "$BATS_TEST_TMPDIR/bin/buildah"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH cb --no-load made
	equal "$status" 0
	grep '^build --platform' "$BATS_TEST_TMPDIR/asked"
	rm "$BATS_TEST_TMPDIR/asked"
	cp -a . "$BATS_TEST_TMPDIR/again"
	cd "$BATS_TEST_TMPDIR/again"
	rm -rf .cbuild made/own
	PATH=$BATS_TEST_TMPDIR/bin:$PATH cb --no-load made
	equal "$status" 0
	grep -q 'taken from the registry cache' .cbuild/logs/1/build-made*.log
	run ! grep '^build --platform' "$BATS_TEST_TMPDIR/asked"
}

@test "a registry that lies about a result gives none, and sees no login elsewhere" {
	hostile_start thief
	shared lies hostile
	printf 'registries: {"%s": {timeout: 2s}}\n' "$(registry_host hostile)" >>services.yaml
	rules hostile
	login_file hostile tester secret
	cb --no-load --platforms=linux/amd64 other
	equal "$status" 0
	for lie in 'GET manifests/cbuild 9 flip' 'GET manifests/cbuild 9 endless' 'GET manifests/cbuild 9 slow' \
		"GET manifests/cbuild 9 digest sha256:$(printf '0%.0s' {1..64})" 'GET manifests/cbuild 9 type text/html' \
		'GET manifests/cbuild 9 body {"schemaVersion":2,"manifests":[],"layers":[],"config":{}}' \
		'GET manifests/sha256 9 flip' 'GET manifests/sha256 9 status 404' 'GET manifests/sha256 9 truncate' \
		'GET blobs/sha256 9 flip' 'GET blobs/sha256 9 endless' 'GET blobs/sha256 9 long' 'GET blobs/sha256 2-9 flip' \
		'GET blobs/sha256 2-9 endless' 'GET blobs/sha256 2-9 slow' 'GET blobs/sha256 2-9 status 404' '* . 99 status 500'; do
		rules hostile "$lie"
		rm -rf "$BATS_TEST_TMPDIR/elsewhere"
		elsewhere --no-load --platforms=linux/amd64 other
		equal "$status" 3
		grep -q 'not taken from the registry cache: ' "$err"
	done
	# What passes, and what is only asked to wait.
	for trouble in 'GET manifests/cbuild 1 status 429 1' 'GET blobs/sha256 1 cut' 'GET manifests/sha256 1 status 503'; do
		rules hostile "$trouble"
		rm -rf "$BATS_TEST_TMPDIR/elsewhere"
		elsewhere --no-load --platforms=linux/amd64 other
		equal "$status" 0
	done
	log_clear thief
	rules hostile 'GET manifests/cbuild 1 basic' "GET blobs/sha256 9 redirect http://localhost:$(registry_port thief)"
	rm -rf "$BATS_TEST_TMPDIR/elsewhere"
	elsewhere --no-load --platforms=linux/amd64 other
	equal "$status" 3
	[ "$(log_count hostile 'Basic')" -gt 0 ]
	[ "$(log_count thief 'GET')" -gt 0 ]
	equal "$(log_count thief 'Basic')" 0
	rules hostile
}

@test "a registry that lies about a base is refused" {
	shared base hostile
	rules hostile
	cb --no-load --push --tag=1 other
	equal "$status" 0
	project user
	rm -rf rootfs .cbuild services.lock
	printf 'FROM %s/base/other:1\nCOPY own /own\n' "$(registry_host hostile)" | dockerfile web
	echo own >web/own
	printf 'registry: localhost:1/none\nregistries: {"%s": {timeout: 2s}}\nservices: {web: {build: web}}\n' "$(registry_host hostile)" >services.yaml
	for lie in 'GET manifests/1 9 flip' "GET manifests/1 9 digest sha256:$(printf '0%.0s' {1..64})" 'GET manifests/1 9 endless' \
		'GET manifests/1 9 slow' 'GET manifests/1 9 type text/html' 'GET manifests/1 9 status 429 60' \
		'GET manifests/1 9 body {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:../../x","size":1,"platform":{"os":"linux","architecture":"amd64"}}]}'; do
		rules hostile "$lie"
		cb lock
		equal "$status" 4
		[ ! -e services.lock ]
	done
	cb --no-load web
	equal "$status" 4
	rules hostile 'GET manifests/1 1 status 429 1'
	cb lock
	equal "$status" 0
}
