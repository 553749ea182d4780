#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/pattern.h"
#include "dsl/manifest.h"
#include "engine/io/loop.h"
#include "engine/io/netns.h"
#include "engine/runtime/runtime.h"
#include "engine/stack/findings.h"
#include "engine/stack/probe.h"
#include "engine/stack/stack.h"

#define LOG_LINES 20                   /* of a container's output in a failure */
#define LOG_SHOWN_MAX 8192             /* bytes of them */
#define POLL_MS 50                     /* between two checks whether a container has completed */
#define DEPENDENCY_MS (5u * 60 * 1000) /* for a dependency whose own check gives no time */

void stack_add_logs(struct container *container, struct buf *out)
{
	cleanup_buf struct buf logs = { 0 };

	if (container_logs(container, LOG_LINES, &logs, NULL) < 0)
		return;
	if (logs.len == 0) {
		buf_str(out, "  the container printed nothing\n");
		return;
	}
	buf_str(out, "  the container's last lines:\n");
	findings_quote(out, logs.data, logs.len, LOG_SHOWN_MAX);
}

static void add_answer(const struct probe *probe, struct buf *out)
{
	if (probe->answer.len == 0)
		return;
	if (probe->exec)
		buf_str(out, "  the command's last output:\n");
	else
		buf_printf(out, "  last answer (status %ld):\n", probe->status);
	findings_quote(out, probe->answer.data, probe->answer.len, PROBE_SHOWN_MAX);
}

/* "http /health on port 8000" */
static void add_check(const struct probe *probe, uint16_t port, struct buf *out)
{
	cleanup_free char *path = probe->http ? text_without_query(probe->http->path.s) : NULL;

	if (path)
		buf_printf(out, "http %s on port %u", path, port);
	else if (probe->exec)
		buf_printf(out, "exec %s", probe->exec->command.items[0].s);
	else
		buf_printf(out, "%s port %u", probe->grpc ? "grpc" : "tcp", port);
}

/* Why it was asked from inside: two routes lead there, or what is in between lets nobody through. */
static void add_way(const struct probe *probe, struct buf *out)
{
	cleanup_buf struct buf routes = { 0 };
	int count = netns_routes(probe->host, &routes);

	buf_printf(out, "asked from inside its network, because %s cannot be reached from here", probe->host);
	if (count > 1)
		buf_printf(out, ": %d routes lead there: %s", count, routes.data);
	else if (count == 1)
		buf_printf(out, " (the route: %s): a firewall may be in between", routes.data);
}

/* Why nobody outside the container can reach the one who listens. */
static void add_listener(const struct actor *actor, uint16_t port, struct buf *out)
{
	enum listener listener = container_listens(actor->container, port);

	if (listener == LISTENER_LOOPBACK || listener == LISTENER_LOOPBACK6)
		buf_printf(out,
			   "  %s listens on %s:%u only, which nobody outside its container reaches: let it listen on %s\n",
			   actor->name, listener == LISTENER_LOOPBACK ? "127.0.0.1" : "[::1]", port,
			   listener == LISTENER_LOOPBACK ? "0.0.0.0" : "[::]");
}

static void report_failure(struct stack *stack, const struct actor *actor, const struct probe *probe, const char *what,
			   uint16_t port, enum probe_outcome outcome, int status, uint64_t took)
{
	cleanup_buf struct buf text = { 0 };

	buf_printf(&text, "%s%s", what, *what ? ": " : "");
	add_check(probe, port, &text);
	if (outcome == PROBE_ENDED && took == 0)
		buf_printf(&text, ": the container ended at once, with status %d", status);
	else if (outcome == PROBE_ENDED)
		buf_printf(&text, ": the container ended with status %d after %llu ms", status, (unsigned long long)took);
	else {
		buf_str(&text, " was not healthy after ");
		text_duration(&text, took);
	}
	if (outcome == PROBE_LATE || probe->answer.len > 0)
		buf_printf(&text, ": %s", probe->why.data ? probe->why.data : "no answer");
	buf_char(&text, '\n');
	if (outcome == PROBE_LATE && !probe->exec)
		add_listener(actor, port, &text);
	if (probe->inside) {
		buf_str(&text, "  it was ");
		add_way(probe, &text);
		buf_char(&text, '\n');
	}
	add_answer(probe, &text);
	stack_add_logs(actor->container, &text);
	findings_fail(stack->findings, ERROR_HEALTH, "%s", text.data);
}

