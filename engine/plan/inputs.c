#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/xattr.h"
#include "engine/plan/inputs.h"
#include "engine/source/context.h"

struct input {
	enum reason_kind kind;
	bool unknown;
	bool files;    /* the common digest of files that the text lists one by one */
	size_t folder; /* number of these files */
	const char *name;
	const char *value;
	/* what the value is a hash of, or NULL: */
	const void *data;
	size_t data_len;
	const char *path;
};

struct inputs_files {
	size_t input; /* the input whose value is their digest */
	const char *root;
	const char *prefix;
	struct source *source;
	size_t selection;
};

struct inputs {
	struct arena *arena;
	struct input *items;
	size_t len, cap;
	struct inputs_files *files;
	size_t files_len, files_cap;
};

const char INPUT_NONE[] = "(none)";

struct inputs *inputs_new(void)
{
	struct inputs *inputs = mem_alloc(sizeof(*inputs));

	inputs->arena = arena_new();
	return inputs;
}

void inputs_free(struct inputs *inputs)
{
	if (!inputs)
		return;
	arena_free(inputs->arena);
	free(inputs->items);
	free(inputs->files);
	free(inputs);
}

/* The name and value must live in the list's arena. */
static void inputs_put(struct inputs *inputs, enum reason_kind kind, const char *name, const char *value)
{
	bug_if(kind >= REASON_KINDS || !*name, "an input of kind %d called \"%s\"", (int)kind, name);
	mem_reserve(&inputs->items, &inputs->cap, inputs->len + 1, sizeof(*inputs->items));
	inputs->items[inputs->len++] = (struct input){ .kind = kind, .name = name, .value = value };
}

void inputs_begin(struct inputs *inputs, enum node_kind kind, const char *version)
{
	arena_clear(inputs->arena);
	inputs->len = inputs->files_len = 0;
	inputs_put(inputs, REASON_OPTION, "cbuild's key layout",
		   arena_join(inputs->arena, node_kind_name(kind), " ", version, NULL));
}

static char *inputs_hide(struct arena *arena, const char *value)
{
	char hex[HASH_HEX + 1];

	hash_hex(hash_bytes(value, strlen(value)), hex);
	return arena_join(arena, "hidden:", hex, NULL);
}

/* The name must live in the list's arena. */
static void put_hidden(struct inputs *inputs, enum reason_kind kind, const char *name, const char *value)
{
	inputs_put(inputs, kind, name, value ? inputs_hide(inputs->arena, value) : NULL);
	if (value)
		inputs_of_bytes(inputs, arena_strdup(inputs->arena, value), strlen(value));
}

static void put_copy(struct inputs *inputs, enum reason_kind kind, const char *name, const char *value)
{
	if (value && text_has_login(value))
		put_hidden(inputs, kind, name, value);
	else
		inputs_put(inputs, kind, name, arena_strdup(inputs->arena, value));
}

void inputs_add(struct inputs *inputs, enum reason_kind kind, const char *name, const char *value)
{
	put_copy(inputs, kind, arena_strdup(inputs->arena, name), value);
}

void inputs_add_hidden(struct inputs *inputs, enum reason_kind kind, const char *name, const char *value)
{
	put_hidden(inputs, kind, arena_strdup(inputs->arena, name), value);
}

/* Writes the decimal digits of a number so that they end at `end`. */
static const char *decimal(size_t number, char *end)
{
	*end = '\0';
	do
		*--end = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	return end;
}

void inputs_add_element(struct inputs *inputs, const char *name, size_t index, const char *value)
{
	char digits[sizeof("18446744073709551615")];

	put_copy(inputs, REASON_OPTION,
		 arena_join(inputs->arena, name, "[", decimal(index, digits + sizeof(digits) - 1), "]", NULL), value);
}

void inputs_addf(struct inputs *inputs, enum reason_kind kind, const char *name, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	inputs_add(inputs, kind, name, text);
}

