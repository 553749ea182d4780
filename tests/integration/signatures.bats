#!/usr/bin/env bats
# Signatures of what is pushed, as cosign makes them, and documents about images. openssl checks the signatures.

. "$BATS_TEST_DIRNAME/../lib/release"

setup_file()
{
	release_begin
	registry_start plain
	registry_start prod
	release_project signed
	sed -i '/^  api:/d' services.yaml
	mkdir "$BATS_FILE_TMPDIR/keys"
	cd "$BATS_FILE_TMPDIR/keys"
	openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out plain.key
	openssl pkey -in plain.key -pubout -out signer.pub
	openssl pkcs8 -topk8 -in plain.key -passout pass:hidden -out pkcs8.key
	openssl pkey -in plain.key -traditional -out ec.key
	openssl pkcs8 -topk8 -nocrypt -outform DER -in plain.key | python3 "$checkout/tests/cosign-key.py" hidden >cosign.key
	openssl ecparam -name prime256v1 -genkey -noout -out other.key
	openssl pkey -in other.key -pubout -out other.pub
	openssl genrsa -out rsa.key 2048
}

setup()
{
	project signed
	keys=$BATS_FILE_TMPDIR/keys
	unset COSIGN_PASSWORD
}

# signed NAME PATH KEY: pushes go there, and are signed with that key.
signed()
{
	to "$1" "$2"
	printf 'sign: {key: "%s"}\n' "$keys/$3" >>settings.yaml
}

digest_of()
{
	echo "sha256:$(remote "$1" | sha256sum | cut -d' ' -f1)"
}

