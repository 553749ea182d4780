#!/usr/bin/env bats
# From bake and back: import and export. `bake --print` needs no
# daemon, and nothing is built here.

bats_require_minimum_version 1.5.0

checkout=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
export CBUILD_TEST_CACHE=${CBUILD_TEST_CACHE:-$checkout/.cache}
cbuild=${CBUILD:-$checkout/cbuild}
export BUILDX=$CBUILD_TEST_CACHE/docker/root/usr/libexec/docker/cli-plugins/docker-buildx

setup_file()
{
	"$checkout/tests/lib/docker" fetch "$CBUILD_TEST_CACHE/docker" >&2
	[ -x "$BUILDX" ]
}

setup()
{
	unset BUILD_PLATFORMS DOCKER_REGISTRY DOCKER_TAGS COMPOSE_PROFILES
	export DOCKER_CONFIG=$BATS_TEST_TMPDIR/config
	cd "$BATS_TEST_TMPDIR"
	mkdir -p app/build base src
	printf 'FROM base AS final\nCOPY . /\nARG A DOLLAR\n' >app/build/Dockerfile
	printf 'FROM scratch\nCOPY . /\n' >base/Dockerfile
	echo file | tee a b app/file base/file src/file >/dev/null
	echo hush >token.txt
	# bake looks for these.
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("agent")'
	export SSH_AUTH_SOCK=$PWD/agent TOKEN=hush
}

equal()
{
	[ "$1" = "$2" ] && return
	printf 'got:\n%s\nwanted:\n%s\n' "$1" "$2"
	return 1
}

# A bake file with everything that there is a place for, and some for which there is none.
everything()
{
	cat >docker-bake.hcl <<-'EOF'
		variable "TAG" { default = "1.0" }
		group "default" { targets = ["app", "tool", "list"] }
		target "_common" {
		  args = { A = "1", DOLLAR = "$${X} $5 %%{if}" }
		  labels = { "org.acme" = "x" }
		  platforms = ["linux/amd64", "linux/arm64"]
		}
		target "base" { context = "base" }
		target "list" { context = "base" }
		target "app" {
		  inherits = ["_common"]
		  context = "app"
		  dockerfile = "build/Dockerfile"
		  target = "final"
		  tags = ["acme/app:${TAG}", "acme/app:latest", "example.org/other/app:2"]
		  contexts = { base = "target:base", "alpine" = "docker-image://debian:12", src = "./src" }
		  secret = ["id=token,src=token.txt", "id=variable,env=TOKEN"]
		  ssh = ["default"]
		  cache-from = ["type=registry,ref=acme/cache", "acme/simple"]
		  cache-to = ["type=inline"]
		  no-cache = true
		  pull = true
		  network = "host"
		  output = ["type=registry"]
		  extra-hosts = { "db" = "10.0.0.1" }
		  shm-size = "64m"
		  attest = ["type=provenance,mode=max", "type=sbom,generator=r.example.org/scan:1"]
		  annotations = ["index:org.acme=y"]
		  ulimits = ["nofile=1024:1024"]
		  description = "the app"
		}
		target "tool" {
		  name = "tool-${v}"
		  matrix = { v = ["a", "b"] }
		  dockerfile-inline = "FROM scratch\nCOPY ${v} /\n"
		  secret = ["id=token,src=a"]
		}
	EOF
	"$BUILDX" bake --print >bake.json 2>bake.err
}

