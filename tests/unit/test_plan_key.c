#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/table.h"
#include "engine/plan/plan_node.h"
#include "plan_world.h"

/*
 * Every input of a key is changed alone: exactly the nodes that depend on it turn stale, for that reason; what does
 * not count changes nothing. tests/mutate-key.py takes each field out of engine/plan/key.c and sees a test here fail.
 */

static const char manifest[] = "project: world\n"
			       "registry: example.org/w\n"
			       "platforms: [linux/amd64, linux/arm64]\n"
			       "tags: [\"1\"]\n"
			       "secrets: {token: {file: token.txt}, other: {file: other.txt}}\n"
			       "vars: {UNUSED: a, VERSION: \"1.0\"}\n"
			       "source_date_epoch: 1000\n"
			       "configs: {settings: {file: settings.conf}}\n"
			       "services:\n"
			       "  base:\n"
			       "    publish: false\n"
			       "    build: base\n"
			       "  app:\n"
			       "    build:\n"
			       "      context: app\n"
			       "      args: {VERSION: \"${VERSION}\", IDLE: x}\n"
			       "      labels: {team: blue}\n"
			       "      target: final\n"
			       "      network: none\n"
			       "      shm_size: 1MB\n"
			       "      extra_hosts: [db=10.0.0.1]\n"
			       "      ulimits: {nofile: 10}\n"
			       "      entitlements: [network.host]\n"
			       "      secrets: [token]\n"
			       "      ssh: [default=agent]\n"
			       "      additional_contexts: {base: \"service:base\", extra: ./extra, other: "
			       "\"https://example.org/a.tar\"}\n"
			       "    needs: [tool, last]\n"
			       "    prepare:\n"
			       "      run: [make, gen]\n"
			       "      inputs: [\"schema/*.txt\"]\n"
			       "      outputs: [app/gen.c]\n"
			       "      env: [FLAVOUR]\n"
			       "    ports: [\"80\"]\n"
			       "    environment: {MODE: fast}\n"
			       "    command: [serve]\n"
			       "    entrypoint: [/start]\n"
			       "    user: \"7\"\n"
			       "    tmpfs: [/tmp]\n"
			       "    working_dir: /srv\n"
			       "    cap_add: [NET_ADMIN, SYS_TIME]\n"
			       "    read_only: true\n"
			       "    networks: {front: {aliases: [www]}}\n"
			       "    configs: [{source: settings, target: /etc/settings}]\n"
			       "    env_file: app.env\n"
			       "    depends_on: {db: {condition: service_started}, last: {condition: "
			       "service_started}, pulled: {condition: service_started}}\n"
			       "    verify:\n"
			       "      http: {path: /health, port: 80, status: 200, body: ok, json: {a.b: one}, "
			       "timeout: 5s, method: PUT, send: it, host: h.test, headers: {X: one}, redirects: 2, "
			       "scheme: https, ca: ca.pem, insecure: false}\n"
			       "      tcp: {port: 81, timeout: 6s}\n"
			       "      grpc: {port: 86, service: s.S, timeout: 4s, tls: true, host: g.test, ca: grpc.pem}\n"
			       "      exec: {command: [test, -e, /x], timeout: 2s}\n"
			       "      user: \"7\"\n"
			       "      max_size: 10MB\n"
			       "      entrypoint: [/start]\n"
			       "      ports: [\"80\"]\n"
			       "      labels: {team: blue}\n"
			       "      platforms: [linux/amd64]\n"
			       "      run: [[check, \"${image.oci}\"]]\n"
			       "  db:\n"
			       "    build: db\n"
			       "    healthcheck: {test: [CMD, ask], timeout: 9s, disable: false, retries: 4, "
			       "interval: 7s, start_period: 3s, start_interval: 2s}\n"
			       "    environment: {SIZE: small}\n"
			       "    verify: {tcp: 99}\n"
			       "  pulled:\n"
			       "    image: example.org/pulled:1\n"
			       "    command: [listen]\n"
			       "    healthcheck: {test: [CMD, knock], timeout: 3s}\n"
			       "    depends_on: [below]\n"
			       "  below:\n"
			       "    image: example.org/below:1\n"
			       "  last:\n"
			       "    publish: false\n"
			       "    build: last\n"
			       "  tool:\n"
			       "    publish: false\n"
			       "    build: tool\n";

static const char dockerfile[] = "ARG VERSION\n"
				 "FROM --platform=$BUILDPLATFORM base AS build\n"
				 "ARG VERSION\n"
				 "COPY main.c gen.c /src/\n"
				 "COPY lib /src/lib\n"
				 "COPY --from=extra data /data\n"
				 "COPY --from=other x /x\n"
				 "ADD https://example.org/c /c\n"
				 "FROM example.org/runtime:1 AS final\n"
				 "COPY --from=build /src /src\n"
				 "FROM final AS debug\n";

#define ZEROS "000000000000000000000000000000000000000000000000000000000000"
static const char lock[] = "# The bases\n"
			   "version 3\n"
			   "example.org/other:1 sha256:0000" ZEROS "\n"
			   "example.org/runtime:1 sha256:0000" ZEROS "\n"
			   "  linux/amd64 sha256:1111111111111111111111111111111111111111111111111111111111111111\n"
			   "  linux/arm64 sha256:2222222222222222222222222222222222222222222222222222222222222222\n"
			   "  linux/riscv64 sha256:3333333333333333333333333333333333333333333333333333333333333333\n"
			   "url https://example.org/c "
			   "sha256:8888888888888888888888888888888888888888888888888888888888888888\n";

static int set_up(void **state)
{
	struct world *world = mem_alloc(sizeof(*world));

	world_new(world);
	world_write(world, "services.yaml", manifest);
	world_write(world, "app/Dockerfile", dockerfile);
	world_write(world, "services.lock", lock);
	world_write(world, "app.env", "LEVEL=1\nMODE=other\n");
	world_write(world, "fetched/a.tar/x", "one\n");
	world_write(world, "fetched/b.tar/x", "two\n");
	world_write(world, "ca.pem", "authority");
	world_write(world, "grpc.pem", "grpc's");
	world_write(world, "settings.conf", "quiet");
	world_write(world, "app/main.c", "int main;\n");
	world_write(world, "app/gen.c", "int gen;\n");
	world_write(world, "app/lib/a.c", "int a;\n");
	world_write(world, "app/notes.txt", "not copied\n");
	world_write(world, "extra/data", "1\n");
	world_write(world, "extra2/data", "1\n");
	world_write(world, "extra3/data", "3\n");
	world_write(world, "schema/one.txt", "1\n");
	world_write(world, "base/Dockerfile", "FROM scratch\nCOPY b /\n");
	world_write(world, "base/b", "b\n");
	world_write(world, "db/Dockerfile", "FROM scratch\nCOPY . /\n");
	world_write(world, "db/.dockerignore", "*.log\n");
	world_write(world, "db/d", "d\n");
	world_write(world, "tool/Dockerfile", "FROM scratch\nCOPY t /\n");
	world_write(world, "tool/t", "t\n");
	world_write(world, "last/Dockerfile", "FROM scratch\n");
	world->environ[0] = "FLAVOUR=sweet";
	setenv("FLAVOUR", "sweet", 1);
	world_run(world, NULL);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	world_free(world);
	free(world);
	return 0;
}

static void expect_plan(struct world *world, const char *expected)
{
	cleanup_free char *plan = world_plan(world, NULL, false);

	if (strcmp(plan, expected) != 0)
		fail_msg("expected:\n%s\ngot:\n%s", expected, plan);
}

static void nothing_is_stale_after_a_run(void **state)
{
	expect_plan(*state, "");
}

/* Everything above the two builds of app waits for them. */
#define ABOVE_APP                                                                                                 \
	"unknown index:app: dependency build:app:linux/amd64 (stale); dependency build:app:linux/arm64 (stale)\n" \
	"unknown load:app: dependency build:app:linux/amd64 (stale)\n"                                            \
	"unknown verify:app: dependency index:app (unknown); dependency load:app (unknown); "                     \
	"dependency build:app:linux/amd64 (stale); dependency build:app:linux/arm64 (stale)\n"
