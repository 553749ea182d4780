#!/usr/bin/env bats
# Manifests that include others, built by buildah: what runs, and where; and what a change of one of them means.

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
	project "$BATS_TEST_NUMBER"
	mkdir team
	cat >services.yaml <<-'EOF'
		vars: {WORD: ours}
		include: [team/services.yaml]
		services: {}
	EOF
	cat >team/services.yaml <<-'EOF'
		vars: {FROM: scratch}
		services:
		  tool:
		    prepare: {run: [sh, -c, "cat given >made"], inputs: [given], outputs: [made]}
		    build: {dockerfile_inline: "FROM ${FROM}\nCOPY made /${WORD}\n"}
		    verify: {run: [[./check, "${image.oci}"]]}
	EOF
	printf '#!/bin/sh\ncat "${0%%/*}/answer" && test -d "$1/blobs"\n' >team/check
	chmod +x team/check
	echo yes >team/answer
	echo content >team/given
}

@test "an included service's commands run in the folder of its manifest" {
	cb tool --no-load
	equal "$status" 0
	equal "$(cat team/made)" content
	cb -n tool --no-load
	grep -q "^0 to do, 4 up to date" "$out"

	echo 'exit 1' >team/check
	cb tool --no-load
	equal "$status" 1
	equal "$(finished)" ""
}

@test "a change of an included manifest affects every service" {
	git init -q -b main .
	printf '/.cbuild\n/rootfs\n' >.gitignore
	git add .
	git -c user.name=a -c user.email=a@example.org commit -qm first
	cb affected --since=HEAD
	equal "$(cat "$out")" ""
	echo '# comment' >>team/services.yaml
	cb affected --since=HEAD
	equal "$(cat "$out")" tool
	grep -q 'team/services.yaml differs from HEAD: every service' "$err"
	git checkout -q team
	echo 'A=1' >team/.env
	cb affected --since=HEAD
	grep -q 'team/.env differs from HEAD: every service' "$err"
}
