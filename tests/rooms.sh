#!/bin/sh
# The house's rules (design: four rooms, one direction), as TAP:
# 1. a file includes only from its own folder or from a folder on a floor below;
# 2. so do the symbols that the compiled files take from each other, and within a folder no two files use each other;
# 3. docs/architecture.md shows the floors;
# 4. a third-party library's header stands only in the file that wraps it, and in no header of ours.
# The symbols are those of the objects beside the program that is tested.
set -u
objects=$(cd "$(dirname "${CBUILD:-./cbuild}")" && pwd) || exit 1
cd "${CBUILD_SRCDIR:-.}" || exit 1
export LC_ALL=C

# Sets `floor` to that of a folder, 0: not one of ours. No process is started for each of thousands of includes.
set_floor() {
	case $1 in
	cli/cmd) floor=11 ;;
	cli/report | cli/convert | cli/doc) floor=10 ;;
	cli) floor=9 ;;
	engine/exec | engine/up) floor=8 ;;
	engine/verify) floor=7 ;;
	engine/stack | engine/builder | engine/cache) floor=6 ;;
	engine/plan | engine/runtime | engine/buildkit) floor=5 ;;
	engine/registry | engine/buildkit/proto) floor=4 ;; # proto: what is generated there
	engine/source | engine/oci | engine/state | engine/io | dsl) floor=3 ;;
	dsl/hcl) floor=2 ;;
	base) floor=1 ;;
	*) floor=0 ;;
	esac
}

# Sets `allowed` to where a library's header may stand.
set_allowed() {
	case $1 in
	yaml.h) allowed="dsl/yaml.c" ;;
	pcre2.h) allowed="base/pattern.c" ;;
	git2.h | git2/*) allowed="engine/source/git.c" ;;
	curl/*) allowed="engine/io/http.c" ;;
	jansson.h) allowed="base/json.c" ;;
	xxhash.h) allowed="base/xxh3.c" ;;
	uv.h) allowed="engine/io/jobserver.c engine/io/loop.c engine/io/proc.c engine/io/file_watch.c engine/io/keys.c" ;;
	sqlite3.h) allowed="engine/state/db.c" ;;
	openssl/*) allowed="base/digest.c base/ec_key.c base/rsa_key.c engine/buildkit/tls.c" ;;
	crypt.h) allowed="base/bcrypt.c" ;;
	nghttp2/*) allowed="engine/buildkit/h2_wire.c" ;;
	protobuf-c/*) allowed="engine/buildkit/proto/message.c" ;;
	archive.h | archive_entry.h) allowed="engine/oci/archive.c" ;;
	dlfcn.h) allowed="base/module.c" ;;
	*) allowed="any" ;;
	esac
}

upward() {
	for file in $(find base dsl engine cli -name '*.[ch]' ! -name '*.pb-c.[ch]'); do
		dir=${file%/*}
		set_floor "$dir"
		own=$floor
		[ "$file" = cli/main.c ] && own=12 # it alone uses the table of commands
		[ "$own" -gt 0 ] || echo "$file: $dir is not a room"
		sed -n 's/^#[[:space:]]*include[[:space:]]*"\(.*\)".*/\1/p' "$file" | while read -r header; do
			case $header in config.h | build-version.h) continue ;; esac # made by configure and make
			other=${header%/*}
			[ "$other" = "$dir" ] && continue
			set_floor "$other"
			[ "$floor" -gt 0 ] && [ "$floor" -lt "$own" ] || echo "$file includes $header"
		done
	done
}

# "USER USED SYMBOL" for each symbol that one of our files takes from another one; without ".c".
uses() {
	find base dsl engine cli -name '*.c' | sed 's/c$/o/' | (cd "$objects" && xargs nm -A -P) | awk '
		{ file = $1; sub(/\.o:$/, "", file) }
		$3 ~ /^[TDBRCV]$/ { from[$2] = file }
		$3 == "U" { user[++n] = file; symbol[n] = $2 }
		END {
			for (i = 1; i <= n; i++)
				if (symbol[i] in from && from[symbol[i]] != user[i])
					print user[i], from[symbol[i]], symbol[i]
		}'
}

symbols_upward() {
	echo "$uses" | awk '
		{ own = $1; other = $2; sub(/\/[^\/]*$/, "", own); sub(/\/[^\/]*$/, "", other) }
		own != other && $1 != "cli/main" { print own, other }' | sort -u | while read -r own other; do
		set_floor "$own"
		above=$floor
		set_floor "$other"
		[ "$above" -gt "$floor" ] ||
			echo "$uses" | grep "^$own/[^ /]* $other/[^ /]* " | sed 's/\(.*\) \(.*\) \(.*\)/\1 takes \3 from \2/'
	done
}

# Pairs of files that are one recursion: a value may hold variables, whose values may hold variables; a file may include files; an
# expression may hold templates, which hold expressions.
recursion='dsl/interp dsl/scope
dsl/add dsl/include
dsl/hcl/expression dsl/hcl/template'

circles() {
	edges=$(echo "$uses" | awk -v pairs="$recursion" '
		BEGIN { n = split(pairs, list, "\n"); for (i = 1; i <= n; i++) known[list[i]] = 1 }
		{ a = $1; b = $2; sub(/\/[^\/]*$/, "", a); sub(/\/[^\/]*$/, "", b) }
		a == b && !(($2 " " $1) in known) { print $1, $2 }' | sort -u)
	echo "$edges" | tsort 2>&1 >/dev/null | sed -n 's/^tsort: \([^:]*\)$/\1/p' | sort -u
}

strangers() {
	grep -rEn '^#[[:space:]]*include[[:space:]]*<' base dsl engine cli --include='*.[ch]' --exclude='*.pb-c.[ch]' |
		sed 's/^\([^:]*\):[0-9]*:[^<]*<\([^>]*\)>.*/\1 \2/' | while read -r file header; do
		set_allowed "$header"
		case " $allowed " in *" any "* | *" $file "*) ;; *) echo "$file includes <$header>" ;; esac
	done
}

