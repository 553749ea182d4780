#include "config.h"

#include <string.h>

#include "base/error.h"
#include "engine/exec/roots.h"
#include "engine/exec/tidy.h"
#include "engine/oci/blob_files.h"
#include "engine/oci/layout.h"
#include "engine/oci/reach.h"

struct check {
	struct layout *layout;
	tidy_trouble *trouble;
	void *data;
	size_t blobs;
	uint64_t bytes;
};

static int check_file(struct check *check, const struct blob_file *file, struct error **err)
{
	bool good;

	if (!file->digest[0]) {
		check->trouble(check->data, file->name, "not a blob; removed");
		return blob_files_remove(check->layout, file, err);
	}
	if (blob_files_check(check->layout, file, &good, err) < 0)
		return -1;
	check->blobs++;
	check->bytes += file->size;
	if (good)
		return 0;
	check->trouble(check->data, file->digest, "its content does not match its digest; removed");
	return blob_files_remove(check->layout, file, err);
}

static int check_files(struct check *check, struct error **err)
{
	struct blob_file *files;
	size_t len;
	int r = 0;

	if (blob_files_list(check->layout, &files, &len, err) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < len; i++)
		r = check_file(check, &files[i], err);
	blob_files_free(files, len);
	return r;
}

/* The contents were already checked. */
static void check_roots(struct check *check, const struct roots *roots)
{
	for (size_t i = 0; i < roots->len; i++) {
		struct reach reach = { 0 };
		struct error *error = NULL;

		if (reach_collect(check->layout, roots->items[i].digest, REACH_QUICK, &reach, &error) < 0)
			check->trouble(check->data, roots->items[i].name, error->message);
		error_free(error);
		reach_free(&reach);
	}
}

int tidy_check(struct layout *layout, struct state *state, tidy_trouble *trouble, void *data, size_t *ret_blobs,
	       uint64_t *ret_bytes, struct error **err)
{
	struct check check = { .layout = layout, .trouble = trouble, .data = data };
	struct roots roots = { 0 };
	int r = check_files(&check, err);

	if (r == 0)
		r = roots_collect(layout, state, &roots, err);
	if (r == 0)
		check_roots(&check, &roots);
	roots_free(&roots);
	*ret_blobs = check.blobs;
	*ret_bytes = check.bytes;
	return r;
}
