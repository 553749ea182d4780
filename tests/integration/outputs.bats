#!/usr/bin/env bats
# Builds that make files, with buildah and docker. What they write is judged by what `docker buildx bake` writes.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/image"

setup_file()
{
	project_begin
	own_docker
}

teardown_file()
{
	docker rmi --force localhost/outputs/app:latest >/dev/null 2>&1 || true
	"$checkout/tests/lib/docker" stop "$OWN_DOCKER"
	project_end
}

setup()
{
	mkdir -p "$ROOT/$BATS_TEST_NUMBER"
	cd "$ROOT/$BATS_TEST_NUMBER"
}

# with BUILDER: that one builds, and its runtime has the images.
with()
{
	export CBUILD_BUILDER=$1 CBUILD_RUNTIME=podman
	[ "$1" != docker ] || CBUILD_RUNTIME=docker
	rm -rf .cbuild
}

# files FOLDER: everything in the folders in it: type, mode, path, link, content.
files()
{
	(cd "$1" && find . -mindepth 2 -printf '%y %m %P %l\n' | sed 's/^l [0-9]*/l/' | sort &&
		find . -type f -exec sha256sum {} + | sort)
}

tool()
{
	mkdir -p tool/src/empty
	printf 'one\n' >tool/src/file
	printf '#!/bin/sh\n' >tool/src/run
	chmod 755 tool/src/run
	ln -sfn file tool/src/link
	ln -sfn /nowhere/at/all tool/src/away
	printf 'FROM scratch AS first\nCOPY src /\nFROM first\nARG TARGETARCH\nCOPY src/file /by/$TARGETARCH\n' >tool/Dockerfile
}

compile_then_pack()
{
	tool
	cat >services.yaml <<-END
		project: outputs
		registry: localhost/outputs
		platforms: [$host]
		services:
		  compile:
		    build: {context: tool, outputs: [{type: local, dest: ./bin}]}
		  app:
		    build:
		      context: .
		      dockerfile_inline: |
		        FROM scratch
		        COPY bin/file bin/run /
	END
}

nothing_to_do()
{
	cb -n --exit-code "$@"
	equal "$status" 0
}

@test "the same files as bake writes, with each builder" {
	tool
	cat >docker-bake.hcl <<-'END'
		group "default" { targets = ["text", "object", "path", "both", "packed", "cached"] }
		target "_tool" {
		  context = "tool"
		  platforms = ["linux/amd64"]
		}
		target "text" {
		  inherits = ["_tool"]
		  output = ["type=local,dest=out/text"]
		}
		target "object" {
		  inherits = ["_tool"]
		  output = [{ type = "local", dest = "out/object" }]
		}
		target "path" {
		  inherits = ["_tool"]
		  output = ["out/path"]
		}
		target "both" {
		  inherits = ["_tool"]
		  platforms = ["linux/amd64", "linux/arm64"]
		  output = ["type=local,dest=out/both"]
		}
		target "packed" {
		  inherits = ["_tool"]
		  platforms = ["linux/amd64", "linux/arm64"]
		  output = ["type=tar,dest=out/packed.tar"]
		}
		target "cached" {
		  inherits = ["_tool"]
		  output = ["type=cacheonly"]
		}
	END
	mkdir out
	docker buildx bake
	mkdir out/packed
	tar -C out/packed -xf out/packed.tar
	rm out/packed.tar
	files out >wanted
	rm -r out
	grep -q 'both/linux_arm64/by/arm64' wanted
	for builder in buildah docker; do
		with "$builder"
		cb --no-load
		equal "$status" 0
		nothing_to_do --no-load
		mkdir out/packed
		tar -C out/packed -xf out/packed.tar
		rm out/packed.tar
		files out >found
		diff wanted found
		rm -r out
	done
}

