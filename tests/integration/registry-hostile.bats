#!/usr/bin/env bats
# Registries that lie, stall, break off and fish for logins; and a cbuild that is killed in the middle of a push.

. "$BATS_TEST_DIRNAME/../lib/release"

setup_file()
{
	release_begin
	hostile_start bad
	hostile_start other
	hostile_start sealed tls
	release_built
	to bad known
	push all
	equal "$status" 0
}

setup()
{
	project release
	rm -rf "$DOCKER_CONFIG"
	rules bad
	rules other
	log_clear bad
	log_clear other
	to bad "t$BATS_TEST_NUMBER"
}

other_origin()
{
	echo "http://localhost:$(registry_port other)"
}

# Everything that a tag stands for is there.
whole()
{
	equal "$(curl -fs "http://$(registry_host "${1:-bad}")/check")" ""
}

refused()
{
	equal "$status" 4 || return
	grep -qE "$1" "$err"
}

# ---- what it says is checked ----

@test "a manifest with another content, type or digest is refused" {
	image=$(registry_host bad)/known/web:v1
	inspect "$image"
	equal "$status" 0
	rules bad 'GET manifests/v1 1 flip'
	inspect "$image"
	refused 'unexpected digest'
	rules bad "GET manifests/v1 1 digest sha256:$(printf '0%.0s' {1..64})"
	inspect "$image"
	refused 'unexpected digest'
	rules bad 'GET manifests/v1 1 digest ../../../etc/passwd'
	inspect "$image"
	refused 'unexpected digest'
	rules bad 'GET manifests/sha256 1 flip'
	inspect "$image"
	refused 'unexpected digest'
	rules bad 'GET manifests/v1 1 type text/html'
	inspect "$image"
	refused 'media type'
	rules bad 'GET manifests/v1 1 type application/vnd.docker.distribution.manifest.v2+json'
	inspect "$image"
	equal "$status" 4
	rules bad 'GET manifests/v1 1 body {"schemaVersion":2,"manifests":[],"layers":[],"config":{}}'
	inspect "$image"
	equal "$status" 4
	rules bad 'GET manifests/v1 1 body {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:../../x","size":1}]}'
	inspect "$image"
	equal "$status" 4
	rules bad 'GET manifests/v1 1 body <html>'
	inspect "$image"
	equal "$status" 4
}

@test "a config with another content or length is refused" {
	image=$(registry_host bad)/known/web:v1
	rules bad 'GET blobs/sha256 1 flip'
	inspect "$image"
	refused 'unexpected digest'
	rules bad 'GET blobs/sha256 1 long'
	inspect "$image"
	refused 'longer than it should be'
	rules bad 'GET blobs/sha256 1 body x'
	inspect "$image"
	refused 'unexpected digest'
}

@test "bodies without end and bodies that crawl are given up" {
	image=$(registry_host bad)/known/web:v1
	rules bad 'GET manifests/v1 1 endless'
	inspect "$image"
	refused 'larger than 4 MiB'
	rules bad 'GET blobs/sha256 1 endless'
	inspect "$image"
	refused 'longer than it should be'
	to bad "t$BATS_TEST_NUMBER" 'timeout: 1s'
	rules bad 'GET manifests/v1 100 slow'
	inspect "$image"
	refused 'took too long'
}

