#!/usr/bin/env bats
# The bytes that were hashed are the bytes that were built: new content of the same size with the old modification time
# is looked for inside the image, with buildah and with docker.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/image"

setup_file()
{
	project_begin
	# The docker that the caller has started, or one of this file's own.
	if [ -z "${DOCKER_HOST:-}" ]; then
		own_docker
	fi
}

teardown_file()
{
	if [ -n "${OWN_DOCKER:-}" ]; then
		"$checkout/tests/lib/docker" stop "$OWN_DOCKER"
	fi
	project_end
}

build()
{
	cb all --platforms="$host" --no-verify --no-load
	[ "$status" -eq 0 ]
}

# The keys that docker was shown the folders under.
names()
{
	local file
	for file in .cbuild/shown/????????????????????????????????; do
		tail -c +25 "$file" | head -c 32
		echo
	done
}

# A project of its own for each builder: "a", "b" and "c" are three services that read one folder of several.
make_project()
{
	export CBUILD_BUILDER=$1
	mkdir -p "$ROOT/$1"
	cd "$ROOT/$1"
	cat >services.yaml <<-'EOF'
		project: bytes
		registry: localhost/bytes
		services:
		  a: {build: a/app}
		  b: {build: b/app}
		  c:
		    build: {context: ., dockerfile: c/Dockerfile, additional_contexts: {more: more}}
		    prepare: {run: [c/make], inputs: [c/make, c/word], outputs: [c/made]}
		  d: {build: {context: d, additional_contexts: {more: more, tools: rootfs}}}
	EOF
	cp -a "$PROJECT_BASES/$host_arch" rootfs
	dockerfile d <<-'EOF'
		FROM scratch AS stage
		COPY staged /staged
		FROM scratch
		COPY --from=tools . /
		RUN --mount=type=bind,source=file,target=/m cat /m >/mounted
		RUN --mount=type=bind,from=stage,target=/m cat /m/staged >>/mounted
		RUN --mount=from=more,target=/m,type=bind,source=file cat /m >>/mounted
	EOF
	dockerfile a/app <<-'EOF'
		FROM scratch
		COPY file sub /
	EOF
	cp -r a b
	dockerfile c <<-'EOF'
		FROM scratch
		COPY c/file c/made /
		COPY --from=more file /more
	EOF
	mkdir a/app/sub b/app/sub more
	printf '#!/bin/sh\ncp c/word c/made\ntouch -d @1700000000 c/made\n' >c/make
	chmod +x c/make
	echo word1 >c/word
	for file in a/app/file b/app/file c/file more/file a/app/sub/deep b/app/sub/deep d/file d/staged; do
		echo "$file" | md5sum | cut -c1-8 >$file
	done
	# As a checkout whose times were set to one value: nothing tells a's file from b's but their content.
	find . -path ./rootfs -prune -o -exec touch -h -d @1700000000 {} +
}

# change FILE: another content of the same size under the same time.
change()
{
	touch -r "$1" "$BATS_TEST_TMPDIR/time"
	tr 'a-z0-9' 'b-z0-9a' <"$1" >"$BATS_TEST_TMPDIR/content"
	cat "$BATS_TEST_TMPDIR/content" >"$1"
	touch -r "$BATS_TEST_TMPDIR/time" "$1"
}

all_bytes()
{
	local service
	for service in a b c d; do
		image_unpack "localhost/bytes/$service:latest" "$host" "$BATS_TEST_TMPDIR/$service"
	done
	equal "$(cd "$BATS_TEST_TMPDIR" && cat a/file a/deep b/file b/deep c/file c/made c/more d/mounted)" \
		"$(cat a/app/file a/app/sub/deep b/app/file b/app/sub/deep c/file c/word more/file d/file d/staged more/file)"
}

follow()
{
	local file changed="a/app/file a/app/sub/deep c/file more/file d/file"
	make_project "$1"
	mkdir "$BATS_TEST_TMPDIR/was"
	build
	all_bytes

	# Files in a folder, in a folder below, in a named context: two other contents, and the first one again.
	for file in $changed; do
		cp -p --parents "$file" "$BATS_TEST_TMPDIR/was"
		change "$file"
	done
	build
	all_bytes
	for file in $changed; do
		change "$file"
	done
	build
	all_bytes
	for file in $changed; do
		cp -p "$BATS_TEST_TMPDIR/was/$file" "$file"
	done
	cb -B all --platforms="$host" --no-verify --no-load
	all_bytes

	change d/staged
	build
	all_bytes

	# An output of a prepare step that has always the same time.
	echo word2 >c/word
	build
	all_bytes

	# Written through a mapping.
	python3 - b/app/file <<-'EOF'
		import mmap, os, sys
		before = os.stat(sys.argv[1])
		with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as map:
		    map[0:2] = b"XY"
		os.utime(sys.argv[1], ns=(before.st_atime_ns, before.st_mtime_ns))
	EOF
	grep -q ^XY b/app/file
	build
	all_bytes

	# Moved over it.
	cp -p a/app/file a/app/other
	change a/app/other
	mv a/app/other a/app/file
	build
	all_bytes

	# While nobody was looking: all that cbuild knew is lost, and the builder knows it still.
	cb clean
	for file in a/app/file b/app/file c/file; do
		change "$file"
	done
	build
	all_bytes

	# A change taken back: the builder has the bytes in between.
	cp -p a/app/sub/deep "$BATS_TEST_TMPDIR/deep"
	change a/app/sub/deep
	build
	mv "$BATS_TEST_TMPDIR/deep" a/app/sub/deep
	cb -B all --platforms="$host" --no-verify --no-load
	all_bytes
}