#define BOTH(reason) "stale build:app:linux/amd64: " reason "\nstale build:app:linux/arm64: " reason "\n" ABOVE_APP
#define VERIFY(reason) "stale verify:app: " reason "\n"

/* Values that may be secrets are shown by their hashes. */
#define FAST "hidden:7a20f66443cadc8be21d201c7f032253"
#define SLOW "hidden:c98a2fe75127164d9ac2101336c80e05"
#define SMALL "hidden:b238588c90528b2091f24f9860034dd7"
#define BIG "hidden:24495710ff63776c7c660a1adea13c66"

struct edit {
	const char *file, *from, *to;
	const char *expected;
};

static const struct edit edits[] = {
	{ "app/main.c", "main", "other", BOTH("file app/main.c (content)") },
	{ "app/lib/a.c", "int", "long", BOTH("file app/lib/a.c (content)") },
	{ "extra/data", "1", "2", BOTH("file extra/data (content)") },
	{ "app/Dockerfile", "FROM final AS debug\n", "FROM final AS debug \n",
	  BOTH("dockerfile app/Dockerfile (content)") },
	{ "services.yaml", "VERSION: \"1.0\"", "VERSION: \"2.0\"", BOTH("arg VERSION (1.0 -> 2.0)") },
	{ "services.yaml", "target: final", "target: debug", BOTH("option target (final -> debug)") },
	{ "services.yaml", "network: none", "network: host", BOTH("option network (none -> host)") },
	{ "services.yaml", "shm_size: 1MB", "shm_size: 2MB", BOTH("option shm_size (1048576 -> 2097152)") },
	{ "services.yaml", "db=10.0.0.1", "db=10.0.0.2", BOTH("option extra_hosts[0] (db:10.0.0.1 -> db:10.0.0.2)") },
	{ "services.yaml", "nofile: 10", "nofile: {soft: 10, hard: 20}",
	  BOTH("option ulimits[0] (nofile=10:10 -> nofile=10:20)") },
	{ "services.yaml", "[network.host]", "[network.host, security.insecure]", BOTH("option entitlements[1] (added)") },
	{ "services.yaml", "    ports: [\"80\"]\n", "    ports: [\"80\"]\n    media_types: docker\n",
	  BOTH("option media_types (added)") },
	{ "services.yaml", "    ports: [\"80\"]\n", "    ports: [\"80\"]\n    media_types: oci\n", "" },
	{ "services.yaml", "network: none", "annotations: {one: a}\n      network: none",
	  BOTH("option annotation one (added)") },
	{ "services.yaml", "network: none", "annotations: [\"index,manifest:one=a\"]\n      network: none",
	  BOTH("option annotation one (added)") },
	{ "services.yaml", "network: none",
	  "annotations: [\"index:one=a\", \"manifest[linux/s390x]:two=b\"]\n      network: none", "" },
	{ "services.yaml", "network: none", "provenance: true\n      network: none", BOTH("option provenance (added)") },
	{ "services.yaml", "network: none", "sbom: true\n      network: none", BOTH("option sbom (added)") },
	{ "services.yaml", "network: none", "provenance: false\n      sbom: false\n      network: none", "" },
	{ "services.yaml", "    build: tool\n", "    build: {context: tool, provenance: max, sbom: true}\n", "" },
	{ "services.yaml", "secrets: [token]", "secrets: [other]", BOTH("option secrets[0] (token -> other)") },
	{ "services.yaml", "ssh: [default=agent]", "ssh: [mine=agent]", BOTH("option ssh[0] (default -> mine)") },
	{ "services.yaml", "file: token.txt", "file: token2.txt", "" },
	{ "services.yaml", "ssh: [default=agent]", "ssh: [default=agent2]", "" },
	{ "services.yaml", "network: none",
	  "no_cache: true\n      pull: true\n      cache_from: [a]\n      "
	  "cache_to: [b]\n      network: none",
	  "" },
	{ "services.yaml", "labels: {team: blue}\n      target", "labels: {team: red}\n      target",
	  BOTH("option label team (blue -> red)") },
	{ "services.yaml", "labels: {team: blue}\n      target", "labels: {team: blue, a: b}\n      target",
	  BOTH("option label a (added)") },
	{ "services.yaml", "      labels: {team: blue}\n      target", "      target",
	  BOTH("option label team (removed)") },
	{ "services.yaml", "{VERSION: \"${VERSION}\", IDLE: x}", "{IDLE: x}", BOTH("arg VERSION (removed)") },
	{ "services.yaml", "extra: ./extra", "extra: ./extra3",
	  BOTH("file extra3/data (added); file extra/data (removed)") },
	{ "services.yaml", "secrets: [token]", "secrets: [token, other]", BOTH("option secrets[1] (added)") },
	{ "services.yaml", "https://example.org/a.tar", "https://example.org/b.tar",
	  BOTH("file https://example.org/b.tar/x (added); file https://example.org/a.tar/x (removed)") },
	{ "fetched/a.tar/x", "one", "two", BOTH("file https://example.org/a.tar/x (content)") },
	{ "services.lock", "example.org/c sha256:8888", "example.org/c sha256:9999",
	  BOTH("url https://example.org/c (sha256:888888888888 -> sha256:999988888888)") },
	{ "services.lock", "linux/amd64 sha256:1111", "linux/amd64 sha256:4444",
	  "stale build:app:linux/amd64: base example.org/runtime:1 (linux/amd64) (sha256:111111111111 -> "
	  "sha256:444411111111)\n"
	  "unknown index:app: dependency build:app:linux/amd64 (stale)\n"
	  "unknown load:app: dependency build:app:linux/amd64 (stale)\n"
	  "unknown verify:app: dependency index:app (unknown); dependency load:app (unknown); "
	  "dependency build:app:linux/amd64 (stale)\n" },
	{ "services.yaml", "command: [serve]", "command: [serve, fast]", VERIFY("option command[1] (added)") },
	{ "services.yaml", "entrypoint: [/start]\n    user", "entrypoint: [/begin]\n    user",
	  VERIFY("option entrypoint[0] (/start -> /begin)") },
	{ "services.yaml", "user: \"7\"\n    tmpfs", "user: \"8\"\n    tmpfs", VERIFY("option user (7 -> 8)") },
	{ "services.yaml", "working_dir: /srv", "working_dir: /run", VERIFY("option working_dir (/srv -> /run)") },
	{ "app.env", "LEVEL=1", "LEVEL=2",
	  VERIFY("option env_file LEVEL (hidden:df3ce784d856334d65cd25028f98f158 -> "
		 "hidden:cb358fcee0dfde56fb95a7322f5da314)") },
	{ "app.env", "MODE=other", "MODE=another", "" },
	{ "services.yaml", "tmpfs: [/tmp]", "tmpfs: [/run]", VERIFY("option tmpfs[0] (/tmp -> /run)") },
	{ "services.yaml", "MODE: fast", "MODE: slow", VERIFY("option environment MODE (" FAST " -> " SLOW ")") },
	{ "services.yaml", "ports: [\"80\"]\n    environment", "ports: [\"90\"]\n    environment",
	  VERIFY("option ports[0] (80 -> 90)") },
	{ "services.yaml", "path: /health", "path: /health?key=1", VERIFY("option verify.http.query (added)") },
	{ "services.yaml", "path: /health", "path: /ready", VERIFY("option verify.http.path (/health -> /ready)") },
	{ "services.yaml", "port: 80,", "port: 82,", VERIFY("option verify.http.port (80 -> 82)") },
	{ "services.yaml", "status: 200", "status: 204", VERIFY("option verify.http.status (200 -> 204)") },
	{ "services.yaml", "body: ok", "body: fine", VERIFY("option verify.http.body (ok -> fine)") },
	{ "services.yaml", "{a.b: one}", "{a.c: one}", VERIFY("option verify.http.json path (a.b -> a.c)") },
	{ "services.yaml", "{a.b: one}", "{a.b: two}", VERIFY("option verify.http.json value (one -> two)") },
	{ "services.yaml", "timeout: 5s", "timeout: 7s", VERIFY("option verify.http.timeout_ms (5000 -> 7000)") },
	{ "services.yaml", "port: 81", "port: 83", VERIFY("option verify.tcp.port (81 -> 83)") },
	{ "services.yaml", "timeout: 6s", "timeout: 7s", VERIFY("option verify.tcp.timeout_ms (6000 -> 7000)") },
	{ "services.yaml", "SYS_TIME", "SYS_NICE", VERIFY("option cap_add[1] (SYS_TIME -> SYS_NICE)") },
	{ "services.yaml", "read_only: true", "read_only: false", VERIFY("option read_only[0] (removed)") },
	{ "services.yaml", "[www]", "[wwx]", VERIFY("option networks aliases[0] (www -> wwx)") },
	{ "services.yaml", "target: /etc/settings", "target: /etc/set",
	  VERIFY("option file /etc/set (added); option file /etc/settings (removed)") },
	{ "settings.conf", "quiet", "loud", VERIFY("file settings.conf (content)") },
	{ "services.yaml", "method: PUT", "method: POST", VERIFY("option verify.http.method (PUT -> POST)") },
	{ "services.yaml", "send: it", "send: that",
	  VERIFY("option verify.http.send (hidden:fb2510b60fecc66d037384082eebc5a9 -> hidden:be467b58beeb77a7b29df52a9f47b3b5)") },
	{ "services.yaml", "host: h.test", "host: i.test", VERIFY("option verify.http.host (h.test -> i.test)") },
	{ "services.yaml", "{X: one}", "{Y: one}",
	  VERIFY("option verify.http.headers Y (added); option verify.http.headers X (removed)") },
	{ "services.yaml", "redirects: 2", "redirects: 0", VERIFY("option verify.http.redirects (2 -> 0)") },
	{ "services.yaml", "https, ca: ca.pem, ", "http, ",
	  VERIFY("option verify.http.https (1 -> 0); file ca.pem (removed)") },
	{ "services.yaml", "insecure: false", "insecure: true", VERIFY("option verify.http.insecure (0 -> 1)") },
	{ "ca.pem", "authority", "another", VERIFY("file ca.pem (content)") },
	{ "services.yaml", "port: 86", "port: 87", VERIFY("option verify.grpc.port (86 -> 87)") },
	{ "services.yaml", "service: s.S", "service: s.T", VERIFY("option verify.grpc.service (s.S -> s.T)") },
	{ "services.yaml", "timeout: 4s", "timeout: 3s", VERIFY("option verify.grpc.timeout_ms (4000 -> 3000)") },
	{ "services.yaml", "4s, tls: true, host: g.test, ca: grpc.pem", "4s",
	  VERIFY("option verify.grpc.host (g.test -> (none)); option verify.grpc.tls (1 -> 0); file grpc.pem (removed)") },
	{ "grpc.pem", "grpc's", "another", VERIFY("file grpc.pem (content)") },
	{ "services.yaml", "host: g.test", "host: k.test", VERIFY("option verify.grpc.host (g.test -> k.test)") },
	{ "services.yaml", "host: g.test", "host: g.test, insecure: true",
	  VERIFY("option verify.grpc.insecure (0 -> 1)") },
	{ "services.yaml", "-e, /x", "-e, /y", VERIFY("option verify.exec.command[2] (/x -> /y)") },
	{ "services.yaml", "timeout: 2s", "timeout: 1s", VERIFY("option verify.exec.timeout_ms (2000 -> 1000)") },
	{ "services.yaml", "user: \"7\"\n      max", "user: nonroot\n      max",
	  VERIFY("option verify.user (7 -> nonroot)") },
	{ "services.yaml", "max_size: 10MB", "max_size: 11MB", VERIFY("option verify.max_size (10000000 -> 11000000)") },
	{ "services.yaml", "entrypoint: [/start]\n      ports", "entrypoint: [/begin]\n      ports",
	  VERIFY("option verify.entrypoint[0] (/start -> /begin)") },
	{ "services.yaml", "ports: [\"80\"]\n      labels", "ports: [\"90\"]\n      labels",
	  VERIFY("option verify.ports[0] (80 -> 90)") },
	{ "services.yaml", "labels: {team: blue}\n      platforms", "labels: {team: red}\n      platforms",
	  VERIFY("option verify.labels team (blue -> red)") },
	{ "services.yaml", "platforms: [linux/amd64]\n      run", "platforms: [linux/arm64]\n      run",
	  VERIFY("option verify.platforms[0] (linux/amd64 -> linux/arm64)") },
	{ "services.yaml", "[[check,", "[[probe,", VERIFY("option verify.run[0][0] (check -> probe)") },
	{ "services.yaml", "SIZE: small", "SIZE: big",
	  VERIFY("option db: environment SIZE (" SMALL " -> " BIG ")") "stale verify:db: option environment SIZE "
								       "(" SMALL " -> " BIG ")\n" },
	{ "services.yaml", "[CMD, ask]", "[CMD, beg]", VERIFY("option db: healthcheck.test[1] (ask -> beg)") },
	{ "services.yaml", "timeout: 9s", "timeout: 8s", VERIFY("option db: healthcheck.timeout_ms (9000 -> 8000)") },
	{ "services.yaml", "disable: false", "disable: true", VERIFY("option db: healthcheck.disable (0 -> 1)") },
	{ "services.yaml", "retries: 4", "retries: 5", VERIFY("option db: healthcheck.retries (4 -> 5)") },
	{ "services.yaml", "interval: 7s", "interval: 6s", VERIFY("option db: healthcheck.interval_ms (7000 -> 6000)") },
	{ "services.yaml", "start_period: 3s", "start_period: 4s",
	  VERIFY("option db: healthcheck.start_period_ms (3000 -> 4000)") },
	{ "services.yaml", "start_interval: 2s", "start_interval: 1s",
	  VERIFY("option db: healthcheck.start_interval_ms (2000 -> 1000)") },
	{ "services.yaml", "tcp: 99", "tcp: 98",
	  VERIFY("option db: verify.tcp.port (99 -> 98)") "stale verify:db: option verify.tcp.port (99 -> 98)\n" },
	{ "services.yaml", "condition: service_started", "condition: service_healthy",
	  VERIFY("option depends_on db (condition 0 -> condition 1)") },
	/* a service that is pulled, to run beside, and one below it */
	{ "services.yaml", "example.org/pulled:1", "example.org/pulled:2",
	  VERIFY("option pulled: image (example.org/pulled:1 -> example.org/pulled:2)") },
	{ "services.yaml", "[listen]", "[hear]", VERIFY("option pulled: command[0] (listen -> hear)") },
	{ "services.yaml", "[CMD, knock]", "[CMD, ring]", VERIFY("option pulled: healthcheck.test[1] (knock -> ring)") },
	{ "services.yaml", "example.org/below:1", "example.org/below:2",
	  VERIFY("option below: image (example.org/below:1 -> example.org/below:2)") },
	/* a format: exactly its image, and no build */
	{ "services.yaml", "    build: db\n", "    build: db\n    formats: [zstd]\n",
	  "stale convert:db:zstd:linux/amd64: new convert:db:zstd:linux/amd64\n"
	  "stale convert:db:zstd:linux/arm64: new convert:db:zstd:linux/arm64\n"
	  "stale index:db:zstd: new index:db:zstd; dependency convert:db:zstd:linux/amd64 (stale); "
	  "dependency convert:db:zstd:linux/arm64 (stale)\n" },
	{ "services.yaml", "    build: db\n", "    build: db\n    formats: [oci]\n", "" },
	/* what does not count */
	{ "services.lock", "runtime:1 sha256:0000", "runtime:1 sha256:5555", "" }, /* the index: the platforms' stay */
	{ "services.lock", "linux/riscv64 sha256:3333", "linux/riscv64 sha256:6666", "" },
	{ "services.lock", "other:1 sha256:0000", "other:1 sha256:7777", "" },
	{ "services.lock", "# The bases", "# Our bases", "" },
	{ "app/notes.txt", "not", "never", "" },
	{ "services.yaml", "UNUSED: a", "UNUSED: b", "" },
	{ "services.yaml", "IDLE: x", "IDLE: y", "" },
	{ "services.yaml", "project: world\nregistry: example.org/w\n",
	  "registry: example.org/w\n# a comment\nproject: world\n", "" },
	{ "services.yaml", "{VERSION: \"${VERSION}\", IDLE: x}", "{IDLE: x, VERSION: \"${VERSION}\"}", "" },
	{ "db/.dockerignore", "*.log", "# logs\n*.log", "" },
	{ "services.yaml", "platforms: [linux/amd64, linux/arm64]\ntags",
	  "platforms: [linux/x86_64, linux/aarch64]\ntags", "" },
	{ "services.yaml", "platforms: [linux/amd64, linux/arm64]\ntags", "platforms: [linux/arm64, linux/amd64]\ntags",
	  "" },
	{ "services.yaml", "extra: ./extra", "extra: ./extra2", "" }, /* the same files elsewhere */
	{ "services.yaml", "    build: tool\n", "    build: {context: ./tool/, dockerfile: Dockerfile}\n", "" },
	{ "services.yaml", "      network: none\n", "      \"network\": 'none'\n", "" },
	{ "services.yaml", "services:\n", "groups: {some: [app]}\nservices:\n", "" },
	{ "services.yaml", "command: [serve]", "command: serve", "" },
	{ "services.yaml", "needs: [tool, last]", "needs: [last, tool]", "" },
	{ "services.yaml", "base: \"service:base\", extra: ./extra", "extra: ./extra, base: \"service:base\"", "" },
	{ "services.yaml", "{db: {condition: service_started}, last: {condition: service_started},",
	  "{last: {condition: service_started}, db: {condition: service_started},", "" },
};

