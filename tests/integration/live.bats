#!/usr/bin/env bats
# The live display on a real terminal emulator: what stands on the screen while a run goes on, at several sizes.

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
	project live
	rm -rf .cbuild gate.*
	mkfifo gate.web gate.other
	screen=live$BATS_SUITE_TEST_NUMBER.$$
	cat >services.yaml <<-'EOF'
		registry: localhost/live
		services:
		  web: &slow
		    build: {context: web, additional_contexts: {rootfs: rootfs}}
		    prepare: {run: [./slow, web], outputs: [web/made]}
		  a-service-with-a-rather-long-name:
		    build: {context: other, additional_contexts: {rootfs: rootfs}}
		    prepare: {run: [./slow, other], outputs: [other/made]}
	EOF
	cat >slow <<-'EOF'
		#!/bin/sh
		printf '日本語の長い行 👍 %s \033[2J and much more text so that it does not fit anywhere\n' "$1"
		read -r line <"gate.$1"
		echo "$line" >"$1/made"
	EOF
	chmod +x slow
	printf 'FROM scratch\nARG TARGETARCH\nCOPY --from=rootfs ${TARGETARCH}/ /\nCOPY made /made\nRUN cat /made\n' |
		tee >(dockerfile other) | dockerfile web
}

teardown()
{
	tmux -L "$screen" kill-server 2>/dev/null || true
}

# begin WIDTH HEIGHT ARGUMENTS...: cbuild in a terminal of that size. Its status goes to the file `ended`.
begin()
{
	local width=$1 height=$2
	shift 2
	rm -f ended
	env -u CI -u NO_COLOR LC_ALL=C.UTF-8 tmux -L "$screen" -f /dev/null new-session -d -x "$width" -y "$height" \
		"'$cbuild' $*; echo \$? >ended; read -r line" 3>&-
	tmux -L "$screen" set-option -g status off
}

resize()
{
	tmux -L "$screen" resize-window -x "$1" -y "$2"
}

shown()
{
	tmux -L "$screen" capture-pane -p | sed 's/ *$//' | sed '/^$/d'
}

shows()
{
	shown | grep -Eq -- "$1"
}

# The screen holds the live lines once, and nothing of an older frame.
is_clean()
{
	shown
	equal "$(shown | grep -c '^\[[0-9]*/[0-9]*\]')" 1 && equal "$(shown | grep -c '^  prepare web')" 1
}

let_go()
{
	timeout 30 bash -c 'for gate in web other; do echo "$1" >gate.$gate; done' - "$BATS_TEST_NUMBER"
}

@test "what runs is shown, drawn anew at each size, and gone at the end" {
	local width
	begin 90 20 --no-load -j2
	until_true shows '^  prepare a-service'
	until_true shows '2 running'
	is_clean
	shows '^\[0/6\] 2 running, 4 left  ▒'
	shows '日本語の長い行'
	! shown | grep -q '^日'
	for width in 60 40 25 120; do
		resize $width 20
		until_true shown_fits $width
		is_clean
	done
	let_go
	until_true test -e ended
	equal "$(cat ended)" 0
	shown
	shows '^ok   prepare web '
	shows '^ok   prepare a-service-with-a-rather-long-name '
	shows '^ok   build web linux/'
	! shows '^\[[0-9]*/'
	equal "$(shown | grep -c '^ok ')" 6
}

# The header has been drawn for this width: an ellipsis where it does not fit, else its end.
shown_fits()
{
	local header LC_ALL=C.UTF-8
	header=$(shown | grep '^\[0/6\]') || return
	if [ "$1" -le 60 ]; then
		equal "$(shown | grep -c '^  prepare a-.*…')" 1
	else
		shows '^  prepare a-service-with-a-r'
	fi >/dev/null && [ "${#header}" -lt "$1" ]
}

@test "on a terminal of a few lines the rest is counted" {
	begin 80 3 --no-load -j2
	until_true shows '^  and 2 more'
	shows '^\[0/6\] 2 running'
	! shows '^  prepare'
	resize 80 4
	until_true shows '^  prepare a-service'
	shows '^  prepare web'
	let_go
	until_true test -e ended
	equal "$(cat ended)" 0
}

@test "an interrupted run leaves the terminal as it was" {
	begin 80 20 --no-load -j2
	until_true shows '2 running'
	tmux -L "$screen" send-keys C-c
	until_true test -e ended
	equal "$(cat ended)" 130
	shown
	! shows '^\[[0-9]*/'
	shows '^stop prepare web'
	equal "$(tmux -L "$screen" display -p '#{cursor_flag}#{wrap_flag}#{alternate_on}#{keypad_flag}#{insert_flag}')" 11000
	nothing_left
}

@test "with -v lines scroll above what runs" {
	begin 100 20 --no-load -j2 -v
	until_true shows '^prepare .* \| 日本語の長い行 👍 .* \\x1b\[2J and much more'
	until_true shows '2 running'
	is_clean
	let_go
	until_true test -e ended
	equal "$(cat ended)" 0
}

@test "no live display where it is not wanted" {
	local setting
	for setting in CI=true TERM=dumb; do
		let_go &
		env -u CI -u NO_COLOR "$setting" script -qec "'$cbuild' --no-load -j2 -B" screen >/dev/null 3>&-
		wait
		grep -q '^\.\.\.  prepare web' screen
		! grep -q '\[[0-9]*/[0-9]*\]' screen
	done
	let_go &
	env -u CI NO_COLOR=1 script -qec "'$cbuild' --no-load -j2 -B" screen >/dev/null 3>&-
	wait
	grep -q '\[[0-9]*/[0-9]*\] ' screen
	! grep -q $'\033\\[[0-9;]*m' screen
}
