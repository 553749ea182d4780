#!/usr/bin/env bats
# Bake files as manifests. What they mean is judged by `docker buildx bake --print`, which needs no daemon.

bats_require_minimum_version 1.5.0

checkout=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
export CBUILD_TEST_CACHE=${CBUILD_TEST_CACHE:-$checkout/.cache}
cbuild=${CBUILD:-$checkout/cbuild}
export BUILDX=$CBUILD_TEST_CACHE/docker/root/usr/libexec/docker/cli-plugins/docker-buildx

setup_file()
{
	"$checkout/tests/lib/docker" fetch "$CBUILD_TEST_CACHE/docker" >&2
	[ -x "$BUILDX" ]
	make -s -C "$(dirname "$cbuild")" tests/lib/bake_print >&2
}

teardown_file()
{
	"$checkout/tests/lib/docker" stop "$CBUILD_TEST_CACHE/docker"
}

setup()
{
	unset BUILD_PLATFORMS DOCKER_REGISTRY DOCKER_TAGS COMPOSE_PROFILES TAG
	export DOCKER_CONFIG=$BATS_TEST_TMPDIR/config
	cd "$BATS_TEST_TMPDIR"
	# bake looks for it.
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("agent")'
	export SSH_AUTH_SOCK=$PWD/agent
}

equal()
{
	[ "$1" = "$2" ] && return
	printf 'got:\n%s\nwanted:\n%s\n' "$1" "$2"
	return 1
}

judge()
{
	python3 "$checkout/tests/bake-judge.py" "$(dirname "$cbuild")/tests/lib/bake_print" "$BUILDX" "$@"
}

@test "every bake file of tests/bake means what bake says" {
	run judge "$checkout"/tests/bake/*
	printf '%s\n' "$output"
	equal "$status" 0
	[[ $output == *"refused by both: bad-name.hcl override-unknown.hcl syntax-error.hcl unknown-variable.hcl validated-bad.hcl variable-cycle.hcl" ]]
}

@test "rsadecrypt gives what bake's gives, bcrypt a hash that belongs to its text" {
	local name hash
	openssl genrsa -traditional -out key.pem 2048
	openssl rsa -in key.pem -aes128 -passout pass:x -traditional -out locked.pem
	openssl genpkey -algorithm RSA -out other.pem
	printf 'a word, and ü' >word
	openssl pkeyutl -encrypt -pkeyopt rsa_padding_mode:pkcs1 -inkey key.pem -in word -out sealed
	for name in key locked other; do
		printf 'target "default" {\n  args = {\n    WORD = rsadecrypt("%s", <<EOT\n%s\nEOT\n)\n  }\n}\n' "$(base64 -w0 sealed)" \
			"$(cat $name.pem)" >$name.hcl
	done
	run judge key.hcl locked.hcl other.hcl
	printf '%s\n' "$output"
	equal "$status" 0
	[[ $output == *"refused by both: locked.hcl other.hcl"* ]]
	run "$cbuild" -f other.hcl list
	[[ $output == *"not a private RSA key"* && $output != *MII* ]]
	printf 'FROM scratch\n' >Dockerfile
	printf 'target "default" {\n  labels = {\n    a = bcrypt("secret")\n    b = bcrypt("secret", 5)\n    c = bcrypt("secret", 1)\n  }\n}\n' >bcrypt.hcl
	"$cbuild" -f bcrypt.hcl hash -v default | sed -n 's/^option	label [abc]	//p' >hashes
	equal "$(cut -c 1-7 hashes | tr '\n' ' ')" '$2a$10$ $2a$05$ $2a$10$ '
	while read -r hash; do
		equal "$(python3 -W ignore -c 'import crypt, sys; print(crypt.crypt("secret", sys.argv[1]))' "$hash")" "$hash"
	done <hashes
	# The salt is new each time, as bake's.
	[ "$("$cbuild" -f bcrypt.hcl hash default)" != "$("$cbuild" -f bcrypt.hcl hash default)" ]
	for hash in 'bcrypt("x", 32)' 'bcrypt("x", 4, 4)' "bcrypt(\"$(printf %073d 0)\")"; do
		printf 'target "default" {\n  args = { A = %s }\n}\n' "$hash" >refused.hcl
		run judge refused.hcl
		[[ $output == *"refused by both: refused.hcl" ]]
	done
}

@test "300 random bake files mean what bake says" {
	judge --random 300
}

# Two services on a base, as most bake files have them, and a target that makes files.
project()
{
	mkdir -p app base
	printf 'FROM base\nCOPY . /app\nARG V\nLABEL v=$V\n' >app/Dockerfile
	printf 'FROM scratch\nCOPY . /base\n' >base/Dockerfile
	echo app >app/file
	echo base >base/file
	cat >docker-bake.hcl <<-'EOF'
		variable "TAG" { default = "1.0" }
		function "image" {
		  params = [name]
		  result = "acme/${name}:${TAG}"
		}
		group "default" { targets = ["app", "test"] }
		group "all" { targets = ["default"] }
		target "_common" { args = { V = "1" } }
		target "base" { context = "base" }
		target "app" {
		  inherits = ["_common"]
		  context = "app"
		  contexts = { base = "target:base" }
		  tags = [image("app"), "acme/app:latest"]
		}
		target "test" {
		  inherits = ["app"]
		  name = "test-${v}"
		  matrix = { v = ["a", "b"] }
		  args = { V = v }
		  tags = [image("test-${v}")]
		}
		target "build" {
		  inherits = ["app"]
		  tags = [image("build")]
		}
		target "binaries" {
		  inherits = ["app"]
		  output = ["type=local,dest=bin"]
		}
	EOF
}

builds()
{
	"$cbuild" "$@" -n --no-load | sed -n 's/^stale *build:\([^ :]*\):.*/\1/p' | tr '\n' ' '
}

