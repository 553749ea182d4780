#!/usr/bin/env bats
# Pushing to real registries: plain, with TLS and passwords, and with tokens.

. "$BATS_TEST_DIRNAME/../lib/release"

setup_file()
{
	release_begin
	registry_start plain
	registry_start closed tls htpasswd
	token_start tokens 300
	registry_start bearer token=tokens
	release_built begin_history
}

begin_history()
{
	git init -q .
	commit one
}

setup()
{
	project release
	rm -rf "$DOCKER_CONFIG"
}

commit()
{
	git add -A
	git -c user.name=t -c user.email=t@example.com commit -q --allow-empty -m "$1"
}

# ---- what is pushed ----

@test "a push brings every platform, and the tags come last" {
	to plain first
	log_clear plain
	push all
	equal "$status" 0
	equal "$(finished | grep -E '^(push|tag)')" "$(lines 'push web' 'push api' 'push worker' 'tag web' 'tag api' 'tag worker')"
	for service in web api worker; do
		grep -Eq "^  (built|fresh) +$DOCKER_REGISTRY/$service:v1 +[0-9a-f]{12}( +verified)?  pushed$" "$err"
		remote "$DOCKER_REGISTRY/$service:v1" >"$BATS_TEST_TMPDIR/remote"
		equal "$(jq -c '[.manifests[] | [.platform.architecture, .digest]]' "$BATS_TEST_TMPDIR/remote")" \
			"$("$cbuild" images "$service" --format=json | jq -c '[.images[0].platforms[] | [(.platform | split("/")[1]), .digest]]')"
		equal "$(remote "$DOCKER_REGISTRY/$service:latest" | sha256sum)" "$(sha256sum <"$BATS_TEST_TMPDIR/remote")"
	done
	# No tag is put before the last content.
	tr -d '\0' <"$registries/plain/log" | grep -o '"PUT [^ ]*' >"$BATS_TEST_TMPDIR/puts"
	cat "$BATS_TEST_TMPDIR/puts"
	equal "$(sed -n '/manifests\/\(v1\|latest\)/,$p' "$BATS_TEST_TMPDIR/puts" | grep -vcE 'manifests/(v1|latest)')" 0
	# What web and api share, a layer and a config, was sent once.
	equal "$(grep -E '/(web|api)/blobs' "$BATS_TEST_TMPDIR/puts" | grep -o 'digest=.*' | sort | uniq -d)" ""
	cat .cbuild/logs/*/push-{web,api}.log | grep -q ' [12] mounted from another repository'
}

@test "the pushed index says where it comes from; another tool can pull it" {
	git remote add origin https://someone:hidden@git.example.com/acme/shop.git
	to plain origin
	push web
	equal "$status" 0
	inspect "$DOCKER_REGISTRY/web:v1" --format=json
	equal "$(jq -r '.annotations["org.opencontainers.image.revision"]' "$out")" "$(git rev-parse HEAD)"
	equal "$(jq -r '.annotations["org.opencontainers.image.source"]' "$out")" https://git.example.com/acme/shop
	equal "$(jq -r '.annotations["org.opencontainers.image.created"]' "$out")" 2023-11-14T22:13:20Z
	equal "$(jq -r '[.platforms[].platform] | join(" ")' "$out")" "linux/amd64 linux/arm64"
	skopeo copy -q --all --src-tls-verify=false "docker://$DOCKER_REGISTRY/web:v1" "oci:$BATS_TEST_TMPDIR/pulled"
}

@test "without an index an image of one platform is its manifest, whatever the commit" {
	sed -i 's|api: {build|api: {index: never, build|' services.yaml
	to plain bare
	push api web
	equal "$status" 0
	remote "$DOCKER_REGISTRY/api:v1" >"$BATS_TEST_TMPDIR/first"
	equal "$(jq -r '.mediaType, (.layers | length)' "$BATS_TEST_TMPDIR/first")" "$(printf 'application/vnd.oci.image.manifest.v1+json\n1')"
	equal "$(remote "$DOCKER_REGISTRY/web:v1" | jq '.manifests | length')" 2
	digest=sha256:$(sha256sum <"$BATS_TEST_TMPDIR/first" | cut -d' ' -f1)
	cb -f services.yaml -f settings.yaml images api --format=env
	equal "$(cat "$out")" "API_IMAGE=$DOCKER_REGISTRY/api@$digest"
	commit "nothing of it counts"
	log_clear plain
	push api
	equal "$status" 0
	grep -q 'nothing to do' "$err"
	equal "$(log_count plain HTTP/1)" 2
	cb -f services.yaml -f settings.yaml images --remote api
	equal "$(grep -c '^  same' "$out")" 2
	sed -i 's|web: {build|web: {index: never, build|' services.yaml
	push web
	equal "$status" 2
	grep -q '"index: never" is for an image of one platform, and "web" is for linux/amd64, linux/arm64' "$err"
	push --platforms=linux/amd64 --partial web
	equal "$status" 0
	sed -i 's|index: never, ||' services.yaml
	commit "as before"
}

@test "annotations stand where the manifest says, and labels with a meaning for everybody on the index, too" {
	local arm title=org.opencontainers.image.title
	sed -i 's|web: {build: {|web: {build: {labels: {'$title': shop, own: x}, annotations: ["index:team=blue", "manifest[linux/arm64]:board=pi", "index,manifest:both=yes", "plain=p"], |' services.yaml
	to plain annotated
	push web
	equal "$status" 0
	remote "$DOCKER_REGISTRY/web:v1" >"$BATS_TEST_TMPDIR/index"
	equal "$(jq -c ".annotations | [.team, .both, .board, .plain, .own, .[\"$title\"], (.[\"org.opencontainers.image.revision\"][:40] | length)]" \
		"$BATS_TEST_TMPDIR/index")" '["blue","yes",null,null,null,"shop",40]'
	for arch in amd64 arm64; do
		arm=$(jq -r ".manifests[] | select(.platform.architecture == \"$arch\").digest" "$BATS_TEST_TMPDIR/index")
		remote "$DOCKER_REGISTRY/web@$arm" | jq -c .annotations >"$BATS_TEST_TMPDIR/$arch"
	done
	equal "$(cat "$BATS_TEST_TMPDIR/amd64")" '{"both":"yes","plain":"p"}'
	equal "$(cat "$BATS_TEST_TMPDIR/arm64")" '{"board":"pi","both":"yes","plain":"p"}'
	skopeo copy -q --all --src-tls-verify=false "docker://$DOCKER_REGISTRY/web:v1" "oci:$BATS_TEST_TMPDIR/pulled"
	push web
	grep -q 'nothing to do' "$err"
	# Another value of the index's moves the tags alone.
	log_clear plain
	sed -i 's|team=blue|team=red|' services.yaml
	push web
	equal "$status" 0
	equal "$(log_count plain 'POST|PATCH|blobs')" 0
	equal "$(remote "$DOCKER_REGISTRY/web:v1" | jq -r .annotations.team)" red
	sed -i 's|labels: {'$title'.*"plain=p"\], ||' services.yaml
	commit "as before"
}

@test "with Docker's media types all that is pushed has them, whatever the commit" {
	local docker=application/vnd.docker
	sed -i 's|web: {build|web: {media_types: docker, build|; s|api: {build|api: {media_types: docker, index: never, build|' services.yaml
	to plain schema2
	push all
	equal "$status" 0
	remote "$DOCKER_REGISTRY/web:v1" >"$BATS_TEST_TMPDIR/list"
	equal "$(jq -r '.mediaType, .manifests[].mediaType, (.annotations | tostring)' "$BATS_TEST_TMPDIR/list" | uniq)" \
		"$(printf '%s\n' $docker.distribution.manifest.list.v2+json $docker.distribution.manifest.v2+json null)"
	for image in "web@$(jq -r '.manifests[0].digest' "$BATS_TEST_TMPDIR/list")" api:v1; do
		equal "$(remote "$DOCKER_REGISTRY/$image" | jq -r '.mediaType, .config.mediaType, .layers[].mediaType')" \
			"$(printf '%s\n' $docker.distribution.manifest.v2+json $docker.container.image.v1+json $docker.image.rootfs.diff.tar.gzip)"
	done
	equal "$(remote "$DOCKER_REGISTRY/worker:v1" | jq -r .mediaType)" application/vnd.oci.image.index.v1+json
	skopeo copy -q --all --src-tls-verify=false "docker://$DOCKER_REGISTRY/web:v1" "dir:$BATS_TEST_TMPDIR/pulled"
	commit "nothing of it counts"
	push web api
	equal "$status" 0
	grep -q 'nothing to do' "$err"
	cb -f services.yaml -f settings.yaml images --remote web api
	equal "$(grep -c '^  same' "$out")" 4
	# Only the manifest is another one: the config, by which engines and keys know the image, is not.
	equal "$(remote "$DOCKER_REGISTRY/web@$(jq -r '.manifests[0].digest' "$BATS_TEST_TMPDIR/list")" | jq -r .config.digest)" \
		"$(skopeo inspect --raw --tls-verify=false "docker://$DOCKER_REGISTRY/api:v1" | jq -r .config.digest)"
	sed -i 's|media_types: docker, build: {context: web|media_types: docker, build: {provenance: true, context: web|' services.yaml
	push web
	equal "$status" 2
	grep -q 'has no place for the provenance and SBOM of "web"' "$err"
	sed -i 's|media_types: docker, ||; s|index: never, ||; s|provenance: true, ||' services.yaml
	commit "as before"
}

@test "with nothing new a push costs one HEAD a tag, and a dry run none" {
	to plain nothing
	push all
	equal "$status" 0
	log_clear plain
	push -n all
	equal "$(log_count plain 'HTTP/1')" 0
	grep -q '^0 to do' "$out"
	push all
	equal "$status" 0
	grep -q 'nothing to do' "$err"
	equal "$(log_count plain '"HEAD /v2/nothing/(web|api|worker)/manifests/(v1|latest) ')" 6
	equal "$(log_count plain 'HTTP/1')" 6
}

@test "a commit that changes no input keeps what is published: one HEAD a tag, from any checkout" {
	to plain stays
	push all
	equal "$status" 0
	first=$(git rev-parse HEAD)
	commit "nothing of it counts"
	log_clear plain
	push -n all
	grep -q '^0 to do' "$out"
	push all
	equal "$status" 0
	grep -q 'nothing to do' "$err"
	equal "$(log_count plain '"HEAD ')" 6
	equal "$(log_count plain 'HTTP/1')" 6
	inspect "$DOCKER_REGISTRY/web:v1" --format=json
	equal "$(jq -r '.annotations["org.opencontainers.image.revision"]' "$out")" "$first"
	digest=$(jq -r .digest "$out")
	# A machine that has built the same without knowing of the push publishes nothing new, either, and a further tag is of the same index.
	mv .cbuild .cbuild.away
	log_clear plain
	push all --tag=v1,latest,v2
	mv .cbuild "$BATS_TEST_TMPDIR/other"
	mv .cbuild.away .cbuild
	equal "$status" 0
	grep -q '3 pushed (0 B sent), 3 tagged' "$err"
	equal "$(log_count plain '"PUT /v2/stays/[^/]*/manifests/')" 3
	equal "$(log_count plain '"PUT /v2/stays/[^/]*/manifests/v2 ')" 3
	inspect "$DOCKER_REGISTRY/web:v2" --format=json
	equal "$(jq -r .digest "$out")" "$digest"
	# In another repository, too.
	to plain stays-elsewhere
	push web
	equal "$status" 0
	inspect "$DOCKER_REGISTRY/web:v1" --format=json
	equal "$(jq -r .digest "$out")" "$digest"
	# Another image has the commit that made it; with the first one again, the first index is back.
	to plain stays
	cp web/data "$BATS_TEST_TMPDIR/data"
	echo other >web/data
	commit "another image"
	push web
	inspect "$DOCKER_REGISTRY/web:v1" --format=json
	equal "$(jq -r '.annotations["org.opencontainers.image.revision"]' "$out")" "$(git rev-parse HEAD)"
	cp "$BATS_TEST_TMPDIR/data" web/data
	commit "as before"
	push web
	inspect "$DOCKER_REGISTRY/web:v1" --format=json
	equal "$(jq -r .digest "$out")" "$digest"
}

