#include "config.h"

#include <string.h>

#include "base/diag.h"
#include "base/mem.h"
#include "dsl/choice.h"
#include "dsl/draft.h"
#include "dsl/resolve.h"

/* compose's `develop.watch` (compose-spec, develop.md). */

static const struct word_choice actions = {
	.names = watch_action_names,
	.len = WATCH_ACTIONS,
	.before = "",
	.after = " is not an action of \"watch\"",
	.help = "write \"sync\", \"sync+restart\", \"sync+exec\", \"restart\" or \"rebuild\"",
};

/* compose takes a relative target for one below "/". */
static void resolve_target(struct resolve *r, const struct draft_watch *draft, struct watch_rule *rule)
{
	bool copies = rule->action <= WATCH_SYNC_EXEC;

	if (!copies)
		rule->target = (struct text){ 0 };
	else if (!draft->out.target.s)
		diags_add(r->diags, draft->pos, "name the file or folder in the container",
			  "the action \"%s\" needs \"target\"", draft->action.s);
	else
		rule->target.s = resolve_path(r, "/", draft->out.target.s);
}

static void resolve_command(struct resolve *r, const struct draft_watch *draft, struct service *service,
			    struct watch_rule *rule)
{
	const struct draft_exec *exec = &draft->exec;
	const struct {
		const char *key;
		struct pos pos;
	} others[] = {
		{ "develop.watch.exec.user", exec->user },
		{ "develop.watch.exec.privileged", exec->privileged },
		{ "develop.watch.exec.working_dir", exec->working_dir },
		{ "develop.watch.exec.environment", exec->environment },
	};

	if (rule->action == WATCH_SYNC_EXEC && exec->pos.line == 0)
		diags_add(r->diags, draft->pos, "write exec: {command: [...]}",
			  "the action \"sync+exec\" needs \"exec\"");
	rule->command = exec->command;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		if (others[i].pos.line > 0)
			resolve_unused(r, service, others[i].key, others[i].pos);
	}
}

void resolve_develop(struct resolve *r, const struct draft_develop *draft, struct service *service)
{
	if (draft->sync.s && strcmp(draft->sync.s, "auto") != 0)
		diags_add(r->diags, draft->sync.pos, "write \"auto\"", "\"%s\" is not a kind of \"sync\"", draft->sync.s);
	else if (draft->sync.s && draft->watch_len > 0)
		diags_add(r->diags, draft->sync.pos, "remove one of them",
			  "the rules of \"watch\" are written: there are no others");
	service->watch_auto = draft->sync.s != NULL;
	service->watch = arena_array(r->arena, draft->watch_len, sizeof(*service->watch));
	for (size_t i = 0; i < draft->watch_len; i++) {
		const struct draft_watch *from = &draft->watch[i];
		struct watch_rule *rule = &service->watch[service->watch_len];
		size_t action;

		*rule = from->out;
		/* What is missing was complained about. */
		if (!from->action.s || !from->out.path.s ||
		    !choice_find(&actions, &from->action, r->diags, r->arena, &action))
			continue;
		rule->action = (enum watch_action)action;
		rule->path.s = resolve_text(r, &from->out.path);
		resolve_target(r, from, rule);
		resolve_command(r, from, service, rule);
		service->watch_len++;
	}
}