@test "a bake file is the manifest where there is no other one" {
	project
	equal "$(builds)" "base app test-a test-b "
	equal "$(builds all)" "base app test-a test-b "
	equal "$(builds test)" "base test-a test-b "
	equal "$(builds app)" "base app "
	equal "$(builds -f docker-bake.hcl base)" "base "
	# A target that is called like a command: the command says so.
	run -0 --separate-stderr "$cbuild" list
	equal "$stderr" ""
	printf 'target "list" {\n  inherits = ["app"]\n  args = { V = "9" }\n}\n' >more.hcl
	run -0 --separate-stderr "$cbuild" -f docker-bake.hcl -f more.hcl list
	equal "$stderr" 'cbuild: "list" is a target, too: `cbuild build list` builds it'
	equal "$(builds -f docker-bake.hcl -f more.hcl build list)" "base list "
	"$cbuild" -f docker-bake.hcl -f more.hcl -n --no-load -- list | grep 'build:list'
	equal "$(builds build build)" "base build "
	equal "$(TAG=7 "$cbuild" list --format=json | jq -c '.services[] | select(.service == "app") | .tags')" '["7","latest"]'
	"$cbuild" list --var TAG=8 | grep -q 'acme/app:8'
	"$cbuild" -n app --set 'a*.args.V=9' --set '*.platform=linux/arm64' | grep -q 'build:app:linux/arm64'
	"$cbuild" graph app | grep -q base
	echo 'target "app" { tags = ["acme/over:1"] }' >docker-bake.override.hcl
	"$cbuild" list | grep -q '^app  *acme/over:1'
	# Another manifest wins.
	echo 'services: {own: {build: base}}' >services.yaml
	equal "$(builds)" "own "
}

