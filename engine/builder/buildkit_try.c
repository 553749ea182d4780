#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/builder/buildkit.h"
#include "engine/builder/rewrite.h"
#include "engine/io/proc.h"

/* Whether a form of layers can be had is not told by versions alone: it is tried. */

#define TRY_TIMEOUT_MS 60000 /* for an image of one file */

static char *last_line(const char *text)
{
	cleanup_buf struct buf safe = { 0 };
	size_t len = strlen(text);
	const char *start;

	while (len > 0 && text[len - 1] == '\n')
		len--;
	start = memrchr(text, '\n', len);
	start = start ? start + 1 : text;
	text_safe(&safe, start, (size_t)(text + len - start));
	return mem_strdup(safe.len ? safe.data : "it did not say why");
}

static int try_form(const struct buildkit *kit, const struct build_job *job, char **ret_why, struct error **err)
{
	cleanup_free char *file = path_join(job->context, "file"), *tar = path_join(job->staging, "image.tar");
	cleanup_rewrite_files struct rewrite_files files = { 0 };
	const struct buildkit_target target = { .job = job, .files = &files, .context = job->context, .output = tar };
	cleanup_proc struct proc_result result = { 0 };
	cleanup_argv struct argv argv = { 0 }, env = { 0 };
	struct proc_spec spec = { .timeout_ms = TRY_TIMEOUT_MS };

	if (fs_mkdirs(job->context, 0700, err) < 0 || fs_replace(file, "x\n", 2, 0644, err) < 0 ||
	    rewrite_files(job, NULL, NULL, &files, err) < 0 || kit->command(kit->self, &target, 1, &argv, &env, err) < 0)
		return -1;
	spec.argv = (const char *const *)argv.items;
	spec.env = (const char *const *)env.items;
	if (proc_run(kit->loop, &spec, &result, err) < 0)
		return -1;
	*ret_why = result.status == 0 && fs_exists(tar) ? NULL : last_line(result.tail);
	return 0;
}

char *buildkit_packs(const struct buildkit *kit, const char *compression)
{
	static const char text[] = "FROM scratch\nCOPY file /\n";
	const char *place = getenv("TMPDIR");
	cleanup_free char *dir = mem_printf("%s/cbuild-try-XXXXXX", place && *place ? place : "/tmp"), *context = NULL;
	cleanup_error struct error *error = NULL;
	struct build_job job = {
		.id = "a try",
		.dockerfile = "Dockerfile",
		.text = text,
		.text_len = sizeof(text) - 1,
		.platform = *kit->native,
		.compression = compression,
	};
	char *why = NULL;
	int r;

	if (!mkdtemp(dir))
		return mem_printf("no folder can be made in %s", place && *place ? place : "/tmp");
	context = path_join(dir, "context");
	job.context = context;
	job.staging = dir;
	r = try_form(kit, &job, &why, &error);
	fs_remove_tree(dir, NULL);
	return r < 0 ? mem_strdup(error->message) : why;
}