void inputs_add_unknown(struct inputs *inputs, enum reason_kind kind, const char *name)
{
	inputs_add(inputs, kind, name, NULL);
	inputs->items[inputs->len - 1].unknown = true;
}

void inputs_add_files(struct inputs *inputs, const char *name, const char *prefix, struct source *source, size_t selection)
{
	char hex[HASH_HEX + 1];

	hash_hex(source_digest(source, selection), hex);
	inputs_add(inputs, REASON_FILE, name, hex);
	inputs->items[inputs->len - 1].files = true;
	inputs->items[inputs->len - 1].folder = inputs->files_len;
	mem_reserve(&inputs->files, &inputs->files_cap, inputs->files_len + 1, sizeof(*inputs->files));
	inputs->files[inputs->files_len++] = (struct inputs_files){
		.input = inputs->len - 1,
		.prefix = arena_strdup(inputs->arena, prefix),
		.source = source,
		.selection = selection,
	};
}

void inputs_of_bytes(struct inputs *inputs, const void *data, size_t len)
{
	inputs->items[inputs->len - 1].data = data;
	inputs->items[inputs->len - 1].data_len = len;
}

void inputs_of_file(struct inputs *inputs, const char *path)
{
	inputs->items[inputs->len - 1].path = arena_strdup(inputs->arena, path);
}

void inputs_of_folder(struct inputs *inputs, const char *root)
{
	inputs->files[inputs->files_len - 1].root = root;
}

size_t inputs_len(const struct inputs *inputs)
{
	return inputs->len;
}

static int inputs_by_name(const void *a, const void *b)
{
	const struct input *x = a, *y = b;

	int order = x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->name, y->name);

	return order ? order : strcmp(x->value ? x->value : "", y->value ? y->value : "");
}

void inputs_sort(struct inputs *inputs, size_t from)
{
	if (inputs->len - from > 1)
		qsort(inputs->items + from, inputs->len - from, sizeof(*inputs->items), inputs_by_name);
	for (size_t i = from; i < inputs->len; i++) {
		if (inputs->items[i].files)
			inputs->files[inputs->items[i].folder].input = i;
	}
}

bool inputs_key(const struct inputs *inputs, char ret_key[HASH_HEX + 1])
{
	cleanup_hasher struct hasher *hasher = hasher_new();

	for (size_t i = 0; i < inputs->len; i++) {
		const struct input *input = &inputs->items[i];

		if (input->unknown)
			return false;
		hasher_text(hasher, reason_kind_name(input->kind), input->name);
		hasher_text(hasher, "value", input->value);
	}
	hash_hex(hasher_done(hasher), ret_key);
	return true;
}

static void frame_number(struct sha256 *sha, uint64_t number)
{
	unsigned char bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(number >> (8 * i));
	sha256_add(sha, bytes, sizeof(bytes));
}

/* Length and bytes: no two different sequences of fields give the same bytes. */
static void frame(struct sha256 *sha, const void *data, size_t len)
{
	frame_number(sha, len);
	sha256_add(sha, data, len);
}

static void frame_text(struct sha256 *sha, const char *text)
{
	/* Texts contain no NUL, so a single one stands for NULL. */
	frame(sha, text ? text : "", text ? strlen(text) : 1);
}

static int frame_attributes(struct sha256 *sha, const char *path, struct error **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_buf struct buf attributes = { 0 };

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot open", path);
	if (xattr_collect(fd, path, &attributes, err) < 0)
		return -1;
	frame(sha, attributes.data ? attributes.data : "", attributes.len);
	return 0;
}

static int frame_file(struct sha256 *sha, const char *path, struct error **err)
{
	char digest[DIGEST_LEN + 1];

	if (digest_file(path, digest, NULL, err) < 0)
		return -1;
	frame_text(sha, digest);
	return frame_attributes(sha, path, err);
}