@test "a manifest from standard input: a bake file, its JSON form, a compose file, a services.yaml" {
	project
	mkdir elsewhere
	mv docker-bake.hcl elsewhere/
	# It ends after the first reading, and counts again when everything is planned anew.
	equal "$(builds -f - app <elsewhere/docker-bake.hcl)" "base app "
	printf '# a comment\n\n// and another one\ntarget "default" {\n  context = "base"\n}\n' >one.hcl
	equal "$(builds -f - <one.hcl)" "default "
	equal "$(echo '{"target": {"one": {"context": "base"}}}' | builds -f - one)" "one "
	printf 'TAG = "3"\ntarget "default" {\n  context = "base"\n  tags = ["acme/x:${TAG}"]\n}\n' >one.hcl
	"$cbuild" -f - list <one.hcl | grep '^default *acme/x:3'
	printf '# a comment\nservices:\n  web: {build: base, ports: ["80"], deploy: {replicas: 2}}\n' >web.yaml
	equal "$(builds -f - <web.yaml)" "web "
	printf 'services: {web: {build: base, verify: {user: nonroot}}}\n' | "$cbuild" -f - list | grep '^web'
	# One file of several.
	equal "$(builds -f elsewhere/docker-bake.hcl -f - web app <web.yaml)" "web base app "
	printf 'services: {web: {bild: base}}\n' >web.yaml
	run -2 "$cbuild" -f - -n <web.yaml
	[[ $output == *'standard input:1:18: error: unknown key "bild"'* ]]
	# What "-" includes is a file beside where cbuild is called.
	printf 'include: [elsewhere/more.yaml]\n' >web.yaml
	printf 'services: {more: {build: ../base, verify: {user: nonroot}}}\n' >elsewhere/more.yaml
	equal "$(builds -f - <web.yaml)" "more "
}

@test "paths start where cbuild is called, as in bake" {
	project
	mkdir hack
	mv docker-bake.hcl hack/
	equal "$(builds -f hack/docker-bake.hcl app)" "base app "
}

@test "compose and bake files together" {
	project
	rm docker-bake.hcl
	printf 'services:\n  app: {build: {context: app, args: {V: "1", W: "1"}, tags: ["acme/other:1"]}, image: "acme/app:1"}\n  db: {image: "postgres:16"}\n' >compose.yaml
	cat >docker-bake.hcl <<-'EOF'
		target "app" {
		  args = { V = "2" }
		  tags = ["acme/app:2", "acme/app:3"]
		  contexts = { base = "target:base" }
		}
		target "base" { context = "base" }
	EOF
	equal "$("$cbuild" -f compose.yaml -f docker-bake.hcl list --format=json | jq -c '.services[] | select(.service == "app") | .tags')" '["2","3"]'
	"$cbuild" -f compose.yaml -f docker-bake.hcl hash -v app >hash
	grep -q '^arg	V	2' hash
	# The other order means the same.
	"$cbuild" -f docker-bake.hcl -f compose.yaml hash -v app | diff hash -
}

# meant_of ARGUMENT...: what bake's JSON says of these targets, without what the two write in different ways.
meant_of()
{
	local targets
	targets=$(printf '%s\n' "$@" | jq -R . | jq -sc .)
	jq -S --argjson names "$targets" '[.target[$names[]] | {args, labels, platforms, tags, contexts,
		context: (.context | sub("^\\./"; ""))} | del(..|nulls)]'
}

@test "targets inherit from a compose file's services, and have them as contexts; groups of groups" {
	local names="kid grand short user"
	project
	rm docker-bake.hcl
	cp base/Dockerfile Dockerfile
	echo agent >.dockerignore
	cat >compose.yaml <<-'EOF'
		services:
		  one:
		    image: acme/one:1
		    build: {context: base, args: {V: "${V:-1}", W: "w"}, labels: {l: "1"}, platforms: [linux/amd64]}
		    ports: ["80"]
		  two: {build: base}
	EOF
	cat >docker-bake.hcl <<-'EOF'
		group "default" { targets = ["kid", "two"] }
		group "outer" { targets = ["default", "grand"] }
		target "kid" {
		  inherits = ["one"]
		  args = { V = "2" }
		  tags = ["acme/kid:1"]
		}
		target "own" { args = { Z = "z" } }
		target "grand" {
		  inherits = ["own", "kid"]
		  tags = ["acme/grand:1"]
		}
		target "short" {
		  inherits = ["two"]
		  tags = ["acme/short:1"]
		}
		target "user" {
		  context = "app"
		  contexts = { base = "target:one" }
		  tags = ["acme/user:1"]
		}
	EOF
	"$BUILDX" bake -f compose.yaml -f docker-bake.hcl --print $names 2>/dev/null | meant_of $names >wanted
	"$cbuild" -f compose.yaml -f docker-bake.hcl export bake | meant_of $names | diff wanted -
	equal "$(builds -f compose.yaml -f docker-bake.hcl outer)" "two kid grand "
	equal "$(builds -f docker-bake.hcl -f compose.yaml user)" "one user "
	equal "$(V=7 "$cbuild" -f compose.yaml -f docker-bake.hcl export bake | jq -r .target.one.args.V)" 7
	sed -i 's/"one"/"noe"/' docker-bake.hcl
	run -2 "$cbuild" -f compose.yaml -f docker-bake.hcl -n
	[[ $output == *'there is no target "noe"'* ]]
}

