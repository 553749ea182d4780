#ifndef TEST_DSL_WORLD_H
#define TEST_DSL_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "dsl/load.h"
#include "dsl/manifest.h"

/* A manifest loaded from a text in a folder of its own, which is removed with it. */
struct loaded_text {
	char dir[64];
	struct diags *diags;
	struct manifest *manifest; /* NULL: refused */
	struct error *error;
	struct buf complaints;
	double ms; /* of the processor, that the load took: it does not matter what else runs */
};

struct text_options {
	const char *const *environ;
	const char *const *sets;
	const char *const *platforms;
	const char *const *tags;
	const char *const *profiles;
	const char *project;
	const char *overlay;      /* name of one of `files` that is merged over the text, or NULL */
	const char *dotenv;       /* text of .env, or NULL */
	const char *const *files; /* further ones: name, text, ..., NULL; or NULL */
	load_lookup *lookup;
	void *lookup_data;
};

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static inline double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static inline void write_file(const char *dir, const char *name, const char *text, size_t len)
{
	cleanup_free char *path = path_join(dir, name);
	cleanup_free char *folder = path_dir(path);
	FILE *file;

	assert_int_equal(fs_mkdirs(folder, 0755, NULL), 0);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static inline void test_load(struct loaded_text *t, const char *text, size_t len, const struct text_options *options)
{
	static const char *const nothing[] = { NULL };
	struct load_options load = { .environ = nothing };
	cleanup_free char *path = NULL, *overlay = NULL;
	const char *overlays[2] = { NULL, NULL };
	double start;
	int result;

	*t = (struct loaded_text){ .diags = diags_new() };
	snprintf(t->dir, sizeof(t->dir), "/tmp/test-dsl-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	write_file(t->dir, "services.yaml", text, len);
	if (options) {
		load.environ = options->environ ? options->environ : nothing;
		load.sets = options->sets;
		load.platforms = options->platforms;
		load.tags = options->tags;
		load.profiles = options->profiles;
		load.project = options->project;
		load.lookup = options->lookup;
		load.lookup_data = options->lookup_data;
		if (options->dotenv)
			write_file(t->dir, ".env", options->dotenv, strlen(options->dotenv));
		for (size_t i = 0; options->files && options->files[i]; i += 2)
			write_file(t->dir, options->files[i], options->files[i + 1], strlen(options->files[i + 1]));
	}
	if (options && options->overlay) {
		overlay = path_join(t->dir, options->overlay);
		overlays[0] = overlay;
		load.overlays = overlays;
	}
	path = path_join(t->dir, "services.yaml");
	load.path = path;
	load.given = true;
	start = now_ms();
	result = manifest_load(&load, t->diags, &t->manifest, &t->error);
	t->ms = now_ms() - start;
	buf_str(&t->complaints, "");
	diags_render(t->diags, &t->complaints, false);
	if (result < 0)
		assert_null(t->manifest);
	else
		assert_non_null(t->manifest);
}

static inline void test_unload(struct loaded_text *t)
{
	manifest_free(t->manifest);
	diags_free(t->diags);
	error_free(t->error);
	buf_free(&t->complaints);
	fs_remove_tree(t->dir, NULL);
}

/* Loads what must be good, and fails with the complaints otherwise. */
static inline void test_load_good(struct loaded_text *t, const char *text, const struct text_options *options)
{
	test_load(t, text, strlen(text), options);
	if (!t->manifest)
		fail_msg("refused:\n%s%s", t->complaints.data, t->error ? t->error->message : "");
}

/* Loads what must be refused with complaints that contain `part`. */
static inline void test_load_bad(const char *text, const struct text_options *options, const char *part)
{
	struct loaded_text t;

	test_load(&t, text, strlen(text), options);
	if (t.manifest)
		fail_msg("accepted:\n%s", text);
	if (!strstr(t.complaints.data, part))
		fail_msg("no \"%s\" in:\n%s", part, t.complaints.data);
	test_unload(&t);
}

static inline const char *test_pair(const struct pairs *pairs, const char *key)
{
	for (size_t i = 0; i < pairs->len; i++)
		if (!strcmp(pairs->items[i].key.s, key))
			return pairs->items[i].value.s;
	return NULL;
}

static inline void assert_texts(const struct texts *texts, const char *const *expected)
{
	size_t i = 0;

	for (; expected[i]; i++) {
		assert_true(i < texts->len);
		assert_string_equal(texts->items[i].s, expected[i]);
	}
	assert_int_equal(texts->len, i);
}

#endif
