#!/usr/bin/env bats
# What a run tells to other programs: JSON events, a trace, a GitHub job's log; and what stands at its end.

. "$BATS_TEST_DIRNAME/../lib/project"

setup_file()
{
	project_begin
}

teardown_file()
{
	project_end
}

setup()
{
	project events
	cat >services.yaml <<-'EOF'
		project: events
		registry: localhost/events
		source_date_epoch: 1700000000
		tags: [one, two]
		services:
		  web:
		    build: {context: web, additional_contexts: {rootfs: rootfs}, args: {HOW: "${HOW:-good}"}}
		    prepare: {run: [./prepare], inputs: [prepare], outputs: [web/made]}
	EOF
	printf '#!/bin/sh\nprintf "one \\033[1mline\\377\\n::error::not a command\\n"\necho made >web/made\n' >prepare
	chmod +x prepare
	printf 'FROM scratch\nARG TARGETARCH HOW\nCOPY --from=rootfs ${TARGETARCH}/ /\nCOPY made /made\nRUN [ $HOW = good ]\n' |
		dockerfile web
}

# The events without what differs from run to run.
events()
{
	grep '^{' "$err" | jq -c 'del(.time_ms, .took_ms, .log, .cbuild, .bytes) | if .digest then .digest = "D" else . end |
		if .images then .images |= map(.digest = "D") else . end | if .error then .error.message |= .[0:20] else . end |
		select(.event != "node_line" or (.node | startswith("prepare")))'
}

@test "the events of a run that does everything" {
	cb --no-load --progress=json
	equal "$status" 0
	equal "$(grep -cv '^{' "$err")" 0
	events >got
	sed "s|HOST|$host|g" >wanted <<-'EOF'
		{"version":1,"event":"run_start","nodes":3,"stale":3}
		{"event":"note","text":"building with buildah VERSION"}
		{"event":"node_start","node":"prepare:web","kind":"prepare","service":"web","slot":0,"reasons":[{"kind":"new","what":"prepare:web","change":""}]}
		{"event":"node_line","node":"prepare:web","text":"one \u001b[1mline\\xff"}
		{"event":"node_line","node":"prepare:web","text":"::error::not a command"}
		{"event":"node_done","node":"prepare:web","kind":"prepare","service":"web","outcome":"done"}
		{"event":"node_start","node":"build:web:HOST","kind":"build","service":"web","platform":"HOST","slot":0,"reasons":[{"kind":"new","what":"build:web:HOST","change":""}]}
		{"event":"node_step","node":"build:web:HOST","step":1,"steps":5,"name":"FROM scratch"}
		{"event":"node_step","node":"build:web:HOST","step":2,"steps":5,"name":"ARG TARGETARCH HOW"}
		{"event":"node_step","node":"build:web:HOST","step":3,"steps":5,"name":"COPY --from=rootfs ${TARGETARCH}/ /"}
		{"event":"node_step","node":"build:web:HOST","step":4,"steps":5,"name":"COPY made /made"}
		{"event":"node_step","node":"build:web:HOST","step":5,"steps":5,"name":"RUN [ $HOW = good ]"}
		{"event":"node_done","node":"build:web:HOST","kind":"build","service":"web","platform":"HOST","outcome":"done","digest":"D"}
		{"event":"node_start","node":"index:web","kind":"index","service":"web","slot":0,"reasons":[{"kind":"new","what":"index:web","change":""}]}
		{"event":"node_done","node":"index:web","kind":"index","service":"web","outcome":"done","digest":"D"}
		{"event":"run_end","status":0,"counts":{"prepared":1,"built":1,"written":0,"converted":0,"loaded":0,"verified":0,"pushed":0,"tagged":0,"reused":0,"fresh":0,"failed":0,"skipped":0,"cancelled":0,"outdated":0},"images":[{"service":"web","references":["localhost/events/web:one","localhost/events/web:two"],"digest":"D"}],"files":[]}
	EOF
	diff wanted <(sed 's/buildah [0-9][0-9.a-z+~-]*/buildah VERSION/' got)
	jq -es '.[] | select(.event == "node_done" and .kind == "build") | .bytes > 1000 and .took_ms >= 0 and (.digest | test("^sha256:[0-9a-f]{64}$"))' "$err"
	jq -es '.[0] | .time_ms > 1600000000000 and (.cbuild | length > 0)' "$err"
}

@test "the events of a run with nothing to do" {
	cb --no-load --progress=json --trace=empty.json
	equal "$status" 0
	equal "$(events)" '{"version":1,"event":"run_start","nodes":3,"stale":0}
{"event":"run_end","status":0,"counts":{"prepared":0,"built":0,"written":0,"converted":0,"loaded":0,"verified":0,"pushed":0,"tagged":0,"reused":0,"fresh":3,"failed":0,"skipped":0,"cancelled":0,"outdated":0},"images":[{"service":"web","references":["localhost/events/web:one","localhost/events/web:two"],"digest":"D"}],"files":[]}'
	jq -e '.traceEvents | length == 1' empty.json
}