@test "with revision: every, a commit that changes no input moves the tags and sends nothing" {
	to plain retag
	sed -i '/^registries/i revision: every' settings.yaml
	push all
	commit "nothing of it counts"
	log_clear plain
	push -n all
	grep -q 'push:web .*option annotation org.opencontainers.image.revision' "$out"
	push all
	equal "$status" 0
	equal "$(log_count plain '"(POST|PATCH) ')" 0
	equal "$(log_count plain '"PUT /v2/retag/[^/]*/blobs/')" 0
	grep -q '3 pushed (0 B sent), 3 tagged' "$err"
	inspect "$DOCKER_REGISTRY/api:latest" --format=json
	equal "$(jq -r '.annotations["org.opencontainers.image.revision"]' "$out")" "$(git rev-parse HEAD)"
}

@test "a retag of many services takes three requests a tag, and what is lost meanwhile is sent again" {
	project many
	rm -rf rootfs .cbuild
	mkdir -p one
	echo one >one/data
	printf 'FROM scratch\nCOPY data /data\n' >one/Dockerfile
	printf '.cbuild\nsettings.yaml\n' >.gitignore
	printf 'registry: ${DOCKER_REGISTRY}\nrevision: every\nplatforms: [linux/amd64]\nservices:\n' >services.yaml
	for number in $(seq 100); do
		echo "  s$number: {build: one}"
	done >>services.yaml
	[ -d .git ] || git init -q .
	commit one
	to plain many
	push all
	equal "$status" 0
	commit two
	log_clear plain
	push all
	equal "$status" 0
	grep -q '100 pushed (0 B sent), 100 tagged' "$err"
	equal "$(log_count plain 'HTTP/1')" 300
	remote "$DOCKER_REGISTRY/s20:latest" | grep -q "$(git rev-parse HEAD)"
	# The manifests of one are gone: the registry says so, and gets them.
	rm -rf "$registries/plain/data/docker/registry/v2/repositories/many/s7/_manifests"
	commit three
	push all
	equal "$status" 0
	skopeo copy -q --all --src-tls-verify=false "docker://$DOCKER_REGISTRY/s7:latest" "oci:$BATS_TEST_TMPDIR/s7"
}

