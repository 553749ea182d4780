#include "config.h"

#include <ftw.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/load.h"
#include "dsl/manifest.h"
#include "engine/exec/renew_results.h"
#include "engine/oci/lockfile.h"
#include "engine/plan/inputs.h"
#include "engine/plan/plan.h"
#include "engine/source/context.h"
#include "engine/state/state.h"
#include "plan_world.h"

void world_new(struct world *world)
{
	const char *tmp = getenv("TMPDIR");

	*world = (struct world){ .dir = mem_printf("%s/cbuild-world-XXXXXX", tmp ? tmp : "/tmp") };
	assert_non_null(mkdtemp(world->dir));
}

void world_free(struct world *world)
{
	assert_int_equal(fs_remove_tree(world->dir, NULL), 0);
	free(world->dir);
}

void world_write(const struct world *world, const char *path, const char *text)
{
	cleanup_free char *full = path_join(world->dir, path);
	cleanup_free char *dir = path_dir(full);
	FILE *file;

	assert_int_equal(fs_mkdirs(dir, 0755, NULL), 0);
	file = fopen(full, "w");
	assert_non_null(file);
	assert_int_equal(fputs(text, file) < 0, 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(full, 0644), 0);
}

void world_remove(const struct world *world, const char *path)
{
	cleanup_free char *full = path_join(world->dir, path);

	assert_int_equal(fs_remove_tree(full, NULL), 0);
}

void world_edit(const struct world *world, const char *path, const char *from, const char *to)
{
	cleanup_free char *full = path_join(world->dir, path);
	cleanup_buf struct buf text = { 0 }, out = { 0 };
	const char *at;

	assert_int_equal(fs_read(full, 1 << 20, &text, NULL), 0);
	at = strstr(text.data, from);
	if (!at)
		fail_msg("%s does not hold \"%s\"", path, from);
	buf_add(&out, text.data, (size_t)(at - text.data));
	buf_str(&out, to);
	buf_str(&out, at + strlen(from));
	world_write(world, path, out.data);
}

struct opened {
	struct plan_pair revision;
	struct diags *diags;
	struct manifest *manifest;
	struct source *source;
	struct state *state;
	struct plan *plan;
	struct lockfile *lock;
	char *state_dir;
};

static int is_present(void *data, const struct node *node, const struct record *record, struct plan_lost *ret,
		      struct error **err)
{
	const struct world *world = data;

	(void)record;
	(void)err;
	ret->what = "its image";
	return !world->missing || !strstr(world->missing, node->id);
}

static void must(int r, struct error *error)
{
	if (r < 0)
		fail_msg("%s", error ? error->message : "complaints");
}

static const struct base_config *asked_of(void *data, const char *reference, const struct platform *platform)
{
	struct world *world = data;

	(void)reference;
	(void)platform;
	world->config = (struct base_config){ .onbuild = (char *)world->asked, .env = (char *)world->asked_env };
	return world->asked ? &world->config : NULL;
}

/* What manifests take from elsewhere was fetched into "fetched", under the last part of its URL. */
static void place_fetched(void *data, const char *url, struct load_place *ret)
{
	struct world *world = data;

	snprintf(world->fetched, sizeof(world->fetched), "%s/fetched/%s", world->dir, path_base(url));
	*ret = (struct load_place){ .root = world->fetched, .ready = true };
}