# Each line is a scenario of its own; docs/reliability.md counts them.
@test "what is in tests/hostile-answers comes out as it says there" {
	local what rules wanted text number=0 host wrong=0
	host=$(registry_host bad)
	sed -i 's|api: {build|api: {index: never, build|' services.yaml
	to bad answers 'timeout: 1s'
	push web api
	equal "$status" 0
	sed -i 's|index: never, ||' services.yaml
	while IFS=$'\t' read -r what rules wanted text; do
		case $what in '' | '#'*) continue ;; esac
		number=$((number + 1))
		rules=${rules//HOST/$host}
		printf '%s\n' "${rules//; /$'\n'}" >"$registries/bad/rules.new"
		mv "$registries/bad/rules.new" "$registries/bad/rules"
		if [ "$what" = push ]; then
			to bad "a$number" 'timeout: 1s'
			log_clear bad
			push web >"$BATS_TEST_TMPDIR/said"
			[ "$status" -eq 0 ] || [ "$(log_count bad 'PUT [^ ]*/manifests/v1 201')" -eq 0 ] || status=tagged
		else
			inspect "$host/answers/${what#* }:v1" >"$BATS_TEST_TMPDIR/said"
		fi
		if [ "$status" != "$wanted" ] || { [ "$wanted" != 0 ] && ! grep -qE -- "$text" "$err"; }; then
			printf '%s: %s: status %s, and not %s with "%s":\n' "$what" "$rules" "$status" "$wanted" "$text"
			cat "$BATS_TEST_TMPDIR/said"
			wrong=$((wrong + 1))
		fi
	done <"$checkout/tests/hostile-answers"
	rules bad
	equal "$wrong" 0
	[ "$number" -gt 400 ]
	whole
}

# ---- trouble that passes ----

@test "what breaks once at any stage of a push is done again" {
	stages=(
		'HEAD manifests/sha256 1'
		'HEAD blobs/ 1'
		'POST blobs/uploads 1'
		'PUT blobs/uploads 1'
		'PUT manifests/sha256 1'
		'PUT manifests/v1 1'
	)
	number=0
	for trouble in cut 'status 503' 'status 429 1' 'status 500'; do
		number=$((number + 1))
		to bad "t$BATS_TEST_NUMBER/$number"
		mapfile -t lines < <(printf "%s $trouble\n" "${stages[@]}")
		rules bad "${lines[@]}"
		push all
		equal "$status" 0
		whole
		equal "$(log_count bad "PUT /v2/t$BATS_TEST_NUMBER/$number/[a-z]*/manifests/(v1|latest) 201")" 6
	done
}

@test "an upload that breaks off goes on where it was" {
	# libcurl itself tries once more where the connection had served before.
	rules bad 'PUT blobs/uploads 6 cut-body 100000' 'PATCH blobs/uploads 6 cut-body 50000'
	push web
	equal "$status" 0
	whole
	[ "$(log_count bad "PATCH /v2/t$BATS_TEST_NUMBER/web/blobs/uploads/.* 202")" -gt 0 ]
	[ "$(log_count bad "GET /v2/t$BATS_TEST_NUMBER/web/blobs/uploads/.* 204")" -gt 0 ]
	# A session that is lost is begun anew.
	rules bad 'PUT blobs/uploads 1 code 404 BLOB_UPLOAD_UNKNOWN' 'PUT blobs/uploads 2 code 400 BLOB_UPLOAD_INVALID'
	to bad "t$BATS_TEST_NUMBER/lost"
	push web
	equal "$status" 0
	whole
	rules bad 'PUT blobs/uploads 1 status 413'
	to bad "t$BATS_TEST_NUMBER/large"
	push web
	equal "$status" 0
	whole
}

@test "what does not pass fails, after a few tries, and nothing is tagged" {
	number=0
	for trouble in 'PUT blobs/uploads 1000 cut-body 10' 'PUT worker/manifests/sha256 1000 status 503' 'POST blobs/uploads 1000 cut' \
		'PUT worker/manifests/sha256 1000 code 400 MANIFEST_INVALID' 'PUT blobs/uploads 1000 status 429 60'; do
		number=$((number + 1))
		to bad "t$BATS_TEST_NUMBER/$number" 'timeout: 1s'
		log_clear bad
		rules bad "$trouble"
		push all
		equal "$status" 4
		equal "$(log_count bad 'PUT [^ ]*/manifests/(v1|latest) ')" 0
		[ "$(log_count bad .)" -lt 150 ]
	done
	grep -q 'status 429' "$err"
	rules bad
	push all
	equal "$status" 0
	whole
}

