#ifndef BASE_BUG_H
#define BASE_BUG_H

/*
 * Invariants: conditions that only a bug in cbuild can break. Prints file, line and what was assumed, and exits with
 * status 70. That is as safe as being killed (docs/decisions.md, "Memory that runs out"), and better than carrying on.
 */
#define bug(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
#define bug_if(condition, ...)            \
	do {                              \
		if (condition)            \
			bug(__VA_ARGS__); \
	} while (0)

_Noreturn void bug_at(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