@test "buildah: same size, same time, new content: the new bytes are in the image" {
	follow buildah
}

@test "docker: same size, same time, new content: the new bytes are in the image" {
	follow docker
}

# The folders of a context, of a named one, of what an ignore file brings back, and behind a link, as they are in the image.
folders()
{
	image_unpack localhost/folders/app:latest "$host" "$BATS_TEST_TMPDIR/app"
	(cd "$BATS_TEST_TMPDIR/app" && stat -c '%a %n' app/only more/sub back/x/y back/x link/sub seen)
	cat "$BATS_TEST_TMPDIR/app/seen/modes"
}

# modes MODE: gives the folders that mode, and nothing else.
modes()
{
	chmod "$1" app/only more/sub app/x app/x/y app/real/sub
}

make_folders()
{
	export CBUILD_BUILDER=$1
	mkdir -p "$ROOT/folders-$1"
	cd "$ROOT/folders-$1"
	mkdir -p app/only more/sub app/x/y app/real/sub app/left/out
	touch app/only/f more/sub/f app/x/y/z app/x/y/other app/real/sub/f app/left/out/f
	ln -s real app/way
	printf 'x\nleft\n!x/y/z\n' >app/.dockerignore
	cp -a "$PROJECT_BASES/$host_arch" rootfs
	printf 'project: folders\nregistry: localhost/folders\nservices:\n  app:\n    build: {context: app, additional_contexts: {more: more, tools: rootfs}}\n' >services.yaml
	dockerfile app <<-'EOF'
		FROM scratch
		COPY --from=tools . /
		COPY only /app/only/
		COPY only /
		COPY . /app/
		COPY --from=more . /more/
		COPY . /back/
		COPY way /link/
		RUN --mount=target=/m,source=only --mount=target=/n,from=more mkdir /seen && stat -c %a /m /n/sub >/seen/modes
	EOF
	chmod 755 app/only more/sub app/x app/x/y app/real/sub
}

# What was ignored with something brought back, buildah makes anew.
follow_folders()
{
	local brought_back=$2
	make_folders "$1"
	build
	equal "$(folders)" "$(printf '755 %s\n' app/only more/sub back/x/y back/x link/sub seen && printf '755\n755\n')"
	for mode in 700 750 755 700; do
		modes $mode
		cb -n --exit-code all --platforms="$host" --no-load --no-verify
		equal "$status" 1
		build
		equal "$(folders)" "$(printf "$mode %s\n" app/only more/sub && printf "${brought_back:-$mode} %s\n" back/x/y back/x &&
			printf "$mode link/sub\n755 seen\n$mode\n$mode\n")"
	done
	chmod 700 app/left app/left/out
	cb -n --exit-code all --platforms="$host" --no-load --no-verify
	equal "$status" 0
	chmod 755 app/x
	cb -n all --platforms="$host" --no-load --no-verify
	grep -F 'app/x has another mode' "$out"
}

@test "buildah: another mode of a folder is in the image" {
	follow_folders buildah 755
}

@test "docker: another mode of a folder is in the image" {
	follow_folders docker
}

# BuildKit looks at a folder, and not at what a link in it leads to, where one COPY takes both.
follow_link()
{
	mkdir -p "$ROOT/link-$1"
	cd "$ROOT/link-$1"
	export CBUILD_BUILDER=$1
	printf 'project: link\nregistry: localhost/link\nservices:\n  app: {build: app}\n' >services.yaml
	printf 'FROM scratch AS stage\nCOPY . /\nFROM scratch\nCOPY folder folder/link /copied/\nCOPY --from=stage folder folder/link /staged/\n' |
		dockerfile app
	mkdir app/folder
	ln -s ../file app/folder/link
	for word in one other third; do
		echo $word >app/file
		build
		image_unpack localhost/link/app:latest "$host" "$BATS_TEST_TMPDIR/app"
		equal "$(cat "$BATS_TEST_TMPDIR/app/copied/link" "$BATS_TEST_TMPDIR/app/staged/link")" "$(printf '%s\n' $word $word)"
	done
}