@test "what cbuild does not build is refused when it is asked for, and nothing else" {
	project
	equal "$("$cbuild" -n --format=json binaries | jq -r '.nodes[].id' | sed 's/:linux.*//' | tr '\n' ' ')" "build:base build:binaries output:binaries "
	cat >>docker-bake.hcl <<-'EOF'
		target "packed" {
		  contexts = { base = "target:binaries" }
		  context = "app"
		}
		target "lint" { call = "check" }
		target "away" {
		  context = "base"
		  output = ["type=local,dest=../away"]
		}
		target "shown" {
		  context = "base"
		  output = ["-"]
		}
		target "elsewhere" { context = "svn://example.org/x" }
	EOF
	equal "$(builds packed)" "base binaries packed "
	sed -i 's/"check"/"format"/' docker-bake.hcl
	run -2 "$cbuild" -n lint
	[[ $output == *'it is for call "format"'* ]]
	run -2 "$cbuild" -n away
	[[ $output == *'away cannot be built: its output "../away" is outside the folder of the bake file'* ]]
	run -2 "$cbuild" -n shown
	[[ $output == *'shown cannot be built: it writes a tar to the standard output'* ]]
	run -2 "$cbuild" -n elsewhere
	[[ $output == *'its context is not a folder'* ]]
	equal "$(builds)" "base app test-a test-b "
}

@test "a target that reads another one's files waits for them when both are asked for" {
	project
	cat >>docker-bake.hcl <<-'EOF'
		target "packed" { dockerfile-inline = "FROM scratch\nCOPY bin/base /\n" }
		target "whole" { dockerfile-inline = "FROM scratch\nCOPY . /\n" }
	EOF
	mkdir bin
	echo agent >.dockerignore
	echo old >bin/base
	equal "$(builds packed)" "packed "
	equal "$(builds packed binaries)" "base binaries packed "
	"$cbuild" -n --no-load packed binaries | grep -q '^stale *build:packed:.*never built'
	equal "$("$cbuild" graph --format=json packed binaries | jq -r '.nodes[] | select(.id | startswith("build:packed")) | .needs[]')" output:binaries
	equal "$(builds whole binaries)" "base binaries whole "
	equal "$("$cbuild" graph --format=json whole binaries | jq -r '.nodes[] | select(.id | startswith("build:whole")) | .needs[]')" ""
}

@test "affected, @since and export take all targets, whatever they make and are called" {
	project
	printf 'target "again" {\n  inherits = ["base"]\n  tags = ["acme/app:latest"]\n}\ntarget "elsewhere" { context = "svn://example.org/x" }\n' >>docker-bake.hcl
	git init -q .
	git add .
	git -c user.name=a -c user.email=a@example.org commit -qm first
	echo more >>base/file
	equal "$("$cbuild" affected --since=HEAD | sort | tr '\n' ' ')" "again app base binaries build test-a test-b "
	git checkout -q base/file
	echo more >>app/file
	equal "$("$cbuild" affected --since=HEAD | sort | tr '\n' ' ')" "app binaries build test-a test-b "
	equal "$(builds @since:HEAD)" "base app test-a test-b build binaries "
	sed -i '/elsewhere/d' docker-bake.hcl
	equal "$("$cbuild" export bake | jq -r '.target.binaries.context')" ./app
}

