#!/usr/bin/env bats
# cbuild init on repositories of many shapes: what it writes is loaded by cbuild, and finds the files it needs.

bats_require_minimum_version 1.5.0

checkout=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
cbuild=${CBUILD:-$checkout/cbuild}

setup()
{
	unset BUILD_PLATFORMS DOCKER_REGISTRY DOCKER_TAGS COMPOSE_PROFILES
	mkdir "$BATS_TEST_TMPDIR/shop"
	cd "$BATS_TEST_TMPDIR/shop"
}

# file PATH: from standard input, with its folders.
file()
{
	mkdir -p "$(dirname "$1")"
	cat >"$1"
}

plain()
{
	printf 'FROM scratch\nCOPY . /\nCMD ["/x"]\n' | file "$1"
}

# Writes the manifest and proves that cbuild takes it; its services in `services`.
init()
{
	"$cbuild" init
	"$cbuild" -n --no-load --no-verify >plan
	services=$("$cbuild" list --format=json | jq -r '.services[].service' | sort | tr '\n' ' ')
}

equal()
{
	[ "$1" = "$2" ] && return
	printf 'got:\n%s\nwanted:\n%s\n' "$1" "$2"
	return 1
}

@test "several services on a base: the whole manifest" {
	file services/web/Dockerfile <<-'EOF'
		FROM base
		COPY app /app
		EXPOSE 8080/tcp 9000/udp 9001
		HEALTHCHECK --interval=5s CMD curl -fs http://localhost:8080/health || exit 1
		USER app
		CMD ["/app"]
	EOF
	echo app | file services/web/app
	file services/api/Dockerfile <<-'EOF'
		FROM golang:1.22 AS build
		COPY services/api/main.go .
		FROM ghcr.io/shop/base:1.2
		COPY --from=build /x /x
		EXPOSE 80
		CMD x
	EOF
	echo main | file services/api/main.go
	printf 'FROM scratch\nCOPY . /\n' | file base/Dockerfile
	plain node_modules/other/Dockerfile
	plain .hidden/Dockerfile
	printf 'FRO scratch\n' | file broken/Dockerfile
	init
	equal "$(cat services.yaml)" "$(cat <<-'EOF'
		# yaml-language-server: $schema=.cbuild/schema.json
		# What cbuild builds here. Written by `cbuild init` from what it found; it is yours now.
		# `cbuild help manifest` explains every key, `cbuild -n` says what would be done, and why.

		project: shop
		# registry: ghcr.io/acme                # before the names of the images
		# platforms: [linux/amd64, linux/arm64] # the machine's own, without this

		services:
		  # from base/Dockerfile
		  base:
		    # only a base of others
		    publish: false
		    build: base
		  # broken/Dockerfile was left out: broken/Dockerfile:1: unknown instruction FRO
		  # from services/api/Dockerfile
		  api:
		    build:
		      context: .
		      dockerfile: services/api/Dockerfile
		      # what its Dockerfile resolves these names to
		      additional_contexts:
		        "ghcr.io/shop/base:1.2": "service:base"
		    ports: ["80"]
		    verify:
		      # its first port opens; better: http: /health
		      tcp: 80
		  # from services/web/Dockerfile
		  web:
		    build:
		      context: services/web
		      # what its Dockerfile resolves these names to
		      additional_contexts:
		        base: "service:base"
		    ports: ["8080", "9001"]
		    verify:
		      # as its HEALTHCHECK asks
		      http:
		        path: /health
		        port: 8080
		      user: nonroot
	EOF
	)"
	# The base comes first.
	"$cbuild" graph web --no-load --no-verify | grep -A9 '^index:web' | grep -q 'build:base:'
}

@test "nothing is overwritten, and nothing is written where there is nothing" {
	run -2 "$cbuild" init
	[[ $output == *'there is no Dockerfile here or below'* ]]
	[ ! -e services.yaml ]
	plain Dockerfile
	echo mine >services.yaml
	run -2 "$cbuild" init
	[[ $output == *'services.yaml already exists'* ]]
	equal "$(cat services.yaml)" mine
	"$cbuild" init --stdout | grep -q '^  shop:$'
	equal "$(cat services.yaml)" mine
	"$cbuild" init -o other.yaml
	"$cbuild" -f other.yaml list | grep -q '^shop '
	run -2 "$cbuild" init -o other.yaml
	run -6 "$cbuild" init -o no/such/folder.yaml
}

