#!/usr/bin/env bats
# nydus images, made by cbuild out of what buildah and docker build. They are read by a reader of the tests' own, which checks every
# number and digest (tests/lib/nydus), by fsck.erofs and by the kernel's EROFS, and held against the plain image as containers-storage
# unpacks it.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/image"
. "$BATS_TEST_DIRNAME/../lib/nydus-files"
. "$BATS_TEST_DIRNAME/../lib/registry"

setup_file()
{
	project_begin
	if [ -z "${DOCKER_HOST:-}" ]; then
		own_docker
	fi
	export CBUILD_BUILDER=docker CBUILD_RUNTIME=docker web=localhost/forms/web:latest
	registry_start cases
	make_cases
	make_project
}

teardown_file()
{
	if [ -n "${OWN_DOCKER:-}" ]; then
		"$checkout/tests/lib/docker" stop "$OWN_DOCKER"
	fi
	registries_end
	project_end
}

# Images whose layers have all that a layer can have, in a registry, and services that stand on them.
make_cases()
{
	local tag
	project cases
	"$checkout/tests/lib/layers" images
	printf 'registry: localhost/cases\nsource_date_epoch: 1\nformats: {nydus: {suffix: -fastpull}}\nplatforms: [linux/amd64]\nservices:\n' >services.yaml
	for tag in kinds nothing order-1 order-2 order-3 order-4 order-5 order-6; do
		skopeo copy -q --dest-tls-verify=false "oci:images:$tag" "docker://$(registry_host cases)/cases:$tag"
		dockerfile "$tag" <<<"FROM $(registry_host cases)/cases:$tag"$'\nLABEL built=here'
		echo "  $tag: {build: $tag}" >>services.yaml
	done
}

setup()
{
	project forms
}

make_project()
{
	project forms
	cat >services.yaml <<-'EOF'
		registry: localhost/forms
		services:
		  base: {publish: false, build: {context: base, additional_contexts: {rootfs: rootfs}}}
		  web:
		    build: {context: web, additional_contexts: {base: "service:base"}, platforms: [linux/amd64, linux/arm64]}
		    formats: {zstd: , estargz: , nydus: {suffix: -fastpull}}
	EOF
	dockerfile base <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY --from=rootfs ${TARGETARCH}/ /
	EOF
	dockerfile web <<<$'FROM base\nCOPY file /file\nUSER 7'
	echo hello >web/file
}

@test "what docker has built is packed like everything else" {
	cb --no-load
	equal "$status" 0
	equal "$(finished | grep -c convert)" 6
	image_unpack "$web" "$host" "$BATS_TEST_TMPDIR/plain"
	image_unpack "$web-esgz" "$host" "$BATS_TEST_TMPDIR/esgz"
	rm "$BATS_TEST_TMPDIR/esgz/.no.prefetch.landmark" "$BATS_TEST_TMPDIR/esgz/stargz.index.json"
	diff -r --no-dereference "$BATS_TEST_TMPDIR/plain" "$BATS_TEST_TMPDIR/esgz"
	equal "$(image_config "$web-zstd" "$host")" "$(image_config "$web" "$host")"
	# The engine can use both.
	for form in zstd esgz; do
		skopeo copy -q --override-arch="$host_arch" "oci:$PWD/.cbuild/oci:$web-$form" "oci:$BATS_TEST_TMPDIR/$form:localhost/forms:$form"
		tar -C "$BATS_TEST_TMPDIR/$form" -cf "$BATS_TEST_TMPDIR/$form.tar" .
		id=$(docker load -q -i "$BATS_TEST_TMPDIR/$form.tar" | sed 's/^Loaded image.*: //')
		run -0 docker run --rm --network=none "$id" /bin/busybox cat /file
		equal "$output" hello
		docker rmi -f "$id" >/dev/null
	done
	cb --no-load
	grep -q 'nothing to do' "$err"
}

@test "what docker has built is the same as a nydus image" {
	for platform in linux/amd64 linux/arm64; do
		same_files "$web" "$web-fastpull" $platform
		equal "$(jq -Sc '[.config, .history, .created]' "$(image_config "$web-fastpull" $platform)")" \
			"$(jq -Sc '[.config, .history, .created]' "$(image_config "$web" $platform)")"
	done
	grep -q busybox "$BATS_TEST_TMPDIR/plain"
}

@test "files of every kind, whiteouts and opaque folders in every order, layers without entries" {
	cd "$ROOT/cases"
	CBUILD_BUILDER=buildah cb --no-load
	equal "$status" 0
	for tag in kinds nothing order-1 order-2 order-3 order-4 order-5 order-6; do
		same_files "localhost/cases/$tag:latest"{,-fastpull} linux/amd64
	done
	# The last one has what the cases are about.
	plain_tree localhost/cases/order-6:latest linux/amd64 >"$BATS_TEST_TMPDIR/plain"
	for part in "'d/-'" "'d/n\{255\}'" security.capability user.on-folder "(259, 70000)" entry-2999 "'implied/below/file'" "same as b'd/file'"; do
		grep -qe "$part" "$BATS_TEST_TMPDIR/plain"
	done
}

@test "a layer is packed once for all images that have it, and equal images give equal bytes" {
	cd "$ROOT/cases"
	local first_layers before
	first_layers=$(for tag in kinds order-1 order-6; do
		jq -r '.layers[0].digest' "$(blob "$(image_manifest "localhost/cases/$tag:latest-fastpull" linux/amd64)")"
	done | sort -u)
	equal "$(wc -l <<<"$first_layers")" 1
	before=$(image_manifest localhost/cases/kinds:latest-fastpull linux/amd64)
	rm -rf .cbuild
	CBUILD_BUILDER=buildah cb --no-load kinds
	equal "$(image_manifest localhost/cases/kinds:latest-fastpull linux/amd64)" "$before"
}
