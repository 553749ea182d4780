#include "config.h"

#include "engine/cache/cache_run.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "base/workers.h"
#include "dsl/manifest.h"
#include "engine/cache/cache.h"
#include "engine/plan/inputs.h"
#include "engine/plan/plan.h"
#include "engine/registry/client.h"
#include "engine/state/state.h"

/* A build, and what the cache has for it. */
struct cache_build {
	size_t node;
	struct ref where;
	char local[HASH_HEX + 1];  /* the node's own key at the time of asking */
	char key[DIGEST_LEN + 1];  /* "": none */
	bool asked, found, denied; /* denied: it could not be fetched */
	bool taken;                /* the node is fresh because of it */
	bool wanted, here;         /* whether its layers are wanted, and in the store */
	struct cache_entry result;
	uint64_t bytes;
	struct error *error; /* why it was not found, or not fetched */
};

struct cache_lookup {
	const struct cache_run *env;
	struct plan *plan;
	struct cache_build *shares; /* one for each node; only builds use theirs */
	size_t len;
	bool told;        /* the note that something cannot be shared was given */
	atomic_bool down; /* the registry does not answer, or only with errors: stop asking it */
};

static void cache_run_note(const struct cache_lookup *lookup, const char *text)
{
	lookup->env->note(lookup->env->data, text);
}

/* The repository for the results of a build: the image's own; false when its name has no registry. */
static bool cache_where(const struct plan *plan, size_t number, struct ref *ret)
{
	const struct service *service = &plan_manifest(plan)->services[plan_node(plan, number)->service];

	if (!ref_parse(service->image.s, ret, NULL))
		return false;
	/* A name without a registry. */
	if (strcmp(ret->domain, "docker.io") != 0 || strncmp(ret->repository, "library/", strlen("library/")) != 0)
		return true;
	ref_free(ret);
	return false;
}

/* ---- several at once ---- */

struct cache_batch {
	struct cache_lookup *lookup;
	struct cache_build **shares;
	size_t len;
	void (*work)(struct cache_lookup *lookup, struct cache_build *share);
};

static void work_one(void *data, size_t index, unsigned worker)
{
	struct cache_batch *batch = data;

	(void)worker;
	batch->work(batch->lookup, batch->shares[index]);
}

static void work_all(struct cache_batch *batch)
{
	workers_run(batch->len, WORKERS_MAX, work_one, batch);
}

/* A failure counts as a miss, with a note; an interruption does not. */
static int tell_errors(const struct cache_batch *batch, struct error **err)
{
	for (size_t i = 0; i < batch->len; i++) {
		struct cache_build *share = batch->shares[i];
		cleanup_error struct error *error = steal_ptr(share->error);
		cleanup_free char *text = NULL;

		if (error && error->cls != ERROR_REGISTRY)
			return error_move(err, &error);
		if (!error)
			continue;
		text = mem_printf("%s: not taken from the registry cache: %s",
				  plan_node(batch->lookup->plan, share->node)->id, error->message);
		cache_run_note(batch->lookup, text);
	}
	return 0;
}

/* ---- asking ---- */

static void cache_run_find(struct cache_lookup *lookup, struct cache_build *share)
{
	if (atomic_load(&lookup->down))
		return;
	share->found = cache_find(lookup->env->registry, lookup->env->layout, &share->where, share->key,
				  &plan_node(lookup->plan, share->node)->platform, &share->result, &share->error) > 0;
	if (share->error && share->error->transient && atomic_exchange(&lookup->down, true))
		error_free(steal_ptr(share->error)); /* it was already reported */
}

/* One such note in a run is enough. */
static void tell_unshared(struct cache_lookup *lookup, size_t number, const char *why)
{
	cleanup_free char *text =
		mem_printf("%s is not in the registry cache: %s", plan_node(lookup->plan, number)->id, why);

	if (!lookup->told)
		cache_run_note(lookup, text);
	lookup->told = true;
}

/* Computes the shared key of a stale build. *ret_ask: it has one. */
static int make_key(struct cache_lookup *lookup, size_t number, bool *ret_ask, struct error **err)
{
	const struct node *node = plan_node(lookup->plan, number);
	struct cache_build *share = &lookup->shares[number];
	cleanup_free char *why = NULL;
	int r;

	*ret_ask = false;
	if (node->kind != NODE_BUILD || node->state == NODE_FRESH || !node->key[0] ||
	    (share->asked && strcmp(share->local, node->key) == 0))
		return 0;
	ref_free(&share->where);
	*share = (struct cache_build){ .node = number, .asked = true };
	memcpy(share->local, node->key, sizeof(share->local));
	r = plan_cache_key(lookup->plan, number, share->key, &why, err);
	if (r < 0)
		return -1;
	if (r > 0 && !cache_where(lookup->plan, number, &share->where))
		why = mem_strdup("its name has no registry");
	if (why)
		tell_unshared(lookup, number, why);
	if (r == 0 || why) {
		share->key[0] = '\0';
		return 0;
	}
	*ret_ask = true;
	return registry_prepare(lookup->env->registry, &share->where, err);
}

