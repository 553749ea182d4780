#include "config.h"

#include "engine/buildkit/ask.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/buildkit/control.h"
#include "engine/buildkit/grpc.h"
#include "engine/buildkit/proto/control.pb-c.h"
#include "engine/buildkit/proto/gateway.pb-c.h"
#include "engine/buildkit/proto/message.h"

#define SOLVE "/moby.buildkit.v1.Control/Solve"
#define BRIDGE "/moby.buildkit.v1.frontend.LLBBridge/"
#define ANSWER "result.json"

static char *ask_text(const char *text)
{
	return (char *)(uintptr_t)text;
}

static Bk__Option **options(struct arena *arena, const struct ask *ask, size_t *ret_len)
{
	const struct control_pair own[] = { { "requestid", ask->request },
					    { "frontend.caps", "moby.buildkit.frontend.subrequests" } };
	enum { OWN = sizeof(own) / sizeof(*own) };
	Bk__Option **list = arena_array(arena, ask->attrs_len + OWN, sizeof(*list));

	*ret_len = ask->attrs_len + OWN;
	for (size_t i = 0; i < *ret_len; i++) {
		const struct control_pair *pair = i < OWN ? &own[i] : &ask->attrs[i - OWN];

		list[i] = arena_alloc(arena, sizeof(**list));
		bk__option__init(list[i]);
		list[i]->key = ask_text(pair->key);
		list[i]->value = ask_text(pair->value);
	}
	return list;
}

static int take_answer(const Bk__AskAnswer *answer, struct buf *ret, struct error **err)
{
	for (size_t i = 0; answer->outcome && i < answer->outcome->n_metadata; i++) {
		const Bk__Answer *entry = answer->outcome->metadata[i];

		if (strcmp(entry->key, ANSWER) == 0) {
			buf_add(ret, entry->value.data, entry->value.len);
			return 0;
		}
	}
	return error_make(err, ERROR_TOOL, "the frontend does not support this request");
}

/* Frontends answer only within a build, so begin one that does nothing. */
static int ask_bridge(struct h2 *h2, const struct ask *ask, const struct h2_field *build, uint64_t limit_ms,
		      struct buf *ret, struct error **err)
{
	struct arena *arena = arena_new();
	Bk__AskRequest request = BK__ASK_REQUEST__INIT;
	Bk__Blank blank = BK__BLANK__INIT;
	void *pong = NULL, *answer = NULL;
	int r;

	request.frontend = ask_text(ask->frontend);
	request.options = options(arena, ask, &request.n_options);
	request.map_return = request.array_ref = true;
	r = grpc_ask(h2, BRIDGE "Ping", build, 1, &blank.base, limit_ms, &bk__blank__descriptor, &pong, err);
	if (r == 0)
		r = grpc_ask(h2, BRIDGE "Solve", build, 1, &request.base, limit_ms, &bk__ask_answer__descriptor,
			     &answer, err);
	if (r == 0)
		r = take_answer(answer, ret, err);
	message_free(pong);
	message_free(answer);
	arena_free(arena);
	return r;
}

static void end_build(struct h2 *h2, const struct h2_field *build, uint64_t limit_ms)
{
	Bk__Outcome outcome = BK__OUTCOME__INIT;
	Bk__ReturnRequest request = BK__RETURN_REQUEST__INIT;
	void *answer = NULL;

	/* That build ends with its call. */
	request.outcome = &outcome;
	grpc_ask(h2, BRIDGE "Return", build, 1, &request.base, limit_ms, &bk__blank__descriptor, &answer, NULL);
	message_free(answer);
}

int ask_frontend(struct daemon *daemon, const struct ask *ask, uint64_t limit_ms, struct buf *ret, struct error **err)
{
	char ref[CONTROL_NAME + 1];
	const struct h2_field build = { "buildkit-controlapi-buildid", ref };
	Bk__SolveRequest request = BK__SOLVE_REQUEST__INIT;
	cleanup_grpc struct grpc_call *call = NULL;
	struct h2 *h2 = daemon_h2(daemon);
	int r;

	if (control_name(ref, err) < 0 || grpc_open(h2, SOLVE, NULL, 0, &call, err) < 0)
		return -1;
	request.ref = ref;
	request.session = ask_text(ask->session);
	request.internal = true;
	if (grpc_send(call, &request.base, err) < 0 || grpc_end(call, err) < 0)
		return -1;
	r = ask_bridge(h2, ask, &build, limit_ms, ret, err);
	if (r == 0)
		end_build(h2, &build, limit_ms);
	return r;
}
