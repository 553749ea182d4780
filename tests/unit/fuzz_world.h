#ifndef TESTS_UNIT_FUZZ_WORLD_H
#define TESTS_UNIT_FUZZ_WORLD_H

/* Bytes that are spoilt at random, the same ones in every run. With CBUILD_FUZZ_SECONDS each test goes on for so long, from a seed that is
 * printed; CBUILD_FUZZ_SEED repeats one. A crash, a sanitizer's complaint or a test without an end is a fault. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

#define FUZZ_END 60 /* seconds after which a round counts as one without an end */

struct random {
	uint64_t state;
};

static size_t below(struct random *r, size_t limit)
{
	r->state = r->state * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(r->state >> 33) % limit;
}

/* Puts a byte somewhere, changes one, takes a part out, or repeats a part elsewhere; a few times. */
static void spoil(struct random *r, struct buf *text)
{
	static const char bytes[] = "\0\n\\\"'${}[]:,#*!-=/\xff\x80 0aA\t";

	for (size_t i = below(r, 4) + 1; i > 0 && text->len > 0; i--) {
		size_t at = below(r, text->len), len = below(r, text->len - at) % 24 + 1;
		struct buf now cleanup_buf = { 0 };

		buf_add(&now, text->data, at);
		switch (below(r, 4)) {
		case 0:
			buf_char(&now, bytes[below(r, sizeof(bytes) - 1)]);
			break;
		case 1:
			buf_char(&now, (char)(text->data[at] ^ (1 << below(r, 8))));
			at++;
			break;
		case 2:
			at += len < text->len - at ? len : text->len - at;
			break;
		default:
			len = len < text->len - at ? len : text->len - at;
			buf_add(&now, text->data + below(r, text->len - len + 1), len);
		}
		buf_add(&now, text->data + at, text->len - at);
		buf_reset(text);
		buf_add(text, now.data, now.len);
	}
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
	const char *value = getenv(variable);

	return value && *value ? strtoull(value, NULL, 10) : otherwise;
}

/* Calls `round` that often, or for as long as CBUILD_FUZZ_SECONDS says. */
static void fuzz(int rounds, void (*round)(struct random *r, void *data), void *data)
{
	time_t begin = time(NULL), seconds = (time_t)number_of("CBUILD_FUZZ_SECONDS", 0);
	struct random r = { number_of("CBUILD_FUZZ_SEED", seconds > 0 ? (uint64_t)begin : 1) };

	if (seconds > 0)
		fprintf(stderr, "# CBUILD_FUZZ_SEED=%llu\n", (unsigned long long)r.state);
	do {
		for (int i = 0; i < rounds; i++) {
			alarm(FUZZ_END);
			round(&r, data);
		}
	} while (time(NULL) - begin < seconds);
	alarm(0);
}

#endif
