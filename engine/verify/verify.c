#include "config.h"

#include <string.h>

#include "base/error.h"
#include "dsl/manifest.h"
#include "engine/verify/checks.h"

#define KEY_LAYOUT "verify 1" /* changes when the fields below, or what the checks mean, change */

bool verify_needs_runtime(const struct service *service)
{
	return service->verify.has_http || service->verify.has_tcp;
}

bool verify_asked(const struct service *service)
{
	const struct verify_spec *verify = &service->verify;

	return verify_needs_runtime(service) || verify->user.s || verify->max_size > 0 || verify->entrypoint.len > 0 ||
	       verify->ports.len > 0 || verify->labels.len > 0 || verify->platforms.len > 0 || verify->run_len > 0;
}

static void add_number(struct hasher *hasher, const char *tag, uint64_t number)
{
	unsigned char bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(number >> (8 * i));
	hasher_field(hasher, tag, bytes, sizeof(bytes));
}

static void add_texts(struct hasher *hasher, const char *tag, const struct texts *texts)
{
	add_number(hasher, tag, texts->len);
	for (size_t i = 0; i < texts->len; i++)
		hasher_text(hasher, tag, texts->items[i].s);
}

static void add_pairs(struct hasher *hasher, const char *tag, const struct pairs *pairs)
{
	add_number(hasher, tag, pairs->len);
	for (size_t i = 0; i < pairs->len; i++) {
		hasher_text(hasher, tag, pairs->items[i].key.s);
		hasher_text(hasher, tag, pairs->items[i].value.s);
	}
}

static void add_probes(struct hasher *hasher, const struct verify_spec *verify)
{
	const struct http_check *http = &verify->http;

	add_number(hasher, "http", verify->has_http);
	if (verify->has_http) {
		hasher_text(hasher, "http.path", http->path.s);
		add_number(hasher, "http.port", http->port);
		add_number(hasher, "http.status", http->status);
		hasher_text(hasher, "http.body", http->body.s);
		hasher_text(hasher, "http.json_path", http->json_path.s);
		hasher_text(hasher, "http.json_value", http->json_value.s);
		add_number(hasher, "http.timeout", http->timeout_ms);
	}
	add_number(hasher, "tcp", verify->has_tcp);
	if (verify->has_tcp) {
		add_number(hasher, "tcp.port", verify->tcp.port);
		add_number(hasher, "tcp.timeout", verify->tcp.timeout_ms);
	}
}

void verify_key_run(const struct service *service, struct hasher *hasher)
{
	hasher_text(hasher, "service", service->name.s);
	add_pairs(hasher, "environment", &service->environment);
	add_texts(hasher, "command", &service->command);
	add_texts(hasher, "entrypoint", &service->entrypoint);
	add_texts(hasher, "tmpfs", &service->tmpfs);
	hasher_text(hasher, "run.user", service->user.s);
	add_number(hasher, "ports", service->ports_len);
	for (size_t i = 0; i < service->ports_len; i++)
		add_number(hasher, "ports", service->ports[i]);
	add_number(hasher, "depends", service->depends_len);
	for (size_t i = 0; i < service->depends_len; i++) {
		hasher_text(hasher, "depends", service->depends[i].name.s);
		add_number(hasher, "depends.condition", (uint64_t)service->depends[i].condition);
	}
	add_probes(hasher, &service->verify);
}

void verify_key(const struct service *service, struct hasher *hasher)
{
	const struct verify_spec *verify = &service->verify;

	hasher_text(hasher, "layout", KEY_LAYOUT);
	/* How it runs decides nothing when nothing is run. */
	add_number(hasher, "runs", verify_needs_runtime(service));
	if (verify_needs_runtime(service))
		verify_key_run(service, hasher);
	hasher_text(hasher, "user", verify->user.s);
	add_number(hasher, "max_size", verify->max_size);
	add_texts(hasher, "verify.entrypoint", &verify->entrypoint);
	add_texts(hasher, "verify.ports", &verify->ports);
	add_pairs(hasher, "labels", &verify->labels);
	add_texts(hasher, "platforms", &verify->platforms);
	add_number(hasher, "run", verify->run_len);
	for (size_t i = 0; i < verify->run_len; i++)
		add_texts(hasher, "run", &verify->run[i]);
}

static void check_container(const struct verify_job *job, struct findings *findings)
{
	const struct verify_spec *verify = &job->service->verify;

	if (job->host < job->members_len) {
		stage_check(job, findings);
		return;
	}
	/* Nothing that can be answered for here; said, because it was asked for. */
	if (verify->has_http)
		findings_pass(findings, "http %s not asked: no image that can run on this machine", verify->http.path.s);
	if (verify->has_tcp)
		findings_pass(findings, "tcp not asked: no image that can run on this machine");
}

int verify_run(const struct verify_job *job, struct buf *ret_report, struct error **err)
{
	struct findings findings = { .report = ret_report };

	policy_check(job, &findings);
	if (verify_needs_runtime(job->service))
		check_container(job, &findings);
	if (!findings.cancelled)
		checker_check(job, &findings);
	return findings_result(&findings, err);
}
