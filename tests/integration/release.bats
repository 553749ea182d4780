#!/usr/bin/env bats
# What a release is made of, as far as that is cheap: versions, `make install`, a tarball that is the same when it is made again, the
# folder with its libraries. scripts/release does the rest (.ci/run release).

bats_require_minimum_version 1.5.0

checkout=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
cbuild=${CBUILD:-$checkout/cbuild}
build=$(dirname "$cbuild")

setup_file()
{
	# A make above this one has its own flags, and the variables of the tests' environment are not those of a build.
	unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR
	make -s -C "$build" relocatable RELOCATABLE="$BATS_FILE_TMPDIR/first" >/dev/null
	mv "$BATS_FILE_TMPDIR/first" "$BATS_FILE_TMPDIR/moved away"
}

equal()
{
	[ "$1" = "$2" ] && return
	printf 'got:\n%s\nwanted:\n%s\n' "$1" "$2"
	return 1
}

# sources: a checkout with nothing but what scripts/version looks at; goes there.
sources()
{
	mkdir -p "$BATS_TEST_TMPDIR/sources/scripts"
	cd "$BATS_TEST_TMPDIR/sources"
	cp "$checkout/scripts/version" scripts
	printf '# Changes\n\n## 1.3.0 (not released yet)\n\n## 1.2.3\n' >CHANGELOG.md
	git init -q .
	git config user.name tests
	git config user.email tests@example.org
	git add .
	git commit -qm one
}

@test "a version is the tag's, with the commits since; that of the changelog without one; the tarball's own" {
	sources
	equal "$(scripts/version)" "1.3.0-g$(git rev-parse --short=12 HEAD)"
	git tag other
	git tag v1.2.3
	equal "$(scripts/version)" 1.2.3
	git commit -q --allow-empty -m two
	equal "$(cd / && "$OLDPWD/scripts/version")" "1.2.3-1-g$(git rev-parse --short=12 HEAD)"
	echo 9.9.9 >.version
	equal "$(scripts/version)" 9.9.9
	rm -rf .version .git
	equal "$(scripts/version)" 1.3.0
	rm CHANGELOG.md
	equal "$(scripts/version)" unreleased
}

@test "sources inside of another checkout have nothing of that one's version" {
	sources
	git tag v1.2.3
	mkdir -p inner/scripts
	cp scripts/version inner/scripts
	equal "$(inner/scripts/version)" unreleased
}

@test "cbuild has the version that was found when it was made" {
	equal "$("$cbuild" version)" "cbuild $(sed -n 's/^#define CBUILD_VERSION "\(.*\)"$/\1/p' "$build/build-version.h")"
	equal "$("$cbuild" --version)" "$("$cbuild" version)"
}