static void each_edit_is_seen_alone(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		const struct edit *edit = &edits[i];
		cleanup_free char *plan = NULL;

		world_edit(world, edit->file, edit->from, edit->to);
		plan = world_plan(world, NULL, false);
		if (strcmp(edit->file, "db/.dockerignore") == 0)
			assert_non_null(strstr(plan, "file db/.dockerignore (content)")); /* COPY . copies it */
		else if (strcmp(plan, edit->expected) != 0)
			fail_msg("%s -> %s: expected:\n%s\ngot:\n%s", edit->from, edit->to, edit->expected, plan);
		world_edit(world, edit->file, edit->to, edit->from);
	}
	expect_plan(world, "");
}

#define APP "build:app:linux/amd64"

/* The key that results are shared by over a registry has the same inputs as the build's own. */
static void what_makes_a_build_stale_makes_it_another_for_others(void **state)
{
	struct world *world = *state;
	cleanup_free char *before = world_shared_key(world, APP), *after = NULL;

	assert_true(digest_valid(before));
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		const struct edit *edit = &edits[i];
		bool stale = strstr(edit->expected, "stale " APP ":") != NULL;
		cleanup_free char *now = NULL;

		world_edit(world, edit->file, edit->from, edit->to);
		now = world_shared_key(world, APP);
		if ((strcmp(before, now) != 0) != stale)
			fail_msg("%s -> %s: %s -> %s", edit->from, edit->to, before, now);
		world_edit(world, edit->file, edit->to, edit->from);
	}
	after = world_shared_key(world, APP);
	assert_string_equal(before, after);
}