@test "built with docker, and loaded under all tags" {
	[ -n "${DOCKER_HOST:-}" ] || eval "$("$checkout/tests/lib/docker" start "$CBUILD_TEST_CACHE/docker")"
	export CBUILD_BUILDER=docker CBUILD_RUNTIME=docker
	project
	"$cbuild" app test -q
	docker image inspect acme/app:1.0 acme/app:latest acme/test-b:1.0 >/dev/null
	equal "$(docker image inspect acme/test-b:1.0 --format '{{.Config.Labels.v}}')" b
	"$cbuild" app test -n --exit-code
}

@test "a tag of several targets of one run: all are built, the last one has it" {
	[ -n "${DOCKER_HOST:-}" ] || eval "$("$checkout/tests/lib/docker" start "$CBUILD_TEST_CACHE/docker")"
	export CBUILD_BUILDER=docker CBUILD_RUNTIME=docker
	mkdir plain cross
	printf 'FROM scratch\nCOPY file /\n' | tee plain/Dockerfile >cross/Dockerfile
	echo plain >plain/file
	echo cross >cross/file
	cat >docker-bake.hcl <<-'EOF'
		group "default" { targets = ["cross", "plain"] }
		target "plain" {
		  context = "plain"
		  tags = ["acme/form:latest"]
		}
		target "cross" {
		  context = "cross"
		  tags = ["acme/form", "acme/form:cross"]
		  platforms = ["local", "linux/riscv64"]
		}
	EOF
	run -0 "$cbuild"
	[[ $output == *'"plain" and "cross" are both built as acme/form:latest: the name goes to "cross"'* ]]
	[[ $output == *"ok   build plain"* ]]
	equal "$(docker image inspect --format '{{.Id}}' acme/form)" "$(docker image inspect --format '{{.Id}}' acme/form:cross)"
	"$cbuild" -n --exit-code
	# The other one alone takes it, and gives it back.
	"$cbuild" plain -q
	[ "$(docker image inspect --format '{{.Id}}' acme/form)" != "$(docker image inspect --format '{{.Id}}' acme/form:cross)" ]
	run -1 "$cbuild" -n --exit-code
	"$cbuild" -q
	equal "$(docker image inspect --format '{{.Id}}' acme/form)" "$(docker image inspect --format '{{.Id}}' acme/form:cross)"
	# Elsewhere it is a mistake.
	printf 'services:\n  a: {build: plain, image: "acme/form:1", verify: {}}\n  b: {build: cross, image: "acme/form:1"}\n' >services.yaml
	run -2 "$cbuild" -n
	[[ $output == *'both make the image "docker.io/acme/form:1", with different builds'* ]]
}

@test 'call = "check": the Dockerfile is checked, with what BuildKit finds, and nothing is built' {
	local target wanted
	[ -n "${DOCKER_HOST:-}" ] || eval "$("$checkout/tests/lib/docker" start "$CBUILD_TEST_CACHE/docker")"
	export CBUILD_RUNTIME=docker
	printf 'from scratch AS Base\nCOPY file /\nUSER 1\n' >Dockerfile
	printf 'FROM scratch\nCOPY file /\nUSER 1\n' >good.Dockerfile
	echo file >file
	cat >docker-bake.hcl <<-'EOF'
		target "default" { call = "check" }
		target "good" {
		  call = "lint"
		  dockerfile = "good.Dockerfile"
		}
		target "on" {
		  dockerfile-inline = "FROM good"
		  contexts = { good = "target:good" }
		  tags = ["acme/on:1"]
		}
	EOF
	for target in default good; do
		wanted=0
		"$BUILDX" bake --builder default "$target" || wanted=$?
		run "$cbuild" "$target" --builder docker
		printf '%s\n' "$output"
		equal "$status" "$wanted"
	done
	run "$cbuild" --builder docker
	equal "$status" 1
	[[ $output == *StageNameCasing* && $output == *FromAsCasing* && $output != *"build default"* ]]
	# A target beside it is built, and one that it is a base of, too.
	run "$cbuild" on default --builder docker
	equal "$status" 1
	[[ $output == *"ok   build good"* && $output == *"ok   build on"* && $output == *StageNameCasing* ]]
	docker image inspect acme/on:1 >/dev/null
	run -0 "$cbuild" -n good
	[[ $output == *"good: its Dockerfile is checked, and nothing built"* ]]
	# Without BuildKit it is cbuild's own reading.
	run -0 "$cbuild" --builder buildah
	equal "$output" "cbuild: no problems found"
	printf 'FROM scratch\nCOPY missing /\nUSER 1\n' >Dockerfile
	run -1 "$cbuild" --builder buildah
	[[ $output == *missing* ]]
}

