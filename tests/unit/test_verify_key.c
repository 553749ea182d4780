#include "config.h"

#include "base/hash.h"
#include "dsl/manifest.h"
#include "engine/verify/verify.h"
#include "tests/unit/oci_world.h"

/* A service that asks for everything; `words` are what its texts point to. */
struct world {
	struct service service;
	struct text command[2], entrypoint[1], tmpfs[1], wanted_entrypoint[1], wanted_ports[1], platforms[1], words[2];
	struct pair environment[1], labels[1];
	struct texts run[1];
	struct depends depends[1];
	uint16_t ports[1];
};

static void fill(struct world *world)
{
	struct service *service = &world->service;
	struct verify_spec *verify = &service->verify;

	*world = (struct world){
		.command = { { .s = "serve" }, { .s = "-x" } },
		.entrypoint = { { .s = "/app" } },
		.tmpfs = { { .s = "/tmp" } },
		.wanted_entrypoint = { { .s = "/app" } },
		.wanted_ports = { { .s = "8000" } },
		.platforms = { { .s = "linux/amd64" } },
		.words = { { .s = "trivy" }, { .s = "image" } },
		.environment = { { .key.s = "A", .value.s = "1" } },
		.labels = { { .key.s = "l", .value.s = "1" } },
		.depends = { { .name.s = "db", .condition = DEPENDS_STARTED } },
		.ports = { 8000 },
	};
	world->run[0] = (struct texts){ world->words, 2 };
	*service = (struct service){
		.name.s = "web",
		.ports = world->ports,
		.ports_len = 1,
		.environment = { world->environment, 1 },
		.command = { world->command, 2 },
		.entrypoint = { world->entrypoint, 1 },
		.tmpfs = { world->tmpfs, 1 },
		.user.s = "1000",
		.depends = world->depends,
		.depends_len = 1,
	};
	*verify = (struct verify_spec){
		.has_http = true,
		.has_tcp = true,
		.http = { .path.s = "/health", .port = 1, .status = 200, .body.s = "ok", .json_path.s = "a",
			  .json_value.s = "1", .timeout_ms = 1000 },
		.tcp = { .port = 2, .timeout_ms = 1000 },
		.user.s = "nonroot",
		.max_size = 1000,
		.entrypoint = { world->wanted_entrypoint, 1 },
		.ports = { world->wanted_ports, 1 },
		.labels = { world->labels, 1 },
		.platforms = { world->platforms, 1 },
		.run = world->run,
		.run_len = 1,
	};
}

static struct hash128 key_of(const struct world *world, bool run_only)
{
	cleanup_hasher struct hasher *hasher = hasher_new();

	if (run_only)
		verify_key_run(&world->service, hasher);
	else
		verify_key(&world->service, hasher);
	return hasher_done(hasher);
}

/* The change gives another key; with `runs`, also another key of how it runs. */
#define CHANGES(runs, statement) \
	do { \
		struct world world_; \
		struct hash128 key_, run_; \
		struct service *s; \
		struct verify_spec *v; \
		fill(&world_); \
		key_ = key_of(&world_, false); \
		run_ = key_of(&world_, true); \
		s = &world_.service; \
		v = &s->verify; \
		(void)v; \
		statement; \
		if (hash_equal(key_, key_of(&world_, false))) \
			fail_msg("does not count: %s", #statement); \
		if (hash_equal(run_, key_of(&world_, true)) == (runs)) \
			fail_msg("how it runs: %s", #statement); \
	} while (0)

static void test_running(void **state)
{
	(void)state;
	CHANGES(true, s->name.s = "other");
	CHANGES(true, s->ports[0] = 8001);
	CHANGES(true, s->ports_len = 0);
	CHANGES(true, s->environment.items[0].key.s = "B");
	CHANGES(true, s->environment.items[0].value.s = "2");
	CHANGES(true, s->environment.items[0].value.s = NULL);
	CHANGES(true, s->environment.len = 0);
	CHANGES(true, s->command.items[1].s = "-y");
	CHANGES(true, s->command.len = 1);
	CHANGES(true, s->entrypoint.items[0].s = "/other");
	CHANGES(true, s->entrypoint.len = 0);
	CHANGES(true, s->tmpfs.items[0].s = "/run");
	CHANGES(true, s->user.s = "0");
	CHANGES(true, s->user.s = NULL);
	CHANGES(true, s->depends[0].name.s = "cache");
	CHANGES(true, s->depends[0].condition = DEPENDS_HEALTHY);
	CHANGES(true, s->depends_len = 0);
	CHANGES(true, v->has_tcp = false);
	CHANGES(true, v->has_http = false);
	CHANGES(true, v->http.path.s = "/");
	CHANGES(true, v->http.port = 2);
	CHANGES(true, v->http.status = 0);
	CHANGES(true, v->http.body.s = NULL);
	CHANGES(true, v->http.json_path.s = "b");
	CHANGES(true, v->http.json_value.s = "2");
	CHANGES(true, v->http.timeout_ms = 2000);
	CHANGES(true, v->tcp.port = 1);
	CHANGES(true, v->tcp.timeout_ms = 2000);
}

static void test_policy(void **state)
{
	(void)state;
	CHANGES(false, v->user.s = "1000");
	CHANGES(false, v->max_size = 1001);
	CHANGES(false, v->entrypoint.items[0].s = "/other");
	CHANGES(false, v->ports.items[0].s = "8001");
	CHANGES(false, v->labels.items[0].value.s = "2");
	CHANGES(false, v->labels.items[0].key.s = "m");
	CHANGES(false, v->platforms.items[0].s = "linux/arm64");
	CHANGES(false, v->run[0].items[1].s = "fs");
	CHANGES(false, v->run[0].len = 1);
	CHANGES(false, v->run_len = 0);
}

/* Where things are written does not count, nor how a service runs that is not run. */
static void test_same(void **state)
{
	struct world world;
	struct hash128 key;

	(void)state;
	fill(&world);
	key = key_of(&world, false);
	world.service.pos.line = 12;
	world.service.verify.pos.line = 13;
	world.service.verify.http.path.pos.column = 4;
	world.service.verify.max_size_pos.line = 9;
	world.service.image.s = "another/name";
	assert_true(hash_equal(key, key_of(&world, false)));
	world.service.verify.has_http = world.service.verify.has_tcp = false;
	key = key_of(&world, false);
	world.service.command.len = 0;
	world.service.environment.items[0].value.s = "2";
	assert_true(hash_equal(key, key_of(&world, false)));
}

static void test_asked(void **state)
{
	struct service service = { 0 };

	(void)state;
	assert_false(verify_asked(&service));
	assert_false(verify_needs_runtime(&service));
	service.verify.max_size = 1;
	assert_true(verify_asked(&service));
	assert_false(verify_needs_runtime(&service));
	service = (struct service){ .verify.has_tcp = true };
	assert_true(verify_asked(&service));
	assert_true(verify_needs_runtime(&service));
	service = (struct service){ .verify.run_len = 1 };
	assert_true(verify_asked(&service));
	assert_false(verify_needs_runtime(&service));
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_running), TEST(test_policy), TEST(test_same), TEST(test_asked) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
