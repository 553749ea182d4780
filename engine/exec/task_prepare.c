#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/buf.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/exec/task.h"
#include "engine/source/context.h"

/* The variables that every step sees. Besides these it sees only those it names: variables that do not count must
 * not affect its outputs. */
static const char *const always[] = { "PATH", "HOME", "TMPDIR", "USER", "LOGNAME" };

static void make_environment(const struct task *task, struct argv *env)
{
	const struct manifest *manifest = plan_manifest(task->env->plan);

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		const char *value = getenv(always[i]);

		if (value)
			argv_addf(env, "%s=%s", always[i], value);
	}
	argv_add(env, "LC_ALL=C.UTF-8");
	if (manifest->has_epoch)
		argv_addf(env, "SOURCE_DATE_EPOCH=%lld", (long long)manifest->epoch);
	for (size_t i = 0; task->node->prepare->env[i]; i++)
		argv_add(env, task->node->prepare->env[i]);
}

static int take_outputs(struct task *task, struct error **err)
{
	const struct plan_prepare *prepare = task->node->prepare;
	cleanup_json struct json *detail = json_new_object();
	cleanup_hasher struct hasher *hasher = hasher_new();
	cleanup_buf struct buf text = { 0 };
	struct json *outputs = json_new_object();
	char identity[HASH_HEX + 1];

	json_set(detail, "outputs", outputs);
	for (size_t i = 0; i < prepare->outputs_len; i++) {
		cleanup_free char *path = path_join(plan_manifest(task->env->plan)->dir, prepare->outputs[i]);
		char digest[PLAN_OUTPUT + 1];
		bool found;

		if (plan_output_digest(task->env->source, path, digest, &found, err) < 0)
			return -1;
		if (!found)
			return error_make(err, ERROR_BUILD, "`prepare` succeeded, but did not make its output %s",
					  prepare->outputs[i]);
		json_set_str(outputs, prepare->outputs[i], digest);
		hasher_text(hasher, "output", prepare->outputs[i]);
		hasher_text(hasher, "digest", digest);
	}
	hash_hex(hasher_done(hasher), identity);
	json_dump(detail, JSON_CANONICAL, &text);
	task->identity = mem_strdup(identity);
	task->detail = buf_steal(&text);
	return 0;
}

static int task_prepare_make_folders(const struct task *task, struct error **err)
{
	const struct plan_prepare *prepare = task->node->prepare;

	for (size_t i = 0; i < prepare->outputs_len; i++) {
		cleanup_free char *path = path_join(plan_manifest(task->env->plan)->dir, prepare->outputs[i]);
		cleanup_free char *dir = path_dir(path);

		if (fs_mkdirs(dir, 0755, err) < 0)
			return -1;
	}
	return 0;
}

int task_prepare(struct task *task, struct error **err)
{
	const struct plan_prepare *prepare = task->node->prepare;
	cleanup_argv struct argv env = { 0 };
	cleanup_proc struct proc_result result = { 0 };
	cleanup_free char *changed = NULL;
	const struct proc_spec spec = {
		.argv = prepare->argv,
		.cwd = plan_manifest(task->env->plan)->services[task->node->service].prepare.dir,
		.output = &task->output,
	};
	struct proc_spec with_env = spec;

	make_environment(task, &env);
	with_env.env = (const char *const *)env.items;
	if (task_prepare_make_folders(task, err) < 0 ||
	    proc_check(task->env->loop, &with_env, ERROR_BUILD, &result, err) < 0)
		return -1;
	changed = source_changed(task->env->source, prepare->selection);
	if (changed)
		task->doubt = mem_printf("%s changed while it was used", changed);
	task->place = mem_strdup("files");
	return take_outputs(task, err);
}
