#!/usr/bin/env bats
# What cbuild says a Dockerfile reads is compared with what the builders really take: every file holds its own path, so
# that the image shows which of them are in it. A file that is in the image and not in the key would be a stale image.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/image"

setup_file()
{
	project_begin
	if [ -z "${DOCKER_HOST:-}" ]; then
		own_docker
	fi
	serve
	make_project
}

teardown_file()
{
	if [ -e "$ROOT/server.pid" ]; then
		kill "$(cat "$ROOT/server.pid")"
	fi
	if [ -n "${OWN_DOCKER:-}" ]; then
		"$checkout/tests/lib/docker" stop "$OWN_DOCKER"
	fi
	project_end
}

# service NAME MORE: its Dockerfile from standard input; MORE goes into its `build`.
service()
{
	cat >"files/$1"
	printf '  %s: {build: {context: ctx, dockerfile: ../files/%s, additional_contexts: {more: more, unnamed: unnamed, tools: rootfs/%s%s}%s}}\n' \
		"$1" "$1" "$host_arch" "${3:-}" "${2:-}" >>services.yaml
}

make_project()
{
	local file
	project inputs
	mkdir -p files ctx/at-86400 ctx/dir/sub ctx/dar ctx/other ctx/dir-amd64 ctx/dir-arm64 ctx/ignored more/sub
	for file in a.txt b.txt 'with space.txt' '$odd' dir/a.c dir/b.c dir/A.C dir/sub/deep.c dir/x.skip dar/c.c other/o.c \
		dir-amd64/m dir-arm64/m at-86400/f ignored/i ignored/kept x.skip; do
		printf 'token:ctx/%s;\n' "$file" >"ctx/$file"
	done
	mkdir -p unnamed here there leaves/sub
	printf 'token:leaves/a;\n' >leaves/a
	printf 'token:leaves/b.skip;\n' >leaves/b.skip
	printf 'token:leaves/sub/c;\n' >leaves/sub/c
	printf '*.skip\nsub\n!sub/c\n' >leaves/.dockerignore
	for file in unnamed here there; do
		printf 'token:%s/f;\n' $file >$file/f
		printf 'token:%s/g;\n' $file >$file/g
	done
	printf 'token:more/m;\n' >more/m
	printf 'token:more/sub/n;\n' >more/sub/n
	printf 'token:ctx/archive.tar;\n' >in-archive
	tar -cf ctx/archive.tar in-archive
	ln -s a.txt ctx/link.txt
	ln -s dir ctx/linkdir
	ln -s ../other/o.c ctx/dir/sub/link
	ln -s ../other/o.c ctx/dir/link-out
	ln -s ../dar ctx/dir/link-dar
	ln -s ../m more/sub/link-m
	printf '*.skip\n**/*.skip\nignored\n!ignored/kept\n' >ctx/.dockerignore
	printf 'project: inputs\nregistry: localhost/inputs\nservices:\n' >services.yaml
	make_services
	make_newer_services
}

