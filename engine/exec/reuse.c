#include "config.h"

#include "engine/exec/reuse.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "base/workers.h"
#include "dsl/manifest.h"
#include "engine/plan/inputs.h"
#include "engine/plan/plan.h"
#include "engine/registry/client.h"
#include "engine/registry/results.h"
#include "engine/state/state.h"

/* What is known of a build in the cache. */
struct share {
	size_t node;
	struct ref where;
	char local[HASH_HEX + 1];  /* the node's own key when it was asked about */
	char key[DIGEST_LEN + 1];  /* "": it has none */
	bool asked, found, denied; /* denied: it could not be brought */
	bool taken;                /* the node is fresh by it */
	bool wanted, here;         /* its layers */
	struct shared_result result;
	uint64_t bytes;
	struct error *error; /* why it was not found, or not brought */
};

struct reuse {
	const struct reuse_env *env;
	struct plan *plan;
	struct share *shares; /* one a node; those of builds are used */
	size_t len;
	bool told;        /* that something cannot be shared */
	atomic_bool down; /* the registry does not answer, or only with troubles: it is not asked again and again */
};

static void note(const struct reuse *reuse, const char *text)
{
	reuse->env->note(reuse->env->data, text);
}

bool reuse_where(const struct plan *plan, size_t number, struct ref *ret)
{
	const struct service *service = &plan_manifest(plan)->services[plan_node(plan, number)->service];

	if (!ref_parse(service->image.s, ret, NULL))
		return false;
	/* A name that says no registry. */
	if (strcmp(ret->domain, "docker.io") != 0 || strncmp(ret->repository, "library/", strlen("library/")) != 0)
		return true;
	ref_free(ret);
	return false;
}

/* ---- several at once ---- */

struct batch {
	struct reuse *reuse;
	struct share **shares;
	size_t len;
	void (*work)(struct reuse *reuse, struct share *share);
};

static void work_one(void *data, size_t index, unsigned worker)
{
	struct batch *batch = data;

	(void)worker;
	batch->work(batch->reuse, batch->shares[index]);
}

static void work_all(struct batch *batch)
{
	workers_run(batch->len, WORKERS_MAX, work_one, batch);
}

/* A failure is a miss, and told; being interrupted is not. */
static int tell_errors(const struct batch *batch, struct error **err)
{
	for (size_t i = 0; i < batch->len; i++) {
		struct share *share = batch->shares[i];
		cleanup_error struct error *error = steal_ptr(share->error);
		cleanup_free char *text = NULL;

		if (error && error->cls != ERROR_REGISTRY)
			return error_move(err, &error);
		if (!error)
			continue;
		text = mem_printf("%s: not taken from the registry cache: %s",
				  plan_node(batch->reuse->plan, share->node)->id, error->message);
		note(batch->reuse, text);
	}
	return 0;
}

/* ---- asking ---- */

static void find(struct reuse *reuse, struct share *share)
{
	if (atomic_load(&reuse->down))
		return;
	share->found = results_find(reuse->env->registry, reuse->env->layout, &share->where, share->key,
				    &plan_node(reuse->plan, share->node)->platform, &share->result, &share->error) > 0;
	if (share->error && share->error->transient && atomic_exchange(&reuse->down, true))
		error_free(steal_ptr(share->error)); /* it is told already */
}

/* One such complaint a run is enough. */
static void tell_unshared(struct reuse *reuse, size_t number, const char *why)
{
	cleanup_free char *text =
		mem_printf("%s is not in the registry cache: %s", plan_node(reuse->plan, number)->id, why);

	if (!reuse->told)
		note(reuse, text);
	reuse->told = true;
}

/* Makes the key for others of a build that is stale. *ret_ask: it has one. */
static int make_key(struct reuse *reuse, size_t number, bool *ret_ask, struct error **err)
{
	const struct node *node = plan_node(reuse->plan, number);
	struct share *share = &reuse->shares[number];
	cleanup_free char *why = NULL;
	int r;

	*ret_ask = false;
	if (node->kind != NODE_BUILD || node->state == NODE_FRESH || !node->key[0] ||
	    (share->asked && strcmp(share->local, node->key) == 0))
		return 0;
	ref_free(&share->where);
	*share = (struct share){ .node = number, .asked = true };
	memcpy(share->local, node->key, sizeof(share->local));
	r = plan_shared_key(reuse->plan, number, share->key, &why, err);
	if (r < 0)
		return -1;
	if (r > 0 && !reuse_where(reuse->plan, number, &share->where))
		why = mem_strdup("its name says no registry");
	if (why)
		tell_unshared(reuse, number, why);
	if (r == 0 || why) {
		share->key[0] = '\0';
		return 0;
	}
	*ret_ask = true;
	return registry_prepare(reuse->env->registry, &share->where, false, err);
}