@test "a blob that the registry takes for another one is an error" {
	rules bad 'PUT blobs/uploads 100 code 400 DIGEST_INVALID'
	push web
	refused DIGEST_INVALID
	grep -q 'cbuild fsck' "$err"
	rules bad "PUT blobs/uploads 100 digest sha256:$(printf '0%.0s' {1..64})"
	push web
	refused 'under another digest'
}

# ---- logins stay where they belong ----

@test "redirects are followed without the login" {
	login_file bad tester secret
	rules bad "GET manifests/v1 1 redirect $(other_origin)" '* . 1000 basic'
	to bad known
	inspect "$DOCKER_REGISTRY/api:v1"
	equal "$status" 4
	equal "$(log_count other 'GET /v2/known/api/manifests/v1 404 -')" 1
	equal "$(log_count other 'Basic|Bearer')" 0
	# A redirect within the registry keeps it.
	rules bad "GET manifests/v1 1 redirect http://$(registry_host bad)" '* . 1000 basic'
	inspect "$DOCKER_REGISTRY/api:v1"
	equal "$status" 0
	# Round in circles.
	rules bad "GET manifests/v1 1000 redirect http://$(registry_host bad)"
	inspect "$DOCKER_REGISTRY/api:v1"
	refused 'redirects in a loop'
}

@test "an upload that is to go elsewhere goes there without the login" {
	login_file bad tester secret
	rules bad "POST blobs/uploads 1000 location $(other_origin)" '* . 1000 basic'
	push api
	equal "$status" 4
	[ "$(log_count other 'PUT .*/blobs/uploads/.* 404 -')" -gt 0 ]
	equal "$(log_count other 'Basic|Bearer')" 0
	equal "$(log_count bad "PUT .*/manifests/")" 0
}

@test "a token server elsewhere does not see the login" {
	login_file bad tester secret
	rules bad "* . 1000 bearer $(other_origin)/token"
	rules other '* token 1000 keep'
	push api
	equal "$status" 0
	[ "$(log_count other 'GET /token.* -')" -gt 0 ]
	equal "$(log_count other Basic)" 0
	log_clear other
	to bad "t$BATS_TEST_NUMBER/named" "auth: '$(other_origin)'"
	push api
	equal "$status" 0
	[ "$(log_count other 'GET /token.* Basic')" -gt 0 ]
	# The token is of this registry, and goes nowhere else.
	log_clear other
	rules bad "GET manifests/v1 1 redirect $(other_origin)" "* . 1000 bearer $(other_origin)/token"
	inspect "$DOCKER_REGISTRY/api:v1"
	equal "$(log_count other Bearer)" 0
}

@test "a token that runs out in the middle of a push is replaced" {
	realm=http://$(registry_host bad)/token
	login_file bad tester secret
	rules bad '* token 1000 keep' "PUT blobs/uploads 1 expired $realm" "PUT manifests/sha256 1 expired $realm" "PUT manifests/v1 1 expired $realm" \
		"* . 1000 bearer $realm"
	push api
	equal "$status" 0
	whole
	[ "$(log_count bad 'GET /token.* Basic')" -ge 3 ]
	# One that is never taken is no reason to ask for ever.
	rules bad '* token 1000 keep' "* . 1000 expired $realm"
	log_clear bad
	to bad "t$BATS_TEST_NUMBER/never"
	push api
	refused 'has no right to do that'
	[ "$(log_count bad .)" -lt 10 ]
}

@test "a token server that lies is an error, not a hang" {
	realm=http://$(registry_host bad)/token
	for lie in 'status 500' endless 'body nonsense' 'body {"token":5}' 'body {"token":"a b"}' cut "redirect $(other_origin)"; do
		to bad "t$BATS_TEST_NUMBER" 'timeout: 1s'
		rules bad "* token 1000 $lie" "* . 1000 bearer $realm"
		push api
		refused 'token server|token'
	done
	for realm in nonsense 'file:///etc/passwd' 'http://169.254.0.1/token' 'http://user:pass@localhost/token'; do
		rules bad "* . 1000 bearer $realm"
		push api
		refused 'tokens come from|not safe'
	done
}

