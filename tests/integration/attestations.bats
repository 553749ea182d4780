#!/usr/bin/env bats
# What a builder says about an image: how it was built, and what is in it. Beside the image in the store, in its index and in a
# registry, and nowhere in what decides about staleness. With a real BuildKit (dockerd's), and a scanner of our own. The tests
# follow one another, as their runs do.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/registry"
. "$BATS_TEST_DIRNAME/../lib/image"

setup_file()
{
	project_begin
	if [ -z "${DOCKER_HOST:-}" ]; then
		own_docker
	fi
	registries=$ROOT/registries
	registry_start plain
	DOCKER_REGISTRY=$(registry_host plain)/said
	export CBUILD_BUILDER=docker CBUILD_RUNTIME=docker DOCKER_REGISTRY web=$DOCKER_REGISTRY/web:v1
	make_project
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	cb --no-load all
	equal "$status" 0
}

teardown_file()
{
	registries_end
	if [ -n "${OWN_DOCKER:-}" ]; then
		"$checkout/tests/lib/docker" stop "$OWN_DOCKER"
	fi
	project_end
}

setup()
{
	project said
}

make_project()
{
	project said
	cat >services.yaml <<-'EOF'
		registry: ${DOCKER_REGISTRY}
		tags: [v1]
		source_date_epoch: 1700000000
		services:
		  base: {publish: false, build: {context: base, additional_contexts: {rootfs: rootfs}, provenance: max}}
		  web:
		    build:
		      context: web
		      platforms: [linux/amd64, linux/arm64]
		      additional_contexts: {base: "service:base"}
		      provenance: ${PROVENANCE:-max}
		    formats: [zstd]
		    verify: {run: [[./check, "${image.oci}"]]}
		  above: {build: {context: above, additional_contexts: {web: "service:web"}}}
		  quiet: {build: {context: above, additional_contexts: {web: "service:base"}, provenance: false}}
	EOF
	dockerfile base <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY --from=rootfs ${TARGETARCH}/ /
	EOF
	dockerfile web <<<$'FROM base\nCOPY file /file'
	dockerfile above <<<$'FROM web\nCOPY more /more'
	echo hello >web/file
	echo x >above/more
	# What is checked is the images alone.
	printf '#!/bin/sh\n! grep -rq "in-toto" "$1"/blobs\n' >check
	chmod +x check
}

# index REFERENCE: the path of what the reference stands for in the store.
index()
{
	blob "$(jq -r --arg ref "$1" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $ref) | .digest' \
		.cbuild/oci/index.json)"
}