/* False when there were complaints. */
static bool open_plan(struct world *world, const char *const *targets, struct opened *opened)
{
	cleanup_free char *path = path_join(world->dir, "services.yaml");
	cleanup_free char *db = NULL, *lock = NULL;
	struct error *error = NULL;
	const struct load_options load = {
		.path = path, .environ = world->environ, .place = place_fetched, .place_data = world
	};
	struct plan_options options = {
		.targets = targets,
		.push = world->revision != NULL,
		.signer = world->signer,
		.annotations = &opened->revision,
		.annotations_len = world->revision ? 1 : 0,
		.load = true,
		.verify = true,
		.force = world->force,
		.verify_again = world->verify_again,
		.present = is_present,
		.present_data = world,
		.base_config = asked_of,
		.base_config_data = world,
	};
	int r;

	*opened = (struct opened){
		.diags = diags_new(),
		.state_dir = path_join(world->dir, ".cbuild"),
		.revision = { "org.opencontainers.image.revision", world->revision },
	};
	platform_parse(world->host ? world->host : "linux/amd64", &options.host);
	options.state_dir = opened->state_dir;
	must(fs_mkdirs(opened->state_dir, 0755, &error), error);
	db = path_join(opened->state_dir, "state.db");
	r = manifest_load(&load, opened->diags, &opened->manifest, &error);
	if (r < 0 && !error)
		return false;
	must(r, error);
	lock = path_join(world->dir, LOCKFILE_NAME);
	must(lockfile_read(lock, &opened->lock, &error), error);
	options.lock = opened->lock;
	must(state_open(db, false, &opened->state, &error), error);
	must(source_open(opened->manifest->dir, NULL, &opened->source, &error), error);
	r = plan_new(opened->manifest, &options, opened->source, opened->state, opened->diags, &opened->plan, &error);
	if (r < 0 && !error)
		return false;
	must(r, error);
	return true;
}

static void close_plan(struct opened *opened)
{
	plan_free(opened->plan);
	source_free(opened->source);
	state_free(opened->state);
	lockfile_free(opened->lock);
	manifest_free(opened->manifest);
	diags_free(opened->diags);
	free(opened->state_dir);
}

static const char *identity_of(const struct world *world, const struct node *node)
{
	for (size_t i = 0; world->identities[i]; i += 2) {
		if (strcmp(world->identities[i], node->id) == 0)
			return world->identities[i + 1];
	}
	return node->key;
}

static const char *digest_of(const struct world *world, const struct node *node)
{
	if (world->redelivered && strcmp(world->redelivered, node->id) == 0)
		return "sha256:other-bytes";
	return identity_of(world, node);
}

/* What a prepare step recorded: the digests of its outputs as they lie there. */
static char *outputs_json(struct opened *opened, const struct node *node)
{
	struct buf text = { 0 };

	buf_str(&text, "{\"outputs\":{");
	for (size_t i = 0; i < node->prepare->outputs_len; i++) {
		cleanup_free char *path = path_join(opened->manifest->dir, node->prepare->outputs[i]);
		char hex[PLAN_OUTPUT + 1] = "";
		bool found;

		must(plan_output_digest(opened->source, path, hex, &found, NULL), NULL);
		buf_printf(&text, "%s\"%s\":\"%s\"", i ? "," : "", node->prepare->outputs[i], hex);
	}
	buf_str(&text, "}}");
	return buf_steal(&text);
}

/* What an output node recorded. */
static char *written_json(const struct world *world, struct opened *opened)
{
	cleanup_json struct json *detail = json_new_object();
	struct json *outputs = json_new_object(), *created = json_new_array();
	struct buf text = { 0 };

	json_set(detail, "outputs", outputs);
	json_set(detail, "created", created);
	if (world->created)
		json_append(created, json_new_string(world->created));
	for (size_t i = 0; world->written[i]; i++) {
		cleanup_free char *path = path_join(world->dir, world->written[i]);
		char digest[PLAN_OUTPUT + 1] = "";
		bool found;

		must(plan_written_digest(opened->source, path, digest, &found, NULL), NULL);
		json_set_str(outputs, world->written[i], digest);
	}
	json_dump(detail, JSON_CANONICAL, &text);
	return buf_steal(&text);
}

/* As a build records what its bases give to it. */
static char *bases_json(const struct node *node)
{
	cleanup_json struct json *detail = json_new_object();
	struct json *onbuild = json_new_object(), *env = json_new_object();
	struct buf text = { 0 };

	for (size_t i = 0; i < node->build->images_len; i++) {
		const struct plan_image *image = &node->build->images[i];
		cleanup_free char *name = plan_base_name(image->mention->name, &image->mention->platform);

		if (!text_same(image->onbuild, NULL))
			json_set_str(onbuild, name, image->onbuild);
		if (image->mention->env_read && image->env)
			json_set_str(env, name, image->env);
	}
	json_set(detail, "onbuild", onbuild);
	json_set(detail, "env", env);
	json_dump(detail, JSON_CANONICAL, &text);
	return buf_steal(&text);
}