@test "names: of the folder, of the file, of the project; never twice, never "all"" {
	plain Dockerfile
	plain Dockerfile.worker
	plain Dockerfile.dev
	plain api/Dockerfile
	plain api/Dockerfile.dev
	plain tools/api/Dockerfile
	plain docker/Dockerfile.cron
	plain images/docker/Dockerfile
	plain "My Service!/Containerfile"
	plain ui.Dockerfile
	plain list/Dockerfile
	plain all/Dockerfile
	plain Dockerfile.tmpl
	plain doc/Dockerfile.md
	init
	equal "$services" "all-image api api-dev cron images list my-service shop shop-dev tools-api ui worker "
}

@test "the context is where the files are that are copied" {
	printf 'FROM scratch\nCOPY src/main.c Makefile /\n' | file deploy/docker/Dockerfile
	echo | file src/main.c
	echo | file Makefile
	printf 'FROM scratch\nCOPY run.sh /\n' | file one/Dockerfile
	echo | file one/run.sh
	echo | file run.sh
	plain docker/Dockerfile
	init
	equal "$("$cbuild" context one | tr '\n' ' ')" "one/run.sh "
	equal "$("$cbuild" context shop | tr '\n' ' ')" "Makefile src/main.c "
}

@test "what is built here is told from what comes from elsewhere" {
	plain python/Dockerfile
	printf 'FROM python:3.12\nCMD x\n' | file app/Dockerfile
	printf 'FROM scratch\nCOPY --from=localhost/any/python /x /x\nCMD x\n' | file copy/Dockerfile
	printf 'FROM ping\nCMD x\n' | file pong/Dockerfile
	printf 'FROM pong\nCMD x\n' | file ping/Dockerfile
	init
	"$cbuild" graph copy --no-load | grep -q 'build:python:'
	run ! grep -q 'build:python:' <("$cbuild" graph app --no-load)
	# Two that are built from each other: one of them means another image.
	equal "$(grep -cE 'p[io]ng: "service:p[io]ng"' services.yaml)" 1
	equal "$(grep -cE 'image: shop/p[io]ng' services.yaml)" 1
}

@test "an image is not built from itself" {
	printf 'FROM nginx\nCOPY . /\n' | file nginx/Dockerfile
	init
	grep -qx '    image: shop/nginx' services.yaml
}

@test "a compose file's services, as they are written, and what it does not have" {
	file compose.yaml <<-'EOF'
		x-common: &common {restart: always, environment: {LOG: "${LOG:-info}", "on": yes}}
		services:
		  web:
		    <<: *common
		    build: {context: ./web, args: [A=1, "B=$$x"]}
		    ports: ["8080:80"]
		    depends_on: {db: {condition: service_healthy}}
		    volumes: [./x:/y]
		  api: {build: ./api, image: "acme/api:${TAG:-1}", profiles: [night], command: "run --now"}
		  db: {image: postgres:16}
		secrets: {token: {file: token.txt}}
		volumes: {x: {}}
	EOF
	for name in web api tool db; do
		printf 'FROM scratch\nCOPY . /\nEXPOSE 80\n' | file $name/Dockerfile
	done
	init
	equal "$services" "api db db-image tool web "
	equal "$(sed -n '/^secrets:/,/^  # from/p' services.yaml)" "$(cat <<-'EOF'
		secrets:
		  token:
		    file: token.txt
		services:
		  web:
		    build:
		      context: ./web
		      args: [A=1, "B=$$x"]
		    ports: ["8080:80"]
		    depends_on:
		      db:
		        condition: service_healthy
		    volumes: ["./x:/y"]
		    restart: always
		    environment:
		      LOG: "${LOG:-info}"
		      "on": "yes"
		  api:
		    build: ./api
		    image: "acme/api:${TAG:-1}"
		    profiles: [night]
		    command: "run --now"
		    verify:
		      # its first port opens; better: http: /health
		      tcp: 80
		  db:
		    image: "postgres:16"
		  # from db/Dockerfile
	EOF
	)"
	# With the same variables it says the same as the compose file.
	for tag in 1 2; do
		equal "$(TAG=$tag "$cbuild" hash api)" "$(TAG=$tag "$cbuild" -f compose.yaml hash api)"
	done
}

