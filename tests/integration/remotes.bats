#!/usr/bin/env bats
# Contexts and Dockerfiles from git repositories and http servers: built from what cbuild has fetched, with each builder, and as docker's
# own client builds them.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/image"
. "$BATS_TEST_DIRNAME/../lib/served"

# repository NAME: one that is served, empty, with its work tree in $ROOT/work/NAME; goes there.
repository()
{
	git init -q --bare -b main "$ROOT/served/git/$1.git"
	git init -q -b main "$ROOT/work/$1"
	cd "$ROOT/work/$1"
	git remote add origin "$ROOT/served/git/$1.git"
}

# commit: all of the work tree, to the server.
commit()
{
	git add --all .
	git -c user.name=a -c user.email=a@example.org commit -qm more --allow-empty
	git push -q origin main
}

# services LINES...: a project of these; goes there.
services()
{
	rm -rf "$BATS_TEST_TMPDIR/project"
	mkdir "$BATS_TEST_TMPDIR/project"
	cd "$BATS_TEST_TMPDIR/project"
	{
		printf 'registry: localhost:1/none\nplatforms: [%s]\nservices:\n' "$host"
		printf '  %s\n' "$@"
	} >services.yaml
}

# files FOLDER: its files, with types, modes, links and content.
files()
{
	(cd "$1" && find . -mindepth 1 -printf '%P %y %m %l\n' | sort && find . -type f -print0 | sort -z | xargs -0r sha256sum)
}

# unpacked SERVICE: the files of its image.
unpacked()
{
	image_unpack "localhost:1/none/$1:latest" "$host" "$BATS_TEST_TMPDIR/image-$1"
	files "$BATS_TEST_TMPDIR/image-$1"
}

# as_docker SERVICE ARGUMENTS...: the image has the files that docker's client gets for the same. BuildKit leaves in submodules the file
# ".git", which says where their repository was.
as_docker()
{
	rm -rf "$BATS_TEST_TMPDIR/judge"
	docker buildx build --quiet --no-cache --output "type=local,dest=$BATS_TEST_TMPDIR/judge" "${@:2}" >&2
	find "$BATS_TEST_TMPDIR/judge" -mindepth 2 -name .git -type f -delete
	diff <(files "$BATS_TEST_TMPDIR/judge") <(unpacked "$1")
}