@test "a tag that was removed or moved comes back; a new one needs no content" {
	to plain moved
	push all
	digest=$(remote "$DOCKER_REGISTRY/web:v1" | sha256sum | cut -d' ' -f1)
	skopeo copy -q --all --src-tls-verify=false --dest-tls-verify=false "docker://$DOCKER_REGISTRY/api:v1" "docker://$DOCKER_REGISTRY/web:v1"
	push all
	equal "$status" 0
	equal "$(finished)" "$(lines 'push web' 'tag web')"
	grep -q 'push web (.*/web:v1 is ' "$err"
	equal "$(remote "$DOCKER_REGISTRY/web:v1" | sha256sum | cut -d' ' -f1)" "$digest"
	curl -fsX DELETE "http://$(registry_host plain)/v2/moved/web/manifests/sha256:$digest"
	push all
	equal "$(remote "$DOCKER_REGISTRY/web:v1" | sha256sum | cut -d' ' -f1)" "$digest"
	log_clear plain
	push all --tag=v2
	equal "$status" 0
	equal "$(remote "$DOCKER_REGISTRY/web:v2" | sha256sum | cut -d' ' -f1)" "$digest"
	equal "$(log_count plain '"PUT /v2/moved/web/')" 1
}

@test "tags can follow git, and more can be put without pulling" {
	git tag -f v1.4.2
	git branch -M feature/x
	sed -i 's/^tags: .*/tags: ["${git.semver:-dev}", "${git.semver.minor:-dev}", "${git.semver.major:-dev}", "${git.slug}", "${git.date}"]/' services.yaml
	commit "tags" && git tag -f v1.4.2
	to plain tags
	push web
	equal "$status" 0
	for tag in 1.4.2 1.4 1 feature-x "$(git log -1 --format=%cd --date=format-local:%Y%m%d)"; do
		TZ=UTC remote "$DOCKER_REGISTRY/web:$tag" >/dev/null
	done
	echo '# dirty' >>services.yaml
	push -n web
	cb -f services.yaml images web --format=json
	equal "$(jq -r '.images[0].tags[0]' "$out")" 1.4.2
	cb -f services.yaml -f settings.yaml list --format=json
	grep -q dev "$out"
	git checkout -q services.yaml
	log_clear plain
	cb -f services.yaml -f settings.yaml tag web stable 1.4.2-final --format=json
	equal "$status" 0
	equal "$(log_count plain HTTP/1)" 2
	equal "$(jq -c '[.version, .tags[].reference]' "$out")" "[1,\"$DOCKER_REGISTRY/web:stable\",\"$DOCKER_REGISTRY/web:1.4.2-final\"]"
	equal "$(remote "$DOCKER_REGISTRY/web:stable")" "$(remote "$DOCKER_REGISTRY/web:1.4.2")"
	cb -f services.yaml -f settings.yaml tag web 'not a tag'
	equal "$status" 2
	# Another checkout knows of no push.
	mv .cbuild .cbuild.away
	cb -f services.yaml -f settings.yaml tag web elsewhere
	equal "$status" 0
	rm -rf .cbuild
	mv .cbuild.away .cbuild
	equal "$(remote "$DOCKER_REGISTRY/web:elsewhere")" "$(remote "$DOCKER_REGISTRY/web:1.4.2")"
	cb -f services.yaml -f settings.yaml tag api x
	equal "$status" 4
	grep -q 'push it first' "$err"
	git checkout -q HEAD~1 services.yaml
	commit "as before"
}