make_services()
{
	service wild <<-'END'
		FROM scratch
		COPY *.txt d?r/[a-b]*.c /x/
	END
	service wild-folders <<-'END'
		FROM scratch
		COPY d*r /x/
		COPY */sub /y/
	END
	service json <<-'END'
		FROM scratch
		COPY ["with space.txt", "dir", "/x/"]
	END
	service words <<-'END'
		FROM scratch
		copy "dir/b.c" /x/
		CoPy \$odd /y/
	END
	service paths <<-'END'
		FROM scratch
		COPY ./a.txt /dir/../other/ ../dar/. /x/
	END
	service variables ', args: {OVER: other}' <<-'END'
		ARG OUTSIDE=dir
		FROM scratch AS parent
		ARG OVER=dir
		ARG UNSET
		ENV SUB=sub DIR=dir
		COPY ${OVER}/o.c ${UNSET:-dar}/c.c a${OUTSIDE}.txt /x/
		FROM parent
		COPY $DIR/$SUB /y/
		COPY ${UNSET:+other}b.txt /y/
	END
	service variables-inherited <<-'END'
		FROM scratch AS parent
		ARG WHAT=dir
		FROM parent
		COPY ${WHAT}/a.c /x/
	END
	service platform <<-'END'
		FROM scratch
		ARG TARGETARCH
		COPY dir-${TARGETARCH} /x/
	END
	service named-ignore "" ', leaves: leaves' <<-'END'
		FROM scratch
		COPY --from=leaves . /x/
	END
	service epoch ', args: {SOURCE_DATE_EPOCH: "86400"}' <<-'END'
		FROM scratch
		ARG SOURCE_DATE_EPOCH
		COPY at-${SOURCE_DATE_EPOCH} /x/
		ENV EPOCH=$SOURCE_DATE_EPOCH
	END
	service stages <<-'END'
		FROM scratch AS unused
		COPY other /x/
		FROM scratch AS used
		COPY dir /x/
		FROM scratch
		COPY --from=used /x/sub /x/
		COPY --from=more sub /y/
		COPY --from=1 /x/a.c /z/
	END
	service target ', target: used' <<-'END'
		FROM scratch AS used
		COPY dar /x/
		FROM scratch
		COPY other /x/
	END
	service folder <<-'END'
		FROM scratch
		COPY . /x/
	END
	service links <<-'END'
		FROM scratch
		COPY link.txt /x/
		COPY linkdir/b.c /x/
	END
	service link-to-folder <<-'END'
		FROM scratch
		COPY linkdir /x/
	END
	service links-inside <<-'END'
		FROM scratch
		COPY dir/sub /x/
	END
	service links-below <<-'END'
		FROM scratch AS whole
		COPY dir /x/
		FROM scratch
		COPY --from=whole /x /x/
		COPY dir/link-out dir/link-dar/c.c /y/
		COPY --from=more sub /z/
		COPY --from=more sub/l* /z/m
	END
	service platform-context "" ", at: there, 'at::$host': here, 'other::linux/none': there" <<-'END'
		FROM scratch
		COPY --from=at f /x/
		COPY --from=at g /y/
	END
	service fetched "" ', triggers: "service:env-base"' <<-END
		FROM triggers
		ADD $SERVER/\$FILE /x/
		COPY dar /y/
	END
	service archive <<-'END'
		FROM scratch
		ADD archive.tar dar/c.c /x/
	END
	service flags <<-'END'
		FROM scratch
		COPY --chmod=600 --chown=1:1 dir/b.c /x/
		ADD --chown=2 other /y/
	END
	service continued <<-'END'
		# escape=`
		FROM scratch
		COPY a.txt `
		# a comment
		     dar `

		     /x/
	END
	service mount <<-'END'
		FROM scratch
		COPY --from=tools . /
		RUN --mount=type=bind,source=dir,target=/m --mount=type=tmpfs,target=/t mkdir /x && cp -a /m/sub /x/
		RUN --mount=target=/m,src=/other/o.c cp /m /x/o
	END
	service mount-named <<-'END'
		FROM scratch
		COPY --from=tools . /
		RUN --mount=from=more,source=sub,target=/m mkdir /x && cp -a /m/. /x/
	END
	service mount-stage <<-'END'
		FROM scratch AS files
		COPY dar /d/
		FROM scratch
		COPY --from=tools . /
		RUN --mount=from=files,target=/m mkdir /x && cp -a /m/. /x/
	END
	service mount-whole <<-'END'
		FROM scratch
		COPY --from=tools . /
		RUN --mount=type=bind,target=/m mkdir /x && cp -a /m/. /x/
	END
	service mount-below <<-'END'
		FROM scratch
		COPY --from=tools . /
		COPY dir /x/
		RUN --mount=source=dir/link-out,target=/m cp /m /x/o
	END
	service mount-ignored <<-'END'
		FROM scratch
		COPY --from=tools . /
		RUN --mount=type=bind,source=dir,target=/m mkdir /x && cp -a /m/. /x/
	END
	service triggers <<-'END'
		FROM scratch
		ENV WHAT=other
		ONBUILD COPY dir/a.c /x/
	END
	service triggered "" ', triggers: "service:triggers"' <<-'END'
		FROM triggers
		COPY dar /y/
	END
	# What its base holds is in its image, too.
	service env-of-base "" ', triggers: "service:env-base"' <<-'END'
		FROM triggers
		COPY $WHAT /y/
		COPY dar /z/
	END
	service env-base <<-'END'
		FROM scratch
		ENV WHAT=other FILE=far
		COPY dar /x/
	END
}