@test "a compose file that cannot be used is said, and the Dockerfiles are" {
	echo 'services: {web: {build: web, nosuch: 1}}' | file docker-compose.yml
	plain web/Dockerfile
	init
	equal "$services" "web "
	grep -q '^# docker-compose.yml was not used: docker-compose.yml:1:' services.yaml
}

@test "a bake file gives its targets, in JSON and in HCL" {
	plain web/Dockerfile
	plain tool/Dockerfile
	echo '{"target": {"front": {"context": "web", "tags": ["acme/front:1"]}}}' >docker-bake.json
	init
	equal "$services" "front tool "
	"$cbuild" list | grep -q 'acme/front:1'
	rm docker-bake.json services.yaml
	echo 'target "back" { context = "we${"b"}" }' >docker-bake.hcl
	init
	equal "$services" "back tool "
}

@test "names that YAML would take for something else, and bytes that are no text" {
	plain true/Dockerfile
	plain 1.5/Dockerfile
	plain $'caf\xc3\xa9 \xe2\x80\xa8 x/Dockerfile'
	plain 'a "quoted": #folder/Dockerfile'
	plain '$HOME/Dockerfile'
	plain '~/Dockerfile'
	init
	equal "$services" "1.5 a-quoted-folder caf-x home shop true "
}

@test "questions of health in several forms" {
	local form number=0
	while read -r form; do
		number=$((number + 1))
		printf 'FROM scratch\nEXPOSE 7000\nHEALTHCHECK %s\n' "$form" | file "s$number/Dockerfile"
	done <<-'EOF'
		CMD ["curl", "-f", "http://127.0.0.1:8080/ready"]
		CMD wget -q -O- http://localhost/ || exit 1
		CMD curl -f "http://localhost:$PORT/health"
		NONE
		CMD pg_isready
		--timeout=3s CMD curl http://elsewhere:1/
	EOF
	init
	equal "$(grep -A2 -c 'http:$' services.yaml)" 2
	equal "$(grep -A2 'http:$' services.yaml | grep -oE '(path|port): .*' | tr '\n' ' ')" "path: /ready port: 8080 path: / port: 7000 "
	equal "$(grep -c 'tcp: 7000' services.yaml)" 4
}

@test "a compose file with a service that cbuild cannot call so" {
	echo 'services: {all: {build: web}}' | file compose.yaml
	plain web/Dockerfile
	init
	equal "$services" "web "
	grep -q '^# compose.yaml was not used: .*"all"' services.yaml
}

@test "compose files with overrides and includes are included, their Dockerfiles not proposed again" {
	printf 'name: shop\nservices: {web: {build: {context: web, dockerfile: "Dockerfile.${KIND:-a}"}}}\ninclude: [sub/compose.yaml]\n' | file compose.yaml
	printf 'services: {extra: {extends: {service: base}}, base: {build: api}}\n' | file compose.override.yaml
	printf 'services: {db: {build: db}}\n' | file sub/compose.yaml
	plain web/Dockerfile.a
	plain api/Dockerfile
	plain sub/db/Dockerfile
	plain own/Dockerfile
	init
	equal "$(sed -n '/^include:/,/^services/p' services.yaml | grep path)" '  - path: [compose.yaml, compose.override.yaml]'
	grep -q '^project: shop' services.yaml
	"$cbuild" list >out
	equal "$(cut -d ' ' -f 1 out | sort | xargs)" "base db extra own web"
	grep -q '^db .* shop-db:latest' out
}

@test "a folder that only holds sources gives no name, and who copies all gets the top of a program" {
	local name
	printf 'FROM scratch\nCOPY . /\n' | tee >(file src/cart/src/Dockerfile) | file hack/Dockerfile.tool
	echo 'module x' | file src/cart/go.mod
	: | file .dockerignore
	init
	equal "$services" "cart hack-tool "
	# Editors find the schema.
	equal "$(head -1 services.yaml)" '# yaml-language-server: $schema=.cbuild/schema.json'
	"$cbuild" schema | cmp - .cbuild/schema.json
	grep -A3 '^  cart:' services.yaml | grep -q 'context: src/cart$'
	grep -A3 '^  hack-tool:' services.yaml | grep -q 'context: "\?\."\?$'
}