/* Hashes a file of a context. False when it has changed since it was hashed. */
static bool frame_content(struct sha256 *sha, const struct inputs_files *files, size_t entry)
{
	const unsigned char *bytes = source_sha256(files->source, files->selection, entry);
	char digest[DIGEST_LEN + 1] = "sha256:";

	if (!bytes)
		return false;
	digest_encode(bytes, digest + strlen(digest));
	frame_text(sha, digest);
	return true;
}

/* 1, or 0 when a file has changed meanwhile. */
static int frame_files(struct sha256 *sha, const struct inputs_files *files, struct error **err)
{
	size_t len;
	const struct source_entry *entries = source_entries(files->source, files->selection, &len);

	if (source_read_sha256(files->source, files->selection, err) < 0)
		return -1;
	frame_number(sha, len);
	for (size_t i = 0; i < len; i++) {
		const struct source_entry *entry = &entries[i];
		cleanup_free char *path = path_join(files->root, entry->path);
		cleanup_free char *type = mem_printf("%c %o", entry->type, (unsigned)entry->mode);

		frame_text(sha, entry->path);
		frame_text(sha, type);
		if (entry->type == 'l')
			frame_text(sha, entry->link);
		else if (entry->type == 'f' && !frame_content(sha, files, i))
			return 0;
		else if (frame_attributes(sha, path, err) < 0)
			return -1;
	}
	return 1;
}

/* 1, or 0 when a file has changed meanwhile. */
static int frame_value(const struct inputs *inputs, size_t number, struct sha256 *sha, struct error **err)
{
	const struct input *input = &inputs->items[number];

	for (size_t i = 0; i < inputs->files_len && input->files; i++) {
		if (inputs->files[i].input == number)
			return frame_files(sha, &inputs->files[i], err);
	}
	if (input->path) {
		frame_text(sha, input->value ? strchr(input->value, ' ') : NULL); /* its permission bits */
		return frame_file(sha, input->path, err) < 0 ? -1 : 1;
	}
	if (input->data)
		frame(sha, input->data, input->data_len);
	else
		frame_text(sha, input->value);
	return 1;
}

int inputs_shared_key(const struct inputs *inputs, char ret_key[DIGEST_LEN + 1], struct error **err)
{
	cleanup_sha256 struct sha256 *sha = NULL;
	int r;

	if (sha256_new(&sha, err) < 0)
		return -1;
	for (size_t i = 0; i < inputs->len; i++) {
		const struct input *input = &inputs->items[i];

		if (input->unknown)
			return 0;
		frame_text(sha, reason_kind_name(input->kind));
		frame_text(sha, input->name);
		r = frame_value(inputs, i, sha, err);
		if (r <= 0)
			return r;
	}
	sha256_done(sha, ret_key);
	return digest_valid(ret_key) ? 1 : error_make(err, ERROR_TOOL, "libcrypto failed");
}

static void add_escaped(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' || *s == '\t' || *s == '\n') {
			buf_char(out, '\\');
			buf_char(out, *s == '\t' ? 't' : *s == '\n' ? 'n' : '\\');
		} else {
			buf_char(out, *s);
		}
	}
}

static char *unescape(struct arena *arena, const char *s, size_t len)
{
	char *out = arena_alloc(arena, len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\' && i + 1 < len) {
			i++;
			out[n++] = s[i] == 't' ? '\t' : s[i] == 'n' ? '\n' : s[i];
		} else {
			out[n++] = s[i];
		}
	}
	return out;
}

static void inputs_add_line(struct buf *out, enum reason_kind kind, const char *prefix, const char *name,
			    const char *value, bool unknown)
{
	buf_str(out, reason_kind_name(kind));
	buf_char(out, '\t');
	add_escaped(out, prefix);
	add_escaped(out, name);
	buf_char(out, '\t');
	if (unknown)
		buf_str(out, "\\?");
	else if (value)
		add_escaped(out, value);
	else
		buf_str(out, "\\0");
	buf_char(out, '\n');
}