static char *detail_of(const struct world *world, struct opened *opened, const struct node *node)
{
	if (node->prepare)
		return outputs_json(opened, node);
	if (node->kind == NODE_OUTPUT)
		return written_json(world, opened);
	if (world->attested && strcmp(world->attested, node->id) == 0)
		return mem_printf("{\"attestation\":\"%s\"}", world->attestation);
	return node->kind == NODE_BUILD ? bases_json(node) : mem_strdup("{}");
}

static void run_node(struct world *world, struct opened *opened, size_t number)
{
	const struct node *node = plan_node(opened->plan, number);
	cleanup_free char *detail = detail_of(world, opened, node);
	const struct result result = {
		.identity = identity_of(world, node),
		.digest = digest_of(world, node),
		.place = "store",
		.detail = detail,
	};
	struct record record = {
		.node = (char *)node->id,
		.identity = (char *)result.identity,
		.digest = (char *)result.digest,
		.place = (char *)"store",
		.detail = detail,
		.when_ms = 1,
	};
	cleanup_buf struct buf text = { 0 };
	struct inputs *inputs;

	assert_true(node->key[0] != '\0');
	memcpy(record.key, node->key, sizeof(record.key));
	must(plan_inputs(opened->plan, number, &inputs, NULL), NULL);
	inputs_text(inputs, &text);
	inputs_free(inputs);
	must(state_put(opened->state, &record, text.data, text.len, NULL), NULL);
	plan_set_result(opened->plan, number, &result);
}

void world_run(struct world *world, const char *const *targets)
{
	struct opened opened;

	if (!open_plan(world, targets, &opened)) {
		cleanup_buf struct buf text = { 0 };

		diags_render(opened.diags, &text, false);
		fail_msg("%s", text.data);
	}
	for (size_t i = 0; i < plan_len(opened.plan); i++) {
		if (!plan_node(opened.plan, i)->key[0])
			must(plan_decide(opened.plan, i, NULL), NULL);
		if (plan_node(opened.plan, i)->state != NODE_FRESH)
			run_node(world, &opened, i);
		must(renew_results(opened.plan, opened.state, i, 1, NULL), NULL);
	}
	close_plan(&opened);
}

static void add_node(struct buf *out, const struct node *node)
{
	buf_printf(out, "%s %s:", node_state_name(node->state), node->id);
	for (size_t i = 0; i < node->reasons_len; i++) {
		const struct reason *reason = &node->reasons[i];

		buf_printf(out, "%s %s %s", i ? ";" : "", reason_kind_name(reason->kind), reason->what);
		if (*reason->change)
			buf_printf(out, " (%s)", reason->change);
	}
	buf_char(out, '\n');
}

char *world_plan(struct world *world, const char *const *targets, bool decided)
{
	struct opened opened;
	struct buf out = { 0 };

	buf_str(&out, "");
	if (!open_plan(world, targets, &opened)) {
		diags_render(opened.diags, &out, false);
		close_plan(&opened);
		return buf_steal(&out);
	}
	for (size_t i = 0; i < plan_len(opened.plan); i++) {
		const struct node *node = plan_node(opened.plan, i);

		if (decided && !node->key[0])
			must(plan_decide(opened.plan, i, NULL), NULL);
		if (node->state != NODE_FRESH)
			add_node(&out, node);
		if (decided && node->state != NODE_FRESH) {
			cleanup_free char *detail = detail_of(world, &opened, node);

			plan_set_result(opened.plan, i,
					&(struct result){ .identity = identity_of(world, node),
							  .digest = digest_of(world, node),
							  .place = "store",
							  .detail = detail });
		}
	}
	close_plan(&opened);
	return buf_steal(&out);
}

static size_t find_node(const struct opened *opened, const char *id)
{
	size_t number = plan_find(opened->plan, id);

	if (number == NO_NODE)
		fail_msg("there is no node %s", id);
	return number;
}

