#!/usr/bin/env bats
# Several images from one build: zstd and eStargz beside the plain one, in the store and in a registry, as other tools read
# them. The tests follow one another, as their runs do.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/registry"
. "$BATS_TEST_DIRNAME/../lib/image"

setup_file()
{
	project_begin
	export DOCKER_CONFIG=$BATS_FILE_TMPDIR/docker
	unset REGISTRY_AUTH_FILE XDG_RUNTIME_DIR XDG_CONFIG_HOME
	registries=$ROOT/registries
	registry_start plain
	DOCKER_REGISTRY=$(registry_host plain)/acme
	export DOCKER_REGISTRY web=$DOCKER_REGISTRY/web:v1
	make_project
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	cb --no-load --platforms=$both
	equal "$status" 0
	cp "$err" first.err
}

teardown_file()
{
	registries_end
	project_end
}

setup()
{
	project formats
	export BUILD_PLATFORMS=$both
}

make_project()
{
	project formats
	cat >services.yaml <<-'EOF'
		registry: ${DOCKER_REGISTRY}
		tags: [v1]
		source_date_epoch: 1700000000
		formats: {oci: {}, zstd: {}, estargz: {suffix: "${SUFFIX:--esgz}"}}
		services:
		  base: {publish: false, build: {context: base, additional_contexts: {rootfs: rootfs}}}
		  web:
		    build: {context: web, additional_contexts: {base: "service:base"}}
		    verify: {user: "1000", run: [[./check, "${image.oci}"]]}
		  plain: {build: plain, formats: []}
	EOF
	dockerfile base <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY --from=rootfs ${TARGETARCH}/ /
	EOF
	dockerfile web <<-'EOF'
		FROM base
		COPY index.html /www/
		USER 1000
	EOF
	dockerfile plain <<<$'FROM scratch\nCOPY file /'
	echo hello >web/index.html
	echo x >plain/file
	# What is checked is the plain image.
	printf '#!/bin/sh\n! grep -rqE "tar.zstd|stargz" "$1"/blobs\n' >check
	chmod +x check
}

# layers REFERENCE: the paths of the layers of the host's image.
layers()
{
	local manifest digest
	manifest=$(image_manifest "$1" "$host") || return
	for digest in $(jq -r '.layers[].digest' "$(blob "$manifest")"); do
		blob "$digest"
	done
}

# files DIR: what is in a folder, with owners, modes and content; without what eStargz adds.
files()
{
	(cd "$1" && find . -mindepth 1 ! -name '*.landmark' ! -name stargz.index.json -printf '%p %y %m %U:%G %l\n' | sort &&
		find . -type f ! -name '*.landmark' ! -name stargz.index.json -print0 | sort -z | xargs -0 sha256sum)
}

@test "each format is an index of both platforms under its own tag" {
	equal "$(finished first.err | grep -E 'convert|index')" "$(lines "convert web zstd linux/amd64" \
		"convert web zstd linux/arm64" "convert web estargz linux/amd64" "convert web estargz linux/arm64" \
		"index web" "index web zstd" "index web estargz" "index plain")"
	grep -Eq "^  made  +$web-zstd +[0-9a-f]{12}\$" first.err
	grep -q ' 4 converted, ' first.err
	equal "$(jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' .cbuild/oci/index.json)" \
		"$(lines "$DOCKER_REGISTRY/plain:v1" "$web" "$web-esgz" "$web-zstd")"
	for reference in "$web-zstd" "$web-esgz"; do
		image_manifest "$reference" linux/amd64
		image_manifest "$reference" linux/arm64
	done
	cb images
	grep -Eq "^$web-zstd  sha256:[0-9a-f]+  zstd$" "$out"
	grep -Eq "^$web  sha256:[0-9a-f]+  verified$" "$out"
	cb images --format=env
	grep -qx "WEB_ZSTD_IMAGE=$web-zstd" "$out"
	cb images --format=kustomize
	equal "$(grep -c 'name: web' "$out")" 1
}