# asked CALL [ATTRIBUTE...]: what the Dockerfile on standard input is said to take, or to have, is what BuildKit says.
asked()
{
	local call=$1
	shift
	cat >Dockerfile
	printf 'target "default" {\n  call = "%s"\n%s\n}\n' "$call" "$(printf '  %s\n' "$@")" >docker-bake.hcl
	"$BUILDX" bake --builder default >wanted 2>said || {
		cat said
		return 1
	}
	"$cbuild" --builder buildah >got || return
	diff wanted got
}

@test 'call = "outline" and "targets": what a Dockerfile takes and has, as BuildKit says it, without a builder' {
	[ -n "${DOCKER_HOST:-}" ] || eval "$("$checkout/tests/lib/docker" start "$CBUILD_TEST_CACHE/docker")"
	cat >whole <<-'EOF'
		# GLOBAL is a global one
		ARG GLOBAL=1
		ARG UNUSED=2
		ARG MADE=${GLOBAL}2
		# BASE picks the base
		ARG BASE=scratch

		# first is the first stage
		# of several
		FROM scratch AS first
		# GLOBAL again
		ARG GLOBAL
		# other is not its name
		# LOCAL is local

		ARG LOCAL=${GLOBAL}x
		  # SECOND is indented
		ARG SECOND
		RUN --mount=type=secret,id=tok --mount=type=ssh echo $LOCAL
		RUN --mount=type=secret,id=tok,required true

		FROM ${BASE} AS Second
		ARG NAME="a b"
		ARG NAME=c
		COPY --from=first /x /y

		FROM first AS third
		ARG LOCAL
		RUN --mount=type=secret,target=/run/byname,required=true --mount=type=cache,target=/c true
		RUN --mount=type=ssh,id=key,required true

		FROM second
		ARG TARGETARCH
		ARG MADE
		ARG HTTP_PROXY
		USER $TARGETARCH
	EOF
	for target in first second third; do
		asked outline "target = \"$target\"" <whole
		asked outline "target = \"$target\"" 'args = { GLOBAL = "given", LOCAL = "too", NEVER = "x" }' <whole
	done
	asked outline <whole
	asked outline,format=json 'platforms = ["linux/amd64", "linux/arm64"]' <whole
	asked targets <whole
	asked targets 'target = "first"' <whole
	printf 'FROM scratch\n' | asked outline
	printf 'FROM scratch\n' | asked targets
	printf '# A \\\nARG A\n# a is it\nFROM scratch AS A\nARG A\nARG E=${A:-x}y\nFROM a AS b\nARG A=2\n' | asked outline
	printf 'FROM scratch AS a\nARG V\nFROM scratch\nARG V=1\nRUN --mount=from=a,target=/a true\nONBUILD ARG X\n' | asked outline
	# Beside another target, and with -n.
	printf 'target "other" {\n  call = "targets"\n}\ngroup "both" {\n  targets = ["default", "other"]\n}\n' >>docker-bake.hcl
	"$BUILDX" bake --builder default both >wanted 2>/dev/null
	"$cbuild" both >got
	diff wanted got
	run -0 "$cbuild" -n other
	[[ $output == *"other: what its Dockerfile takes is shown, and nothing built"* ]]
}