# What builders of their time can do, and buildah 1.28 cannot.
make_newer_services()
{
	service parents <<-'END'
		FROM scratch
		COPY --parents dir/*.c ./other/./o.c dar /x/
	END
	service parents-pivot <<-'END'
		FROM scratch
		COPY --parents ./dir/./sub/deep.c /x/
		COPY --parents --from=more sub/n /y/
	END
	service excludes <<-'END'
		FROM scratch
		COPY --exclude=*.c --exclude=sub dir dar /x/
		ADD --exclude=**/deep.c dir/sub other /y/
		COPY a.txt /z/
	END
	service excludes-twice <<-'END'
		FROM scratch
		COPY --exclude=*.c --exclude=*.C dir /x/
		COPY --exclude=sub d*r /y/
		COPY --exclude=nothing dir/x.* dir/*.C /z/
	END
	service replaced <<-'END'
		ARG WORD=lar
		FROM scratch
		ARG WORD
		COPY ${WORD/l/d}/c.c ${WORD//?ar/other}/o.c /x/
	END
	service platform-contexts "" ", at: there, 'at::$host': here" <<-END
		FROM --platform=linux/$([ "$host_arch" = arm64 ] && echo amd64 || echo arm64) at AS other
		FROM scratch
		COPY --from=other . /x/
		COPY --from=at g /y/
	END
	service heredocs <<-'END'
		FROM scratch
		COPY <<made "dir/a.c" <<'other' /x/
		COPY other /y/
		made
		COPY dar /y/
		other
		COPY --from=tools . /
		RUN --mount=target=/m,source=dar <<run
		mkdir /z
		# COPY other /z/
		cp -a /m/. /z/
		run
	END
	service remote <<-END
		FROM scratch
		ADD $SERVER/far dar/c.c /x/
	END
	service remote-sum <<-END
		FROM scratch
		ADD --checksum=sha256:$(sha256sum "$ROOT/served/far" | cut -d' ' -f1) $SERVER/far /x/
		COPY a.txt /x/
	END
	service remote-git <<-END
		FROM scratch
		ADD $SERVER/repository.git#main:sub /x/
		COPY b.txt /x/
	END
}

# A web server where the builders can reach it: a file, and a repository.
serve()
{
	local dir=$ROOT/served inside=()
	mkdir -p "$dir/repository/sub"
	echo "from afar" >"$dir/far"
	echo "from a repository" >"$dir/repository/sub/file"
	git -C "$dir/repository" init -q -b main
	git -C "$dir/repository" add .
	git -C "$dir/repository" -c user.name=a -c user.email=a@example.org commit -qm one
	git clone -q --bare "$dir/repository" "$dir/repository.git"
	git -C "$dir/repository.git" update-server-info
	# dockerd may have a network of its own.
	if [ -n "${OWN_DOCKER:-}" ]; then
		inside=(nsenter --net="/proc/$(cat "$OWN_DOCKER/docker.pid")/ns/net")
	fi
	"${inside[@]}" python3 -c '
import functools, http.server, os, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
with open(sys.argv[2] + ".new", "w") as f:
    f.write("http://127.0.0.1:%d\n" % server.server_port)
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()' "$dir" "$ROOT/server" >/dev/null 2>&1 3>&- &
	echo $! >"$ROOT/server.pid"
	until_true test -e "$ROOT/server"
	export SERVER
	SERVER=$(cat "$ROOT/server")
}

# What is in the image and what is in the key, a path a line.
in_image()
{
	image_unpack "localhost/inputs/$1:latest" "$host" "$BATS_TEST_TMPDIR/unpacked"
	# A link is a link: what it points to is not in the image.
	find "$BATS_TEST_TMPDIR/unpacked" -type f -exec grep -aohE 'token:[^;]*;' {} + | sed 's/^token://; s/;$//' | sort -u
}

in_key()
{
	"$cbuild" context "$1" | sort -u
}

# The time of an image by the argument that builders have for it.
epoch()
{
	jq -r '.created, .config.Env[-1]' "$(image_config localhost/inputs/epoch:latest "$host")"
}

# All services but these.
services_without()
{
	sed -n 's/^  \([a-z-]*\): .*/\1/p' services.yaml | grep -vxF "$(printf '%s\n' "$@")"
}

