#include "config.h"

#include "cli/plan_bases.h"

#include "base/error.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "engine/oci/lockfile.h"
#include "engine/plan/plan.h"
#include "engine/registry/bases.h"
#include "engine/registry/urls.h"

static int find_newest(void *data, const char *reference, const struct platform *platform, const char **ret,
		       struct error **err)
{
	struct session *session = data;
	const struct lock_entry *entry;

	if (bases_find(session->bases, reference, &entry, err) < 0)
		return -1;
	*ret = lock_entry_find(entry, platform);
	/* If a base is missing for a platform, the build that needs it reports that. */
	*ret = *ret ? *ret : entry->digest;
	return 0;
}

static int find_newest_url(void *data, const struct plan_url *url, bool content, const char **ret, struct error **err)
{
	struct session *session = data;

	return content ? urls_content(session->urls, url->url, url->git, ret, err)
		       : urls_state(session->urls, url->url, url->git, ret, err);
}

/* If a base cannot be asked for, the build that needs it reports that, or the builder has the image. */
static int ask_base_onbuild(void *data, const char *reference, const struct platform *platform, const char *digest,
			    struct error **err)
{
	struct session *session = data;
	cleanup_error struct error *error = NULL;
	const char *onbuild;

	if (session_registry(session, err) < 0)
		return -1;
	if (bases_onbuild(session->bases, reference, platform, digest, &onbuild, &error) < 0 &&
	    error->cls == ERROR_CANCELLED)
		return error_move(err, &error);
	return 0;
}

int plan_bases(struct session *session, const struct session_plan *want, struct error **err)
{
	const struct options *options = session->options;
	bool again = false;
	int r = session_plan(session, want, err);

	if (options->dry_run) {
		if (r == 0 && options->pull)
			output_note("-n does not ask registries or servers: what --pull would find is not in this plan");
		return r;
	}
	/* Each round learns more about the bases; none is asked for twice. */
	do {
		if (r == 0 && again)
			r = session_replan(session, err);
		if (r == 0 && options->pull)
			r = session_registry(session, err) < 0
				    ? -1
				    : plan_renew(session->plan, find_newest, find_newest_url, session, err);
	} while (r == 0 && (r = plan_ask_onbuild(session->plan, ask_base_onbuild, session, &again, err)) == 0 && again);
	return r;
}