static void report_success(struct stack *stack, const struct probe *probe, const char *what, uint16_t port, uint64_t took)
{
	unsigned long long ms = took;
	cleanup_free char *path = probe->http ? text_without_query(probe->http->path.s) : NULL;
	cleanup_buf struct buf way = { 0 };

	if (probe->inside) {
		add_way(probe, &way);
		findings_pass(stack->findings, "%s: %s", probe->name, way.data);
	}
	if (*what)
		return;
	if (path)
		findings_pass(stack->findings, "http %s %ld in %llu ms", path, probe->status, ms);
	else if (probe->exec)
		findings_pass(stack->findings, "exec %s succeeded in %llu ms", probe->exec->command.items[0].s, ms);
	else
		findings_pass(stack->findings, "%s %u %s in %llu ms", probe->grpc ? "grpc" : "tcp", port,
			      probe->grpc ? "serves" : "open", ms);
}

uint16_t health_port(const struct actor *actor, uint16_t port)
{
	const struct service *service = actor->part->service;

	if (port == 0)
		port = service_port(service);
	return port ? port : actor->exposed;
}

/* Probes until the outcome is known. A container that has already ended has no address to ask. */
static int health_ask(struct probe *probe, struct container *container, uint16_t port, uint64_t timeout_ms,
		      enum probe_outcome *ret, int *ret_status, uint64_t *ret_took, struct error **err)
{
	bool running = true;

	if (probe->http && probe->http->body.s && pattern_new(probe->http->body.s, &probe->pattern, err) < 0)
		return -1;
	if (container_state(container, &running, ret_status, err) < 0)
		return -1;
	*ret = PROBE_ENDED;
	if (!running)
		return 0;
	if (!probe->exec && container_address(container, port, &probe->host, &probe->port, err) < 0)
		return -1;
	probe->direct = container_direct(container);
	probe->container = container;
	probe->inner = port;
	return probe_wait(probe, timeout_ms, ret, ret_status, ret_took, err);
}

/* Runs one check of one container. False: it failed, and that was reported. */
static bool check_probe(struct stack *stack, const struct actor *actor, struct probe *probe, const char *what,
			uint16_t port, uint64_t timeout_ms)
{
	enum probe_outcome outcome = PROBE_LATE;
	struct error *error = NULL;
	uint64_t took = 0;
	int status = 0;

	probe->loop = stack->loop;
	probe->stop = &stack->stopped;
	probe->name = actor->name;
	if (port == 0 && !probe->exec) {
		findings_fail(stack->findings, ERROR_HEALTH,
			      "%s%sno port to ask: name one in the check or under ports:", what, *what ? ": " : "");
		return false;
	}
	if (health_ask(probe, actor->container, port, timeout_ms, &outcome, &status, &took, &error) < 0) {
		stack_report(stack, what, &error);
		return false;
	}
	if (outcome == PROBE_HEALTHY)
		report_success(stack, probe, what, port, took);
	else
		report_failure(stack, actor, probe, what, port, outcome, status, took);
	return outcome == PROBE_HEALTHY;
}

bool health_check(struct stack *stack, const struct actor *actor, const char *what)
{
	const struct verify_spec *verify = &actor->part->service->verify;
	const struct {
		bool asked;
		struct probe probe;
		uint16_t port;
		uint64_t timeout_ms;
	} checks[] = {
		{ verify->has_http, { .http = &verify->http }, verify->http.port, verify->http.timeout_ms },
		{ verify->has_tcp, { .tcp = &verify->tcp }, verify->tcp.port, verify->tcp.timeout_ms },
		{ verify->has_grpc, { .grpc = &verify->grpc }, verify->grpc.port, verify->grpc.timeout_ms },
		{ verify->has_exec, { .exec = &verify->exec }, 0, verify->exec.timeout_ms },
	};
	bool healthy = true;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct probe probe = checks[i].probe;

		if (!checks[i].asked)
			continue;
		if (stack_stopped(stack, what))
			return false;
		healthy = check_probe(stack, actor, &probe, what, health_port(actor, checks[i].port),
				      checks[i].timeout_ms) &&
			  healthy;
		probe_free(&probe);
	}
	return healthy;
}

/* Waits for a container that should do its work and end. */
bool health_completed(struct stack *stack, const struct actor *actor, const char *what)
{
	uint64_t start = loop_now_ms();
	cleanup_buf struct buf text = { 0 };
	struct error *error = NULL;
	bool running = true;
	int status = 0;

	while (container_state(actor->container, &running, &status, &error) == 0) {
		if (!running && status == 0)
			return true;
		if (!running || loop_now_ms() - start >= DEPENDENCY_MS) {
			if (running)
				buf_printf(&text, "%s: it did not complete within %u s\n", what, DEPENDENCY_MS / 1000);
			else
				buf_printf(&text, "%s: it ended with status %d\n", what, status);
			stack_add_logs(actor->container, &text);
			findings_fail(stack->findings, ERROR_HEALTH, "%s", text.data);
			return false;
		}
		if (loop_pause_unless(stack->loop, POLL_MS, &stack->stopped, &error) < 0)
			break;
	}
	stack_report(stack, what, &error);
	return false;
}
