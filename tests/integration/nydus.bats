#!/usr/bin/env bats
# Formats beside images that BuildKit makes, and the one that a builder has to make: nydus. With a real dockerd, which cannot,
# and with a client that has it make another form of layers where nydus is asked for: everything but nydus itself is real then.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/image"

setup_file()
{
	project_begin
	if [ -z "${DOCKER_HOST:-}" ]; then
		export OWN_DOCKER=$CBUILD_TEST_CACHE/docker
		"$checkout/tests/lib/docker" fetch "$OWN_DOCKER" >&2
		eval "$("$checkout/tests/lib/docker" start "$OWN_DOCKER")"
	fi
	export CBUILD_BUILDER=docker CBUILD_RUNTIME=docker web=localhost/forms/web:latest
	make_project
}

teardown_file()
{
	if [ -n "${OWN_DOCKER:-}" ]; then
		"$checkout/tests/lib/docker" stop "$OWN_DOCKER"
	fi
	project_end
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
		    formats: {zstd: , estargz: }
	EOF
	sed 's/formats: .*/formats: {nydus: {suffix: -fastpull}}/' services.yaml >nydus.yaml
	dockerfile base <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY --from=rootfs ${TARGETARCH}/ /
	EOF
	dockerfile web <<<$'FROM base\nCOPY file /file\nUSER 7'
	echo hello >web/file
	# A client as a BuildKit with nydus has it.
	mkdir -p able/cli-plugins
	cat >able/cli-plugins/docker-buildx <<-EOF
		#!/bin/bash
		for word in "\$@"; do
			case \$word in --file=*) sed -i 's/compression=nydus/compression=zstd/' "\${word#--file=}" ;; esac
		done
		exec "$(readlink -f "$DOCKER_CONFIG/cli-plugins/docker-buildx")" "\$@"
	EOF
	chmod +x able/cli-plugins/docker-buildx
}

@test "what docker has built is packed like everything else" {
	cb --no-load
	equal "$status" 0
	equal "$(finished | grep -c convert)" 4
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

@test "docker's own BuildKit cannot make nydus images: said before anything is built" {
	echo other >web/file
	cb -f nydus.yaml --no-load
	equal "$status" 3
	grep -q 'no builder here can make nydus images' "$err"
	grep -q 'docker: .*unsupported compression type' "$err"
	grep -q 'help: use a BuildKit that was built with nydus' "$err"
	equal "$(started)" ""
	CBUILD_BUILDER=buildah cb -f nydus.yaml --no-load
	equal "$status" 3
	grep -q 'buildah: buildah cannot be asked for nydus layers' "$err"
	equal "$(started)" ""
	echo hello >web/file
	cb doctor --format=json
	equal "$(jq -r '.builders[] | select(.name == "docker") | .formats | join(" ")' "$out")" "oci zstd estargz"
	equal "$(jq -r '.builders[] | select(.name == "buildah") | .formats | join(" ")' "$out")" "oci zstd estargz"
}

@test "a BuildKit that can makes them from the plain images, and nothing is built again" {
	export DOCKER_CONFIG=$PWD/able
	cb doctor
	grep -q 'formats: oci, zstd, estargz, nydus$' "$out"
	cb -f nydus.yaml --no-load
	equal "$status" 0
	equal "$(finished)" "$(lines 'convert web nydus linux/amd64' 'convert web nydus linux/arm64' 'index web nydus')"
	# What came is what the client was made to ask for.
	for platform in linux/amd64 linux/arm64; do
		jq -r '.layers[].mediaType' "$(blob "$(image_manifest "$web-fastpull" $platform)")" | sort -u >"$BATS_TEST_TMPDIR/types"
		equal "$(cat "$BATS_TEST_TMPDIR/types")" application/vnd.oci.image.layer.v1.tar+zstd
		equal "$(jq -c '[.rootfs.diff_ids, .config.User]' "$(image_config "$web-fastpull" $platform)")" \
			"$(jq -c '[.rootfs.diff_ids, .config.User]' "$(image_config "$web" $platform)")"
	done
	cb -f nydus.yaml --no-load
	grep -q 'nothing to do' "$err"
}