@test "import takes over what bake --print prints" {
	everything
	"$cbuild" import bake.json -o services.yaml
	"$cbuild" -n --no-load >plan
	equal "$(cat services.yaml)" "$(cat <<-'EOF'
		# Made by `cbuild import` of a bake file. `cbuild help manifest` explains every key.

		secrets:
		  token:
		    file: token.txt
		  variable:
		    environment: TOKEN
		  tool-a-token:
		    file: a
		  tool-b-token:
		    file: a
		groups:
		  default: [app, list, tool-a, tool-b]
		  tool: [tool-a, tool-b]
		services:
		  app:
		    # the app
		    image: "acme/app:1.0"
		    build:
		      context: app
		      dockerfile: build/Dockerfile
		      target: final
		      args:
		        A: "1"
		        DOLLAR: "$${X} $$5 %{if}"
		      labels:
		        org.acme: x
		      network: host
		      shm_size: "64m"
		      extra_hosts:
		        db: "10.0.0.1"
		      ssh: [default]
		      cache_from: ["type=registry,ref=acme/cache", "type=registry,ref=acme/simple"]
		      cache_to: [type=inline]
		      annotations: ["index:org.acme=y"]
		      no_cache: true
		      pull: true
		      platforms: [linux/amd64, linux/arm64]
		      tags: ["acme/app:latest", "example.org/other/app:2"]
		      additional_contexts:
		        alpine: "docker-image://debian:12"
		        base: "service:base"
		        src: ./src
		      secrets: [token, variable]
		      ulimits:
		        nofile:
		          soft: "1024"
		          hard: "1024"
		      provenance: max
		      sbom: "generator=r.example.org/scan:1"
		  base:
		    publish: false
		    build:
		      context: base
		      dockerfile: Dockerfile
		  list:
		    build:
		      context: base
		      dockerfile: Dockerfile
		  tool-a:
		    build:
		      context: .
		      dockerfile_inline: "FROM scratch\nCOPY a /\n"
		      secrets:
		        - source: tool-a-token
		          target: token
		  tool-b:
		    build:
		      context: .
		      dockerfile_inline: "FROM scratch\nCOPY b /\n"
		      secrets:
		        - source: tool-b-token
		          target: token
	EOF
	)"
	equal "$("$cbuild" list --format=json | jq -c '.services[] | select(.service == "app") | .tags')" '["1.0","latest"]'
	# Nothing is overwritten.
	run -2 "$cbuild" import bake.json -o services.yaml
	# The same from standard input.
	equal "$("$cbuild" import - <bake.json)" "$(cat services.yaml)"
}

@test "import reads what people write: variables, and targets that inherit" {
	cat >docker-bake.json <<-'EOF'
		{
		  "variable": {"TAG": {"default": "dev"}, "REPO": {"default": "acme"}},
		  "group": {"default": {"targets": ["app"]}, "every": {"targets": ["default", "base"]}},
		  "target": {
		    "_args": {"args": {"A": "1", "B": "1"}, "tags": ["x/y"]},
		    "base": {"context": "base", "tags": ["${REPO}/base:${TAG}"]},
		    "app": {"inherits": ["_args"], "context": "app", "dockerfile": "build/Dockerfile", "args": {"B": "2"},
		            "contexts": {"base": "target:base"}, "tags": ["${REPO}/app:${TAG}"]}
		  }
		}
	EOF
	"$cbuild" import docker-bake.json -o services.yaml
	"$cbuild" -n --no-load >plan
	equal "$("$cbuild" list)" "$(printf 'base  acme/base:dev  linux/%s\napp   acme/app:dev  linux/%s\ngroup default: app\ngroup every: app base' \
		"$(dpkg --print-architecture)" "$(dpkg --print-architecture)")"
	TAG=2 "$cbuild" import docker-bake.json | grep -q 'acme/app:2'
	sed -n '/args:/,/tags/p' services.yaml | grep -A2 'args:' | tr -d '\n ' | grep -qx 'args:A:"1"B:"2"'
	# Variables, groups and inheritance as bake understands them.
	"$BUILDX" bake --print every 2>/dev/null >printed.json
	"$cbuild" import printed.json -o printed.yaml
	equal "$("$cbuild" -f printed.yaml hash app)" "$("$cbuild" hash app)"
	# buildx prints a group that is in itself here.
	equal "$("$cbuild" -f printed.yaml list | grep '^group every')" "group every: app base"
}

refused()
{
	cat >x.json
	run -2 "$cbuild" import x.json
	[[ $output == *"$1"* ]] || {
		printf '%s\n' "$output"
		return 1
	}
}

