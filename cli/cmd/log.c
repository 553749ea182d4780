#include "config.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "engine/state/state.h"

#define LOG_MAX (1024ull << 20) /* bytes */

static int print_log(struct session *session, struct error **err)
{
	const char *node = session->options->targets[0];
	cleanup_free char *path = NULL;
	cleanup_buf struct buf text = { 0 };

	if (state_log(session->state, node, &path, err) < 0)
		return -1;
	if (!path)
		return error_make(err, ERROR_USAGE, "no run has a log of \"%s\"", node);
	if (fs_read(path, LOG_MAX, &text, err) < 0)
		return -1;
	return output_text(text.data ? text.data : "", text.len, err);
}

int cmd_log(const struct options *options, struct error **err)
{
	struct session session;
	int r;

	if (options->targets_len != 1)
		return error_make(err, ERROR_USAGE, "`cbuild log` takes one service or node");
	r = session_open(&session, options, err);
	if (r == 0)
		r = print_log(&session, err);
	session_close(&session);
	return r;
}
