#ifndef CLI_REPORT_NEEDS_H
#define CLI_REPORT_NEEDS_H

#include <stddef.h>

struct plan;

/* The dependencies of each node for pictures, without those implied by others. */
struct needs;

struct needs *needs_new(struct plan *plan);
void needs_free(struct needs *needs);                                            /* NULL-safe */
const size_t *needs_of(const struct needs *needs, size_t node, size_t *ret_len); /* borrowed */

void needs_cleanup(struct needs **needs);
#define cleanup_needs __attribute__((cleanup(needs_cleanup)))

#endif