# compare DOUBT SERVICE...: nothing may be in the images that is not in the keys; what is in a key and not in the image is
# doubt, and listed.
compare()
{
	local doubt=$1 service missing more="" bad=0
	shift
	rm -rf .cbuild
	cb -k "$@" --platforms="$host" --no-verify --no-load
	[ "$status" -eq 0 ]
	for service; do
		in_image "$service" >"$BATS_TEST_TMPDIR/image"
		in_key "$service" >"$BATS_TEST_TMPDIR/key"
		missing=$(comm -23 "$BATS_TEST_TMPDIR/image" "$BATS_TEST_TMPDIR/key")
		[ -z "$missing" ] || {
			printf '%s: in the image, not in the key: %s\n' "$service" "$missing"
			bad=1
		}
		[ -s "$BATS_TEST_TMPDIR/image" ] || [ "$service" = triggers ] || {
			echo "$service: nothing is in the image"
			bad=1
		}
		# Links count by their text, and a named context counts for what is copied of it.
		grep -vE '^rootfs/|/link|/\.dockerignore$' "$BATS_TEST_TMPDIR/key" |
			comm -13 "$BATS_TEST_TMPDIR/image" - >"$BATS_TEST_TMPDIR/more"
		[ ! -s "$BATS_TEST_TMPDIR/more" ] || more="$more $service"
	done
	equal "$more" "$doubt"
	[ "$bad" -eq 0 ]
}

# refused SERVICE STATUS TEXT: it is not built, and that is why.
refused()
{
	cb "$1" --platforms="$host" --no-verify --no-load
	equal "$status" "$2"
	grep -F -- "$3" "$err"
}

setup()
{
	cd "$ROOT/inputs"
}

# These copy less of what they read.
doubt=" stages mount"
parents="parents parents-pivot"

@test "docker: what is in the images is in the keys" {
	export CBUILD_BUILDER=docker
	# shellcheck disable=SC2046 disable=SC2086 # words
	# Only BuildKit goes by the ignore file of a named context. The builders differ in what arguments a stage inherits: the files of both
	# ways count.
	compare " variables-inherited named-ignore$doubt" $(services_without $parents)
	equal "$(epoch)" "$(printf '1970-01-02T00:00:00Z\nEPOCH=86400\n')"
}

@test "docker: COPY --parents, where its frontend knows that" {
	export CBUILD_BUILDER=docker
	cb parents --platforms="$host" --no-verify --no-load
	if [ "$status" -eq 0 ]; then
		# shellcheck disable=SC2086 # words
		compare "" $parents
	else
		refused parents 1 "unknown flag: --parents"
		refused parents-pivot 1 "unknown flag: --parents"
	fi
}

@test "buildah: what is in the images is in the keys; what it does not know is said" {
	local refuses="$parents excludes excludes-twice replaced platform-contexts heredocs remote-sum remote-git"
	export CBUILD_BUILDER=buildah
	# buildah 1.28 does not hand arguments on from stage to stage.
	# shellcheck disable=SC2046 disable=SC2086 # words
	compare "$doubt" $(services_without $refuses variables-inherited)
	equal "$(epoch)" "$(printf '1970-01-02T00:00:00Z\nEPOCH=86400\n')"
	equal "$(grep -c 'not consumed' "$err")" 0
	refused parents 1 "COPY only supports"
	refused excludes 1 "COPY only supports"
	refused remote-sum 1 "ADD only supports"
	# It would take these for files, and say nothing.
	refused heredocs 3 "heredocs:2: buildah"
	grep -F "does not know here-documents" "$err"
	refused remote-git 3 "remote-git:2: buildah"
	grep -F -- "--builder=docker" "$err"
	refused platform-contexts 3 "a different context for each platform"
}

@test "docker: what was fetched from elsewhere is in the image, and what is not what was meant is refused" {
	local dir=$BATS_TEST_TMPDIR/x
	export CBUILD_BUILDER=docker
	cb remote remote-sum remote-git --platforms="$host" --no-verify --no-load
	equal "$status" 0
	image_unpack localhost/inputs/remote:latest "$host" "$dir/remote"
	cmp "$dir/remote/x/far" "$ROOT/served/far"
	image_unpack localhost/inputs/remote-git:latest "$host" "$dir/git"
	cmp "$dir/git/x/file" "$ROOT/served/repository/sub/file"
	[ ! -e "$dir/git/x/.git" ]
	# Another sum: the key says so before anything is fetched.
	sed -i 's/sha256:..../sha256:0000/' files/remote-sum
	cb -n remote-sum --platforms="$host" --no-load
	grep -F 'files/remote-sum changed' "$out"
	refused remote-sum 1 "digest mismatch"
}