/* ret_asked: how many were looked up. */
static int cache_run_ask(struct cache_lookup *lookup, size_t *ret_asked, struct error **err)
{
	cleanup_free struct cache_build **asked = mem_array(lookup->len + 1, sizeof(*asked));
	struct cache_batch batch = { .lookup = lookup, .shares = asked, .work = cache_run_find };

	for (size_t i = 0; i < lookup->len; i++) {
		bool wanted;

		if (make_key(lookup, i, &wanted, err) < 0)
			return -1;
		if (wanted)
			asked[batch.len++] = &lookup->shares[i];
	}
	*ret_asked = batch.len;
	work_all(&batch);
	return tell_errors(&batch, err);
}

/* ---- using results ---- */

static void cache_run_take(struct cache_lookup *lookup, struct cache_build *share)
{
	share->taken = true;
	plan_take_result(lookup->plan, share->node,
			 &(struct result){
				 .identity = share->result.identity,
				 .digest = share->result.digest,
				 .place = CACHE_BY_NAME,
				 .size = share->result.size,
			 });
}

static size_t take_found(struct cache_lookup *lookup)
{
	size_t taken = 0;

	for (size_t i = 0; i < lookup->len; i++) {
		struct cache_build *share = &lookup->shares[i];
		const struct node *node = plan_node(lookup->plan, i);

		if (!share->found || share->denied || share->taken || node->state == NODE_FRESH ||
		    strcmp(share->local, node->key) != 0)
			continue;
		cache_run_take(lookup, share);
		taken++;
	}
	return taken;
}

/* Decides the nodes that waited for the results just found. */
static int cache_run_decide_waiting(struct cache_lookup *lookup, struct error **err)
{
	for (size_t i = 0; i < lookup->len; i++) {
		const struct node *node = plan_node(lookup->plan, i);

		if (node->state != NODE_FRESH && !node->key[0] && plan_decide(lookup->plan, i, err) < 0)
			return -1;
	}
	return 0;
}

/* Repeats until nothing more is found: a result determines the keys of the nodes that depend on it. */
static int cache_run_settle(struct cache_lookup *lookup, struct error **err)
{
	size_t asked, taken;

	do {
		if (cache_run_ask(lookup, &asked, err) < 0)
			return -1;
		taken = take_found(lookup);
		if (taken > 0 && cache_run_decide_waiting(lookup, err) < 0)
			return -1;
	} while (taken > 0);
	return 0;
}

/* ---- fetching layers ---- */

/* The image is only pushed, and to the repository where it already is. */
static bool only_pushed(struct cache_lookup *lookup, const struct cache_build *share)
{
	const struct node *node = plan_node(lookup->plan, share->node);
	cleanup_free char *id = mem_printf("push:%s", plan_manifest(lookup->plan)->services[node->service].name.s);
	cleanup_free char *own = mem_printf("%s/%s", share->where.domain, share->where.repository);
	size_t push = plan_find(lookup->plan, id);

	for (size_t i = 0; push != NO_NODE && plan_node(lookup->plan, push)->repositories[i]; i++)
		if (strcmp(plan_node(lookup->plan, push)->repositories[i], own) != 0)
			return false;
	return push != NO_NODE;
}

static bool needs_layers(struct cache_lookup *lookup, const struct cache_build *share)
{
	const struct node *node = plan_node(lookup->plan, share->node);
	bool publish = plan_manifest(lookup->plan)->services[node->service].publish;

	if (publish ? !only_pushed(lookup, share) : plan_is_target(lookup->plan, node->service))
		return true;
	for (size_t i = share->node + 1; i < lookup->len; i++) {
		const struct node *above = plan_node(lookup->plan, i);

		if (above->state == NODE_FRESH || above->kind == NODE_INDEX || above->kind == NODE_PUSH ||
		    above->kind == NODE_TAG)
			continue;
		for (size_t j = 0; j < above->needs_len; j++) {
			if (above->needs[j] == share->node)
				return true;
		}
	}
	return false;
}

static void cache_run_fetch(struct cache_lookup *lookup, struct cache_build *share)
{
	share->here = cache_fetch(lookup->env->registry, lookup->env->layout, &share->where, share->result.digest,
				  &share->bytes, &share->error) == 0;
	share->denied = !share->here;
}

/* ret_denied: some could not be fetched. */
static int cache_run_bring(struct cache_lookup *lookup, bool *ret_denied, struct error **err)
{
	cleanup_free struct cache_build **wanted = mem_array(lookup->len + 1, sizeof(*wanted));
	struct cache_batch batch = { .lookup = lookup, .shares = wanted, .work = cache_run_fetch };

	for (size_t i = 0; i < lookup->len; i++) {
		struct cache_build *share = &lookup->shares[i];

		if (share->taken && !share->here && needs_layers(lookup, share))
			wanted[batch.len++] = share;
	}
	work_all(&batch);
	*ret_denied = false;
	for (size_t i = 0; i < batch.len; i++)
		*ret_denied |= wanted[i]->denied;
	return tell_errors(&batch, err);
}

