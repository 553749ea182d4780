#!/usr/bin/env bats
# The report of a run, as a person sees it in a browser.

. "$BATS_TEST_DIRNAME/../lib/project"

setup_file()
{
	project_begin
}

teardown_file()
{
	project_end
}

# A base, two services on it, one of them broken, and one of its own.
setup()
{
	project report
	cat >services.yaml <<-'EOF'
		project: report
		registry: localhost/report
		source_date_epoch: 1700000000
		services:
		  base:
		    publish: false
		    build: {context: base, additional_contexts: {rootfs: rootfs}}
		  web:
		    build: {context: web, additional_contexts: {base: "service:base"}}
		    prepare: {run: [./prepare], inputs: [prepare], outputs: [web/made]}
		  a-service-with-a-rather-long-name:
		    build: {context: broken, additional_contexts: {base: "service:base"}}
		  tools:
		    build: {context: tools, additional_contexts: {rootfs: rootfs}}
	EOF
	printf '#!/bin/sh\necho made >web/made\n' >prepare
	chmod +x prepare
	printf 'FROM scratch\nARG TARGETARCH\nCOPY --from=rootfs ${TARGETARCH}/ /\n' | dockerfile base
	printf 'FROM base\nCOPY made /made\nRUN echo "a command that is so long that it does not fit into a line of a narrow page" >/x\n' | dockerfile web
	printf 'FROM base\nRUN echo "it went wrong, and here is why: %s"; exit 3\n' "$(printf 'word-%.0s' $(seq 40))" | dockerfile broken
	printf 'FROM scratch AS one\nARG TARGETARCH\nCOPY --from=rootfs ${TARGETARCH}/ /\nFROM one\nRUN echo two >/two\n' | dockerfile tools
}

@test "the report in a browser: narrow and wide, light and dark, mouse and keyboard" {
	rm -rf .cbuild pictures
	cb -k -j2 --no-load
	equal "$status" 1
	cb report
	"$checkout/tests/lib/browser" .cbuild/report.html "${PICTURES:-pictures}" >seen
	cat seen
	equal "$(jq -sc 'map([.at, .theme])' seen)" '[[400,"light"],[400,"dark"],[1280,"light"],[1280,"dark"]]'
	# Nothing leaves the page, is cut or is empty, also with everything unfolded.
	jq -es 'map(., .opened) | map(.scroll_width == .width and .outside == [] and .empty == [] and .wordless == [] and .cut == []
		and .unnamed == []) | all' seen
	# A picture, mostly of the theme's colour.
	jq -es 'map(.colors > 50 and .page_share > 0.2 and .page_share < 0.98 and
		.page_color == (if .theme == "dark" then "#0d1117" else "#ffffff" end)) | all' seen
	# Services first, nodes on request.
	jq -es 'map(.service_boxes == 4 and .node_boxes == 8 and .nodes_hidden and .nodes_shown) | all' seen
	jq -es 'map(.bar + .box | all) | all' seen
	jq -es 'map(.tab_to_nav == 1 and .nav and .tab_to_bar and .ring == "solid" and .bar_by_key and .tab_to_box and .box_by_key
		and .tab_to_nodes and .nodes_by_key and .tab_to_steps and .steps_by_key) | all' seen
}

@test "the steps of a Dockerfile, as it was written, and those from the cache" {
	rm -rf .cbuild
	cb --no-load tools web
	equal "$status" 0
	echo 2 >made-anew
	printf '#!/bin/sh\ncat made-anew >web/made\n' >prepare
	cb --no-load tools web
	equal "$status" 0
	cb report
	"$checkout/tests/lib/page" .cbuild/report.html | jq -r .text >text
	grep -q '3 steps$' text
	grep -q '^1/3 FROM base' text
	grep -q '^2/3 COPY made /made' text
	cb report 1
	"$checkout/tests/lib/page" .cbuild/report.html | jq -r .text >text
	grep -q '^stage 1, 1/3 FROM scratch AS one' text
	grep -q '^stage 2, 2/2 RUN echo two >/two' text
	! grep -E '^(stage|[0-9]+/[0-9]+).*[0-9a-f]{64}' text
	# A log folder that was tidied up by hand.
	rm .cbuild/logs/1/*.steps
	cb report 1
	equal "$status" 0
	"$checkout/tests/lib/page" .cbuild/report.html | jq -r .text >text
	! grep -q '[0-9] steps' text
}

@test "the steps that BuildKit tells of, of stages side by side" {
	"$checkout/tests/lib/docker" fetch "$CBUILD_TEST_CACHE/docker" >&2
	eval "$("$checkout/tests/lib/docker" start "$CBUILD_TEST_CACHE/docker")"
	rm -rf .cbuild
	for _ in 1 2; do
		cb -B --builder=docker --no-load tools
		equal "$status" 0
	done
	cb report
	"$checkout/tests/lib/docker" stop "$CBUILD_TEST_CACHE/docker"
	"$checkout/tests/lib/page" .cbuild/report.html | jq -r .text >text
	cat text
	grep -Eq '[0-9] steps?(, [0-9] cached)?$' text
	grep -Eq '^.*[12]/[12] (COPY --from=rootfs .*|RUN echo two >/two)([0-9.]+s|cached)$' text
}
