#!/usr/bin/env bats
# kill -9 at twenty moments of a run. What was finished stays finished, the next run goes on from there, and in the
# end all is as if nothing had happened.

. "$BATS_TEST_DIRNAME/../lib/project"

setup_file()
{
	project_begin
}

teardown_file()
{
	project_end
}

make_services()
{
	cat >services.yaml <<-'EOF'
		project: kill
		registry: localhost/kill
		source_date_epoch: 1700000000
		services:
		  base:
		    publish: false
		    build: {context: base, additional_contexts: {rootfs: rootfs}}
		    prepare: {run: [sh, -c, "cat base/list >base/made"], inputs: [base/list], outputs: [base/made]}
		  one: {build: {context: one, additional_contexts: {base: "service:base"}}}
		  two: {build: {context: two, additional_contexts: {base: "service:base"}}}
		  three:
		    build: {context: three, additional_contexts: {base: "service:base"}}
		    prepare:
		      run: [sh, -c, "cat three/list >three/made-${platform.arch}"]
		      inputs: [three/list]
		      outputs: ["three/made-${platform.arch}"]
		  four: {build: {context: four, additional_contexts: {one: "service:one"}}}
		  web:
		    build: {context: web, additional_contexts: {base: "service:base"}}
		    depends_on: [one]
		    ports: ["8000"]
		    verify: {http: {path: /health, port: 8000, status: 200, body: healthy}}
	EOF
	printf 'FROM scratch\nARG TARGETARCH\nCOPY --from=rootfs ${TARGETARCH}/ /\nCOPY made /made\n' | dockerfile base
	printf 'FROM base\nRUN cat /made /arch > /one\nCMD ["/bin/sleep", "1000"]\n' | dockerfile one
	printf 'FROM base\nCOPY file /file\nRUN sort /file > /sorted\nRUN date > /date || true; rm /date\n' | dockerfile two
	printf 'FROM base\nARG TARGETARCH\nCOPY made-${TARGETARCH} /made-here\n' | dockerfile three
	printf 'FROM one\nRUN cat /one /one > /four\n' | dockerfile four
	printf 'FROM base\nCOPY www /www\nEXPOSE 8000\nCMD ["/bin/httpd", "-f", "-p", "8000", "-h", "/www"]\n' | dockerfile web
	mkdir -p web/www
	echo healthy >web/www/health
	echo list | tee base/list >three/list
	printf 'b\na\n' >two/file
}

# What was made: the digest behind every tag.
made()
{
	jq -r '.manifests[] | [.annotations["org.opencontainers.image.ref.name"], .digest] | join(" ")' .cbuild/oci/index.json | sort
}

fresh()
{
	"$cbuild" -n -v all --platforms=$both 2>/dev/null 3>&- | sed -nE 's/^fresh +([^ ]+).*$/\1/p' | sort
}

# Of the lines of a run: the ids of what it started, or finished.
ids()
{
	sed -nE "s/^$1 +([a-z]+) ([a-z]+)( linux\/[a-z0-9]+)?( .*)?$/\1:\2\3/p" "$2" | tr ' ' ':' | sort
}

# run_until N: runs cbuild and kills it after the n-th line it prints; its lines are in the file `lines`. $ended is
# its status when it came to an end before that.
run_until()
{
	local line n=0
	ended=
	rm -f pipe lines
	mkfifo pipe
	"$cbuild" all --platforms=$both >/dev/null 2>pipe 3>&- &
	pid=$!
	exec 8<pipe
	while [ $n -lt "$1" ] && IFS= read -r line <&8; do
		printf '%s\n' "$line" >>lines
		n=$((n + 1))
	done
	[ $n -lt "$1" ] || kill -KILL $pid 2>/dev/null || true
	cat <&8 >>lines
	exec 8<&-
	status=0
	wait $pid || status=$?
	[ $status -eq 137 ] || ended=$status
}

# A runc that fails once when it is to start something, and then stands still, once the file `standing` is there.
slow_runc()
{
	rm -f standing failed
	cat >slow-runc <<-EOF
		#!/bin/sh
		case " \$* " in
		*" create "*)
			[ -e "$PWD/failed" ] || { touch "$PWD/failed"; exit 1; }
			touch "$PWD/standing"
			exec sleep 1000
			;;
		esac
		exec $(command -v runc) "\$@"
	EOF
	chmod +x slow-runc
	printf '[engine.runtimes]\nrunc = ["%s"]\n' "$PWD/slow-runc" >containers.conf
}

