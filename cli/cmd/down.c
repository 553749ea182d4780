#include "config.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "cli/cmd/up_services.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/since.h"
#include "cli/targets.h"
#include "dsl/manifest.h"

/* The services named by the targets; none: all, including those that the manifest no longer has. */
static const char **down_wanted(const struct session *session)
{
	const char **names = mem_array(session->manifest->services_len + 1, sizeof(*names));
	size_t len = 0;

	for (size_t i = 0; session->targets_len > 0 && i < session->manifest->services_len; i++) {
		if (targets_want(session, i))
			names[len++] = session->manifest->services[i].name.s;
	}
	return names;
}

static int down_end(struct session *session, struct error **err)
{
	const char **names cleanup_free = down_wanted(session);
	size_t ended = 0;

	if (up_end(session, names, &ended, err) < 0)
		return -1;
	if (ended > 0)
		output_note("%zu container%s ended", ended, ended == 1 ? "" : "s");
	else
		output_note("nothing is up");
	return 0;
}

int cmd_down(const struct options *options, struct error **err)
{
	struct session session;
	int r = session_open(&session, options, err);

	if (r == 0)
		r = since_targets(&session, err);
	if (r == 0)
		r = targets_check(&session, err);
	if (r == 0)
		r = down_end(&session, err);
	session_close(&session);
	return r;
}
