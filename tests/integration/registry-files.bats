#!/usr/bin/env bats
# What files of the machine say of registries: registries.conf as podman reads it, hosts.toml as containerd does.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/registry"
. "$BATS_TEST_DIRNAME/../lib/image"
. "$BATS_TEST_DIRNAME/../lib/base"

setup_file()
{
	project_begin
	registries_begin
	unset CONTAINERS_REGISTRIES_CONF
	registry_start plain
	registry_start mirror
	registry_start closed tls htpasswd
	base_project
	base one
	base=$(registry_host plain)/bases/base:1
	skopeo copy -q --all --src-tls-verify=false --dest-tls-verify=false "docker://$base" "docker://$(registry_host mirror)/hub/bases/base:1"
	skopeo copy -q --all --src-tls-verify=false --dest-tls-verify=false --dest-creds=tester:secret "docker://$base" \
		"docker://$(registry_host closed)/hub/bases/base:1"
}

teardown_file()
{
	registries_end
	project_end
}

setup()
{
	app "t$BATS_TEST_NUMBER"
	rm -rf "$HOME/.config" "$DOCKER_CONFIG"
	buildah rmi --all --force >/dev/null 2>&1 || true
	log_clear plain
	log_clear mirror
	log_clear closed
}

# conf: one's own registries.conf, from standard input.
conf()
{
	mkdir -p "$HOME/.config/containers"
	cat >"$HOME/.config/containers/registries.conf"
}

# hosts REGISTRY: its hosts.toml, from standard input.
hosts()
{
	mkdir -p "$HOME/.config/containerd/certs.d/$1"
	cat >"$HOME/.config/containerd/certs.d/$1/hosts.toml"
}

# from NAME: what web is built from.
from()
{
	printf 'FROM %s\nCOPY own /own\n' "$1" >web/Dockerfile
}

built()
{
	cb --no-load web
	equal "$status" 0
	equal "$(marks)" "one amd64 one arm64 "
}

