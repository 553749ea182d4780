#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/report/past.h"
#include "cli/report/reporter.h"
#include "engine/plan/plan_node.h"
#include "engine/state/state.h"

static char *past_text_of(const struct json *object, const char *key)
{
	const char *text = json_str(object, key);

	return mem_strdup(text ? text : "");
}

static struct past_node *past_add_node(struct past *past)
{
	mem_reserve(&past->nodes, &past->cap, past->len + 1, sizeof(*past->nodes));
	return &past->nodes[past->len++];
}

/* Numbers of names, as the plan's JSON has them; the number of kinds when there is none. */
static enum node_kind node_kind_of(const char *name)
{
	int kind = 0;

	while (kind < NODE_KINDS && strcmp(node_kind_name((enum node_kind)kind), name) != 0)
		kind++;
	return (enum node_kind)kind;
}

static enum reason_kind reason_kind_of(const char *name)
{
	int kind = 0;

	while (kind < REASON_KINDS && strcmp(reason_kind_name((enum reason_kind)kind), name) != 0)
		kind++;
	return (enum reason_kind)kind;
}

/* A sentence each, one per line. */
static char *reasons_text(enum node_kind node, const struct json *reasons)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < json_len(reasons); i++) {
		const struct json *object = json_at(reasons, i);
		const char *kind = json_str(object, "kind"), *what = json_str(object, "what"),
			   *change = json_str(object, "change");
		const struct reason reason = { reason_kind_of(kind ? kind : ""), what ? what : "", change ? change : "" };

		if (node == NODE_KINDS || reason.kind == REASON_KINDS) /* of another version */
			continue;
		buf_str(&text, text.len ? "\n" : "");
		report_reason(&text, node, &reason);
	}
	return buf_steal(&text);
}

static int past_add_plan(struct past *past, const char *text, struct map *numbers, struct error **err)
{
	cleanup_json struct json *root = NULL;
	const struct json *nodes;

	if (json_parse(text, strlen(text), "the run's plan", &root, err) < 0)
		return -1;
	nodes = json_get(root, "nodes");
	for (size_t i = 0; i < json_len(nodes); i++) {
		const struct json *node = json_at(nodes, i), *needs = json_get(node, "needs");
		const char *platform = json_str(node, "platform");
		struct past_node *ret = past_add_node(past);

		ret->id = past_text_of(node, "id");
		ret->kind = past_text_of(node, "kind");
		ret->service = past_text_of(node, "service");
		ret->platform = platform ? mem_strdup(platform) : NULL;
		ret->state = past_text_of(node, "state");
		ret->reasons = reasons_text(node_kind_of(ret->kind), json_get(node, "reasons"));
		ret->needs = mem_array(json_len(needs) + 1, sizeof(*ret->needs));
		for (size_t j = 0; j < json_len(needs); j++) {
			const char *need = json_text(json_at(needs, j));
			size_t number = need ? (size_t)map_get(numbers, need) : 0;

			if (number)
				ret->needs[ret->needs_len++] = number - 1;
		}
		map_set(numbers, ret->id, (void *)past->len);
	}
	return 0;
}

/* A node of which only the id is known: "build:web:linux/amd64". */
static struct past_node *add_unplanned(struct past *past, const char *id, struct map *numbers)
{
	struct past_node *ret = past_add_node(past);
	size_t kind = strcspn(id, ":"), service;
	const char *rest = id + kind + (id[kind] == ':'), *last;

	service = strcspn(rest, ":");
	ret->id = mem_strdup(id);
	ret->kind = mem_strndup(id, kind);
	ret->service = mem_strndup(rest, service);
	last = strrchr(rest, ':');
	ret->platform = last && strchr(last, '/') ? mem_strdup(last + 1) : NULL;
	ret->state = mem_strdup("");
	ret->reasons = mem_strdup("");
	ret->needs = mem_array(1, sizeof(*ret->needs));
	map_set(numbers, ret->id, (void *)past->len);
	return ret;
}

static void add_steps(struct past *past, const struct run_info *run, const struct run_step *steps, size_t len,
		      struct map *numbers)
{
	for (size_t i = 0; i < len; i++) {
		const struct run_step *step = &steps[i];
		size_t number = (size_t)map_get(numbers, step->node);
		struct past_node *node = number ? &past->nodes[number - 1] : add_unplanned(past, step->node, numbers);

		free(node->outcome);
		free(node->log);
		node->outcome = step->outcome ? mem_strdup(step->outcome) : NULL;
		node->log = step->log ? mem_strdup(step->log) : NULL;
		node->ran = step->log != NULL;
		node->start_ms = step->start_ms > run->begin_ms ? (uint64_t)(step->start_ms - run->begin_ms) : 0;
		node->took_ms = step->took_ms > 0 ? (uint64_t)step->took_ms : 0;
		if (node->ran && node->start_ms + node->took_ms > past->took_ms)
			past->took_ms = node->start_ms + node->took_ms;
	}
}

static bool is_bad(const struct past_node *node)
{
	return node->outcome && strcmp(node->outcome, "done") != 0 && strcmp(node->outcome, "fresh") != 0 &&
	       strcmp(node->outcome, "reused") != 0;
}

/* Nodes without a record did not run. */
static void add_rest(struct past *past, const struct run_info *run)
{
	for (size_t i = 0; i < past->len; i++) {
		struct past_node *node = &past->nodes[i];
		bool kept = false;

		if (node->outcome || strcmp(node->state, "fresh") == 0)
			continue;
		for (size_t j = 0; j < node->needs_len; j++)
			kept = kept || is_bad(&past->nodes[node->needs[j]]);
		node->outcome = mem_strdup(kept ? "skipped" : run->status == 0 ? "fresh" : "not reached");
	}
}