static void what_is_not_the_same_for_all_is_not_shared(void **state)
{
	struct world *world = *state;
	cleanup_free char *why = NULL;

	world_edit(world, "services.lock", "  linux/amd64", "  linux/s390x");
	why = world_shared_key(world, APP);
	assert_string_equal(why, "its base example.org/runtime:1 is not locked: cbuild lock");
}

/* What others know a result by is made of the bytes themselves: on every machine the same, another one only when a version in key.c
 * is raised. */
static void the_shared_key_is_the_same_on_every_machine(void **state)
{
	struct world *world = *state;
	cleanup_free char *key = NULL;

	world->identities[0] = "build:base:linux/amd64";
	world->identities[1] = "image of base";
	world->identities[2] = "build:tool:linux/amd64";
	world->identities[3] = "image of tool";
	world->identities[4] = "build:last:linux/amd64";
	world->identities[5] = "image of last";
	world_edit(world, "services.yaml", "IDLE: x", "BUILDKIT_AUTH_TOKEN: x");
	world_run(world, NULL);
	key = world_shared_key(world, APP);
	assert_string_equal(key, "sha256:6e16d408b3c0bd263a6d9d4dd23c80371175be59e12ed2ad314f024250d31263");
}

static void an_epoch_counts_for_builds_and_steps(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_edit(world, "services.yaml", "source_date_epoch: 1000", "source_date_epoch: 2000");
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "stale prepare:app: option source_date_epoch (1000 -> 2000)\n"));
	assert_non_null(strstr(plan, "stale build:base:linux/amd64: option source_date_epoch (1000 -> 2000)\n"));
}

/* SOURCE_DATE_EPOCH of the environment wins over the manifest's; what nothing names is nobody's business. */
static void the_environment_counts_where_it_is_used(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL, *same = NULL;

	world->environ[1] = "UNUSED=1";
	world->environ[2] = "LANG=tr_TR.UTF-8";
	expect_plan(world, "");
	world->environ[3] = "SOURCE_DATE_EPOCH=1000";
	expect_plan(world, "");
	world->environ[3] = "SOURCE_DATE_EPOCH=3000";
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "stale build:tool:linux/arm64: option source_date_epoch (1000 -> 3000)\n"));
	world->environ[3] = "VERSION=9.9";
	same = world_plan(world, NULL, false);
	assert_non_null(strstr(same, "stale build:app:linux/amd64: arg VERSION (1.0 -> 9.9)\n"));
	assert_null(strstr(same, "build:tool"));
}

/* A Dockerfile in the manifest counts by its text, not by how that is written there. */
static void what_a_base_does_on_build_counts(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_edit(world, "services.yaml", "    build: tool\n",
		   "    build:\n      context: tool\n      args: {GIVEN: \"1\"}\n      additional_contexts: {base: "
		   "\"service:base\", "
		   "extra: ./extra}\n");
	world_write(world, "tool/Dockerfile", "FROM base\n");
	world_write(world, "base/Dockerfile",
		    "FROM scratch\nCOPY b /\nONBUILD ARG GIVEN\nONBUILD COPY --from=extra data /\n"
		    "ONBUILD COPY t /\n");
	world_run(world, NULL);
	world_edit(world, "services.yaml", "GIVEN: \"1\"", "GIVEN: \"2\"");
	world_write(world, "extra/data", "2\n");
	world_write(world, "tool/t", "2\n");
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "stale build:tool:linux/arm64: arg GIVEN (1 -> 2); file tool/t (content); file "
				     "extra/data (content)\n"));
}

static void what_a_base_from_elsewhere_does_on_build_counts(void **state)
{
	struct world *world = *state;

	cleanup_free char *plan = NULL;

	world->asked = "USER 7\n";
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(
		plan, "stale build:app:linux/amd64: base ONBUILD of example.org/runtime:1 (linux/amd64) (added)\n"));
}

static void a_dockerfile_in_the_manifest_counts(void **state)
{
	static const char block[] = "    build:\n      context: tool\n      dockerfile_inline: |\n        FROM "
				    "scratch\n        COPY t /\n";
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_edit(world, "services.yaml", "    build: tool\n", block);
	world_run(world, NULL);
	world_edit(world, "services.yaml", block,
		   "    build: {context: tool, dockerfile_inline: \"FROM scratch\\nCOPY t /\\n\"}\n");
	expect_plan(world, "");
	world_edit(world, "services.yaml", "COPY t /\\n", "COPY t /there\\n");
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "stale build:tool:linux/amd64: dockerfile tool/dockerfile_inline (content)\n"));
}