@test "buildah: what a link leads to, in a folder that the same COPY takes, is in the image as it is" {
	follow_link buildah
}

@test "docker: what a link leads to, in a folder that the same COPY takes, is in the image as it is" {
	follow_link docker
}

@test "buildah: attributes of a folder, and the mode of a folder that is mounted, are seen" {
	make_folders buildah
	sed -i 's/--mount=target=.n,from=more mkdir/--mount=target=\/n,from=more stat -c %a \/n >\/own \&\& mkdir/' app/Dockerfile
	build
	equal "$(tail -n 1 app/Dockerfile | grep -c own)" 1
	python3 -c 'import os
for folder in "more/sub", "app/only": os.setxattr(folder, "user.note", b"written")'
	cb -n all --platforms="$host" --no-load --no-verify
	grep -F 'app/only has other attributes; more/sub has other attributes' "$out"
	build
	for layer in $(jq -r '.layers[].digest' "$(blob "$(image_manifest localhost/folders/app:latest "$host")")"); do
		python3 -c 'import sys, tarfile
for entry in tarfile.open(sys.argv[1]):
    print(entry.name, entry.pax_headers.get("SCHILY.xattr.user.note"))' "$(blob "$layer")"
	done >"$BATS_TEST_TMPDIR/entries"
	grep -E '^more/sub/? written$' "$BATS_TEST_TMPDIR/entries"
	# A copy of what counts was handed over, since a step mounts some of it.
	grep -E '^app/only/? written$' "$BATS_TEST_TMPDIR/entries"
	chmod 700 more
	cb -n all --platforms="$host" --no-load --no-verify
	grep -F 'folder of context more: 755 -> 700' "$out"
	build
	image_unpack localhost/folders/app:latest "$host" "$BATS_TEST_TMPDIR/app"
	equal "$(cat "$BATS_TEST_TMPDIR/app/own")" 700
}

@test "docker is shown what it has under the same key as long as that is safe" {
	local before
	make_project docker-names
	export CBUILD_BUILDER=docker
	build
	before=$(names)
	equal "$(echo "$before" | sort -u | grep -c .)" 4
	echo other-content >a/app/file
	echo other-content >c/file
	touch b/app/file
	build
	all_bytes
	equal "$(names)" "$before"
	change a/app/file
	build
	all_bytes
	equal "$(names)" "$before"
	chmod 700 a/app/sub
	build
	all_bytes
	equal "$(names | grep -cvF "$before")" 1
}

@test "docker: a change that is built and taken back: its tag is the earlier image again" {
	local first changed
	mkdir -p "$ROOT/back/app"
	cd "$ROOT/back"
	export CBUILD_BUILDER=docker CBUILD_RUNTIME=docker
	printf 'project: back\nregistry: localhost/back\nservices:\n  app: {build: app}\n' >services.yaml
	printf 'FROM scratch\nCOPY file /\n' >app/Dockerfile
	echo one >app/file
	cb all --platforms="$host"
	equal "$status" 0
	first=$(docker image inspect -f '{{.Id}}' localhost/back/app:latest)
	docker image tag "$first" localhost/back/first:1 # otherwise it leaves when it is replaced
	echo two >app/file
	cb all --platforms="$host"
	equal "$status" 0
	changed=$(docker image inspect -f '{{.Id}}' localhost/back/app:latest)
	[ "$changed" != "$first" ]
	echo one >app/file
	cb all --platforms="$host"
	equal "$status" 0
	equal "$(started | grep build || true)" ""
	equal "$(docker image inspect -f '{{.Id}}' localhost/back/app:latest)" "$first"
	cb -n --exit-code all --platforms="$host"
	equal "$status" 0
	# And there again.
	echo two >app/file
	cb all --platforms="$host"
	equal "$(docker image inspect -f '{{.Id}}' localhost/back/app:latest)" "$changed"
	cb all --platforms="$host"
	grep -F 'nothing to do' "$err"
	# Removed by hand, or moved to another image.
	docker image rm localhost/back/app:latest >/dev/null
	cb -n all --platforms="$host"
	grep -E '^stale +load:app +its image in the local engine is gone$' "$out"
	cb all --platforms="$host"
	equal "$(started)" 'load app'
	equal "$(docker image inspect -f '{{.Id}}' localhost/back/app:latest)" "$changed"
	docker image tag "$first" localhost/back/app:latest
	cb all --platforms="$host"
	equal "$(started)" 'load app'
	equal "$(docker image inspect -f '{{.Id}}' localhost/back/app:latest)" "$changed"
	docker image rm localhost/back/app:latest >/dev/null
}

# dates SERVICE: of the steps of its image
dates()
{
	jq -r '.history[].created' "$(image_config "localhost/bytes/$1:latest" "$host")"
}

