#!/bin/sh
# The house's rules (design: four rooms, one direction), as TAP:
# 1. a file includes only from its own folder or from a folder on a floor below;
# 2. a third-party library's header stands only in the file that wraps it, and in no header of ours.
set -u
cd "${CBUILD_SRCDIR:-.}" || exit 1
export LC_ALL=C

floor() { # of a folder; nothing: not one of ours
	case $1 in
	cli/cmd) echo 10 ;;
	cli/report | cli/convert | cli/doc) echo 9 ;;
	cli) echo 8 ;;
	engine/exec | engine/up) echo 7 ;;
	engine/verify) echo 6 ;;
	engine/stage | engine/builder) echo 5 ;;
	engine/plan | engine/runtime | engine/cache | engine/buildkit) echo 4 ;;
	engine/registry) echo 3 ;;
	engine/source | engine/oci | engine/state | engine/io | dsl) echo 2 ;;
	base) echo 1 ;;
	esac
}

# Where each library's header may stand.
wrappers() {
	case $1 in
	yaml.h) echo dsl/yaml.c ;;
	pcre2.h) echo base/pattern.c ;;
	git2.h | git2/*) echo engine/source/git.c ;;
	curl/*) echo engine/io/http.c ;;
	jansson.h) echo base/json.c ;;
	xxhash.h) echo base/hash.c ;;
	uv.h) echo engine/io/jobserver.c engine/io/loop.c engine/io/proc.c engine/io/watch.c ;;
	sqlite3.h) echo engine/state/db.c ;;
	openssl/*) echo base/digest.c ;;
	archive.h | archive_entry.h) echo engine/oci/pack.c engine/oci/tar.c ;;
	dlfcn.h) echo base/module.c ;;
	*) echo any ;;
	esac
}

upward() {
	for file in $(find base dsl engine cli -name '*.[ch]'); do
		dir=$(dirname "$file")
		own=$(floor "$dir")
		[ "$file" = cli/main.c ] && own=11 # it alone uses the table of commands
		[ -n "$own" ] || echo "$file: $dir is not a room"
		sed -n 's/^#[[:space:]]*include[[:space:]]*"\(.*\)".*/\1/p' "$file" | while read -r header; do
			[ "$header" = config.h ] && continue
			other=$(dirname "$header")
			[ "$other" = "$dir" ] && continue
			below=$(floor "$other")
			[ -n "$below" ] && [ "$below" -lt "${own:-0}" ] || echo "$file includes $header"
		done
	done
}

strangers() {
	grep -rEn '^#[[:space:]]*include[[:space:]]*<' base dsl engine cli --include='*.[ch]' |
		sed 's/^\([^:]*\):[0-9]*:[^<]*<\([^>]*\)>.*/\1 \2/' | while read -r file header; do
		allowed=$(wrappers "$header")
		case " $allowed " in *" any "* | *" $file "*) ;; *) echo "$file includes <$header>" ;; esac
	done
}

globals() {
	# A variable of file scope that is neither const nor a function's: only tables behind pthread_once.
	grep -rEn '^(static )?(struct [a-z_0-9]+|int|char|bool|size_t|unsigned|void|uint[0-9]+_t) \**[a-z_]+( =.*)?;$' \
		base dsl engine cli --include='*.c' || true
}

check() { # number, what, output
	if [ -z "$3" ]; then
		echo "ok $1 - $2"
	else
		echo "not ok $1 - $2"
		echo "$3" | sed 's/^/# /'
	fi
}

echo 1..3
check 1 "no include points upward or sideways" "$(upward)"
check 2 "library headers stand only in the files that wrap them" "$(strangers)"
check 3 "no mutable globals" "$(globals)"