static void a_step_counts_its_command_inputs_environment_and_outputs(void **state)
{
	static const struct edit steps[] = {
		{ "services.yaml", "run: [make, gen]", "run: [make, all]",
		  "stale prepare:app: option prepare.run[1] (gen -> all)\n" },
		{ "schema/one.txt", "1", "2", "stale prepare:app: file schema/one.txt (content)\n" },
		{ "app/gen.c", "gen", "hand", "stale prepare:app: file app/gen.c (changed by hand)\n" },
	};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		cleanup_free char *plan = NULL;

		world_edit(world, steps[i].file, steps[i].from, steps[i].to);
		plan = world_plan(world, NULL, false);
		if (strncmp(plan, steps[i].expected, strlen(steps[i].expected)) != 0)
			fail_msg("expected:\n%s\ngot:\n%s", steps[i].expected, plan);
		world_edit(world, steps[i].file, steps[i].to, steps[i].from);
	}
	world_edit(world, "services.yaml", "outputs: [app/gen.c]", "outputs: [app/gen.c, app/lib/made.c]");
	{
		cleanup_free char *plan = world_plan(world, NULL, false);

		assert_non_null(strstr(plan, "stale prepare:app: option prepare.outputs[1] (added)\n"));
	}
	world_edit(world, "services.yaml", "outputs: [app/gen.c, app/lib/made.c]", "outputs: [app/gen.c]");
	setenv("FLAVOUR", "sour", 1);
	{
		cleanup_free char *plan = world_plan(world, NULL, false);

		assert_non_null(strstr(plan, "stale prepare:app: option prepare.env FLAVOUR (hidden:"));
	}
	setenv("FLAVOUR", "sweet", 1);
	{
		cleanup_free char *path = path_join(world->dir, "app/gen.c");
		cleanup_free char *plan = NULL;

		assert_int_equal(chmod(path, 0755), 0);
		plan = world_plan(world, NULL, false);
		assert_non_null(strstr(plan, "stale prepare:app: file app/gen.c (changed by hand)\n"));
	}
	world_remove(world, "app/gen.c");
	{
		cleanup_free char *plan = world_plan(world, NULL, false);

		assert_non_null(strstr(plan, "stale prepare:app: missing app/gen.c (deleted)\n"));
	}
}

static void a_step_that_makes_the_same_outputs_stops_there(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_edit(world, "schema/one.txt", "1", "2");
	world_run(world, NULL);
	plan = world_plan(world, NULL, true);
	assert_string_equal(plan, "");
}

static void a_changed_output_rebuilds_what_reads_it(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	/* The step has to run again, and makes something else. */
	world_edit(world, "app/gen.c", "gen", "made");
	world_edit(world, "schema/one.txt", "1", "2");
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "unknown build:app:linux/amd64: dependency prepare:app (stale)\n"));
	free(plan);
	plan = world_plan(world, NULL, true);
	assert_non_null(strstr(plan, "stale build:app:linux/amd64: file app/gen.c (content)\n"));
	assert_non_null(strstr(plan, "stale build:app:linux/arm64: file app/gen.c (content)\n"));
}

static void a_changed_output_is_an_input_of_another_step(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_edit(world, "services.yaml", "    build: db\n",
		   "    build: db\n    prepare: {run: [make], inputs: [app/gen.c], outputs: [db/late]}\n");
	world_write(world, "db/late", "1");
	world_run(world, NULL);
	world_edit(world, "app/gen.c", "gen", "made");
	world_edit(world, "schema/one.txt", "1", "2");
	plan = world_plan(world, NULL, true);
	assert_non_null(strstr(plan, "stale prepare:db: file app/gen.c (content)\n"));
}

static void a_format_is_a_node_of_its_own(void **state)
{
	struct world *world = *state;
	cleanup_free char *zstd = NULL, *estargz = NULL, *plan = NULL;

	world_edit(world, "services.yaml", "    build: db\n", "    build: db\n    formats: [zstd, estargz]\n");
	world_run(world, NULL);
	expect_plan(world, "");
	zstd = world_key(world, "convert:db:zstd:linux/amd64");
	estargz = world_key(world, "convert:db:estargz:linux/amd64");
	assert_string_not_equal(zstd, estargz);
	/* Another suffix is another tag, of the same image. */
	world_edit(world, "services.yaml", "[zstd, estargz]", "{zstd: {suffix: -z}, estargz: {}}");
	expect_plan(world, "stale index:db:zstd: option reference[0] (example.org/w/db:1-zstd -> "
			   "example.org/w/db:1-z)\n");
	world_run(world, NULL);
	/* What is built comes out the same: nothing is converted. */
	world_edit(world, "db/d", "d", "e");
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "unknown convert:db:zstd:linux/amd64: dependency build:db:linux/amd64 (stale)\n"));
	assert_non_null(strstr(plan, "unknown index:db:zstd: dependency convert:db:zstd:linux/amd64 (unknown); "));
	free(plan);
	plan = world_plan(world, NULL, true);
	assert_non_null(strstr(plan, "stale convert:db:zstd:linux/amd64: dependency build:db:linux/amd64 ("));
}

static void files_of_a_build_count_where_they_go_and_which_they_are(void **state)
{
	static const char *const wanted[] = { "option\toutputs[0]\tlocal files\n",
					      "option\toutputs[1]\ttar files.tar\n", "option\tsource_date_epoch\t1000\n",
					      "dependency\tbuild:files:linux/amd64\t" };
	struct world *world = *state;
	cleanup_free char *files = NULL, *pack = NULL;

	world_edit(
		world, "services.yaml", "services:\n",
		"services:\n  files: {build: {context: db, platforms: [linux/amd64], outputs: [files, {type: tar, dest: files.tar}]}}\n"
		"  pack: {build: {context: files, platforms: [linux/amd64], dockerfile_inline: \"FROM scratch\\nCOPY . /\"}}\n");
	files = world_inputs(world, "output:files");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strstr(files, wanted[i]))
			fail_msg("%s is not among:\n%s", wanted[i], files);
	/* The folder is not there yet. */
	pack = world_inputs(world, "build:pack:linux/amd64");
	if (!strstr(pack, "option\tcontext (main)\tfiles\n"))
		fail_msg("%s", pack);
}

/* Without one, nothing would turn stale when the meaning of its fields changes. */
static void every_kind_of_key_has_a_version(void **state)
{
	struct world *world = *state;
	static const char *const ids[] = {
		"prepare:app",  "build:db:linux/amd64",
		"output:files", "convert:db:zstd:linux/amd64",
		"index:db",     "load:db",
		"verify:app",   "push:db",
		"tag:db",
	};
	TABLE_COMPLETE(ids, NODE_KINDS);

	world->revision = "1";
	world_edit(world, "services.yaml", "    build: db\n", "    build: db\n    formats: [zstd]\n");
	world_edit(world, "services.yaml", "services:\n",
		   "services:\n  files: {build: {context: db, outputs: [files]}}\n");
	for (int kind = 0; kind < NODE_KINDS; kind++) {
		cleanup_free char *text = world_inputs(world, ids[kind]);
		cleanup_free char *wanted =
			mem_printf("option\tcbuild's key layout\t%s ", node_kind_name((enum node_kind)kind));

		assert_memory_equal(text, wanted, strlen(wanted));
		assert_in_range(text[strlen(wanted)], '1', '9');
	}
}