# payload NAME@DIGEST [NUMBER]: what was signed and the signature of it, as files.
payload()
{
	local name=${1%@*} path=${1#*/}
	remote "$name:sha256-${1#*@sha256:}.sig" >"$BATS_TEST_TMPDIR/signature.json"
	jq -r --argjson number "${2:-0}" '.layers[$number].annotations["dev.cosignproject.cosign/signature"]' "$BATS_TEST_TMPDIR/signature.json" |
		base64 -d >"$BATS_TEST_TMPDIR/signature"
	curl -fs "http://${1%%/*}/v2/${path%@*}/blobs/$(jq -r --argjson number "${2:-0}" '.layers[$number].digest' "$BATS_TEST_TMPDIR/signature.json")" \
		>"$BATS_TEST_TMPDIR/payload"
}

verify()
{
	cb -f services.yaml -f settings.yaml verify-signature "$@"
}

@test "index and images are signed before the tags are set, with every form of key" {
	for key in plain.key ec.key pkcs8.key cosign.key; do
		signed plain "form-${key%.key}" $key
		log_clear plain
		COSIGN_PASSWORD=hidden push web
		equal "$status" 0
		index=$(digest_of "$DOCKER_REGISTRY/web:v1")
		for digest in $index $(remote "$DOCKER_REGISTRY/web:v1" | jq -r '.manifests[].digest'); do
			payload "$DOCKER_REGISTRY/web@$digest"
			openssl dgst -sha256 -verify "$keys/signer.pub" -signature "$BATS_TEST_TMPDIR/signature" "$BATS_TEST_TMPDIR/payload"
			equal "$(jq -c . "$BATS_TEST_TMPDIR/payload")" "{\"critical\":{\"identity\":{\"docker-reference\":\"$DOCKER_REGISTRY/web\"},\"image\":{\"docker-manifest-digest\":\"$digest\"},\"type\":\"cosign container image signature\"},\"optional\":null}"
			equal "$(jq -r '.layers[0].mediaType' "$BATS_TEST_TMPDIR/signature.json")" application/vnd.dev.cosign.simplesigning.v1+json
			# Also as a referrer, which this registry lists under a tag.
			equal "$(jq -r .subject.digest "$BATS_TEST_TMPDIR/signature.json")" "$digest"
			equal "$(remote "$DOCKER_REGISTRY/web:sha256-${digest#*:}" | jq -r '.manifests[] | .artifactType + " " + .digest')" \
				"application/vnd.dev.cosign.artifact.sig.v1+json $(digest_of "$DOCKER_REGISTRY/web:sha256-${digest#*:}.sig")"
		done
		tr -d '\0' <"$registries/plain/log" | grep -o '"PUT [^ ]*' >"$BATS_TEST_TMPDIR/puts"
		equal "$(tail -n2 "$BATS_TEST_TMPDIR/puts" | sed 's|.*/||' | sort | tr '\n' ' ')" "latest v1 "
		verify --key="$keys/signer.pub" "$DOCKER_REGISTRY/web:v1" "$DOCKER_REGISTRY/web@$index"
		equal "$status" 0
		equal "$(cat "$out")" "$(printf '%s\n' "$DOCKER_REGISTRY/web@$index" "$DOCKER_REGISTRY/web@$index")"
		verify --key="$keys/other.pub" "$DOCKER_REGISTRY/web:v1"
		equal "$status" 4
		grep -q "has no signature by $keys/other.pub" "$err"
	done
}

@test "a key that cannot be read ends the run before anything is built" {
	for case in "cosign.key::no password is given" "pkcs8.key::no password is given" "cosign.key:wrong:COSIGN_PASSWORD is not its password" \
		"pkcs8.key:wrong:COSIGN_PASSWORD is not its password" "rsa.key::not a key of ECDSA on P-256" "signer.pub::not a private key"; do
		IFS=: read -r key password message <<<"$case"
		signed plain "bad" "$key"
		echo "$case" >>web/data
		if [ -n "$password" ]; then export COSIGN_PASSWORD=$password; fi
		push web
		unset COSIGN_PASSWORD
		equal "$status" 2
		grep -q "$keys/$key.*$message" "$err"
		! grep -q wrong "$err"
		[ -z "$(started)" ]
	done
	signed plain bad nonsuch.key
	push web
	equal "$status" 6
	grep -q nonsuch.key "$err"
}

@test "what is signed stays signed: nothing is sent again, and another key adds its signature" {
	signed plain stays plain.key
	push web
	digest=$(digest_of "$DOCKER_REGISTRY/web:v1")
	log_clear plain
	push web
	equal "$(log_count plain HTTP/1)" 2
	# A machine that does not know of it looks.
	mv .cbuild .cbuild.away
	log_clear plain
	push web
	rm -rf .cbuild
	mv .cbuild.away .cbuild
	equal "$status" 0
	equal "$(log_count plain '"(PUT|POST) ')" 0
	# With a key, what is published already is signed, too.
	signed plain stays other.key
	push -n web
	grep -q 'push:web .*option signing key' "$out"
	push web
	equal "$status" 0
	equal "$(digest_of "$DOCKER_REGISTRY/web:v1")" "$digest"
	for number in 0 1; do
		payload "$DOCKER_REGISTRY/web@$digest" $number
		key=$([ $number = 0 ] && echo signer || echo other)
		openssl dgst -sha256 -verify "$keys/$key.pub" -signature "$BATS_TEST_TMPDIR/signature" "$BATS_TEST_TMPDIR/payload"
	done
	for key in signer other; do
		verify --key="$keys/$key.pub" "$DOCKER_REGISTRY/web:v1"
		equal "$status" 0
	done
	# The key may be in a variable.
	to plain variable
	printf 'sign: {key: "env://SIGNING_KEY"}\n' >>settings.yaml
	SIGNING_KEY=$(cat "$keys/plain.key") push web
	equal "$status" 0
	SIGNER=$(cat "$keys/signer.pub") verify --key=env://SIGNER "$DOCKER_REGISTRY/web:v1" --format=json
	equal "$(jq -c '[.version, .images[].reference]' "$out")" "[1,\"$DOCKER_REGISTRY/web:v1\"]"
	equal "$status" 0
}

@test "a signature of something else, or a changed payload, is none" {
	signed plain forged plain.key
	push web worker
	digest=$(digest_of "$DOCKER_REGISTRY/web:v1")
	other=$(digest_of "$DOCKER_REGISTRY/worker:v1")
	[ "$digest" != "$other" ]
	# That of worker under web's name
	skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$DOCKER_REGISTRY/worker:sha256-${other#*:}.sig" \
		"docker://$DOCKER_REGISTRY/web:sha256-${digest#*:}.sig"
	verify --key="$keys/signer.pub" "$DOCKER_REGISTRY/web:v1"
	equal "$status" 0 # what refers to it has it still
	curl -fs -X DELETE "http://$(registry_host plain)/v2/forged/web/manifests/$(digest_of "$DOCKER_REGISTRY/web:sha256-${digest#*:}")"
	verify --key="$keys/signer.pub" "$DOCKER_REGISTRY/web:v1"
	equal "$status" 4
	verify --key="$keys/signer.pub" "$DOCKER_REGISTRY/web:nonsuch"
	equal "$status" 4
	grep -q 'does not exist' "$err"
}

@test "documents are attached as referrers, and promotion takes them and the signatures along" {
	signed plain attached plain.key
	push web
	echo '{"spdxVersion": "SPDX-2.3"}' >sbom.json
	echo '{"@context": "https://openvex.dev/ns/v0.2.0"}' >vex.json
	cb -f services.yaml -f settings.yaml attach sbom.json web --type=spdx
	equal "$status" 0
	cb -f services.yaml -f settings.yaml attach vex.json "$DOCKER_REGISTRY/web:latest" --type=application/vex+json
	equal "$status" 0
	cb -f services.yaml -f settings.yaml attach sbom.json web --type=spdx --format=json # once more: it is there
	equal "$(jq -c '[.version, .referrers[0].subject]' "$out")" "[1,\"$(digest_of "$DOCKER_REGISTRY/web:latest")\"]"
	equal "$status" 0
	cb -f services.yaml -f settings.yaml attach sbom.json web --type=sbom
	equal "$status" 2
	cb -f services.yaml -f settings.yaml attach nonsuch.json web --type=spdx
	equal "$status" 6
	digest=$(digest_of "$DOCKER_REGISTRY/web:v1")
	cb -f services.yaml -f settings.yaml tag web "$(registry_host prod)/shop/web:1.0"
	equal "$status" 0
	for name in "$DOCKER_REGISTRY/web" "$(registry_host prod)/shop/web"; do
		remote "$name:sha256-${digest#*:}" >"$BATS_TEST_TMPDIR/list"
		equal "$(jq -r '.manifests[].artifactType' "$BATS_TEST_TMPDIR/list" | sort | tr '\n' ' ')" \
			"application/spdx+json application/vex+json application/vnd.dev.cosign.artifact.sig.v1+json "
		manifest=$(jq -r '.manifests[] | select(.artifactType == "application/spdx+json") | .digest' "$BATS_TEST_TMPDIR/list")
		blob=$(remote "$name@$manifest" | jq -r '.layers[0].digest')
		curl -fs "http://${name%%/*}/v2/${name#*/}/blobs/$blob" | diff - sbom.json
		equal "$(remote "$name@$manifest" | jq -r '.subject.digest')" "$digest"
		verify --key="$keys/signer.pub" "$name@$digest"
		equal "$status" 0
	done
}

@test "a base that must be signed is built on when it is, by itself or in its index, and not otherwise" {
	signed plain bases plain.key
	push web
	signed plain other-bases other.key
	push worker
	to plain bases
	project policy
	mkdir -p app
	base=$(registry_host plain)/bases/web:v1
	printf 'FROM %s\nCOPY file /file\n' "$base" >app/Dockerfile
	echo one >app/file
	cat >services.yaml <<-EOF
		policy: {signed: {"$(registry_host plain)": "$keys/signer.pub"}}
		platforms: [linux/amd64]
		services: {app: {build: app}}
	EOF
	app()
	{
		cb --no-load app "$@"
	}
	app
	equal "$status" 0
	# As cosign signs by default: the index alone.
	digest=$(remote "$base" | jq -r '.manifests[] | select(.platform.architecture == "amd64") | .digest')
	for list in "sha256-${digest#*:}" "sha256-${digest#*:}.sig"; do
		curl -fs -X DELETE "http://$(registry_host plain)/v2/bases/web/manifests/$(digest_of "${base%:*}:$list")"
	done
	app -B
	equal "$status" 0
	cb lock
	app -B
	equal "$status" 0
	# Another key's, and none.
	printf 'FROM %s\nCOPY file /file\n' "$(registry_host plain)/other-bases/worker:v1" >app/Dockerfile
	app
	equal "$status" 1
	grep -q "other-bases/worker:v1 (.*@sha256:.*) has no signature by $keys/signer.pub, which the manifest's policy demands" "$err"
	rm services.lock
	app
	equal "$status" 1
	# The entry that names most of it counts.
	sed -i "s|signer.pub\"|signer.pub\", \"$(registry_host plain)/other-bases\": \"$keys/other.pub\"|" services.yaml
	app
	equal "$status" 0
	printf 'FROM %s@sha256:%s\nCOPY file /file\n' "$(registry_host plain)/bases/web" "$(remote "$base" | sha256sum | cut -d' ' -f1)" >app/Dockerfile
	app
	equal "$status" 0
	# An engine's own image has no signature.
	mkdir -p "$DOCKER_CONFIG"
	echo "{}" >"$DOCKER_CONFIG/config.json"
	buildah pull -q --tls-verify=false "docker://$base" >/dev/null
	printf 'FROM %s\nCOPY file /file\n' "$base" >app/Dockerfile
	kill "$(head -n1 "$registries/pids")"
	app -B
	[ "$status" -ne 0 ]
	! grep -q 'is taken as' "$err"
}
