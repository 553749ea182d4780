#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/glob.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/plan/plan_internal.h"
#include "engine/plan/trail.h"
#include "engine/source/context.h"

static const char **expand_all(struct plan *plan, const struct platform *platform, const struct texts *texts)
{
	const char **list = arena_array(plan->arena, texts->len + 1, sizeof(*list));

	for (size_t i = 0; i < texts->len; i++)
		list[i] = plan_expand(plan, platform, texts->items[i].s);
	return list;
}

/* The step sees only the environment variables it names, so no others can matter. */
static const char **named_environment(struct plan *plan, const struct texts *names)
{
	const char **list = arena_array(plan->arena, names->len + 1, sizeof(*list));
	size_t len = 0;

	for (size_t i = 0; i < names->len; i++) {
		const char *value = getenv(names->items[i].s);

		if (value)
			list[len++] = arena_printf(plan->arena, "%s=%s", names->items[i].s, value);
	}
	return list;
}

int plan_run_file(const struct plan *plan, const char *dir, const char *word, char **ret, struct error **err)
{
	const char *value = strchr(word, '=');
	const char *name = word[0] == '-' && value ? value + 1 : word;
	cleanup_free char *joined = path_join(dir, name);
	cleanup_free char *path = path_clean(joined);
	cleanup_error struct error *error = NULL;
	struct stat st;

	if (!*name || !path_inside(plan->manifest->dir, path))
		return 0;
	if (stat(path, &st) < 0) {
		error_errno(&error, ERROR_STATE, errno, "%s: cannot be read", path);
		return error_unreadable(error) ? error_move(err, &error) : 0;
	}
	if (!S_ISREG(st.st_mode))
		return 0;
	*ret = steal_ptr(path);
	return 1;
}

/* ---- inputs ---- */

/* The next output of another step that matches the pattern, starting with the *at-th; NULL: no more. */
static const struct plan_made *next_made(const struct plan *plan, size_t service, const char *pattern, size_t *at)
{
	cleanup_free char *dir = plan_real_folder(plan, plan->manifest->dir);

	for (; *at < plan->made_len; (*at)++) {
		const struct plan_made *made = &plan->made[*at];
		const char *relative =
			made->output && !made->files && made->service != service ? path_relative(dir, made->path) : NULL;

		if (relative && trail_leads(plan->trail, dir, pattern, relative))
			return &plan->made[(*at)++];
	}
	return NULL;
}

/* What another step makes may not exist yet, and is not searched for. */
static void add_input(const struct plan *plan, size_t service, struct plan_prepare *prepare, const char *pattern,
		      bool must)
{
	size_t at = 0;

	if (must && !next_made(plan, service, pattern, &at)) {
		memmove(prepare->inputs + prepare->inputs_must + 1, prepare->inputs + prepare->inputs_must,
			(prepare->inputs_len - prepare->inputs_must) * sizeof(*prepare->inputs));
		prepare->inputs[prepare->inputs_must++] = pattern;
		prepare->inputs_len++;
	} else {
		prepare->inputs[prepare->inputs_len++] = pattern;
	}
}

static bool makes(const struct plan *plan, size_t service, const char *path)
{
	cleanup_free char *real = trail_real(path);

	for (size_t i = 0; i < plan->made_len; i++)
		if (plan->made[i].service == service && !plan->made[i].files && path_inside(plan->made[i].path, real))
			return true;
	return false;
}

/* A script that is run counts like a file that it reads, unless the step makes it itself. */
static void add_run_files(struct plan *plan, size_t service, struct plan_prepare *prepare)
{
	const struct prepare_spec *spec = &plan->manifest->services[service].prepare;

	for (size_t i = 0; prepare->argv[i]; i++) {
		cleanup_error struct error *error = NULL;
		cleanup_free char *path = NULL, *pattern = NULL;
		int r = plan_run_file(plan, spec->dir, prepare->argv[i], &path, &error);

		if (r < 0 && !plan->unread)
			error_move(&plan->unread, &error);
		if (r <= 0 || makes(plan, service, path))
			continue;
		pattern = glob_escape(path_relative(plan->manifest->dir, path));
		add_input(plan, service, prepare, arena_strdup(plan->arena, pattern), false);
	}
}

