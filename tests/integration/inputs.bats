#!/usr/bin/env bats
# What cbuild says a Dockerfile reads is compared with what the builders really take: every file holds its own path, so
# that the image shows which of them are in it. A file that is in the image and not in the key would be a stale image.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/image"

setup_file()
{
	project_begin
	make_project
	if [ -z "${DOCKER_HOST:-}" ]; then
		export OWN_DOCKER=$CBUILD_TEST_CACHE/docker
		"$checkout/tests/lib/docker" fetch "$OWN_DOCKER" >&2
		eval "$("$checkout/tests/lib/docker" start "$OWN_DOCKER")"
	fi
}

teardown_file()
{
	if [ -n "${OWN_DOCKER:-}" ]; then
		"$checkout/tests/lib/docker" stop "$OWN_DOCKER"
	fi
	project_end
}

# service NAME MORE: its Dockerfile from standard input; MORE goes into its `build`.
service()
{
	cat >"files/$1"
	printf '  %s: {build: {context: ctx, dockerfile: ../files/%s, additional_contexts: {more: more, tools: rootfs/%s%s}%s}}\n' \
		"$1" "$1" "$host_arch" "${3:-}" "${2:-}" >>services.yaml
}

make_project()
{
	local file
	project inputs
	mkdir -p files ctx/dir/sub ctx/dar ctx/other ctx/dir-amd64 ctx/dir-arm64 ctx/ignored more/sub
	for file in a.txt b.txt 'with space.txt' '$odd' dir/a.c dir/b.c dir/A.C dir/sub/deep.c dir/x.skip dar/c.c other/o.c \
		dir-amd64/m dir-arm64/m ignored/i ignored/kept x.skip; do
		printf 'token:ctx/%s;\n' "$file" >"ctx/$file"
	done
	printf 'token:more/m;\n' >more/m
	printf 'token:more/sub/n;\n' >more/sub/n
	printf 'token:ctx/archive.tar;\n' >in-archive
	tar -cf ctx/archive.tar in-archive
	ln -s a.txt ctx/link.txt
	ln -s dir ctx/linkdir
	ln -s ../other/o.c ctx/dir/sub/link
	printf '*.skip\n**/*.skip\nignored\n!ignored/kept\n' >ctx/.dockerignore
	printf 'project: inputs\nregistry: localhost/inputs\nservices:\n' >services.yaml
	make_services
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
	service env-of-base "" ', triggers: "service:env-base"' <<-'END'
		FROM triggers
		COPY $WHAT /y/
	END
	service env-base <<-'END'
		FROM scratch
		ENV WHAT=other
		COPY dar /x/
	END
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

# Of the services, those that this builder can build.
services()
{
	sed -n 's/^  \([a-z-]*\): .*/\1/p' services.yaml | grep -vxF "$left_out"
}

# Nothing may be in the image that is not in the key; what is in the key and not in the image is doubt, and listed here.
compare()
{
	local service missing more="" bad=0 left_out=$2
	cd "$ROOT/inputs"
	rm -rf .cbuild
	# shellcheck disable=SC2046 # words
	cb -k $(services) --platforms="$host" --no-verify --no-load
	[ "$status" -eq 0 ]
	for service in $(services); do
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
		grep -vE '^rootfs/|/link|^ctx/\.dockerignore$' "$BATS_TEST_TMPDIR/key" |
			comm -13 "$BATS_TEST_TMPDIR/image" - >"$BATS_TEST_TMPDIR/more"
		[ ! -s "$BATS_TEST_TMPDIR/more" ] || more="$more $service"
	done
	equal "$more" "$1"
	[ "$bad" -eq 0 ]
}

# These copy less of what they read, or cannot be told: what is behind ONBUILD, a variable of a base.
doubt=" stages mount triggered env-of-base"

@test "docker: what is in the images is in the keys" {
	CBUILD_BUILDER=docker compare "$doubt" none
}

@test "buildah: what is in the images is in the keys" {
	# buildah 1.28 does not hand arguments on from stage to stage.
	CBUILD_BUILDER=buildah compare "$doubt" variables-inherited
}
