#!/usr/bin/env bats
# The commands that explain, choose and tidy up: why, hash, affected, fsck, prune. On a project of a base, a service on
# it, and a plain one; built once, each test with a copy of it.

. "$BATS_TEST_DIRNAME/../lib/project"

setup_file()
{
	project_begin
	make_first
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	export CBUILD_BUILDER=buildah
	cb --no-load
	[ "$status" = 0 ]
}

teardown_file()
{
	project_end
}

# A copy of the project that was built: buildah and its storage are asked for what is new alone.
setup()
{
	cp -a "$ROOT/first" "$BATS_TEST_TMPDIR/project"
	cd "$BATS_TEST_TMPDIR/project"
}

make_first()
{
	mkdir -p "$ROOT/first"
	cd "$ROOT/first"
	cat >services.yaml <<-'EOF'
		project: first
		registry: localhost/first
		source_date_epoch: 1700000000
		services:
		  base:
		    build: base
		  web:
		    build: {context: ., dockerfile: web/Dockerfile, args: {COLOUR: red}, additional_contexts: {base: "service:base"}}
		  plain:
		    build: plain
		    prepare:
		      run: [cp, schema.txt, plain/made]
		      inputs: ["schema.*"]
		      outputs: [plain/made]
	EOF
	printf 'FROM scratch\nCOPY file /base\n' | dockerfile base
	printf 'FROM base\nARG COLOUR\nLABEL colour=$COLOUR\nCOPY web/app /app\n' | dockerfile web
	printf 'FROM scratch\nCOPY . /\n' | dockerfile plain
	echo base >base/file
	echo app >web/app
	echo plain >plain/file
	echo schema >schema.txt
	printf '.cbuild\nplain/made\n*.tmp\n' >.gitignore
}

@test "why says what changed, with both values in full" {
	echo "other app" >web/app
	chmod 755 plain/file
	rm plain/Dockerfile
	printf 'FROM scratch\nCOPY . /\n# more\n' >plain/Dockerfile
	touch plain/added
	sed -i 's/red/a colour of which the name is longer than what a line of reasons would hold and so it would be cut/' services.yaml

	cb why web --no-load
	[ "$status" = 0 ]
	grep -qE '^build:web:[^ ]+  stale$' "$out"
	grep -qE '^  last built [0-9-]+ [0-9:]+ [+-][0-9]+ with buildah [0-9.]+ in [0-9.]+s$' "$out"
	grep -qx '  arg COLOUR' "$out"
	grep -qx '    was  red' "$out"
	grep -qx '    now  a colour of which the name is longer than what a line of reasons would hold and so it would be cut' "$out"
	equal "$(grep -A2 '^  file web/app$' "$out" | grep -cE '^    (was|now)  f [0-7]+ [0-9a-f]{32}$')" 2
	grep -qE '^index:web  unknown' "$out"
	equal "$(grep -c base "$out" || true)" 0

	cb why "build:plain:$host"
	[ "$status" = 0 ]
	equal "$(grep -c '^[a-z]*:' "$out")" 1
	equal "$(grep -A2 '^  file plain/file$' "$out" | sed -nE 's/^    (was|now)  f ([0-7]+) .*/\1 \2/p' | tail -1)" "now 755"
	equal "$(grep -A1 '^  file plain/added$' "$out" | tail -1)" "    was  (was not there)"
	grep -q '^  dockerfile plain/Dockerfile$' "$out"
}

@test "why says when, with what and how long, of what is fresh" {
	cb why base --no-load
	[ "$status" = 0 ]
	grep -qx "build:base:$host  up to date" "$out"
	grep -qE "^  built [0-9-]+ [0-9:]+ [+-][0-9]+ with buildah [0-9.]+ in [0-9.]+s\$" "$out"
	equal "$(wc -l <"$out")" 4

	echo other >base/file
	cb why base --no-load --format=json
	[ "$status" = 0 ]
	python3 - "$out" <<-'EOF'
		import json, sys
		build, index = json.load(open(sys.argv[1]))["nodes"]
		assert build["state"] == "stale" and index["state"] == "unknown", (build, index)
		[change] = build["changes"]
		assert change["kind"] == "file" and change["name"] == "base/file", change
		assert len(change["was"]) > 32 and len(change["now"]) > 32 and change["was"] != change["now"], change
		assert build["last"]["builder"].startswith("buildah"), build
		assert build["reasons"] == [], build
	EOF

	cb why nothing
	[ "$status" = 2 ]
	cb why build:base:linux/s390x
	[ "$status" = 2 ]
}

