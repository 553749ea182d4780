#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "dsl/decode.h"
#include "dsl/manifest.h"
#include "dsl/node.h"
#include "dsl/schema.h"

/* compose's healthcheck.test (compose-spec, 05-services): a command line for the shell, or a list whose first word
 * gives the form. */

static void check_form(struct decode *d, const struct yaml_node *node, const struct texts *test)
{
	const char *form = test->items[0].s;
	bool shell = !strcmp(form, "CMD-SHELL"), none = !strcmp(form, "NONE");

	if (!shell && !none && strcmp(form, "CMD") != 0)
		diags_add(d->diags, test->items[0].pos, "write [CMD, word, ...] or [CMD-SHELL, \"a line\"]",
			  "a test begins with CMD, CMD-SHELL or NONE, not with \"%s\"", form);
	else if (none ? test->len != 1 : shell ? test->len != 2 : test->len < 2)
		diags_add(d->diags, node->pos, NULL, "\"%s\" is followed by %s", form,
			  none    ? "nothing"
			  : shell ? "one line"
				  : "the command's words");
}

void decode_test(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out)
{
	struct texts *test = out;
	size_t count = node->kind == NODE_LIST ? node->len : 2;

	if (node->kind != NODE_SCALAR && (node->kind != NODE_LIST || !node->len)) {
		decode_wrong_type(d, key, node);
		return;
	}
	test->items = arena_array(d->arena, count, sizeof(*test->items));
	if (node->kind == NODE_SCALAR) {
		test->items[0] = (struct text){ "CMD-SHELL", node->pos };
		test->len = decode_text(d, key, node, &test->items[1]) ? 2 : 0;
		return;
	}
	for (size_t i = 0; i < node->len; i++) {
		if (!decode_text(d, key, node->items[i], &test->items[test->len]))
			return;
		test->len++;
	}
	check_form(d, node, test);
}
