#include "config.h"

#include "engine/runtime/ctr.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/io/proc.h"
#include "engine/runtime/runtime_ops.h"

#define CLEAN_MS (20u * 1000) /* to remove one thing, even when we are told to stop */

void ctr_begin(const struct runtime *runtime, const char *space, struct argv *argv)
{
	argv_add(argv, runtime->program);
	argv_addf(argv, "--address=%s", runtime->socket);
	argv_addf(argv, "--namespace=%s", space);
}

int ctr_do(struct runtime *runtime, const char *space, const char *const *args, enum ctr_kind kind,
	   const struct output *output, struct buf *ret_out, struct error **err)
{
	cleanup_argv struct argv argv = { 0 };
	cleanup_proc struct proc_result result = { 0 };
	cleanup_buf struct buf complaint = { 0 };
	struct proc_spec spec = { .capture = true, .output = output, .cleanup = kind == CTR_CLEANS };
	struct error *error = NULL;

	ctr_begin(runtime, space, &argv);
	for (size_t i = 0; args[i]; i++)
		argv_add(&argv, args[i]);
	spec.argv = (const char *const *)argv.items;
	spec.timeout_ms = kind == CTR_CLEANS ? CLEAN_MS : kind == CTR_MOVES ? 0 : CTR_ASK_MS;
	if (proc_run(runtime->loop, &spec, &result, &error) < 0)
		return runtime_failed(&error, err);
	if (result.status != 0) {
		runtime_complaint(&complaint, result.tail);
		return error_make(err, ERROR_TOOL, "ctr %s %s failed with status %d: %s", args[0], args[1],
				  result.status, complaint.data ? complaint.data : "it gave no reason");
	}
	if (ret_out)
		buf_add(ret_out, result.out->data, result.out->len);
	return 0;
}