static void entry_value(const struct source_entry *entry, struct buf *out)
{
	char hex[HASH_HEX + 1] = "";

	if (entry->type != 'd' || !hash_equal(entry->digest, (struct hash128){ 0 }))
		hash_hex(entry->digest, hex);
	buf_printf(out, "%c %o %s", entry->type, (unsigned)entry->mode, hex);
}

void inputs_text(const struct inputs *inputs, struct buf *out)
{
	cleanup_buf struct buf value = { 0 };

	for (size_t i = 0; i < inputs->len; i++) {
		const struct input *input = &inputs->items[i];

		inputs_add_line(out, input->kind, "", input->name, input->value, input->unknown);
	}
	for (size_t i = 0; i < inputs->files_len; i++) {
		const struct inputs_files *files = &inputs->files[i];
		size_t len;
		const struct source_entry *entries = source_entries(files->source, files->selection, &len);

		for (size_t j = 0; j < len; j++) {
			buf_reset(&value);
			entry_value(&entries[j], &value);
			inputs_add_line(out, REASON_FILE, files->prefix, entries[j].path, value.data, false);
		}
	}
}

/* The old text as a map from "kind TAB name" to the value. */
struct old {
	struct arena *arena;
	struct map *values;
	struct map *seen;
};

static const char NOTHING[] = "\\0"; /* how the text writes NULL */

static void read_old(struct old *old, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;
		const char *first = memchr(text, '\t', (size_t)(stop - text));
		const char *second = first ? memchr(first + 1, '\t', (size_t)(stop - first - 1)) : NULL;

		if (second) {
			size_t value_len = (size_t)(stop - second - 1);
			const char *value = second + 1;
			bool null = value_len == 2 && memcmp(value, NOTHING, 2) == 0;
			char *was = unescape(old->arena, value, value_len);

			/* An older record, from before such values were hidden. */
			if (text_has_login(was))
				was = inputs_hide(old->arena, was);
			map_set(old->values, unescape(old->arena, text, (size_t)(second - text)),
				null ? (void *)NOTHING : was);
		}
		text = stop + 1;
	}
}

struct changes {
	struct arena *arena;
	struct input_change *items;
	size_t len, cap;
};

static void add_change(struct changes *changes, enum reason_kind kind, const char *name, const char *was, const char *now)
{
	mem_reserve(&changes->items, &changes->cap, changes->len + 1, sizeof(*changes->items));
	changes->items[changes->len++] = (struct input_change){
		.kind = kind,
		.name = arena_strdup(changes->arena, name),
		.was = was == NOTHING ? INPUT_NONE : arena_strdup(changes->arena, was),
		.now = now == NOTHING ? INPUT_NONE : arena_strdup(changes->arena, now),
	};
}

/* NULL: there was none of that name. */
static const char *old_value(struct old *old, enum reason_kind kind, const char *prefix, const char *name)
{
	const char *key = arena_printf(old->arena, "%s\t%s%s", reason_kind_name(kind), prefix, name);

	map_set(old->seen, key, (void *)key);
	return map_get(old->values, key);
}

static void compare_items(const struct inputs *inputs, struct old *old, struct changes *changes)
{
	for (size_t i = 0; i < inputs->len; i++) {
		const struct input *input = &inputs->items[i];
		const char *was = old_value(old, input->kind, "", input->name);
		const char *now = input->value ? input->value : NOTHING;

		if (input->unknown || (was && strcmp(was, now) == 0))
			continue;
		if (input->files && was)
			continue; /* tells people nothing: its files do */
		add_change(changes, input->kind, input->name, was, now);
	}
}

