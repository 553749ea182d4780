#include "config.h"

#include "engine/source/dockerfile_outline.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/source/dockerfile.h"
#include "engine/source/dockerfile_stage.h"

#define COLUMNS_MAX 3

/* A table whose columns stand `gap` apart. */
struct outline_table {
	const char *cells[COLUMNS_MAX];
	size_t columns, gap;
	size_t widths[COLUMNS_MAX];
};

/* Where line `number` (from 1) begins and ends, without blanks behind it. */
static const char *outline_line(const char *text, size_t len, unsigned number, size_t *ret_len)
{
	const char *at = text, *end = text + len, *newline;

	while (--number > 0 && at < end) {
		newline = memchr(at, '\n', (size_t)(end - at));
		at = newline ? newline + 1 : end;
	}
	newline = memchr(at, '\n', (size_t)(end - at));
	end = newline ? newline : end;
	while (end > at && strchr(" \t\r", end[-1]))
		end--;
	*ret_len = (size_t)(end - at);
	return at;
}

/* The text behind the name in a comment line, or NULL. */
static const char *described(const char *line, size_t len, const char *name, size_t *ret_len)
{
	const char *at = line + 1, *end = line + len;
	size_t wide = strlen(name);

	while (at < end && strchr(" \t", *at))
		at++;
	if ((size_t)(end - at) <= wide || strncmp(at, name, wide) != 0 || at[wide] != ' ')
		return NULL;
	*ret_len = (size_t)(end - at) - wide - 1;
	return at + wide + 1;
}

/* Of the comments above the instruction in this line the first that begins with the name; "" when there is none. */
static char *description_of(const char *text, size_t len, unsigned line, const char *name)
{
	const char *found = NULL;
	size_t found_len = 0;

	while (name && --line > 0) {
		size_t wide, told;
		const char *at = outline_line(text, len, line, &wide), *is;

		if (wide > 0 && at[strspn(at, " \t")] != '#')
			break;
		/* An indented comment describes nothing. */
		is = wide > 0 && *at == '#' ? described(at, wide, name, &told) : NULL;
		if (is) {
			found = is;
			found_len = told;
		}
	}
	return found ? mem_strndup(found, found_len) : mem_strdup("");
}

static void outline_widen(struct outline_table *table)
{
	for (size_t i = 0; i + 1 < table->columns; i++)
		if (strlen(table->cells[i]) > table->widths[i])
			table->widths[i] = strlen(table->cells[i]);
}

static void outline_add_row(const struct outline_table *table, struct buf *out)
{
	for (size_t i = 0; i + 1 < table->columns; i++)
		buf_printf(out, "%-*s", (int)(table->widths[i] + table->gap), table->cells[i]);
	buf_printf(out, "%s\n", table->cells[table->columns - 1]);
}

/* Fills in the row of the number. */
typedef void fill_row(const void *data, size_t number, struct outline_table *table);

static void add_table(struct outline_table *table, const void *data, size_t len, fill_row *fill, struct buf *out)
{
	const char *heads[COLUMNS_MAX];

	memcpy(heads, table->cells, sizeof(heads));
	outline_widen(table);
	for (size_t i = 0; i < len; i++) {
		fill(data, i, table);
		outline_widen(table);
	}
	memcpy(table->cells, heads, sizeof(heads));
	outline_add_row(table, out);
	for (size_t i = 0; i < len; i++) {
		fill(data, i, table);
		outline_add_row(table, out);
	}
}

struct outline_args {
	const struct dockerfile_ask *asks;
	char **descriptions;
};

static void fill_arg(const void *data, size_t number, struct outline_table *table)
{
	const struct outline_args *args = data;

	table->cells[0] = args->asks[number].name;
	table->cells[1] = args->asks[number].value ? args->asks[number].value : "";
	table->cells[2] = args->descriptions[number];
}

static void outline_add_args(const char *text, size_t len, const struct dockerfile_use *use, struct buf *out)
{
	struct outline_table table = { { "BUILD ARG", "VALUE", "DESCRIPTION" }, 3, 3, { 0 } };
	size_t count = use->asks_len[ASK_ARG];
	struct outline_args args = { use->asks[ASK_ARG], mem_array(count + 1, sizeof(char *)) };

	for (size_t i = 0; i < count; i++)
		args.descriptions[i] = description_of(text, len, args.asks[i].line, args.asks[i].name);
	if (count > 0) {
		add_table(&table, &args, count, fill_arg, out);
		buf_char(out, '\n');
	}
	for (size_t i = 0; i < count; i++)
		free(args.descriptions[i]);
	free(args.descriptions);
}

static void fill_need(const void *data, size_t number, struct outline_table *table)
{
	const struct dockerfile_ask *asks = data;

	table->cells[0] = asks[number].name;
	table->cells[1] = asks[number].required ? "true" : "";
}

static void add_needs(const struct dockerfile_use *use, enum ask_kind kind, const char *head, struct buf *out)
{
	struct outline_table table = { { head, "REQUIRED" }, 2, 3, { 0 } };

	if (use->asks_len[kind] == 0)
		return;
	add_table(&table, use->asks[kind], use->asks_len[kind], fill_need, out);
	buf_char(out, '\n');
}

void dockerfile_outline(const struct dockerfile *dockerfile, const char *text, size_t len, const char *target,
			const struct dockerfile_use *use, struct buf *out)
{
	size_t number = target ? dockerfile_stage_named(dockerfile, target, dockerfile->stages_len)
			       : dockerfile->stages_len - 1;
	const struct stage *stage = number < dockerfile->stages_len ? &dockerfile->stages[number] : NULL;
	cleanup_free char *told = stage ? description_of(text, len, stage->from->line, stage->name) : NULL;

	if (stage && stage->name)
		buf_printf(out, "TARGET:%s%s\n", *told ? "      " : " ", stage->name);
	if (told && *told)
		buf_printf(out, "DESCRIPTION: %s\n", told);
	if (stage && stage->name)
		buf_char(out, '\n');
	outline_add_args(text, len, use, out);
	add_needs(use, ASK_SECRET, "SECRET", out);
	add_needs(use, ASK_SSH, "SSH", out);
}

struct outline_stages {
	const struct dockerfile *dockerfile;
	char **names, **descriptions;
};

static void fill_stage(const void *data, size_t number, struct outline_table *table)
{
	const struct outline_stages *stages = data;

	table->cells[0] = stages->names[number];
	table->cells[1] = stages->descriptions[number];
}

void dockerfile_targets(const struct dockerfile *dockerfile, const char *text, size_t len, struct buf *out)
{
	struct outline_table table = { { "TARGET", "DESCRIPTION" }, 2, 1, { 0 } };
	size_t count = dockerfile->stages_len;
	struct outline_stages stages = { dockerfile, mem_array(count + 1, sizeof(char *)),
					 mem_array(count + 1, sizeof(char *)) };

	for (size_t i = 0; i < count; i++) {
		const struct stage *stage = &dockerfile->stages[i];
		bool last = i + 1 == count;

		stages.names[i] = mem_printf("%s%s%s", stage->name ? stage->name : "", stage->name && last ? " " : "",
					     last ? "(default)" : "");
		stages.descriptions[i] = description_of(text, len, stage->from->line, stage->name);
	}
	add_table(&table, &stages, count, fill_stage, out);
	for (size_t i = 0; i < count; i++) {
		free(stages.names[i]);
		free(stages.descriptions[i]);
	}
	free(stages.names);
	free(stages.descriptions);
}
