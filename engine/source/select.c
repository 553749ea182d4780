#include "config.h"

#include "engine/source/select.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/glob.h"
#include "base/mem.h"
#include "engine/source/ignore.h"
#include "engine/source/walk.h"

/* One component of a pattern; a state is the number of the component that the next name must match. */
struct component {
	char *text;
	size_t len;
	bool magic; /* glob, else literal */
	bool deep;  /* "**": any number of components */
	bool last;
	bool through; /* a pattern's way to it goes through a link: buildah takes it although it is ignored */
	size_t pattern;
	/* after the last component of a pattern with exclusions: everything below its match, except for those */
	const struct ignore *inside;
	size_t depth; /* slashes before the path that the exclusions apply to */
};

struct selector {
	const struct filter *filter;
	bool whole;
	struct component *components;
	size_t len, cap;
	size_t patterns_len;
	atomic_uchar *matched; /* whether each of the filter's patterns matched something */
	char **extra;
	size_t extra_len, extra_cap;
};

static struct component *add_component(struct selector *selector)
{
	mem_reserve(&selector->components, &selector->cap, selector->len + 1, sizeof(*selector->components));
	selector->components[selector->len] = (struct component){ .pattern = selector->patterns_len };
	return &selector->components[selector->len++];
}

static void add_pattern(struct selector *selector, const char *pattern, const struct ignore *exclude, bool through)
{
	const char *end;
	size_t depth = 1;

	for (;; pattern = end + 1, depth++) {
		struct component *c = add_component(selector);

		end = strchrnul(pattern, '/');
		c->len = (size_t)(end - pattern);
		c->text = mem_strndup(pattern, c->len);
		c->magic = glob_has_magic(c->text);
		c->deep = selector->filter->deep && strcmp(c->text, "**") == 0;
		c->last = !*end;
		c->through = through;
		if (c->last)
			break;
	}
	if (exclude) {
		struct component *c = add_component(selector);

		c->inside = exclude;
		c->depth = depth;
	}
	selector->patterns_len++;
}

struct selector *selector_new(const struct filter *filter)
{
	struct selector *selector = mem_alloc(sizeof(*selector));

	selector->filter = filter;
	selector->whole = filter->whole;
	selector->matched = mem_array(filter->patterns_len ? filter->patterns_len : 1, sizeof(*selector->matched));
	for (size_t i = 0; !filter->whole && i < filter->patterns_len; i++)
		add_pattern(selector, filter->patterns[i], filter->excludes ? filter->excludes[i] : NULL, false);
	return selector;
}

void selector_free(struct selector *selector)
{
	if (!selector)
		return;
	for (size_t i = 0; i < selector->len; i++)
		free(selector->components[i].text);
	for (size_t i = 0; i < selector->extra_len; i++)
		free(selector->extra[i]);
	free(selector->extra);
	free(selector->components);
	free(selector->matched);
	free(selector);
}

static bool set_through(struct selector *selector, size_t pattern)
{
	bool changed = false;

	for (size_t i = 0; i < selector->len; i++)
		if (selector->components[i].pattern == pattern) {
			changed |= !selector->components[i].through;
			selector->components[i].through = true;
		}
	return changed;
}

bool selector_extend(struct selector *selector, const char *pattern, bool through)
{
	for (size_t i = 0; i < selector->extra_len; i++)
		if (strcmp(selector->extra[i], pattern) == 0)
			return through && set_through(selector, selector->patterns_len - selector->extra_len + i);
	mem_reserve(&selector->extra, &selector->extra_cap, selector->extra_len + 1, sizeof(*selector->extra));
	selector->extra[selector->extra_len++] = mem_strdup(pattern);
	add_pattern(selector, pattern, NULL, through);
	return true;
}

size_t selector_extended(const struct selector *selector)
{
	return selector->extra_len;
}

void selector_whole(struct selector *selector)
{
	selector->whole = true;
}

size_t selector_states(const struct selector *selector)
{
	return selector->len + 1;
}

static void note_match(const struct selector *selector, const struct component *c)
{
	if (c->pattern < selector->filter->patterns_len)
		atomic_store_explicit(&selector->matched[c->pattern], 1, memory_order_relaxed);
}

static bool has_state(const uint32_t *states, size_t len, uint32_t state)
{
	for (size_t i = 0; i < len; i++)
		if (states[i] == state)
			return true;
	return false;
}

/* Adds a state, and the states that "**" there reaches without a name. True when a pattern ends there. */
static bool add_state(const struct selector *selector, uint32_t *states, size_t *len, uint32_t state)
{
	for (;; state++) {
		const struct component *c = &selector->components[state];

		if (c->deep && c->last) {
			note_match(selector, c);
			return true;
		}
		if (!has_state(states, *len, state))
			states[(*len)++] = state;
		if (!c->deep)
			return false;
	}
}

