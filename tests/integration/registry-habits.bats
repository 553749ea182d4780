#!/usr/bin/env bats
# Habits of registries that people push to: what is refused and only an optimisation, what is answered in another way.

. "$BATS_TEST_DIRNAME/../lib/project"
. "$BATS_TEST_DIRNAME/../lib/registry"
. "$BATS_TEST_DIRNAME/../lib/release"

setup_file()
{
	project_begin
	registries_begin
	hostile_start odd
	token_start tokens 300
	registry_start bearer token=tokens
	release_project release
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	cb --no-load all
	equal "$status" 0
}

teardown_file()
{
	registries_end
	project_end
}

setup()
{
	project release
	rm -rf "$DOCKER_CONFIG"
	rules odd
	log_clear odd
	to odd "t$BATS_TEST_NUMBER"
}

# Everything that a tag stands for is there.
whole()
{
	equal "$(curl -fs "http://$(registry_host "${1:-odd}")/check")" ""
}

# ---- what is only an optimisation ----

@test "a mount that is refused, however, leaves the blob to be sent" {
	number=0
	for refusal in 'status 400' 'status 401' 'status 403' 'status 404' 'status 405' 'status 500' basic cut; do
		number=$((number + 1))
		to odd "t$BATS_TEST_NUMBER/$number"
		rules odd "POST mount= 1000 $refusal"
		log_clear odd
		push all
		equal "$status" 0
		whole
		[ "$(log_count odd "POST /v2/t$BATS_TEST_NUMBER/$number/.*mount=")" -gt 0 ]
	done
	# It was done, and only the answer was lost: nothing is sent.
	to odd "t$BATS_TEST_NUMBER/lost"
	rules odd 'POST mount= 1000 after-cut'
	push web
	log_clear odd
	push api
	equal "$status" 0
	whole
}

@test "a token for one of two repositories is no reason to fail" {
	to bearer app "auth: 'http://localhost:$(registry_port tokens)'"
	login_file bearer tester secret
	touch "$registries/tokens/one"
	log_clear bearer
	push all
	rm "$registries/tokens/one"
	equal "$status" 0
	[ "$(log_count bearer '"POST [^"]*mount=.*" 401')" -gt 0 ]
	equal "$(log_count tokens '^GET repository:app/[a-z]*:pull,push tester')" 3
}

@test "a registry without HEAD is asked with GET" {
	rules odd 'HEAD . 1000 status 405'
	push all
	equal "$status" 0
	whole
	push all
	equal "$status" 0
	grep -q 'nothing to do' "$err"
	# Another one, which does not read of a blob what it need not.
	to odd "t$BATS_TEST_NUMBER/other"
	rules odd 'HEAD . 1000 status 501'
	push all
	equal "$status" 0
	whole
}

@test "a blob for which no pieces are taken goes in one" {
	rules odd 'PUT blobs/uploads 1 status 413' 'PATCH . 1000 status 405'
	push web
	equal "$status" 0
	whole
	[ "$(log_count odd 'PATCH .* 405')" -gt 0 ]
}

@test "where HTTP/2 does not work HTTP/1.1 does" {
	hostile_start h2 tls --broken-h2
	to h2 app "ca: $registries/h2/cert.pem"
	push all
	equal "$status" 0
	[ "$(log_count h2 '^h2$')" -gt 0 ]
}