@test "a context from a git repository: built once, pulled, locked, by both builders" {
	for builder in buildah docker; do
		echo "--- $builder"
		repository "r-$builder"
		mkdir sub
		echo one >sub/f
		echo '*.log' >sub/.dockerignore
		printf 'FROM scratch\nCOPY f /f\n' >sub/Dockerfile
		commit
		url=$SERVER/git/r-$builder.git#main:sub
		services "web: {build: '$url'}"
		asked >/dev/null
		cb -n --no-load --builder=$builder
		equal "$status" 0
		equal "$(cat "$out")" "$(printf '%s\n' "stale    build:web:$host  $url is not fetched yet" "stale    index:web              never made" '2 to do, 0 up to date')"
		cb -n --no-load --exit-code --builder=$builder
		equal "$status" 1
		services "web: {build: {context: '$url', target: stage}}"
		cb -n --no-load
		equal "$status" 0
		services "web: {build: '$url'}"
		cb why web
		equal "$status" 4
		grep -q "$url is not here yet, and this command fetches nothing" "$err"
		equal "$(asked)" ""
		cb --no-load --builder=$builder
		equal "$status" 0
		unpacked web
		equal "$(cat "$BATS_TEST_TMPDIR/image-web/f")" one
		nothing_to_do --builder=$builder
		equal "$(asked)" ""
		nothing_to_do --builder=$builder --pull
		[ -n "$(asked)" ]
		cb check
		grep -q "services.yaml:4:.*$url is not pinned and can change at any time" "$err"

		# What does not count rebuilds nothing; what does is a reason.
		cd "$ROOT/work/r-$builder"
		echo more >other
		commit
		cd -
		nothing_to_do --builder=$builder --pull
		cd -
		echo two >sub/f
		commit
		cd -
		nothing_to_do --builder=$builder
		equal "$(asked)" ""
		cb --no-load --pull -v --builder=$builder
		equal "$status" 0
		grep -q "$url/f" "$err"
		unpacked web
		equal "$(cat "$BATS_TEST_TMPDIR/image-web/f")" two

		# The older commits are not needed any more.
		equal "$(ls .cbuild/sources | grep -c ^git-)" 3
		cb prune
		grep -q '^sources  *2  ' "$out"
		equal "$(ls .cbuild/sources | grep -c ^git-)" 1
		nothing_to_do --builder=$builder
		equal "$(asked)" ""

		# What was locked is built wherever the lock is.
		cb lock
		equal "$status" 0
		grep -qx "url $url commit:$(git -C "$ROOT/work/r-$builder" rev-parse main)" services.lock
		cb lock --check
		equal "$status" 0
		cb -q check
		! grep -q 'can change at any time' "$err" || false
		cd -
		echo three >sub/f
		commit
		cd -
		rm -rf .cbuild
		cb --no-load --builder=$builder
		equal "$status" 0
		unpacked web
		equal "$(cat "$BATS_TEST_TMPDIR/image-web/f")" two
		cb lock --update "$url"
		equal "$status" 0
		grep -q 'commit:.* -> commit:' "$out"
		asked >/dev/null
		cb --no-load --builder=$builder
		equal "$status" 0
		equal "$(asked)" ""
		unpacked web
		equal "$(cat "$BATS_TEST_TMPDIR/image-web/f")" three
		cb -q lock --check
		equal "$status" 0
		cb -n --no-load --format json --builder=$builder
		equal "$(jq -r '.nodes[] | select(.kind == "build") | .fetched[] | "\(.url) \(.place) \(.is) \(.locked)"' "$out")" \
			"$url context git-$(git -C "$ROOT/work/r-$builder" rev-parse main) true"
	done
}

@test "every way to name a repository means what it means to docker" {
	repository module
	echo inner >inner
	commit
	repository forms
	mkdir -p sub/deep
	printf '#!/bin/sh\n' >run
	chmod 755 run
	chmod 600 sub
	ln -s run link
	ln -s nowhere sub/deep/broken
	printf '*.crlf text eol=crlf\nleft export-ignore\n' >.gitattributes
	printf 'a\nb\n' >x.crlf
	echo left >left
	echo ignored >ignored
	echo ignored >.dockerignore
	printf 'FROM scratch\nCOPY . /\n' | tee Dockerfile sub/Dockerfile >sub/Other
	git -c protocol.file.allow=always submodule --quiet add "$ROOT/served/git/module.git" module
	git config --file .gitmodules submodule.module.url ../module.git
	commit
	first=$(git rev-parse main)
	git -c user.name=a -c user.email=a@example.org tag -am one v1
	git push -q origin v1 main:refs/pull/42/head
	echo later >later
	commit
	git push -q origin main:other
	git checkout -q -b v1 refs/tags/v1
	echo branch >branch
	git add branch
	git -c user.name=a -c user.email=a@example.org commit -qm branch
	git push -q origin refs/heads/v1
	for end in '' '#main' '#v1' '#other:sub' '#:sub/' "#$first:sub" '?branch=main' '?tag=v1' '?ref=main&subdir=sub' \
		'?ref=pull/42/head' "?ref=v1&commit=$first" "?tag=v1&checksum=${first:0:12}" "?commit=$first" '?submodules=0' \
		'?branch=main&submodules=false'; do
		echo "--- $end"
		services "web: {build: {context: '$SERVER/git/forms.git$end'}}"
		# Whatever the user's umask is.
		umask 077
		cb --no-load --builder=docker
		umask 022
		equal "$status" 0
		as_docker web "$SERVER/git/forms.git$end"
	done
	# docker 28.5 takes the tag here.
	services "web: {build: {context: '$SERVER/git/forms.git?branch=v1'}}"
	cb --no-load --builder=docker
	equal "$status" 0
	unpacked web >/dev/null
	equal "$(cat "$BATS_TEST_TMPDIR/image-web/branch")" branch
	services "web: {build: {context: '$SERVER/git/forms.git#main:sub', dockerfile: Other, labels: {a: b}}}"
	for builder in buildah docker; do
		cb --no-load --builder=$builder
		equal "$status" 0
		as_docker web --file Other "$SERVER/git/forms.git#main:sub"
	done
	for end in '?ref=main&ref=v1' '?nosuch=1' '?tag=v1&branch=v1' '#main:../..' '?keep-git-dir=1' '?ref=' '?commit=xyz'; do
		echo "--- $end"
		services "web: {build: {context: '$SERVER/git/forms.git$end'}}"
		cb --no-load --builder=docker
		equal "$status" 2
		grep -q 'services.yaml:4:.* is no URL of a repository' "$err"
	done
	services "web: {build: {context: '$SERVER/git/forms.git#nosuch'}}"
	cb --no-load --builder=docker
	equal "$status" 4
	grep -q 'has no branch or tag "nosuch"' "$err"
}