static bool component_matches(const struct component *c, const char *name)
{
	if (c->magic)
		return glob_match(c->text, name) == 1;
	return strcmp(c->text, name) == 0;
}

/* An entry being judged. */
struct subject {
	const char *path, *name; /* within the selection's folder; its last component */
	bool folder;
};

static const char *after_slashes(const char *path, size_t slashes)
{
	while (slashes-- > 0)
		path = strchr(path, '/') + 1;
	return path;
}

/* How the patterns apply to an entry. */
enum {
	STEP_NAMED = 1,  /* a pattern ends with it */
	STEP_ALL = 2,    /* it counts, with everything below it */
	STEP_SELF = 4,   /* it counts */
	STEP_LINKED = 8, /* the target of a link is, or is below, it */
	STEP_TAKEN = 16  /* a pattern ends with it, whose way goes through a link */
};

/* The states after an entry. */
static unsigned step(const struct selector *selector, const uint32_t *states, size_t states_len,
		     const struct subject *subject, uint32_t *next, size_t *ret_len, bool note)
{
	unsigned found = 0;

	*ret_len = 0;
	for (size_t i = 0; i < states_len; i++) {
		uint32_t state = states[i];
		const struct component *c = &selector->components[state];

		if (c->inside) {
			if (ignore_walk(c->inside, after_slashes(subject->path, c->depth)))
				continue;
			found |= STEP_SELF;
			if (subject->folder)
				add_state(selector, next, ret_len, state);
		} else if (c->deep) {
			found |= add_state(selector, next, ret_len, state) ? STEP_NAMED | STEP_ALL : 0;
		} else if (component_matches(c, subject->name)) {
			bool excludes = c->last && state + 1 < selector->len && c[1].inside;

			if (c->last && note)
				note_match(selector, c);
			if (c->pattern >= selector->filter->patterns_len)
				found |= STEP_LINKED | (c->last && c->through ? STEP_TAKEN : 0);
			if (c->last)
				found |= STEP_NAMED | (excludes ? STEP_SELF : STEP_ALL);
			if ((!c->last || (excludes && subject->folder)) && add_state(selector, next, ret_len, state + 1))
				found |= STEP_NAMED | STEP_ALL;
		}
	}
	return found;
}

static bool except_below(const struct selector *selector, const char *dir, size_t len)
{
	const struct filter *filter = selector->filter;

	for (size_t i = 0; i < filter->except_len; i++)
		if (len == 0 || (strncmp(filter->except[i], dir, len) == 0 && filter->except[i][len] == '/'))
			return true;
	return false;
}

static bool is_except(const struct selector *selector, const char *path)
{
	for (size_t i = 0; i < selector->filter->except_len; i++)
		if (strcmp(selector->filter->except[i], path) == 0)
			return true;
	return false;
}

/* Patterns with components left may lead to links, even in a folder that counts as a whole. */
static void select_settle(struct view *view)
{
	view->all = view->matched && !view->states_len && !view->selector->filter->ignore && !view->except;
}

static bool begins_pattern(const struct selector *selector, size_t component)
{
	return component == 0 || selector->components[component - 1].pattern != selector->components[component].pattern;
}

void selector_begin(const struct selector *selector, struct view *ret, size_t prefix, struct arena *arena)
{
	size_t len = 0;

	*ret = (struct view){
		.selector = selector,
		.prefix = (uint32_t)prefix,
		.matched = selector->whole,
		/* some link leads who knows where */
		.taken = selector->whole && !selector->filter->whole,
	};
	ret->except = except_below(selector, "", 0);
	if (!selector->whole) {
		ret->states = arena_array(arena, selector_states(selector), sizeof(*ret->states));
		for (size_t i = 0; i < selector->len; i++)
			if (begins_pattern(selector, i))
				ret->matched |= add_state(selector, ret->states, &len, (uint32_t)i);
		ret->states_len = (uint32_t)len;
	}
	select_settle(ret);
}

void selector_judge(const struct view *view, const char *path, const char *name, uint32_t type, uint32_t *scratch,
		    struct verdict *ret)
{
	const struct selector *selector = view->selector;
	const struct filter *filter = selector->filter;
	const char *relative = path + view->prefix;
	const struct subject subject = { relative, name, type == S_IFDIR };
	bool folder = type == S_IFDIR, self;
	unsigned found;

