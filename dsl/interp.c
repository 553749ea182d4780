#include "config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "dsl/interp.h"
#include "dsl/late.h"
#include "dsl/node.h"
#include "dsl/schema.h"
#include "dsl/scope.h"

#define DOLLAR_HINT "write \"$$\" for a literal dollar sign"

/* A scalar being interpolated. */
struct interp_walk {
	struct interp *interp;
	const struct yaml_node *node;
	const char *text;
	const char *at;
	unsigned depth;
	unsigned complaints;
	bool broken;
};

static void walk_until(struct interp_walk *w, struct buf *out, bool braces);

/* The position of the n-th '$' of the scalar's text: the n-th in its source; where the scalar begins if the source
 * writes '$' in another way. */
static struct pos dollar_pos(const struct interp_walk *w, const char *dollar)
{
	const struct interp *in = w->interp;
	const struct yaml_node *node = w->node;
	size_t skip = 0, at = node->offset, end = node->end, len;
	const char *source = diags_source_text(in->diags, node->pos.file, &len);

	if (end > len)
		end = len;
	if (at >= end)
		return node->pos;
	for (const char *s = w->text; s < dollar; s++)
		skip += *s == '$';
	if (source[at] == '|' || source[at] == '>')
		while (at < end && source[at] != '\n')
			at++;
	for (; at < end; at++)
		if (source[at] == '$' && !skip--)
			return diags_pos_at(in->diags, node->pos.file, at);
	return node->pos;
}

