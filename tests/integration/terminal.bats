#!/usr/bin/env bats
# What a person has seen when a command has ended, on terminals of 80 and of 200 columns: every line, as golden texts. No line may be
# wider than 80 columns, but those that show an error of a builder as it came, and nothing may be left of escape sequences.

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
	project terminal
	rm -rf .cbuild gate
	mkfifo gate
	screen=terminal$BATS_SUITE_TEST_NUMBER.$$
	cat >services.yaml <<-'EOF'
		project: shop
		registry: localhost/shop
		source_date_epoch: 1700000000
		services:
		  base:
		    publish: false
		    build: {context: base, additional_contexts: {rootfs: rootfs}}
		  control-plane:
		    build: {context: control-plane, additional_contexts: {base: "service:base"}}
		  web:
		    build: {context: web, additional_contexts: {base: "service:base"}, args: {HOW: "${HOW:-good}"}}
	EOF
	printf 'FROM scratch\nARG TARGETARCH\nCOPY --from=rootfs ${TARGETARCH}/ /\nUSER 1000\n' | dockerfile base
	printf 'FROM base\nCOPY page /page\n' | dockerfile control-plane
	printf 'FROM base\nARG HOW\nCOPY page /page\nRUN [ $HOW = good ]\n' | dockerfile web
	echo one | tee web/page >control-plane/page
}

teardown()
{
	tmux -L "$screen" kill-server 2>/dev/null || true
}

# record WIDTH COMMAND...: runs it in a terminal of that width; what stood there at its end is the file `whole`, with times as T,
# digests as D and the platform as HOST; lines that were wrapped are one there.
record()
{
	local width=$1
	shift
	rm -f ended
	env -u CI -u NO_COLOR LC_ALL=C.UTF-8 HOW="${HOW:-}" tmux -L "$screen" -f /dev/null new-session -d -x "$width" -y 100 \
		"'$cbuild' $*; echo \$? >ended; read -r line" 3>&-
	until_true test -e ended
	tmux -L "$screen" capture-pane -p >raw
	tmux -L "$screen" capture-pane -pJ >raw.whole
	tmux -L "$screen" kill-server
	plain raw.whole >whole
	echo "--- $width columns: cbuild $*"
	cat whole
	! grep -q '[[:cntrl:]]' raw
}

plain()
{
	sed -E "/trying out buildah|^  --> Using cache|^  failed /d; s/ *\$//; s/^(skip .*) \(.*\)\$/\1/; s|linux-${host#linux/}|ARCH|g; s|$host|HOST|g; s/\b[0-9]+\.[0-9]s/T/g; s/\b[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} [+-][0-9]{4}/WHEN/g; s/\b(sha256:)?([0-9a-f]{64}|[0-9a-f]{12})\b/D/g; s/buildah [0-9.]+/buildah VERSION/" "$1" |
		sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'
}

# saw: what was seen is standard input, and fits 80 columns, but for a builder's words and whole digests.
saw()
{
	equal "$(cat whole)" "$(cat)"
	equal "$(grep -Ev '^  Error: |sha256:[0-9a-f]{64}' raw.whole | sed 's/ *$//' | LC_ALL=C.UTF-8 grep -E '^.{81}' || true)" ""
}

@test "a build, and nothing to do" {
	local width
	for width in 80 200; do
		rm -rf .cbuild
		record $width -j1 --no-load
		equal "$(cat ended)" 0
		saw <<-'EOF'
			cbuild: building with buildah VERSION
			ok   build base HOST T
			ok   build control-plane HOST T
			ok   build web HOST T
			ok   index control-plane T
			ok   index web T

			  built   localhost/shop/control-plane:latest  D
			  built   localhost/shop/web:latest            D

			cbuild: 3 built in T
		EOF
		record $width -j1 --no-load
		saw <<-'EOF'
			cbuild: nothing to do: 2 services are up to date
		EOF
	done
}

@test "a build that fails" {
	local width
	for width in 80 200; do
		rm -rf .cbuild
		HOW=bad record $width -k -j1 --no-load
		equal "$(cat ended)" 1
		saw <<-'EOF'
			cbuild: building with buildah VERSION
			ok   build base HOST T
			ok   build control-plane HOST T
			FAIL build web HOST T
			skip index web
			ok   index control-plane T

			build web HOST failed
			  step 'RUN [ $HOW = good ]' failed with status 1
			  STEP 1/4: FROM base
			  STEP 2/4: ARG HOW
			  STEP 3/4: COPY page /page
			  STEP 4/4: RUN [ $HOW = good ]
			  Error: building at STEP "RUN [ $HOW = good ]": while running runtime: exit status 1
			  log:  .cbuild/logs/1/build-web-ARCH.log

			  built   localhost/shop/control-plane:latest  D

			cbuild: 2 built, 1 failed, 1 skipped in T
		EOF
	done
}

@test "a build that is interrupted" {
	local width
	cat >>services.yaml <<-'EOF'
		  slow:
		    build: slow-one
		    prepare: {run: [./slow], outputs: [slow-one/made]}
	EOF
	printf 'FROM scratch\nCOPY made /\n' | dockerfile slow-one
	printf '#!/bin/sh\necho waiting\nread -r line <gate\n' >slow
	chmod +x slow
	for width in 80 200; do
		rm -rf .cbuild ended
		env -u CI -u NO_COLOR LC_ALL=C.UTF-8 tmux -L "$screen" -f /dev/null new-session -d -x "$width" -y 100 \
			"'$cbuild' -j2 --no-load slow; echo \$? >ended; read -r line" 3>&-
		until_true eval 'tmux -L "$screen" capture-pane -p | grep -q "| waiting\|prepare slow"'
		tmux -L "$screen" send-keys C-c
		until_true test -e ended
		equal "$(cat ended)" 130
		tmux -L "$screen" capture-pane -p >raw
		tmux -L "$screen" capture-pane -pJ >raw.whole
		tmux -L "$screen" kill-server
		plain raw.whole >whole
		cat whole
		saw <<-'EOF'
			cbuild: building with buildah VERSION
			cbuild: stopping 1 node; a second Ctrl-C does not wait
			stop prepare slow (interrupted)
			skip build slow HOST
			skip index slow

			cbuild: 2 skipped, 1 interrupted in T
		EOF
	done
}

@test "what would be done, and why" {
	local width
	cb -j1 --no-load
	equal "$status" 0
	echo two >web/page
	for width in 80 200; do
		record $width -n --no-load
		saw <<-'EOF'
			stale    build:web:HOST  web/page changed
			unknown  index:web              waits for build:web:HOST
			1 to do, 1 decided while running, 3 up to date
		EOF
		record $width why web --no-load
		saw <<-'EOF'
			build:web:HOST  stale
			  last built WHEN with buildah VERSION in T
			  file web/page
			    was  f 644 06567c16a1de182538d12e73f626d650
			    now  f 644 92b8d0e4f8fc8dd82096e784d42f2c6a
			index:web  unknown
			  last made WHEN in T
			  waits for build:web:HOST
		EOF
	done
}

@test "findings of check" {
	local width
	printf 'FROM base\nARG HOW\nCOPY pgae /page\nUSER root\n' | dockerfile web
	for width in 80 200; do
		record $width check web
		equal "$(cat ended)" 1
		saw <<-'EOF'
			web/Dockerfile:3:6: error: there is no web/pgae
			    3 | COPY pgae /page
			      |      ^~~~
			      = help: did you mean "page"?
		EOF
	done
}