globals() {
	# A variable of file scope that is neither const nor a function's: only tables behind pthread_once.
	grep -rEn '^(static )?(struct [a-z_0-9]+|int|char|bool|size_t|unsigned|void|uint[0-9]+_t) \**[a-z_]+( =.*)?;$' \
		base dsl engine cli --include='*.c' || true
}

gaps() {
	# A table with designators may lack an entry in its midst: those by an enum are in its order (base/table.h).
	grep -rEn '^[[:space:]]*(\{ *)?\[[A-Z][A-Z0-9_]*\] =' base dsl engine cli --include='*.c' || true
}

# A file's, a struct's and a static function's name says which one is meant, in a backtrace too. Commands' files are called like
# their commands. Functions are taken from the text: most of the small ones are no symbols any more once they are inlined.
same_files() {
	find base dsl engine cli -name '*.[ch]' ! -path 'cli/cmd/*' | sed 's|.*/||' | sort | uniq -d | while read -r name; do
		find base dsl engine cli -name "$name"
	done
}

same_structs() {
	grep -rhoE '^struct [a-z_0-9]+ \{' base dsl engine cli --include='*.[ch]' | sort | uniq -d | while read -r _ name _; do
		grep -rlE "^struct $name \{" base dsl engine cli --include='*.[ch]'
	done
}

same_functions() {
	find base dsl engine cli -name '*.c' ! -name '*.pb-c.c' | xargs awk '
		/^[a-z].*\(/ && !/[;=]/ {
			name = $0
			sub(/\(.*/, "", name)
			sub(/.*[ *]/, "", name)
			if (!((name, FILENAME) in seen) && ++times[name] > 1)
				twice[name]
			seen[name, FILENAME]
			files[name] = files[name] " " FILENAME
		}
		END { for (name in twice) print name ":" files[name] }' | sort
}

# The picture of docs/architecture.md: each folder stands there, on its floor.
picture() {
	shown=$(sed -n '/^floor$/,/^```$/s/^ *\([0-9][0-9]*\)   \(.*\)$/\1 \2/p' docs/architecture.md | awk '
		{ for (i = 2; i <= NF && $i ~ /^(cli|engine|dsl|base)(\/[a-z\/]*)?$/; i++) print $i, $1 }' | sort)
	there=$(find base dsl engine cli -name '*.[ch]' ! -name '*.pb-c.[ch]' | sed 's|/[^/]*$||' | sort -u | while read -r dir; do
		set_floor "$dir"
		echo "$dir $floor"
	done)
	[ "$shown" = "$there" ] || printf 'docs/architecture.md:\n%s\nthe folders:\n%s\n' "$shown" "$there"
}

check() { # number, what, output
	if [ -z "$3" ]; then
		echo "ok $1 - $2"
	else
		echo "not ok $1 - $2"
		echo "$3" | sed 's/^/# /'
	fi
}

uses=$(uses)
echo 1..11
check 1 "no include points upward or sideways" "$(upward)"
check 2 "the objects' symbols were found" "$([ "$(echo "$uses" | wc -l)" -gt 1000 ] || echo "in $objects")"
check 3 "no symbol is taken from above or from the side" "$(symbols_upward)"
check 4 "within a folder no two files use each other in a circle" "$(circles)"
check 5 "library headers stand only in the files that wrap them" "$(strangers)"
check 6 "no mutable globals" "$(globals)"
check 7 "tables by an enum have no gap" "$(gaps)"
check 8 "no two files have one name" "$(same_files)"
check 9 "no two structs have one name" "$(same_structs)"
check 10 "no two functions have one name" "$(same_functions)"
check 11 "docs/architecture.md shows every folder on its floor" "$(picture)"