@test "a release is promoted: copied by digest to another repository and another registry, with what is about it" {
	registry_start prod
	to plain promoted
	push web api
	digest=$(remote "$DOCKER_REGISTRY/web:v1" | sha256sum | cut -d' ' -f1)
	skopeo copy -q --all --src-tls-verify=false --dest-tls-verify=false "docker://$DOCKER_REGISTRY/api:v1" "docker://$DOCKER_REGISTRY/web:sha256-$digest.sig"
	log_clear plain
	log_clear prod
	for from in here elsewhere; do
		[ $from = here ] || mv .cbuild .cbuild.away
		cb -f services.yaml -f settings.yaml tag web "$(registry_host plain)/shop/web:$from" "$(registry_host prod)/shop/web:$from" "stable-$from"
		[ $from = here ] || { rm -rf .cbuild; mv .cbuild.away .cbuild; }
		equal "$status" 0
		for name in "$(registry_host plain)/shop/web:$from" "$(registry_host prod)/shop/web:$from" "$DOCKER_REGISTRY/web:stable-$from"; do
			equal "$(remote "$name" | sha256sum | cut -d' ' -f1)" "$digest"
			equal "$(remote "${name%:*}:sha256-$digest.sig" | sha256sum)" "$(remote "$DOCKER_REGISTRY/api:v1" | sha256sum)"
			skopeo copy -q --all --src-tls-verify=false "docker://$name" "oci:$BATS_TEST_TMPDIR/pulled:$from-${#name}"
		done
		equal "$(find "${TMPDIR:-/var/tmp}" -maxdepth 1 -name 'cbuild-tag-*')" ""
	done
	# Within a registry nothing is sent; the second time nothing is looked for. The tags come last.
	equal "$(log_count plain '"POST /v2/shop/web/blobs/uploads/\?mount=')" "$(log_count plain '"POST /v2/shop/')"
	equal "$(log_count plain '"(PATCH|PUT) /v2/shop/web/blobs/')" 0
	equal "$(log_count prod '"PUT /v2/shop/web/blobs/')" "$(log_count prod '"POST /v2/shop/web/blobs/')"
	equal "$(tr -d '\0' <"$registries/prod/log" | grep -o '"PUT [^ ]*manifests[^ ]*' | sed -n 's|.*/||; s|sha256:.*|digest|; s|sha256-.*|signature|; p' | uniq | tr '\n' ' ')" \
		"digest signature here elsewhere "
	cb -f services.yaml -f settings.yaml tag web "$(registry_host prod)/shop/web"
	equal "$status" 2
	grep -q 'has no tag: write HOST/PATH:TAG' "$err"
	cb -f services.yaml -f settings.yaml tag worker "$(registry_host prod)/shop/worker:1"
	equal "$status" 4
	grep -q 'push it first' "$err"
	! remote "$(registry_host prod)/shop/worker:1"
}