/* Said anew about the same image: its index changes, and what is pushed; nothing that stands on the image does. */
static void what_is_said_is_part_of_the_index_alone(void **state)
{
	struct world *world = *state;

	world_edit(world, "services.yaml", "    build: db\n", "    build: {context: db, provenance: max}\n");
	world->attested = "build:db:linux/amd64";
	world->attestation = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
	/* As a run has it: the images come out the same, and an index is known by its images. */
	world->identities[0] = "index:db";
	world->identities[1] = "images of db";
	world->identities[2] = "build:db:linux/amd64";
	world->identities[3] = "image of db";
	world->identities[4] = "build:db:linux/arm64";
	world->identities[5] = "other image of db";
	world_run(world, NULL);
	expect_plan(world, "");
	world->attestation = "sha256:2222222222222222222222222222222222222222222222222222222222222222";
	world_edit(world, "db/Dockerfile", "COPY . /\n", "COPY . /\n# the same\n");
	{
		cleanup_free char *plan = world_plan(world, NULL, true);

		assert_non_null(strstr(plan, "stale index:db: dependency attestation (build:db:linux/amd64 "
					     "sha256:1111"));
		assert_null(strstr(plan, "verify:"));
		assert_null(strstr(plan, "load:db"));
	}
}

/* Nothing has a tag before everything is there. */
static void formats_are_published_in_stages(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_edit(world, "services.yaml", "    build: db\n", "    build: db\n    formats: [zstd]\n");
	world_run(world, NULL);
	world->revision = "one";
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "stale push:db:zstd: new push:db:zstd\n"));
	assert_non_null(strstr(plan, "stale tag:db:zstd: new tag:db:zstd; dependency push:db:zstd (stale); "
				     "dependency push:db (stale); dependency push:app (stale)\n"));
	assert_non_null(strstr(plan, "stale tag:app: new tag:app; dependency push:app (stale); dependency push:db "
				     "(stale); "
				     "dependency push:db:zstd (stale)\n"));
	world->revision = NULL;
}

static void each_platform_has_a_key_of_its_own(void **state)
{
	cleanup_free char *one = world_key(*state, "build:db:linux/amd64");
	cleanup_free char *other = world_key(*state, "build:db:linux/arm64");

	assert_string_not_equal(one, other);
}

static void the_build_platform_counts_where_it_is_used(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_edit(world, "tool/Dockerfile", "FROM scratch", "FROM scratch\nARG BUILDPLATFORM");
	world_run(world, NULL);
	world->host = "linux/arm64";
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "stale build:tool:linux/amd64: option build platform (linux/amd64 -> "
				     "linux/arm64)\n"));
	assert_null(strstr(plan, "stale build:db:linux/amd64"));
}

static void an_index_and_its_checks_count_the_bytes_of_their_images(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world->missing = world->redelivered = "build:app:linux/amd64";
	plan = world_plan(world, NULL, true);
	assert_non_null(strstr(plan, "stale index:app: dependency build:app:linux/amd64 ("));
	assert_non_null(strstr(plan, "stale verify:app: dependency index:app ("));
	assert_null(strstr(plan, "stale load:app"));
}

static void checks_count_what_runs_beside(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_edit(world, "db/d", "d", "D");
	plan = world_plan(world, NULL, true);
	assert_non_null(strstr(plan, "stale verify:app: dependency build:db:linux/amd64 ("));
}

static void a_dependency_counts_by_its_result(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_edit(world, "base/b", "b", "B");
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "stale build:base:linux/amd64: file base/b (content)\n"));
	assert_non_null(strstr(plan, "unknown build:app:linux/arm64: dependency build:base:linux/amd64 (stale)\n"));
	assert_null(strstr(plan, "build:base:linux/arm64")); /* only $BUILDPLATFORM is needed */
	free(plan);
	plan = world_plan(world, NULL, true);
	assert_non_null(strstr(plan, "stale build:app:linux/arm64: dependency base (linux/amd64) ("));
}

static void the_same_result_of_a_dependency_rebuilds_nothing(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world->identities[0] = "build:base:linux/amd64";
	world->identities[1] = "sha256:same";
	world->force = true;
	world_run(world, NULL);
	world->force = false;
	world_edit(world, "base/b", "b", "B");
	plan = world_plan(world, NULL, true);
	assert_string_equal(plan, "stale build:base:linux/amd64: file base/b (content)\n");
}

/* Also when it is known only while running that the image is the one that passed. */
static void checks_are_made_again_when_that_is_asked_for(void **state)
{
	static const char again[] = "stale verify:app: forced cbuild verify\n"
				    "stale verify:db: forced cbuild verify\n";
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world->identities[0] = "build:base:linux/amd64";
	world->identities[1] = "sha256:same";
	world->force = true;
	world_run(world, NULL);
	world->force = false;
	world->verify_again = true;
	expect_plan(world, again);
	world_edit(world, "base/b", "b", "B");
	plan = world_plan(world, NULL, true);
	assert_non_null(strstr(plan, "stale verify:app: forced cbuild verify\n"));
	assert_non_null(strstr(plan, "stale verify:db: forced cbuild verify\n"));
	assert_null(strstr(plan, "build:app"));
}

static void a_needed_service_counts(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_edit(world, "tool/t", "t", "T");
	plan = world_plan(world, NULL, true);
	assert_non_null(strstr(plan, "stale build:app:linux/amd64: dependency tool ("));
}

static void a_new_base_counts(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_edit(world, "app/Dockerfile", "example.org/runtime:1", "example.org/runtime:2");
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "base example.org/runtime:2 (linux/amd64) (added)"));
}

/* The base's name comes from an argument: the Dockerfile's bytes stay the same. */
static void a_base_named_by_an_argument_counts(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_edit(world, "app/Dockerfile", "ARG VERSION\nFROM", "ARG VERSION\nARG BASE=base\nFROM");
	world_run(world, NULL);
	world_edit(world, "services.yaml", "base: \"service:base\"", "base: \"docker-image://example.org/b:1\"");
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "stale build:app:linux/amd64: base base (linux/amd64) (added)"));
	free(plan);
	world_run(world, NULL);
	world_edit(world, "services.yaml", "docker-image://example.org/b:1", "docker-image://example.org/b:2");
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "base base (linux/amd64) (example.org/b:1 -> example.org/b:2)"));
}

static void what_has_a_profile_is_no_part_of_all(void **state)
{
	const char *const named[] = { "db", NULL };
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_edit(world, "services.yaml", "    build: db\n", "    build: db\n    profiles: [data]\n");
	world_edit(world, "db/d", "d", "D");
	plan = world_plan(world, NULL, false);
	assert_null(strstr(plan, "index:db"));
	assert_non_null(strstr(plan, "stale build:db:linux/amd64:")); /* the checks of app start it */
	free(plan);
	plan = world_plan(world, named, false);
	assert_non_null(strstr(plan, "index:db"));
}

static void a_platform_is_a_node_of_its_own(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_edit(world, "services.yaml", "platforms: [linux/amd64, linux/arm64]\n",
		   "platforms: [linux/amd64, linux/arm/v7]\n");
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "stale build:db:linux/arm/v7: new build:db:linux/arm/v7\n"));
	assert_null(strstr(plan, "build:db:linux/amd64:"));
}

static void tags_move_without_a_build(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_edit(world, "services.yaml", "tags: [\"1\"]", "tags: [\"1\", \"2\"]");
	plan = world_plan(world, NULL, true);
	assert_non_null(strstr(plan, "stale index:app: option reference[1] (added)\n"));
	assert_non_null(strstr(plan, "stale load:app: option reference[1] (added)\n"));
	assert_null(strstr(plan, "stale build:"));
}

static void a_missing_result_is_made_again(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world->missing = "build:app:linux/arm64";
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "stale build:app:linux/arm64: missing its image (gone)\n"));
}

static void expect_targets(struct world *world, const char *const *targets, const char *expected)
{
	cleanup_free char *plan = world_plan(world, targets, false);

	if (strcmp(plan, expected) != 0)
		fail_msg("expected:\n%s\ngot:\n%s", expected, plan);
}