@test "import works out what only bake could, and refuses what has no place" {
	"$cbuild" import - <<<'{"target": {"a": {"matrix": {"x": ["1"]}, "name": "a-${x}", "args": {"X": "%{if true}1%{endif}"}}}}' >x.yaml
	equal "$(sed -n '/^  a-1:/,$p' x.yaml | tr -d ' \n')" 'a-1:build:args:X:"1"context:.'
	refused 'x.json:1:2: error: the function "f" needs a list of "params"' <<<'{"function": {"f": {}}, "target": {"a": {}}}'
	refused 'x.json:1:32: error: there is no target "b"' <<<'{"target": {"a": {"inherits": ["b"]}}}'
	refused 'target a: its context is not a folder' <<<'{"target": {"a": {"context": "svn://example.org/x"}}}'
	"$cbuild" import - <<<'{"target": {"a": {"contexts": {"x": "oci-layout://dir:tag"}}}}' >x.yaml
	grep -q 'oci-layout://dir:tag' x.yaml
	# Whatever the groups are, it ends.
	"$cbuild" import - <<<'{"group": {"g": {"targets": ["g", "h", "g"]}, "h": {"targets": ["g", "g", "a"]}}, "target": {"a": {}}}' >x.yaml
	equal "$(grep -E '^  [gh]:' x.yaml)" "$(printf '  g: [a]\n  h: [a]')"
	refused 'it is not a bake file' <<<'{"services": {}}'
	refused 'x.json:1:' <<<'target "a" {}'
	run -2 "$cbuild" import missing.json
}

# A manifest with what export has a place for, and an edge that only a FROM tells.
manifest()
{
	# Its key is known before anything is built.
	printf 'FROM scratch AS final\nCOPY --from=src file /src\nCOPY . /\nARG A DOLLAR\n' >app/build/Dockerfile
	cat >services.yaml <<-'EOF'
		project: acme
		registry: example.org/acme
		platforms: [linux/amd64, linux/arm64]
		tags: [v1, latest]
		secrets: {token: {file: token.txt}, variable: {environment: TOKEN}}
		services:
		  base: {build: base, publish: false}
		  app:
		    build:
		      context: app
		      dockerfile: build/Dockerfile
		      target: final
		      args: {A: "1", DOLLAR: "$${X} $$5 %{if}"}
		      labels: {org.acme: "$$x"}
		      additional_contexts: {alpine: "docker-image://debian:12", src: src}
		      secrets: [token, {source: variable, target: other}]
		      ssh: [default]
		      cache_from: ["type=registry,ref=acme/cache"]
		      cache_to: [type=inline]
		      extra_hosts: [db=10.0.0.1]
		      tags: [edge, "example.org/other/app:2"]
		      shm_size: 64MB
		      annotations: ["index:org.acme=y"]
		      provenance: max
		      sbom: generator=r.example.org/scan:1
		      no_cache: true
		      pull: true
		    ports: ["8080:8000"]
		    environment: {MODE: "a$$b", EMPTY: ""}
		    command: [serve, "--price=$$5"]
		    depends_on: {db: {condition: service_healthy}, web.app: {condition: service_started}}
		    healthcheck: {test: [CMD, /health], timeout: 2s}
		    user: "1000"
		    tmpfs: [/tmp]
		    formats: [zstd]
		    verify: {max_size: 100MB}
		  web.app:
		    build: {context: ., dockerfile_inline: "FROM example.org/acme/app:v1\nCOPY --from=base / /\n", additional_contexts: {base: "service:base"}}
		    prepare: {run: ["true"], outputs: [a]}
		    profiles: [night]
		  db: {image: "postgres:16"}
		groups: {front: [app, web.app, db]}
	EOF
}

# hashes FILE: what every build's key is made of, by inputs; of another file the same, if it means the same.
hashes()
{
	"$cbuild" -f "$1" hash -v app base | sort
}