@test "hash prints keys, and their inputs without a path of this machine" {
	cb hash web -v
	[ "$status" = 0 ]
	cp "$out" "$BATS_TEST_TMPDIR/here"
	grep -qE "^[0-9a-f]{32}  build:web:$host\$" "$out"
	grep -qE $'^file\tweb/app\tf 644 [0-9a-f]{32}$' "$out"
	equal "$(grep -cF "$BATS_TEST_TMPDIR" "$out" || true)" 0
	equal "$(grep -oE '^[0-9a-f]{32}  build:[a-z]*' "$out" | cut -c35- | tr '\n' ' ')" "build:base build:web "

	mkdir "$BATS_TEST_TMPDIR/elsewhere"
	cp -a . "$BATS_TEST_TMPDIR/elsewhere/checkout"
	cd "$BATS_TEST_TMPDIR/elsewhere/checkout"
	LC_ALL=C TZ=Asia/Tokyo cb hash web -v
	diff "$BATS_TEST_TMPDIR/here" "$out"

	echo more >>web/app
	cb hash web -v
	# The key, the context's digest and the file.
	equal "$(diff "$BATS_TEST_TMPDIR/here" "$out" | grep -c '^>')" 3

	echo more >>base/file
	cb hash web
	[ "$status" = 0 ]
	equal "$(tail -n1 "$out")" "unknown                           build:web:$host"
	cb hash web -v
	grep -qE $'^dependency\tbase \\(.*\\)\t\\\\\\?$' "$out"
}

@test "hash shows what the targets are built from, too, published or not" {
	cb hash web
	equal "$(sed 's/^[0-9a-f]*  //' "$out")" "$(printf 'build:%s:'"$host"'\n' base web)"
	sed -i 's/^    build: base$/&\n    publish: false/' services.yaml
	cb hash
	equal "$(sed 's/^[0-9a-f]*  //' "$out")" "$(printf 'build:%s:'"$host"'\n' base web plain)"
	cb hash web
	equal "$(sed 's/^[0-9a-f]*  //' "$out")" "$(printf 'build:%s:'"$host"'\n' base web)"
	cb hash plain
	equal "$(sed 's/^[0-9a-f]*  //' "$out")" "build:plain:$host"
}

# Takes back what a test has changed.
again()
{
	git reset -q --hard first
	git clean -qfd
}

# affected SERVICE...: just those have inputs that differ from the tag `first`.
affected()
{
	local wanted
	wanted=$(printf '%s\n' "$@")
	cb affected --since=first
	[ "$status" = 0 ] && equal "$(cat "$out")" "$wanted"
}

commit_first()
{
	export HOME=$BATS_TEST_TMPDIR GIT_CONFIG_NOSYSTEM=1
	git init -q -b main .
	git config user.name a
	git config user.email a@example.org
	printf '*.md\n' >plain/.dockerignore
	echo read >plain/README.md
	echo unread >unread
	git add .
	git commit -qm first
	git tag first
}