@test "buildah: equal content for a processor and a newer variant of it is an image each" {
	export CBUILD_BUILDER=buildah
	mkdir -p "$ROOT/variants"
	cd "$ROOT/variants"
	cat >services.yaml <<-'EOF'
		project: variants
		registry: localhost/bytes
		platforms: [linux/amd64, linux/amd64/v2]
		services: {same: {build: same}}
	EOF
	printf 'FROM scratch\nCOPY file /file\n' | dockerfile same
	echo same >same/file
	"$cbuild" --no-load --no-verify -j1
	"$cbuild" images --format=json >made
	equal "$(jq -r '.images[].platforms[].platform' made)" "$(printf 'linux/amd64\nlinux/amd64/v2')"
}

@test "buildah: another date is that of all layers, also of those that its cache has" {
	export CBUILD_BUILDER=buildah
	mkdir -p "$ROOT/dates"
	cd "$ROOT/dates"
	cat >services.yaml <<-'EOF'
		project: dates
		registry: localhost/bytes
		source_date_epoch: 1000000000
		services:
		  under: {build: under}
		  over: {build: {context: over, additional_contexts: {under: "service:under"}}}
	EOF
	printf 'FROM scratch\nCOPY file /under\n' | dockerfile under
	printf 'FROM under\nCOPY file /file\nCOPY more /more\n' | dockerfile over
	echo under >under/file
	echo file >over/file
	echo more >over/more
	build
	equal "$(dates over | sort -u)" 2001-09-09T01:46:40Z
	export SOURCE_DATE_EPOCH=1700000000
	build
	equal "$(dates over | sort | uniq -c | tr -s ' ')" " 3 2023-11-14T22:13:20Z"
	# with the same date the cache is used, and nothing is built twice
	echo other >over/more
	build
	"$cbuild" log over >steps
	grep -q 'Using cache' steps
	equal "$(grep -c 'COPY more' steps)" 1
	equal "$(dates over | sort -u)" 2023-11-14T22:13:20Z
}

# changing TIMES: docker, reached through a socket behind which the file changes TIMES times, each time when BuildKit is about to be asked
# for a build of what was hashed before.
changing()
{
	seq "$1" >"$BATS_TEST_TMPDIR/times"
	cat >"$BATS_TEST_TMPDIR/change" <<-EOF
		#!/bin/sh
		[ -s "$BATS_TEST_TMPDIR/times" ] || exit 0
		sed -i 1d "$BATS_TEST_TMPDIR/times"
		echo "changed, \$(wc -l <"$BATS_TEST_TMPDIR/times") left" >"$PWD/app/file"
	EOF
	chmod +x "$BATS_TEST_TMPDIR/change"
	"$checkout/tests/lib/between" "$BATS_TEST_TMPDIR/d.sock" "${DOCKER_HOST#unix://}" "$BATS_TEST_TMPDIR/asked" \
		"$BATS_TEST_TMPDIR/change" 3>&- &
	server=$!
	until_true test -S "$BATS_TEST_TMPDIR/d.sock"
	export DOCKER_HOST=unix://$BATS_TEST_TMPDIR/d.sock CBUILD_BUILDER=docker
}

make_changing()
{
	project changing
	rm -rf .cbuild
	printf 'registry: localhost/changing\nservices: {app: {build: app}, on: {build: {context: on, additional_contexts: {base: "service:app"}}}}\n' >services.yaml
	printf 'FROM scratch\nCOPY file /\n' | dockerfile app
	printf 'FROM base\nCOPY Dockerfile /\n' | dockerfile on
	echo "first in $BATS_TEST_TMPDIR" >app/file
}

@test "docker: a file that changes while it is sent: the build is begun anew, with the new bytes" {
	make_changing
	changing 2
	build
	kill "$server"
	equal "$(grep -c '^anew build app .*file changed while it was built)$' "$err")" 2
	image_unpack localhost/changing/on:latest "$host" "$BATS_TEST_TMPDIR/image"
	equal "$(cat "$BATS_TEST_TMPDIR/image/file")" "changed, 0 left"
	build
	grep -F 'nothing to do' "$err"
}

@test "docker: a file that changes each time it is sent is no longer waited for, and nothing is recorded" {
	make_changing
	changing 5
	cb all --platforms="$host" --no-verify --no-load --progress=json
	kill "$server"
	equal "$status" 1
	equal "$(jq -r 'select(.event == "node_done" and .kind == "build" and .service == "app") | .outcome' "$err" | xargs)" "outdated outdated failed"
	equal "$(jq -r 'select(.event == "run_end") | .counts | "\(.outdated // 0) \(.failed // 0)"' "$err" | xargs)" "1 0 1 0 0 1"
	cb all --platforms="$host" --no-verify --no-load -n
	grep -E "^stale +build:app:" "$out"
}
