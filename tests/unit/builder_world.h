#ifndef TESTS_UNIT_BUILDER_WORLD_H
#define TESTS_UNIT_BUILDER_WORLD_H

#include "engine/builder/builder.h"
#include "engine/builder/rewrite.h"
#include "engine/io/proc.h"
#include "tests/unit/oci_world.h"

#define ONE "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define TWO "sha256:2222222222222222222222222222222222222222222222222222222222222222"

/* The words of an argv, one a line. */
UNUSED static char *lines_of(const struct argv *argv)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < argv->len; i++)
		buf_printf(&text, "%s\n", argv->items[i]);
	return buf_steal(&text);
}

UNUSED static void assert_lines(const struct argv *argv, const char *wanted)
{
	cleanup_free char *lines = lines_of(argv);

	assert_string_equal(lines, wanted);
}

#endif
