#ifndef CLI_REPORT_COLUMNS_H
#define CLI_REPORT_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* The number of terminal columns of a text (wcwidth in a UTF-8 locale). If terminals differ, as with joined emoji,
 * the larger number: cutting a line early does no harm, wrapping it breaks the display. */
struct columns;

struct columns *columns_new(void);
void columns_free(struct columns *columns); /* NULL-safe */
/* Texts must be valid UTF-8 without control characters, as text_safe returns; a tab counts as one column. */
size_t columns_count(const struct columns *columns, const char *text, size_t len);
/* The length in bytes of the longest prefix of at most `max` columns. Combining characters stay with their base. */
size_t columns_fit(const struct columns *columns, const char *text, size_t len, size_t max);
/* Appends what fits into `max` columns; a cut text ends in an ellipsis (with `unicode`). Returns its columns. */
size_t columns_cut(const struct columns *columns, const char *text, size_t len, size_t max, bool unicode,
		   struct buf *out);

#endif
