#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

/*
 * Errors. A function that can fail takes `struct error **err` last and returns a negative
 * number on failure; `*err` is untouched on success. `err` may be NULL when the caller does
 * not care what went wrong. The class decides the exit status (`cbuild help status`).
 */
enum error_class {
	ERROR_BUILD = 1,     /* a build or check failed: the user's fault */
	ERROR_USAGE = 2,     /* manifest or command line */
	ERROR_TOOL = 3,      /* a tool or an ability is missing */
	ERROR_REGISTRY = 4,  /* registry or login */
	ERROR_HEALTH = 5,    /* a health check failed */
	ERROR_STATE = 6,     /* state or disk */
	ERROR_INTERNAL = 70, /* a fault of cbuild */
	ERROR_CANCELLED = 130,
	ERROR_TERMINATED = 143 /* the same, by SIGTERM or SIGHUP; of a whole command only */
};

struct error {
	enum error_class cls;
	bool transient; /* trying again may help */
	bool outdated;  /* a file is no longer as it was planned with: planning again helps */
	int errnum;     /* of the call that failed (error_errno), or 0 */
	char *message;  /* one line or several, no newline at the end; names the file, service or host */
	char *remedy;   /* what the user can do about it, or NULL */
};

/* Each returns -1, so that `return error_make(err, ...)` works. If `*err` already holds an error, that one is kept
 * and the new one dropped. */
__attribute__((format(printf, 3, 4))) int error_make(struct error **err, enum error_class cls, const char *fmt, ...);
/* The same with ": strerror(errnum)" appended, and a remedy when a limit was reached. */
__attribute__((format(printf, 4, 5))) int error_errno(struct error **err, enum error_class cls, int errnum,
						      const char *fmt, ...);
/* True when the file exists but cannot be read, or its existence cannot be determined. False when it is missing or
 * damaged. */
bool error_unreadable(const struct error *error);
/* Prepends "context: " to the message in `*err`; does nothing when there is none. */
__attribute__((format(printf, 2, 3))) int error_wrap(struct error **err, const char *fmt, ...);
/* Sets the remedy of the error in `*err` unless it already has one. */
__attribute__((format(printf, 2, 3))) void error_remedy(struct error **err, const char *fmt, ...);
/* Moves `*from` into `*to` (frees it when `to` is NULL or already set); `*from` becomes NULL. Returns -1. */
int error_move(struct error **to, struct error **from);
/* Copies `from` into `*to` unless it is already set. Returns -1. */
int error_copy(struct error **to, const struct error *from);
void error_free(struct error *error); /* NULL-safe */

/* clang's analyzer reads one source file at a time: this tells it what they return. */
#if defined(__clang_analyzer__) && !defined(ERROR_IMPLEMENTATION)
#define error_make(...) (error_make(__VA_ARGS__), -1)
#define error_errno(...) (error_errno(__VA_ARGS__), -1)
#define error_wrap(...) (error_wrap(__VA_ARGS__), -1)
#define error_move(...) (error_move(__VA_ARGS__), -1)
#define error_copy(...) (error_copy(__VA_ARGS__), -1)
#endif

void error_cleanup(struct error **error);
#define cleanup_error __attribute__((cleanup(error_cleanup)))

#endif
