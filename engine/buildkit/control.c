#include "config.h"

#include "engine/buildkit/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/buildkit/conn.h"
#include "engine/buildkit/reasons.h"
#include "engine/buildkit/grpc.h"
#include "engine/buildkit/h2.h"
#include "engine/buildkit/proto/control.pb-c.h"
#include "engine/buildkit/proto/message.h"

#define SERVICE "/moby.buildkit.v1.Control/"
#define LABELS "org.mobyproject.buildkit.worker."

struct daemon {
	struct h2 *h2;
};

int daemon_open(struct loop *loop, const struct conn_address *address, uint64_t limit_ms, struct daemon **ret,
		struct error **err)
{
	static const struct h2_role client;
	struct conn *conn;
	struct h2 *h2;

	if (message_load(err) < 0 || conn_open(loop, address, limit_ms, &conn, err) < 0 ||
	    h2_start(loop, conn, &client, &h2, err) < 0)
		return -1;
	*ret = mem_alloc(sizeof(**ret));
	(*ret)->h2 = h2;
	return 0;
}

void daemon_free(struct daemon *daemon)
{
	if (!daemon)
		return;
	h2_free(daemon->h2);
	free(daemon);
}

struct h2 *daemon_h2(struct daemon *daemon)
{
	return daemon->h2;
}

bool daemon_alive(struct daemon *daemon)
{
	return h2_alive(daemon->h2);
}

int control_name(char ret[CONTROL_NAME + 1], struct error **err)
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuv";
	unsigned char random[CONTROL_NAME];

	if (getentropy(random, sizeof(random)) < 0)
		return error_make(err, ERROR_STATE, "cannot get random numbers");
	for (int i = 0; i < CONTROL_NAME; i++)
		ret[i] = letters[random[i] % 32];
	ret[CONTROL_NAME] = '\0';
	return 0;
}

static void put(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text);
}

static void take_label(struct control_info *info, const Bk__Pair *label)
{
	const struct {
		const char *name;
		char *to;
		size_t size;
	} labels[] = {
		{ LABELS "executor", info->executor, sizeof(info->executor) },
		{ LABELS "snapshotter", info->snapshotter, sizeof(info->snapshotter) },
		{ LABELS "containerd.namespace", info->namespace, sizeof(info->namespace) },
	};

	for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++)
		if (strcmp(label->key, labels[i].name) == 0)
			put(labels[i].to, labels[i].size, label->value);
}

static void take_platform(struct control_info *info, const Bk__Machine *machine)
{
	cleanup_free char *text = mem_printf("%s/%s%s%s", machine->os, machine->architecture,
					     *machine->variant ? "/" : "", machine->variant);
	struct platform platform;

	if (info->platforms_len == CONTROL_PLATFORMS_MAX || !platform_parse(text, &platform))
		return;
	for (size_t i = 0; i < info->platforms_len; i++)
		if (platform_equal(&info->platforms[i], &platform))
			return;
	info->platforms[info->platforms_len++] = platform;
}

/* A daemon that does not support the call has no version. */
static int take_version(struct daemon *daemon, uint64_t limit_ms, struct control_info *ret, struct error **err)
{
	Bk__Blank blank = BK__BLANK__INIT;
	cleanup_message Bk__InfoAnswer *answer = NULL;
	cleanup_error struct error *error = NULL;

	if (grpc_ask(daemon->h2, SERVICE "Info", NULL, 0, &blank.base, limit_ms, &bk__info_answer__descriptor,
		     (void **)&answer, &error) < 0)
		return h2_alive(daemon->h2) && !error->transient && error->cls != ERROR_CANCELLED
			       ? 0
			       : error_move(err, &error);
	if (answer->version)
		put(ret->version, sizeof(ret->version), answer->version->version);
	return 0;
}

int control_info(struct daemon *daemon, uint64_t limit_ms, struct control_info *ret, struct error **err)
{
	Bk__Blank blank = BK__BLANK__INIT;
	cleanup_message Bk__WorkersAnswer *answer = NULL;

	*ret = (struct control_info){ .version = "" };
	if (take_version(daemon, limit_ms, ret, err) < 0 ||
	    grpc_ask(daemon->h2, SERVICE "ListWorkers", NULL, 0, &blank.base, limit_ms, &bk__workers_answer__descriptor,
		     (void **)&answer, err) < 0)
		return -1;
	if (answer->n_workers == 0)
		return error_make(err, ERROR_TOOL, "the daemon has no worker");
	for (size_t i = 0; i < answer->workers[0]->n_labels; i++)
		take_label(ret, answer->workers[0]->labels[i]);
	for (size_t i = 0; i < answer->workers[0]->n_platforms; i++)
		take_platform(ret, answer->workers[0]->platforms[i]);
	return 0;
}