@test "the events of a failure" {
	HOW=bad cb --no-load --progress=json
	equal "$status" 1
	equal "$(grep -cv '^{' "$err")" 0
	events | grep -F '"outcome":"failed"' | jq -e '.error.status == 1 and (.error.message | startswith("step "))'
	equal "$(grep -F '"outcome":"skipped"' "$err" | jq -r '[.node, .cause] | join(" ")')" "index:web build:web:$host"
	equal "$(events | tail -n1 | jq -c '[.status, .counts.failed, .counts.skipped, .images]')" '[1,1,1,[]]'
}

@test "a trace has a span for each node and step" {
	cb --no-load -B --trace=trace.json
	equal "$status" 0
	jq -e '[.traceEvents[] | select(.ph == "X") | (.name | type == "string") and .ts >= 0 and .dur >= 0 and .pid == 1 and .tid >= 1] | all' trace.json
	equal "$(jq -r '.traceEvents[] | select(.cat == "step") | .name' trace.json)" '1/5 FROM scratch
2/5 ARG TARGETARCH HOW
3/5 COPY --from=rootfs ${TARGETARCH}/ /
4/5 COPY made /made
5/5 RUN [ $HOW = good ]'
	equal "$(jq -r '.traceEvents[] | select(.args.node) | .args.node' trace.json)" "$(printf 'prepare:web\nbuild:web:%s\nindex:web' "$host")"
	# Steps lie within their node.
	jq -e '(.traceEvents[] | select(.cat == "build")) as $b | [.traceEvents[] | select(.cat == "step") |
		.tid == $b.tid and .ts >= $b.ts and .ts + .dur <= $b.ts + $b.dur + 1000] | all' trace.json
	equal "$(jq -r '.traceEvents[] | select(.name == "thread_name") | .args.name' trace.json)" 'slot 1'
	cb --no-load -B --trace=/nowhere/trace.json
	equal "$status" 6
	grep -q '/nowhere/trace.json' "$err"
}

@test "in a GitHub job each node is a group, and what it prints gives no commands" {
	local token
	GITHUB_ACTIONS=true CI=true cb --no-load -B
	equal "$status" 0
	equal "$(grep -c '^::group::ok   prepare web' "$err")" 1
	equal "$(grep -c '^::group::' "$err")" "$(grep -c '^::endgroup::$' "$err")"
	token=$(sed -n '/^::group::ok   prepare/,/^::endgroup/s/^::stop-commands::\([0-9a-f]\{32\}\)$/\1/p' "$err")
	sed -n "/^::stop-commands::$token\$/,/^::$token::\$/p" "$err" >shut
	grep -qx '::error::not a command' shut
	grep -qxF 'one \x1b[1mline\xff' shut
	equal "$(grep -c '::error::not a command' "$err")" 1
	! grep -q '^::error title' "$err"
	GITHUB_ACTIONS=true CI=true HOW=bad cb --no-load
	equal "$status" 1
	grep -q "^::error title=build web $host failed::step 'RUN .*%0A" "$err"
}

@test "the end names what was made, to be copied" {
	local digest
	cb --no-load
	digest=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "localhost/events/web:one") | .digest' \
		.cbuild/oci/index.json)
	digest=${digest#sha256:}
	digest=${digest:0:12}
	cb --no-load -B
	grep -qxF "  built   localhost/events/web:one  $digest" "$err"
	grep -qxF "  built   localhost/events/web:two  $digest" "$err"
	echo '# more' >>prepare
	cb --no-load
	grep -qxF "  fresh   localhost/events/web:two  $digest" "$err"
	HOW=bad cb --no-load
	equal "$status" 1
	! grep -q '^  built ' "$err"
	grep -qxF 'skip index web (skipped: build web failed)' "$err"
	grep -qxF "  failed  localhost/events/web:two  build web $host failed" "$err"
	grep -qx "build web $host failed" "$err"
	grep -q '^  log:  .cbuild/logs/[0-9]*/build-web-linux-.*\.log$' "$err"
	cb --no-load --progress=quiet
	equal "$(cat "$err" "$out")" ''
}