@test "fewer platforms than a tag has are refused before anything is built, dropped, or joined with what it has" {
	to plain fewer
	sed -i '/^  api:/d' services.yaml # it is for one platform
	push web
	equal "$status" 0
	whole=$(remote "$DOCKER_REGISTRY/web:v1" | sha256sum)
	architectures()
	{
		remote "$DOCKER_REGISTRY/web:$1" | jq -r '[.manifests[].platform.architecture] | join(" ")'
	}
	push web --platforms=linux/amd64
	equal "$status" 4
	grep -q "$DOCKER_REGISTRY/web:v1 also has linux/arm64, which this push would take from it" "$err"
	[ -z "$(started)" ]
	equal "$(remote "$DOCKER_REGISTRY/web:v1" | sha256sum)" "$whole"
	BUILD_PLATFORMS=linux/amd64 push web --partial --merge-platforms
	equal "$status" 2
	# Joined with the same images it is the same index.
	push web --platforms=linux/amd64 --merge-platforms
	equal "$status" 0
	equal "$(remote "$DOCKER_REGISTRY/web:v1" | sha256sum)" "$whole"
	# Two jobs, and a moving tag that has both platforms at any time.
	cp web/data "$BATS_TEST_TMPDIR/data"
	echo other >web/data
	push web --platforms=linux/amd64 --merge-platforms --tag=v2,latest
	equal "$status" 0
	grep -q "web:latest stays as it is: it has platforms that .*/web:v2 has not yet" "$err"
	equal "$(architectures v2)" amd64
	equal "$(remote "$DOCKER_REGISTRY/web:latest" | sha256sum)" "$whole"
	mv .cbuild .cbuild.away
	push web --platforms=linux/arm64 --merge-platforms --tag=v2,latest
	equal "$status" 0
	rm -rf .cbuild
	mv .cbuild.away .cbuild
	equal "$(architectures v2)" "amd64 arm64"
	equal "$(remote "$DOCKER_REGISTRY/web:latest" | sha256sum)" "$(remote "$DOCKER_REGISTRY/web:v2" | sha256sum)"
	skopeo copy -q --all --src-tls-verify=false "docker://$DOCKER_REGISTRY/web:v2" "oci:$BATS_TEST_TMPDIR/v2"
	push web --platforms=linux/amd64 --partial
	equal "$status" 0
	equal "$(architectures v1)" amd64
	# A platform that the manifest has no more may go.
	push web
	equal "$(architectures v1)" "amd64 arm64"
	sed -i 's|context: web, platforms: .linux/amd64, linux/arm64.|context: web, platforms: [linux/amd64]|' services.yaml
	push web
	equal "$status" 0
	equal "$(architectures v1)" amd64
	git checkout -q services.yaml
	cp "$BATS_TEST_TMPDIR/data" web/data
}

@test "what jobs have pushed by digest is joined under the tags" {
	to plain jobs
	cp services.yaml "$BATS_TEST_TMPDIR/services.yaml"
	sed -i '/^  api:/d' services.yaml
	for platform in linux/arm64 linux/amd64; do
		mv .cbuild .cbuild.away
		push web --by-digest --platforms=$platform
		equal "$status" 0
		cb images web --format=env
		sed 's/.*=//' "$out" >>"$BATS_TEST_TMPDIR/digests"
		rm -rf .cbuild
		mv .cbuild.away .cbuild
	done
	equal "$(curl -s "http://$(registry_host plain)/v2/jobs/web/tags/list" | jq -c .tags)" null
	mapfile -t digests <"$BATS_TEST_TMPDIR/digests"
	join()
	{
		cb -f services.yaml -f settings.yaml join "$@"
	}
	join web "${digests[0]}"
	equal "$status" 2
	grep -q 'no image of "web" for linux/amd64 is named' "$err"
	join web "$(registry_host plain)/other/web@${digests[1]#*@}"
	equal "$status" 2
	grep -q 'is not in the repository of "web"' "$err"
	join web "sha256:$(printf '0%.0s' $(seq 64))"
	equal "$status" 4
	log_clear plain
	join web "${digests[@]}"
	equal "$status" 0
	equal "$(remote "$DOCKER_REGISTRY/web:v1" | jq -r '[.manifests[].platform.architecture] | join(" ")')" "amd64 arm64"
	equal "$(log_count plain '"PUT ')" 2
	skopeo copy -q --all --src-tls-verify=false "docker://$DOCKER_REGISTRY/web:v1" "oci:$BATS_TEST_TMPDIR/joined"
	# It is what a push of both is; joined again at another commit it stays.
	digest=$(remote "$DOCKER_REGISTRY/web:v1" | sha256sum)
	commit "nothing of it counts"
	log_clear plain
	join web "${digests[1]#*@}" "${digests[0]#*@}" --tag=v1,latest,v2
	equal "$status" 0
	equal "$(log_count plain '"PUT ')" 1
	push web
	equal "$status" 0
	for tag in v1 v2 latest; do
		equal "$(remote "$DOCKER_REGISTRY/web:$tag" | sha256sum)" "$digest"
	done
	equal "$(log_count plain '"(PUT|POST) ')" 1
	cp "$BATS_TEST_TMPDIR/services.yaml" services.yaml
	commit "as before"
}

