#include "config.h"

#include "base/json.h"
#include "base/debug_trace.h"
#include "engine/io/io_trace.h"
#include "engine/io/proc.h"

void child_trace_start(pid_t pid, const struct proc_spec *spec)
{
	struct json *line;

	if (!trace_on())
		return;
	line = trace_begin("child_start");
	json_set_int(line, "pid", pid);
	trace_words(line, "argv", spec->argv);
	trace_str(line, "cwd", spec->cwd);
	trace_end(line);
}

void child_trace_end(pid_t pid, const struct proc_result *result)
{
	struct json *line;

	if (!trace_on())
		return;
	line = trace_begin("child_end");
	json_set_int(line, "pid", pid);
	json_set_int(line, "status", result->status);
	if (result->signal)
		json_set_int(line, "signal", result->signal);
	trace_end(line);
}

void request_trace(const struct request_facts *facts)
{
	struct json *line;

	if (!trace_on())
		return;
	line = trace_begin("request");
	trace_str(line, "method", facts->method);
	trace_str(line, "url", facts->url);
	trace_str(line, "socket", facts->socket);
	if (facts->status)
		json_set_int(line, "status", facts->status);
	json_set_int(line, "sent", facts->sent);
	json_set_int(line, "received", facts->received);
	json_set_int(line, "took_us", trace_now() - facts->begun);
	trace_error(line, facts->why);
	trace_end(line);
}
