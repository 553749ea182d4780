#include "config.h"

#include "tests/unit/builder_world.h"

static struct build_image mention(const char *text, const char *name, size_t nth)
{
	const char *at = strstr(text, name);

	while (nth-- > 0)
		at = strstr(at + 1, name);
	return (struct build_image){ .name = name, .offset = (size_t)(at - text), .length = strlen(name) };
}

/* The same name for two platforms, in an order of its own: each mention gets its own. */
static struct build_job job_of(const char *text)
{
	return (struct build_job){
		.dockerfile = "/p/x/Dockerfile.dev",
		.text = text,
		.text_len = strlen(text),
		.staging = "staging",
	};
}

static void test_each_mention(void **state)
{
	static const char text[] =
		"FROM --platform=$BUILDPLATFORM base AS build\nRUN x\nFROM base\nCOPY --from=${TOOLS} /a /b\n";
	const struct build_image images[] = { mention(text, "${TOOLS}", 0), mention(text, "base", 1),
					      mention(text, "base", 0) };
	const char *const names[] = { "333", "222", "111" };
	struct build_job job = job_of(text);
	cleanup_buf struct buf out = { 0 };

	(void)state;
	job.images = images;
	job.images_len = 3;
	ok(rewrite_text(&job, names, NULL, &out, err));
	assert_string_equal(out.data,
			    "FROM --platform=$BUILDPLATFORM 111 AS build\nRUN x\nFROM 222\nCOPY --from=333 /a /b\n");
}

static size_t end_of(const char *text, const char *word)
{
	return (size_t)(strstr(text, word) - text) + strlen(word);
}

/* Steps that mount files get a flag more, whatever else is written into them. */
static void test_mounts(void **state)
{
	static const char text[] =
		"FROM scratch\nRUN --mount=target=/b,from=base x\nRUN \\\n  --mount=target=\"/m\"\\\n y\n";
	const struct build_image images[] = { mention(text, "base", 0) };
	const char *const names[] = { "111" };
	const size_t mounts[] = { end_of(text, "from=base"), end_of(text, "\"/m") };
	struct build_job job = job_of(text);
	cleanup_buf struct buf out = { 0 };

	(void)state;
	job.images = images;
	job.images_len = 1;
	job.mounts = mounts;
	job.mounts_len = 2;
	ok(rewrite_text(&job, names, " --flag=x", &out, err));
	assert_string_equal(
		out.data,
		"FROM scratch\nRUN --mount=target=/b,from=111 --flag=x x\nRUN \\\n  --mount=target=\"/m\" --flag=x\\\n y\n");
	buf_reset(&out);
	ok(rewrite_text(&job, names, NULL, &out, err));
	assert_string_equal(out.data,
			    "FROM scratch\nRUN --mount=target=/b,from=111 x\nRUN \\\n  --mount=target=\"/m\"\\\n y\n");
}

/* What was fetched for an ADD is copied from a folder. */
static void test_urls(void **state)
{
	static const char text[] = "FROM scratch\nadd --chown=1 https://h/x\\\n /d/\nADD https://h/y /\n";
	const struct build_url urls[] = {
		{ .url = "https://h/y" },
		{ .url = "https://h/x",
		  .folder = "/f",
		  .file = "x",
		  .copy = "COPY --from=c",
		  .add = end_of(text, "scratch\n"),
		  .add_len = 3,
		  .offset = end_of(text, "--chown=1 "),
		  .length = strlen("https://h/x") },
	};
	struct build_job job = job_of(text);
	cleanup_buf struct buf out = { 0 };

	(void)state;
	job.urls = urls;
	job.urls_len = 2;
	ok(rewrite_text(&job, NULL, NULL, &out, err));
	assert_string_equal(out.data, "FROM scratch\nCOPY --from=c --chown=1 x\\\n /d/\nADD https://h/y /\n");
}

static void test_nothing_to_do(void **state)
{
	struct build_job job = job_of("FROM scratch\n");
	cleanup_buf struct buf out = { 0 };

	(void)state;
	ok(rewrite_text(&job, NULL, "--flag", &out, err));
	assert_string_equal(out.data, "FROM scratch\n");
}