@test "mirrors of registries.conf are asked first, and buildah pulls from there" {
	conf <<-EOF
		[[registry]]
		location = "$(registry_host plain)"
		[[registry.mirror]]
		location = "localhost:1"
		[[registry.mirror]]
		location = "$(registry_host mirror)/hub"
	EOF
	built
	equal "$(log_count plain HTTP)" 0
	[ "$(log_count mirror '"GET /v2/hub/bases/base/blobs')" -gt 0 ]
	# Those of the manifest come first.
	printf 'registries: {"%s": {mirrors: ["%s/other"]}}\n' "$(registry_host plain)" "$(registry_host mirror)" >>services.yaml
	rm -rf .cbuild
	log_clear mirror
	cb lock
	equal "$status" 0
	equal "$(sed -n 's/.*"[A-Z]* \/v2\/\([a-z]*\)\/.*manifests.*/\1/p' "$registries/mirror/log" | uniq | head -2 | tr '\n' ' ')" "other hub "
	equal "$(sed -n 's/ sha.*//p' services.lock | head -1)" "$base"
}

@test "a mirror may be for digests only" {
	conf <<-EOF
		[[registry]]
		location = "$(registry_host plain)"
		mirror-by-digest-only = true
		[[registry.mirror]]
		location = "$(registry_host mirror)/hub"
	EOF
	built
	[ "$(log_count plain '/v2/bases/base/manifests/1 ')" -gt 0 ]
	equal "$(log_count mirror '/manifests/1 ')" 0
	equal "$(log_count plain '/blobs/')" 0
	[ "$(log_count mirror '"GET /v2/hub/bases/base/blobs')" -gt 0 ]
}

@test "a prefix stands for another place" {
	conf <<-EOF
		[[registry]]
		prefix = "registry.invalid/team"
		location = "$(registry_host plain)/bases"
	EOF
	from registry.invalid/team/base:1
	built
	rm -rf .cbuild
	cb lock
	equal "$status" 0
	grep -q '^registry.invalid/team/base:1 sha256:' services.lock
	built
}

@test "a name without a registry is what registries.conf says" {
	conf <<-EOF
		[aliases]
		"base" = "$(registry_host plain)/bases/base"
	EOF
	from base:1
	built
	cb lock
	equal "$status" 0
	grep -q '^docker.io/library/base:1 sha256:' services.lock
	# Written with Docker Hub it is Docker Hub's.
	from docker.io/library/base:1
	rm -rf .cbuild services.lock
	cb --no-load web
	equal "$status" 4
	# Registries are searched in their order.
	conf <<<"unqualified-search-registries = ['$(registry_host mirror)', '$(registry_host plain)']"
	from bases/base:1
	log_clear plain
	built
	[ "$(log_count mirror '/v2/bases/base/manifests/1 .* 404')" -gt 0 ]
	[ "$(log_count plain '"GET /v2/bases/base/blobs')" -gt 0 ]
}

@test "what is blocked is not asked, neither for a base nor to push" {
	conf <<-EOF
		[[registry]]
		location = "$(registry_host plain)/bases"
		blocked = true
	EOF
	cb --no-load web
	equal "$status" 4
	grep -q "$(registry_host plain)/bases/base is blocked by $HOME/.config/containers/registries.conf" "$err"
	equal "$(log_count plain HTTP)" 0
	sed -i "s|^registry:.*|registry: $(registry_host plain)/bases|" services.yaml
	cb --no-load --push other
	equal "$status" 4
	grep -q 'is blocked by' "$err"
	equal "$(log_count plain HTTP)" 0
	# Its mirrors are not.
	sed -i "s|^registry:.*|registry: localhost:1/none|" services.yaml
	printf '[[registry.mirror]]\nlocation = "%s/hub/bases"\n' "$(registry_host mirror)" >>"$HOME/.config/containers/registries.conf"
	built
}

@test "insecure: any certificate, with the login for the mirror" {
	login_file closed tester secret
	conf <<-EOF
		[[registry]]
		location = "$(registry_host plain)"
		[[registry.mirror]]
		location = "$(registry_host closed)/hub"
		insecure = true
	EOF
	built
	equal "$(log_count plain HTTP)" 0
	[ "$(log_count closed '"GET /v2/hub/bases/base/blobs')" -gt 0 ]
}

@test "a registries.conf that is wrong is named, and only when a registry is asked" {
	conf <<<'[[registry]'
	cb --no-load other
	equal "$status" 0
	cb --no-load web
	equal "$status" 4
	grep -q "$HOME/.config/containers/registries.conf:1:11: \"\\]\" is expected" "$err"
}

@test "hosts of hosts.toml are asked first, with their authority and in their order" {
	login_file closed tester secret
	hosts "$(registry_host plain)" <<-EOF
		server = "http://$(registry_host plain)"
		[host."http://$(registry_host mirror)/v2/none"]
		override_path = true
		[host."https://$(registry_host closed)/v2/hub"]
		override_path = true
		ca = "ca.pem"
	EOF
	cp "$registries/closed/cert.pem" "$HOME/.config/containerd/certs.d/$(registry_host plain)/ca.pem"
	built
	equal "$(log_count plain HTTP)" 0
	[ "$(log_count mirror '/v2/none/bases/base/manifests/1 .* 404')" -gt 0 ]
	[ "$(log_count closed '"GET /v2/hub/bases/base/blobs')" -gt 0 ]
	# Without the authority it is passed over.
	rm -rf .cbuild
	buildah rmi --all --force >/dev/null
	sed -i '/^ca/d' "$HOME/.config/containerd/certs.d/$(registry_host plain)/hosts.toml"
	built
	[ "$(log_count plain '"GET /v2/bases/base/blobs')" -gt 0 ]
	# And with skip_verify, in containerd's spelling of a port, it is not.
	rm -rf .cbuild
	buildah rmi --all --force >/dev/null
	echo 'skip_verify = true' >>"$HOME/.config/containerd/certs.d/$(registry_host plain)/hosts.toml"
	mv "$HOME/.config/containerd/certs.d/$(registry_host plain)" "$HOME/.config/containerd/certs.d/localhost_$(registry_port plain)_"
	log_clear plain
	built
	equal "$(log_count plain HTTP)" 0
}

@test "a host that wants headers is asked for digests, and builders go to the next one" {
	hosts "$(registry_host plain)" <<-EOF
		[host."https://$(registry_host closed)/v2/hub"]
		override_path = true
		skip_verify = true
		[host."https://$(registry_host closed)/v2/hub".header]
		Authorization = "Basic $(printf tester:secret | base64)"
	EOF
	built
	equal "$(log_count plain '/manifests/1 ')" 0
	[ "$(log_count closed '/v2/hub/bases/base/manifests/1 .* 200')" -gt 0 ]
	[ "$(log_count plain '"GET /v2/bases/base/blobs')" -gt 0 ]
}