@test "one run compiles and packs what it compiled; the next one has nothing to do" {
	compile_then_pack
	for builder in buildah docker; do
		with "$builder"
		rm -rf bin
		printf 'one\n' >tool/src/file
		cb app
		equal "$status" 0
		equal "$(cat bin/file)" one
		nothing_to_do app
		nothing_to_do
		printf 'two\n' >tool/src/file
		cb
		equal "$status" 0
		equal "$(cat bin/file)" two
		nothing_to_do
		# What does not change what is copied packs nothing.
		touch tool/src/new
		cb
		equal "$status" 0
		[ -e bin/new ]
		rm tool/src/new
		cb
		[ ! -e bin/new ]
	done
	equal "$(docker run --rm localhost/outputs/app:latest /file 2>&1 | grep -c two)" 0
	docker create --name outputs localhost/outputs/app:latest /run >/dev/null
	equal "$(docker cp outputs:/file - | tar -xO)" two
	docker rm outputs >/dev/null
}

# Their files are not in the contexts that are there when the run begins, nor is the folder.
@test "a folder that is made in the run is a context, and a named one" {
	compile_then_pack
	cat >>services.yaml <<-'END'
		  whole: {build: {context: bin, dockerfile_inline: "FROM scratch\nCOPY . /\n"}}
		  mounted: {build: {context: bin/by, dockerfile_inline: "FROM scratch\nCOPY * /\n"}}
		  named:
		    build:
		      context: tool
		      dockerfile_inline: "FROM scratch\nCOPY --from=files run by /\n"
		      additional_contexts: {files: ./bin}
	END
	for builder in buildah docker; do
		with "$builder"
		rm -rf bin
		cb --no-load
		equal "$status" 0
		nothing_to_do --no-load
		for service in whole mounted named; do
			rm -rf got
			image_unpack "localhost/outputs/$service:latest" "$host" got
			equal "$(find got -type f ! -path 'got/etc/*' ! -path 'got/run/*' -printf '%P\n' | sort | tr '\n' ' ')" \
				"$(case $service in whole) echo "by/$host_arch file run " ;; mounted) echo "$host_arch " ;; named) echo "$host_arch run " ;; esac)"
		done
		echo more >bin/by/more
		cb -n --no-load
		equal "$(sed -n 's/^stale *\(build:[^ ]*\) .*/\1/p' "$out" | sort)" "$(lines "build:mounted:$host" "build:named:$host" "build:whole:$host" "build:app:$host")"
	done
}

@test "a context that is copied as a whole has the files that another service makes in it" {
	tool
	printf 'FROM scratch\nCOPY . /\n' | dockerfile app
	printf 'made/ignored\n' >app/.dockerignore
	cat >services.yaml <<-'END'
		project: outputs
		registry: localhost/outputs
		services:
		  app: {build: app}
		  tool:
		    build: {context: tool, outputs: [{type: local, dest: app/made/bin}]}
		  other:
		    build: {context: tool, outputs: [{type: local, dest: app/made/ignored}]}
	END
	for builder in buildah docker; do
		with "$builder"
		rm -rf app/made
		printf 'one\n' >tool/src/file
		cb --no-load app
		equal "$status" 0
		rm -rf got
		image_unpack localhost/outputs/app:latest "$host" got
		equal "$(cat got/made/bin/file)" one
		[ ! -e app/made/ignored ]
		nothing_to_do --no-load app
		cb --no-load
		equal "$status" 0
		nothing_to_do --no-load
		nothing_to_do --no-load app
		printf 'two\n' >tool/src/file
		cb --no-load app
		equal "$status" 0
		rm -rf got
		image_unpack localhost/outputs/app:latest "$host" got
		equal "$(cat got/made/bin/file)" two
	done
}