/* After too many complaints, skips to the end of the scalar. */
__attribute__((format(printf, 4, 5))) static void complain(struct interp_walk *w, const char *dollar, const char *hint,
							   const char *fmt, ...)
{
	char room[512];
	va_list args;

	w->broken = true;
	if (w->complaints == INTERP_COMPLAINTS_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(room, sizeof(room), fmt, args);
	va_end(args);
	diags_add(w->interp->diags, dollar_pos(w, dollar), hint, "%s", room);
	if (++w->complaints == INTERP_COMPLAINTS_MAX)
		w->at = w->text + strlen(w->text);
}

/* As compose does, but once for each name. */
static void note_unset(struct interp_walk *w, const char *name)
{
	struct interp *interp = w->interp;
	struct texts *notes = &interp->notes;
	struct text *items;

	if (map_get(interp->unset, name))
		return;
	map_set(interp->unset, name, (void *)name);
	items = arena_array(interp->arena, notes->len + 1, sizeof(*items));
	if (notes->len)
		memcpy(items, notes->items, notes->len * sizeof(*items));
	items[notes->len++] =
		(struct text){ arena_printf(interp->arena, "the variable \"%s\" is not set, and taken as empty", name),
			       w->node->pos };
	notes->items = items;
}

static void complain_unset(struct interp_walk *w, const char *dollar, const char *name, const char *why)
{
	struct arena *arena = w->interp->arena;
	const char *nearest;

	if (!why && (w->interp->env_file || scope_is_compose(w->interp->scope, dollar_pos(w, dollar)))) {
		note_unset(w, name);
		return;
	}
	if (why) {
		complain(w, dollar, NULL, "the variable \"%s\" has no value: %s", name, why);
		return;
	}
	nearest = scope_nearest(w->interp->scope, name, dollar_pos(w, dollar));
	complain(w, dollar,
		 nearest ? arena_printf(arena, "did you mean \"%s\"?", nearest)
			 : arena_printf(arena,
					"set it in the environment, with --set or under \"vars:\", or give it a default: ${%s:-...}",
					name),
		 "the variable \"%s\" is not set", name);
}

static void put_value(struct interp_walk *w, struct buf *out, const char *dollar, const char *value)
{
	size_t len = strlen(value);

	if (out->len + len > INTERP_VALUE_MAX) {
		complain(w, dollar, NULL, "the value is longer than %d bytes with its variables filled in",
			 INTERP_VALUE_MAX);
		return;
	}
	buf_add(out, value, len);
}

static bool is_late(const char *value)
{
	return value && value[0] == LATE_OPEN && strchr(value, LATE_CLOSE) == value + strlen(value) - 1;
}

/* "${NAME,,}" and "${NAME^^}": ASCII's letters alone. */
static void put_cased(struct interp_walk *w, struct buf *out, const char *dollar, const char *name, const char *value,
		      char op)
{
	char *cased = arena_strdup(w->interp->arena, value);

	if (is_late(value)) {
		complain(w, dollar, NULL, "\"%s\" has a value only later, so it cannot be used with \"%c%c\"", name, op,
			 op);
		return;
	}
	for (char *c = cased; *c; c++)
		*c = (char)(op == ',' ? (*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c)
				      : (*c >= 'a' && *c <= 'z' ? *c & ~0x20 : *c));
	put_value(w, out, dollar, cased);
}

/* Looks up `name` where no default was given. `op`: '\0', or the letter of put_cased. */
static void put_variable(struct interp_walk *w, struct buf *out, const char *dollar, const char *name, char op)
{
	const char *value, *why = NULL;

	if (!out)
		return;
	switch (scope_lookup(w->interp->scope, name, dollar_pos(w, dollar), &value, &why)) {
	case LOOKUP_SET:
		if (op)
			put_cased(w, out, dollar, name, value, op);
		else
			put_value(w, out, dollar, value);
		break;
	case LOOKUP_UNSET:
		complain_unset(w, dollar, name, why);
		break;
	case LOOKUP_BROKEN:
		w->broken = true;
		break;
	}
}

/* After "${NAME", with an operator at w->at: reads the operator and the word after it up to the closing brace.
 * `out` NULL: only checks the syntax. */
static void put_alternative(struct interp_walk *w, struct buf *out, const char *dollar, const char *name)
{
	struct buf word cleanup_buf = { 0 };
	const char *value = NULL, *why = NULL;
	bool colon = *w->at == ':';
	char op;
	bool use_value;

	w->at += colon;
	op = *w->at++;
	if (out) {
		enum lookup found = scope_lookup(w->interp->scope, name, dollar_pos(w, dollar), &value, &why);

		if (found == LOOKUP_BROKEN)
			w->broken = true;
		if (found != LOOKUP_SET)
			value = NULL;
		if (is_late(value)) {
			complain(w, dollar, NULL, "\"%s\" has a value only later, so it cannot be used with \"%s%c\"",
				 name, colon ? ":" : "", op);
			value = NULL;
		}
	}
	use_value = value && !(colon && !*value);
	/* with "+" the word is used when there is a value, with the others when there is none */
	walk_until(w, out && (op == '+') == use_value ? &word : NULL, true);
	if (!out || w->broken)
		return;
	if (op == '?' && !use_value)
		complain(w, dollar, NULL,
			 word.len ? "the variable \"%s\" is required: %s" : "the variable \"%s\" is required%s", name,
			 word.len ? word.data : "");
	else if (op != '+' && use_value)
		put_value(w, out, dollar, value);
	else if (word.len)
		put_value(w, out, dollar, word.data);
}

static void skip_braces(struct interp_walk *w)
{
	walk_until(w, NULL, true);
	if (*w->at == '}')
		w->at++;
}

/* w->at is after "${". */
static void put_braces(struct interp_walk *w, struct buf *out, const char *dollar)
{
	const char *start = w->at;
	const char *name, *op;

	while (isalnum((unsigned char)*w->at) || *w->at == '_' || *w->at == '.')
		w->at++;
	name = arena_strndup(w->interp->arena, start, (size_t)(w->at - start));
	op = w->at + (*w->at == ':');
	if (!*name || isdigit((unsigned char)*name) || *name == '.') {
		complain(w, dollar, DOLLAR_HINT, "\"${\" must be followed by a variable's name");
		skip_braces(w);
		return;
	}
	if (*w->at == '}') {
		put_variable(w, out, dollar, name, '\0');
	} else if (strncmp(w->at, ",,}", 3) == 0 || strncmp(w->at, "^^}", 3) == 0) {
		put_variable(w, out, dollar, name, *w->at);
		w->at += 2;
	} else if (!*w->at) {
		complain(w, dollar, NULL, "\"${%s\" has no closing brace", name);
		return;
	} else if (*op == '-' || *op == '?' || *op == '+') {
		put_alternative(w, out, dollar, name);
		if (!*w->at) {
			complain(w, dollar, NULL, "\"${%s\" has no closing brace", name);
			return;
		}
	} else {
		complain(w, dollar,
			 "behind the name come \"}\" or one of \":-\" \"-\" \":?\" \"?\" \":+\" \"+\" \",,}\" \"^^}\"",
			 "\"${%s\" is followed by \"%.*s\"", name, 1, w->at);
		skip_braces(w);
		return;
	}
	if (*w->at)
		w->at++;
}

static void put_dollar(struct interp_walk *w, struct buf *out)
{
	const char *dollar = w->at++;
	const char *start = w->at;

	if (*w->at == '$') {
		w->at++;
		if (out)
			buf_char(out, '$');
	} else if (*w->at == '{') {
		w->at++;
		if (++w->depth > INTERP_NEST_MAX) {
			complain(w, dollar, NULL, "variables are nested more than %d levels deep", INTERP_NEST_MAX);
			w->at += strlen(w->at);
			return;
		}
		put_braces(w, out, dollar);
		w->depth--;
	} else if (isalpha((unsigned char)*w->at) || *w->at == '_') {
		while (isalnum((unsigned char)*w->at) || *w->at == '_')
			w->at++;
		put_variable(w, out, dollar, arena_strndup(w->interp->arena, start, (size_t)(w->at - start)), '\0');
	} else if (out) {
		buf_char(out, '$');
	}
}

/* Interpolates to the end, or with `braces` to our closing brace (not consumed). `out` NULL: only checks the syntax. */
static void walk_until(struct interp_walk *w, struct buf *out, bool braces)
{
	size_t open = 0;

	while (*w->at) {
		if (*w->at == '$') {
			put_dollar(w, out);
			continue;
		}
		if (braces && *w->at == '{')
			open++;
		if (braces && *w->at == '}' && !open--)
			return;
		if (out)
			buf_char(out, *w->at);
		w->at++;
	}
}

const char *interp_scalar(struct interp *interp, const struct yaml_node *scalar)
{
	struct buf out cleanup_buf = { 0 };
	struct interp_walk w = { .interp = interp, .node = scalar, .text = scalar->text, .at = scalar->text };

	walk_until(&w, &out, false);
	if (w.broken)
		return NULL;
	interp->total += out.len;
	if (interp->total > INTERP_TOTAL_MAX) {
		diags_add(interp->diags, scalar->pos, NULL,
			  "the manifest's values are longer than %d MiB with their variables filled in",
			  INTERP_TOTAL_MAX >> 20);
		return NULL;
	}
	return arena_strndup(interp->arena, out.data ? out.data : "", out.len);
}

static struct yaml_node *interp_list(struct interp *interp, const struct yaml_node *node)
{
	struct yaml_node **items = arena_array(interp->arena, node->len, sizeof(struct yaml_node *));

	for (size_t i = 0; i < node->len; i++)
		items[i] = interp_node(interp, NULL, node->items[i]);
	return node_list(interp->arena, node->pos, items, node->len);
}

static struct yaml_node *interp_map(struct interp *interp, const struct schema *schema, const struct yaml_node *node)
{
	struct entry *entries = arena_array(interp->arena, node->len, sizeof(*entries));

	for (size_t i = 0; i < node->len; i++) {
		const struct schema_key *key = schema ? schema_find(schema, node->entries[i].key) : NULL;

		entries[i] = node->entries[i];
		if (!schema || (!node_key_ignored(entries[i].key) && !(key && key->type == TYPE_SHAPE)))
			entries[i].value = interp_node(interp, key ? key->sub : NULL, entries[i].value);
	}
	return node_map(interp->arena, node->pos, entries, node->len);
}

struct yaml_node *interp_node(struct interp *interp, const struct schema *schema, struct yaml_node *node)
{
	struct yaml_node *result;
	const char *text;

	if (!node->dollar)
		return node;
	if (node->kind == NODE_LIST) {
		result = interp_list(interp, node);
	} else if (node->kind == NODE_MAP) {
		result = interp_map(interp, schema, node);
	} else {
		text = interp_scalar(interp, node);
		result = text ? node_scalar(interp->arena, node->pos, text) : node_broken(interp->arena, node->pos);
		result->dollar = false;
	}
	node_set_tag(result, node->tag);
	return result;
}