@test "named contexts, over ssh and with git's own logins" {
	repository named
	echo named >f
	commit
	# ssh that is none: what git would run on the other machine.
	printf '#!/bin/sh\nwhile [ "$1" != git@example.org ]; do shift; done\nshift\ncd %s && exec sh -c "$(echo "$*" | sed "s|./|'"'"'|")"\n' "$ROOT/served/git" >"$ROOT/ssh"
	chmod 755 "$ROOT/ssh"
	export GIT_SSH_COMMAND=$ROOT/ssh
	git config --global "url.$SERVER/git/.insteadOf" "https://elsewhere.example.org/"
	for builder in buildah docker; do
		services 'web:' '  build:' '    context: web' '    additional_contexts:' \
			'      one: "git@example.org:named.git"' '      two: "ssh://git@example.org/named.git#main"' \
			'      three: "https://elsewhere.example.org/named.git"'
		printf 'FROM scratch\nCOPY --from=one f /one\nCOPY --from=two f /two\nCOPY --from=three f /three\n' | dockerfile web
		cb --no-load --builder=$builder
		equal "$status" 0
		unpacked web
		equal "$(cat "$BATS_TEST_TMPDIR"/image-web/*)" "$(printf 'named\nnamed\nnamed')"
		cb lock
		equal "$status" 0
		equal "$(grep -c "^url .*named.git.* commit:$(git -C "$ROOT/work/named" rev-parse main)$" services.lock)" 3
	done
}

