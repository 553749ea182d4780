#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/mem.h"
#include "base/text.h"

#define DIAGS_MAX 1000 /* complaints kept; nobody reads more */
#define SHOWN_MAX 120  /* code points of a source line that are shown */
#define SHOWN_LEAD 40  /* of them before the caret, when the line is cut on the left */

struct diag_source {
	const char *name;
	const char *text;
	size_t len;
	size_t *lines; /* offset of the start of each line */
	size_t line_count;
	size_t line_cap;
	bool hidden;         /* its lines are not shown */
	const char *instead; /* shown instead of what complaints say, or NULL */
	/* The last column looked up. Lines may be long, and complaints about one line come in order. */
	struct mark {
		uint32_t line, column; /* column from 0; line 0: nothing yet */
		size_t offset;         /* in the line */
	} mark;
};

/* A complaint, or a note that belongs to the complaint before it. */
struct remark {
	struct pos pos;
	bool warning;
	const char *message;
	const char *hint;
	const char *rule;
	struct remark *notes; /* in their order */
	struct remark **notes_end;
	struct remark *next;
	size_t number; /* in the order of being added */
};

struct diags {
	struct arena *arena;
	struct diag_source **sources;
	size_t source_count;
	size_t source_cap;
	struct remark **remarks;
	size_t count;
	size_t cap;
	size_t warnings; /* of them */
	size_t dropped;  /* complaints beyond DIAGS_MAX */
};

struct diags *diags_new(void)
{
	struct diags *diags = mem_alloc(sizeof(*diags));

	diags->arena = arena_new();
	return diags;
}

void diags_free(struct diags *diags)
{
	if (!diags)
		return;
	for (size_t i = 0; i < diags->source_count; i++)
		free(diags->sources[i]->lines);
	free(diags->sources);
	free(diags->remarks);
	arena_free(diags->arena);
	free(diags);
}

static void diag_add_line(struct diag_source *source, size_t offset)
{
	mem_reserve(&source->lines, &source->line_cap, source->line_count + 1, sizeof(*source->lines));
	source->lines[source->line_count++] = offset;
}

uint32_t diags_source(struct diags *diags, const char *name, const char *text, size_t len)
{
	struct diag_source *source = arena_alloc(diags->arena, sizeof(*source));
	char *copy = arena_alloc(diags->arena, len + 1);

	if (len > 0)
		memcpy(copy, text, len);
	source->name = arena_strdup(diags->arena, name);
	source->text = copy;
	source->len = len;
	diag_add_line(source, 0);
	/* A final newline starts no new line: the end of the text is the end of its last line. */
	for (size_t i = 0; i + 1 < len; i++) {
		if (copy[i] == '\n')
			diag_add_line(source, i + 1);
	}
	mem_reserve(&diags->sources, &diags->source_cap, diags->source_count + 1, sizeof(struct diag_source *));
	diags->sources[diags->source_count++] = source;
	return (uint32_t)diags->source_count;
}

static struct diag_source *find_diag_source(const struct diags *diags, uint32_t file)
{
	return file > 0 && file <= diags->source_count ? diags->sources[file - 1] : NULL;
}

void diags_hide(struct diags *diags, uint32_t file, const char *instead)
{
	struct diag_source *source = find_diag_source(diags, file);

	source->hidden = true;
	source->instead = instead;
}

const char *diags_source_text(const struct diags *diags, uint32_t file, size_t *ret_len)
{
	const struct diag_source *source = find_diag_source(diags, file);

	*ret_len = source ? source->len : 0;
	return source ? source->text : NULL;
}

char *diags_place(const struct diags *diags, struct pos pos)
{
	const struct diag_source *source = find_diag_source(diags, pos.file);

	return mem_printf("%s:%u:%u", source ? source->name : "?", pos.line, pos.column);
}

/* The bytes of a line, from 1, without its end. */
static const char *line_text(const struct diag_source *source, uint32_t line, size_t *ret_len)
{
	size_t start = source->lines[line - 1];
	size_t end = line < source->line_count ? source->lines[line] : source->len;

	if (end > start && source->text[end - 1] == '\n')
		end--;
	if (end > start && source->text[end - 1] == '\r')
		end--;
	*ret_len = end - start;
	return source->text + start;
}

/* The bytes of one column: a character, or a single invalid byte. */
static size_t column_len(const char *s, size_t len)
{
	uint32_t rune;
	size_t n = text_rune(s, len, &rune);

	return n ? n : 1;
}

static uint32_t count_columns(const char *s, size_t len)
{
	uint32_t columns = 0;

	while (len > 0) {
		size_t n = column_len(s, len);

		s += n;
		len -= n;
		columns++;
	}
	return columns;
}

/* Walks a line to `column` (from 0) or to byte `limit`, whichever comes first, continuing from the previous walk if
 * possible. Returns the byte offset, and the column in *ret_column. */