@test "affected names the services with inputs that differ, and those built from them" {
	commit_first
	affected ""
	touch -d 2001-01-01 base/file
	echo other >unread
	echo other >plain/README.md
	echo ignored >plain/x.tmp
	affected ""

	echo other >base/file
	affected base web
	again
	mkdir base/folder
	ln -s ../file base/folder/link
	sed -i 's/COPY file/COPY folder folder\/link/' base/Dockerfile
	git add base
	git commit -qm links
	git rm -q base/file
	cb affected --since=HEAD
	equal "$(cat "$out")" "$(printf '%s\n' base web)"
	again
	git rm -q base/file
	touch base/another
	sed -i s/file/another/ base/Dockerfile
	git add base
	git commit -qm later
	affected base web
	again
	echo '# comment' >>web/Dockerfile
	affected web
	again
	chmod +x web/app
	affected web
	again
	echo new >plain/new
	affected plain
	again
	git mv plain/file unread2
	affected plain
	again
	echo >plain/.dockerignore
	affected plain
	again
	# Of no context that counts.
	echo '*.tmp' >web/Dockerfile.dockerignore
	affected web
	again
	echo '*.tmp' >.dockerignore
	affected web
	again
	echo other >schema.txt
	affected plain
	again
	echo more >schema.more
	affected plain
	again
	echo '# comment' >>services.yaml
	affected base web plain
	grep -q 'services.yaml differs from first: every service' "$err"
	again

	echo 'services: {web: {build: {args: {COLOUR: blue}}}}' >over.yaml
	affected ""
	cb affected -f services.yaml -f over.yaml --since=first
	equal "$(cat "$out")" "$(printf '%s\n' base web plain)"
	again

	echo other >base/file
	cb affected --since=first --format=json
	equal "$(python3 -c 'import json, sys; print([(s["service"], s["because"]) for s in json.load(sys.stdin)["services"]])' <"$out")" \
		"[('base', 'base/file'), ('web', 'service base')]"
	mkdir "$BATS_TEST_TMPDIR/link"
	ln -s "$PWD" "$BATS_TEST_TMPDIR/link/project"
	cb affected -f "$BATS_TEST_TMPDIR/link/project/services.yaml" --since=first
	equal "$(cat "$out")" "$(printf '%s\n' base web)"
}

@test "@since is a target, and what it cannot mean is an error of usage" {
	commit_first
	cb -n --no-load @since:first
	[ "$status" = 0 ]
	equal "$(grep -c . "$out")" 1
	cb @since:first
	[ "$status" = 0 ]
	echo '# comment' >>web/Dockerfile
	echo other >plain/file
	cb -n --no-load --format=json @since:HEAD
	[ "$status" = 0 ]
	equal "$(python3 -c 'import json, sys; print(*sorted(n["id"].split(":")[1] for n in json.load(sys.stdin)["nodes"] if n["id"].startswith("index")))' <"$out")" \
		"plain web"
	git checkout -q plain
	cb images @since:first
	equal "$(grep -c '^localhost' "$out")" 1
	grep -q '^localhost/first/web:latest' "$out"

	cb affected --since=nowhere
	[ "$status" = 2 ]
	grep -q 'git knows no commit "nowhere"' "$err"
	cb -n @since:nowhere
	[ "$status" = 2 ]
	cb affected
	[ "$status" = 2 ]
	rm -rf .git
	cb affected --since=HEAD
	[ "$status" = 2 ]
	grep -q 'not in a git repository' "$err"
}

blobs()
{
	find .cbuild/oci/blobs/sha256 -mindepth 1 | wc -l
}

# gone PATH...: none of them is there.
gone()
{
	local path
	for path; do
		[ ! -e "$path" ] || return 1
	done
}

# largest: the path of the largest blob, a layer.
largest()
{
	find .cbuild/oci/blobs/sha256 -type f -printf '%s %p\n' | sort -n | tail -1 | cut -d' ' -f2-
}

# damaged NAME PATTERN: the bytes of a file of the store that are to be changed, by sed's s command.
damaged()
{
	sed -z "$2" "$BATS_TEST_TMPDIR/$1" >".cbuild/oci/$1"
	! cmp -s "$BATS_TEST_TMPDIR/$1" ".cbuild/oci/$1"
}