@test "nothing that a repository says is run, and none of its links leads out" {
	repository hostile
	mkdir bin
	echo secret >"$ROOT/outside"
	printf 'FROM scratch\nCOPY . /\n' >Dockerfile
	ln -s "$ROOT" out
	ln -s / root
	mkdir linked
	ln -s "$ROOT/outside" linked/Dockerfile
	echo '* filter=evil' >.gitattributes
	echo x >x
	commit
	hash=$(git rev-parse main)
	i=0
	for url in "ext::sh -c 'touch $ROOT/ran'" "$ROOT/served/git/hostile.git" "file://$ROOT/served/git/hostile.git" "-u/x" "../../../../x.git"; do
		git checkout -q -b "bad$((++i))" main
		printf '[submodule "m"]\n\tpath = m\n\turl = "%s"\n\tupdate = !touch %s\n' "$url" "$ROOT/ran" >.gitmodules
		git update-index --add --cacheinfo "160000,$hash,m"
		git add .gitmodules
		git -c user.name=a -c user.email=a@example.org commit -qm "$url"
		git push -q origin "bad$i"
	done
	# The user's own filters are not for strangers' files.
	git config --global filter.evil.smudge "touch $ROOT/ran; cat"
	git config --global core.hooksPath "$ROOT/hooks"
	mkdir "$ROOT/hooks"
	for hook in post-checkout reference-transaction post-index-change; do
		printf '#!/bin/sh\ntouch %s\n' "$ROOT/ran" >"$ROOT/hooks/$hook"
		chmod 755 "$ROOT/hooks/$hook"
	done
	services "web: {build: {context: '$SERVER/git/hostile.git'}}"
	cb --no-load --builder=docker
	equal "$status" 0
	as_docker web "$SERVER/git/hostile.git"
	[ ! -e "$ROOT/ran" ]
	# A server that has files alone gives all of them: then refs are written, too.
	git -C "$ROOT/served/git/hostile.git" update-server-info
	services "web: {build: {context: '$SERVER/etag/git/hostile.git'}}"
	cb --no-load --builder=docker
	equal "$status" 0
	[ ! -e "$ROOT/ran" ]
	services "web: {build: {context: '$SERVER/git/hostile.git#main:out'}}"
	cb --no-load
	equal "$status" 2
	grep -q 'is a link to what is outside' "$err"
	services "web: {build: {context: '$SERVER/git/hostile.git#main:linked'}}"
	cb --no-load
	equal "$status" 2
	grep -q '"linked/Dockerfile" is a link to what is outside' "$err"
	! grep -q secret "$err" || false

	# Submodules are where builders go, and in folders.
	for i in 1 2 3 4 5; do
		services "web: {build: {context: '$SERVER/git/hostile.git#bad$i'}}"
		cb --no-load
		equal "$status" 4
		grep -q 'its submodule m is not at a URL' "$err"
	done
	[ ! -e "$ROOT/ran" ]
	git config --global --unset core.hooksPath
	git config --global --unset filter.evil.smudge
}

# packed NAME: the folder of that name in $ROOT as an archive of the server, packed as its name says.
packed()
{
	tar --create --auto-compress --file "$ROOT/served/$1" --sort=name --mtime=@1000000000 -C "$ROOT/tree" .
}

@test "an archive behind http is a context, however it is packed" {
	mkdir -p "$ROOT/tree/folder"
	printf 'FROM scratch\nCOPY . /\n' >"$ROOT/tree/Dockerfile"
	echo '*' >"$ROOT/tree/.dockerignore"
	echo one >"$ROOT/tree/f"
	ln "$ROOT/tree/f" "$ROOT/tree/folder/same"
	ln -s ../f "$ROOT/tree/folder/link"
	chmod 700 "$ROOT/tree/folder"
	chmod 751 "$ROOT/tree/f"
	for name in a.tar a.tar.gz a.tar.bz2 a.tar.xz; do
		packed "$name"
		for builder in buildah docker; do
			echo "--- $name $builder"
			services "web: {build: '$SERVER/etag/$name'}"
			cb --no-load --builder=$builder
			equal "$status" 0
			as_docker web "$SERVER/etag/$name"
			nothing_to_do --builder=$builder
			equal "$(asked)" ""
		done
	done
	nothing_to_do --pull
	services 'web:' '  build:' '    context: web' "    additional_contexts: {far: '$SERVER/etag/a.tar.gz'}"
	printf 'FROM scratch\nCOPY --from=far f /f\n' | dockerfile web
	for builder in buildah docker; do
		cb -B --no-load --builder=$builder
		equal "$status" 0
		unpacked web
		equal "$(cat "$BATS_TEST_TMPDIR/image-web/f")" one
	done
	cb check
	grep -q "services.yaml:7:.*$SERVER/etag/a.tar.gz is not pinned and can change at any time" "$err"
	cb lock
	equal "$status" 0
	grep -qx "url $SERVER/etag/a.tar.gz sha256:$(sha256sum <"$ROOT/served/a.tar.gz" | cut -d' ' -f1)" services.lock
	echo two >"$ROOT/tree/f"
	packed a.tar.gz
	nothing_to_do
	equal "$(asked)" ""
	rm -rf .cbuild
	cb --no-load
	equal "$status" 4
	grep -q 'differs from what services.lock says' "$err"
	cb lock --update
	equal "$status" 0
	cb --no-load
	unpacked web
	equal "$(cat "$BATS_TEST_TMPDIR/image-web/f")" two
	# A change of what does not count.
	echo other >"$ROOT/tree/other"
	packed a.tar.gz
	nothing_to_do --pull
}

