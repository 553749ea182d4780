#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "dsl/draft.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"
#include "dsl/scope.h"

/* Secrets, ssh agents and networks of a build. */

static const struct draft_source *find_secret_source(struct resolve *r, const struct text *name)
{
	const struct draft *draft = r->draft;
	const char **names = arena_array(r->arena, draft->sources_len, sizeof(*names));
	const char *nearest;

	for (size_t i = 0; i < draft->sources_len; i++) {
		if (!strcmp(draft->sources[i].name.s, name->s))
			return &draft->sources[i];
		names[i] = draft->sources[i].name.s;
	}
	nearest = text_nearest(name->s, names, draft->sources_len);
	diags_add(r->diags, name->pos,
		  nearest ? arena_printf(r->arena, "did you mean \"%s\"?", nearest)
			  : "the manifest's \"secrets\" say where each comes from",
		  "there is no secret \"%s\"", name->s);
	return NULL;
}

static bool check_id(struct resolve *r, const struct text *id, const char *what)
{
	if (ref_name_valid(id->s))
		return true;
	diags_add(r->diags, id->pos, "ids consist of letters, digits, \"_\", \".\" and \"-\"",
		  "\"%s\" cannot be the id of %s", id->s, what);
	return false;
}

/* The absolute path. It may hold no comma, which separates fields on the builders' command lines. */
static const char *given_path(struct resolve *r, const struct text *path)
{
	const char *absolute = resolve_text(r, path);

	if (strpbrk(absolute, ",\""))
		diags_add(r->diags, path->pos, NULL, "the path \"%s\" must not contain a comma or a quote", absolute);
	return absolute;
}

static bool resolve_secret(struct resolve *r, const struct draft_secret *draft, struct build_secret *ret)
{
	const struct draft_source *source = find_secret_source(r, &draft->source);

	if (!source)
		return false;
	*ret = (struct build_secret){ .id = draft->target.s ? draft->target : draft->source,
				      .file = source->file,
				      .variable = source->variable };
	if (!check_id(r, &ret->id, "a secret"))
		return false;
	if (source->file.s)
		ret->file.s = given_path(r, &source->file);
	else if (source->variable.s)
		ret->value = scope_environ(r->scope, source->variable.s, source->variable.pos);
	else if (!source->file.s)
		diags_add(r->diags, source->name.pos, "write {file: PATH} or {environment: NAME}",
			  "the secret \"%s\" is used by a build, but does not say where it comes from", source->name.s);
	return true;
}

static void resolve_secrets(struct resolve *r, const struct draft_build *draft, struct build_spec *build)
{
	build->secrets = arena_array(r->arena, draft->secrets_len, sizeof(*build->secrets));
	for (size_t i = 0; i < draft->secrets_len; i++) {
		struct build_secret *secret = &build->secrets[build->secrets_len];
		bool twice = false;

		if (!resolve_secret(r, &draft->secrets[i], secret))
			continue;
		for (size_t j = 0; j < build->secrets_len; j++)
			twice = twice || !strcmp(build->secrets[j].id.s, secret->id.s);
		if (twice)
			diags_add(r->diags, secret->id.pos, NULL, "two secrets of the build have the id \"%s\"",
				  secret->id.s);
		build->secrets_len += !twice;
	}
}

static void resolve_ssh(struct resolve *r, struct build_spec *build)
{
	for (size_t i = 0; i < build->ssh.len; i++) {
		struct text *path = &build->ssh.items[i].value;

		if (check_id(r, &build->ssh.items[i].key, "an ssh agent") && *path->s)
			path->s = given_path(r, path);
	}
}

void resolve_given(struct resolve *r, const struct draft_build *draft, struct build_spec *build)
{
	static const char *const networks[] = { "default", "none", "host" };
	bool known = !build->network.s;

	for (size_t i = 0; i < 3 && !known; i++)
		known = !strcmp(networks[i], build->network.s);
	if (!known)
		diags_add(r->diags, build->network.pos, "it is \"default\", \"none\" or \"host\"",
			  "a build cannot have the network \"%s\"", build->network.s);
	resolve_secrets(r, draft, build);
	resolve_ssh(r, build);
	resolve_attestations(r, draft, build);
}
