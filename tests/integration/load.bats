#!/usr/bin/env bats
# `cbuild load`: into podman, into a containerd that this file starts, and what kind is called with.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/image"
. "$BATS_TEST_DIRNAME/../lib/containerd"

setup_file()
{
	project_begin
	project load
	cat >services.yaml <<-'EOF'
		registry: localhost/load
		tags: [v1, latest]
		services:
		  web: {build: web, formats: [zstd, nydus]}
		  base: {publish: false, build: web}
	EOF
	dockerfile web <<-'EOF'
		FROM scratch
		ARG TARGETARCH
		COPY Dockerfile /for-$TARGETARCH
	EOF
	"$cbuild" all --no-load --no-verify --platforms="$both" >&2
	containerd_start "$BATS_FILE_TMPDIR/containerd"
}

teardown_file()
{
	containerd_stop "$BATS_FILE_TMPDIR/containerd"
	project_end
}

setup()
{
	cd "$ROOT/load"
}

@test "into containerd, all platforms, under every name, in the namespace asked for" {
	local digest
	digest=$("$cbuild" images --format=json | jq -r '.images[0].digest')
	cb load --to=containerd:k8s.io
	[ "$status" -eq 0 ]
	grep -F 'localhost/load/web:v1 is in containerd:k8s.io' "$err"
	equal "$(ctr --namespace=k8s.io images list --quiet | sort)" "$(lines localhost/load/web:latest localhost/load/web:v1)"
	equal "$(ctr --namespace=k8s.io images list | awk '$1 == "localhost/load/web:v1" { print $3, $6 }')" "$digest linux/amd64,linux/arm64"
	equal "$(ctr --namespace=default images list --quiet)" ""
	cb load --to=containerd
	[ "$status" -eq 0 ]
	equal "$(ctr --namespace=default images list --quiet | sort | head -1)" localhost/load/web:latest
}

@test "in another format: containerd gets zstd images, and nydus images as they are" {
	local digest form
	for form in zstd nydus; do
		cb load --to=containerd:forms --format=$form
		equal "$status" 0
		digest=$(jq -r --arg name "localhost/load/web:v1-$form" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $name) | .digest' .cbuild/oci/index.json)
		equal "$(ctr --namespace=forms images list | awk -v name="localhost/load/web:v1-$form" '$1 == name { print $3 }')" "$digest"
	done
	ctr --namespace=forms content list -q >"$BATS_TEST_TMPDIR/content"
	for digest in $(jq -r '.layers[].digest' "$(blob "$(image_manifest localhost/load/web:v1-nydus linux/arm64)")"); do
		grep -qx "$digest" "$BATS_TEST_TMPDIR/content"
	done
	cb load --to=podman --format=zstd web
	equal "$status" 0
	podman image exists localhost/load/web:v1-zstd
	for place in podman docker kind; do
		cb load --to=$place --format=nydus
		equal "$status" 2
		grep -qF "$place cannot run images in this format" "$err"
		grep -qF -- '--to=containerd:k8s.io' "$err"
	done
	cb load --to=podman --format=estargz
	equal "$status" 1
	grep -qF 'web has not been made as estargz yet' "$err"
	cb load --to=podman --format=json
	equal "$status" 2
	grep -qF 'oci, zstd, estargz or nydus' "$err"
}

@test "into podman, the machine's own platform, and it says so" {
	cb load web --to=podman
	[ "$status" -eq 0 ]
	grep -F "localhost/load/web:v1: $host of its 2 platforms, podman holds one" "$err"
	equal "$(podman image inspect localhost/load/web:latest --format='{{.Architecture}}')" "$host_arch"
	equal "$(podman image inspect localhost/load/web:v1 --format='{{.Id}}')" \
		"$(basename "$(image_config localhost/load/web:v1 "$host")")"
}

@test "podman has HEALTHCHECK, SHELL and ONBUILD, and so has a container of it" {
	local container
	project health
	printf 'services: {web: {build: web}}\n' >services.yaml
	dockerfile web <<-'EOF'
		FROM scratch
		COPY Dockerfile /
		SHELL ["/bin/own", "-c"]
		HEALTHCHECK --interval=3s CMD ["/check"]
		ONBUILD COPY y /y
		CMD ["/run"]
	EOF
	cb web
	equal "$status" 0
	equal "$(podman image inspect health-web --format='{{.Id}}')" "$(basename "$(image_config health-web:latest "$host")")"
	equal "$(podman image inspect health-web --format='{{.HealthCheck.Test}} {{.HealthCheck.Interval}}')" "[CMD /check] 3s"
	equal "$(buildah inspect --type=image --format='{{.Docker.Config.Shell}} {{.Docker.Config.OnBuild}}' localhost/health-web)" \
		"[/bin/own -c] [COPY y /y]"
	container=$(podman create --runtime=runc health-web)
	equal "$(podman container inspect "$container" --format='{{.Config.Healthcheck.Test}}')" "[CMD /check]"
	podman rm "$container" >/dev/null 2>&1
}

@test "kind is given an archive of the whole image" {
	mkdir -p bin
	cat >bin/kind <<-'EOF'
		#!/bin/sh
		[ "$1 $2 $4" = "load image-archive --name=dev" ] || exit 9
		tar -xOf "$3" index.json >"$KIND_INDEX"
	EOF
	chmod +x bin/kind
	export KIND_INDEX=$BATS_TEST_TMPDIR/index
	PATH=$PWD/bin:$PATH cb load --to=kind:dev
	[ "$status" -eq 0 ]
	equal "$(jq -r '.manifests[].annotations["io.containerd.image.name"]' "$KIND_INDEX" | sort)" \
		"$(lines localhost/load/web:latest localhost/load/web:v1)"
	PATH=$PWD/bin:$PATH cb load --to=kind
	[ "$status" -eq 3 ]
}

@test "what cannot be: a place that is none, one that is not there, an image that was never built" {
	cb load --to=nowhere
	[ "$status" -eq 2 ]
	grep -F 'containerd:NAMESPACE' "$err"
	cb load
	[ "$status" -eq 2 ]
	cb load wbe --to=podman
	[ "$status" -eq 2 ]
	CONTAINERD_ADDRESS=$PWD/nowhere.sock cb load --to=containerd
	[ "$status" -eq 3 ]
	grep -F 'systemctl start containerd' "$err"
	sed 's/  base/  never: {build: web}\n  base/' services.yaml >more.yaml
	cb -f more.yaml load never --to=podman
	[ "$status" -eq 1 ]
	grep -F 'never has not been built yet' "$err"
}
