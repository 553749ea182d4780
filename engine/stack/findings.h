#ifndef ENGINE_STACK_FINDINGS_H
#define ENGINE_STACK_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct error;

/* What checks found, good and bad. All failures are collected, not only the first. */
struct findings {
	struct buf *report;      /* one line a check that passed */
	struct buf failures;     /* one paragraph a check that did not */
	bool policy, health;     /* kinds of failures */
	int other;               /* class of the first of another kind, 0: none */
	struct error *cancelled; /* nothing else is to be done */
	char *remedy;
};
__attribute__((format(printf, 2, 3))) void findings_pass(struct findings *findings, const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void findings_fail(struct findings *findings, int cls, const char *fmt, ...);
/* Takes the error; `what` (may be NULL) goes before it. */
void findings_error(struct findings *findings, const char *what, struct error **error);
/* 0 when everything passed. Frees what `findings` holds. */
int findings_result(struct findings *findings, struct error **err);
/* Appends text, made safe for a terminal, each line indented; at most `max` bytes of it. */
void findings_quote(struct buf *out, const char *text, size_t len, size_t max);

#endif