@test "the layers are zstd, of the same image" {
	equal "$(image_config "$web-zstd" "$host")" "$(image_config "$web" "$host")"
	layers "$web-zstd" >"$BATS_TEST_TMPDIR/layers"
	equal "$(wc -l <"$BATS_TEST_TMPDIR/layers")" "$(layers "$web" | wc -l)"
	while read -r layer; do
		equal "$(head -c 4 "$layer" | od -An -tx1)" " 28 b5 2f fd"
	done <"$BATS_TEST_TMPDIR/layers"
	skopeo copy -q "oci:$PWD/.cbuild/oci:$web" "dir:$BATS_TEST_TMPDIR/plain"
	skopeo copy -q "oci:$PWD/.cbuild/oci:$web-zstd" "dir:$BATS_TEST_TMPDIR/zstd"
}

@test "the layers are eStargz, of the same files" {
	local manifest layer toc offset
	manifest=$(blob "$(image_manifest "$web-esgz" "$host")")
	equal "$(jq -r '[.layers[].mediaType] | unique | join(" ")' "$manifest")" application/vnd.oci.image.layer.v1.tar+gzip
	while read -r layer; do
		toc=$(jq -r --arg digest "sha256:${layer##*/}" \
			'.layers[] | select(.digest == $digest) | .annotations["containerd.io/snapshot/stargz/toc.digest"]' "$manifest")
		# The footer says where the table begins, the table is what the manifest says, and is the last entry.
		equal "$(tail -c 51 "$layer" | head -c 16 | od -An -tx1 | tr -d ' ')" 1f8b08040000000000ff1a0053471600
		offset=$((16#$(tail -c 51 "$layer" | dd bs=1 skip=16 count=16 status=none)))
		equal "$(tail -c +$((offset + 1)) "$layer" | gzip -dcq | tar -xOf - stargz.index.json | sha256sum | cut -c 1-64)" \
			"${toc#sha256:}"
		gzip -t "$layer"
		equal "$(gzip -dc "$layer" | tar -tf - | tail -n 1)" stargz.index.json
	done < <(layers "$web-esgz")
	image_unpack "$web" "$host" "$BATS_TEST_TMPDIR/plain"
	image_unpack "$web-esgz" "$host" "$BATS_TEST_TMPDIR/esgz"
	[ -e "$BATS_TEST_TMPDIR/esgz/.no.prefetch.landmark" ]
	equal "$(files "$BATS_TEST_TMPDIR/esgz")" "$(files "$BATS_TEST_TMPDIR/plain")"
	skopeo copy -q "oci:$PWD/.cbuild/oci:$web-esgz" "containers-storage:localhost/esgz:1"
	run -0 podman_run --user=0 --rm=false localhost/esgz:1 /bin/busybox cat /www/index.html
	equal "$output" hello
	podman rmi -f localhost/esgz:1
}

@test "nothing is done again" {
	cb --no-load --verbose
	equal "$status" 0
	grep -q 'nothing to do: 2 services are up to date' "$err"
	cb -n -v
	grep -q '^fresh    convert:web:zstd:linux/amd64$' "$out"
}

@test "a format that comes or goes makes exactly its image, and builds nothing" {
	sed -i 's/formats: \[\]/formats: [zstd]/' services.yaml
	cb -n --no-load
	equal "$(sed -E '$d; s/^(\w+) +(\S+).*/\1 \2/' "$out")" \
		"$(printf 'stale %s\n' convert:plain:zstd:linux/amd64 convert:plain:zstd:linux/arm64 index:plain:zstd)"
	cb --no-load
	equal "$(finished)" "$(lines 'convert plain zstd linux/amd64' 'convert plain zstd linux/arm64' 'index plain zstd')"
	! grep -q 'building with' "$err"
	sed -i 's/formats: \[zstd\]/formats: []/' services.yaml
	cb --no-load
	grep -q 'nothing to do' "$err"
	# Another suffix is another tag for what is there.
	export SUFFIX=-lazy
	cb --no-load
	equal "$(finished)" "index web estargz"
	equal "$(image_manifest "$web-lazy" "$host")" "$(image_manifest "$web-esgz" "$host")"
	unset SUFFIX
	cb --no-load
	equal "$(finished)" ""
}

@test "an edit packs only the layer that changed" {
	local before after
	layers "$web-esgz" | sort >"$BATS_TEST_TMPDIR/before"
	before=$(stat -c %i:%Y $(layers "$web-esgz" | head -n 1))
	echo changed >web/index.html
	cb --no-load
	equal "$status" 0
	equal "$(finished | grep -c convert)" 4
	layers "$web-esgz" | sort >"$BATS_TEST_TMPDIR/after"
	equal "$(comm -12 "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" | wc -l)" \
		"$(($(wc -l <"$BATS_TEST_TMPDIR/after") - 1))"
	equal "$(stat -c %i:%Y $(layers "$web-esgz" | head -n 1))" "$before"
	cb why convert:web:zstd:linux/amd64
	grep -q '^  converted [0-9]' "$out"
}

@test "a lost image of a format is made again from the plain one" {
	rm "$(blob "$(image_manifest "$web-zstd" linux/arm64)")"
	cb -n --no-load
	grep -q '^stale    convert:web:zstd:linux/arm64  its image is gone$' "$out"
	cb fsck
	equal "$status" 6
	cb --no-load
	equal "$(finished)" "$(lines 'convert web zstd linux/arm64')"
	cb fsck
	equal "$status" 0
}

@test "what nobody needs goes, formats stay" {
	layers "$web-zstd" "$web-esgz" >"$BATS_TEST_TMPDIR/before"
	cb prune
	equal "$status" 0
	equal "$(layers "$web-zstd" "$web-esgz")" "$(cat "$BATS_TEST_TMPDIR/before")"
	while read -r layer; do [ -e "$layer" ]; done <"$BATS_TEST_TMPDIR/before"
	cb --no-load
	grep -q 'nothing to do' "$err"
}

@test "formats are pushed beside each other, all tags last" {
	local reference
	log_clear plain
	cb --no-load --push
	equal "$status" 0
	equal "$(finished | grep -E '^(push|tag)')" "$(lines 'push web' 'push web zstd' 'push web estargz' 'push plain' \
		'tag web' 'tag web zstd' 'tag web estargz' 'tag plain')"
	grep -Eq "^  fresh +$web-zstd +[0-9a-f]{12}  pushed$" "$err"
	tr -d '\0' <"$ROOT/registries/plain/log" | grep -o '"PUT [^ ]*' >"$BATS_TEST_TMPDIR/puts"
	equal "$(sed -n '/manifests\/v1/,$p' "$BATS_TEST_TMPDIR/puts" | grep -vcE 'manifests/v1(-zstd|-esgz)?$')" 0
	equal "$(grep -cE 'manifests/v1(-zstd|-esgz)?$' "$BATS_TEST_TMPDIR/puts")" 4
	for reference in "$web" "$web-zstd" "$web-esgz"; do
		skopeo inspect --raw --tls-verify=false "docker://$reference" >"$BATS_TEST_TMPDIR/remote"
		equal "$(jq -r '.manifests[0].digest' "$BATS_TEST_TMPDIR/remote")" "$(image_manifest "$reference" linux/amd64)"
		skopeo copy -q --all --src-tls-verify=false "docker://$reference" "oci:$BATS_TEST_TMPDIR/pulled:${reference##*:}"
	done
	cb --no-load --push
	grep -q 'nothing to do' "$err"
	cb inspect "$web-esgz"
	equal "$status" 0
	grep -Eq '^  linux/arm64 .* estargz$' "$out"
	cb inspect --format=json "$web-zstd"
	equal "$(jq -r '.platforms[].format' "$out" | sort -u)" zstd
	cb inspect "$web"
	! grep -Eq 'zstd|estargz' "$out"
}

@test "what this machine cannot make is said before anything is built" {
	local library
	library=$(ldconfig -p | sed -n 's/.*libarchive\.so\.[0-9]* .*=> //p' | head -n 1)
	echo more >plain/file
	for format in zstd estargz nydus; do
		sed "s/formats: \[\]/formats: [$format]/" services.yaml >without.yaml
		run -3 unshare -m sh -c 'mount --bind /dev/null "$1" && shift && exec "$@"' sh "$library" "$cbuild" -f without.yaml --no-load plain
		[[ $output == *libarchive* && $output == *"help: "* && $output != *"build plain"* ]]
	done
	echo x >plain/file
}
