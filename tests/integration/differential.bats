#!/usr/bin/env bats
# cbuild against builds from nothing: random trees with links, ignore files, ONBUILD and modes of folders, random Dockerfiles,
# random edits (tests/lib/differential). The cases are the same in every run; DIFFERENTIAL_SEED=random makes others (the seed is
# printed, and taken again when it is given), DIFFERENTIAL_CASES more or fewer.

. "$BATS_TEST_DIRNAME/../lib/project"

setup_file()
{
	project_begin
	if [ -z "${DOCKER_HOST:-}" ]; then
		own_docker
	fi
	export TOOLS=$PROJECT_BASES/$host_arch CBUILD=$cbuild
}

teardown_file()
{
	if [ -n "${OWN_DOCKER:-}" ]; then
		"$checkout/tests/lib/docker" stop "$OWN_DOCKER"
	fi
	project_end
}

# cases BUILDER COUNT
cases()
{
	local seed=${DIFFERENTIAL_SEED:-1}
	[ "$seed" != random ] || seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
	export CBUILD_BUILDER=$1
	echo "# $1: seed $seed" >&3
	"$checkout/tests/lib/differential" "$1" "${DIFFERENTIAL_CASES:-$2}" "$seed" "$ROOT/$1" >"$ROOT/$1.said" || {
		cat "$ROOT/$1.said"
		return 1
	}
	sed -n '$s/^/# /p' "$ROOT/$1.said" >&3
}

@test "docker: nothing is called fresh that a build from nothing makes otherwise" {
	cases docker 200
}

@test "buildah: nothing is called fresh that a build from nothing makes otherwise" {
	cases buildah 100
}