static struct plan_prepare *prepare_new(struct plan *plan, size_t service, const struct platform *platform)
{
	const struct prepare_spec *spec = &plan->manifest->services[service].prepare;
	struct plan_prepare *prepare = arena_alloc(plan->arena, sizeof(*prepare));

	prepare->argv = expand_all(plan, platform, &spec->run);
	prepare->outputs = expand_all(plan, platform, &spec->outputs);
	prepare->outputs_len = spec->outputs.len;
	prepare->env = named_environment(plan, &spec->env);
	prepare->inputs = arena_array(plan->arena, spec->inputs.len + spec->run.len + 1, sizeof(*prepare->inputs));
	for (size_t i = 0; i < spec->inputs.len; i++) {
		cleanup_free char *clean = path_clean(plan_expand(plan, platform, spec->inputs.items[i].s));

		add_input(plan, service, prepare, arena_strdup(plan->arena, clean), true);
	}
	add_run_files(plan, service, prepare);
	return prepare;
}

/* ---- the node ---- */

/* Steps whose outputs this one reads come before it. */
static void prepare_add_made(struct plan *plan, size_t service, struct plan_prepare *prepare, struct node *draft)
{
	prepare->made = arena_array(plan->arena, prepare->inputs_len * plan->made_len + 1, sizeof(*prepare->made));
	for (size_t i = 0; i < prepare->inputs_len; i++) {
		const struct plan_made *made;
		size_t at = 0;

		while ((made = next_made(plan, service, prepare->inputs[i], &at))) {
			size_t step;

			if (plan->services[made->service].preparing) {
				diags_add(plan->diags, made->pos, NULL,
					  "the `prepare` steps of %s and %s need each other's outputs",
					  plan->manifest->services[service].name.s,
					  plan->manifest->services[made->service].name.s);
				continue;
			}
			step = plan_prepare_node(plan, made->service, &made->platform);
			prepare->made[prepare->made_len++] = (struct plan_output){ .node = step, .path = made->output };
			node_need(draft, step);
		}
	}
}

size_t plan_prepare_node(struct plan *plan, size_t service, const struct platform *platform)
{
	const struct platform *own = plan->manifest->services[service].prepare.per_platform ? platform : NULL;
	size_t number = plan_find_node(plan, NODE_PREPARE, service, own);
	struct node draft = { 0 }, *node;
	struct plan_prepare *prepare;

	if (number != NO_NODE)
		return number;
	prepare = prepare_new(plan, service, own);
	plan->services[service].preparing = true;
	prepare_add_made(plan, service, prepare, &draft);
	plan->services[service].preparing = false;
	node = plan_add_node(plan, NODE_PREPARE, service, own, &number);
	node->prepare = prepare;
	node->needs = draft.needs;
	node->needs_len = draft.needs_len;
	node->needs_cap = draft.needs_cap;
	return number;
}

int plan_output_digest(struct source *source, const char *path, char ret[PLAN_OUTPUT + 1], bool *ret_found,
		       struct error **err)
{
	struct hash128 digest;
	struct stat st;
	int r;

	if (source_file(source, path, &digest, ret_found, err) < 0)
		return -1;
	r = *ret_found ? fs_find(path, &st, err) : 0;
	*ret_found = r > 0;
	if (r <= 0)
		return r;
	hash_hex(digest, ret);
	snprintf(ret + HASH_HEX, PLAN_OUTPUT + 1 - HASH_HEX, " %04o", (unsigned)(st.st_mode & 07777));
	return 0;
}

int plan_written_digest(struct source *source, const char *path, char ret[PLAN_OUTPUT + 1], bool *ret_found,
			struct error **err)
{
	char text[PATH_MAX];
	struct stat st;
	ssize_t len;
	int r = fs_find(path, &st, err);

	*ret_found = r > 0;
	if (r <= 0)
		return r;
	if (!S_ISLNK(st.st_mode))
		return plan_output_digest(source, path, ret, ret_found, err);
	len = readlink(path, text, sizeof(text));
	if (len < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: the link cannot be read", path);
	hash_hex(hash_bytes(text, (size_t)len), ret);
	snprintf(ret + HASH_HEX, PLAN_OUTPUT + 1 - HASH_HEX, " link");
	return 0;
}