static void test_outside(void **state)
{
	static const struct build_image cases[][2] = {
		{ { .offset = 5, .length = 4 }, { .offset = 8, .length = 1 } }, /* overlap */
		{ { .offset = 5, .length = 4 }, { .offset = 10, .length = 1 } },
		{ { .offset = 5, .length = 5 }, { .offset = 0, .length = 1 } },
		{ { .offset = 5, .length = SIZE_MAX }, { .offset = 0, .length = 1 } },
	};
	const char *const names[] = { "a", "b" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_buf struct buf out = { 0 };
		cleanup_error struct error *error = NULL;
		struct build_job job = job_of("FROM base");

		job.images = cases[i];
		job.images_len = 2;
		assert_int_equal(rewrite_text(&job, names, NULL, &out, &error), -1);
		assert_int_equal(error->cls, ERROR_INTERNAL);
	}
}

static void test_files(void **state)
{
	static const char text[] = "FROM base\n";
	const struct build_image images[] = { mention(text, "base", 0) };
	const char *const names[] = { "111" };
	cleanup_rewrite_files struct rewrite_files files = { 0 };
	cleanup_free char *dockerfile = NULL, *ignore = NULL;
	struct build_job job = job_of(text);

	(void)state;
	job.images = images;
	job.images_len = 1;
	job.ignore_file = "ignore";
	write_text("ignore", "*.o\n");
	ok(rewrite_files(&job, names, NULL, &files, err));
	assert_string_equal(path_base(files.dockerfile), "Dockerfile.dev");
	assert_string_equal(path_base(files.ignore), "Dockerfile.dev.dockerignore");
	dockerfile = read_all_text(files.dockerfile);
	ignore = read_all_text(files.ignore);
	assert_string_equal(dockerfile, "FROM 111\n");
	assert_string_equal(ignore, "*.o\n");
}

/* BuildKit takes a file of the same size and time for the one it has: the time is as different as the content. */
static void test_times(void **state)
{
	static const char *const texts[] = { "FROM a\n", "FROM b\n", "FROM a\n" };
	struct stat st[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		cleanup_rewrite_files struct rewrite_files files = { 0 };
		struct build_job job = job_of(texts[i]);

		job.staging = i == 0 ? "s0" : i == 1 ? "s1" : "s2";
		ok(rewrite_files(&job, NULL, NULL, &files, err));
		assert_int_equal(stat(files.dockerfile, &st[i]), 0);
	}
	assert_memory_equal(&st[0].st_mtim, &st[2].st_mtim, sizeof(struct timespec));
	assert_true(st[0].st_mtim.tv_sec != st[1].st_mtim.tv_sec);
	assert_true(st[0].st_mtim.tv_nsec != st[1].st_mtim.tv_nsec);
}

/* Without an ignore file there is an empty one: a builder must not find one that did not count. */
static void test_no_ignore_file(void **state)
{
	cleanup_rewrite_files struct rewrite_files files = { 0 };
	struct build_job job = job_of("FROM scratch\n");
	cleanup_free char *ignore = NULL;

	(void)state;
	ok(rewrite_files(&job, NULL, NULL, &files, err));
	ignore = read_all_text(files.ignore);
	assert_string_equal(ignore, "");
}

static void test_file_errors(void **state)
{
	cleanup_rewrite_files struct rewrite_files files = { 0 };
	struct build_job job = job_of("FROM scratch\n");

	(void)state;
	job.ignore_file = "nonsuch";
	refused(rewrite_files(&job, NULL, NULL, &files, err), "nonsuch");
	job.staging = "/proc/nonsuch";
	refused(rewrite_files(&job, NULL, NULL, &files, err), "/proc/nonsuch");
	assert_null(files.dockerfile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_mention),  TEST(test_mounts),         TEST(test_urls),
		TEST(test_nothing_to_do), TEST(test_outside),        TEST(test_files),
		TEST(test_times),         TEST(test_no_ignore_file), TEST(test_file_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