	*ret = (struct verdict){ .matched = view->matched, .states = scratch };
	if (view->all) {
		ret->counts = true;
		ret->descend = folder;
		return;
	}
	if (view->except && is_except(selector, relative))
		return;
	found = step(selector, view->states, view->states_len, &subject, scratch, &ret->states_len, false);
	ret->named = found & STEP_NAMED;
	ret->matched |= (found & STEP_ALL) != 0;
	self = ret->matched || (found & STEP_SELF);
	if (!self && ret->states_len == 0)
		return;
	ret->taken = view->taken || (found & STEP_TAKEN);
	ret->ignored = view->hidden || ignore_walk(filter->ignore, relative);
	/* BuildKit also sends the parent folders of what is included again below an excluded folder */
	ret->descend = folder && (!ret->ignored || (!view->hidden && ignore_descend(filter->ignore, relative)));
	ret->way = ret->descend && ((self && ret->ignored) || filter->parents);
	if (ret->ignored) {
		/* buildah follows a link through other ignored ones, and takes what it leads to although that is ignored */
		ret->behind = ret->taken && !ret->way;
		ret->counts = ret->way || ret->behind;
		ret->detour = type == S_IFLNK && (found & STEP_LINKED);
		ret->hidden = folder && !ret->descend && (ret->taken || (found & STEP_LINKED));
		ret->descend |= ret->hidden;
		return;
	}
	ret->detour = type == S_IFLNK && (ret->named || ret->states_len > 0);
	ret->way &= !self;
	ret->counts = self || ret->detour || ret->way;
	if (ret->named) /* again, to record which patterns led here */
		step(selector, view->states, view->states_len, &subject, scratch, &ret->states_len, true);
}

void selector_enter(const struct view *view, const struct verdict *verdict, const char *path, struct view *ret,
		    struct arena *arena)
{
	const char *relative = path + view->prefix;

	*ret = (struct view){ .selector = view->selector,
			      .prefix = view->prefix,
			      .matched = verdict->matched,
			      .hidden = verdict->hidden,
			      .taken = verdict->taken };
	ret->except = view->except && except_below(view->selector, relative, strlen(relative));
	if (verdict->states_len > 0) {
		ret->states = arena_array(arena, verdict->states_len, sizeof(*ret->states));
		memcpy(ret->states, verdict->states, verdict->states_len * sizeof(*ret->states));
		ret->states_len = (uint32_t)verdict->states_len;
	}
	if (view->all)
		ret->all = true;
	else
		select_settle(ret);
}

bool selector_takes(const struct selector *selector, const char *path)
{
	cleanup_free uint32_t *scratch = mem_array(selector_states(selector), sizeof(*scratch));
	cleanup_free char *part = mem_strdup(path);
	struct arena *arena = arena_new();
	struct verdict verdict = { .descend = true };
	struct view view, below;
	char *slash = NULL;

	selector_begin(selector, &view, 0, arena);
	for (char *name = part; name && verdict.descend; name = slash ? slash + 1 : NULL) {
		slash = strchr(name, '/');
		if (slash)
			*slash = '\0';
		/* of any type: a link's text counts where nothing else would */
		selector_judge(&view, part, name, slash ? S_IFDIR : S_IFLNK, scratch, &verdict);
		if (!slash)
			break;
		selector_enter(&view, &verdict, part, &below, arena);
		view = below;
		*slash = '/';
	}
	arena_free(arena);
	return verdict.counts && !verdict.way && !slash;
}

char *selector_rest(const struct selector *selector, uint32_t state, struct arena *arena)
{
	cleanup_buf struct buf out = { 0 };

	for (;; state++) {
		const struct component *c = &selector->components[state];

		buf_printf(&out, "%s%s", out.len ? "/" : "", c->text);
		if (c->last)
			return arena_strndup(arena, out.data, out.len);
	}
}

/* True when a path that never counts is, or is below, what the pattern names: then the pattern has its match. */
static bool matches_except(const struct selector *selector, size_t pattern)
{
	const struct filter *filter = selector->filter;
	uint32_t *states = mem_array(selector_states(selector), sizeof(*states));
	uint32_t *next = mem_array(selector_states(selector), sizeof(*next));
	bool matched = false;

	for (size_t i = 0; !matched && i < filter->except_len; i++) {
		cleanup_free char *path = mem_strdup(filter->except[i]);
		char *save = NULL;
		size_t len = 0, next_len;

		for (size_t c = 0; c < selector->len; c++)
			if (selector->components[c].pattern == pattern && begins_pattern(selector, c))
				matched |= add_state(selector, states, &len, (uint32_t)c);
		for (char *name = strtok_r(path, "/", &save); name && !matched; name = strtok_r(NULL, "/", &save)) {
			uint32_t *swap = states;

			matched = step(selector, states, len, &(struct subject){ name, name, true }, next, &next_len,
				       false);
			states = next;
			next = swap;
			len = next_len;
		}
	}
	free(states);
	free(next);
	return matched;
}

long selector_unmatched(const struct selector *selector)
{
	for (size_t i = 0; !selector->filter->whole && i < selector->filter->patterns_len; i++)
		if (!atomic_load_explicit(&selector->matched[i], memory_order_relaxed) && !matches_except(selector, i))
			return (long)i;
	return -1;
}
