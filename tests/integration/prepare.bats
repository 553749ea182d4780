#!/usr/bin/env bats
# What prepare steps make is in the images as this run's step has made it, by whatever way a Dockerfile comes to it; and the script
# that is run counts.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/image"

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
	mkdir -p tools made web/inner
	printf '#!/bin/sh\nmkdir -p made/tree\ncp input made/file\ncp input made/tree/leaf\n' >tools/gen.sh
	chmod +x tools/gen.sh
	echo one >input
	ln -s made linked
	ln -s made/file link
	ln -s ../../made web/inner/up
	ln -s made context
	printf 'FROM scratch\nCOPY link /link\nCOPY linked/tree/leaf /leaf\nCOPY web/inner/u*/file /up\n' >Dockerfile
	printf 'FROM scratch\nCOPY file /file\n' >web/Dockerfile
	cat >services.yaml <<-END
		project: prepare
		platforms: [$host]
		services:
		  app: {build: .}
		  web: {build: {context: context, dockerfile: ../web/Dockerfile}}
		  step:
		    build: web/inner
		    prepare: {run: [tools/gen.sh], inputs: [input], outputs: [made/file, made/tree]}
	END
	printf 'FROM scratch\nLABEL a=b\n' >web/inner/Dockerfile
}

# has TEXT: all that was copied from the outputs holds it.
has()
{
	image_unpack prepare-app:latest "$host" app
	image_unpack prepare-web:latest "$host" web.out
	equal "$(cat app/link app/leaf app/up web.out/file)" "$(printf '%s\n' "$1" "$1" "$1" "$1")"
}

@test "outputs behind links are in the image that the same run builds" {
	cb --no-load
	equal "$status" 0
	has one
	cb -n --exit-code --no-load
	equal "$status" 0
	echo two >input
	cb --no-load
	equal "$status" 0
	has two
	cb -n --exit-code --no-load
	equal "$status" 0
	echo by hand >made/file
	cb --no-load
	equal "$(started)" 'prepare step'
	has two
}

@test "an edit of the script that prepare.run names runs it" {
	cb --no-load
	echo 'echo more >>made/file' >>tools/gen.sh
	cb -n
	grep -q 'prepare:step *tools/gen.sh changed' "$out"
	cb --no-load
	equal "$status" 0
	image_unpack prepare-app:latest "$host" app
	equal "$(cat app/link)" "$(printf 'one\nmore\n')"
	cb -n --exit-code --no-load
	equal "$status" 0
}

@test "a step that makes a Dockerfile is refused, with its place" {
	sed -i 's|made/tree\]|made/tree, Dockerfile]|' services.yaml
	cb -n
	equal "$status" 2
	grep -qF 'services.yaml:8:85: error: the output Dockerfile of `prepare` is, or holds, the Dockerfile of app' "$err"
	sed -i 's|made/tree, Dockerfile]|made/tree, .env]|' services.yaml
	cb -n
	equal "$status" 2
	grep -qF 'services.yaml:8:85: error: the output .env of `prepare` is, or holds, .env of the manifest' "$err"
}