/* *ret_asked: how many were asked about. */
static int ask(struct reuse *reuse, size_t *ret_asked, struct error **err)
{
	cleanup_free struct share **asked = mem_array(reuse->len + 1, sizeof(*asked));
	struct batch batch = { .reuse = reuse, .shares = asked, .work = find };

	for (size_t i = 0; i < reuse->len; i++) {
		bool wanted;

		if (make_key(reuse, i, &wanted, err) < 0)
			return -1;
		if (wanted)
			asked[batch.len++] = &reuse->shares[i];
	}
	*ret_asked = batch.len;
	work_all(&batch);
	return tell_errors(&batch, err);
}

/* ---- taking ---- */

static void take(struct reuse *reuse, struct share *share)
{
	share->taken = true;
	plan_take_result(reuse->plan, share->node,
			 &(struct result){
				 .identity = share->result.identity,
				 .digest = share->result.digest,
				 .place = REUSE_BY_NAME,
				 .size = share->result.size,
			 });
}

static size_t take_found(struct reuse *reuse)
{
	size_t taken = 0;

	for (size_t i = 0; i < reuse->len; i++) {
		struct share *share = &reuse->shares[i];
		const struct node *node = plan_node(reuse->plan, i);

		if (!share->found || share->denied || share->taken || node->state == NODE_FRESH ||
		    strcmp(share->local, node->key) != 0)
			continue;
		take(reuse, share);
		taken++;
	}
	return taken;
}

/* What waited for results that were taken. */
static int decide_waiting(struct reuse *reuse, struct error **err)
{
	for (size_t i = 0; i < reuse->len; i++) {
		const struct node *node = plan_node(reuse->plan, i);

		if (node->state != NODE_FRESH && !node->key[0] && plan_decide(reuse->plan, i, err) < 0)
			return -1;
	}
	return 0;
}

/* Until nothing more is found: what is taken tells the keys of what stands on it. */
static int settle(struct reuse *reuse, struct error **err)
{
	size_t asked, taken;

	do {
		if (ask(reuse, &asked, err) < 0)
			return -1;
		taken = take_found(reuse);
		if (taken > 0 && decide_waiting(reuse, err) < 0)
			return -1;
	} while (taken > 0);
	return 0;
}

/* ---- bringing ---- */

/* The image is pushed to where it is already, and nowhere else. */
static bool only_pushed(struct reuse *reuse, const struct share *share)
{
	const struct node *node = plan_node(reuse->plan, share->node);
	cleanup_free char *id = mem_printf("push:%s", plan_manifest(reuse->plan)->services[node->service].name.s);
	cleanup_free char *own = mem_printf("%s/%s", share->where.domain, share->where.repository);
	size_t push = plan_find(reuse->plan, id);

	for (size_t i = 0; push != NO_NODE && plan_node(reuse->plan, push)->repositories[i]; i++)
		if (strcmp(plan_node(reuse->plan, push)->repositories[i], own) != 0)
			return false;
	return push != NO_NODE;
}

