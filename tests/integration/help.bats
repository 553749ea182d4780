#!/usr/bin/env bats
# Help, manual pages and the shells' completion: all from the tables that cbuild works with. Nothing is built here.

bats_require_minimum_version 1.5.0

checkout=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
cbuild=${CBUILD:-$checkout/cbuild}

setup()
{
	cd "$BATS_TEST_TMPDIR"
	mkdir -p bin web
	ln -s "$cbuild" bin/cbuild
	PATH=$PWD/bin:$PATH
	cat >services.yaml <<-'EOF'
		platforms: [linux/amd64, linux/arm64]
		services:
		  web: {build: web}
		  worker: {build: web, profiles: [night]}
		groups: {front: [web]}
	EOF
	printf 'FROM scratch\nCOPY . /\n' >web/Dockerfile
}

commands()
{
	sed -n 's/^int cmd_\([a-z_]*\)(.*/\1/p' "$checkout/cli/cmd/commands.h" | tr _ -
}

options()
{
	cbuild help options | sed -n 's/^.*--\([a-z-]*\).*/\1/p'
}

equal()
{
	[ "$1" = "$2" ] && return
	printf 'got:\n%s\nwanted:\n%s\n' "$1" "$2"
	return 1
}

@test "every command is in the summary, has help of its own with examples, and is in the manual page" {
	local command
	commands | grep -qx build
	cbuild help >summary
	cbuild help --format=man | sed "s/\\\\-/-/g" >page
	for command in $(commands); do
		grep -q "^  $command  *" summary
		cbuild help "$command" >own
		grep -q "^Usage: cbuild \[OPTIONS\] $command" own
		[ -n "$(sed -n '/^Examples:/,$p' own | grep '^  .*cbuild')" ]
		[ "$command" = help ] || equal "$(cbuild "$command" --help)" "$(cat own)"
		grep -qxF ".TP" page
		grep -q "^\\\\fB$command\\\\fR" page
	done
	equal "$(sed -n '/^Every day:/,/^Options:/p' summary | sed -n 's/^  \([a-z-]*\) .*/\1/p' | sort)" "$(commands | sort)"
}

@test "every option that the parser knows is in the help of a command and in the manual page" {
	local option known
	cbuild help --format=man | sed 's/\\-/-/g' >page
	for command in $(commands); do cbuild help "$command"; done >all
	known=$(sed -nE "s/^\t\{ ('.'|0), \"([a-z-]+)\",.*/\2/p" "$checkout/cli/options.c" | grep -v '^version$')
	[ "$(wc -w <<<"$known")" -gt 20 ]
	for option in $known; do
		options | grep -qx -- "$option"
		grep -qE -- "(^|[ ,])--$option([= ,]|\$)" all
		grep -q -- "--$option" page
	done
	for option in $(options); do
		grep -qx -- "$option" <<<"$known" || [ "$option" = version ]
	done
}

@test "the examples are command lines that cbuild understands" {
	local command line
	for command in $(commands); do
		while read -r line; do
			line=${line%%|*}
			line=${line%%>*}
			# What is meant by `--`, and pages of help, need no more words. What is behind a service may belong to another command.
			case $line in *" -- "* | "cbuild help"*) continue ;; esac
			run -0 cbuild --help ${line#cbuild}
		done < <(cbuild help "$command" | sed -n '/^Examples:/,$s/^  \(cbuild.*[^ ]\)   .*/\1/p')
	done
	run -2 cbuild list --format=env --help
	[[ $output == *'--format of `cbuild list` takes text or json, not "env"'* ]]
}

@test "topics, and what is neither command nor topic" {
	local topic
	for topic in $(cbuild help | sed -n '/^More:/,$s/^  \([a-z-]*\) .*/\1/p'); do
		[ -n "$(cbuild help "$topic")" ]
	done
	run -2 cbuild help enviroment
	[[ $output == *'did you mean environment?'* ]]
	run -2 cbuild help one two
}

@test "every key of the manifest is in its reference and in its manual page" {
	local key
	cbuild help manifest >text
	cbuild help manifest --format=man >page
	for key in $(grep -oE '^	\{ "[a-z_]+", TYPE' "$checkout/dsl/schema.c" | grep -oE '"[a-z_]+"' | tr -d '"'); do
		grep -qwF "$key" text
		grep -qE "(fB| )$key([\\,.]|\$)" page
	done
}

@test "the manual pages are good roff" {
	cbuild help --format=man >cbuild.1
	cbuild help manifest --format=man >services.yaml.5
	for page in cbuild.1 services.yaml.5; do
		MANROFFSEQ='' MANWIDTH=80 man --warnings=w -E UTF-8 -l -Tutf8 $page >shown 2>complaints
		equal "$(cat complaints)" ""
		sed 's/.\x08//g' shown | grep -qxE 'SYNOPSIS|KEYS'
	done
}

