#ifndef BASE_BUG_H
#define BASE_BUG_H

/*
 * What cannot be unless cbuild itself is wrong. Says where and what was assumed, and ends the process with status 70: as safe as
 * a kill (docs/decisions.md, "Memory that runs out"), and better than going on with it.
 */
#define bug(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
#define bug_if(condition, ...)            \
	do {                              \
		if (condition)            \
			bug(__VA_ARGS__); \
	} while (0)

_Noreturn void bug_at(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