static bool needs_layers(struct reuse *reuse, const struct share *share)
{
	const struct node *node = plan_node(reuse->plan, share->node);
	bool publish = plan_manifest(reuse->plan)->services[node->service].publish;

	if (publish ? !only_pushed(reuse, share) : plan_is_target(reuse->plan, node->service))
		return true;
	for (size_t i = share->node + 1; i < reuse->len; i++) {
		const struct node *above = plan_node(reuse->plan, i);

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

static void fetch(struct reuse *reuse, struct share *share)
{
	share->here = results_fetch(reuse->env->registry, reuse->env->layout, &share->where, share->result.digest,
				    &share->bytes, &share->error) == 0;
	share->denied = !share->here;
}

/* *ret_denied: some could not be brought. */
static int bring(struct reuse *reuse, bool *ret_denied, struct error **err)
{
	cleanup_free struct share **wanted = mem_array(reuse->len + 1, sizeof(*wanted));
	struct batch batch = { .reuse = reuse, .shares = wanted, .work = fetch };

	for (size_t i = 0; i < reuse->len; i++) {
		struct share *share = &reuse->shares[i];

		if (share->taken && !share->here && needs_layers(reuse, share))
			wanted[batch.len++] = share;
	}
	work_all(&batch);
	*ret_denied = false;
	for (size_t i = 0; i < batch.len; i++)
		*ret_denied |= wanted[i]->denied;
	return tell_errors(&batch, err);
}

/* What was denied is stale after all, and what stands on it is decided anew. */
static int give_back(struct reuse *reuse, struct error **err)
{
	cleanup_free bool *changed = mem_array(reuse->len + 1, sizeof(*changed));

	for (size_t i = 0; i < reuse->len; i++) {
		const struct node *node = plan_node(reuse->plan, i);

		changed[i] = reuse->shares[i].denied && reuse->shares[i].taken;
		for (size_t j = 0; j < node->needs_len; j++)
			changed[i] |= changed[node->needs[j]];
		if (!changed[i])
			continue;
		reuse->shares[i].taken = false;
		if (plan_decide(reuse->plan, i, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- keeping ---- */

static int64_t unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static int keep_record(struct reuse *reuse, struct share *share, struct error **err)
{
	const struct node *node = plan_node(reuse->plan, share->node);
	cleanup_buf struct buf text = { 0 };
	struct inputs *inputs;
	struct record record = {
		.node = (char *)node->id,
		.identity = share->result.identity,
		.digest = share->result.digest,
		.place = share->here ? "store" : REUSE_BY_NAME,
		.builder = "registry cache",
		.size = share->result.size,
		.when_ms = unix_ms(),
	};

	plan_set_result(reuse->plan, share->node,
			&(struct result){
				.identity = share->result.identity,
				.digest = share->result.digest,
				.place = record.place,
				.size = share->result.size,
			});
	memcpy(record.key, node->key, sizeof(record.key));
	if (plan_inputs(reuse->plan, share->node, &inputs, err) < 0)
		return -1;
	inputs_text(inputs, &text);
	inputs_free(inputs);
	return state_put(reuse->env->state, &record, text.data, text.len, err);
}

/* A base whose image nobody needs here is fresh by its record; an image is only when it is here. */
static bool is_kept(const struct reuse *reuse, const struct share *share)
{
	const struct node *node = plan_node(reuse->plan, share->node);

	return share->here || !plan_manifest(reuse->plan)->services[node->service].publish;
}

static int keep(struct reuse *reuse, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	size_t taken = 0;
	uint64_t bytes = 0;

	for (size_t i = 0; i < reuse->len; i++) {
		struct share *share = &reuse->shares[i];

		if (!share->taken)
			continue;
		if (is_kept(reuse, share) && keep_record(reuse, share, err) < 0)
			return -1;
		taken++;
		bytes += share->bytes;
	}
	if (taken == 0)
		return 0;
	buf_printf(&text, "%zu builds are taken from the registry cache (", taken);
	text_size(&text, bytes);
	buf_str(&text, " downloaded)");
	note(reuse, text.data);
	return 0;
}

static int run(struct reuse *reuse, struct error **err)
{
	bool denied;

	do {
		if (settle(reuse, err) < 0 || bring(reuse, &denied, err) < 0 || (denied && give_back(reuse, err) < 0))
			return -1;
	} while (denied);
	for (size_t i = 0; i < reuse->len; i++) {
		if (reuse->shares[i].key[0])
			plan_set_shared(reuse->plan, i, reuse->shares[i].key);
	}
	return keep(reuse, err);
}

int reuse_results(struct reuse_env *env, struct error **err)
{
	struct reuse reuse = { .env = env, .plan = env->plan, .len = plan_len(env->plan) };
	int r;

	reuse.shares = mem_array(reuse.len + 1, sizeof(*reuse.shares));
	for (size_t i = 0; i < reuse.len; i++)
		reuse.shares[i].node = i;
	r = run(&reuse, err);
	env->down = atomic_load(&reuse.down);
	for (size_t i = 0; i < reuse.len; i++) {
		ref_free(&reuse.shares[i].where);
		error_free(reuse.shares[i].error);
	}
	free(reuse.shares);
	return r;
}
