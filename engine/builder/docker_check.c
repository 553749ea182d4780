#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/builder/args.h"
#include "engine/builder/docker.h"
#include "engine/builder/failure.h"
#include "engine/io/proc.h"

#define CHECK_TIMEOUT_MS 60000

static unsigned line_of(const struct json *finding, const char *end)
{
	const struct json *range = json_at(json_get(json_get(finding, "location"), "ranges"), 0);
	int64_t line = json_int(json_get(range, end), "line");

	return line > 0 && line <= UINT32_MAX ? (unsigned)line : 0;
}

static void tell(const struct json *json, const char *text, builder_found *found, void *data)
{
	const struct builder_finding finding = {
		.rule = json_str(json, "ruleName"),
		.text = text,
		.url = json_str(json, "url"),
		.line = line_of(json, "start"),
		.last_line = line_of(json, "end"),
	};

	found(data, &finding);
}

int docker_check_read(const char *text, size_t len, builder_found *found, void *data, struct error **err)
{
	cleanup_json struct json *answer = NULL;
	const struct json *warnings, *failure;

	if (json_parse(text, len, "docker buildx", &answer, err) < 0)
		return -1;
	warnings = json_get(answer, "warnings");
	for (size_t i = 0; i < json_len(warnings); i++) {
		const struct json *warning = json_at(warnings, i);
		const char *detail = json_str(warning, "detail"), *what = json_str(warning, "description");

		if (detail || what)
			tell(warning, detail ? detail : what, found, data);
	}
	failure = json_get(answer, "buildError");
	if (json_str(failure, "message"))
		tell(failure, json_str(failure, "message"), found, data);
	return 0;
}

void docker_check_argv(const struct argv *buildx, const char *instance, const struct build_job *job, struct argv *argv,
		       struct argv *env)
{
	for (size_t i = 0; i < buildx->len; i++)
		argv_add(argv, buildx->items[i]);
	argv_add(argv, "build");
	if (instance)
		argv_addf(argv, "--builder=%s", instance);
	argv_add(argv, "--call=check,format=json");
	argv_add(argv, "--progress=quiet");
	args_common(job, argv, env);
	argv_add(argv, "--file=-"); /* the text as we have it */
	argv_add(argv, job->context);
}

int docker_check(struct loop *loop, const struct docker_facts *facts, const struct docker_where *where,
		 const struct build_job *job, builder_found *found, void *data, struct error **err)
{
	cleanup_argv struct argv argv = { 0 }, env = { 0 };
	cleanup_proc struct proc_result result = { 0 };
	struct proc_spec spec = { .capture = true, .timeout_ms = CHECK_TIMEOUT_MS };

	args_environment(job, NULL, &env);
	docker_where_env(where, &env);
	docker_check_argv(facts->command, where->instance, job, &argv, &env);
	spec.argv = (const char *const *)argv.items;
	spec.env = (const char *const *)env.items;
	spec.input = job->text;
	spec.input_len = job->text_len;
	if (proc_run(loop, &spec, &result, err) < 0)
		return -1;
	/* With findings the status is 1, and they are in its answer. */
	if (result.out->data && result.out->data[strspn(result.out->data, " \n")] == '{')
		return docker_check_read(result.out->data, result.out->len, found, data, err);
	if (result.status == 0)
		return error_make(err, ERROR_TOOL, "docker buildx build --call=check: no answer");
	return failure_make("docker buildx", result.status, result.tail, NULL, NULL, err);
}
