#ifndef CLI_REPORT_COLUMNS_H
#define CLI_REPORT_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* How many columns of a terminal a text takes (wcwidth in a UTF-8 locale). Where terminals differ, as with joined
 * emoji, the larger number: a line that is cut early harms nobody, one that wraps breaks the display. */
struct columns;

struct columns *columns_new(void);
void columns_free(struct columns *columns); /* NULL-safe */
/* Texts are valid UTF-8 without control characters, as text_safe makes them; a tab counts as one column. */
size_t columns_count(const struct columns *columns, const char *text, size_t len);
/* The bytes of the longest beginning that takes at most `max` columns. A character is not parted from what combines
 * with it. */
size_t columns_fit(const struct columns *columns, const char *text, size_t len, size_t max);
/* Appends what fits into `max` columns; what is cut ends in an ellipsis (with `unicode`). Returns its columns. */
size_t columns_cut(const struct columns *columns, const char *text, size_t len, size_t max, bool unicode,
		   struct buf *out);

#endif
