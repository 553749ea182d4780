#!/usr/bin/env bats
# Image layouts as contexts: "oci-layout://FOLDER", with both builders. The judge is docker buildx.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/image"

setup_file()
{
	project_begin
	own_docker
	export CBUILD_RUNTIME=podman
}

teardown_file()
{
	"$checkout/tests/lib/docker" stop "$OWN_DOCKER"
	project_end
}

# layout TEXT: an image layout for two platforms, which is a store of cbuild's, in base/.cbuild/oci.
layout()
{
	mkdir -p base
	echo "$1" >base/file
	cat >base/Dockerfile <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		ENV FOLDER=files
		ONBUILD COPY late /late
		COPY file /$TARGETARCH
	EOF
	printf 'registry: localhost/l\nplatforms: [linux/amd64, linux/arm64]\ntags: ["%s"]\nservices: {base: {build: .}}\n' "${2:-latest}" >base/services.yaml
	cb -C base --no-load --no-verify
	equal "$status" 0
}

blob_in()
{
	echo "$1/.cbuild/oci/blobs/sha256/${2#sha256:}"
}

sources()
{
	project "$1"
	rm -rf .cbuild
	mkdir -p files
	echo one >files/one
	echo late >late
	cat >Dockerfile <<-'EOF'
		FROM mine
		COPY $FOLDER /files
		COPY --from=mine /amd64 /arm64 /here/
	EOF
	sed -i 's/COPY --from=mine.*/ARG TARGETARCH\nCOPY --from=mine \/$TARGETARCH \/here\//' Dockerfile
	printf '/base\n' >.dockerignore
	cat >services.yaml <<-EOF
		registry: localhost/l
		platforms: [linux/amd64, linux/arm64]
		services: {web: {build: {context: ., additional_contexts: {mine: "$2"}}}}
	EOF
}

files()
{
	(cd "$1" && find . -mindepth 1 \( -name etc -o -name proc -o -name sys -o -name dev -o -name run \) -prune -o -type f -printf '%P ' -exec cat {} \; | sort)
}

fresh()
{
	cb -n --exit-code --no-load
	equal "$status" 0
}

@test "an image in a layout is a base and a context: its digest counts, for each platform" {
	local builder arch
	for builder in buildah docker; do
		export CBUILD_BUILDER=$builder
		sources "l-$builder" "oci-layout://base/.cbuild/oci"
		layout one
		cb --no-load
		equal "$status" 0
		for arch in amd64 arm64; do
			image_unpack localhost/l/web:latest linux/$arch got
			docker buildx build --quiet --platform linux/$arch --output type=local,dest=judged \
				--build-context "mine=oci-layout://$PWD/base/.cbuild/oci:localhost/l/base:latest" . >/dev/null 2>&1 ||
				docker buildx build --quiet --platform linux/$arch --output type=local,dest=judged \
					--build-context "mine=oci-layout://$PWD/base/.cbuild/oci@$(jq -r '.manifests[0].digest' base/.cbuild/oci/index.json)" . >&2
			equal "$(files got)" "$(files judged)"
			rm -rf judged
			grep -q one got/here/$arch
		done
		fresh
		# A file of a variable's folder, of an ONBUILD instruction, and another image.
		echo two >files/two
		cb -n --no-load
		grep -q "^stale *build:web:linux/amd64.*files/two" "$out"
		rm files/two
		fresh
		echo later >late
		cb -n --no-load
		grep -q "^stale *build:web:linux/arm64.*late" "$out"
		echo late >late
		layout two
		cb -n --no-load
		equal "$(grep -o "base mine" <<<"$(grep "build:web:linux/arm64" "$out" | head -1)" | wc -l)" 1
		cb --no-load
		equal "$status" 0
		image_unpack localhost/l/web:latest linux/arm64 got
		grep -q two got/here/arm64
		fresh
		cb prune
		fresh
	done
}