# Neither waits, from wherever one looks; with needs one does.
@test "builds that make files in each other's whole context do not wait for each other" {
	mkdir one two
	printf 'FROM scratch\nCOPY . /\n' | tee one/Dockerfile two/Dockerfile >/dev/null
	echo 1 >one/a
	echo 2 >two/b
	cat >services.yaml <<-'END'
		project: outputs
		registry: localhost/outputs
		services:
		  one: {build: {context: one, outputs: [{type: local, dest: two/made}]}}
		  two: {build: {context: two, outputs: [{type: local, dest: one/made}]}}
		  base: {build: base, image: localhost/outputs/base}
		  above: {build: {dockerfile_inline: "FROM localhost/outputs/base\n", outputs: [{type: local, dest: base/made}]}}
	END
	mkdir base
	printf 'FROM scratch\nCOPY . /\n' >base/Dockerfile
	for target in one two above all; do
		cb graph --format=json "$target"
		equal "$status" 0
		equal "$(jq '[.. | .needs? // empty | .[]? | strings | select(startswith("output:"))] | length' "$out")" 0
	done
}

@test "the folder of an output of several platforms is a context, and a part of one" {
	local service
	tool
	cat >services.yaml <<-'END'
		project: outputs
		registry: localhost/outputs
		platforms: [linux/amd64, linux/arm64]
		services:
		  compile:
		    build: {context: tool, outputs: [{type: local, dest: ./bin}]}
		  whole: {build: {context: bin, dockerfile_inline: "FROM scratch\nCOPY . /\n"}}
		  own: {build: {context: bin, dockerfile_inline: "FROM scratch\nARG TARGETARCH\nCOPY linux_$$TARGETARCH /\n"}}
		  named:
		    build:
		      context: tool
		      dockerfile_inline: "FROM scratch\nARG TARGETARCH\nCOPY --from=files linux_$$TARGETARCH/file /\n"
		      additional_contexts: {files: ./bin}
	END
	for builder in buildah docker; do
		with "$builder"
		rm -rf bin
		printf 'one\n' >tool/src/file
		cb --no-load
		equal "$status" 0
		nothing_to_do --no-load
		for service in whole own named; do
			rm -rf got
			image_unpack "localhost/outputs/$service:latest" linux/arm64 got
			equal "$(cd got && find . -name file -printf '%P\n' | sort | tr '\n' ' ')" \
				"$([ $service = whole ] && echo "linux_amd64/file linux_arm64/file " || echo "file ")"
		done
		printf 'two\n' >tool/src/file
		cb --no-load
		equal "$status" 0
		nothing_to_do --no-load
		rm -rf got
		image_unpack localhost/outputs/named:latest linux/arm64 got
		equal "$(cat got/file)" two
		rm bin/linux_arm64/file
		cb -n --no-load
		equal "$(sed -n 's/^stale *\(output:[^ ]*\) .*/\1/p' "$out")" output:compile
	done
}

@test "what was changed or deleted is written again, what is not of ours stays, and what is no longer made goes" {
	compile_then_pack
	with buildah
	mkdir -p bin
	echo theirs >bin/theirs
	cb compile
	equal "$status" 0
	echo more >>bin/file
	cb -n compile
	grep -q '^stale *output:compile *bin/file was changed by hand$' "$out"
	cb compile
	equal "$(started)" 'output compile'
	equal "$(cat bin/file)" one
	rm bin/run bin/link
	cb why output:compile
	grep -q 'bin/run was deleted' "$out"
	cb compile
	equal "$(started)" 'output compile'
	[ -x bin/run ]
	[ -L bin/link ]
	rm tool/src/run tool/src/link
	sed -i 's|COPY src/file.*||' tool/Dockerfile
	rm bin/link
	echo mine >bin/link
	cb compile
	equal "$status" 0
	equal "$(cat bin/theirs bin/link)" "$(printf 'theirs\nmine\n')"
	[ ! -e bin/run ]
	[ ! -e bin/by ]
	# In another folder.
	sed -i 's|dest: ./bin|dest: other|' services.yaml
	cb compile
	equal "$status" 0
	[ -e other/file ]
	[ ! -e bin/file ]
	equal "$(find bin -type f | sort)" "$(lines bin/link bin/theirs)"
}

