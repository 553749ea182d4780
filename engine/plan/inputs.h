#ifndef ENGINE_PLAN_INPUTS_H
#define ENGINE_PLAN_INPUTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/xxh3.h"
#include "engine/plan/plan_node.h"

struct arena;
struct buf;
struct error;
struct source;

/*
 * The inputs of a node's key: a list of named values, in a fixed order. The key is a hash of the list;
 * the list as text is kept with the record, so that a later run can say what differs.
 *
 * Text form, one input a line: kind, TAB, name, TAB, value; backslash, tab and newline in names and values are
 * written as \\ \t \n. The files of a context stand one a line ("file", path, "f 644 <digest>"); the key
 * holds their common digest. A value that is NULL is \0, one that is not known yet \?.
 */
struct inputs;

struct inputs *inputs_new(void);
void inputs_free(struct inputs *inputs); /* NULL-safe */
/* Empties the list. `version` is the layout of this kind of key: the first field of it. */
void inputs_begin(struct inputs *inputs, enum node_kind kind, const char *version);
/* Adds a named value; both are copied. NULL differs from "". A value that contains a login is hidden. */
void inputs_add(struct inputs *inputs, enum reason_kind kind, const char *name, const char *value);
/* Adds a value that may be secret: key, state and reasons contain only its hash. */
void inputs_add_hidden(struct inputs *inputs, enum reason_kind kind, const char *name, const char *value);
/* Like inputs_add, for an element of a list: an option "name[index]". */
void inputs_add_element(struct inputs *inputs, const char *name, size_t index, const char *value);
__attribute__((format(printf, 4, 5))) void inputs_addf(struct inputs *inputs, enum reason_kind kind, const char *name,
						       const char *fmt, ...);
/* Adds a value that is unknown until a dependency has run: until then the list has no key. */
void inputs_add_unknown(struct inputs *inputs, enum reason_kind kind, const char *name);
/* Adds the files of a context, a selection of `source` (borrowed). In texts, `prefix` ("services/indexer/", copied)
 * precedes their paths; the key contains `name` and their digest. */
void inputs_add_files(struct inputs *inputs, const char *name, const char *prefix, struct source *source,
		      size_t selection);
/* What the last value is a hash of, for inputs_shared_key: bytes, the content of a file, or the files of the
 * selection below a folder. Borrowed. */
void inputs_of_bytes(struct inputs *inputs, const void *data, size_t len);
void inputs_of_file(struct inputs *inputs, const char *path);
void inputs_of_folder(struct inputs *inputs, const char *root);

/* The number of inputs; and sorts those from the `from`th on by kind and name, because their order in the manifest
 * does not matter. */
size_t inputs_len(const struct inputs *inputs);
void inputs_sort(struct inputs *inputs, size_t from);

/* False when a value is unknown. */
bool inputs_key(const struct inputs *inputs, char ret_key[HASH_HEX + 1]);
/* The same list as sha256, for others to trust: where it has a hash, the original bytes are read and count instead.
 * 1, or 0 when a value is unknown or a file has changed since it was hashed. ERROR_STATE for what cannot be read,
 * ERROR_CANCELLED. */
int inputs_shared_key(const struct inputs *inputs, char ret_key[DIGEST_LEN + 1], struct error **err);
void inputs_text(const struct inputs *inputs, struct buf *out);
/* A difference between two lists. `was` NULL: added; `now` NULL: removed. Values in full, as in the text. */
struct input_change {
	enum reason_kind kind;
	const char *name;
	const char *was, *now;
};
extern const char INPUT_NONE[]; /* the value of an input that exists but has none: compared by its address */
/* The differences between an earlier list (a text from inputs_text) and the current one. Unknown values are
 * skipped. Texts live in `arena`; the caller frees *ret (may be NULL). Returns their number. */
size_t inputs_compare(const struct inputs *inputs, const char *old, size_t old_len, struct arena *arena,
		      struct input_change **ret);
/* Adds a reason to `node` for each difference between an earlier list (a text from inputs_text) and the current
 * one. Unknown values are skipped. Texts of reasons live in `arena`. Returns the number of reasons. */
size_t inputs_diff(const struct inputs *inputs, const char *old, size_t old_len, struct arena *arena, struct node *node);

#endif