/* What was made of it is there without it. */
static void a_base_that_is_gone_is_made_again_when_it_is_needed(void **state)
{
	const char *const base[] = { "base", NULL };
	struct world *world = *state;
	cleanup_free char *needed = NULL, *decided = NULL;

	world->missing = "build:base:linux/amd64";
	expect_plan(world, "");
	expect_targets(world, base,
		       "stale build:base:linux/amd64: missing its image (gone)\nstale build:base:linux/arm64: new "
		       "build:base:linux/arm64\n");
	world_edit(world, "db/d", "d", "D"); /* db does not stand on it */
	needed = world_plan(world, NULL, false);
	assert_null(strstr(needed, "base"));
	free(needed);
	world_edit(world, "app/main.c", "main", "other");
	needed = world_plan(world, NULL, false);
	assert_non_null(strstr(needed, "stale build:base:linux/amd64: missing its image (gone)\n"));
	/* Made again it may be another one: what stands on it has no key before that. */
	assert_non_null(strstr(needed, "stale build:app:linux/arm64: file app/main.c (content); dependency "
				       "build:base:linux/amd64 (stale)\n"));
	world->identities[0] = "build:base:linux/amd64";
	world->identities[1] = "another";
	decided = world_plan(world, NULL, true);
	assert_non_null(strstr(decided, "stale build:app:linux/arm64: dependency base (linux/amd64) ("));
}

/* The base of a base is needed when that is made again, and not before. */
static void bases_that_are_gone_are_made_again_from_the_ground(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_edit(world, "services.yaml", "  base:\n",
		   "  ground:\n    publish: false\n    build: ground\n  base:\n    needs: [ground]\n");
	world_write(world, "ground/Dockerfile", "FROM scratch\n");
	world_run(world, NULL);
	world->missing = "build:ground:linux/amd64 build:base:linux/amd64";
	expect_plan(world, "");
	world_edit(world, "app/main.c", "main", "other");
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "stale build:ground:linux/amd64: missing its image (gone)\n"
				     "stale build:base:linux/amd64: dependency build:ground:linux/amd64 (stale); "
				     "missing its image (gone)\n"));
}

/* A result that was the newest once is that again, when what it was made of is as it was. */
static void a_change_taken_back_is_followed(void **state)
{
	struct world *world = *state;

	world_write(world, "tool/t", "other\n");
	world_edit(world, "tool/Dockerfile", "COPY t /", "COPY t /there");
	world_run(world, NULL);
	world_write(world, "tool/t", "t\n");
	world_edit(world, "tool/Dockerfile", "COPY t /there", "COPY t /");
	world_run(world, NULL);
	world_write(world, "tool/new", "t");
	world_edit(world, "tool/Dockerfile", "COPY t /", "COPY t new /");
	{
		cleanup_free char *plan = world_plan(world, NULL, false);

		assert_non_null(strstr(plan, "stale build:tool:linux/amd64: dockerfile tool/Dockerfile (content); file "
					     "tool/new (added)\n"));
	}
}

static void files_count_by_type_mode_and_presence(void **state)
{
	struct world *world = *state;
	cleanup_free char *path = path_join(world->dir, "app/lib/a.c");

	assert_int_equal(chmod(path, 0755), 0);
	expect_plan(world, BOTH("file app/lib/a.c (mode)"));
	assert_int_equal(unlink(path), 0);
	expect_plan(world, BOTH("file app/lib/a.c (removed)"));
	assert_int_equal(symlink("../main.c", path), 0);
	expect_plan(world, BOTH("file app/lib/a.c (type)"));
	assert_int_equal(unlink(path), 0);
	world_write(world, "app/lib/a.c", "int a;\n");
	world_write(world, "app/lib/new.c", "");
	expect_plan(world, BOTH("file app/lib/new.c (added)"));
}

static void arguments_for_the_builder_itself_count(void **state)
{
	struct world *world = *state;

	world_edit(world, "services.yaml", "IDLE: x}",
		   "IDLE: x, SOURCE_DATE_EPOCH: \"1\", BUILDKIT_INLINE_CACHE: \"1\"}");
	expect_plan(world, BOTH("arg BUILDKIT_INLINE_CACHE (added)"));
}

/* Builders take it for the time of the image: it is one, but where the manifest says another. */
static void an_epoch_may_be_an_argument(void **state)
{
	struct world *world = *state;

	world_edit(world, "services.yaml", "source_date_epoch: 1000\n", "");
	world_run(world, NULL);
	world_edit(world, "services.yaml", "IDLE: x}", "IDLE: x, SOURCE_DATE_EPOCH: \"7\"}");
	expect_plan(world, BOTH("option source_date_epoch (added)"));
	world_run(world, NULL);
	world_edit(world, "services.yaml", "SOURCE_DATE_EPOCH: \"7\"", "SOURCE_DATE_EPOCH: \"\"");
	expect_plan(world, ""); /* as at first */
}

static void a_file_that_a_checker_names_counts(void **state)
{
	struct world *world = *state;

	world_write(world, "check.sh", "true\n");
	world_write(world, "rules.yaml", "a: 1\n");
	world_edit(world, "services.yaml", "[[check,", "[[./check.sh, --config=rules.yaml,");
	world_run(world, NULL);
	expect_plan(world, "");
	world_write(world, "check.sh", "false\n");
	expect_plan(world, VERIFY("file check.sh (content)"));
	world_write(world, "check.sh", "true\n");
	world_write(world, "rules.yaml", "a: 2\n");
	expect_plan(world, VERIFY("file rules.yaml (content)"));
}

/* What may be a secret is in the key by its hash: neither the state nor a reason shows it. */
/* Commands run in the folder of the manifest that has them. */
static void the_folder_of_an_included_command_counts(void **state)
{
	struct world *world = *state;
	cleanup_free char *plan = NULL;

	world_write(world, "part/part.yaml",
		    "services:\n  part:\n    build: ../tool\n"
		    "    prepare: {run: [make], inputs: [../schema/one.txt], outputs: [../tool/made]}\n"
		    "    verify: {user: \"7\", run: [[check]]}\n");
	world_write(world, "one/here", "");
	world_write(world, "two/here", "");
	world_write(world, "tool/made", "made\n");
	world_edit(world, "services.yaml", "services:\n",
		   "include: [{path: part/part.yaml, project_directory: one}]\nservices:\n");
	world_run(world, NULL);
	expect_plan(world, "");
	world_edit(world, "services.yaml", "project_directory: one", "project_directory: two");
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "stale prepare:part: option prepare.run's folder (one -> two)\n"));
	assert_non_null(strstr(plan, "verify:part: option verify.run's folder (one -> two)"));
}

/* What is pushed: the image's bytes, what is said of it beside, and where to; a tag says which of them, under which names. */
static void what_is_pushed_and_tagged_counts(void **state)
{
	struct world *world = *state;
	cleanup_free char *said = NULL, *named = NULL, *moved = NULL, *bytes = NULL, *tagged = NULL, *bare = NULL;
	cleanup_free char *said_signed = NULL;

	world->revision = "one";
	world_run(world, NULL);
	expect_plan(world, "");
	world->revision = "two"; /* another commit of the same images: what was published stays */
	expect_plan(world, "");
	world_edit(world, "services.yaml", "tags: [\"1\"]", "tags: [\"1\"]\nrevision: every");
	world->revision = "one";
	world_run(world, NULL);
	expect_plan(world, "");
	world->revision = "two";
	said = world_plan(world, NULL, false);
	assert_non_null(strstr(said, "stale push:app: option annotation org.opencontainers.image.revision (one -> "
				     "two)\n"));
	assert_non_null(strstr(said, "unknown tag:app: dependency push:app (stale); dependency push:db (stale)\n"));
	tagged = world_plan(world, NULL, true);
	assert_non_null(strstr(tagged, "stale tag:app: dependency push:app ("));
	world->revision = "one";
	world->signer = "a key";
	said_signed = world_plan(world, NULL, false);
	assert_non_null(strstr(said_signed, "stale push:app: option signing key (added)\n"));
	world->signer = NULL;
	world_edit(world, "services.yaml", "tags: [\"1\"]", "tags: [\"2\"]");
	named = world_plan(world, NULL, true);
	assert_non_null(strstr(named, "); option reference[0] (example.org/w/app:1 -> example.org/w/app:2)\n"));
	world_edit(world, "services.yaml", "tags: [\"2\"]", "tags: [\"1\"]");
	world_edit(world, "services.yaml", "registry: example.org/w", "registry: example.org/v");
	moved = world_plan(world, NULL, true);
	assert_non_null(strstr(moved, "); option repository[0] (example.org/w/app -> example.org/v/app)\n"));
	world_edit(world, "services.yaml", "registry: example.org/v", "registry: example.org/w");
	world_edit(world, "services.yaml", "  app:\n", "  app:\n    platform: linux/amd64\n");
	world_run(world, NULL);
	world_edit(world, "services.yaml", "  app:\n", "  app:\n    index: never\n");
	bare = world_plan(world, NULL, false);
	assert_non_null(strstr(bare, "stale push:app: option index (added); option annotation "
				     "org.opencontainers.image.revision (removed)\n"));
	world_edit(world, "services.yaml", "    index: never\n    platform: linux/amd64\n", "");
	world_run(world, NULL);
	world->missing = world->redelivered = "build:app:linux/amd64";
	bytes = world_plan(world, NULL, true);
	assert_non_null(strstr(bytes, "stale push:app: dependency index:app ("));
}