/* Lists of pointers, as the generated structs want them; all of one request are freed together. */
static Bk__Pair **control_pairs(struct arena *arena, const struct control_pair *from, size_t len)
{
	Bk__Pair **list = arena_array(arena, len + 1, sizeof(*list));

	for (size_t i = 0; i < len; i++) {
		list[i] = arena_alloc(arena, sizeof(**list));
		bk__pair__init(list[i]);
		list[i]->key = (char *)(uintptr_t)from[i].key;
		list[i]->value = (char *)(uintptr_t)from[i].value;
	}
	return list;
}

static Bk__Typed **typed(struct arena *arena, const struct control_typed *from, size_t len)
{
	Bk__Typed **list = arena_array(arena, len + 1, sizeof(*list));

	for (size_t i = 0; i < len; i++) {
		list[i] = arena_alloc(arena, sizeof(**list));
		bk__typed__init(list[i]);
		list[i]->type = (char *)(uintptr_t)from[i].type;
		list[i]->attrs = control_pairs(arena, from[i].attrs, from[i].attrs_len);
		list[i]->n_attrs = from[i].attrs_len;
	}
	return list;
}

static char *control_text(const char *text)
{
	return (char *)(uintptr_t)(text ? text : "");
}

static Bk__PolicyRule *policy_rule(struct arena *arena, const struct control_rule *from)
{
	Bk__PolicyRule *rule = arena_alloc(arena, sizeof(*rule));
	Bk__PolicySelector *selector = arena_alloc(arena, sizeof(*selector));
	Bk__PolicyUpdate *update = arena_alloc(arena, sizeof(*update));
	Bk__PolicyCondition *condition = arena_alloc(arena, sizeof(*condition));

	bk__policy_rule__init(rule);
	bk__policy_selector__init(selector);
	bk__policy_update__init(update);
	bk__policy_condition__init(condition);
	rule->action = from->action;
	rule->selector = selector;
	selector->id = control_text(from->source);
	selector->kind = from->regex ? 2 : 1;
	if (from->key) {
		condition->key = control_text(from->key);
		condition->value = control_text(from->matches);
		condition->kind = 2;
		selector->conditions = arena_array(arena, 1, sizeof(*selector->conditions));
		selector->conditions[0] = condition;
		selector->n_conditions = 1;
	}
	if (from->action == RULE_CONVERT) {
		rule->update = update;
		update->id = control_text(from->becomes);
		update->attrs = control_pairs(arena, &from->attr, 1);
		update->n_attrs = from->attr.key ? 1 : 0;
	}
	return rule;
}

static Bk__Policy *policy(struct arena *arena, const struct control_solve *solve)
{
	Bk__Policy *policy = arena_alloc(arena, sizeof(*policy));

	bk__policy__init(policy);
	policy->version = 1;
	policy->rules = arena_array(arena, solve->rules_len, sizeof(*policy->rules));
	for (size_t i = 0; i < solve->rules_len; i++)
		policy->rules[policy->n_rules++] = policy_rule(arena, &solve->rules[i]);
	return policy;
}

/* The result borrows from `solve` and the arena. */
static void fill(struct arena *arena, const struct control_solve *solve, Bk__SolveRequest *request, Bk__Caches *caches)
{
	request->ref = control_text(solve->ref);
	request->session = control_text(solve->session);
	request->frontend = control_text(solve->frontend);
	request->frontend_attrs = control_pairs(arena, solve->attrs, solve->attrs_len);
	request->n_frontend_attrs = solve->attrs_len;
	request->exporters = typed(arena, solve->exporters, solve->exporters_len);
	request->n_exporters = solve->exporters_len;
	if (solve->exporters_len > 0) {
		request->exporter = request->exporters[0]->type;
		request->exporter_attrs = request->exporters[0]->attrs;
		request->n_exporter_attrs = request->exporters[0]->n_attrs;
	}
	caches->imports = typed(arena, solve->cache_from, solve->cache_from_len);
	caches->n_imports = solve->cache_from_len;
	caches->exports = typed(arena, solve->cache_to, solve->cache_to_len);
	caches->n_exports = solve->cache_to_len;
	request->cache = caches;
	if (solve->rules_len > 0)
		request->policy = policy(arena, solve);
	request->entitlements = (char **)(uintptr_t)solve->entitlements;
	request->n_entitlements = solve->entitlements_len;
	/* We keep our own history of builds, so the daemon need not. */
	request->internal = true;
}

static int receive_answer(struct grpc_call *call, control_answer *answer, void *data, struct error **err)
{
	cleanup_message Bk__SolveAnswer *message = NULL;
	int r = grpc_receive(call, &bk__solve_answer__descriptor, (void **)&message, err);

	if (r <= 0)
		return r < 0 ? -1 : error_make(err, ERROR_TOOL, "the daemon reports nothing about the build");
	for (size_t i = 0; i < message->n_exporter_answer; i++)
		answer(data, message->exporter_answer[i]->key, message->exporter_answer[i]->value);
	return 0;
}

