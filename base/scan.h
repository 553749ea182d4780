#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Going through JSON text without building a tree: for what every run with nothing to do reads, and most of which is of no
 * interest. Looser than json_parse (names may repeat, a skipped number may be anything); what it does not take, another
 * may: the caller falls back to json_parse, or takes the text for damaged.
 *
 *	scan_object(&s);
 *	while (scan_member(&s, &key))
 *		if (scan_is(&key, "id") ? !scan_string(&s, &id) : !scan_skip(&s)) ...
 *
 * The first thing that is not as asked for ends it: from then on everything returns false.
 */
struct scan {
	const char *at, *end;
	bool first; /* just after an opening bracket */
	bool bad;
};

/* The bytes of a string between its quotes; a part of the text, not NUL-terminated. */
struct scan_text {
	const char *text;
	size_t len;
	bool escaped; /* contains escapes, so it is not the value yet */
};

struct scan scan_begin(const char *text, size_t len);
bool scan_object(struct scan *s);
bool scan_array(struct scan *s);
/* The next name of an object, whose value follows; false at the end. */
bool scan_member(struct scan *s, struct scan_text *ret);
/* True when another value follows in an array. */
bool scan_item(struct scan *s);
bool scan_string(struct scan *s, struct scan_text *ret);
bool scan_number(struct scan *s, uint64_t *ret); /* digits only */
bool scan_null(struct scan *s);                  /* false for any other value, which is not an error */
bool scan_skip(struct scan *s);                  /* any value */
/* True when the text ends here and nothing was wrong. */
bool scan_done(struct scan *s);

bool scan_is(const struct scan_text *text, const char *s);

#endif