@test "what a build may do, its limits and annotations" {
	printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
	cat >docker-bake.hcl <<-'EOF'
		target "default" {
		  network = "host"
		  ulimits = ["nofile=1024:2048", "nproc=10"]
		  no-cache-filter = ["one"]
		  annotations = ["index,manifest:org.acme=x", "org.acme.y=z"]
		}
		target "insecure" {
		  inherits = ["default"]
		  entitlements = ["security.insecure"]
		}
	EOF
	"$cbuild" import docker-bake.hcl -o services.yaml
	equal "$(sed -n '/^  insecure:/,$p' services.yaml | tr -s ' \n' ' ')" ' insecure: build: network: host annotations: ["index,manifest:org.acme=x", org.acme.y=z] no_cache_filter: [one] entitlements: [security.insecure] ulimits: nofile: soft: "1024" hard: "2048" nproc: "10" context: . '
	"$cbuild" -f services.yaml hash -v insecure >"$BATS_FILE_TMPDIR/first"
	"$cbuild" -f docker-bake.hcl hash -v insecure | diff "$BATS_FILE_TMPDIR/first" -
	grep -qF 'entitlements[0]	security.insecure' "$BATS_FILE_TMPDIR/first"
	run grep -F network.host "$BATS_FILE_TMPDIR/first"
	equal "$status" 1
}

@test "faults have their place, and a remedy" {
	cat >docker-bake.hcl <<-'EOF'
		target "default" {
		  contxt = "."
		  tags = ["acme/${TAGG}:1"]
		  platforms = ["linux/amd46"]
		  inherits = ["defalt"]
		  dockerfile = upperr("x")
		}
		variable "TAG" { default = "1" }
		targt "x" {}
	EOF
	run -2 "$cbuild" -n
	equal "$output" "$(cat <<-'EOF'
		docker-bake.hcl:2:3: error: a target has no "contxt"
		    2 |   contxt = "."
		      |   ^~~~~~
		      = help: did you mean "context"?
		docker-bake.hcl:3:19: error: there is no variable "TAGG"
		    3 |   tags = ["acme/${TAGG}:1"]
		      |                   ^~~~
		      = help: did you mean "TAG"?
		docker-bake.hcl:5:15: error: there is no target "defalt"
		    5 |   inherits = ["defalt"]
		      |               ^~~~~~~~
		      = help: did you mean "default"?
		docker-bake.hcl:6:16: error: there is no function "upperr"
		    6 |   dockerfile = upperr("x")
		      |                ^~~~~~~
		      = help: did you mean "upper"?
		docker-bake.hcl:9:1: error: unknown block "targt"
		    9 | targt "x" {}
		      | ^~~~~
		      = help: did you mean "target"?
	EOF
	)"
	# What the manifest's own rules find has its place, too.
	printf 'variable "P" { default = "linux/amd46" }\ntarget "default" { platforms = [P] }\n' >docker-bake.hcl
	run -2 "$cbuild" -n
	[[ $output == *'docker-bake.hcl:1:26: error: "linux/amd46" is not a platform'* ]]
}

@test "built with buildah, then nothing to do, then only what an edit makes stale" {
	command -v buildah
	project
	"$cbuild" app --no-load --builder buildah -q
	"$cbuild" -n app --no-load --exit-code
	echo more >>app/file
	"$cbuild" -n app --no-load >plan
	grep -q 'build:app:' plan
	grep -q 'app/file' plan
	equal "$(sed -n 's/^stale *build:\([^ :]*\):.*/\1/p' plan)" app
	"$cbuild" why app | grep -q 'app/file'
}

@test "init turns bake files into a services.yaml that builds the same" {
	project
	"$cbuild" hash -v app base test-a >first
	"$cbuild" init
	"$cbuild" hash -v app base test-a | diff first -
	"$cbuild" list | grep -q '^group default: app test-a test-b'
}

@test "targets that build the same are one image, listed under each one's own name" {
	cat >docker-bake.hcl <<-'EOF'
		group "default" { targets = ["a", "b"] }
		target "a" {
		  dockerfile-inline = "FROM scratch\nLABEL x=y\n"
		  tags = ["localhost/same/web:1.0"]
		}
		target "b" {
		  dockerfile-inline = "FROM scratch\nLABEL x=y\n"
		  tags = ["localhost/same/web:2.0"]
		}
	EOF
	run -0 "$cbuild" --no-load
	[ "$("$cbuild" images --format=json | jq -c '[.images[] | [.service, .reference]]')" = \
		'[["a","localhost/same/web:1.0"],["b","localhost/same/web:2.0"]]' ]
}