/* Of the index for what is pushed, of a platform's manifest for its build, and of formats for both. */
static void annotations_count_where_they_are(void **state)
{
	struct world *world = *state;
	cleanup_free char *index = NULL, *platform = NULL, *format = NULL;

	world->revision = "one";
	world_edit(world, "services.yaml", "    build: db\n",
		   "    build: {context: db, annotations: [\"index:a=b\"]}\n    formats: [zstd]\n");
	world_run(world, NULL);
	world_edit(world, "services.yaml", "index:a=b", "index:a=c");
	index = world_plan(world, NULL, false);
	assert_non_null(strstr(index, "stale push:db: option annotation a (b -> c)\n"));
	assert_null(strstr(index, "stale build:db"));
	world_edit(world, "services.yaml", "index:a=c", "manifest[linux/arm64]:a=c");
	platform = world_plan(world, NULL, false);
	assert_non_null(strstr(platform, "stale build:db:linux/arm64: option annotation a (added)\n"));
	assert_non_null(strstr(platform, "stale push:db: option annotation a (removed)"));
	assert_null(strstr(platform, "stale build:db:linux/amd64"));
	format = world_inputs(world, "convert:db:zstd:linux/arm64");
	assert_non_null(strstr(format, "option\tannotation a\tc"));
}

static void a_folder_that_is_mounted_counts_itself(void **state)
{
	struct world *world = *state;
	cleanup_free char *folder = path_join(world->dir, "db"), *extra = path_join(world->dir, "extra"), *plan = NULL;

	assert_int_equal(chmod(folder, 0700), 0);
	expect_plan(world, "");
	world_write(world, "db/Dockerfile",
		    "FROM example.org/runtime:1\nRUN --mount=target=/m ls /m\n"
		    "RUN --mount=from=extra,target=/m ls /m\n");
	world_edit(world, "services.yaml", "    build: db\n",
		   "    build: {context: db, additional_contexts: {extra: extra}}\n");
	world_run(world, NULL);
	expect_plan(world, "");
	assert_int_equal(chmod(folder, 0755) | chmod(extra, 0700), 0);
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "stale build:db:linux/amd64: option folder of context (main) (700 -> 755); "
				     "option folder of context extra (755 -> 700)\n"));
}

static void secrets_are_not_kept(void **state)
{
	static const char secret[] = "hunter2-the-second";
	struct world *world = *state;
	cleanup_free char *path = path_join(world->dir, ".cbuild/state.db");
	cleanup_free char *plan = NULL;
	struct buf db = { 0 };

	world_edit(world, "services.yaml", "MODE: fast", "MODE: hunter2-the-second");
	world_edit(world, "services.yaml", "IDLE: x", "NPM_TOKEN: hunter2-the-second");
	world_edit(world, "services.yaml",
		   "NPM_TOKEN:", "MIRROR: 'https://me:hunter2-the-second@example.org/x', NPM_TOKEN:");
	world_edit(world, "app/Dockerfile", "COPY lib", "ARG NPM_TOKEN\nARG MIRROR\nCOPY lib");
	setenv("FLAVOUR", secret, 1);
	world_run(world, NULL);
	assert_int_equal(fs_read(path, 1 << 24, &db, NULL), 0);
	assert_null(memmem(db.data, db.len, secret, strlen(secret)));
	setenv("FLAVOUR", "sour", 1);
	world_edit(world, "services.yaml", "MODE: hunter2-the-second", "MODE: fast");
	world_edit(world, "services.yaml", "NPM_TOKEN: hunter2-the-second", "NPM_TOKEN: other");
	world_edit(world, "services.yaml", "https://me:", "https://you:");
	plan = world_plan(world, NULL, false);
	assert_non_null(strstr(plan, "arg MIRROR (hidden:"));
	assert_non_null(strstr(plan, "arg NPM_TOKEN (hidden:"));
	assert_non_null(strstr(plan, "prepare.env FLAVOUR (hidden:"));
	assert_null(strstr(plan, "hunter2"));
	setenv("FLAVOUR", "sweet", 1);
	buf_free(&db);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(nothing_is_stale_after_a_run),
		CASE(each_edit_is_seen_alone),
		CASE(what_makes_a_build_stale_makes_it_another_for_others),
		CASE(what_is_not_the_same_for_all_is_not_shared),
		CASE(the_shared_key_is_the_same_on_every_machine),
		CASE(an_epoch_counts_for_builds_and_steps),
		CASE(the_environment_counts_where_it_is_used),
		CASE(what_a_base_does_on_build_counts),
		CASE(what_a_base_from_elsewhere_does_on_build_counts),
		CASE(a_dockerfile_in_the_manifest_counts),
		CASE(a_step_counts_its_command_inputs_environment_and_outputs),
		CASE(a_step_that_makes_the_same_outputs_stops_there),
		CASE(a_changed_output_rebuilds_what_reads_it),
		CASE(a_changed_output_is_an_input_of_another_step),
		CASE(a_format_is_a_node_of_its_own),
		CASE(files_of_a_build_count_where_they_go_and_which_they_are),
		CASE(every_kind_of_key_has_a_version),
		CASE(formats_are_published_in_stages),
		CASE(what_is_said_is_part_of_the_index_alone),
		CASE(each_platform_has_a_key_of_its_own),
		CASE(the_build_platform_counts_where_it_is_used),
		CASE(an_index_and_its_checks_count_the_bytes_of_their_images),
		CASE(checks_count_what_runs_beside),
		CASE(a_dependency_counts_by_its_result),
		CASE(the_same_result_of_a_dependency_rebuilds_nothing),
		CASE(checks_are_made_again_when_that_is_asked_for),
		CASE(a_needed_service_counts),
		CASE(a_new_base_counts),
		CASE(a_base_named_by_an_argument_counts),
		CASE(what_has_a_profile_is_no_part_of_all),
		CASE(a_platform_is_a_node_of_its_own),
		CASE(tags_move_without_a_build),
		CASE(a_missing_result_is_made_again),
		CASE(a_base_that_is_gone_is_made_again_when_it_is_needed),
		CASE(bases_that_are_gone_are_made_again_from_the_ground),
		CASE(a_change_taken_back_is_followed),
		CASE(files_count_by_type_mode_and_presence),
		CASE(arguments_for_the_builder_itself_count),
		CASE(an_epoch_may_be_an_argument),
		CASE(a_file_that_a_checker_names_counts),
		CASE(the_folder_of_an_included_command_counts),
		CASE(what_is_pushed_and_tagged_counts),
		CASE(annotations_count_where_they_are),
		CASE(a_folder_that_is_mounted_counts_itself),
		CASE(secrets_are_not_kept),
	};

	umask(022); /* modes are part of keys */
	return cmocka_run_group_tests_name("plan_key", tests, NULL, NULL);
}