static size_t walk_line(struct diag_source *source, uint32_t line, uint32_t column, size_t limit, uint32_t *ret_column)
{
	struct mark *mark = &source->mark;
	const char *text;
	size_t len;

	text = line_text(source, line, &len);
	if (limit > len)
		limit = len;
	if (mark->line != line || mark->column > column || mark->offset > limit)
		*mark = (struct mark){ .line = line };
	while (mark->column < column && mark->offset < limit) {
		mark->offset += column_len(text + mark->offset, len - mark->offset);
		mark->column++;
	}
	*ret_column = mark->column;
	return mark->offset;
}

/* The number of the last line that starts at or before `offset`. */
static uint32_t line_at(const struct diag_source *source, size_t offset)
{
	size_t low = 0;
	size_t high = source->line_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (source->lines[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return (uint32_t)low + 1;
}

struct pos diags_pos_at(const struct diags *diags, uint32_t file, size_t offset)
{
	struct diag_source *source = find_diag_source(diags, file);
	struct pos pos = { .file = file };

	if (!source)
		return (struct pos){ 0 };
	if (offset > source->len)
		offset = source->len;
	pos.line = line_at(source, offset);
	walk_line(source, pos.line, UINT32_MAX, offset - source->lines[pos.line - 1], &pos.column);
	pos.column++;
	return pos;
}

/* Makes a position valid: past the end becomes the end, an unknown file becomes no file. */
static struct pos clamp(const struct diags *diags, struct pos pos)
{
	struct diag_source *source = find_diag_source(diags, pos.file);

	if (!source)
		return (struct pos){ 0 };
	if (pos.line > source->line_count) {
		pos.line = (uint32_t)source->line_count;
		pos.column = UINT32_MAX;
	}
	if (pos.line == 0)
		pos.line = 1;
	walk_line(source, pos.line, pos.column ? pos.column - 1 : 0, SIZE_MAX, &pos.column);
	pos.column++;
	return pos;
}

__attribute__((format(printf, 3, 0))) static struct remark *remark_new(struct diags *diags, struct pos pos,
								       const char *fmt, va_list args)
{
	struct remark *remark = arena_alloc(diags->arena, sizeof(*remark));
	cleanup_free char *message = mem_vprintf(fmt, args);

	remark->pos = clamp(diags, pos);
	remark->message = arena_strdup(diags->arena, message);
	remark->notes_end = &remark->notes;
	return remark;
}

__attribute__((format(printf, 5, 0))) static void add_remark(struct diags *diags, struct pos pos, bool warning,
							     const char *hint, const char *fmt, va_list args)
{
	struct remark *remark;

	if (diags->count == DIAGS_MAX) {
		diags->dropped += !warning;
		return;
	}
	remark = remark_new(diags, pos, fmt, args);
	remark->warning = warning;
	diags->warnings += warning;
	remark->hint = arena_strdup(diags->arena, hint);
	remark->number = diags->count;
	mem_reserve(&diags->remarks, &diags->cap, diags->count + 1, sizeof(struct remark *));
	diags->remarks[diags->count++] = remark;
}

void diags_add(struct diags *diags, struct pos pos, const char *hint, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_remark(diags, pos, false, hint, fmt, args);
	va_end(args);
}

void diags_warn(struct diags *diags, struct pos pos, const char *hint, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_remark(diags, pos, true, hint, fmt, args);
	va_end(args);
}

void diags_rule(struct diags *diags, const char *rule)
{
	if (diags->count > 0 && diags->dropped == 0)
		diags->remarks[diags->count - 1]->rule = arena_strdup(diags->arena, rule);
}

void diags_note(struct diags *diags, struct pos pos, const char *fmt, ...)
{
	struct remark *remark;
	struct remark *note;
	va_list args;

	if (diags->count == 0 || diags->dropped > 0)
		return;
	remark = diags->remarks[diags->count - 1];
	va_start(args, fmt);
	note = remark_new(diags, pos, fmt, args);
	va_end(args);
	*remark->notes_end = note;
	remark->notes_end = &note->next;
}

size_t diags_count(const struct diags *diags)
{
	return diags->count - diags->warnings + diags->dropped;
}

size_t diags_warnings(const struct diags *diags)
{
	return diags->warnings;
}

bool diags_touch(const struct diags *diags, uint32_t file, uint32_t first_line, uint32_t last_line)
{
	for (size_t i = 0; i < diags->count; i++) {
		const struct pos *pos = &diags->remarks[i]->pos;

		if (pos->file == file && pos->line >= first_line && pos->line <= last_line)
			return true;
	}
	return false;
}

static int compare_number(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_pos(const struct remark *a, const struct remark *b)
{
	int order = compare_number(a->pos.file, b->pos.file);

	if (order == 0)
		order = compare_number(a->pos.line, b->pos.line);
	return order ? order : compare_number(a->pos.column, b->pos.column);
}

/* Moves equal complaints next to each other, the first one in front. */
static int compare_same(const void *a, const void *b)
{
	const struct remark *x = *(struct remark *const *)a;
	const struct remark *y = *(struct remark *const *)b;
	int order = compare_pos(x, y);

	if (order == 0)
		order = strcmp(x->message, y->message);
	return order ? order : compare_number(x->number, y->number);
}

static int compare_shown(const void *a, const void *b)
{
	const struct remark *x = *(struct remark *const *)a;
	const struct remark *y = *(struct remark *const *)b;
	int order = compare_pos(x, y);

	return order ? order : compare_number(x->number, y->number);
}

/* Sorts `remarks` for display and drops duplicates; returns how many are left. */
static size_t sort_remarks(struct remark **remarks, size_t count)
{
	size_t kept = 0;

	if (count == 0)
		return 0;
	qsort(remarks, count, sizeof(struct remark *), compare_same);
	for (size_t i = 0; i < count; i++) {
		const struct remark *last = kept > 0 ? remarks[kept - 1] : NULL;

		if (!last || compare_pos(last, remarks[i]) != 0 || strcmp(last->message, remarks[i]->message) != 0)
			remarks[kept++] = remarks[i];
	}
	qsort(remarks, kept, sizeof(struct remark *), compare_shown);
	return kept;
}

struct style {
	const char *error, *warning, *note, *bold, *dim, *caret, *off;
};

static const struct style plain = { "", "", "", "", "", "", "" };
static const struct style colored = {
	.error = "\033[1;31m",
	.warning = "\033[1;33m",
	.note = "\033[1;36m",
	.bold = "\033[1m",
	.dim = "\033[34m",
	.caret = "\033[1;32m",
	.off = "\033[0m",
};

static bool ends_token(const char *s, size_t len)
{
	if (len == 0)
		return true;
	if (*s == ':') /* the colon of "key: value", not of "localhost:5000" */
		return len == 1 || s[1] == ' ' || s[1] == '\t';
	return strchr(" \t,[]{}\"'#", *s) != NULL;
}

/* The number of columns of the word at `s`, at least 1: the width of the caret's tail. */
static uint32_t token_columns(const char *s, size_t len)
{
	const char *quote;
	size_t n = 0;

	if (len > 0 && (*s == '"' || *s == '\'')) {
		quote = memchr(s + 1, *s, len - 1);
		if (quote)
			return count_columns(s, (size_t)(quote - s) + 1);
	}
	while (!ends_token(s + n, len - n))
		n += column_len(s + n, len - n);
	return n ? count_columns(s, n) : 1;
}

/* Characters that a terminal draws two cells wide (East Asian Wide and Fullwidth, emoji). */
static bool is_wide(uint32_t rune)
{
	static const uint32_t ranges[][2] = {
		{ 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0x33ff },   { 0x3400, 0x4dbf },
		{ 0x4e00, 0x9fff },   { 0xa000, 0xa4cf },   { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },
		{ 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f },
		{ 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (rune >= ranges[i][0] && rune <= ranges[i][1])
			return true;
	}
	return false;
}

/* Combining accents, joiners and variation selectors take no cell. */
static bool is_narrow(uint32_t rune)
{
	return (rune >= 0x300 && rune <= 0x36f) || (rune >= 0x200b && rune <= 0x200f) ||
	       (rune >= 0xfe00 && rune <= 0xfe0f) || rune == 0xfeff;
}

/* The number of terminal cells that text_safe's form of one column takes. */
static unsigned int cells(const char *s, size_t len)
{
	uint32_t rune = 0;
	size_t n = text_rune(s, len, &rune);

	if (n == 0)
		return 4; /* \xNN */
	if (text_control(rune))
		return 4 * (unsigned int)n;
	return is_narrow(rune) ? 0 : is_wide(rune) ? 2 : 1;
}

static void add_repeated(struct buf *out, char c, size_t count)
{
	while (count-- > 0)
		buf_char(out, c);
}

/* Moves `*s` forward by up to `columns` columns; when `pad` is not NULL, appends that many blanks (or `fill`). */
static void skip_columns(const char **s, size_t *len, uint32_t columns, char fill, struct buf *pad)
{
	while (columns-- > 0 && *len > 0) {
		size_t n = column_len(*s, *len);

		if (pad && **s == '\t' && fill == ' ')
			buf_char(pad, '\t'); /* as wide as in the line above */
		else if (pad)
			add_repeated(pad, fill, cells(*s, *len));
		*s += n;
		*len -= n;
	}
}

static void render_gutter(uint32_t line, const struct style *style, struct buf *out)
{
	buf_str(out, style->dim);
	if (line)
		buf_printf(out, "%5u |", line);
	else
		buf_str(out, "      |");
	buf_printf(out, "%s ", style->off);
}

/* The part of the line that is shown: its first column and its bytes. */
static uint32_t cut_line(struct diag_source *source, struct pos pos, const char **line, size_t *len, bool *ret_cut_end)
{
	const char *s;
	size_t rest;
	uint32_t first = 0;

	if (pos.column > SHOWN_MAX - SHOWN_LEAD)
		first = pos.column - 1 - SHOWN_LEAD;
	rest = walk_line(source, pos.line, first, SIZE_MAX, &first);
	*line += rest;
	*len -= rest;
	s = *line;
	rest = *len;
	skip_columns(&s, &rest, SHOWN_MAX, ' ', NULL);
	*len -= rest;
	*ret_cut_end = rest > 0;
	return first;
}

static void render_line(struct diag_source *source, struct pos pos, const struct style *style, struct buf *out)
{
	size_t len;
	const char *line = line_text(source, pos.line, &len);
	bool cut_end;
	uint32_t first = cut_line(source, pos, &line, &len, &cut_end);
	uint32_t tail;

	render_gutter(pos.line, style, out);
	buf_str(out, first ? "..." : "");
	text_safe(out, line, len);
	buf_str(out, cut_end ? "...\n" : "\n");

	render_gutter(0, style, out);
	buf_str(out, first ? "   " : "");
	skip_columns(&line, &len, pos.column - 1 - first, ' ', out);
	tail = token_columns(line, len);
	buf_printf(out, "%s^", style->caret);
	/* The caret stands in the first cell of its column. */
	if (len > 0)
		add_repeated(out, '~', cells(line, len) > 1 ? cells(line, len) - 1 : 0);
	skip_columns(&line, &len, 1, '~', NULL);
	skip_columns(&line, &len, tail - 1, '~', out);
	buf_printf(out, "%s\n", style->off);
}

static const char *message_of(const struct diag_source *source, const struct remark *remark)
{
	return source && source->instead ? source->instead : remark->message;
}

static void render_remark(const struct diags *diags, const struct remark *remark, bool note, const struct style *style,
			  struct buf *out)
{
	struct diag_source *source = find_diag_source(diags, remark->pos.file);
	const char *message = message_of(source, remark), *word = note ? "note" : remark->warning ? "warning" : "error";

	if (source) {
		buf_str(out, style->bold);
		text_safe(out, source->name, strlen(source->name));
		buf_printf(out, ":%u:%u:%s ", remark->pos.line, remark->pos.column, style->off);
	}
	buf_printf(out, "%s%s:%s ",
		   note              ? style->note
		   : remark->warning ? style->warning
				     : style->error,
		   word, style->off);
	text_safe(out, message, strlen(message));
	buf_char(out, '\n');
	if (source && !source->hidden)
		render_line(source, remark->pos, style, out);
	if (!remark->hint || message != remark->message)
		return;
	buf_printf(out, "      %s=%s help: ", style->dim, style->off);
	text_safe(out, remark->hint, strlen(remark->hint));
	buf_char(out, '\n');
}

/* All of them, sorted, without duplicates; free() the array. */
static struct remark **sorted(const struct diags *diags, size_t *ret_count)
{
	struct remark **remarks = mem_array(diags->count, sizeof(struct remark *));

	for (size_t i = 0; i < diags->count; i++)
		remarks[i] = diags->remarks[i];
	*ret_count = sort_remarks(remarks, diags->count);
	return remarks;
}

void diags_each(struct diags *diags, void (*view)(void *data, const struct diag_view *diag), void *data)
{
	size_t count;
	cleanup_free struct remark **remarks = sorted(diags, &count);

	for (size_t i = 0; i < count; i++) {
		const struct remark *remark = remarks[i];
		const struct diag_source *source = find_diag_source(diags, remark->pos.file);

		view(data, &(struct diag_view){
				   .file = source ? source->name : NULL,
				   .line = remark->pos.line,
				   .column = remark->pos.column,
				   .warning = remark->warning,
				   .message = message_of(source, remark),
				   .hint = source && source->instead ? NULL : remark->hint,
				   .rule = remark->rule,
			   });
	}
}

void diags_render(struct diags *diags, struct buf *out, bool color)
{
	size_t count;
	cleanup_free struct remark **remarks = sorted(diags, &count);
	const struct style *style = color ? &colored : &plain;

	for (size_t i = 0; i < count; i++) {
		render_remark(diags, remarks[i], false, style, out);
		for (const struct remark *note = remarks[i]->notes; note; note = note->next)
			render_remark(diags, note, true, style, out);
	}
	if (diags->dropped > 0)
		buf_printf(out, "and %zu more\n", diags->dropped);
}
