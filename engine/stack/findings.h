#ifndef ENGINE_STACK_FINDINGS_H
#define ENGINE_STACK_FINDINGS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct error;

/* The results of checks, which several threads may add. All failures are collected, not only the first. */
struct findings {
	pthread_mutex_t lock;
	struct buf *report;      /* one line for each check that passed */
	struct buf failures;     /* one paragraph for each check that failed */
	bool policy, health;     /* kinds of failures */
	int other;               /* class of the first failure of another kind, 0: none */
	struct error *cancelled; /* set: do nothing more */
	char *remedy;
};
#define FINDINGS(to)                                              \
	{                                                         \
		.lock = PTHREAD_MUTEX_INITIALIZER, .report = (to) \
	}
__attribute__((format(printf, 2, 3))) void findings_pass(struct findings *findings, const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void findings_fail(struct findings *findings, int cls, const char *fmt, ...);
/* Takes ownership of the error; `what` (may be NULL) precedes it. */
void findings_error(struct findings *findings, const char *what, struct error **error);
/* 0 when everything passed. Frees what `findings` holds. */
int findings_result(struct findings *findings, struct error **err);
/* Appends at most `max` bytes of text, made safe for a terminal, each line indented. */
void findings_quote(struct buf *out, const char *text, size_t len, size_t max);

#endif