@test "oci-layout and index.json that are not as they were written are found by fsck, and mended by the next run" {
	local name pattern
	cb
	cp .cbuild/oci/oci-layout .cbuild/oci/index.json "$BATS_TEST_TMPDIR"
	while read -r name pattern; do
		damaged "$name" "$pattern"
		cb -n --exit-code
		[ "$status" -lt 2 ]
		cb fsck
		equal "$status" 6
		grep -q "^oci-layout or index.json: was damaged; rebuilt" "$out"
		cmp "$BATS_TEST_TMPDIR/$name" ".cbuild/oci/$name"
		cb fsck
		equal "$status" 0
		damaged "$name" "$pattern"
		cb
		equal "$status" 0
		grep -q "index.json was damaged" "$err"
		cmp "$BATS_TEST_TMPDIR/$name" ".cbuild/oci/$name"
	done <<-'EOF'
		oci-layout s/1.0.0/1.0.1/
		oci-layout s/}//
		oci-layout s/.*//
		index.json s/}//g
		index.json s/schemaVersion/schemaVersioo/
		index.json s/:latest/:bogus!/
		index.json s/:latest/:bogus/
		index.json s/"size":/"size":1/
		index.json s/"sha256:../"sha256:ff/
		index.json s/.*/{"manifests":[]}/
	EOF
	rm .cbuild/oci/index.json .cbuild/oci/oci-layout
	cb
	equal "$status" 0
	cmp "$BATS_TEST_TMPDIR/index.json" .cbuild/oci/index.json
	cmp "$BATS_TEST_TMPDIR/oci-layout" .cbuild/oci/oci-layout
	# Another tool takes it.
	skopeo inspect --raw "oci:.cbuild/oci:$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' .cbuild/oci/index.json)"
}

@test "fsck finds a damaged blob, takes it out, and what needs it is made again" {
	local blob size
	cb fsck
	[ "$status" = 0 ]
	grep -qE '^[0-9]+ blobs of .* read, all is well$' "$out"

	blob=$(largest)
	size=$(stat -c %s "$blob")
	chmod u+w "$blob"
	printf X | dd of="$blob" bs=1 seek=$((size / 2)) conv=notrunc status=none
	equal "$(stat -c %s "$blob")" "$size"
	echo stray >.cbuild/oci/blobs/sha256/stray
	cb fsck
	[ "$status" = 6 ]
	grep -qx "sha256:${blob##*/}: its content does not match its digest; removed" "$out"
	grep -qx "stray: not a blob; removed" "$out"
	grep -qE "^(build|index):.*${blob##*/}" "$out"
	gone "$blob" .cbuild/oci/blobs/sha256/stray

	cb --no-load
	[ "$status" = 0 ]
	cb fsck
	[ "$status" = 0 ]

	# A blob that is gone.
	rm -f "$(largest)"
	cb fsck
	[ "$status" = 6 ]
	cb fsck base
	[ "$status" = 2 ]
}

@test "prune removes what neither the newest results nor the tags need, and nothing else" {
	local before log
	before=$(blobs)
	cb prune -n
	[ "$status" = 0 ]
	grep -qx "would free .*, $before blobs of .* would be left" "$out"

	echo other >plain/file
	cb --no-load plain
	[ "$status" = 0 ]
	[ "$(blobs)" -gt "$before" ]
	mkdir -p .cbuild/logs/7000 .cbuild/oci/tmp/left .cbuild/run/7000
	echo old >.cbuild/logs/7000/x.log
	echo left >.cbuild/oci/tmp/left/x
	log=$(find .cbuild/logs -name '*plain*' | sort | tail -1)
	cb prune -n
	[ -e .cbuild/logs/7000/x.log ]
	[ -e .cbuild/oci/tmp/left/x ]
	[ -e .cbuild/run/7000 ]
	[ "$(blobs)" -gt "$before" ]
	grep -q '^would free ' "$out"
	cb prune
	[ "$status" = 0 ]
	grep -qE '^blobs +[0-9]+ ' "$out"
	grep -qE '^logs +1 ' "$out"
	equal "$(blobs)" "$before"
	gone .cbuild/logs/7000 .cbuild/oci/tmp/left .cbuild/run/7000
	[ -e "$log" ]
	equal "$(ls .cbuild/locks)" ""
	cb fsck
	[ "$status" = 0 ]
	cb -n --no-load --exit-code
	[ "$status" = 0 ]

	# What was there before is built again, and no half of it is believed.
	echo plain >plain/file
	cb --no-load plain
	[ "$status" = 0 ]
	cb fsck
	[ "$status" = 0 ]
}