stands()
{
	[ -e standing ]
}

# try_and_end SIGNAL: ends a run while buildah is tried out, after a build that has failed.
try_and_end()
{
	slow_runc
	CONTAINERS_CONF=$PWD/containers.conf "$cbuild" --no-load one >/dev/null 2>lines 3>&- &
	pid=$!
	until_true stands
	[ -n "$(buildah containers --all --quiet)" ]
	grep -qF "$ROOT/containers/root/overlay/" /proc/self/mounts
	kill "-$1" "$pid"
	status=0
	wait "$pid" || status=$?
}

@test "a trial of buildah that is ended leaves nothing: at once, or after a kill with the next run" {
	project trial
	make_services
	try_and_end INT
	equal "$status" 130
	nothing_left
	equal "$(find .cbuild/oci/tmp -mindepth 1 2>/dev/null)" ""
	try_and_end KILL
	equal "$status" 137
	cb --no-load one
	equal "$status" 0
	nothing_left
	equal "$(find .cbuild/oci/tmp -mindepth 1 2>/dev/null)" ""
}

# scenarios: 20
@test "twenty kills: each run goes on where the last one was, and the images are those of an undisturbed run" {
	local kills=0 rounds=0 moment undisturbed known
	project kill
	make_services
	CONTAINERS_STORAGE_CONF=$(other_storage) cb all --platforms=$both
	equal "$status" 0
	undisturbed=$(made)
	equal "$(wc -l <<<"$undisturbed")" 5
	drop_other_storage
	rm -rf .cbuild base/made three/made-*
	until [ $kills -ge 20 ] && [ -n "$ended" ]; do
		# The moments differ, so that runs die while they start, build, index, load and verify.
		moment=$((3 + (kills * 7 + rounds * 3) % 9))
		[ $kills -lt 20 ] || moment=1000
		known=$(fresh)
		run_until $moment
		printf -- '--- kill %d after line %d:\n' $kills $moment
		cat lines
		# Nothing that had its record was begun again, and what it finished has one now.
		equal "$(comm -12 <(ids '\.\.\.' lines) <(printf '%s\n' "$known"))" ""
		equal "$(comm -23 <(ids ok lines) <(fresh))" ""
		if [ -z "$ended" ]; then
			kills=$((kills + 1))
			continue
		fi
		equal "$ended" 0
		equal "$(made)" "$undisturbed"
		nothing_left
		rounds=$((rounds + 1))
		[ $rounds -lt 10 ]
		[ $kills -ge 20 ] || start_over
	done
	cb all --platforms=$both
	equal "$status" 0
	grep -F 'nothing to do: 5 services are up to date' "$err"
}

containers()
{
	[ "$(podman ps --quiet | wc -l)" -eq "$1" ]
}

@test "killed in a check: its containers and its network are gone after the next run" {
	project kill
	make_services
	echo ill >web/www/health
	cb all --platforms=$host --no-verify
	equal "$status" 0
	"$cbuild" web --platforms=$host >/dev/null 2>"$err" 3>&- &
	pid=$!
	until_true containers 2
	kill -KILL $pid
	wait $pid || true
	containers 2
	echo healthy again >web/www/health
	cb web --platforms=$host
	equal "$status" 0
	equal "$(started)" "$(lines "build web $host" 'index web' 'load web' 'verify web')"
	nothing_left
}

# The rounds after the first one build with what is in buildah's cache: they are quick, and so die at other moments.
start_over()
{
	rm -rf .cbuild base/made three/made-*
	ended=
}

# An undisturbed run must not leave the layers that the others are to make.
other_storage()
{
	mkdir -p "$ROOT/other"
	sed "s|$ROOT/containers/|$ROOT/other/|" "$CONTAINERS_STORAGE_CONF" >"$ROOT/other/storage.conf"
	echo "$ROOT/other/storage.conf"
}

drop_other_storage()
{
	[ ! -d "$ROOT/other/root/overlay" ] || umount "$ROOT/other/root/overlay" || true
	rm -rf "$ROOT/other"
}