@test "the history says what each run did, and stats what they amount to" {
	local runs
	rm -rf .cbuild
	cb history
	equal "$status" 2
	cb --no-load
	HOW=bad cb --no-load
	cb --no-load
	cb history --format=json
	runs=$(jq -c '.runs[] | [.run, .command, .status, .nodes, .builds, .done, .built, .failed]' "$out")
	# The last one had nothing to do.
	equal "$runs" '[2,"--no-load",1,3,1,0,0,1]
[1,"--no-load",0,3,1,3,1,0]'
	jq -e '[.runs[] | .end_ms >= .begin_ms] | all' "$out"
	cb history
	grep -Eq '^    2  20[0-9-]+ [0-9:]+  failed 1 +[0-9.]+s     0 of 3     cbuild --no-load$' "$out"
	grep -Eq '^    1  20[0-9-]+ [0-9:]+  ok +[0-9.]+s     3 of 3     cbuild --no-load$' "$out"
	cb stats --format=json
	equal "$(jq -c '[.version, .runs, .good, .failed, .interrupted, .builds, .built]' "$out")" '[1,2,1,1,0,2,1]'
	equal "$(jq -r '.nodes[] | select(.times == 1) | .node' "$out" | sort)" "$(lines "build:web:$host" index:web prepare:web)"
	cb stats
	grep -qx 'runs with something to do: 2 (1 good, 1 failed, 0 interrupted)' "$out"
	grep -qx 'builds in them: 2, of which 1 ran: 50 % were fresh' "$out"
	grep -Eq "^build:web:$host +1 +" "$out"
	# As it was typed, but for what may be a secret.
	rm -rf .cbuild
	cb -f services.yaml -kj 2 --no-load --set TOKEN=secret --set=OTHER=secret --platforms "$host" -- web
	equal "$status" 0
	cb history --format=json
	equal "$(jq -r '.runs[].command' "$out")" \
		"-f services.yaml -kj 2 --no-load --set TOKEN=... --set=OTHER=... --platforms $host -- web"
}

@test "the report is a page that stands alone, whatever names and logs say" {
	local page=$checkout/tests/lib/page
	rm -rf .cbuild report.html
	cb report
	equal "$status" 2
	cb --no-load
	printf '#!/bin/sh\nprintf "</pre><script>alert(1)</script>\\033[31mred\\033[0m\\n"\nexit 3\n' >prepare
	cat >>services.yaml <<-'EOF'
		    # a file with a hostile name is a reason
		  other:
		    build: {context: other, additional_contexts: {rootfs: rootfs}}
	EOF
	printf 'FROM scratch\nARG TARGETARCH\nCOPY --from=rootfs ${TARGETARCH}/ /\nCOPY . /x\n' | dockerfile other
	cb --no-load -k
	equal "$status" 1
	echo x >"other/<img src=x onerror=alert(1)>\"'"
	cb --no-load -k
	equal "$status" 1
	cb report
	equal "$status" 0
	equal "$(cat "$out")" "$PWD/.cbuild/report.html"
	"$page" .cbuild/report.html >page.json
	equal "$(jq -c '[.loads, .tags.script, .tags.img, .tags.link, .tags.iframe]' page.json)" '[[],null,null,null,null]'
	# Links lead to places of the page itself, and each is there.
	jq -e '.ids as $ids | [.links[] | startswith("#") and (.[1:] as $id | $ids | index($id) != null)] | all' page.json
	jq -e '(.ids | length) == (.ids | unique | length)' page.json
	jq -r .text page.json >text
	grep -qF '</pre><script>alert(1)</script>red' text
	grep -qF "other/<img src=x onerror=alert(1)>\"' was added" text
	grep -qF 'Run 3 of events' text
	grep -q 'critical path' text
	grep -q '^cbuild: .*status 3' text
	cb report 1 -o one.html
	equal "$status" 0
	equal "$(cat "$out")" one.html
	"$page" one.html | jq -r .text | grep -qF 'Run 1 of events'
	cb report 2 -o -
	"$page" "$out" | jq -e '.text | contains("Run 2 of events")'
	cb report 99
	equal "$status" 2
	grep -q 'there is no run 99' "$err"
}

@test "at 80 columns the end fits, and names no node by its id" {
	local name=localhost/events/some-organisation/with-a-long-name
	cat >wide.yaml <<-EOF
		registry: $name
		services:
		  web: {build: {context: web, additional_contexts: {rootfs: rootfs}, args: {HOW: bad}}}
		  first: {build: first, verify: {max_size: 1B}}
		  second: {build: {context: second, additional_contexts: {first: "service:first"}}}
	EOF
	printf 'FROM scratch\nCOPY Dockerfile /\n' | dockerfile first
	printf 'FROM first\nCOPY Dockerfile /second\n' | dockerfile second
	mkdir -p web
	echo made >web/made
	cb -f wide.yaml -k
	equal "$status" 1
	sed -n '/^  built/,$p' "$err" >"$BATS_TEST_TMPDIR/end"
	equal "$(awk 'length > 80' "$BATS_TEST_TMPDIR/end")" ""
	grep -A1 -xF "  built   $name/first:latest" "$err" | grep -xE '( {10}|.*latest  )[0-9a-f]{12}  verify failed' ||
		grep -xE "  built   $name/first:latest  [0-9a-f]{12}  verify failed" "$err"
	grep -F "  failed  $name/web:latest" "$err"
	! grep -E '(build|index|load|verify):(web|first|second)' "$err"
	echo '# more' >>first/Dockerfile
	cb -f wide.yaml -k
	grep -F "...  index first (build first $host has another result)" "$err"
}
