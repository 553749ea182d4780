#include "config.h"

#include "engine/source/dockerfile_asks.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "engine/source/dockerfile_scope.h"
#include "engine/source/dockerfile_stage.h"

#define GLOBAL SIZE_MAX /* the stage of what no stage declares */

static void asks_put(struct asks *asks, struct ask_list *list, size_t stage, const struct dockerfile_ask *ask)
{
	if (list->len == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 8;
		struct dockerfile_ask *items = arena_array(asks->arena, cap, sizeof(*items));
		size_t *stages = arena_array(asks->arena, cap, sizeof(*stages));

		if (list->len > 0) {
			memcpy(items, list->items, list->len * sizeof(*items));
			memcpy(stages, list->stages, list->len * sizeof(*stages));
		}
		list->items = items;
		list->stages = stages;
		list->cap = cap;
	}
	list->items[list->len] = *ask;
	list->stages[list->len++] = stage;
}

void asks_add(struct asks *asks, enum ask_kind kind, size_t stage, const struct dockerfile_ask *ask)
{
	asks_put(asks, &asks->lists[kind], stage, ask);
}

void asks_add_globals(struct asks *asks, const struct dockerfile *dockerfile, struct globals *globals,
		      const struct names *used)
{
	struct map *known cleanup_map = map_new();

	for (size_t i = 0; i < used->len; i++)
		map_set(known, used->items[i], asks);
	for (size_t i = 0; i < dockerfile->globals_len; i++)
		for (size_t j = 0; j < dockerfile->globals[i].args_len; j++) {
			const char *word = dockerfile->globals[i].args[j].text;
			const char *name = arena_strndup(asks->arena, word, strcspn(word, "="));
			struct names needs = { 0 };

			if (!map_get(known, name))
				continue;
			asks_add(asks, ASK_ARG, GLOBAL,
				 &(struct dockerfile_ask){ name, globals_value(globals, name, &needs), false,
							   dockerfile->globals[i].line });
		}
}

/* An argument's later declaration counts in a stage, of the others the first mention. */
static bool counts_more(const struct ask_list *list, enum ask_kind kind, size_t than, size_t number, const size_t *ranks)
{
	size_t old = list->stages[than], new = list->stages[number];

	if (old == new)
		return kind == ASK_ARG;
	return new != GLOBAL && (old == GLOBAL || ranks[new] < ranks[old]);
}

static int by_line(const void *a, const void *b)
{
	const struct dockerfile_ask *x = a, *y = b;

	return (x->line > y->line) - (x->line < y->line);
}

void asks_done(struct asks *asks, const size_t *ranks)
{
	for (size_t kind = 0; kind < ASK_KINDS; kind++) {
		struct ask_list *list = &asks->lists[kind];
		struct dockerfile_ask *kept = arena_array(asks->arena, list->len + 1, sizeof(*kept));
		struct map *best cleanup_map = map_new(); /* name -> its stage's number among `stages` */

		for (size_t i = 0; i < list->len; i++) {
			const size_t *there = map_get(best, list->items[i].name);

			if (!there || counts_more(list, (enum ask_kind)kind, (size_t)(there - list->stages), i, ranks))
				map_set(best, list->items[i].name, &list->stages[i]);
		}
		for (size_t i = 0; i < map_len(best); i++)
			kept[i] = list->items[(size_t *)map_value(best, i) - list->stages];
		list->len = map_len(best);
		if (list->len > 0)
			qsort(kept, list->len, sizeof(*kept), by_line);
		list->items = kept;
	}
}