# statements REFERENCE: each image of the index with the kinds of what is said about it.
statements()
{
	local about digest
	while read -r digest about; do
		equal "$(jq -r '.config.mediaType' "$(blob "$digest")")" application/vnd.oci.image.config.v1+json
		jq -r --arg about "$about" '.layers[] | "\($about) \(.mediaType) \(.annotations["in-toto.io/predicate-type"])"' "$(blob "$digest")"
	done < <(jq -r '.manifests[] | select(.annotations["vnd.docker.reference.type"] == "attestation-manifest") |
		select(.platform.os == "unknown" and .platform.architecture == "unknown") |
		"\(.digest) \(.annotations["vnd.docker.reference.digest"])"' "$(index "$1")")
}

provenance='application/vnd.in-toto+json https://slsa.dev/provenance/v'

@test "what was said is in the index, behind the images" {
	equal "$(jq -r '.manifests | map(.platform.architecture) | join(" ")' "$(index "$web")")" "amd64 arm64 unknown unknown"
	statements "$web" >"$BATS_TEST_TMPDIR/said"
	cat "$BATS_TEST_TMPDIR/said"
	equal "$(sed 's/v[0-9.]*$/v/' "$BATS_TEST_TMPDIR/said" | sort)" \
		"$(lines "$(image_manifest "$web" linux/amd64) $provenance" "$(image_manifest "$web" linux/arm64) $provenance")"
	# Nobody asked for it elsewhere, a base is never published, and a format is made by cbuild.
	equal "$(statements "$DOCKER_REGISTRY/above:v1")$(statements "$DOCKER_REGISTRY/quiet:v1")$(statements "$web-zstd")" ""
	cb images web
	grep -Eq "^$web  sha256:[0-9a-f]{64}  verified, attested$" "$out"
	equal "$(grep -c 'linux/' "$out")" 4
}

@test "the most that can be said is more than the least" {
	local layer
	layer=$(blob "$(jq -r '.layers[0].digest' "$(blob "$(jq -r '.manifests[2].digest' "$(index "$web")")")")")
	jq -e '.predicate.metadata["https://mobyproject.org/buildkit@v1#metadata"].source // .predicate.runDetails.metadata.buildkit_metadata.source // empty' "$layer" >/dev/null
	PROVENANCE=min cb --no-load web
	equal "$status" 0
	grep -q 'option provenance' "$err"
	layer=$(blob "$(jq -r '.layers[0].digest' "$(blob "$(jq -r '.manifests[2].digest' "$(index "$web")")")")")
	! jq -e '.predicate.metadata["https://mobyproject.org/buildkit@v1#metadata"].source // .predicate.runDetails.metadata.buildkit_metadata.source // empty' "$layer" >/dev/null
}

@test "nothing is stale because something else was said" {
	local before
	cb --no-load all
	before=$(image_manifest "$web" linux/amd64)
	cb -n all --no-load
	equal "$(tail -n 1 "$out" | cut -d, -f 1)" "0 to do"
	# Said anew, about the same images: the index changes, and nothing that stands on the images.
	echo '# the same image' >>web/Dockerfile
	cb --no-load all
	equal "$status" 0
	equal "$(finished)" "$(lines 'build web linux/amd64' 'build web linux/arm64' 'index web')"
	equal "$(image_manifest "$web" linux/amd64)" "$before"
	cb images web
	grep -q 'verified, attested' "$out"
	cb --no-load all
	grep -q 'nothing to do' "$err"
}

@test "it is kept, and missed when it is gone" {
	local said
	cb prune
	equal "$status" 0
	cb fsck
	equal "$status" 0
	cb --no-load all
	grep -q 'nothing to do' "$err"
	said=$(jq -r '.manifests[2].digest' "$(index "$web")")
	rm "$(blob "$(jq -r '.layers[0].digest' "$(blob "$said")")")"
	cb fsck
	equal "$status" 6
	cb -n web --no-load
	grep -q "^stale    build:web:linux/amd64 *its image's attestation is gone$" "$out"
	cb --no-load all
	equal "$status" 0
	equal "$(finished)" "$(lines 'build web linux/amd64' 'index web')"
	cb fsck
	equal "$status" 0
}

@test "it is pushed with the image, and said anew it is pushed again" {
	cb --no-load --push web
	equal "$status" 0
	skopeo inspect --raw --tls-verify=false "docker://$web" >"$BATS_TEST_TMPDIR/remote"
	equal "$(jq -c '[.manifests[] | [.digest, .annotations]]' "$BATS_TEST_TMPDIR/remote")" \
		"$(jq -c '[.manifests[] | [.digest, .annotations]]' "$(index "$web")")"
	skopeo copy -q --all --src-tls-verify=false "docker://$web" "oci:$BATS_TEST_TMPDIR/pulled"
	cb inspect "$web"
	equal "$(grep -c '(attestation)' "$out")" 2
	cb --no-load --push web
	grep -q 'nothing to do' "$err"
	cb --no-load -B web
	equal "$status" 0
	cb --no-load --push web
	equal "$(finished)" "$(lines 'push web' 'tag web')"
}

@test "the local engine gets the image alone" {
	cb web
	equal "$status" 0
	grep -q '^ok   load web' "$err"
	run -0 docker run --rm --network=none "$web" /bin/busybox cat /file
	equal "$output" hello
	docker rmi -f "$web" >/dev/null
}

@test "a scanner says what is in the image" {
	dockerfile scanner <<-'EOF'
		FROM rootfs
		COPY scan /scan
		ENTRYPOINT ["/bin/busybox", "sh", "/scan"]
	EOF
	# What BuildKit tells a scanner, and where it wants its words (BuildKit's documentation, "SBOM scanning protocol").
	cat >scanner/scan <<-'EOF'
		set -eu
		cd "$BUILDKIT_SCAN_SOURCE"
		printf '{"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document", "predicate": {"spdxVersion": "SPDX-2.3", "files": "%s"}}' \
			"$(/bin/busybox cat file)" >"$BUILDKIT_SCAN_DESTINATION/found.spdx.json"
	EOF
	cat >scan.yaml <<-'EOF'
		registry: ${DOCKER_REGISTRY}
		tags: [v1]
		services:
		  rootfs: {publish: false, build: {context: base, additional_contexts: {rootfs: rootfs}}}
		  scanner: {build: {context: scanner, additional_contexts: {rootfs: "service:rootfs"}}}
		  web:
		    build: {context: web, additional_contexts: {base: "service:rootfs"}, sbom: "generator=${DOCKER_REGISTRY}/scanner:v1"}
	EOF
	cb -f scan.yaml --no-load --push scanner
	equal "$status" 0
	cb -f scan.yaml --no-load web
	equal "$status" 0
	statements "$web" >"$BATS_TEST_TMPDIR/said"
	cat "$BATS_TEST_TMPDIR/said"
	equal "$(cut -d ' ' -f 2- "$BATS_TEST_TMPDIR/said")" "application/vnd.in-toto+json https://spdx.dev/Document"
	equal "$(jq -r .predicate.files "$(blob "$(jq -r '.layers[0].digest' "$(blob "$(jq -r '.manifests[1].digest' "$(index "$web")")")")")")" hello
	cb -f scan.yaml --no-load web
	grep -q 'nothing to do' "$err"
}

@test "a builder that cannot is refused before anything is built" {
	echo other >web/file
	CBUILD_BUILDER=buildah cb --no-load web
	equal "$status" 3
	grep -q 'no builder here can make attestations: there is buildah' "$err"
	grep -q 'help: use docker or BuildKit' "$err"
	equal "$(started)" ""
	CBUILD_BUILDER=buildah PROVENANCE=false cb --no-load web
	equal "$status" 0
	echo hello >web/file
}