char *world_key(struct world *world, const char *id)
{
	struct opened opened;
	char *key;

	assert_true(open_plan(world, NULL, &opened));
	key = mem_strdup(plan_node(opened.plan, find_node(&opened, id))->key);
	close_plan(&opened);
	return key;
}

/* What a task asks of its node. malloc'd. */
static char *read_node(const struct opened *opened, size_t number)
{
	const struct node *node = plan_node(opened->plan, number);
	char key[DIGEST_LEN + 1] = "";
	struct buf text = { 0 };
	struct inputs *inputs;

	must(plan_inputs(opened->plan, number, &inputs, NULL), NULL);
	inputs_text(inputs, &text);
	inputs_free(inputs);
	for (size_t i = 0; node->references[i]; i++)
		buf_printf(&text, "%s\n", node->references[i]);
	for (size_t i = 0; node->repositories && node->repositories[i]; i++)
		buf_printf(&text, "%s\n", node->repositories[i]);
	if (node->kind == NODE_BUILD) {
		cleanup_free char *why = NULL;

		must(plan_cache_key(opened->plan, number, key, &why, NULL), NULL);
		buf_printf(&text, "%s %s\n", key, why ? why : "");
	}
	for (size_t i = 0; node->prepare && i < node->prepare->outputs_len; i++) {
		cleanup_free char *path = path_join(opened->manifest->dir, node->prepare->outputs[i]);
		char digest[PLAN_OUTPUT + 1] = "";
		bool found;

		must(plan_output_digest(opened->source, path, digest, &found, NULL), NULL);
		buf_printf(&text, "%s\n", digest);
	}
	return buf_steal(&text);
}

#define READERS 4
#define ROUNDS 20

struct reader {
	const struct opened *opened;
	char *const *expected; /* one a node; NULL: the loop is at it */
	pthread_t thread;
	size_t wrong;
};

static void *read_nodes(void *arg)
{
	struct reader *reader = arg;

	for (size_t round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < plan_len(reader->opened->plan); i++) {
			cleanup_free char *text = reader->expected[i] ? read_node(reader->opened, i) : NULL;

			reader->wrong += text && strcmp(text, reader->expected[i]) != 0;
		}
	}
	return NULL;
}

void world_read_at_once(struct world *world)
{
	struct reader readers[READERS];
	struct opened opened;
	char **expected;
	size_t len;

	assert_true(open_plan(world, NULL, &opened));
	len = plan_len(opened.plan);
	expected = mem_array(len + 1, sizeof(*expected));
	for (size_t i = 0; i < len; i++)
		if (plan_node(opened.plan, i)->kind != NODE_TAG)
			expected[i] = read_node(&opened, i);
	for (size_t i = 0; i < READERS; i++) {
		readers[i] = (struct reader){ .opened = &opened, .expected = expected };
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_nodes, &readers[i]), 0);
	}
	for (size_t round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < len; i++) {
			if (expected[i])
				continue;
			plan_set_result(opened.plan, i, &(struct result){ .identity = "a", .place = "registry" });
			must(plan_decide(opened.plan, i, NULL), NULL);
		}
	}
	for (size_t i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		assert_int_equal(readers[i].wrong, 0);
	}
	for (size_t i = 0; i < len; i++)
		free(expected[i]);
	free(expected);
	close_plan(&opened);
}

char *world_inputs(struct world *world, const char *id)
{
	struct buf text = { 0 };
	struct opened opened;
	struct inputs *inputs;

	assert_true(open_plan(world, NULL, &opened));
	must(plan_inputs(opened.plan, find_node(&opened, id), &inputs, NULL), NULL);
	inputs_text(inputs, &text);
	inputs_free(inputs);
	close_plan(&opened);
	return buf_steal(&text);
}

char *world_shared_key(struct world *world, const char *id)
{
	struct error *error = NULL;
	struct opened opened;
	char key[DIGEST_LEN + 1];
	cleanup_free char *why = NULL;
	char *text;
	int r;

	assert_true(open_plan(world, NULL, &opened));
	r = plan_cache_key(opened.plan, plan_find(opened.plan, id), key, &why, &error);
	must(r, error);
	text = mem_strdup(r > 0 ? key : why ? why : "unknown");
	close_plan(&opened);
	return text;
}