@test "hash, context, prune and fsck as JSON say what they print" {
	cb hash web -v
	cp "$out" text
	cb hash web -v --format=json
	equal "$status" 0
	equal "$(jq -r '.version, (.builds[] | "\(.key)  \(.node)", .inputs[])' "$out")" "$(echo 1; cat text)"
	cb context -l web
	sed 's/  */ /g' "$out" >text
	cb context web --format=json
	equal "$(jq -r '.files[] | "\(.type) \(.mode) \(.size) \(.digest // "-") \(.path)"' "$out")" "$(cat text)"
	equal "$(jq -r .service "$out")" web
	echo other >plain/file
	cb --no-load plain
	equal "$status" 0
	cb prune -n
	cp "$out" text
	cb prune -n --format=json
	equal "$(jq -c '[.version, .dry_run, .freed.blobs.count]' "$out")" "[1,true,$(awk '$1 == "blobs" { print $2 }' text)]"
	cb fsck --format=json
	equal "$status" 0
	equal "$(jq -c '[.version, .blobs, .problems]' "$out")" "[1,$(blobs),[]]"
	rm -f "$(largest)"
	cb fsck --format=json
	equal "$status" 6
	[ "$(jq '.problems | length' "$out")" -gt 0 ]
	equal "$(jq -r '.problems[0] | has("what") and has("why")' "$out")" true
}

@test "prune with a bound gives up the services that were made first" {
	cb prune --keep-storage=much
	[ "$status" = 2 ]
	echo other >base/file
	cb --no-load base web
	[ "$status" = 0 ]
	cb prune
	cb prune --keep-storage=1GB
	equal "$(grep -c '^services' "$out" || true)" 0
	cb prune -n --keep-storage=0
	grep -qE '^services +3 ' "$out"
	equal "$(cb images >/dev/null; grep -c '^localhost' "$out")" 3

	size=$(find .cbuild/oci/blobs -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum - 1 }')
	cb prune --keep-storage="$size"
	[ "$status" = 0 ]
	grep -qE '^services +1 ' "$out"
	cb images
	equal "$(grep -o '^localhost[^ ]*' "$out")" "$(printf 'localhost/first/%s:latest\n' base web)"
	cb fsck
	[ "$status" = 0 ]
	cb -n --no-load
	equal "$(grep '^stale' "$out" | grep -cv plain || true)" 0

	cb prune --keep-storage=0
	equal "$(blobs)" 0
	cb fsck
	[ "$status" = 0 ]
	cb --no-load
	[ "$status" = 0 ]
	cb -n --no-load --exit-code
	[ "$status" = 0 ]
}

@test "the manifest's bound is kept to by prune and after a run, but not at the cost of what the run was about" {
	cp services.yaml saved
	echo 'store: {max: 1kB}' >>services.yaml
	cb -n --no-load --exit-code
	[ "$status" = 0 ]
	cb --no-load
	equal "$(grep -c 'keep to' "$err" || true)" 0

	echo bound >plain/file
	cb --no-load plain
	[ "$status" = 0 ]
	grep -q 'freed in the store, to keep to 1.0 kB; what this run was about takes' "$err"
	cb images
	equal "$(grep -o '^localhost[^ ]*' "$out")" localhost/first/plain:latest
	cb fsck
	[ "$status" = 0 ]
	cb -n --no-load plain --exit-code
	[ "$status" = 0 ]

	cb prune --keep-storage=1GB
	[ "$(blobs)" -gt 0 ]
	cb prune
	equal "$(blobs)" 0
	mv saved services.yaml
	cb --no-load
	[ "$status" = 0 ]
}

@test "prune and fsck refuse beside a run, and a run waits for them" {
	local gate pid i
	mkdir -p .cbuild/run
	exec {gate}>.cbuild/run/9000.lock
	flock "$gate"
	for i in prune fsck; do
		cb $i
		[ "$status" = 6 ]
		grep -q 'another cbuild is running here' "$err"
	done
	cb prune -n
	[ "$status" = 0 ]
	exec {gate}>&-
	rm .cbuild/run/9000.lock

	exec {gate}>.cbuild/gate.lock
	flock "$gate"
	echo other >plain/file
	"$cbuild" --no-load plain >"$BATS_TEST_TMPDIR/run" 2>&1 3>&- {gate}>&- &
	pid=$!
	sleep 1
	kill -0 $pid
	equal "$(find .cbuild/run -name '*.lock')" ""
	exec {gate}>&-
	wait $pid
}

# What differs from machine to machine, by one word.
plain_graph()
{
	sed "s|$host|HOST|g" "$out"
}

@test "graph shows what needs what, each node once, with states and reasons" {
	echo 'other app' >web/app
	cb graph --no-load
	[ "$status" = 0 ]
	equal "$(plain_graph)" "index:base  fresh
└─ build:base:HOST  fresh
index:web  unknown
└─ build:web:HOST  stale: web/app changed
   └─ build:base:HOST  fresh
index:plain  fresh
└─ build:plain:HOST  fresh
   └─ prepare:plain  fresh"

	# A node that several need is shown in full once.
	cat >>services.yaml <<-'EOF'
		  third: {build: {context: web, dockerfile_inline: "FROM web\n", additional_contexts: {web: "service:web"}}}
	EOF
	cb graph --no-load web third
	equal "$(plain_graph)" "index:web  unknown
└─ build:web:HOST  stale: web/app changed
   └─ build:base:HOST  fresh
index:third  stale: never made
└─ build:third:HOST  stale: never built
   └─ build:web:HOST  (above)"
	equal "$(cbuild_graph_is_plan web)" same
}

# -n and graph print one JSON.
cbuild_graph_is_plan()
{
	cmp <("$cbuild" graph --format=json "$@") <("$cbuild" -n --format=json "$@") && echo same
}

@test "graph for Graphviz and Mermaid" {
	echo 'other app' >web/app
	cb graph --no-load --format=dot web
	[ "$status" = 0 ]
	equal "$(plain_graph)" 'digraph cbuild {
	rankdir=LR;
	node [shape=box, style=rounded, fontname="sans-serif"];
	"build:base:HOST" [label="build:base:HOST\nfresh", color="#1a7f37"];
	"build:web:HOST" [label="build:web:HOST\nstale", color="#bc4c00", penwidth=2];
	"build:base:HOST" -> "build:web:HOST";
	"index:web" [label="index:web\nunknown", color="#57606a", style="rounded,dashed"];
	"build:web:HOST" -> "index:web";
}'
	cb graph --no-load --format=mermaid web
	[ "$status" = 0 ]
	equal "$(plain_graph)" 'flowchart LR
	classDef fresh stroke:#1a7f37
	classDef stale stroke:#bc4c00,stroke-width:3px
	classDef unknown stroke:#57606a,stroke-dasharray:4
	n0["build:base:HOST<br>fresh"]:::fresh
	n1["build:web:HOST<br>stale"]:::stale
	n0 --> n1
	n2["index:web<br>unknown"]:::unknown
	n1 --> n2'
	cb graph --format=png
	[ "$status" = 2 ]
	grep -qF 'takes text, dot, svg, mermaid or json, not "png"' "$err"
}