static int ask_solve(struct daemon *daemon, const Bk__SolveRequest *request, struct h2 *needs, struct grpc_call **ret,
		     struct error **err)
{
	if (grpc_open(daemon->h2, SERVICE "Solve", NULL, 0, ret, err) < 0)
		return -1;
	grpc_need(*ret, needs);
	return grpc_send(*ret, &request->base, err) < 0 ? -1 : grpc_end(*ret, err);
}

int control_solve(struct daemon *daemon, const struct control_solve *solve, control_answer *answer, void *data,
		  struct control_failure *ret_failure, struct error **err)
{
	struct arena *arena = arena_new();
	Bk__SolveRequest request = BK__SOLVE_REQUEST__INIT;
	Bk__Caches caches = BK__CACHES__INIT;
	cleanup_grpc struct grpc_call *call = NULL;
	int r;

	*ret_failure = (struct control_failure){ .exit_code = -1 };
	fill(arena, solve, &request, &caches);
	r = ask_solve(daemon, &request, solve->needs, &call, err);
	arena_free(arena);
	if (r == 0)
		r = receive_answer(call, answer, data, err);
	if (r < 0 && call)
		reasons_read(call, ret_failure);
	return r;
}

static int64_t nanoseconds(const Bk__Time *time)
{
	return time ? time->seconds * 1000000000 + time->nanos : 0;
}

static void tell_steps(const Bk__StatusAnswer *answer, status_take *take, void *data)
{
	for (size_t i = 0; i < answer->n_vertexes; i++) {
		const Bk__Vertex *vertex = answer->vertexes[i];

		take(data, &(struct status_event){
				   .kind = STATUS_STEP,
				   .step = vertex->digest,
				   .name = vertex->name,
				   .cached = vertex->cached,
				   .started = nanoseconds(vertex->started),
				   .completed = nanoseconds(vertex->completed),
				   .text = *vertex->error ? vertex->error : NULL,
				   .len = strlen(vertex->error),
			   });
	}
	for (size_t i = 0; i < answer->n_statuses; i++) {
		const Bk__Moved *moved = answer->statuses[i];

		take(data, &(struct status_event){
				   .kind = STATUS_BYTES,
				   .step = moved->vertex,
				   .name = *moved->name ? moved->name : moved->id,
				   .current = moved->current > 0 ? (uint64_t)moved->current : 0,
				   .total = moved->total > 0 ? (uint64_t)moved->total : 0,
				   .started = nanoseconds(moved->started),
				   .completed = nanoseconds(moved->completed),
			   });
	}
}

static void tell_texts(const Bk__StatusAnswer *answer, status_take *take, void *data)
{
	for (size_t i = 0; i < answer->n_logs; i++) {
		const Bk__Printed *printed = answer->logs[i];

		take(data, &(struct status_event){
				   .kind = STATUS_PRINT,
				   .step = printed->vertex,
				   .text = (const char *)printed->text.data,
				   .len = printed->text.len,
				   .stream = (int)printed->stream,
			   });
	}
	for (size_t i = 0; i < answer->n_warnings; i++) {
		const Bk__Warning *warning = answer->warnings[i];
		const Bk__Range *range = warning->n_ranges > 0 ? warning->ranges[0] : NULL;

		take(data, &(struct status_event){
				   .kind = STATUS_WARNING,
				   .step = warning->vertex,
				   .text = (const char *)warning->text.data,
				   .len = warning->text.len,
				   .url = warning->url,
				   .line = range && range->start ? range->start->line : 0,
				   .last_line = range && range->end ? range->end->line : 0,
			   });
	}
}

int control_status_open(struct daemon *daemon, const char *ref, struct grpc_call **ret, struct error **err)
{
	Bk__StatusRequest request = BK__STATUS_REQUEST__INIT;
	cleanup_grpc struct grpc_call *call = NULL;

	request.ref = control_text(ref);
	if (grpc_open(daemon->h2, SERVICE "Status", NULL, 0, &call, err) < 0 ||
	    grpc_send(call, &request.base, err) < 0 || grpc_end(call, err) < 0)
		return -1;
	*ret = steal_ptr(call);
	return 0;
}

int control_status(struct grpc_call *call, status_take *take, void *data, struct error **err)
{
	void *message = NULL;
	int r;

	while ((r = grpc_receive(call, &bk__status_answer__descriptor, &message, err)) > 0) {
		tell_steps(message, take, data);
		tell_texts(message, take, data);
		message_free(message);
	}
	return r;
}
