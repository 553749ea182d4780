#!/usr/bin/env bats
# The JSON Schema that editors complete and check manifests with: what cbuild takes is valid, and what has a key or a
# shape that cbuild refuses is not. Needs python3's jsonschema and yaml.

bats_require_minimum_version 1.5.0

checkout=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
cbuild=${CBUILD:-$checkout/cbuild}

setup_file()
{
	"$cbuild" schema >"$BATS_FILE_TMPDIR/schema.json"
}

check()
{
	"$checkout/tests/lib/schema-check" "$BATS_FILE_TMPDIR/schema.json" "$@"
}

@test "every manifest that cbuild takes is valid" {
	local files=("$checkout/services.yaml" "$checkout"/tests/manifests/good/*.yaml) file
	mapfile -t -O "${#files[@]}" files < <(git -C "$checkout" ls-files examples 2>/dev/null | grep -E '/services\.ya?ml$' | sed "s|^|$checkout/|")
	for file in "$checkout"/tests/compose/*.yaml; do
		grep -q '^status ' "${file%.yaml}.expected" || files+=("$file")
	done
	[ "${#files[@]}" -gt 40 ]
	check "${files[@]}" >"$BATS_TEST_TMPDIR/out"
	! grep -v ': good$' "$BATS_TEST_TMPDIR/out"
}

@test "a key that is not known, and a value of the wrong shape, is not valid" {
	local bad=$checkout/tests/manifests/bad name
	for name in 01-unknown-key-top 02-unknown-key-service 03-unknown-key-build 18-not-a-map 19-no-services \
		20-services-list 21-service-not-map 45-wrong-types 73-compose-shapes; do
		check "$bad/$name.yaml" >"$BATS_TEST_TMPDIR/out"
		! grep ': good$' "$BATS_TEST_TMPDIR/out"
	done
	check "$bad/45-wrong-types.yaml" "$checkout/tests/compose/35-misspelt.yaml" "$checkout/tests/compose/36-wrong-shapes.yaml" >"$BATS_TEST_TMPDIR/out"
	grep -q "35-misspelt.yaml: services.web: .*'biuld'" "$BATS_TEST_TMPDIR/out"
	grep -q '36-wrong-shapes.yaml: services.web.ports: ' "$BATS_TEST_TMPDIR/out"
	grep -q '36-wrong-shapes.yaml: services.web.deploy: ' "$BATS_TEST_TMPDIR/out"
}

@test "a value that a key does not take is not valid; a variable is" {
	local values
	cd "$BATS_TEST_TMPDIR"
	printf 'builders: {here: {driver: %s}}\nservices: {web: {build: {context: ., network: %s}, index: %s}}\n' docker host never >good.yaml
	printf 'builders: {here: {driver: %s}}\nservices: {web: {build: {context: ., network: %s}, index: %s}}\n' '$D' '"${N:-none}"' '"${I}"' >variables.yaml
	[ "$(check good.yaml variables.yaml | grep -c ': good$')" = 2 ]
	for values in 'dockr host never' 'docker hots never' 'docker host nevr'; do
		printf 'builders: {here: {driver: %s}}\nservices: {web: {build: {context: ., network: %s}, index: %s}}\n' $values >bad.yaml
		check bad.yaml >out
		! grep ': good$' out
	done
}

@test "every key of the reference is in the schema, with the same words" {
	"$cbuild" help manifest >"$BATS_TEST_TMPDIR/reference"
	python3 - "$BATS_FILE_TMPDIR/schema.json" "$BATS_TEST_TMPDIR/reference" <<-'EOF'
		import json, re, sys
		schema = json.load(open(sys.argv[1]))
		maps = {"The manifest": schema}
		for name, value in schema["definitions"].items():
		    maps["A service, a template" if name == "service" else name] = value
		title, key, keys = None, None, 0
		for line in open(sys.argv[2]):
		    if re.fullmatch(r"  [a-z_]+: .*\n", line):
		        key = line.split(":")[0].strip()
		        assert key in maps[title]["properties"], (title, key)
		        keys += 1
		    elif re.match(r"  \S", line):
		        key = None
		    elif line.startswith("      ") and key:
		        words = " ".join(line.split())
		        text = " ".join(maps[title]["properties"][key]["description"].split())
		        assert words in text, (title, key, words)
		    elif line[0].isalpha() and line.strip() in maps:
		        title, key = line.strip(), None
		assert keys > 50, keys
	EOF
}

@test "every key of the manifest's page is in the schema" {
	local key
	for key in $(sed -nE '/^## The top level/,/^## /s/^\| `([a-z_]+)`.*/\1/p; /^## A service/,/^## [^#]/s/^\| `([a-z_]+)`.*/\1/p' "$checkout/docs/manifest.md"); do
		grep -q "^ *\"$key\": {" "$BATS_FILE_TMPDIR/schema.json"
	done
	# And the other way round.
	for key in $(python3 -c 'import json, sys
schema = json.load(open(sys.argv[1]))
for part in [schema, *schema["definitions"].values()]:
    print(*part["properties"])' "$BATS_FILE_TMPDIR/schema.json"); do
		grep -q "\`$key\`" "$checkout/docs/manifest.md" || {
			echo "$key is not in docs/manifest.md"
			return 1
		}
	done
}