@test "make install puts pages and completions where they are looked for" {
	make -s -C "$(dirname "$(readlink -f "$cbuild")")" install DESTDIR="$PWD/to" prefix=/usr >/dev/null
	cmp to/usr/share/man/man1/cbuild.1 <(cbuild help --format=man)
	cmp to/usr/share/man/man5/services.yaml.5 <(cbuild help manifest --format=man)
	cmp to/usr/share/bash-completion/completions/cbuild <(cbuild completion bash)
	cmp to/usr/share/zsh/site-functions/_cbuild <(cbuild completion zsh)
	cmp to/usr/share/fish/vendor_completions.d/cbuild.fish <(cbuild completion fish)
}

# words LINE...: what may follow, without the meanings.
words()
{
	cbuild completion words -- "$@" | cut -f1 | tr '\n' ' '
}

@test "what a word may become" {
	equal "$(words we)" "web "
	equal "$(words wo)" "worker "
	equal "$(words verify '')" "web worker front all "
	equal "$(words verify web f)" "front "
	equal "$(words why '')" "web worker "
	equal "$(words why web '')" ""
	equal "$(words log --form)" ""
	equal "$(words list --fo)" "--format= "
	equal "$(words list --format=)" "--format=text --format=json "
	equal "$(words images --format e)" "env "
	equal "$(words --platforms=linux/amd64,)" "--platforms=linux/amd64,linux/amd64 --platforms=linux/amd64,linux/arm64 "
	equal "$(words --profile '')" "night "
	equal "$(words -f '')" ":files "
	equal "$(words --directory=x)" ":dirs "
	equal "$(words completion f)" "fish "
	equal "$(words help env)" "environment "
	equal "$(words -C .. why w)" ""
	mkdir elsewhere
	mv services.yaml elsewhere/other.yaml
	equal "$(words -C elsewhere -f other.yaml why '')" "web worker "
	# A manifest that is not there, or wrong, takes away its names and nothing else.
	equal "$(words ver)" "verify verify-signature version "
	echo 'services: [' >services.yaml
	equal "$(words ver 2>/dev/null)" "verify verify-signature version "
}

# In bash: what the function that is registered for cbuild answers to a line with the cursor at its end.
bash_completes()
{
	bash --norc -c '
		source <(cbuild completion bash)
		compopt() { :; }
		COMP_LINE=$1 COMP_POINT=${#1}
		$(complete -p cbuild | sed "s/.*-F \([^ ]*\) .*/\1/")
		printf "%s " "${COMPREPLY[@]}"' bash "$1"
}

@test "completion in bash" {
	equal "$(bash_completes 'cbuild verify w')" "web worker "
	equal "$(bash_completes 'cbuild verify ')" "web worker front all "
	# bash takes "=" for the end of a word, and replaces only what is behind it.
	equal "$(bash_completes 'cbuild images --format=e')" "env "
	equal "$(bash_completes 'cbuild --keep-g')" "--keep-going "
	equal "$(bash_completes 'cbuild -f serv')" "services.yaml "
	equal "$(bash_completes 'cbuild -C w')" "web "
}

@test "completion in zsh" {
	cbuild completion zsh >_cbuild
	cat >drive.zsh <<-'EOF'
		zmodload zsh/zpty
		zpty shell zsh -f -i
		# Reads until the text comes; what was read is in $got.
		until_seen() { zpty -r -m shell got "*$1*" || exit 1; }
		zpty -w shell 'PS1=; PROMPT_EOL_MARK=; cd '$PWD'; path=('$PWD'/bin $path); autoload -Uz compinit; compinit -D -u; source ./_cbuild; cbuild() { case $1 in completion) command cbuild "$@" ;; *) print -r -- "GOT $*" ;; esac }; bindkey "^I" complete-word; print READY-$((1+1))'
		until_seen READY-2
		zpty -n -w shell $'cbuild verify wo\t --keep-g\t ; print -r -- DONE-$((2+1))\n'
		until_seen DONE-3
		print -r -- "$got"
	EOF
	zsh -f drive.zsh >seen
	tr -d '\r' <seen | grep -qx 'GOT verify worker --keep-going'
}

fish_completes()
{
	fish --no-config -c 'cbuild completion fish | source; complete -C "$argv[1]"' "$1" | cut -f1 | tr '\n' ' '
}

@test "completion in fish" {
	export HOME=$PWD
	equal "$(fish_completes 'cbuild verify w')" "web worker "
	equal "$(fish_completes 'cbuild images --format=e')" "--format=env "
	equal "$(fish_completes 'cbuild images --format e')" "env "
	equal "$(fish_completes 'cbuild -C w')" "web/ "
}