@test "an image is named by its tag or its digest; what is not there is an error with its place" {
	local digest layer
	export CBUILD_BUILDER=buildah
	sources named "oci-layout://base/.cbuild/oci:v1"
	layout one v1
	cb --no-load
	equal "$status" 0
	digest=$(jq -r '.manifests[0].digest' base/.cbuild/oci/index.json)
	sed -i "s/oci:v1/oci@$digest/" services.yaml
	fresh
	sed -i "s/@sha256:[^\"]*/:v2/" services.yaml
	cb -n
	equal "$status" 2
	grep -q 'services.yaml:3:.*error: the image layout cannot be used: .* has no image "v2"' "$err"
	sed -i 's/oci:v2/oci@sha256:12/' services.yaml
	cb -n
	equal "$status" 2
	grep -q 'services.yaml:3:.*error: "sha256:12" is not a digest' "$err"
	sed -i 's/oci@sha256:12/none/' services.yaml
	cb -n
	equal "$status" 2
	grep -q 'services.yaml:3:.*no image layout is there' "$err"
	# A blob that is not what its name says is not built from.
	sed -i 's/none/oci:v1/' services.yaml
	layer=$(jq -r '.layers[0].digest' "$(blob_in base "$(jq -r '.manifests[0].digest' "$(blob_in base "$digest")")")")
	printf x | dd of="$(blob_in base "$layer")" bs=1 count=1 conv=notrunc status=none
	rm -rf .cbuild
	cb --no-load
	[ "$status" -ne 0 ]
	grep -q "$layer" "$err"
	# A commit that changes it affects what is built from it.
	cp -r base/.cbuild/oci kept
	sed -i 's/base\/.cbuild\/oci/kept/' services.yaml
	git init --quiet .
	git -c user.name=a -c user.email=b add .
	git -c user.name=a -c user.email=b commit --quiet -m one
	cb affected --since=HEAD
	equal "$(cat "$out")" ""
	touch kept/more
	cb affected --since=HEAD
	equal "$(cat "$out")" web
	# Written as it was read.
	"$cbuild" export compose | grep -q 'oci-layout://.*kept:v1'
}

@test "a layout for another platform is not built from" {
	export CBUILD_BUILDER=buildah
	sources other "oci-layout://base/.cbuild/oci"
	layout one
	cb -C base --platforms linux/arm64 --no-load --no-verify
	rm -rf base/.cbuild
	cb -C base --platforms linux/arm64 --no-load --no-verify
	equal "$status" 0
	cb -n --no-load
	equal "$status" 2
	grep -q 'services.yaml:3:.*no image for linux/amd64' "$err"
	# An image alone, not an index: its config says the platform.
	local image size
	image=$(jq -r '.manifests[0].digest' base/.cbuild/oci/index.json)
	image=$(jq -r '.manifests[0].digest' "$(blob_in base "$image")")
	jq --arg digest "$image" '.manifests = [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $digest, size: 1}]' \
		base/.cbuild/oci/index.json >alone.json
	mkdir alone
	cp -r base/.cbuild/oci/blobs base/.cbuild/oci/oci-layout alone/
	size=$(stat -c %s "alone/blobs/sha256/${image#sha256:}")
	jq --argjson size "$size" '.manifests[0].size = $size' alone.json >alone/index.json
	sed -i 's|base/.cbuild/oci|alone|' services.yaml
	cb -n --no-load
	equal "$status" 2
	grep -q 'services.yaml:3:.*no image for linux/amd64; found: linux/arm64' "$err"
	sed -i 's|platforms: .*|platforms: [linux/arm64]|' services.yaml
	cb --no-load
	equal "$status" 0
}

@test "a bake file's layout is used as bake uses it" {
	sources bake ignored
	rm services.yaml
	layout one
	cat >docker-bake.hcl <<-'EOF'
		target "web" {
		  contexts = { mine = "oci-layout://base/.cbuild/oci:localhost/l/base:latest" }
		  tags = ["localhost/l/baked:1"]
		}
	EOF
	for builder in buildah docker; do
		rm -rf .cbuild
		cb web --no-load --builder=$builder --platforms linux/arm64
		equal "$status" 0
		image_unpack localhost/l/baked:1 linux/arm64 got
		grep -q one got/here/arm64
	done
}