static void compare_files(const struct inputs *inputs, struct old *old, struct changes *changes)
{
	cleanup_buf struct buf value = { 0 };

	for (size_t i = 0; i < inputs->files_len; i++) {
		const struct inputs_files *files = &inputs->files[i];
		size_t len;
		const struct source_entry *entries = source_entries(files->source, files->selection, &len);

		for (size_t j = 0; j < len; j++) {
			const char *path = entries[j].path;
			const char *was = old_value(old, REASON_FILE, files->prefix, path);

			buf_reset(&value);
			entry_value(&entries[j], &value);
			if (was && strcmp(was, value.data) == 0)
				continue;
			add_change(changes, REASON_FILE, arena_printf(changes->arena, "%s%s", files->prefix, path), was,
				   value.data);
		}
	}
}

static void compare_removed(struct old *old, struct changes *changes)
{
	for (size_t i = 0; i < map_len(old->values); i++) {
		const char *key = map_key(old->values, i);
		const char *tab = strchr(key, '\t');

		if (map_get(old->seen, key))
			continue;
		for (int kind = REASON_FILE; kind <= REASON_OPTION; kind++) {
			const char *name = reason_kind_name((enum reason_kind)kind);

			if (strlen(name) == (size_t)(tab - key) && strncmp(name, key, (size_t)(tab - key)) == 0)
				add_change(changes, (enum reason_kind)kind, tab + 1, map_value(old->values, i), NULL);
		}
	}
}

size_t inputs_compare(const struct inputs *inputs, const char *old_text, size_t old_len, struct arena *arena,
		      struct input_change **ret)
{
	struct old old = { .arena = arena_new(), .values = map_new(), .seen = map_new() };
	struct changes changes = { .arena = arena };

	read_old(&old, old_text, old_len);
	compare_items(inputs, &old, &changes);
	compare_files(inputs, &old, &changes);
	compare_removed(&old, &changes);
	map_free(old.values);
	map_free(old.seen);
	arena_free(old.arena);
	*ret = changes.items;
	return changes.len;
}

/* Values in reasons are for people: short ones are shown, digests are shortened. */
static const char *shorten(struct arena *arena, const char *value)
{
	if (value == INPUT_NONE)
		return "(none)";
	if (strncmp(value, "sha256:", 7) == 0 && strlen(value) > 19)
		return arena_strndup(arena, value, 19);
	if (strlen(value) > 60)
		return arena_printf(arena, "%.57s...", value);
	return *value ? value : "\"\"";
}

static const char *file_change(const char *before, const char *now)
{
	unsigned mode_before = 0, mode_now = 0;
	char hex_before[64] = "", hex_now[64] = "";

	if (before[0] != now[0])
		return "type";
	sscanf(before + 1, "%o %63s", &mode_before, hex_before);
	sscanf(now + 1, "%o %63s", &mode_now, hex_now);
	if (strcmp(hex_before, hex_now) != 0)
		return now[0] == 'd' ? "attributes" : "content";
	return "mode";
}

/* A value of an entry, as written by entry_value, rather than a bare digest. */
static bool is_entry(const char *value)
{
	return value != INPUT_NONE && value[0] && value[1] == ' ';
}

static const char *change_text(struct arena *arena, const struct input_change *change)
{
	if (!change->was)
		return "added";
	if (!change->now)
		return "removed";
	if (change->kind == REASON_FILE && is_entry(change->was) && is_entry(change->now))
		return file_change(change->was, change->now);
	if (change->kind == REASON_FILE || change->kind == REASON_DOCKERFILE)
		return "content";
	return arena_printf(arena, "%s -> %s", shorten(arena, change->was), shorten(arena, change->now));
}

size_t inputs_diff(const struct inputs *inputs, const char *old_text, size_t old_len, struct arena *arena,
		   struct node *node)
{
	cleanup_free struct input_change *changes = NULL;
	size_t len = inputs_compare(inputs, old_text, old_len, arena, &changes);

	for (size_t i = 0; i < len; i++)
		node_reason(node, changes[i].kind, changes[i].name, change_text(arena, &changes[i]));
	return len;
}