@test "a text behind http is a Dockerfile: alone, and for a folder" {
	for builder in buildah docker; do
		printf 'FROM scratch\nCOPY context /it\n' >"$ROOT/served/Alone"
		printf 'FROM scratch\nCOPY f /f\n' >"$ROOT/served/Dockerfile"
		services "web: {build: '$SERVER/etag/Alone'}" "app: {build: {context: app, dockerfile: '$SERVER/etag/Dockerfile'}}"
		mkdir app
		echo f >app/f
		cb --no-load --builder=$builder
		equal "$status" 0
		as_docker web "$SERVER/etag/Alone"
		as_docker app --file "$SERVER/etag/Dockerfile" app
		nothing_to_do --builder=$builder
		equal "$(asked)" ""
		echo 'LABEL a=b' >>"$ROOT/served/Dockerfile"
		cb --no-load --pull -v --builder=$builder
		equal "$status" 0
		grep -q "build app .*$SERVER/etag/Dockerfile changed" "$err"
		equal "$(jq -r .config.Labels.a "$(image_config localhost:1/none/app:latest "$host")")" b
		cb lock
		equal "$(grep -c ^url services.lock)" 2
	done
	services "web: {build: '$SERVER/etag/nosuch'}"
	cb --no-load
	equal "$status" 4
	grep -q "$SERVER/etag/nosuch: status 404" "$err"
	printf 'no Dockerfile\n' >"$ROOT/served/text"
	services "web: {build: '$SERVER/etag/text'}"
	cb --no-load
	equal "$status" 2
}

@test "a download does not fill the disk" {
	truncate --size=$(((16 << 30) + 1)) "$ROOT/served/long"
	services "web: {build: '$SERVER/huge/long'}"
	cb --no-load
	equal "$status" 4
	grep -q "$SERVER/huge/long: the answer has more than 17179869184 bytes" "$err"
	equal "$(ls -A .cbuild/sources/tmp 2>/dev/null)" ""
	rm "$ROOT/served/long"
}

@test "an archive writes nowhere but into its folder" {
	rm -rf "$ROOT/victim"
	mkdir "$ROOT/victim"
	python3 - "$ROOT/served" "$ROOT/victim" <<-'EOF'
		import io, sys, tarfile
		served, victim = sys.argv[1:]
		def member(name, kind=tarfile.REGTYPE, link="", data=b"evil"):
		    info = tarfile.TarInfo(name)
		    info.type, info.linkname, info.size = kind, link, len(data) if kind == tarfile.REGTYPE else 0
		    return info, io.BytesIO(data)
		bad = {
		    "up": [member("../evil")],
		    "deep": [member("a/../../evil")],
		    "link": [member("l", tarfile.SYMTYPE, victim), member("l/evil")],
		    "folder": [member("l", tarfile.SYMTYPE, victim), member("l/evil/", tarfile.DIRTYPE)],
		    "hard": [member("h", tarfile.LNKTYPE, "../../../../../etc/passwd")],
		    "hardlink": [member("l", tarfile.SYMTYPE, "/etc"), member("h", tarfile.LNKTYPE, "l/passwd")],
		    "device": [member("d", tarfile.CHRTYPE)],
		    "fifo": [member("p", tarfile.FIFOTYPE)],
		}
		for name, members in bad.items():
		    with tarfile.open(f"{served}/bad-{name}.tar", "w") as tar:
		        for info, data in members:
		            tar.addfile(info, data)
		with tarfile.open(f"{served}/good.tar", "w") as tar:
		    for info, data in [member("/Dockerfile", data=b"FROM scratch\nCOPY . /\n"), member("l", tarfile.SYMTYPE, victim),
		                       member("l"), member("f/g", tarfile.SYMTYPE, "x"), member("f/g/", tarfile.DIRTYPE)]:
		        tar.addfile(info, data)
	EOF
	for bad in up deep link folder hard hardlink device fifo; do
		services "web: {build: '$SERVER/etag/bad-$bad.tar'}"
		cb --no-load
		equal "$status" 4
		grep -q "bad-$bad.tar: \".*\" in the archive " "$err"
		[ -z "$(ls .cbuild/sources | grep -v lock)" ]
	done
	equal "$(ls -A "$ROOT/victim")" ""
	gzip <"$ROOT/served/good.tar" | head -c 100 >"$ROOT/served/cut.tar.gz"
	services "web: {build: '$SERVER/etag/cut.tar.gz'}"
	cb --no-load
	equal "$status" 4
	grep -q 'cut.tar.gz: cannot read the tar' "$err"
	services "web: {build: '$SERVER/etag/good.tar'}"
	cb --no-load
	equal "$status" 0
	equal "$(ls -A "$ROOT/victim")" ""
	unpacked web | grep -q '^l f '
}