@test "from TLS nothing goes to plain HTTP" {
	to sealed app "ca: $registries/sealed/cert.pem"
	login_file sealed tester secret
	rules sealed "HEAD manifests/sha256 1 redirect $(other_origin)" '* . 1000 basic'
	push api
	refused 'from TLS to plain HTTP'
	rules sealed "POST blobs/uploads 1 location $(other_origin)" '* . 1000 basic'
	push api
	refused 'from TLS to plain HTTP'
	rules sealed '* . 1000 basic'
	push api
	equal "$status" 0
	equal "$(log_count other .)" 0
}

@test "what a registry says cannot touch the terminal" {
	rules bad "POST blobs/uploads 1000 code 400 $(printf 'X\033[31m')"
	push api
	equal "$status" 4
	! grep -q $'\033' "$err"
}

# ---- kill -9 ----

# scenarios: 50
@test "killed at fifty points of a push, no tag ever stands for something incomplete" {
	cat >>services.yaml <<-'EOF2'
		  again: {build: {context: worker, platforms: [linux/amd64, linux/arm64], labels: {a: "1"}}}
		  more: {build: {context: worker, platforms: [linux/amd64, linux/arm64], labels: {a: "2"}}}
	EOF2
	cb --no-load all
	log_clear bad
	push all
	requests=$(log_count bad .)
	[ "$requests" -ge 50 ]
	finished=0
	for point in $(seq 50); do
		to bad "k$point"
		rules bad "* /k$point/ $point-$point die"
		bash -c 'echo $$ >"$1"; shift; exec "$@"' - "$registries/bad/victim" \
			"$cbuild" -f services.yaml -f settings.yaml --no-load --push all >"$BATS_TEST_TMPDIR/killed" 2>&1 3>&- && finished=$((finished + 1))
		whole
	done
	equal "$finished" 0
	rules bad
	for point in 1 10 20 30 40 50; do
		to bad "k$point"
		push all
		equal "$status" 0
	done
	whole
	equal "$(log_count bad 'PUT /v2/k30/[a-z]*/manifests/(v1|latest) 201')" 10
}

# scenarios: 50
@test "killed at fifty points of a push that signs, no tag ever stands for something incomplete or unsigned" {
	local point step service digest
	export TMPDIR=$BATS_TEST_TMPDIR/tmp
	mkdir "$TMPDIR"
	openssl ecparam -name prime256v1 -genkey -noout -out "$BATS_TEST_TMPDIR/signer.key"
	to_signed()
	{
		to bad "$1"
		printf 'sign: {key: "%s"}\n' "$BATS_TEST_TMPDIR/signer.key" >>settings.yaml
	}
	rules bad
	to_signed signed
	cb --no-load all
	log_clear bad
	push all
	equal "$status" 0
	step=$(($(log_count bad .) / 50))
	[ "$step" -ge 2 ]
	for point in $(seq "$step" "$step" $((50 * step))); do
		to_signed "s$point"
		rules bad "* /s$point/ $point-$point die"
		bash -c 'echo $$ >"$1"; shift; exec "$@"' - "$registries/bad/victim" \
			"$cbuild" -f services.yaml -f settings.yaml --no-load --push all >"$BATS_TEST_TMPDIR/killed" 2>&1 3>&- || true
		whole
		rules bad
		for service in web api worker; do
			digest=$(curl -fsI "http://$(registry_host bad)/v2/s$point/$service/manifests/v1" | tr -d '\r' | sed -n 's/^Docker-Content-Digest: //Ip')
			[ -z "$digest" ] || curl -fsI "http://$(registry_host bad)/v2/s$point/$service/manifests/sha256-${digest#*:}.sig" >/dev/null
		done
	done
	to_signed "s$step"
	push all
	equal "$status" 0
	whole
	# Nobody would remove what a killed one leaves there.
	equal "$(ls -A "$TMPDIR")" ""
}