@test "make install brings the program, manual pages, completions, documentation and the licence" {
	make -s -C "$build" install DESTDIR="$BATS_TEST_TMPDIR/root" prefix=/usr >/dev/null
	cd "$BATS_TEST_TMPDIR/root/usr"
	equal "$(bin/cbuild version)" "$("$cbuild" version)"
	[ -s share/man/man1/cbuild.1 ]
	[ -s share/man/man5/services.yaml.5 ]
	[ -s share/bash-completion/completions/cbuild ]
	[ -s share/zsh/site-functions/_cbuild ]
	[ -s share/fish/vendor_completions.d/cbuild.fish ]
	cd share/doc/cbuild
	cmp LICENSE "$checkout/LICENSE"
	grep -q '^## ' CHANGELOG.md
	# Each page is there, and whatever page links to another one finds it.
	equal "$(ls docs)" "$(cd "$checkout/docs" && ls -- *.md)"
	for page in *.md docs/*.md; do
		grep -oE '\]\([a-z][a-zA-Z./-]*\.md' "$page" | cut -c 3- | while read -r link; do
			[ -f "$(dirname "$page")/$link" ] || { echo "$page: $link"; exit 1; }
		done
	done
}

@test "the tarball is the same when it is made again, whoever makes it" {
	local dir=$BATS_TEST_TMPDIR/cbuild-0
	export XZ_OPT=-0
	make -s -C "$build" dist-xz distdir="$dir" >/dev/null
	mv "$dir.tar.xz" "$BATS_TEST_TMPDIR/first.tar.xz"
	(umask 077 && make -s -C "$build" dist-xz distdir="$dir" >/dev/null)
	cmp "$BATS_TEST_TMPDIR/first.tar.xz" "$dir.tar.xz"
	tar -tf "$dir.tar.xz" >"$BATS_TEST_TMPDIR/list"
	grep -q '/cbuild-0/\.version$' "$BATS_TEST_TMPDIR/list"
	grep -q '/cbuild-0/docs/cbuild\.1$' "$BATS_TEST_TMPDIR/list"
	grep -q '/cbuild-0/scripts/release$' "$BATS_TEST_TMPDIR/list"
}

# Of the libraries that glibc does not have.
loaded_elsewhere()
{
	sed -n 's/^ *[0-9]*:[[:space:]]*calling init: //p' "$1" | grep -vF "$2/bin/../lib/" |
		grep -vE '/(ld-linux[^/]*|libc|libm|libdl|libpthread|librt|libresolv|libutil|libanl)\.so\.[0-9]+$|^/[^/]*$' || true
}

@test "the relocatable folder works where it is moved to, with its own libraries alone" {
	local here="$BATS_FILE_TMPDIR/moved away"
	equal "$("$here/bin/cbuild" version)" "$("$cbuild" version)"
	cd "$BATS_TEST_TMPDIR"
	LD_DEBUG=libs LD_DEBUG_OUTPUT=$PWD/loaded PATH=/nowhere "$here/bin/cbuild" doctor --report >report || [ $? = 3 ]
	equal "$(grep -cE '^lib.*: there$' report)" 8
	cat loaded.* >loaded
	equal "$(loaded_elsewhere loaded "$here")" ""
	grep -q "calling init: $here/bin/../lib/libgit2" loaded
	grep -q "calling init: $here/bin/../lib/libsqlite3" loaded
}

@test "its SBOM names every file, each package has its licence, and all references lead somewhere" {
	cd "$BATS_FILE_TMPDIR/moved away"
	SOURCE_DATE_EPOCH=0 "$checkout/scripts/sbom" . 1.2.3 >"$BATS_TEST_TMPDIR/sbom"
	cd "$BATS_TEST_TMPDIR"
	equal "$(jq -r '.files[] | "\(.checksums[0].checksumValue)  \(.fileName)"' sbom | sort)" \
		"$(cd "$BATS_FILE_TMPDIR/moved away" && sha256sum ./bin/* ./lib/* | sort)"
	equal "$(jq -r '.packages[] | select(.name != "cbuild") | .name' sbom | sort)" \
		"$(ls "$BATS_FILE_TMPDIR/moved away/share/licenses" | grep -vx libraries.txt | sort)"
	equal "$(jq -r '[.spdxVersion, .dataLicense, .SPDXID, .creationInfo.created] | join(" ")' sbom)" \
		"SPDX-2.3 CC0-1.0 SPDXRef-DOCUMENT 1970-01-01T00:00:00Z"
	equal "$(jq -r '[.packages[], .files[] | .SPDXID | select(test("^SPDXRef-[A-Za-z0-9.-]+$") | not)] | length' sbom)" 0
	equal "$(jq -r '[.packages[].SPDXID, .files[].SPDXID] | group_by(.) | map(select(length > 1)) | length' sbom)" 0
	equal "$(jq -r '([.packages[].SPDXID, .files[].SPDXID, .SPDXID]) as $ids |
		[.relationships[] | .spdxElementId, .relatedSpdxElement | select(IN($ids[]) | not)] | length' sbom)" 0
	# Each file is in a package, and cbuild needs all packages.
	equal "$(jq -r '[.relationships[] | select(.relationshipType == "CONTAINS")] | length' sbom)" "$(jq '.files | length' sbom)"
	equal "$(jq -r '[.relationships[] | select(.relationshipType == "DEPENDS_ON")] | length' sbom)" "$(jq '.packages | length - 1' sbom)"
	jq -e '.packages[] | select(.name == "libgit2-1.5") | .externalRefs[0].referenceLocator | startswith("pkg:deb/debian/libgit2-1.5@")' sbom
}

@test "the package is built with what scripts/quickstart installs" {
	local TOOLS LIBRARIES CONTAINERS
	eval "$(sed -n '/^TOOLS=/,/^$/p' "$checkout/scripts/quickstart")"
	equal "$(sed -n '/^Build-Depends:/,/^Standards/p' "$checkout/scripts/debian/control" | tr -s ', \n' '\n' | grep -E -- '-dev$|protobuf-c-compiler' | sort)" \
		"$(printf '%s\n' $LIBRARIES | sort)"
}
