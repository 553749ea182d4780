#!/usr/bin/env bats
# Habits of registries that people push to: what is refused and only an optimisation, what is answered in another way.

. "$BATS_TEST_DIRNAME/../lib/release"

setup_file()
{
	release_begin
	hostile_start odd
	token_start tokens 300
	registry_start bearer token=tokens
	release_built
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

# ---- tags that cannot be moved ----

@test "a tag that is right already is not written again" {
	rules odd 'PUT manifests/1.4.0 1000 immutable'
	push --tag=1.4.0,latest all
	equal "$status" 0
	# Another machine pushes the same.
	cp -a . "$BATS_TEST_TMPDIR/elsewhere"
	rm -rf "$BATS_TEST_TMPDIR/elsewhere/.cbuild"
	log_clear odd
	(
		cd "$BATS_TEST_TMPDIR/elsewhere"
		push --tag=1.4.0,latest all
		equal "$status" 0
	)
	equal "$(log_count odd 'PUT [^ ]*/manifests/(1.4.0|latest) ')" 0
	equal "$(log_count odd 'HEAD [^ ]*/manifests/(1.4.0|latest) ')" 6
}

@test "when only the answer was lost a tag is looked at" {
	rules odd 'PUT manifests/1.4.0 1 after-cut' 'PUT manifests/1.4.0 1000 immutable'
	push --tag=1.4.0,latest all
	equal "$status" 0
	whole
	[ "$(log_count odd 'PUT [^ ]*/manifests/1.4.0 400 ')" -gt 0 ]
	cb -f services.yaml -f settings.yaml tag web 1.4.0
	equal "$status" 0
}

@test "a version that holds another image is refused before any tag has moved" {
	rules odd 'PUT manifests/1.4.0 1000 immutable'
	push --tag=1.4.0,latest web worker
	equal "$status" 0
	echo changed >>worker/data
	log_clear odd
	push --tag=latest,1.4.0 all
	equal "$status" 4
	grep -q 'worker:1.4.0: status 400 (TAG_INVALID' "$err"
	grep -q 'worker:1.4.0 is sha256:.*choose another tag for this release' "$err"
	equal "$(log_count odd 'PUT [^ ]*/manifests/(1.4.0|latest) 201 ')" 0
	push --tag=latest,1.4.1 all
	equal "$status" 0
}

# ---- redirects ----

@test "what writes is sent on with its method and its body, and without the login" {
	login_file odd tester secret
	for code in 307 308; do
		to odd "t$BATS_TEST_NUMBER/$code"
		log_clear odd
		rules odd "POST blobs/uploads 1000 elsewhere $code" "PUT /manifests/ 1000 elsewhere $code" 'PUT blobs/uploads 1 status 413' '* uploads/[0-9] 1000 keep' \
			'* . 1000 basic'
		push all
		equal "$status" 0
		whole
		[ "$(log_count odd "POST .*/blobs/uploads/ 202 -")" -gt 0 ]
		[ "$(log_count odd 'PATCH .*/blobs/uploads/[0-9].* 202 -')" -gt 0 ]
		equal "$(log_count odd 'PUT .*/manifests/(v1|latest) 201 -')" 6
	done
	# The blob's own request is sent on, too.
	to odd "t$BATS_TEST_NUMBER/blobs"
	rules odd 'PUT blobs/uploads 1000 elsewhere 307' '* . 1000 basic'
	push all
	equal "$status" 0
	whole
	[ "$(log_count odd 'PUT .*/blobs/uploads/[0-9].* 201 -')" -gt 0 ]
}

# ---- time ----

@test "a registry may take its time to put an upload in its place" {
	to odd "t$BATS_TEST_NUMBER" 'timeout: 1s'
	rules odd 'PUT blobs/uploads 1 late 4'
	push web
	equal "$status" 0
	whole
	equal "$(log_count odd 'POST .*/blobs/uploads/ 202')" 3
	# In pieces, too.
	to odd "t$BATS_TEST_NUMBER/pieces" 'timeout: 1s'
	rules odd 'PUT blobs/uploads 1 status 413' 'PUT blobs/uploads 1 late 4'
	push api
	equal "$status" 0
	whole
}

@test "after a lost answer the blob is looked for before it is sent again" {
	rules odd 'PUT blobs/uploads 1000 after-cut'
	push web
	equal "$status" 0
	whole
	equal "$(log_count odd 'POST .*/blobs/uploads/ 202')" 3
	# Statuses that do not say that it is done.
	for code in 200 202; do
		to odd "t$BATS_TEST_NUMBER/$code"
		rules odd "PUT blobs/uploads 1000 as $code"
		push web
		equal "$status" 0
		whole
	done
}

@test "a wait may be a date, and one that is too long is said with the setting that allows it" {
	rules odd 'PUT manifests/v1 1 status 429 date+2'
	push web
	equal "$status" 0
	to odd "t$BATS_TEST_NUMBER/long"
	for wait in 90 date+90; do
		rules odd "PUT manifests/v1 1 status 429 $wait"
		push web
		equal "$status" 4
		grep -q 'allow more time than 5 s in the manifest: registries: {"localhost:[0-9]*": {timeout: [89][0-9]s}}' "$err"
		[ "$(log_count odd 'PUT .*/manifests/v1 201')" -eq 1 ]
	done
	to odd "t$BATS_TEST_NUMBER/silent" 'timeout: 1s'
	rules odd 'HEAD . 1000 late 3'
	push web
	equal "$status" 4
	grep -q 'no answer in time' "$err"
	grep -q 'timeout: 2s' "$err"
}

@test "pieces are as large as the registry wants them, and as small as what stands before it takes" {
	head -c 20000000 /dev/urandom >web/data
	rules odd 'PUT blobs/uploads 1000 max 15000000' 'POST blobs/uploads 1000 min 12000000'
	push web
	equal "$status" 0
	whole
	equal "$(log_count odd 'PATCH .* 202')" 2
	to odd "t$BATS_TEST_NUMBER/small"
	log_clear odd
	rules odd '* blobs/uploads/[0-9] 1000 max 1100000'
	push web
	equal "$status" 0
	whole
	[ "$(log_count odd 'PATCH .* 202')" -ge 19 ]
	cp api/data web/data
}

@test "a manifest that is served as any JSON is what it says of itself" {
	push web
	for type in application/json application/octet-stream text/plain; do
		rules odd "GET manifests/ 1000 type $type"
		inspect "$DOCKER_REGISTRY/web:v1"
		equal "$status" 0
	done
	rules odd 'GET manifests/ 1 type text/html'
	inspect "$DOCKER_REGISTRY/web:v1"
	equal "$status" 4
	grep -q 'Content-Type: text/html' "$err"
}

# ---- referrers ----

# about NAME DIGEST: the types of what is listed there as being about it.
about()
{
	curl -fs "http://$(registry_host "$1")/v2/$2/referrers/$3" | jq -r '.manifests[].artifactType' | sort | tr '\n' ' '
}

@test "a registry that lists referrers itself is asked, and no list is kept under a tag" {
	hostile_start listing --referrers
	to listing referrers
	openssl ecparam -name prime256v1 -genkey -noout -out "$BATS_TEST_TMPDIR/signer.key"
	openssl pkey -in "$BATS_TEST_TMPDIR/signer.key" -pubout -out "$BATS_TEST_TMPDIR/signer.pub"
	printf 'sign: {key: "%s"}\n' "$BATS_TEST_TMPDIR/signer.key" >>settings.yaml
	push worker
	equal "$status" 0
	echo '{}' >sbom.json
	cb -f services.yaml -f settings.yaml attach sbom.json worker --type=spdx
	equal "$status" 0
	digest=$(curl -fsI "http://$(registry_host listing)/v2/referrers/worker/manifests/v1" | tr -d '\r' | sed -n 's/^Docker-Content-Digest: //Ip')
	equal "$(about listing referrers/worker "$digest")" "application/spdx+json application/vnd.dev.cosign.artifact.sig.v1+json "
	equal "$(log_count listing "PUT /v2/referrers/worker/manifests/sha256-[0-9a-f]* ")" 0
	# To another repository there, and to a registry that refuses to list: under a tag there.
	for refusal in 400 403 404 405; do
		rules odd "GET /referrers/ 1000 status $refusal"
		cb -f services.yaml -f settings.yaml tag worker "$(registry_host listing)/copy/$refusal:1" "$(registry_host odd)/copy/$refusal:1"
		equal "$status" 0
		equal "$(about listing "copy/$refusal" "$digest")" "application/spdx+json application/vnd.dev.cosign.artifact.sig.v1+json "
		equal "$(curl -fs "http://$(registry_host odd)/v2/copy/$refusal/manifests/sha256-${digest#*:}" | jq -r '.manifests[].artifactType' | sort | tr '\n' ' ')" \
			"application/spdx+json application/vnd.dev.cosign.artifact.sig.v1+json "
		for name in "$(registry_host listing)/copy/$refusal" "$(registry_host odd)/copy/$refusal"; do
			cb -f services.yaml -f settings.yaml verify-signature --key="$BATS_TEST_TMPDIR/signer.pub" "$name@$digest"
			equal "$status" 0
		done
		whole
		whole listing
	done
}