@test "a bake file's contexts and Dockerfiles from elsewhere" {
	repository baked
	mkdir sub
	printf 'FROM scratch\nCOPY f /f\nCOPY --from=other inner /inner\n' >sub/Dockerfile
	echo f >sub/f
	echo inner >inner
	commit
	printf 'FROM scratch\nCOPY f /g\n' >"$ROOT/served/Other"
	services
	rm services.yaml
	mkdir own
	echo own >own/f
	cat >docker-bake.hcl <<-EOF
		target "default" {
		  context = "$SERVER/git/baked.git#main:sub"
		  contexts = { other = "$SERVER/git/baked.git?branch=main" }
		  tags = ["localhost:1/none/default:latest"]
		  platforms = ["$host"]
		}
		target "own" {
		  context = "own"
		  dockerfile = "$SERVER/etag/Other"
		  tags = ["localhost:1/none/own:latest"]
		  platforms = ["$host"]
		}
	EOF
	for builder in buildah docker; do
		cb -B --no-load --builder=$builder default own
		equal "$status" 0
		rm -rf "$BATS_TEST_TMPDIR/judge"
		BUILDX_BAKE_ENTITLEMENTS_FS=0 docker buildx bake --set "*.output=type=local,dest=$BATS_TEST_TMPDIR/judge" default >&2
		diff <(files "$BATS_TEST_TMPDIR/judge") <(unpacked default)
		# bake of docker 28.5 looks for a folder of that name.
		as_docker own --file "$SERVER/etag/Other" own
	done
	cb lock
	equal "$(grep -c ^url services.lock)" 3
	cb export bake
	[ "$(jq -r .target.default.context "$out")" = "$SERVER/git/baked.git#main:sub" ]
	[ "$(jq -r .target.default.contexts.other "$out")" = "$SERVER/git/baked.git?branch=main" ]
	[ "$(jq -r .target.own.dockerfile "$out")" = "$SERVER/etag/Other" ]
}

