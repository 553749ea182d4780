#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "dsl/unit.h"

void units_cleanup(struct units *units)
{
	for (size_t i = 0; i < units->len; i++) {
		map_free(units->items[i]->dotenv);
		map_free(units->items[i]->vars);
		map_free(units->items[i]->services);
		map_free(units->items[i]->templates);
	}
	free(units->items);
	free(units->by_file);
}

struct unit *unit_new(struct units *units, const struct unit *parent, struct pos pos)
{
	struct unit *unit = arena_alloc(units->arena, sizeof(*unit));

	unit->parent = parent;
	unit->pos = pos;
	mem_reserve(&units->items, &units->cap, units->len + 1, sizeof(struct unit *));
	units->items[units->len++] = unit;
	return unit;
}

void unit_add_text(struct units *units, struct unit *unit, uint32_t file)
{
	mem_reserve(&units->by_file, &units->by_file_cap, (size_t)file + 1, sizeof(struct unit *));
	units->by_file[file] = unit;
}

const struct unit *unit_holding(const struct unit *unit, const char *file)
{
	for (; unit; unit = unit->parent)
		for (size_t i = 0; i < unit->files_len; i++)
			if (!strcmp(unit->files[i], file))
				return unit;
	return NULL;
}

struct unit *unit_at(const struct units *units, struct pos pos)
{
	struct unit *unit = pos.file < units->by_file_cap ? units->by_file[pos.file] : NULL;

	return unit ? unit : units->items[0];
}