@test "what was pushed is named to other tools by the registry's digest" {
	to plain named
	push web
	digest=sha256:$(remote "$DOCKER_REGISTRY/web:v1" | sha256sum | cut -d' ' -f1)
	cb images web --format=env
	equal "$(cat "$out")" "WEB_IMAGE=$DOCKER_REGISTRY/web@$digest"
	cb images web --format=kustomize
	printf 'images:\n  - name: web\n    newName: %s/web\n    digest: %s\n' "$DOCKER_REGISTRY" "$digest" | diff - "$out"
	cb images web --format=helm
	equal "$(python3 -c 'import json, yaml, sys; print(json.dumps(yaml.safe_load(sys.stdin)))' <"$out" | jq -c .)" \
		"{\"web\":{\"image\":{\"repository\":\"$DOCKER_REGISTRY/web\",\"tag\":\"v1\",\"digest\":\"$digest\"}}}"
	cb images web --format=compose
	equal "$(cat "$out")" "$(printf 'services:\n  web:\n    build: !reset null\n    image: "%s"' "$DOCKER_REGISTRY/web@$digest")"
	# Over the manifest it is what was pushed, and nothing is built.
	cp "$out" pushed.yaml
	cb -f services.yaml -f pushed.yaml list
	equal "$status" 0
	grep -E "^web +$DOCKER_REGISTRY/web@$digest" "$out"
	cb -f services.yaml -f pushed.yaml hash
	equal "$(grep -c build:web: "$out")" 0
	cb images web --format=github
	grep -qx "web=$DOCKER_REGISTRY/web@$digest" "$out"
	for platform in amd64 arm64; do
		grep -qx "web_linux_$platform=$DOCKER_REGISTRY/web@$(remote "$DOCKER_REGISTRY/web:v1" |
			jq -r ".manifests[] | select(.platform.architecture == \"$platform\") | .digest")" "$out"
	done
	equal "$(sed -n 's/^images=//p' "$out" | jq -r '.images[0].pushed')" "$digest"
	GITHUB_OUTPUT=$BATS_TEST_TMPDIR/output GITHUB_STEP_SUMMARY=$BATS_TEST_TMPDIR/summary cb images web --format=github
	[ ! -s "$out" ]
	grep -qx "web=$DOCKER_REGISTRY/web@$digest" "$BATS_TEST_TMPDIR/output"
	grep -q "$digest.*linux/amd64.*sha256:.*linux/arm64.*sha256:" "$BATS_TEST_TMPDIR/summary"
	# A run in a workflow says it itself, also when there is nothing to do, and nowhere else.
	for expected in "" output; do
		GITHUB_ACTIONS=${expected:+true} GITHUB_OUTPUT=$BATS_TEST_TMPDIR/run GITHUB_STEP_SUMMARY=$BATS_TEST_TMPDIR/said push web
		equal "$status" 0
		[ -n "$expected" ] || [ ! -e "$BATS_TEST_TMPDIR/run" ]
	done
	diff "$BATS_TEST_TMPDIR/run" "$BATS_TEST_TMPDIR/output"
	diff "$BATS_TEST_TMPDIR/said" "$BATS_TEST_TMPDIR/summary"
	# What was built since is not what was pushed.
	echo changed >>web/data
	cb --no-load web
	cb images web --format=json
	equal "$(jq -r '.images[0].pushed' "$out")" null
	cb images web --format=env
	equal "$(cat "$out")" "WEB_IMAGE=$DOCKER_REGISTRY/web:v1"
	git checkout -q web
}

@test "images are compared with what the registry has" {
	to plain compared
	push web api worker
	skopeo copy -q --all --src-tls-verify=false --dest-tls-verify=false "docker://$DOCKER_REGISTRY/api:v1" "docker://$DOCKER_REGISTRY/web:v1"
	curl -fs -X DELETE "http://$(registry_host plain)/v2/compared/worker/manifests/$(remote "$DOCKER_REGISTRY/worker:v1" | sha256sum | sed 's/ .*//; s/^/sha256:/')"
	log_clear plain
	cb -f services.yaml -f settings.yaml images --remote
	equal "$status" 0
	equal "$(sed -nE 's/^  (same|differs|missing) +/\1 /p' "$out")" "$(printf '%s\n' "differs $DOCKER_REGISTRY/web:v1" "same $DOCKER_REGISTRY/web:latest" \
		"same $DOCKER_REGISTRY/api:v1" "same $DOCKER_REGISTRY/api:latest" "missing $DOCKER_REGISTRY/worker:v1" "missing $DOCKER_REGISTRY/worker:latest")"
	equal "$(log_count plain '"HEAD ')" 6
	# The same images with another commit's annotations are the same.
	push api
	cp -a . "$BATS_TEST_TMPDIR/elsewhere"
	(
		cd "$BATS_TEST_TMPDIR/elsewhere"
		commit "another one"
		sed -i '/^registries/i revision: every' settings.yaml
		push api
	)
	cb -f services.yaml -f settings.yaml images --remote --format=json api
	[ "$(jq -r '.images[0].remote[0].digest' "$out")" != "$(jq -r '.images[0].pushed' "$out")" ]
	equal "$(jq -r '.images[0].remote[] | .state' "$out" | sort -u)" same
}

@test "a registry that lost everything gets everything again" {
	registry_start lost
	to lost app
	push web
	kill "$(tail -n1 "$registries/pids")"
	rm -rf "$registries/lost/data"
	port=$(registry_port lost)
	docker-registry serve "$registries/lost/config.yml" >"$registries/lost/log" 2>&1 3>&- &
	echo $! >>"$registries/pids"
	until_true registry_answers "$port" $!
	push web
	equal "$status" 0
	skopeo copy -q --all --src-tls-verify=false "docker://$DOCKER_REGISTRY/web:v1" "oci:$BATS_TEST_TMPDIR/again"
}