@test "graph as a picture is XML whatever the files are called" {
	touch $'plain/<a href="x">&amp;\e[31m\xef\xbf\xbf\xff'
	cb graph --no-load --format=svg
	[ "$status" = 0 ]
	python3 - "$out" <<-'EOF' >seen
		import sys, xml.etree.ElementTree as tree
		svg = "{http://www.w3.org/2000/svg}"
		root = tree.parse(sys.argv[1]).getroot()
		width, height = (float(n) for n in root.get("viewBox").split()[2:])
		boxes = [g for g in root.iter(svg + "g") if g.find(svg + "title") is not None]
		for g in boxes:
		    box = g.find(svg + "rect")
		    assert float(box.get("x")) + float(box.get("width")) <= width
		    assert float(box.get("y")) + float(box.get("height")) <= height
		    print(g.get("class"), g.find(svg + "title").text)
		print(sum(1 for path in root.iter(svg + "path") if path.get("marker-end")), "edges")
	EOF
	equal "$(sed "s|$host|HOST|g" seen | LC_ALL=C sort)" '5 edges
fresh build:base:HOST: fresh
fresh build:web:HOST: fresh
fresh index:base: fresh
fresh index:web: fresh
fresh prepare:plain: fresh
stale build:plain:HOST: stale: plain/<a href="x">&amp;\x1b[31m'$'\xef\xbf\xbd''\xff was added
unknown index:plain: unknown: waits for build:plain:HOST'
}

@test "from a folder of the project: the manifest above it, files that are named are where one is" {
	git init -q .
	mkdir -p web/deep/er
	cd web/deep/er
	cb -n
	equal "$status" 0
	grep -qx '3 to do, 7 up to date' "$out" # the loads
	cb report -o here.html
	equal "$status" 0
	[ -s here.html ]
	cb -n --env-file ../none.env
	equal "$status" 2
	grep -q 'web/deep/er/../none.env' "$err"
	# not beyond the repository
	rm -rf ../../../.git
	cb -n
	equal "$status" 2
	grep -qF 'there is no services.yaml, compose.yaml or docker-bake.hcl here' "$err"
	grep -qF 'cbuild init' "$err"
	cb biuld
	equal "$status" 2
	grep -qF 'did you mean `cbuild build`?' "$err"
	cb -f ../../../services.yaml biuld
	equal "$status" 2
	grep -qF 'did you mean "build"?' "$err"
}

@test "what cbuild keeps is marked as a cache, and clean says what it removes" {
	local removed
	equal "$(head -c 43 .cbuild/CACHEDIR.TAG)" "Signature: 8a477f597d28d172789f06886806bc55"
	rm .gitignore plain/made
	git init -q .
	[ -z "$(git status --porcelain .cbuild)" ]
	cb clean web
	equal "$(cat "$out")" 'web forgotten; images that nothing else needs go with `cbuild prune`'
	removed=$PWD/.cbuild
	cb clean
	grep -qE "^$removed removed: [0-9.]+ .B\$" "$out"
	[ ! -e .cbuild ]
}

@test "an option that a command has no use for is refused, with those that have it" {
	local refused
	refused=$(for words in 'down -k' 'clean --force' 'up --push' 'list --builder=podman' 'init --set=A=b' \
		'context -j4' 'hash --to=podman' 'version -f services.yaml' 'build --detach'; do
		# shellcheck disable=SC2086
		cb $words >/dev/null
		equal "$status" 2
		cat "$err"
	done)
	equal "$refused" "$(cat <<-'END'
		cbuild: error: `cbuild down` has no option --keep-going
		  help: it belongs to build, verify, push, watch, up or run
		cbuild: error: `cbuild clean` has no option --force
		  help: it belongs to build, verify, push, watch, up or run
		cbuild: error: `cbuild up` has no option --push
		  help: it belongs to build or verify
		cbuild: error: `cbuild list` has no option --builder
		  help: it belongs to build, verify, push, watch, up, run, why, graph, doctor or check
		cbuild: error: `cbuild init` has no option --set
		  help: it belongs to the commands that read a manifest
		cbuild: error: `cbuild context` has no option --jobs
		  help: it belongs to build, verify, push, watch, up or run
		cbuild: error: `cbuild hash` has no option --to
		  help: it belongs to load
		cbuild: error: `cbuild version` has no option --file
		  help: it belongs to the commands that read a manifest
		cbuild: error: `cbuild build` has no option --detach
		  help: it belongs to up
	END
	)"
	# What every command knows, help, and what asks for less.
	cb --no-load --no-verify -q list
	equal "$status" 0
	cb -C . version
	equal "$status" 0
	cb down -k --help
	equal "$status" 0
}