@test "a manifest from a repository is included, with what it builds, and may run nothing" {
	repository shared
	mkdir -p team/app
	printf 'services: {app: {build: app}}\n' >team/compose.yaml
	printf 'FROM scratch\nCOPY f /f\n' >team/app/Dockerfile
	echo one >team/app/f
	printf 'services: {text: {build: {dockerfile_inline: "FROM scratch\\nLABEL a=b"}}}\n' >"$ROOT/served/more.yaml"
	echo secret >"$ROOT/outside"
	for bad in prepare run above link outputs file; do
		mkdir "$bad"
	done
	printf 'services: {app: {build: ../team/app, prepare: {run: [touch, %s], outputs: [x]}}}\n' "$ROOT/ran" >prepare/services.yaml
	printf 'services: {app: {build: ../team/app, verify: {run: [[touch, %s]]}}}\n' "$ROOT/ran" >run/services.yaml
	echo 'services: {app: {build: ../..}}' >above/services.yaml
	ln -s "$ROOT" link/app
	echo 'services: {app: {build: app}}' >link/services.yaml
	echo 'services: {app: {build: {context: ../team/app, outputs: [{type: local, dest: x}]}}}' >outputs/services.yaml
	echo 'include: [../../../../../services.yaml]' >file/services.yaml
	commit
	url=$SERVER/git/shared.git#main:team
	services "own: {build: {dockerfile_inline: 'FROM scratch'}}"
	printf 'include: ["%s", "%s"]\n' "$url" "$SERVER/etag/more.yaml" >>services.yaml
	asked >/dev/null
	cb -n
	equal "$status" 4
	grep -q "$url is not here yet" "$err"
	equal "$(asked)" ""
	for builder in buildah docker; do
		cb -B --no-load --builder=$builder
		equal "$status" 0
		equal "$(unpacked app | head -1)" 'f f 644 '
		nothing_to_do --builder=$builder
		equal "$(asked)" ""
	done
	cb list
	grep -q '^text ' "$out"
	cb lock
	equal "$status" 0
	equal "$(grep -c '^url .*shared.git#main:team commit:\|^url .*more.yaml sha256:' services.lock)" 2
	cd "$ROOT/work/shared"
	echo more >other
	commit
	cd -
	nothing_to_do --builder=docker --pull
	rm services.lock
	cd -
	echo two >team/app/f
	commit
	cd -
	nothing_to_do
	cb --no-load --pull --builder=docker
	equal "$status" 0
	unpacked app >/dev/null
	equal "$(cat "$BATS_TEST_TMPDIR/image-app/f")" two
	for bad in prepare run above link outputs file; do
		echo "--- $bad"
		services
		printf 'services: {}\ninclude: ["%s"]\n' "$SERVER/git/shared.git#main:$bad" >services.yaml
		cb --no-load
		equal "$status" 2
		grep -q 'a manifest from elsewhere may not have\|is outside of what this manifest was fetched with' "$err"
	done
	[ ! -e "$ROOT/ran" ]
}

@test "a fetch that is interrupted leaves neither children nor files" {
	python3 -c 'import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
kept = []
while True:
    kept.append(server.accept())' >"$BATS_TEST_TMPDIR/port" 3>&- &
	server=$!
	until_true test -s "$BATS_TEST_TMPDIR/port"
	url=http://127.0.0.1:$(cat "$BATS_TEST_TMPDIR/port")
	for what in x.git x.tar; do
		services "web: {build: '$url/$what'}"
		"$cbuild" --no-load 2>"$BATS_TEST_TMPDIR/$what.err" 3>&- &
		pid=$!
		until_true grep -q fetching "$BATS_TEST_TMPDIR/$what.err"
		[ $what = x.tar ] || until_true pgrep -f "remote-http $url"
		kill -TERM $pid
		wait $pid || status=$?
		equal "$status" 143
		! pgrep -f "remote-http $url" || false
		equal "$(ls .cbuild/sources)" lock
	done
	kill $server
}

@test "a login in a URL is in nothing that cbuild writes or says" {
	repository private
	printf 'FROM scratch\nLABEL a=b\n' | tee Dockerfile >"$ROOT/served/private"
	commit
	services "git: {build: 'http://user:secret@${SERVER#http://}/git/private.git'}" \
		"file: {build: 'http://user:secret@${SERVER#http://}/login/private'}"
	cb --no-load -v --progress=json
	equal "$status" 0
	! grep -q 'secret\|dXNlcjpzZWNyZXQ' "$out" "$err" || false
	cb lock
	equal "$status" 0
	equal "$(grep -c "^url $SERVER/" services.lock)" 2
	! grep -arq 'secret\|dXNlcjpzZWNyZXQ' .cbuild services.lock || false
	sed -i 's|/private|/nosuch|' services.yaml
	cb --no-load
	equal "$status" 4
	! grep -q secret "$err" || false
}
