#!/usr/bin/env bats
# What stands between a registry and its users: nginx with HTTP/2, client certificates, proxies.

. "$BATS_TEST_DIRNAME/../lib/release"

setup_file()
{
	release_begin
	registry_start plain
	front_start
	proxy_start
	release_built
}

setup()
{
	project release
	front=$registries/front
	rm -rf "$HOME/.config"
	: >"$front/log"
	: >"$registries/proxy/log"
}

# An authority, a certificate of it for the server, and one for a client.
certificates()
{
	local name
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tests -keyout ca.key -out ca.pem 2>/dev/null
	for name in server client; do
		openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout "$name.key" -out "$name.csr" 2>/dev/null
		openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out "$name.pem" \
			-extfile <(echo subjectAltName=DNS:localhost,DNS:registry.test,IP:127.0.0.1) 2>/dev/null
	done
}

# nginx before the registry: "front" takes everybody, "strict" only who has a certificate.
front_start()
{
	local dir=$registries/front nginx attempt
	nginx=$("$checkout/tests/lib/nginx")
	mkdir -p "$dir" "$registries/strict"
	(cd "$dir" && certificates)
	for attempt in 1 2 3; do
		free_port >"$dir/port"
		free_port >"$registries/strict/port"
		cat >"$dir/nginx.conf" <<-CONF
			daemon off;
			user $(id -un);
			pid $dir/pid;
			error_log $dir/errors;
			events {}
			http {
				log_format requests '\$server_protocol \$request_method \$request_uri \$status \$ssl_client_s_dn';
				access_log $dir/log requests;
				client_body_temp_path $dir/body;
				proxy_temp_path $dir/proxy;
				fastcgi_temp_path $dir/fastcgi;
				uwsgi_temp_path $dir/uwsgi;
				scgi_temp_path $dir/scgi;
				client_max_body_size 0;
				ssl_certificate $dir/server.pem;
				ssl_certificate_key $dir/server.key;
				ssl_client_certificate $dir/ca.pem;
				proxy_set_header Host \$http_host;
				proxy_set_header X-Forwarded-Proto https;
				server {
					listen 127.0.0.1:$(cat "$dir/port") ssl http2;
					location / { proxy_pass http://127.0.0.1:$(registry_port plain); }
				}
				server {
					listen 127.0.0.1:$(registry_port strict) ssl http2;
					ssl_verify_client on;
					location / { proxy_pass http://127.0.0.1:$(registry_port plain); }
				}
			}
		CONF
		"$nginx" -e "$dir/errors" -p "$dir" -c "$dir/nginx.conf" >"$dir/out" 2>&1 3>&- &
		echo $! >>"$registries/pids"
		until_true registry_answers "$(cat "$dir/port")" $!
		! kill -0 $! 2>/dev/null || return 0
	done
	cat "$dir/out" "$dir/errors"
	return 1
}

proxy_start()
{
	local dir=$registries/proxy
	mkdir -p "$dir"
	python3 "$checkout/tests/connect-proxy.py" "$dir" "$(registry_port front)" >"$dir/out" 2>&1 3>&- &
	echo $! >>"$registries/pids"
	registry_wait proxy
}

@test "HTTP/2 is spoken where it is offered" {
	to front two "ca: $front/ca.pem"
	push all
	equal "$status" 0
	[ "$(log_count front '(PUT|PATCH) /v2/two/[a-z]*/blobs/uploads')" -gt 0 ]
	equal "$(log_count front 'HTTP/1')" 0
	inspect "$DOCKER_REGISTRY/web:v1"
	equal "$status" 0
	# Several at once over it.
	rm -rf "$registries/plain/data/docker/registry/v2/repositories/two"
	push all
	equal "$status" 0
	equal "$(log_count front ' 5[0-9][0-9] ')" 0
}

@test "a client certificate comes from the manifest, or from docker's folders" {
	to strict mine "ca: $front/ca.pem"
	push web
	equal "$status" 4
	to strict mine "ca: $front/ca.pem, cert: $front/client.pem, key: $front/client.key"
	push web
	equal "$status" 0
	[ "$(log_count front 'PUT /v2/mine/web/manifests/v1 201 CN=client')" -eq 1 ]
	mkdir -p "$HOME/.config/docker/certs.d/$(registry_host strict)"
	cp "$front/ca.pem" "$HOME/.config/docker/certs.d/$(registry_host strict)/ca.crt"
	cp "$front/client.pem" "$HOME/.config/docker/certs.d/$(registry_host strict)/client.cert"
	cp "$front/client.key" "$HOME/.config/docker/certs.d/$(registry_host strict)/client.key"
	to strict folder
	push web
	equal "$status" 0
	[ "$(log_count front 'PUT /v2/folder/web/manifests/v1 201 CN=client')" -eq 1 ]
}

@test "all authorities count: the manifest's, those in the folders, and the system's" {
	local folder=$HOME/.config/docker/certs.d/$(registry_host strict)
	mkdir -p "$folder" "$HOME/.config/containers/certs.d/$(registry_host strict)"
	certificate "$BATS_TEST_TMPDIR"
	# The one that counts is neither the manifest's nor the first of the folder.
	cp "$BATS_TEST_TMPDIR/cert.pem" "$HOME/.config/containers/certs.d/$(registry_host strict)/a.crt"
	cp "$BATS_TEST_TMPDIR/cert.pem" "$folder/a.crt"
	cp "$front/ca.pem" "$folder/b.crt"
	# A certificate without its key is not taken, nor with another one's.
	cp "$BATS_TEST_TMPDIR/cert.pem" "$folder/alone.cert"
	cp "$BATS_TEST_TMPDIR/key.pem" "$folder/aother.key"
	cp "$front/client.pem" "$folder/client.cert"
	cp "$front/client.key" "$folder/client.key"
	to strict several "ca: $BATS_TEST_TMPDIR/cert.pem"
	push web
	equal "$status" 0
	# buildah gets them all, too.
	image=$DOCKER_REGISTRY/web:v1
	settings=$(cat settings.yaml)
	project several
	printf 'FROM %s\nCOPY own /own\n' "$image" | dockerfile web
	echo own >web/own
	printf 'registry: localhost:1/none\n%s\nservices: {web: {build: web}}\n' "$settings" >services.yaml
	cb --no-load all
	equal "$status" 0
	project release
	rm "$folder/b.crt"
	push web --tag=other
	equal "$status" 4
	SSL_CERT_FILE=$front/ca.pem push web --tag=other
	equal "$status" 0
	rm -rf "$HOME/.config"
	to strict own "cert: $front/client.pem, key: $front/client.key"
	SSL_CERT_FILE=$front/ca.pem push web
	equal "$status" 0
	to strict own "ca: $BATS_TEST_TMPDIR/nonsuch.pem"
	push web
	equal "$status" 4
	grep -q "nonsuch.pem" "$err"
}

@test "a base behind certificates is had by the builder as by cbuild" {
	to strict bases "ca: $front/ca.pem, cert: $front/client.pem, key: $front/client.key"
	push web
	equal "$status" 0
	settings=$(cat settings.yaml)
	image=$DOCKER_REGISTRY/web:v1
	project user
	rm -rf rootfs .cbuild
	printf 'FROM %s\nCOPY own /own\n' "$image" | dockerfile web
	echo own >web/own
	printf 'registry: localhost:1/none\n%s\nservices: {web: {build: web}}\n' "$settings" >services.yaml
	cb --no-load all
	equal "$status" 0
	[ "$(log_count front 'GET /v2/bases/web/blobs/.* CN=client')" -gt 0 ]
}

@test "proxies are used as the environment says, and not for this machine" {
	export DOCKER_REGISTRY=registry.test/proxied HTTPS_PROXY
	HTTPS_PROXY=http://127.0.0.1:$(registry_port proxy)
	printf 'registries: {registry.test: {ca: "%s", timeout: 3s}}\n' "$front/ca.pem" >settings.yaml
	push web
	equal "$status" 0
	[ "$(log_count proxy '^CONNECT registry.test:443 ')" -gt 0 ]
	inspect registry.test/proxied/web:v1
	equal "$status" 0
	: >"$registries/proxy/log"
	NO_PROXY=registry.test inspect registry.test/proxied/web:v1
	equal "$status" 4
	equal "$(log_count proxy .)" 0
	to front direct "ca: $front/ca.pem"
	push web
	equal "$status" 0
	equal "$(log_count proxy .)" 0
}
