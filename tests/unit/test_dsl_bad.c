#include "config.h"

#include <dirent.h>

#include "tests/unit/dsl_world.h"

/* Every tests/manifests/bad/NN-name.yaml is refused with the complaints in NN-name.expected; every
 * tests/manifests/good/ one is accepted. CBUILD_UPDATE=1 writes the expected files anew. */

static int is_manifest(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && !strcmp(dot, ".yaml");
}

/* Goes to the folder and lists its manifests. */
static int enter(const char *folder, struct dirent ***ret)
{
	const char *srcdir = getenv("CBUILD_SRCDIR");
	cleanup_free char *path = mem_printf("%s/tests/manifests/%s", srcdir ? srcdir : ".", folder);
	int count;

	if (chdir(path) != 0)
		fail_msg("cannot enter %s", path);
	count = scandir(".", ret, is_manifest, alphasort);
	assert_true(count >= 0);
	return count;
}

static void complaints_of(const char *name, struct buf *out)
{
	static const char *const nothing[] = { NULL };
	struct load_options options = { .path = name, .environ = nothing };
	struct diags *diags = diags_new();
	struct manifest *manifest = NULL;
	struct error *error = NULL;

	buf_str(out, "");
	if (manifest_load(&options, diags, &manifest, &error) == 0)
		buf_str(out, "accepted\n");
	if (error)
		buf_printf(out, "error: %s\n", error->message);
	diags_render(diags, out, false);
	manifest_free(manifest);
	diags_free(diags);
	error_free(error);
}

static void update(const char *name, const struct buf *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	fwrite(text->data, 1, text->len, file);
	fclose(file);
}

static bool compare(const char *name)
{
	cleanup_free char *expected_name = mem_printf("%.*s.expected", (int)(strlen(name) - strlen(".yaml")), name);
	struct buf expected cleanup_buf = { 0 };
	struct buf got cleanup_buf = { 0 };
	struct error *error cleanup_error = NULL;

	complaints_of(name, &got);
	if (getenv("CBUILD_UPDATE"))
		update(expected_name, &got);
	if (fs_read(expected_name, 1024 * 1024, &expected, &error) < 0) {
		print_error("%s\n", error->message);
		return false;
	}
	if (expected.len == got.len && !memcmp(expected.data, got.data, got.len))
		return true;
	print_error("--- %s, expected:\n%s--- got:\n%s", name, expected.data, got.data);
	return false;
}

static void test_bad(void **state)
{
	struct dirent **entries;
	int count, wrong = 0;

	(void)state;
	count = enter("bad", &entries);
	assert_true(count >= 40);
	for (int i = 0; i < count; i++) {
		wrong += !compare(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	assert_int_equal(wrong, 0);
}

static void test_good(void **state)
{
	struct dirent **entries;
	int count, wrong = 0;

	(void)state;
	count = enter("good", &entries);
	assert_true(count > 0);
	for (int i = 0; i < count; i++) {
		struct buf got cleanup_buf = { 0 };

		complaints_of(entries[i]->d_name, &got);
		if (strcmp(got.data, "accepted\n") != 0) {
			print_error("%s:\n%s", entries[i]->d_name, got.data);
			wrong++;
		}
		free(entries[i]);
	}
	free(entries);
	assert_int_equal(wrong, 0);
}

/* Each test looks at the manifests from their own folder, as a user would. */
static int go_back(void **state)
{
	return chdir(*state);
}

int main(void)
{
	cleanup_free char *start = getcwd(NULL, 0);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate_setup_teardown(test_bad, NULL, go_back, start),
		cmocka_unit_test_prestate_setup_teardown(test_good, NULL, go_back, start),
	};

	return start ? cmocka_run_group_tests_name("manifests", tests, NULL, NULL) : 1;
}