@test "export bake is understood by bake, and read back it is the same" {
	manifest
	"$cbuild" export bake -o docker-bake.json 2>notes
	equal "$(cat notes)" "$(printf 'cbuild: %s\n' 'app: bake cannot express its `formats`' \
		'app: bake cannot express its checks (`verify`)' \
		'web.app: bake cannot express its `prepare` step: run it first')"
	"$BUILDX" bake --print default front 2>bake.err >printed.json
	equal "$(jq -c '.target["web_app"].contexts' printed.json)" '{"base":"target:base","example.org/acme/app:v1":"target:app"}'
	equal "$(jq -c '.target.app.tags' printed.json)" \
		'["example.org/acme/app:v1","example.org/acme/app:latest","example.org/acme/app:edge","example.org/other/app:2"]'
	equal "$(jq -c '.target.app.args' printed.json)" '{"A":"1","DOLLAR":"$${X} $5 %%{if}"}'
	equal "$(jq -c '.target.app.annotations' printed.json)" '["index:org.acme=y"]'
	equal "$(jq -c '.group.front.targets' printed.json)" '["app","web_app"]'
	"$cbuild" import printed.json -o back.yaml
	hashes services.yaml >first
	hashes back.yaml >second
	grep -q "^arg	DOLLAR	" first
	grep -q "^file	src/file	" first
	diff first second
}

@test "export compose is understood by compose's own reader, and by cbuild it is the same" {
	manifest
	"$cbuild" export compose -o compose.yaml 2>notes
	grep -q 'app: compose cannot express its `annotations`' notes
	"$BUILDX" bake -f compose.yaml --print app base >printed.json 2>bake.err || {
		cat bake.err
		return 1
	}
	equal "$(jq -c '.target.app.args' printed.json)" '{"A":"1","DOLLAR":"$${X} $5 %%{if}"}'
	hashes services.yaml >first
	hashes compose.yaml >second
	diff first second
	equal "$("$cbuild" -f compose.yaml list | grep ^app)" "$("$cbuild" list | grep ^app)"
	equal "$(sed -n '/^    ports/,/^    healthcheck/p' compose.yaml)" "$(cat <<-'EOF'
		    ports: ["8080:8000"]
		    environment:
		      EMPTY: ""
		      MODE: "a$$b"
		    command: [serve, "--price=$$5"]
		    user: "1000"
		    tmpfs: [/tmp]
		    depends_on:
		      db:
		        condition: service_healthy
		      web.app:
		        condition: service_started
		    healthcheck:
	EOF
	)"
}

@test "export compose keeps ports, volumes and the pull policy" {
	printf 'FROM scratch\n' >Dockerfile
	cat >services.yaml <<-'EOF'
		services:
		  app: {build: .}
		  db:
		    image: postgres:16
		    pull_policy: always
		    ports: ["8000", "127.0.0.1:81:80/udp", "90-95:9"]
		    volumes: ["./conf:/conf:ro", "data:/data", /own, {type: tmpfs, target: /t}]
	EOF
	"$cbuild" export compose -o compose.yaml
	"$cbuild" -f compose.yaml export compose | diff compose.yaml -
	equal "$(sed -n '/^    ports/,$p' compose.yaml | tr -s ' \n' ' ')" ' ports: ["8000", "127.0.0.1:81:80/udp", "90-95:9"] volumes: - type: bind source: ./conf target: /conf read_only: true - type: volume source: data target: /data - type: volume target: /own - type: tmpfs target: /t pull_policy: always volumes: data: {} '
}

@test "export refuses what would make another image" {
	manifest
	sed -i 's/A: "1"/A: "${platform.arch}"/' services.yaml
	run -2 "$cbuild" export bake
	[[ $output == *'the argument A of app has a value for each platform'*TARGETARCH* ]]
	run -2 "$cbuild" export compose
	run -2 "$cbuild" export nothing
	printf 'services: {a.b: {build: base}, a_b: {build: base}}\n' >services.yaml
	run -2 "$cbuild" export bake
	[[ $output == *'bake cannot tell a_b from another service'* ]]
	"$cbuild" export compose | grep -q '^  a.b:'
}