/* Builds whose layers could not be fetched are stale again; so decide anew what depends on them. */
static int give_back(struct cache_lookup *lookup, struct error **err)
{
	cleanup_free bool *changed = mem_array(lookup->len + 1, sizeof(*changed));

	for (size_t i = 0; i < lookup->len; i++) {
		const struct node *node = plan_node(lookup->plan, i);

		changed[i] = lookup->shares[i].denied && lookup->shares[i].taken;
		for (size_t j = 0; j < node->needs_len; j++)
			changed[i] |= changed[node->needs[j]];
		if (!changed[i])
			continue;
		lookup->shares[i].taken = false;
		if (plan_decide(lookup->plan, i, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- storing results ---- */

static int keep_record(struct cache_lookup *lookup, struct cache_build *share, struct error **err)
{
	const struct node *node = plan_node(lookup->plan, share->node);
	cleanup_buf struct buf text = { 0 };
	struct inputs *inputs;
	struct record record = {
		.node = (char *)node->id,
		.identity = share->result.identity,
		.digest = share->result.digest,
		.place = share->here ? "store" : CACHE_BY_NAME,
		.builder = "registry cache",
		.size = share->result.size,
		.when_ms = clock_unix_ms(),
	};

	plan_set_result(lookup->plan, share->node,
			&(struct result){
				.identity = share->result.identity,
				.digest = share->result.digest,
				.place = record.place,
				.size = share->result.size,
			});
	memcpy(record.key, node->key, sizeof(record.key));
	if (plan_inputs(lookup->plan, share->node, &inputs, err) < 0)
		return -1;
	inputs_text(inputs, &text);
	inputs_free(inputs);
	return state_put(lookup->env->state, &record, text.data, text.len, err);
}

/* A base whose image nobody needs here is fresh by its record alone; an image must be here. */
static bool cache_run_is_kept(const struct cache_lookup *lookup, const struct cache_build *share)
{
	const struct node *node = plan_node(lookup->plan, share->node);

	return share->here || !plan_manifest(lookup->plan)->services[node->service].publish;
}

static int cache_run_keep(struct cache_lookup *lookup, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	size_t taken = 0;
	uint64_t bytes = 0;

	for (size_t i = 0; i < lookup->len; i++) {
		struct cache_build *share = &lookup->shares[i];

		if (!share->taken)
			continue;
		if (cache_run_is_kept(lookup, share) && keep_record(lookup, share, err) < 0)
			return -1;
		taken++;
		bytes += share->bytes;
	}
	if (taken == 0)
		return 0;
	buf_printf(&text, "%zu builds are taken from the registry cache (", taken);
	text_size(&text, bytes);
	buf_str(&text, " downloaded)");
	cache_run_note(lookup, text.data);
	return 0;
}

static int cache_run_run(struct cache_lookup *lookup, struct error **err)
{
	bool denied;

	do {
		if (cache_run_settle(lookup, err) < 0 || cache_run_bring(lookup, &denied, err) < 0 ||
		    (denied && give_back(lookup, err) < 0))
			return -1;
	} while (denied);
	for (size_t i = 0; i < lookup->len; i++) {
		if (lookup->shares[i].key[0])
			plan_set_cache_key(lookup->plan, i, lookup->shares[i].key);
	}
	return cache_run_keep(lookup, err);
}

int cache_take_results(struct cache_run *env, struct error **err)
{
	struct cache_lookup lookup = { .env = env, .plan = env->plan, .len = plan_len(env->plan) };
	int r;

	lookup.shares = mem_array(lookup.len + 1, sizeof(*lookup.shares));
	for (size_t i = 0; i < lookup.len; i++)
		lookup.shares[i].node = i;
	r = cache_run_run(&lookup, err);
	env->down = atomic_load(&lookup.down);
	for (size_t i = 0; i < lookup.len; i++) {
		ref_free(&lookup.shares[i].where);
		error_free(lookup.shares[i].error);
	}
	free(lookup.shares);
	return r;
}

int cache_take(struct registry *registry, struct layout *layout, const struct plan *plan, size_t node, const char *key,
	       struct cache_entry *ret, struct error **err)
{
	struct ref where;
	uint64_t bytes;
	int r;

	if (!cache_where(plan, node, &where))
		return 0;
	r = cache_find(registry, layout, &where, key, &plan_node(plan, node)->platform, ret, err);
	if (r > 0 && cache_fetch(registry, layout, &where, ret->digest, &bytes, err) < 0)
		r = -1;
	ref_free(&where);
	return r;
}

int cache_give(struct registry *registry, struct layout *layout, const struct plan *plan, size_t number,
	       const char *key, const char *digest, struct error **err)
{
	const struct node *node = plan_node(plan, number);
	bool forced = false;
	struct ref where;
	int r;

	if (!cache_where(plan, number, &where))
		return 0;
	for (size_t i = 0; i < node->reasons_len; i++)
		forced |= node->reasons[i].kind == REASON_FORCED;
	r = cache_put(registry, layout, &where, key, &node->platform, digest, forced, err);
	ref_free(&where);
	return r;
}
