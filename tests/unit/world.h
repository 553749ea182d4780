#ifndef TESTS_UNIT_WORLD_H
#define TESTS_UNIT_WORLD_H

/* A folder a test, and what tests say most: this goes well, that is refused. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"

#define UNUSED __attribute__((unused))

/* Where the folder is. Programs can be run in it, which not every machine allows in memory. */
#ifndef WORLD_PLACE
#define WORLD_PLACE "/tmp"
#endif

static int enter(void **state)
{
	char *dir = mem_strdup(WORLD_PLACE "/test-cbuild-XXXXXX");

	if (!mkdtemp(dir)) {
		free(dir);
		dir = mem_strdup("/tmp/test-cbuild-XXXXXX");
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

#endif