@test "when something fails nothing is pushed, and with -k what is complete" {
	project broken
	release_project broken
	printf 'FROM scratch\nRUN ["/nonsuch"]\n' >worker/Dockerfile
	sed -i 's|api: {build: {context: api, platforms: \[linux/amd64\]}}|api: {build: {context: api, platforms: [linux/amd64]}, verify: {max_size: 1kB}}|' services.yaml
	to plain broken
	log_clear plain
	push all
	equal "$status" 1
	equal "$(log_count plain '"HEAD /v2/broken/[a-z]*/manifests/(v1|latest) ')" 6
	equal "$(log_count plain 'HTTP/1')" 6
	push -k all
	equal "$status" 1
	equal "$(finished | grep -E '^(push|tag)')" "$(lines 'push web' 'tag web')"
	equal "$(log_count plain '"PUT /v2/broken/(api|worker)/')" 0
	remote "$DOCKER_REGISTRY/web:v1" >/dev/null
}

@test "a name without a registry is refused before anything is built" {
	printf 'services: {solo: {build: web}}\n' >solo.yaml
	cb -f solo.yaml --push
	equal "$status" 2
	grep -q 'solo.yaml:1:.*cannot be pushed: its name has no registry' "$err"
	cb -f solo.yaml --push --tag='not a tag'
	equal "$status" 2
	[ -z "$(started)" ]
}

# ---- TLS and passwords ----

@test "a certificate of nobody known is refused, and the manifest can name its authority" {
	to closed app
	push api
	equal "$status" 4
	grep -q 'certificate' "$err"
	grep -q 'registries: {"localhost:[0-9]*": {ca: FILE}}' "$err"
	SSL_CERT_FILE=$registries/closed/cert.pem push api
	equal "$status" 4
	grep -q 'requires a login' "$err"
	to closed app "ca: $registries/closed/cert.pem"
	push api
	equal "$status" 4
	grep -q 'requires a login, but none was found' "$err"
	grep -q "cbuild login localhost" "$err"
	login_file closed tester wrong
	push api
	equal "$status" 4
	grep -q "refuses the login from $DOCKER_CONFIG/config.json" "$err"
	! grep -q wrong "$err"
	login_file closed tester secret
	push api
	equal "$status" 0
}

@test "login and logout write what docker reads" {
	to closed app "ca: $registries/closed/cert.pem"
	host=$(registry_host closed)
	mkdir -p "$DOCKER_CONFIG"
	echo '{"auths": {"other.example.com": {"auth": "YTpi"}}, "HttpHeaders": {"X": "y"}}' >"$DOCKER_CONFIG/config.json"
	cb -f services.yaml -f settings.yaml login -u tester --password-stdin "$host" <<<wrong
	equal "$status" 4
	equal "$(jq -r '.auths | keys | join(" ")' "$DOCKER_CONFIG/config.json")" other.example.com
	cb -f services.yaml -f settings.yaml login -u tester --password-stdin "$host" <<<secret
	equal "$status" 0
	equal "$(jq -r --arg host "$host" '.auths[$host].auth' "$DOCKER_CONFIG/config.json" | base64 -d)" tester:secret
	equal "$(jq -r '.auths["other.example.com"].auth + .HttpHeaders.X' "$DOCKER_CONFIG/config.json")" YTpiy
	equal "$(stat -c %a "$DOCKER_CONFIG/config.json")" 600
	# skopeo reads it as docker does
	skopeo list-tags --tls-verify=false --authfile "$DOCKER_CONFIG/config.json" "docker://$host/app/api" | jq -e '.Tags | index("v1")'
	push api
	equal "$status" 0
	cb -f services.yaml -f settings.yaml logout "$host"
	equal "$status" 0
	equal "$(jq -r '.auths | keys | join(" ")' "$DOCKER_CONFIG/config.json")" other.example.com
	push api
	equal "$status" 4
}

@test "helpers are asked, and what they do wrong is said" {
	to closed app "ca: $registries/closed/cert.pem"
	host=$(registry_host closed)
	mkdir -p "$DOCKER_CONFIG" bin
	cat >bin/docker-credential-tests <<-'EOF2'
		#!/bin/sh
		read -r server
		echo "$1 $server" >>"$(dirname "$0")/calls"
		. "$(dirname "$0")/answer"
	EOF2
	chmod +x bin/docker-credential-tests
	PATH=$PWD/bin:$PATH
	printf '{"credHelpers": {"%s": "tests"}}\n' "$host" >"$DOCKER_CONFIG/config.json"
	echo 'printf "{\"ServerURL\":\"%s\",\"Username\":\"tester\",\"Secret\":\"secret\"}" "$server"' >bin/answer
	push api
	equal "$status" 0
	equal "$(cat bin/calls)" "get $host"
	echo 'echo credentials not found in native keychain; exit 1' >bin/answer
	push api
	equal "$status" 4
	grep -q 'requires a login' "$err"
	echo 'printf "the keychain \033 is locked, secret-of-the-helper token: abc {\"Secret\":\"x\"} pass=word"; exit 1' >bin/answer
	push api
	equal "$status" 4
	grep -q 'docker-credential-tests ended with status 1 on "get": the keychain .* is locked, \*\*\* token: \*\*\* \*\*\* \*\*\*$' "$err"
	! grep -qE 'secret-of-the-helper|abc|Secret|word' "$err"
	# What it says elsewhere counts, too.
	echo 'echo log in first >&2; exit 1' >bin/answer
	push api
	equal "$status" 4
	grep -q 'on "get": log in first$' "$err"
	# It is asked once, for all repositories.
	: >bin/calls
	echo 'printf "{\"ServerURL\":\"%s\",\"Username\":\"tester\",\"Secret\":\"secret\"}" "$server"' >bin/answer
	push all
	equal "$status" 0
	equal "$(cat bin/calls)" "get $host"
	echo 'yes | head -c 100000' >bin/answer
	push api
	equal "$status" 4
	grep -q 'answers with more than 64 KiB' "$err"
	printf '{"credsStore": "nonsuch"}\n' >"$DOCKER_CONFIG/config.json"
	push api
	equal "$status" 4
	grep -q docker-credential-nonsuch "$err"
	echo '{' >"$DOCKER_CONFIG/config.json"
	push api
	equal "$status" 4
	grep -q "$DOCKER_CONFIG/config.json" "$err"
}

