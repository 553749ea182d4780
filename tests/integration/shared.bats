#!/usr/bin/env bats
# Services of one image: built once, checked and started each for itself.

. "$BATS_TEST_DIRNAME/../lib/project"
setup_file() { project_begin; }
teardown_file() { project_end; }
@test "several services of one image are one build and one index, and run each for itself" {
	project shared
	rm -rf web; printf 'FROM scratch\nARG TARGETARCH\nCOPY --from=rootfs ${TARGETARCH}/ /\nEXPOSE 8000\nRUN mkdir /www && echo fine >/www/health\n' | dockerfile app
	cat >compose.yaml <<-'EOF'
		x-app: &app
		  image: localhost/shared/app
		  build: {context: app, additional_contexts: {rootfs: rootfs}}
		services:
		  web: {<<: *app, command: "httpd -f -p 8000 -h /www", ports: ["8000"], hostname: w, read_only: false, verify: {http: /health}}
		  worker: {<<: *app, command: "httpd -f -p 8000 -h /www", ports: ["8000"], depends_on: [web], verify: {http: {path: /health, port: 8000}}}
	EOF
	cb
	[ "$status" -eq 0 ]
	equal "$(finished)" "$(lines "build web $host" "index web" "load web" "verify web" "verify worker")"
	cb
	grep -q 'nothing to do' "$err"
	cb up -d
	[ "$status" -eq 0 ]
	equal "$(podman ps --quiet | wc -l)" 2
	equal "$(podman inspect --format "{{.Config.Hostname}}" shared-web-1)" w
	cb down
	[ "$status" -eq 0 ]
	cb images
	equal "$(grep -c localhost/shared/app:latest "$out")" 2
}
