#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/late.h"
#include "dsl/manifest.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/oci/layout.h"
#include "engine/stack/findings.h"
#include "engine/verify/checks.h"

#define CHECKER_MS (15u * 60 * 1000) /* scanners fetch their databases */
#define CHECKER_SHOWN_MAX 8192       /* bytes of its last lines */

static bool needs_layout(const struct verify_spec *spec)
{
	for (size_t i = 0; i < spec->run_len; i++) {
		for (size_t j = 0; j < spec->run[i].len; j++) {
			if (late_mentions(spec->run[i].items[j].s, "image.oci"))
				return true;
		}
	}
	return false;
}

/* The command as shown, its words quoted for a shell. */
static void checker_show(struct buf *out, const struct argv *argv)
{
	for (size_t i = 0; i < argv->len; i++) {
		buf_str(out, i > 0 ? " " : "");
		text_shell(out, argv->items[i]);
	}
}

static void run_one(const struct verify_job *job, const struct texts *words, const struct late_values *values,
		    struct findings *findings)
{
	struct arena *arena = arena_new();
	cleanup_argv struct argv argv = { 0 };
	cleanup_buf struct buf shown = { 0 }, quoted = { 0 };
	cleanup_proc struct proc_result result = { 0 };
	struct proc_spec spec = { .cwd = job->dir, .output = job->output, .timeout_ms = CHECKER_MS };
	struct error *error = NULL;
	uint64_t start = loop_now_ms();

	for (size_t i = 0; i < words->len; i++)
		argv_add(&argv, values_fill(arena, words->items[i].s, values));
	arena_free(arena);
	checker_show(&shown, &argv);
	spec.argv = (const char *const *)argv.items;
	if (proc_run(job->loop, &spec, &result, &error) < 0) {
		findings_error(findings, "run", &error);
	} else if (result.status != 0) {
		findings_quote(&quoted, result.tail, strlen(result.tail), CHECKER_SHOWN_MAX);
		findings_fail(findings, ERROR_BUILD, "run: %s ended with status %d%s%s", shown.data, result.status,
			      quoted.len > 0 ? ":\n" : "", quoted.len > 0 ? quoted.data : "");
	} else {
		findings_pass(findings, "run %s in %llu ms", argv.items[0], (unsigned long long)(loop_now_ms() - start));
	}
}

void checker_check(const struct verify_job *job, struct findings *findings)
{
	const struct verify_spec *verify = &job->service->verify;
	struct late_values values = verify_values(job);
	cleanup_free char *oci = NULL;
	struct error *error = NULL;

	if (needs_layout(verify)) {
		oci = path_join(job->staging, "image");
		if (layout_export(job->layout, job->index, job->reference, oci, &error) < 0) {
			findings_error(findings, "run", &error);
			return;
		}
		values.oci = oci;
	}
	for (size_t i = 0; i < verify->run_len && !findings->cancelled; i++) {
		if (verify->run[i].len > 0)
			run_one(job, &verify->run[i], &values, findings);
	}
}