@test "a base is pulled by buildah with the login that cbuild found" {
	to closed bases "ca: $registries/closed/cert.pem"
	host=$(registry_host closed)
	login_file closed tester secret
	push api
	equal "$status" 0
	settings=$(cat settings.yaml)
	image=$DOCKER_REGISTRY/api:v1
	project user
	mkdir -p bin
	printf '#!/bin/sh\ncat >/dev/null\necho "{\\"Username\\":\\"tester\\",\\"Secret\\":\\"secret\\"}"\n' >bin/docker-credential-tests
	chmod +x bin/docker-credential-tests
	PATH=$PWD/bin:$PATH
	for config in '{"credsStore": "tests"}' "{\"auths\": {\"$host\": {\"username\": \"tester\", \"password\": \"secret\"}}}"; do
		printf '%s\n' "$config" >"$DOCKER_CONFIG/config.json"
		buildah rmi --all --force >/dev/null 2>&1 || true
		printf 'FROM %s\nCOPY own /own\n' "$image" | dockerfile web
		echo "$config" >web/own
		printf 'registry: localhost:1/none\n%s\nservices: {web: {build: web}}\n' "$settings" >services.yaml
		cb --no-load all
		equal "$status" 0
	done
	# Nothing of it is left.
	! grep -rqs "$(printf tester:secret | base64)" .cbuild
}

@test "podman's file is read, the entry nearest to the repository counts" {
	to closed app "ca: $registries/closed/cert.pem"
	host=$(registry_host closed)
	good=$(printf tester:secret | base64) bad=$(printf tester:no | base64)
	printf '{"auths": {"%s": {"auth": "%s"}, "%s/app": {"auth": "%s"}, "%s/ap": {"auth": "%s"}, "example.com/app": {"auth": "%s"}}}\n' \
		"$host" "$bad" "$host" "$good" "$host" "$bad" "$bad" >"$BATS_TEST_TMPDIR/auth.json"
	REGISTRY_AUTH_FILE=$BATS_TEST_TMPDIR/auth.json push api
	equal "$status" 0
	mkdir -p "$BATS_TEST_TMPDIR/run/containers"
	cp "$BATS_TEST_TMPDIR/auth.json" "$BATS_TEST_TMPDIR/run/containers"
	XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run push api
	equal "$status" 0
}

# ---- tokens ----

@test "tokens come from where the manifest says, with the login, and nowhere else with it" {
	to bearer app
	login_file bearer tester secret
	log_clear tokens
	push api
	equal "$status" 4
	grep -q "the login for .* was not sent to http://localhost:$(registry_port tokens)" "$err"
	equal "$(log_count tokens tester)" 0
	to bearer app "auth: 'http://localhost:$(registry_port tokens)'"
	push all
	equal "$status" 0
	equal "$(log_count tokens 'repository:app/api:pull,push tester')" 1
	equal "$(remote_with_login app/web)" "$("$cbuild" -f services.yaml -f settings.yaml images web --format=json | jq -r '.images[0].platforms | length')"
	touch "$registries/tokens/less"
	commit "with less"
	echo new >>worker/data
	push all
	rm "$registries/tokens/less"
	git checkout -q worker
	equal "$status" 4
	grep -q 'grants no right to push to app/' "$err"
	grep -q "the login from .* has no right to do that" "$err"
	# Before anything is built.
	equal "$(started)" ""
}

@test "a missing login is known before anything is built" {
	to closed early "ca: $registries/closed/cert.pem"
	echo new >>web/data
	push all
	equal "$status" 4
	grep -q 'requires a login, but none was found' "$err"
	equal "$(started)" ""
	git checkout -q web
	echo new >>web/data
	to bearer early "auth: 'http://localhost:$(registry_port tokens)'"
	push all
	equal "$status" 4
	grep -q 'requires a login, but none was found' "$err"
	equal "$(started)" ""
	git checkout -q web
}

remote_with_login()
{
	skopeo inspect --raw --tls-verify=false --authfile "$DOCKER_CONFIG/config.json" "docker://$(registry_host bearer)/$1:v1" | jq '.manifests | length'
}

@test "an identity token is exchanged" {
	to bearer identity "auth: 'http://localhost:$(registry_port tokens)'"
	mkdir -p "$DOCKER_CONFIG"
	printf '{"auths": {"%s": {"identitytoken": "identity"}}}\n' "$(registry_host bearer)" >"$DOCKER_CONFIG/config.json"
	log_clear tokens
	push api
	equal "$status" 0
	equal "$(log_count tokens '^POST repository:identity/api:pull,push tester')" 1
	host=$(registry_host bearer)
	cb -f services.yaml -f settings.yaml login -u tester --password-stdin "$host" <<<wrong
	equal "$status" 4
	cb -f services.yaml -f settings.yaml login -u tester --password-stdin "$host" <<<secret
	equal "$status" 0
}
