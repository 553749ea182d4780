#include "config.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/manifest.h"
#include "engine/stack/findings.h"
#include "engine/verify/checks.h"

bool verify_needs_runtime(const struct service *service)
{
	return verify_asks(&service->verify);
}

static void check_container(const struct verify_job *job, struct findings *findings)
{
	const struct verify_spec *verify = &job->service->verify;
	cleanup_free char *path = verify->has_http ? text_without_query(verify->http.path.s) : NULL;

	if (job->host < job->members_len) {
		play_check(job, findings);
		return;
	}
	/* The check was requested but cannot be run here: say so. */
	if (path)
		findings_pass(findings, "http %s not asked: no image that can run on this machine", path);
	if (verify->has_tcp)
		findings_pass(findings, "tcp not asked: no image that can run on this machine");
	if (verify->has_grpc)
		findings_pass(findings, "grpc not asked: no image that can run on this machine");
	if (verify->has_exec)
		findings_pass(findings, "exec not run: no image that can run on this machine");
}

int verify_run(const struct verify_job *job, struct buf *ret_report, struct error **err)
{
	struct findings findings = FINDINGS(ret_report);

	policy_check(job, &findings);
	if (!job->only_images && verify_needs_runtime(job->service))
		check_container(job, &findings);
	if (!findings.cancelled)
		checker_check(job, &findings);
	return findings_result(&findings, err);
}
