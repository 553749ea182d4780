#ifndef TESTS_UNIT_STATE_WORLD_H
#define TESTS_UNIT_STATE_WORLD_H

/* A folder a test, with a state.db in it. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/state/state.h"

#define UNUSED __attribute__((unused))
#define KEY "00112233445566778899aabbccddeeff"
#define OTHER_KEY "ffeeddccbbaa99887766554433221100"

/* In memory where that can be: thousands of transactions wait for a disk for half a minute. */
static int enter(void **state)
{
	char *dir = mem_strdup("/dev/shm/test-state-XXXXXX");

	if (!mkdtemp(dir)) {
		free(dir);
		dir = mem_strdup("/tmp/test-state-XXXXXX");
		if (!mkdtemp(dir))
			return -1;
	}
	if (chdir(dir) < 0)
		return -1;
	*state = dir;
	return 0;
}

static int leave(void **state)
{
	char *dir = *state;
	int result = chdir("/") < 0 ? -1 : fs_remove_tree(dir, NULL);

	free(dir);
	return result;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

#define ok(call)                                                                                  \
	do {                                                                                      \
		cleanup_error struct error *ok_error_ = NULL;                                     \
		struct error **err = &ok_error_;                                                  \
		if ((call) < 0)                                                                   \
			fail_msg("%s: %s", #call, ok_error_ ? ok_error_->message : "no message"); \
	} while (0)

/* The call fails with an ERROR_STATE whose message has `text` in it. */
#define refused(call, text)                                                 \
	do {                                                                \
		cleanup_error struct error *refused_error_ = NULL;          \
		struct error **err = &refused_error_;                       \
		if ((call) >= 0)                                            \
			fail_msg("%s: went well", #call);                   \
		assert_non_null(refused_error_);                            \
		assert_int_equal(refused_error_->cls, ERROR_STATE);         \
		if (!strstr(refused_error_->message, text))                 \
			fail_msg("%s: %s", #call, refused_error_->message); \
	} while (0)

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