@test "bases that are made here under an owner's name are linked, or named when only a person can tell" {
	printf 'FROM scratch\nCOPY . /\n' | tee >(file Base/Dockerfile) | file NodeBase/Dockerfile
	printf 'ARG NAMESPACE=acme\nARG VERSION=4\nFROM ${NAMESPACE}/node-base:${VERSION}\nCMD x\n' | file chrome/Dockerfile
	printf 'ARG REPO\nARG TAG=1\nFROM $REPO/base:$TAG\nCMD x\n' | file edge/Dockerfile
	printf 'FROM other/base:2\nCMD x\n' | file web/Dockerfile
	printf 'ARG TAG\nFROM base:${TAG:-3}\nCMD x\n' | file job/Dockerfile
	init
	equal "$(grep -A1 'additional_contexts:$' services.yaml | tail -n 1)" '        "acme/node-base:4": "service:nodebase"'
	"$cbuild" graph chrome --no-load --no-verify | grep -q 'build:nodebase:'
	equal "$(grep 'if its base' services.yaml | cut -d'#' -f2)" "$(cat <<-'EOF'
		 if its base $REPO/base:$TAG is base of this manifest: build: {additional_contexts: {"$REPO/base:$TAG": "service:base"}}, with a value for each variable here and in args
		 if its base other/base:2 is base of this manifest: build: {additional_contexts: {"other/base:2": "service:base"}}
	EOF
	)"
}

@test "a skaffold.yaml gives names, contexts, Dockerfiles and bases, with what it requires" {
	file skaffold.yaml <<-'EOF'
		apiVersion: skaffold/v4beta11
		kind: Config
		metadata: {name: app}
		requires:
		  - {path: base, configs: [base]}
		  - {git: {repo: "https://example.com/x.git"}}
		build:
		  platforms: [linux/amd64]
		  artifacts:
		    - image: ghcr.io/shop/web
		      context: src/web
		      requires: [{image: base-image, alias: BASE}]
		      docker:
		        dockerfile: shared.Dockerfile
		        target: prod
		        buildArgs: {REV: "{{.REV}}", PRICE: "$5", OTHER: "{{.A}}-{{randAlpha 3}}"}
		        secrets: [{id: token, env: TOKEN}]
		        cliFlags: [--squash]
		    - {image: tool, ko: {}}
		    - {image: api}
		deploy: {kubectl: {}}
		---
		apiVersion: skaffold/v4beta11
		kind: Config
		metadata: {name: more}
		requires: [{configs: [app]}]
		build: {artifacts: [{image: worker, context: worker, kaniko: {buildArgs: {K: v}}}]}
	EOF
	file base/skaffold.yaml <<-'EOF'
		kind: Config
		metadata: {name: base}
		build: {artifacts: [{image: base-image, context: image}]}
		---
		kind: Config
		metadata: {name: not-this}
		build: {artifacts: [{image: never, context: image}]}
	EOF
	printf 'ARG BASE\nFROM $BASE AS prod\nARG REV\nEXPOSE 80\n' | file shared.Dockerfile
	plain src/web/main
	plain Dockerfile
	plain base/image/Dockerfile
	plain worker/Dockerfile
	plain lonely/Dockerfile
	REV=1 init
	equal "$services" "api base-image lonely web worker "
	equal "$(sed -n '/^# .*was left out/p; /^secrets:/,$p' services.yaml)" "$(cat <<-'EOF'
		# what skaffold requires by git was left out
		# tool was left out: skaffold builds it with ko
		secrets:
		  token:
		    environment: TOKEN
		services:
		  base-image:
		    build:
		      context: base/image
		  web:
		    image: ghcr.io/shop/web
		    build:
		      context: src/web
		      dockerfile: ../../shared.Dockerfile
		      target: prod
		      secrets: [token]
		      # skaffold's cliFlags was left out
		      args:
		        BASE: base-image
		        REV: "${REV}"
		        PRICE: "$$5"
		        # OTHER: skaffold works out {{.A}}-{{randAlpha 3}}
		      additional_contexts:
		        base-image: "service:base-image"
		      platforms: [linux/amd64]
		    verify:
		      # its first port opens; better: http: /health
		      tcp: 80
		  api:
		    build:
		      context: .
		      platforms: [linux/amd64]
		  worker:
		    build:
		      context: worker
		      args:
		        K: v
		  # from lonely/Dockerfile
		  lonely:
		    build: lonely
	EOF
	)"
	REV=1 "$cbuild" graph web --no-load --no-verify | grep -q 'build:base-image:'
}
