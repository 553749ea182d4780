#include "config.h"

#include <pthread.h>

#include "engine/builder/builder.h"
#include "engine/exec/wave.h"
#include "tests/unit/world.h"

/* A builder of the test's own: in its first batch the job of the folder "a" fails and the others are dropped; later ones do
 * what they are given. */
struct builder {
	size_t batches, jobs;
	bool passing; /* the failure is one that may be gone the next time */
	bool clean;   /* no folder of a later batch had anything in it */
};

/* From now on nothing can be made in it. */
static void spoil(void)
{
	ok(fs_remove_tree("file", err));
	ok(fs_replace("file", "", 0, 0600, err));
}

void builder_build(struct builder *builder, const struct build_job *jobs, size_t len, build_done *done, void *data)
{
	bool first = builder->batches++ == 0;

	builder->jobs += len;
	for (size_t i = 0; i < len; i++) {
		cleanup_free char *file = mem_printf("%s/left", jobs[i].staging);
		struct build_result result = { 0 };

		builder->clean = builder->clean && (first || !fs_exists(file));
		if (first)
			ok(fs_replace(file, "x", 1, 0600, err));
		if (first && strcmp(jobs[i].staging, "a") == 0)
			error_make(&result.error, ERROR_BUILD, "failed");
		else if (first)
			error_make(&result.error, ERROR_CANCELLED, "dropped");
		if (result.error && strcmp(jobs[i].staging, "a") == 0)
			result.error->transient = builder->passing;
		result.dropped = first && strcmp(jobs[i].staging, "a") != 0;
		if (first && strcmp(jobs[i].staging, "file/b") == 0)
			spoil();
		if (!result.error)
			result.place = mem_strdup("store");
		done(data, i, &result);
	}
}

struct member {
	struct wave *wave;
	struct build_job job;
	struct build_result result;
	pthread_t thread;
	char *staging;
};

static void *build_member(void *arg)
{
	struct member *member = arg;

	wave_build(member->wave, &member->job, &member->result);
	wave_leave(member->wave, true);
	return NULL;
}

static void *work(void *wave)
{
	wave_work(wave);
	wave_free(wave);
	return NULL;
}

/* Jobs whose folders are `folders`, as one wave. How many have a result, and how many an error, of their own. */
static void build_all(struct builder *builder, const char *const *folders, size_t len, bool keep_going,
		      size_t *ret_built, size_t *ret_failed)
{
	struct wave *wave = wave_new(builder, len, keep_going);
	struct member *members = mem_array(len, sizeof(*members));
	pthread_t worker;

	*ret_built = *ret_failed = 0;
	for (size_t i = 0; i < len; i++) {
		members[i].wave = wave;
		members[i].staging = mem_strdup(folders[i]);
		members[i].job = (struct build_job){ .id = "build", .staging = members[i].staging };
		ok(fs_mkdirs(folders[i], 0700, err));
		wave_join(wave);
		assert_int_equal(pthread_create(&members[i].thread, NULL, build_member, &members[i]), 0);
	}
	assert_int_equal(pthread_create(&worker, NULL, work, wave), 0);
	wave_close(wave);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(pthread_join(members[i].thread, NULL), 0);
		*ret_built += members[i].result.place != NULL;
		*ret_failed += members[i].result.error && !members[i].result.dropped;
		error_free(members[i].result.error);
		free(members[i].result.place);
		free(members[i].staging);
	}
	assert_int_equal(pthread_join(worker, NULL), 0);
	free(members);
}

static const char *const three[] = { "a", "b", "c" };

static void what_another_failure_stopped_is_built_again_in_an_empty_folder(void **state UNUSED)
{
	struct builder builder = { .clean = true };
	size_t built, failed;

	build_all(&builder, three, 3, true, &built, &failed);
	assert_int_equal(builder.batches, 2);
	assert_int_equal(builder.jobs, 5);
	assert_true(builder.clean);
	assert_int_equal(built, 2);
	assert_int_equal(failed, 1);
}

static void without_keep_going_it_stays_stopped(void **state UNUSED)
{
	struct builder builder = { .clean = true };
	size_t built, failed;

	build_all(&builder, three, 3, false, &built, &failed);
	assert_int_equal(builder.batches, 1);
	assert_int_equal(built, 0);
	assert_int_equal(failed, 1);
}

static void after_a_passing_failure_the_others_are_built_all_the_same(void **state UNUSED)
{
	struct builder builder = { .clean = true, .passing = true };
	size_t built, failed;

	build_all(&builder, three, 3, false, &built, &failed);
	assert_int_equal(builder.batches, 2);
	assert_int_equal(built, 2);
	assert_int_equal(failed, 1);
}

static void a_folder_that_cannot_be_made_again_fails_its_own_job_only(void **state UNUSED)
{
	static const char *const folders[] = { "a", "file/b", "c", "d" };
	struct builder builder = { .clean = true };
	size_t built, failed;

	build_all(&builder, folders, 4, true, &built, &failed);
	assert_int_equal(builder.jobs, 6);
	assert_int_equal(built, 2);
	assert_int_equal(failed, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_another_failure_stopped_is_built_again_in_an_empty_folder),
		TEST(without_keep_going_it_stays_stopped),
		TEST(after_a_passing_failure_the_others_are_built_all_the_same),
		TEST(a_folder_that_cannot_be_made_again_fails_its_own_job_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