static int by_start(const void *a, const void *b)
{
	const struct past_node *left = *(const struct past_node *const *)a, *right = *(const struct past_node *const *)b;

	if (left->start_ms != right->start_ms)
		return left->start_ms < right->start_ms ? -1 : 1;
	return (left > right) - (left < right);
}

static void find_slots(struct past *past)
{
	cleanup_free struct past_node **order = mem_array(past->len + 1, sizeof(struct past_node *));
	cleanup_free uint64_t *free_at = mem_array(past->len + 1, sizeof(*free_at));
	size_t ran = 0;

	for (size_t i = 0; i < past->len; i++) {
		if (past->nodes[i].ran)
			order[ran++] = &past->nodes[i];
	}
	qsort(order, ran, sizeof(*order), by_start);
	for (size_t i = 0; i < ran; i++) {
		size_t slot = 0;

		while (slot < past->slots && free_at[slot] > order[i]->start_ms)
			slot++;
		order[i]->slot = slot;
		free_at[slot] = order[i]->start_ms + order[i]->took_ms;
		if (slot == past->slots)
			past->slots++;
	}
}

static uint64_t end_of(const struct past_node *node)
{
	return node->start_ms + node->took_ms;
}

/* The longest chain of dependencies up to a node, and the last end of its dependencies. Nodes that did not run
 * stand for their dependencies. */
struct past_chain {
	struct past_node *before;
	uint64_t took_ms; /* all of its nodes */
	uint64_t ready_ms;
};

/* `chains` has those of its dependencies. */
static struct past_chain chain_to(struct past *past, const struct past_node *node, const struct past_chain *chains)
{
	struct past_chain chain = { 0 };

	for (size_t i = 0; i < node->needs_len; i++) {
		struct past_node *need = &past->nodes[node->needs[i]];
		const struct past_chain *to = &chains[node->needs[i]];
		uint64_t ended = need->ran ? end_of(need) : to->ready_ms;

		if (to->took_ms > chain.took_ms)
			chain = (struct past_chain){ need->ran ? need : to->before, to->took_ms, chain.ready_ms };
		if (ended > chain.ready_ms)
			chain.ready_ms = ended;
	}
	chain.took_ms += node->ran ? node->took_ms : 0;
	return chain;
}

static uint64_t first_start(const struct past *past)
{
	uint64_t first = past->took_ms;

	for (size_t i = 0; i < past->len; i++) {
		if (past->nodes[i].ran && past->nodes[i].start_ms < first)
			first = past->nodes[i].start_ms;
	}
	return first;
}

/* Dependencies come before their dependents. */
static void find_critical(struct past *past)
{
	cleanup_free struct past_chain *chains = mem_array(past->len + 1, sizeof(*chains));
	uint64_t begin = first_start(past);
	struct past_node *last = NULL;

	for (size_t i = 0; i < past->len; i++) {
		chains[i] = chain_to(past, &past->nodes[i], chains);
		if (past->nodes[i].ran && (!last || chains[i].took_ms > chains[last - past->nodes].took_ms))
			last = &past->nodes[i];
	}
	past->critical_ms = last ? chains[last - past->nodes].took_ms : 0;
	for (; last; last = chains[last - past->nodes].before) {
		uint64_t ready = chains[last - past->nodes].ready_ms;

		ready = ready > begin ? ready : begin;
		last->waited_ms = last->start_ms > ready ? last->start_ms - ready : 0;
		past->waited_ms += last->waited_ms;
		last->critical = true;
	}
}

static void number_services(struct past *past)
{
	cleanup_map struct map *numbers = map_new();

	for (size_t i = 0; i < past->len; i++) {
		struct past_node *node = &past->nodes[i];

		if (!map_get(numbers, node->service))
			map_set(numbers, node->service, (void *)++past->services_len);
		node->service_number = (size_t)map_get(numbers, node->service) - 1;
	}
}

int past_make(const char *plan, const struct run_info *run, const struct run_step *steps, size_t steps_len,
	      struct past *ret, struct error **err)
{
	cleanup_map struct map *numbers = map_new();
	struct past past = { 0 };

	if (plan && past_add_plan(&past, plan, numbers, err) < 0) {
		past_free(&past);
		return -1;
	}
	add_steps(&past, run, steps, steps_len, numbers);
	add_rest(&past, run);
	number_services(&past);
	find_slots(&past);
	find_critical(&past);
	*ret = past;
	return 0;
}

const char *past_outcome(const struct past_node *node)
{
	return node->outcome ? node->outcome : "fresh";
}

static size_t outcome_rank(const struct past_node *node)
{
	static const char *const worst_first[] = { STATE_FAILED, "cancelled", "outdated", "not reached",
						   "skipped",    "done",      "reused" };
	size_t rank = 0;

	while (rank < sizeof(worst_first) / sizeof(worst_first[0]) && strcmp(past_outcome(node), worst_first[rank]) != 0)
		rank++;
	return rank;
}

bool past_worse(const struct past_node *node, const struct past_node *than)
{
	return outcome_rank(node) < outcome_rank(than);
}

void past_free(struct past *past)
{
	for (size_t i = 0; i < past->len; i++) {
		struct past_node *node = &past->nodes[i];

		free(node->id);
		free(node->kind);
		free(node->service);
		free(node->platform);
		free(node->state);
		free(node->reasons);
		free(node->outcome);
		free(node->log);
		free(node->needs);
	}
	free(past->nodes);
	*past = (struct past){ 0 };
}
