#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

struct buf;

/* A place in a source text. `file` is what diags_source returned; lines and columns count
 * from 1 (columns in Unicode code points). `file` 0 means no place. */
struct pos {
	uint32_t file;
	uint32_t line;
	uint32_t column;
};

/* Complaints about source texts: collected, then sorted, deduplicated and printed together. */
struct diags;

struct diags *diags_new(void);
void diags_free(struct diags *diags); /* NULL-safe */
/* Registers a text under the name that is shown; both are copied. Returns its id, from 1. */
uint32_t diags_source(struct diags *diags, const char *name, const char *text, size_t len);
/* From now on, complaints about this source do not quote its lines; with `instead` (static, or NULL) they say only
 * that. */
void diags_hide(struct diags *diags, uint32_t file, const char *instead);
/* The text of a registered source, borrowed; NULL for an unknown id. */
const char *diags_source_text(const struct diags *diags, uint32_t file, size_t *ret_len);
/* A position as complaints show it: "services.yaml:7:5", malloc'd. */
char *diags_place(const struct diags *diags, struct pos pos);
/* The position of byte `offset` of a source. Offsets past the end are clamped. */
struct pos diags_pos_at(const struct diags *diags, uint32_t file, size_t offset);
/* Adds a complaint. `hint` (a whole sentence, may be NULL) is printed as help. */
__attribute__((format(printf, 4, 5))) void diags_add(struct diags *diags, struct pos pos, const char *hint,
						     const char *fmt, ...);
/* The same as a warning, which is no reason to fail: diags_count does not count it. */
__attribute__((format(printf, 4, 5))) void diags_warn(struct diags *diags, struct pos pos, const char *hint,
						      const char *fmt, ...);
/* Names the rule (copied) that the last complaint or warning is about, for tools. */
void diags_rule(struct diags *diags, const char *rule);
/* Adds another place to the last complaint ("defined here", a step of a cycle). */
__attribute__((format(printf, 3, 4))) void diags_note(struct diags *diags, struct pos pos, const char *fmt, ...);
/* Whether any complaint is about one of these lines of a source. */
bool diags_touch(const struct diags *diags, uint32_t file, uint32_t first_line, uint32_t last_line);
size_t diags_count(const struct diags *diags);    /* of errors */
size_t diags_warnings(const struct diags *diags); /* of warnings */
/* What there is, in the order of diags_render, the same one only once. */
struct diag_view {
	const char *file; /* NULL: no place; then line and column are 0 */
	uint32_t line, column;
	bool warning;
	const char *message, *hint, *rule; /* the last two may be NULL */
};
void diags_each(struct diags *diags, void (*view)(void *data, const struct diag_view *diag), void *data);
/* Appends all complaints and warnings, sorted by file, line and column, the same one only once:
 *   services.yaml:12:5: error: unknown key "dockerfil"
 *      12 |     dockerfil: Dockerfile
 *         |     ^~~~~~~~~
 *         = help: did you mean "dockerfile"?
 * Positions past the end are clamped, control bytes shown escaped, long lines cut. */
void diags_render(struct diags *diags, struct buf *out, bool color);

#endif
