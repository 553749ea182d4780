#include "config.h"

/* Prints the targets of bake files with everything worked out, as `docker buildx bake --print` does: the test that compares
 * both calls it. bake_print FILE... [-- --set's values...] */

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "dsl/bake.h"
#include "dsl/bake_parts.h"
#include "dsl/load.h"

extern char **environ;

static void put_target(struct buf *out, const struct bake_target *target)
{
	bool first = true;

	buf_char(out, '{');
	for (size_t key = 0; key < BAKE_KEYS; key++) {
		if (!target->values[key] || key == BAKE_INHERITS)
			continue;
		buf_printf(out, "%s\"%s\":", first ? "" : ",", bake_keys[key].name);
		hcl_json(out, target->values[key]);
		first = false;
	}
	buf_char(out, '}');
}

static void put_all(struct buf *out, struct bake *bake)
{
	buf_str(out, "{\"target\":{");
	for (size_t i = 0; i < map_len(bake->blocks); i++) {
		const struct bake_target *target = bake_target_find(bake, map_key(bake->blocks, i));

		buf_printf(out, "%s\"%s\":", i ? "," : "", map_key(bake->blocks, i));
		if (target)
			put_target(out, target);
		else
			buf_str(out, "null");
	}
	buf_str(out, "}}\n");
}

int main(int argc, char **argv)
{
	struct load_options options = { .environ = (const char *const *)environ };
	struct buf out cleanup_buf = { 0 }, complaints cleanup_buf = { 0 };
	struct arena *arena = arena_new();
	struct diags *diags = diags_new();
	struct bake *bake = bake_new(arena, diags, &options);
	bool good;

	for (int i = 1; i < argc; i++) {
		struct buf text cleanup_buf = { 0 };

		if (strcmp(argv[i], "--") == 0) {
			options.sets = (const char *const *)argv + i + 1;
			break;
		}
		buf_str(&text, "");
		if (fs_read(argv[i], 1 << 24, &text, NULL) == 0)
			bake_add(bake, diags_source(diags, argv[i], text.data, text.len), argv[i]);
	}
	good = bake_tree(bake, NULL) != NULL && diags_count(diags) == 0;
	if (good)
		put_all(&out, bake);
	diags_render(diags, &complaints, false);
	fputs(complaints.data ? complaints.data : "", stderr);
	fputs(out.data ? out.data : "", stdout);
	bake_free(bake);
	diags_free(diags);
	arena_free(arena);
	return good ? 0 : 1;
}