@test "-n with a command that has no dry run is refused: nothing is done" {
	local command
	for command in up down clean watch load lock fsck; do
		cb "$command" -n
		equal "$status" 2
		grep -qF "\`cbuild $command\` has no dry run" "$err"
	done
	[ -d .cbuild ]
}

@test "the plan as JSON has the members that its page lists, and no others" {
	local page=$checkout/docs/plan-json.md
	echo other >base/file
	cb -n --format=json all
	equal "$status" 0
	cp "$out" plan
	sed -n '/^| `version`/,/^$/p' "$page" >table
	# Every node has all of them, but for those that the page says are missing for some.
	grep -v 'missing for ' table | sed -n 's/^| `\([a-z]*\)` .*/\1/p' | grep -vx version | sort >always
	grep 'missing for ' table | sed -n 's/^| `\([a-z]*\)` .*/\1/p' >sometimes
	equal "$(jq -r 'keys[]' plan)" "$(lines nodes version)"
	jq -c '.nodes[] | keys' plan | sort -u >shapes
	while read -r shape; do
		equal "$(jq -r '.[]' <<<"$shape" | grep -vxFf sometimes)" "$(cat always)"
	done <shapes
	jq -e '[.nodes[] | (.platform == null) == (.kind != "build")] | all' plan
	jq -e '[.nodes[] | .key == null or (.key | test("^[0-9a-f]{32}$"))] | all' plan
	jq -e '[.nodes[] | .key == null] | any' plan
	jq -r '.nodes[].kind' plan | sort -u | while read -r kind; do grep -q "^| .kind. | .*\`$kind\`" "$page"; done
	jq -r '.nodes[].reasons[] | .kind, (keys | join(" "))' plan | sort -u | grep -vx 'change kind what' | while read -r kind; do
		grep -q "^| .$kind. | " "$page"
	done
	cb all
	equal "$status" 0
	cb -n --format=json all
	jq -e '[.nodes[] | .state == "fresh" and .reasons == [] and .key != null] | all' "$out"
}