@test "a build that takes all of its folder does not take what it made there" {
	mkdir -p src
	echo one >src/file
	printf 'FROM scratch\nCOPY . /all/\n' >Dockerfile
	cat >services.yaml <<-END
		platforms: [$host]
		services:
		  whole: {build: {context: ., outputs: [made/bin, {type: tar, dest: all.tar}]}}
	END
	for builder in buildah docker; do
		with "$builder"
		rm -rf made all.tar
		cb
		equal "$status" 0
		equal "$(cat made/bin/all/src/file)" one
		nothing_to_do
		echo "$builder" >src/file
		cb
		equal "$status" 0
		[ ! -e made/bin/all/made ]
		[ ! -e made/bin/all/all.tar ]
		equal "$(tar -xOf all.tar all/src/file)" "$builder"
		nothing_to_do
		echo one >src/file
	done
}

@test "nothing of it is an image; the plan, the list and the events name it" {
	compile_then_pack
	with buildah
	cb list
	grep -q "^compile  (files: bin)  $host$" "$out"
	equal "$("$cbuild" list --format=json | jq -c '.services[] | select(.service == "compile").files')" '["bin"]'
	cb graph
	grep -q 'output:compile' "$out"
	cb --progress=json compile
	equal "$status" 0
	equal "$(jq -c 'select(.event == "run_end") | [.counts.written, .images, .files]' "$err" "$out" | head -1)" \
		'[1,[],[{"service":"compile","path":"bin"}]]'
	equal "$(podman images | grep -c outputs/compile)" 0
	cb images compile
	equal "$(grep -c outputs/compile "$out")" 0
	git init -q
	git add services.yaml tool
	git -c user.name=a -c user.email=a@example.org commit -qm one
	echo two >tool/src/file
	cb affected --since=HEAD
	equal "$(sort "$out")" "$(lines app compile)"
	cb clean compile
	equal "$status" 0
	cb -n compile
	grep -q 'output:compile *never written' "$out"
}

@test "files and an image, of one build" {
	compile_then_pack
	sed -i 's|dest: ./bin}|dest: ./bin}, {type: image}|' services.yaml
	with buildah
	cb compile
	equal "$status" 0
	[ -e bin/file ]
	podman image exists localhost/outputs/compile:latest
	nothing_to_do compile
}

@test "what cannot be written is told, with what can be done" {
	compile_then_pack
	sed -i 's|dest: ./bin|dest: ../bin|' services.yaml
	cb -n
	equal "$status" 2
	grep -q 'error: "../bin" in "outputs" is outside the manifest'"'"'s folder' "$err"
	sed -i 's|dest: ../bin|dest: there/link|' services.yaml
	mkdir there
	ln -s "$BATS_TEST_TMPDIR" there/link
	cb -n
	equal "$status" 2
	grep -q 'error: output of the build is outside the project' "$err"
	rm -r there
	mkdir -p there/link/file
	with buildah
	cb compile
	equal "$status" 1
	grep -q 'there/link/file: it is a folder, and the build makes a file of that name' "$err"
}

@test "watch writes files again after an edit, and does not notice what it wrote" {
	compile_then_pack
	with buildah
	"$cbuild" watch --no-load --progress=plain compile >log 2>&1 3>&- &
	local pid=$!
	waits() { [ "$(grep -c 'waiting for a change' log)" -ge "$1" ]; }
	until_true waits 1
	echo two >tool/src/file
	until_true waits 2
	equal "$(cat bin/file)" two
	echo three >tool/src/file
	until_true waits 3
	equal "$(cat bin/file)" three
	kill -INT "$pid"
	wait "$pid" || true
	cat log
	equal "$(grep -Ec ': tool/src/file changed, building compile$' log)" 2
}
