#ifndef TESTS_UNIT_STATE_WORLD_H
#define TESTS_UNIT_STATE_WORLD_H

/* A folder a test, with a state.db in it. */

/* In memory where that can be: thousands of transactions wait for a disk for half a minute. */
#define WORLD_PLACE "/dev/shm"
#include "tests/unit/world.h"

#include <stdio.h>

#include "base/buf.h"
#include "engine/state/state.h"

#define KEY "00112233445566778899aabbccddeeff"
#define OTHER_KEY "ffeeddccbbaa99887766554433221100"

UNUSED static struct state *open_state(void)
{
	struct state *db = NULL;

	ok(state_open("state.db", false, &db, err));
	return db;
}

UNUSED static void put(struct state *db, const char *node, const char *key, const char *identity, int64_t when_ms)
{
	cleanup_free char *name = mem_strdup(node);
	cleanup_free char *result = mem_strdup(identity);
	cleanup_free char *inputs = mem_printf("inputs of %s", identity);
	struct record record = { .node = name, .identity = result, .when_ms = when_ms };

	snprintf(record.key, sizeof(record.key), "%s", key);
	ok(state_put(db, &record, inputs, strlen(inputs), err));
}

#endif