@test "what images says in words for other tools is an image that the engine has, when nothing was pushed" {
	cb all
	equal "$status" 0
	cb images --format=env
	grep -q '^WEB_IMAGE=' "$out"
	while IFS='=' read -r name image; do
		podman image exists "$image" || { echo "$name"; false; }
	done <"$out"
	cb images --format=compose
	cp "$out" images.yaml
	cb -f services.yaml -f images.yaml -n
	equal "$status" 0
}

@test "a service that lacks the platforms asked for is complained about where it is needed, and nowhere else" {
	cat >only.yaml <<-'EOF'
		services:
		  other: {build: {context: base, platforms: [linux/s390x]}}
		  web: {build: base}
		  on-other: {build: {context: web, additional_contexts: {base: "service:other"}}}
		  crossed: {build: {context: crossed, additional_contexts: {base: "service:other"}}}
	EOF
	printf 'FROM base\n' >web/Dockerfile
	printf 'FROM --platform=linux/s390x base AS other\nFROM scratch\nCOPY --from=other /base /\n' | dockerfile crossed
	cb -f only.yaml --platforms="$both" --no-load --no-verify web
	equal "$status" 0
	equal "$(finished | grep build)" "$(lines 'build web linux/amd64' 'build web linux/arm64')"
	cb -f only.yaml --platforms="$both" list
	equal "$status" 0
	# A stage may have the platform that the service has.
	cb -f only.yaml --platforms="$both" -n crossed
	equal "$status" 0
	for target in all on-other other; do
		cb -f only.yaml --platforms="$both" -n $target
		equal "$status" 2
		equal "$(grep -c 'error: ' "$err")" 1
		grep -F 'only.yaml:2:34: error: the service "other" is for linux/s390x only, and linux/amd64, linux/arm64 are asked for' "$err"
	done
}

# facts COMMAND: how it is asked for them here. Not those of registries (the bats files of these have them), of what runs, and what is
# an object a line.
facts()
{
	case $1 in
	why) echo why base ;;
	context) echo context web ;;
	affected) echo affected --since=HEAD ;;
	build) echo -n ;;
	ps) echo ps ;;
	verify | push | watch | up | logs | port | run | graph) ;;
	inspect | lock | tag | join | attach | verify-signature | base | web | plain | all) ;;
	*) echo "$1" ;;
	esac
}

@test "each command's facts as JSON are an object with a version" {
	local command words
	git init --quiet .
	git add .
	git -c user.name=a -c user.email=a@localhost commit --quiet -m one
	for command in $("$cbuild" completion words -- '' | cut -f1); do
		"$cbuild" completion words -- "$command" --format= | cut -f1 | grep -qx -- --format=json || continue
		read -ra words <<<"$(facts "$command")"
		[ ${#words[@]} -gt 0 ] || continue
		echo "$command" >>asked
		cb "${words[@]}" --format=json
		equal "$(jq -c 'type == "object" and .version >= 1' "$out")" true
	done
	[ "$(wc -l <asked)" -ge 12 ]
}
